//! What people can ask for, by voice and at a panel.

use prim_ids::{ActionId, DecisionId, NoteId, ParticipantId, RequestId};

use crate::{DingSetting, Mode};

/// What people can ask of Prim by voice. See [`crate::grammar_jsgf`] for the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Command {
    /// How much time is left on this item?
    TimeLeft,
    /// Go on to the next item.
    NextItem,
    /// Give this item more time (the configured step).
    MoreTime,
    /// What did we decide?
    Decisions,
    /// Which actions are open?
    Actions,
    /// Who spoke how long?
    SpeakingTime,
    /// Say that again.
    Repeat,
    /// Note that …; the words come as the utterance's text.
    Note,
    /// Decision: …
    Decision,
    /// Action: …
    Action,
    /// Be silent.
    Stop,
    /// Go ahead.
    Allow,
    /// Not now.
    NotNow,
    /// Stop listening.
    Mute,
    /// I agree that what I say is written down.
    Agree,
    /// Everybody in this room agrees.
    AgreeForAll,
    /// Write nothing down.
    Refuse,
    /// I take my no back.
    TakeBack,
}

/// What a panel can ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PanelCommand {
    /// Let this request have the floor.
    Allow {
        /// Which.
        request: RequestId,
    },
    /// Refuse this request for now.
    NotNow {
        /// Which.
        request: RequestId,
    },
    /// Be silent.
    Stop,
    /// Change the policy mode.
    SetMode {
        /// To.
        mode: Mode,
    },
    /// Change where dings sound.
    SetDing {
        /// To.
        setting: DingSetting,
    },
    /// Go on to the next item.
    NextItem,
    /// Give the running item more time.
    ExtendItem {
        /// How much.
        by_ms: u64,
    },
    /// Say this as soon as nobody speaks; the command is its own Allow.
    SayNext {
        /// The words.
        text: String,
    },
    /// Soft mute on or off.
    Mute {
        /// `true`: do not listen.
        on: bool,
    },
    /// Write a note.
    AddNote {
        /// The words.
        text: String,
        /// The note it replaces.
        supersedes: Option<NoteId>,
    },
    /// Write a decision.
    AddDecision {
        /// The words.
        text: String,
        /// The decision it replaces.
        supersedes: Option<DecisionId>,
    },
    /// Write an action item.
    AddAction {
        /// The words.
        title: String,
        /// Whose it is.
        owner: Option<ParticipantId>,
        /// The action it replaces.
        supersedes: Option<ActionId>,
    },
}
