//! Typed identifiers and clocks: the words every other crate uses.
//!
//! **Who calls it:** everyone. **What it never does:** read a clock or a random source. An id is made from a
//! time and 80 bits that the caller supplies, so that the pure core can make ids and still replay bit for bit.
//!
//! ```
//! use prim_ids::{MeetingId, WallTime};
//! let id = MeetingId::from_parts(WallTime::from_unix_millis(1_790_000_000_000), 7);
//! assert_eq!(id.to_string().parse::<MeetingId>().unwrap(), id);
//! ```
#![warn(missing_docs)]

mod day;
mod id;
mod name;
mod stream;
mod time;

pub use day::{Day, ParseDayError};
pub use id::{
    ActionId, AgendaItemId, ArtifactId, BootId, DecisionId, EpochId, IdSource, JobId, MeetingId, NoteId,
    OrgId, ParseIdError, ParticipantId, RecordId, RequestId, UserId, UtteranceId, WorkspaceId,
};
pub use name::{DeviceName, InstanceName, OrgName, ParseNameError};
pub use stream::{ParseStreamError, Stream};
pub use time::{MonoTime, WallTime};
