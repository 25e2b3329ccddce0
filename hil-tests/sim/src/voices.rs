//! Giving the script's people voices: flite, once, into a cache in the data folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use prim_wave::PlayError;

use crate::script::{Act, Person, Script};
use crate::wave::{self, at_talker_level, speech_span};

/// A line of 400 letters takes flite well under a second.
const LIMIT: Duration = Duration::from_secs(30);

/// Why a line has no sound.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// flite is not there.
    #[error(
        "give {name} a voice: cannot run `flite`; install it with `apt-get install flite` or run `cargo xtask setup`"
    )]
    NoFlite {
        /// Whose line.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// flite failed or hung.
    #[error("give {name} the voice {voice:?}: flite {why}; `flite -lv` lists its voices")]
    Failed {
        /// Whose line.
        name: String,
        /// Which voice.
        voice: String,
        /// What happened.
        why: String,
    },
    /// It was told to stop.
    #[error("voice the people: stopped as asked; the lines that are whole are kept")]
    Stopped,
    /// The cache cannot be used.
    #[error("keep spoken lines in {folder}: is there space, and may this account write there?")]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What flite wrote cannot be played.
    #[error("play a spoken line; remove the cache folder and try again")]
    Wave(#[source] PlayError),
}

/// A line as it will sound: dry, 48 kHz, at a talker's level, no silence around it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The sound.
    pub sound: Arc<[f32]>,
}

impl Line {
    /// Cuts the silence around `sound` (but for 60 ms, where soft sounds die away) and brings it to a talker's level.
    #[must_use]
    pub fn new(sound: Vec<f32>) -> Self {
        const MARGIN: usize = 2880;
        let (from, to) = speech_span(&sound).unwrap_or((0, sound.len()));
        let (from, to) = (from.saturating_sub(MARGIN), (to + MARGIN).min(sound.len()));
        Self { sound: at_talker_level(sound[from..to].to_vec()).into() }
    }

    /// How long it is.
    #[must_use]
    pub fn ms(&self) -> u64 {
        self.sound.len() as u64 / 48
    }
}

/// FNV-1a: names cache files; a collision would only be two lines of one voice out of some dozen.
fn name_of(person: &Person, text: &str) -> String {
    let key = format!("{}\n{:?}\n{text}", person.voice, person.pitch_hz);
    let hash =
        key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    format!("{}-{hash:016x}.wav", person.voice)
}

/// Lets every line be spoken, and calls `progress(done, all)` after each. One entry per beat; beats without a line have
/// none. `recordings` stand in for the beats that play them, each once. Ends between two lines, or in one, when `stop` is
/// set.
///
/// # Errors
/// See [`VoiceError`].
pub fn voice_all(
    script: &Script,
    mut recordings: Vec<Vec<f32>>,
    folder: &Path,
    stop: &AtomicBool,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<Option<Line>>, VoiceError> {
    let cache = |source| VoiceError::Cache { folder: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(cache)?;
    let all = script.beats.len();
    let mut lines = Vec::with_capacity(all);
    for (n, beat) in script.beats.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Err(VoiceError::Stopped);
        }
        lines.push(match &beat.act {
            Act::Say { text } => {
                let person = &script.people[beat.who];
                let path = folder.join(name_of(person, text));
                if !path.exists() {
                    // Written beside and renamed, so that a broken-off run leaves no half line.
                    let part = path.with_extension(format!("{}.part", std::process::id()));
                    let spoken = speak(person, text, &part, stop)
                        .and_then(|()| std::fs::rename(&part, &path).map_err(cache));
                    if spoken.is_err() {
                        // There may be none.
                        let _ = std::fs::remove_file(&part);
                    }
                    spoken?;
                }
                let sound = wave::read(&path).map_err(VoiceError::Wave)?;
                if speech_span(&sound).is_none() {
                    let (name, voice) = (person.name.clone(), person.voice.clone());
                    return Err(VoiceError::Failed { name, voice, why: "said nothing".into() });
                }
                Some(Line::new(sound))
            }
            // Taken, not copied: an hour of sound is 690 MB.
            Act::Play { wave } => recordings
                .get_mut(*wave)
                .map(|sound| Line { sound: at_talker_level(std::mem::take(sound)).into() }),
            Act::Press { .. } | Act::Hand { .. } | Act::Link { .. } | Act::Wait => None,
        });
        progress(n + 1, all);
    }
    Ok(lines)
}

fn speak(person: &Person, text: &str, out: &Path, stop: &AtomicBool) -> Result<(), VoiceError> {
    let failed =
        |why: String| VoiceError::Failed { name: person.name.clone(), voice: person.voice.clone(), why };
    let mut flite = Command::new("flite");
    flite.arg("-voice").arg(&person.voice);
    if let Some(hz) = person.pitch_hz {
        flite.arg("--setf").arg(format!("int_f0_target_mean={hz}"));
    }
    flite.arg("-t").arg(text).arg("-o").arg(out);
    let mut child = flite
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| VoiceError::NoFlite { name: person.name.clone(), source })?;
    let begun = Instant::now();
    let status = loop {
        let stopped = stop.load(Ordering::Relaxed);
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if stopped => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(VoiceError::Stopped);
            }
            Ok(None) if begun.elapsed() < LIMIT => thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("did not finish within {LIMIT:?}")));
            }
            Err(e) => return Err(failed(format!("cannot be waited for: {e}"))),
        }
    };
    // Ctrl-C reaches flite too.
    if stop.load(Ordering::Relaxed) {
        return Err(VoiceError::Stopped);
    }
    if status.success() && out.exists() { Ok(()) } else { Err(failed(format!("ended with {status}"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_no_silence_around_it_and_a_talkers_level() {
        let mut sound = vec![0.0; 9600];
        sound.extend((0..24_000).map(|n| 0.02 * (n as f32 * 0.05).sin()));
        sound.extend(vec![0.0; 9600]);
        let line = Line::new(sound);
        assert!(line.ms().abs_diff(620) <= 5, "{} ms", line.ms());
        let level = crate::wave::active_rms(&line.sound) / prim_hal_sim::RoomSim::talker_rms();
        assert!((level - 1.0).abs() < 0.05, "{level}");
    }

    #[test]
    fn every_voice_text_and_pitch_has_its_own_place_in_the_cache() {
        let person = |voice: &str, pitch_hz| Person {
            name: "A".into(),
            voice: voice.into(),
            pitch_hz,
            bearing_deg: None,
            host: false,
        };
        let names = [
            name_of(&person("rms", None), "one"),
            name_of(&person("rms", None), "two"),
            name_of(&person("awb", None), "one"),
            name_of(&person("rms", Some(150)), "one"),
        ];
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }
}
