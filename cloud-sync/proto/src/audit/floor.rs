//! The floor: how free Prim is, what was decided about a request, why it fell silent.

use serde::{Deserialize, Serialize};

/// The three policy modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// Never asks, never speaks: cards only.
    CoachOnly,
    /// Speaks when asked.
    AnswerOnAsk,
    /// Also asks for the floor to keep the time.
    ProactiveTimekeeper,
}

/// Where a ding may sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DingPlace {
    /// Everyone in the room hears it.
    Room,
    /// Only the host hears it.
    Host,
    /// It does not sound.
    Off,
}

/// What policy decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// May speak without asking.
    Grant,
    /// May ask.
    Ask,
    /// Must wait for others in the queue.
    Queue,
    /// Becomes a card.
    Card,
    /// Nothing happens.
    Refuse,
}

/// Why Prim fell silent before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilenceCause {
    /// A person began to talk.
    BargeIn,
    /// "Prim, stop".
    SpokenStop,
    /// The button was pressed.
    Button,
    /// The panel said stop.
    Panel,
    /// Muted.
    Mute,
    /// The seven seconds were over.
    Cap,
    /// The speaker failed.
    Fault,
    /// The meeting ended.
    MeetingEnded,
}
