//! The meeting script: who sits where, what is on the agenda, and what people do and why.
//!
//! A script is TOML (see `meetings/demo.meeting.toml`, which explains itself). Beats are done in the order of the file; each
//! waits for what its person hears and sees. The recogniser is never given any of it but titles and names.

mod noted;

use prim_hal::LightPattern;
use serde::Deserialize;
use toml::Spanned;

pub use self::noted::{Due, Noted, NotedKind};
use self::noted::{RawNoted, read_noted};

/// Why a script cannot be played: where, which key, what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the meeting script, line {line}, {key}: {why}")]
pub struct ReadScriptError {
    /// Counted from 1.
    pub line: usize,
    /// The key at fault.
    pub key: String,
    /// What is wrong and what would be right.
    pub why: String,
}

/// A whole meeting.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What the meeting is called.
    pub title: String,
    /// Prim's policy mode, as in the daemon's meeting plan.
    pub mode: String,
    /// Where the ding may sound.
    pub ding: String,
    /// The agenda.
    pub agenda: Vec<Item>,
    /// Who takes part.
    pub people: Vec<Person>,
    /// What happens.
    pub beats: Vec<Beat>,
}

/// A line of the agenda.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// What it is about.
    pub title: String,
    /// Its timebox, in seconds.
    pub planned_s: u32,
}

/// Somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// How others call them.
    pub name: String,
    /// A flite voice.
    pub voice: String,
    /// The voice's mean pitch where the voice lets it be set, in Hz.
    pub pitch_hz: Option<u32>,
    /// Degrees from the board's front in the room; `None` for a remote person.
    pub bearing_deg: Option<f32>,
    /// Runs the meeting.
    pub host: bool,
}

/// One thing a person does.
#[derive(Debug, Clone, PartialEq)]
pub struct Beat {
    /// For other beats and for the record; unique.
    pub name: String,
    /// Who does it: an index into the people.
    pub who: usize,
    /// What.
    pub act: Act,
    /// When.
    pub when: When,
    /// What the person expects to follow; when it does not, the act is repeated.
    pub expect: Option<Expect>,
    /// Written once, and never used to tune anything.
    pub held_out: bool,
    /// Addressed to Prim.
    pub to_prim: bool,
    /// A question that Prim should answer aloud.
    pub question: bool,
    /// Said while Prim is muted: nothing of it may be heard.
    pub unheard: bool,
    /// What Prim should write down of it.
    pub noted: Option<Noted>,
}

/// What a press stands for, so that a reader of the record can tell allows from stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Let the request that shows have the floor.
    Allow,
    /// Not now.
    NotNow,
    /// Be silent.
    Stop,
    /// Mute or unmute.
    Mute,
    /// The room wants the floor.
    Hand,
}

/// The acts.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// Says this.
    Say {
        /// The words.
        text: String,
    },
    /// Plays this recording (one of those given on the command line).
    Play {
        /// Which.
        wave: usize,
    },
    /// Presses the button for so long.
    Press {
        /// In milliseconds.
        ms: u64,
        /// To what end.
        means: Meaning,
    },
    /// A remote person's hand.
    Hand {
        /// Up or down.
        raised: bool,
    },
    /// The way to the broker is cut or mended, by whoever reads the room's cues.
    Link {
        /// Cut.
        cut: bool,
    },
    /// Nothing: waits for its condition only.
    Wait,
}

/// What Prim's voice must be doing, as heard from the loudspeaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrimVoice {
    /// It speaks now.
    Speaks,
    /// It has spoken since the beat before began, and has stopped.
    Stops,
    /// It does not speak now.
    Silent,
}

/// All of these must hold together for `gap_ms`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct When {
    /// This beat has ended (an index of an earlier beat).
    pub after: Option<usize>,
    /// The light shows one of these.
    pub light: Vec<LightPattern>,
    /// The request that asks now has dinged.
    pub ding: bool,
    /// Prim's voice.
    pub prim: Option<PrimVoice>,
    /// Neither a person nor Prim has made a sound for so long.
    pub silence_ms: Option<u64>,
    /// So much of the script has passed.
    pub at_ms: Option<u64>,
    /// A person's reaction time, or a pause between two lines.
    pub gap_ms: u64,
    /// How long to wait for all that.
    pub within_ms: u64,
    /// What to do when it did not come.
    pub otherwise: Otherwise,
}

/// What a person does when what they wait for does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Otherwise {
    /// Goes on as if it had (and the record says so).
    #[default]
    Do,
    /// Leaves it out (and the record says so).
    Skip,
}

/// What should follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// Prim's voice since the act began.
    pub prim: Option<PrimVoice>,
    /// The light since the act began.
    pub light: Vec<LightPattern>,
    /// How long after the act's end.
    pub within_ms: u64,
    /// How often the act is repeated when ignored.
    pub repeats: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    title: String,
    mode: Spanned<String>,
    ding: Spanned<String>,
    #[serde(default)]
    agenda: Vec<Item>,
    people: Vec<Spanned<RawPerson>>,
    rounds: Option<Spanned<usize>>,
    beat: Vec<Spanned<RawBeat>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPerson {
    name: String,
    voice: String,
    pitch_hz: Option<u32>,
    r#where: Spanned<String>,
    bearing_deg: Option<f32>,
    #[serde(default)]
    host: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBeat {
    name: Option<String>,
    who: Option<Spanned<String>>,
    say: Option<String>,
    press_ms: Option<u64>,
    hold_ms: Option<u64>,
    means: Option<Meaning>,
    hand: Option<Spanned<String>>,
    link: Option<Spanned<String>>,
    #[serde(default)]
    wait: bool,
    #[serde(default)]
    when: RawWhen,
    expect: Option<RawExpect>,
    #[serde(default)]
    held_out: bool,
    #[serde(default)]
    to_prim: bool,
    #[serde(default)]
    question: bool,
    #[serde(default)]
    unheard: bool,
    noted: Option<Spanned<RawNoted>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWhen {
    after: Option<Spanned<String>>,
    #[serde(default)]
    light: Vec<LightPattern>,
    #[serde(default)]
    ding: bool,
    prim: Option<PrimVoice>,
    silence_ms: Option<u64>,
    at_s: Option<f64>,
    gap_ms: Option<u64>,
    within_s: Option<f64>,
    otherwise: Option<Otherwise>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    prim: Option<PrimVoice>,
    #[serde(default)]
    light: Vec<LightPattern>,
    within_s: f64,
    repeats: Option<u32>,
}

/// Between two lines people pause for about this long; it also lets a segmenter tell them apart.
const PAUSE_MS: u64 = 900;
/// Nobody waits longer than this for anything unless the script says so.
const PATIENCE_S: f64 = 25.0;
/// One retry is what people do before they give up on a device.
const REPEATS: u32 = 1;

/// Beats that play recordings are named so, with a number counted from 1: whoever reads the room's events knows them by it.
const RECORDING: &str = "recording";
/// A question at the end of one recording is answered within 1.2 s: then the next one waits for the answer's end.
const BETWEEN_RECORDINGS_MS: u64 = 2_500;
/// The last words are recognised, and a last question is answered.
const AFTER_RECORDINGS_MS: u64 = 5_000;

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// Names line, key and reason of the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, ReadScriptError> {
        let line_at =
            |byte: usize| 1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|b| **b == b'\n').count();
        let raw: RawScript = toml::from_str(text).map_err(|e| ReadScriptError {
            line: e.span().map_or(1, |s| line_at(s.start)),
            key: e
                .span()
                .and_then(|s| text.get(s))
                .map_or_else(|| "the file".into(), |t| first_word(t).to_owned()),
            why: e.message().trim().to_owned(),
        })?;
        let fault = |byte: usize, key: &str, why: String| ReadScriptError {
            line: line_at(byte),
            key: key.to_owned(),
            why,
        };
        if !["coach-only", "answer-on-ask", "proactive-timekeeper"].contains(&raw.mode.get_ref().as_str()) {
            let why = "use coach-only, answer-on-ask or proactive-timekeeper".into();
            return Err(fault(raw.mode.span().start, "mode", why));
        }
        if !["room", "host-only", "off"].contains(&raw.ding.get_ref().as_str()) {
            return Err(fault(raw.ding.span().start, "ding", "use room, host-only or off".into()));
        }
        let mut people: Vec<Person> = Vec::new();
        for person in raw.people {
            let at = person.span().start;
            let p = person.into_inner();
            let bearing_deg = match (p.r#where.get_ref().as_str(), p.bearing_deg) {
                ("room", Some(b)) if (0.0..360.0).contains(&b) => Some(b),
                ("room", Some(_)) => {
                    return Err(fault(at, "bearing_deg", "0 to below 360 degrees are possible".into()));
                }
                ("room", None) => {
                    return Err(fault(at, "bearing_deg", format!("{} sits in the room: say where", p.name)));
                }
                ("remote", None) => None,
                ("remote", Some(_)) => {
                    return Err(fault(at, "bearing_deg", "a remote person has no bearing".into()));
                }
                _ => return Err(fault(p.r#where.span().start, "where", "use room or remote".into())),
            };
            if p.name.trim().is_empty() || people.iter().any(|q| q.name == p.name) {
                return Err(fault(at, "name", format!("{:?} is empty or taken", p.name)));
            }
            people.push(Person {
                name: p.name,
                voice: p.voice,
                pitch_hz: p.pitch_hz,
                bearing_deg,
                host: p.host,
            });
        }
        if !people.iter().any(|p| p.bearing_deg.is_some()) {
            return Err(fault(0, "people", "nobody sits in the room".into()));
        }
        let mut beats: Vec<Beat> = Vec::new();
        for beat in raw.beat {
            let at = beat.span().start;
            let beat = read_beat(beat.into_inner(), at, (&people, &raw.agenda), &beats)
                .map_err(|(byte, key, why): Fault| fault(byte, key, why))?;
            beats.push(beat);
        }
        if let Some(rounds) = raw.rounds {
            if !(1..=200).contains(rounds.get_ref()) {
                return Err(fault(rounds.span().start, "rounds", "1 to 200 rounds are possible".into()));
            }
            beats = in_rounds(&beats, *rounds.get_ref());
        }
        Ok(Self {
            title: raw.title,
            mode: raw.mode.into_inner(),
            ding: raw.ding.into_inner(),
            agenda: raw.agenda,
            people,
            beats,
        })
    }

    /// A script that plays recordings one after the other, each from the next place in the room. Who speaks in them, and
    /// how many, nobody here can know: a place is all that the people's names say.
    #[must_use]
    pub fn for_waves(seconds: &[f64], bearings: &[f32]) -> Self {
        let people = bearings
            .iter()
            .take(seconds.len().max(1))
            .enumerate()
            .map(|(i, &b)| Person {
                name: format!("place {}", i + 1),
                voice: String::new(),
                pitch_hz: None,
                bearing_deg: Some(b),
                host: false,
            })
            .collect::<Vec<_>>();
        let beat = |name: String, who, act, silence_ms, within_ms| Beat {
            name,
            who,
            act,
            when: When { silence_ms: Some(silence_ms), within_ms, ..When::default() },
            expect: None,
            held_out: false,
            to_prim: false,
            question: false,
            unheard: false,
            noted: None,
        };
        // Each waits until Prim has answered what was asked at the end of the one before.
        let mut beats: Vec<Beat> = (0..seconds.len())
            .map(|wave| {
                let name = format!("{RECORDING} {}", wave + 1);
                beat(name, wave % people.len(), Act::Play { wave }, BETWEEN_RECORDINGS_MS, 30_000)
            })
            .collect();
        beats.push(beat("the last words".into(), 0, Act::Wait, AFTER_RECORDINGS_MS, 30_000));
        let total = seconds.iter().sum::<f64>().ceil().clamp(5.0, 86_400.0);
        Self {
            title: "Your recordings".into(),
            mode: "answer-on-ask".into(),
            ding: "room".into(),
            agenda: vec![Item { title: "Your recordings".into(), planned_s: total as u32 }],
            people,
            beats,
        }
    }

    /// Words that people say, those under mute included.
    #[must_use]
    pub fn words(&self) -> usize {
        let text =
            |b: &Beat| if let Act::Say { text } = &b.act { text.split_whitespace().count() } else { 0 };
        self.beats.iter().map(text).sum()
    }
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).find(|w| !w.is_empty()).unwrap_or("the file")
}

/// The same beats again and again; each round waits for its own.
fn in_rounds(beats: &[Beat], rounds: usize) -> Vec<Beat> {
    let again = |round: usize| {
        beats.iter().map(move |beat| {
            let mut beat = beat.clone();
            beat.name = format!("{}, round {}", beat.name, round + 1);
            beat.when.after = beat.when.after.map(|b| b + round * beats.len());
            beat
        })
    };
    (0..rounds).flat_map(again).collect()
}

type Fault = (usize, &'static str, String);

fn read_beat(
    raw: RawBeat,
    at: usize,
    (people, agenda): (&[Person], &[Item]),
    before: &[Beat],
) -> Result<Beat, Fault> {
    let named = |wanted: &Spanned<String>, key: &'static str| {
        let found = before.iter().position(|b| b.name == *wanted.get_ref());
        found.ok_or_else(|| {
            (wanted.span().start, key, format!("no earlier beat is named {:?}", wanted.get_ref()))
        })
    };
    let mut acts = Vec::new();
    if let Some(text) = raw.say {
        if text.split_whitespace().next().is_none() || text.len() > 400 {
            return Err((at, "say", "a line has 1 to 400 letters".into()));
        }
        acts.push(Act::Say { text });
    }
    match (raw.press_ms, raw.hold_ms, raw.means) {
        (None, None, None) => {}
        (Some(ms @ 20..=900), None, Some(means)) | (None, Some(ms @ 1000..=30_000), Some(means)) => {
            acts.push(Act::Press { ms, means });
        }
        (Some(_) | None, Some(_) | None, _) => {
            let why = "a press needs `means` and press_ms (20 to 900) or hold_ms (1000 to 30000)";
            return Err((at, "press_ms", why.into()));
        }
    }
    let either =
        |value: &Spanned<String>, key: &'static str, yes: &str, no: &str| match value.get_ref().as_str() {
            v if v == yes => Ok(true),
            v if v == no => Ok(false),
            _ => Err((value.span().start, key, format!("use {yes} or {no}"))),
        };
    if let Some(hand) = &raw.hand {
        acts.push(Act::Hand { raised: either(hand, "hand", "up", "down")? });
    }
    if let Some(link) = &raw.link {
        acts.push(Act::Link { cut: either(link, "link", "cut", "restore")? });
    }
    if raw.wait {
        acts.push(Act::Wait);
    }
    let Ok([act]) = <[Act; 1]>::try_from(acts) else {
        return Err((
            at,
            "beat",
            "a beat has exactly one of say, press_ms, hold_ms, hand, link, wait".into(),
        ));
    };
    let who = match &raw.who {
        Some(name) => people.iter().position(|p| p.name == *name.get_ref()).ok_or_else(|| {
            let known = people.iter().map(|p| p.name.as_str()).collect::<Vec<_>>().join(", ");
            (name.span().start, "who", format!("{:?} is none of {known}", name.get_ref()))
        })?,
        None if matches!(act, Act::Link { .. } | Act::Wait) => 0,
        None => return Err((at, "who", "say who does it".into())),
    };
    let in_room = people[who].bearing_deg.is_some();
    match &act {
        Act::Press { .. } if !in_room => {
            return Err((at, "who", "a remote person cannot reach the button".into()));
        }
        Act::Hand { .. } if in_room => {
            return Err((at, "who", "only a remote person has a hand to raise".into()));
        }
        Act::Say { .. }
        | Act::Play { .. }
        | Act::Press { .. }
        | Act::Hand { .. }
        | Act::Link { .. }
        | Act::Wait => {}
    }
    let name = raw.name.unwrap_or_else(|| format!("beat {}", before.len() + 1));
    if before.iter().any(|b| b.name == name) {
        return Err((at, "name", format!("{name:?} is taken")));
    }
    let millis = |s: f64, key: &'static str| {
        if (0.0..=600.0).contains(&s) {
            Ok((s * 1000.0) as u64)
        } else {
            Err((at, key, "0 to 600 seconds are possible".into()))
        }
    };
    let when = When {
        after: raw.when.after.as_ref().map(|n| named(n, "after")).transpose()?,
        light: raw.when.light,
        ding: raw.when.ding,
        prim: raw.when.prim,
        silence_ms: raw.when.silence_ms,
        at_ms: raw.when.at_s.map(|s| millis(s, "at_s")).transpose()?,
        gap_ms: raw.when.gap_ms.unwrap_or(PAUSE_MS).min(600_000),
        within_ms: millis(raw.when.within_s.unwrap_or(PATIENCE_S), "within_s")?,
        otherwise: raw.when.otherwise.unwrap_or_default(),
    };
    let expect = match raw.expect {
        None => None,
        Some(e) => Some(Expect {
            prim: e.prim,
            light: e.light,
            within_ms: millis(e.within_s, "within_s")?,
            repeats: e.repeats.unwrap_or(REPEATS).min(5),
        }),
    };
    let noted = raw.noted.map(|noted| read_noted(noted, &act, people, agenda)).transpose()?;
    let (held_out, to_prim, question, unheard) = (raw.held_out, raw.to_prim, raw.question, raw.unheard);
    let to_prim = to_prim || question;
    Ok(Beat { name, who, act, when, expect, held_out, to_prim, question, unheard, noted })
}

#[cfg(test)]
mod tests;
