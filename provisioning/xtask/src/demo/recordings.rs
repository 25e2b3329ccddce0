//! The user's own recordings: judged before anything else is done, the plan of their meeting, and where in them the room
//! is. What is said in them, and by whom, nobody here knows; so nothing here says so.
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use prim_wave::{Facts, LONGEST_S, judge};
use serde_json::{Map, Value};

use super::plan::Invitation;
use crate::{say, stop};

/// Between two recordings and after the last the room waits about so long for Prim's answer.
const PAUSE_S: f64 = 4.0;
/// At most so long: an answer takes 7 s, and nobody waits for more than 30 s.
const LONGEST_PAUSE_S: u64 = 32;
/// Until the device listens, and for a machine that is busy.
const MARGIN_S: u64 = 300;
/// Longer ones say what they cost.
const SHORT_S: f64 = 600.0;
/// Lines of the transcript that are shown; the rest is in its file.
const SHOWN_LINES: usize = 60;

/// Figures that only somebody who knows what was said could give.
const UNKNOWABLE: [&str; 16] = [
    "people_repeats",
    "people_words",
    "partials_shown_while_muted",
    "presses_without_light",
    "questions_unanswered",
    "speakers_right",
    "speakers_unknown",
    "speakers_wrong",
    "utterances_heard_while_muted",
    "wer",
    "wer_held_out",
    "wer_held_out_n",
    "wer_n",
    "wer_remote",
    "wer_room",
    "lines_without_partial",
];

/// What will be played: at least one, each of them judged.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Recordings(Vec<Recording>);

#[derive(Debug, Clone, PartialEq)]
struct Recording {
    name: String,
    seconds: f64,
    kind: String,
}

impl Recordings {
    /// Reads every file through, names each that cannot be played and each that has something odd; `None` when there are
    /// none.
    pub(crate) fn judge(waves: &[PathBuf]) -> anyhow::Result<Option<Self>> {
        let mut good = Vec::new();
        for wave in waves {
            stop::check()?;
            match judge(wave) {
                Ok(facts) => {
                    for note in &facts.notes {
                        say::warn(format_args!("{}: {note}", wave.display()));
                    }
                    good.push(Recording::of(wave, &facts));
                }
                Err(error) => say::bad(format_args!("{:#}", anyhow::Error::new(error))),
            }
        }
        let bad = waves.len() - good.len();
        ensure!(
            bad == 0,
            "{bad} of {} recordings cannot be played, as said above; nothing was installed, built or started",
            waves.len()
        );
        let all = Self(good);
        ensure!(
            all.seconds() <= LONGEST_S as f64,
            "the recordings last {} together; {} can be played in one meeting: leave some out",
            minutes(all.seconds()),
            minutes(LONGEST_S as f64)
        );
        Ok((!all.0.is_empty()).then_some(all))
    }

    /// Their sound, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.0.iter().map(|one| one.seconds).sum()
    }

    /// With the pauses between them, as far as that can be known before.
    fn meeting_s(&self) -> f64 {
        self.seconds() + PAUSE_S * (self.0.len() as f64 + 1.0)
    }

    /// A meeting that is still on then has hung.
    pub(crate) fn limit(&self) -> Duration {
        let pauses = LONGEST_PAUSE_S * (self.0.len() as u64 + 1);
        Duration::from_secs_f64(self.seconds()) + Duration::from_secs(pauses + MARGIN_S)
    }

    pub(crate) fn invitation(&self) -> Invitation {
        Invitation::for_recordings(self.meeting_s())
    }

    /// What will be done with them and how long it takes; said before it begins.
    pub(crate) fn announce(&self, folder: &Path, database: Option<&str>) {
        let all = self.0.len();
        say::step(format_args!("your recordings, {}:", minutes(self.seconds())));
        for (number, one) in (1..).zip(&self.0) {
            say::line(format_args!(
                "  {number} of {all}: {}, {}, {}",
                one.name,
                minutes(one.seconds),
                one.kind
            ));
        }
        say::line(format_args!(
            "  The meeting takes about {}: it runs in real time. Agenda: one item of that length. Nobody is named or",
            minutes(self.meeting_s())
        ));
        say::line(
            "  remote; Prim answers when it is asked by its name, and does not ask for the floor itself.",
        );
        let place = database.unwrap_or("the embedded database");
        say::line(format_args!(
            "  Consent: who runs this gives it for everybody who can be heard. What they say is written down in\n  {} and {place}. Ctrl-C if they did not agree.",
            folder.display()
        ));
        if self.seconds() > SHORT_S {
            let (disk, memory) = self.cost_gb();
            say::line(format_args!(
                "  The room's own recording takes {disk:.1} GB of disk, and measuring it up to {memory:.1} GB of memory."
            ));
        }
    }

    /// Of disk and of memory. The room records four microphones, three waves of one channel and a track for each of at
    /// most three places, 16 bits at 48 kHz; measuring holds the tracks and the loudspeaker, once as they are stored and
    /// once as floats.
    fn cost_gb(&self) -> (f64, f64) {
        let places = self.0.len().min(3) as f64;
        let samples = self.meeting_s() * 48_000.0 / 1e9;
        (samples * 2.0 * (7.0 + places), samples * (6.0 * places + 4.0))
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress { files: self.0.clone(), playing: None, told_min: 0 }
    }
}

impl Recording {
    fn of(wave: &Path, facts: &Facts) -> Self {
        let name = wave.file_name().unwrap_or(wave.as_os_str()).to_string_lossy().into_owned();
        let format = facts.format;
        let channels =
            if format.channels == 1 { "mono".to_owned() } else { format!("{} channels", format.channels) };
        let kind = format!("{} Hz, {channels}, {}", format.rate_hz, format.encoding.name());
        Self { name, seconds: facts.seconds(), kind }
    }
}

/// Where in the recordings the room is.
#[derive(Debug)]
pub(crate) struct Progress {
    files: Vec<Recording>,
    playing: Option<(usize, Instant)>,
    told_min: u64,
}

impl Progress {
    /// The room begins the next one; the answer is a line to keep.
    pub(crate) fn plays(&mut self, wave: usize, now: Instant) -> Option<String> {
        let one = self.files.get(wave)?;
        let line = format!(
            "▶ {} of {}: {}, {}; {} to go",
            wave + 1,
            self.files.len(),
            one.name,
            minutes(one.seconds),
            minutes(self.to_go(wave, 0.0))
        );
        self.playing = Some((wave, now));
        self.told_min = 0;
        Some(line)
    }

    /// For the status: which file, how far in it, and what is left of all.
    pub(crate) fn line(&self, now: Instant) -> Option<String> {
        let (wave, since) = self.playing?;
        let one = self.files.get(wave)?;
        let at = now.saturating_duration_since(since).as_secs_f64().min(one.seconds);
        Some(format!(
            "▶ {} of {}: {} {} of {} · {} to go",
            wave + 1,
            self.files.len(),
            one.name,
            minutes(at),
            minutes(one.seconds),
            minutes(self.to_go(wave, at))
        ))
    }

    /// The same once a minute, for where no status is drawn.
    pub(crate) fn minute(&mut self, now: Instant) -> Option<String> {
        let (wave, since) = self.playing?;
        let past = now.saturating_duration_since(since);
        let minute = past.as_secs() / 60;
        let news = minute > self.told_min && past.as_secs_f64() < self.files.get(wave)?.seconds;
        self.told_min = minute;
        if news { self.line(now) } else { None }
    }

    /// From `at` seconds within one recording to the end of all.
    fn to_go(&self, wave: usize, at: f64) -> f64 {
        let rest = self.files.get(wave..).unwrap_or_default();
        rest.iter().map(|one| one.seconds + PAUSE_S).sum::<f64>() - at
    }
}

/// Takes out of the summary what would have to know the words; what counts nothing stays, as a count of zero.
pub(crate) fn forget_unknowable(summary: &mut Map<String, Value>) {
    summary.retain(|name, _| !UNKNOWABLE.contains(&name.as_str()));
}

/// The words, and where they lie.
pub(crate) fn show_transcript(file: Option<&Path>) {
    let Some((file, text)) = file.and_then(|file| Some((file, std::fs::read_to_string(file).ok()?))) else {
        return say::warn("there is no transcript to show: the checks above say what is missing");
    };
    say::line("");
    for line in text.lines().take(SHOWN_LINES) {
        say::line(line);
    }
    let more = text.lines().count().saturating_sub(SHOWN_LINES);
    if more > 0 {
        say::line(format_args!("… and {more} lines more"));
    }
    say::good(format_args!("transcript: {}", file.display()));
}

/// Rounded up, so that nothing that lasts is shown as nothing.
fn minutes(seconds: f64) -> String {
    let whole = seconds.max(0.0).ceil() as u64;
    format!("{}:{:02}", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(seconds: &[f64]) -> Recordings {
        let one =
            |(n, s): (usize, &f64)| Recording { name: format!("{n}.wav"), seconds: *s, kind: String::new() };
        Recordings(seconds.iter().enumerate().map(one).collect())
    }

    #[test]
    fn the_limit_follows_the_recordings() {
        let long = of(&[3_000.0, 500.0]);
        assert!(long.limit() > Duration::from_secs(3_500 + 300));
        assert!(of(&[20.0]).limit() < Duration::from_secs(600));
    }

    #[test]
    fn where_the_room_is_is_told_by_file_and_position() {
        let mut progress = of(&[90.0, 30.0]).progress();
        let start = Instant::now();
        let later = |s| start + Duration::from_secs(s);
        assert_eq!(progress.line(start), None);
        assert_eq!(progress.plays(0, start).unwrap(), "▶ 1 of 2: 0.wav, 1:30; 2:08 to go");
        assert_eq!(progress.minute(later(59)), None);
        assert_eq!(progress.minute(later(61)).unwrap(), "▶ 1 of 2: 0.wav 1:01 of 1:30 · 1:07 to go");
        assert_eq!(progress.minute(later(62)), None, "once a minute");
        assert_eq!(progress.plays(1, later(94)).unwrap(), "▶ 2 of 2: 1.wav, 0:30; 0:34 to go");
        assert_eq!(progress.line(later(200)).unwrap(), "▶ 2 of 2: 1.wav 0:30 of 0:30 · 0:04 to go");
        assert_eq!(progress.plays(2, start), None, "there is no third");
    }

    #[test]
    fn every_bad_file_is_counted_before_anything_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let letter = folder.path().join("letter.wav");
        std::fs::write(&letter, b"Dear Prim, I am no wave file at all.").unwrap();
        let waves = [letter, folder.path().join("none.wav"), folder.path().to_owned()];
        let error = Recordings::judge(&waves).unwrap_err().to_string();
        assert!(error.contains("3 of 3 recordings cannot be played"), "{error}");
        assert_eq!(Recordings::judge(&[]).unwrap(), None);
    }

    #[test]
    fn what_nobody_can_know_does_not_stand_in_the_summary() {
        let mut summary: Map<String, Value> =
            serde_json::from_str(r#"{"wer":null,"people_words":0,"records_spooled":7}"#).unwrap();
        forget_unknowable(&mut summary);
        assert_eq!(summary.keys().collect::<Vec<_>>(), ["records_spooled"]);
    }
}
