//! Live events: what panels and the local status socket show, one JSON object a line. Not stored, not attested.

use prim_ids::{
    ActionId, AgendaItemId, DecisionId, MeetingId, MonoTime, NoteId, ParticipantId, RequestId, UtteranceId,
};
use serde::{Deserialize, Serialize};

use crate::{CardAudience, Code, Ear, Light, ReadPayloadError, SilenceCause};

/// Where the floor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorState {
    /// Nobody asks.
    Idle,
    /// Somebody asks.
    Asking,
    /// Prim asks and has dinged.
    Dinged,
    /// Allowed, sound to come.
    Allowed,
    /// Prim speaks.
    Speaking,
}

macro_rules! live {
    ($($(#[$doc:meta])* $kind:literal $variant:ident {
        $($(#[$field_doc:meta])* $field:ident: $type:ty),* $(,)?
    })+) => {
        /// Something to show now.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum LiveEvent {
            $($(#[$doc])* #[serde(rename = $kind)] $variant {
                /// When, on the device's monotonic clock.
                at_ms: MonoTime,
                $($(#[$field_doc])* $field: $type),*
            }),+
        }

        impl LiveEvent {
            /// When it happened, on the device's monotonic clock.
            #[must_use]
            pub fn at(&self) -> MonoTime {
                match self {
                    $(Self::$variant { at_ms, .. } => *at_ms),+
                }
            }

            /// The word under `kind`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $kind),+
                }
            }
        }
    };
}

live! {
    /// The first line on the status socket.
    "hello" Hello {
        /// The version of what follows: 1.
        v: u32,
        /// The meeting that is on.
        meeting: Option<MeetingId>,
    }
    /// Somebody began or ceased to talk.
    "talking" Talking {
        /// Which ear.
        ear: Ear,
        /// Who, if known.
        speaker: Option<ParticipantId>,
        /// From where.
        bearing_deg: Option<f32>,
        /// Began or ceased.
        on: bool,
    }
    /// Words so far.
    "partial" Partial {
        /// The utterance to be.
        utterance: UtteranceId,
        /// Which ear.
        ear: Ear,
        /// The words.
        text: String,
        /// How many leading characters will not change.
        stable_chars: u32,
    }
    /// Words for good.
    "final" Final {
        /// The utterance.
        utterance: UtteranceId,
        /// Which ear.
        ear: Ear,
        /// Who, if known.
        speaker: Option<ParticipantId>,
        /// From where.
        bearing_deg: Option<f32>,
        /// Which of the room's voices, numbered from 1 by first speech, where nobody could be named.
        speaker_label: Option<u8>,
        /// The words.
        text: String,
        /// When they began.
        started_ms: MonoTime,
        /// When they ended.
        ended_ms: MonoTime,
    }
    /// The floor moved.
    "floor" Floor {
        /// Where it is.
        state: FloorState,
        /// The request at the front.
        request: Option<RequestId>,
        /// Why it was made.
        reason: Option<Code>,
        /// How many wait.
        queue: u32,
    }
    /// The light changed.
    "light" Light {
        /// What it shows.
        pattern: Light,
    }
    /// The ding sounded.
    "ding" Ding {
        /// For which request.
        request: RequestId,
    }
    /// Prim speaks.
    "say" Say {
        /// The request it was allowed for.
        request: Option<RequestId>,
        /// The words.
        clause: String,
    }
    /// Prim fell silent.
    "silence" Silence {
        /// Why; `null` when it was said to the end.
        cause: Option<SilenceCause>,
    }
    /// Something to read.
    "card" Card {
        /// Who may see it. A card that is not for everyone stays on the device.
        to: CardAudience,
        /// The heading.
        title: String,
        /// The text.
        body: String,
    }
    /// A line for everyone.
    "banner" Banner {
        /// What it is about; a new line about the same thing replaces it.
        about: Code,
        /// The line; `null` takes it away.
        text: Option<String>,
    }
    /// The timebox clock.
    "timebox" Timebox {
        /// The agenda item.
        item: AgendaItemId,
        /// Its title.
        title: String,
        /// Time planned.
        planned_s: u32,
        /// Time spent.
        spent_s: u32,
    }
    /// A note.
    "note" Note {
        /// The note.
        id: NoteId,
        /// The text.
        text: String,
    }
    /// A decision.
    "decision" Decision {
        /// The decision.
        id: DecisionId,
        /// What was decided.
        text: String,
    }
    /// An action.
    "action" Action {
        /// The action.
        id: ActionId,
        /// What is to be done.
        text: String,
        /// By whom.
        owner: Option<ParticipantId>,
    }
    /// How much waits for the gateway.
    "sync" Sync {
        /// Records waiting.
        queued: u64,
        /// Whether the link is up.
        link_up: bool,
    }
    /// Muted or not.
    "mute" Mute {
        /// Whether Prim is deaf.
        on: bool,
    }
    /// Something works worse, or again.
    "degraded" Degraded {
        /// What.
        what: Code,
        /// Why; `null` when it works again.
        reason: Option<String>,
    }
    /// The meeting began, ended, …
    "meeting" Meeting {
        /// Which.
        meeting: MeetingId,
        /// `started`, `ended`.
        state: Code,
    }
}

impl LiveEvent {
    /// One line of JSON, without the line's end.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("a live event holds only strings and numbers")
    }

    /// The event from one line.
    pub fn read(line: &str) -> Result<Self, ReadPayloadError> {
        serde_json::from_str(line)
            .map_err(|source| ReadPayloadError::Malformed { what: "a live event", source })
    }
}
