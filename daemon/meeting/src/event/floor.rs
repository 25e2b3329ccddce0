//! Why somebody wants the floor, on what grounds, and how that ends.

use prim_ids::{AgendaItemId, ParticipantId, UtteranceId};

use crate::{Actor, CardReason, Command, Ear, SilenceCause};

/// Why somebody wants the floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskReason {
    /// The running item has used its time.
    TimeboxOver {
        /// Which item.
        item: AgendaItemId,
    },
    /// The talk has left the item.
    Drift {
        /// Which item.
        item: AgendaItemId,
    },
    /// Somebody asked Prim with a known command.
    Asked {
        /// Which.
        command: Command,
    },
    /// Somebody asked Prim a free question.
    Question,
    /// A panel gave Prim words to say.
    SayNext,
    /// Prim asks people whether it may write down what they say.
    Consent,
    /// The room's button: a person in the room wants to speak.
    RoomHand,
    /// A remote person raised a hand.
    RemoteHand {
        /// Who.
        who: ParticipantId,
    },
}

/// What a request rests on, by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Planned and spent time.
    Clock {
        /// Planned.
        planned_ms: u64,
        /// Spent.
        spent_ms: u64,
    },
    /// These utterances (empty while nothing may be recorded).
    Utterances {
        /// Which.
        ids: Vec<UtteranceId>,
    },
    /// A person did it.
    Person {
        /// Who.
        by: Actor,
        /// The utterance that asked for it, if it may be written down.
        utterance: Option<UtteranceId>,
    },
    /// These people have not answered whether they may be written down; empty: the room, in which nobody is listed.
    Unanswered {
        /// Who.
        people: Vec<ParticipantId>,
    },
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closing {
    /// Said to its end, or cut at a clause by the cap.
    Spoken,
    /// The person whose hand it was speaks.
    Served {
        /// Who speaks, as far as the ear can tell.
        by: Actor,
    },
    /// Shown as a card instead.
    Carded {
        /// Why not spoken.
        why: CardReason,
    },
    /// Taken back.
    Withdrawn {
        /// By whom.
        by: Actor,
        /// Why.
        why: WithdrawReason,
    },
    /// Not now.
    Declined {
        /// By whom.
        by: Actor,
    },
    /// Nobody answered in time.
    Expired {
        /// What was waited for.
        why: ExpiryReason,
    },
    /// Cut short while speaking.
    Stopped {
        /// By whom; `Prim` for a limit.
        by: Actor,
        /// Why.
        cause: SilenceCause,
    },
}

/// A voice that Prim waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitedFor {
    /// Which ear heard it.
    pub ear: Ear,
    /// Whose it was, if known.
    pub speaker: Option<ParticipantId>,
}

/// Where a speech was cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Within which clause, from 0.
    pub clause: u32,
    /// How much of this clause was heard.
    pub played_ms: u64,
    /// The whole clause (erasable): it was heard in part.
    pub text: String,
}

/// Why a request was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithdrawReason {
    /// What it was about is over (next item, more time).
    Moot,
    /// The hand was lowered.
    HandLowered,
    /// The person left.
    Left,
    /// Prim was muted.
    Muted,
    /// The mode was changed to one that does not ask.
    Mode,
    /// The meeting ended.
    MeetingEnded,
    /// The queue was full; the newest of Prim's own wishes gave way.
    QueueFull,
}

/// Why a request expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpiryReason {
    /// 30 s after the ding.
    Unanswered,
    /// No ding could sound (off, muted, deaf) and 36 s passed.
    UnansweredWithoutDing,
    /// There was no silence to ding in.
    NoSilence,
    /// Allowed, but the person did not begin.
    Unused,
    /// Prim was restarted while it was open.
    Restarted,
}
