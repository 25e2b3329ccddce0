//! The meeting script: who sits where, what is on the agenda, and what people do and why.
//!
//! A script is TOML (see `meetings/demo.meeting.toml`, which explains itself). Beats are done in the order of the file; each
//! waits for what its person hears and sees. The recogniser is never given any of it but titles and names.

mod noted;
mod read;
mod waves;

use prim_hal::LightPattern;
use serde::Deserialize;

pub use self::noted::{Due, Noted, NotedKind};
pub use self::read::ReadScriptError;

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

impl Script {
    /// Words that people say, those under mute included.
    #[must_use]
    pub fn words(&self) -> usize {
        let text =
            |b: &Beat| if let Act::Say { text } = &b.act { text.split_whitespace().count() } else { 0 };
        self.beats.iter().map(text).sum()
    }
}

#[cfg(test)]
mod tests;
