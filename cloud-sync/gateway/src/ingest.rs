//! From the broker to the tables, and the acknowledgement back.
//!
//! Two tasks and the link: `prepare` (registry, signatures) and `deliver` (transactions, acknowledgements) work at
//! the same time on successive groups. What bounds them is the MQTT window: the broker hands out at most
//! `ingest.window` batches that were not settled, every channel between the tasks holds a whole window, and the
//! link's own loop never waits for any of them, so nothing can wait in a circle.

mod copy;
mod deliver;
mod judge;
mod mqtt;
mod prepare;
mod project;
mod read;
mod registry;
mod store;

pub use copy::{CopyBuffer, CopyRow, STATEMENT as COPY_STATEMENT};
pub use deliver::deliver;
pub use judge::{Candidate, Fate, Judgement, Known, Standing, judge};
pub use mqtt::{Arrived, Link, LinkSettings, LinkState, Mailbox, Receipt, hold_link};
pub use prepare::{Prepared, prepare};
pub use read::{Checked, CheckedRow, Claim, Device, Refusal, Status, check};
pub use registry::Registry;
pub use store::{CommitError, Committed, Depth, Store};
