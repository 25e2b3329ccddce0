//! From the file's text to a script, or the line, the key and the reason why not.

use prim_hal::LightPattern;
use serde::Deserialize;
use toml::Spanned;

use super::noted::{RawNoted, read_noted};
use super::{Act, Beat, Expect, Item, Meaning, Otherwise, Person, PrimVoice, Script, When};

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

/// Where in the text, which key, and why.
pub(super) type Fault = (usize, &'static str, String);

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
