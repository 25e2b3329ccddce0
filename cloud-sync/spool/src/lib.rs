//! The outbox on disk: what was appended survives a power cut, what was acknowledged is deleted, what was
//! dropped is admitted in a record.
#![warn(missing_docs)]

mod limits;
mod row;
mod spool;

pub use limits::{Condition, Depth, Limits, StreamDepth};
pub use row::{Encoded, Loss, LossReason, Moment, Slot, StoredRow, Tip};
pub use spool::{
    AcknowledgeError, AppendError, Appended, EraseError, OpenSpoolError, ReadSpoolError, Spool, WriteLoss,
};
