//! The utterance stream: what people said, stored only after consent.

use prim_ids::{MonoTime, ParticipantId, UtteranceId};
use serde::{Deserialize, Serialize};

use crate::body::vocabulary;
use crate::{Code, Sealed};

/// Which ear heard it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ear {
    /// The room's microphones.
    Room,
    /// The meeting platform.
    Remote,
}

vocabulary! {
    /// What somebody said.
    Utterance {
        /// One stretch of speech by one talker.
        "utterance" Heard {
            /// The utterance.
            id: UtteranceId,
            /// The talker; `null` is unknown, never a guess.
            participant: Option<ParticipantId>,
            /// Who heard it.
            ear: Ear,
            /// Where the voice came from, in hundredths of a degree counter-clockwise, 0..36000.
            bearing_centideg: Option<i32>,
            /// Which of the room's voices, numbered from 1 by first speech, where nobody could be named.
            speaker_label: Option<u8>,
            /// When it began.
            started_ms: MonoTime,
            /// When it ended.
            ended_ms: MonoTime,
            /// The words.
            text: Sealed,
            /// The recogniser's confidence.
            confidence_permille: Option<u16>,
            /// The storage policy it falls under.
            policy: Option<Code>,
        }
        /// A better reading of an utterance that was already sent.
        "utterance.revised" Revised {
            /// The utterance.
            id: UtteranceId,
            /// The talker as known now.
            participant: Option<ParticipantId>,
            /// The words.
            text: Sealed,
            /// The recogniser's confidence.
            confidence_permille: Option<u16>,
        }
    }
}
