//! The note stream: operations with ids made on the device, so that they merge into a shared document later.

use prim_ids::{ActionId, AgendaItemId, Day, DecisionId, NoteId, ParticipantId, UtteranceId};
use serde::{Deserialize, Serialize};

use crate::body::vocabulary;
use crate::{Actor, Sealed};

/// How far an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionStatus {
    /// To do.
    Open,
    /// Done.
    Done,
    /// Cannot go on.
    Blocked,
}

vocabulary! {
    /// One operation on the meeting's notes.
    Note {
        /// A note was made, or takes the place of an earlier one.
        "note" Noted {
            /// The note.
            id: NoteId,
            /// The note it replaces.
            supersedes: Option<NoteId>,
            /// The agenda item it belongs to.
            item: Option<AgendaItemId>,
            /// The utterances it rests on.
            utterances: Vec<UtteranceId>,
            /// The text.
            text: Sealed,
            /// Who made it.
            by: Actor,
        }
        /// A decision was made, or takes the place of an earlier one.
        "decision" Decided {
            /// The decision.
            id: DecisionId,
            /// The decision it replaces.
            supersedes: Option<DecisionId>,
            /// The agenda item it belongs to.
            item: Option<AgendaItemId>,
            /// The utterances it rests on.
            utterances: Vec<UtteranceId>,
            /// What was decided.
            title: Sealed,
            /// More about it.
            text: Option<Sealed>,
            /// Who marked it.
            by: Actor,
        }
        /// An action was taken on, or takes the place of an earlier one.
        "action" ActionTaken {
            /// The action.
            id: ActionId,
            /// The action it replaces.
            supersedes: Option<ActionId>,
            /// The agenda item it belongs to.
            item: Option<AgendaItemId>,
            /// The utterances it rests on.
            utterances: Vec<UtteranceId>,
            /// What is to be done.
            title: Sealed,
            /// More about it.
            text: Option<Sealed>,
            /// Who does it.
            owner: Option<ParticipantId>,
            /// Until when, where the words named a day.
            due: Option<Day>,
            /// How far it is.
            status: ActionStatus,
            /// Who marked it.
            by: Actor,
        }
        /// A note was taken back.
        "note.withdrawn" NoteWithdrawn {
            /// The note.
            id: NoteId,
            /// By whom.
            by: Actor,
        }
        /// A decision was taken back.
        "decision.withdrawn" DecisionWithdrawn {
            /// The decision.
            id: DecisionId,
            /// By whom.
            by: Actor,
        }
        /// An action was taken back.
        "action.withdrawn" ActionWithdrawn {
            /// The action.
            id: ActionId,
            /// By whom.
            by: Actor,
        }
    }
}
