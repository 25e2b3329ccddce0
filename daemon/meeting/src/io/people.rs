//! Who is there, where, and who did it.

use prim_ids::{ParticipantId, UserId};

/// Where a voice comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ear {
    /// The microphones.
    Room,
    /// The platform's link.
    Remote,
}

/// A voice that an ear can tell from others, for as long as it speaks. The shell numbers them as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TalkerKey(pub u32);

/// Somebody in the meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Their id in this meeting.
    pub id: ParticipantId,
    /// What they are called.
    pub name: String,
    /// What they may decide.
    pub role: Role,
    /// Where they sit.
    pub place: Place,
}

/// What a person may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Leads the meeting.
    Host,
    /// Takes part.
    Member,
}

/// Where a person is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the room.
    Room,
    /// On the other end of the link.
    Remote,
}

/// How consent to recording is reached in this meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentRule {
    /// Everybody invited agreed beforehand; who comes without an invitation is asked, and until they agree nothing of
    /// their side is written down; a no still wins.
    Given,
    /// Prim asks; recording waits until each person present has said yes.
    AskEveryone,
    /// Nothing is recorded in this meeting.
    Never,
}

/// Who sees a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everyone in the meeting.
    Everyone,
    /// The host.
    Host,
    /// One person.
    Person {
        /// Who.
        who: ParticipantId,
    },
}

/// Who did it. People by id only, so that the audit can be kept whatever consent says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// Prim's own rules.
    Prim,
    /// A policy granted it in advance.
    Policy,
    /// Whoever pressed the button.
    Button,
    /// Whoever moved the mute switch.
    MuteSwitch,
    /// A voice.
    Voice {
        /// Whose, if known.
        speaker: Option<ParticipantId>,
    },
    /// A remote person by the platform.
    Participant {
        /// Who.
        who: ParticipantId,
    },
    /// A signed-in user at a panel.
    Panel {
        /// Who.
        user: UserId,
    },
}
