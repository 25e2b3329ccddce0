//! Who: people and voices, where they are, what they agreed to, who is shown something.

use prim_ids::ParticipantId;
use serde::{Deserialize, Serialize};

use crate::Ear;

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum Actor {
    /// Prim itself.
    Prim,
    /// Somebody pressed the button; who is not known.
    Button,
    /// A person by voice, hand or name.
    Person {
        /// The participant.
        id: ParticipantId,
    },
    /// Somebody at the panel.
    Panel {
        /// The participant, when the panel knows.
        id: Option<ParticipantId>,
    },
    /// A voice that no participant was matched to.
    UnknownVoice,
    /// The policy mode granted or refused it in advance.
    Policy,
}

/// Where a participant sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Where {
    /// In the room.
    Room,
    /// Behind the meeting platform.
    Remote,
}

/// A participant's part in the meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Leads the meeting.
    Host,
    /// Takes part.
    Member,
    /// From outside the organisation.
    Guest,
    /// Prim.
    Agent,
}

/// A participant's answer about being recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsentAnswer {
    /// Store what is said.
    Yes,
    /// Store nothing.
    No,
    /// Nothing was said yet; store nothing.
    Unknown,
    /// An earlier no was taken back; this is no yes.
    TakenBack,
}

/// A voice that Prim waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitedFor {
    /// Which ear heard it.
    pub ear: Ear,
    /// Whose it was, if known.
    pub participant: Option<ParticipantId>,
}

/// Who sees a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "who", rename_all = "snake_case")]
pub enum CardAudience {
    /// Everyone in the meeting.
    Everyone,
    /// Those who lead the meeting.
    Hosts,
    /// One person.
    Person {
        /// The participant.
        id: ParticipantId,
    },
}
