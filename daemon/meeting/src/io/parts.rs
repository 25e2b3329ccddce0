//! The parts that can fail, the agenda as planned, and a speech by its number.

use prim_ids::AgendaItemId;

/// One speech of Prim in this meeting, numbered from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SayId(pub u32);

/// One line of the agenda as planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgendaItem {
    /// Its id.
    pub id: AgendaItemId,
    /// What it is called; also the source of the drift keywords.
    pub title: String,
    /// How long it may take; 0 means no limit.
    pub planned_ms: u64,
}

/// Parts that can fail on their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peripheral {
    /// The microphones with the voice detector behind them.
    Microphones,
    /// The remote people's voices.
    RemoteLink,
    /// The loudspeaker.
    Speaker,
    /// The light.
    Light,
    /// The button.
    Button,
    /// The recogniser.
    Stt,
    /// The voice.
    Tts,
    /// The language model.
    LanguageModel,
    /// The way to the gateway.
    Uplink,
    /// The outbox's disk.
    Disk,
}

/// How a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeripheralState {
    /// Works.
    Up,
    /// Works badly (slow, noisy, backlog, wrong rate).
    Degraded {
        /// Why, for people.
        reason: String,
    },
    /// Does not work.
    Absent {
        /// Why, for people.
        reason: String,
    },
}

/// Why Prim fell silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceCause {
    /// A person began to speak.
    BargeIn,
    /// Somebody said or pressed stop.
    Stop,
    /// Prim was muted: it could no longer hear whether it talks over someone.
    Muted,
    /// The ears failed while it spoke.
    Deaf,
    /// The mode was changed to one that never speaks.
    CoachOnly,
    /// It took longer than the cap.
    TooLong,
    /// The mouth did not begin in time.
    NotStarted,
    /// The meeting ended.
    MeetingEnded,
}
