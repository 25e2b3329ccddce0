//! What goes in and comes out.

use prim_ids::{BootId, EpochId, MeetingId, MonoTime, Stream};

/// When the caller appends: the spool has no clock of its own and never looks at wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The boot that `at` counts from.
    pub boot: BootId,
    /// Now.
    pub at: MonoTime,
}

/// The place a record gets: known only inside the transaction that stores it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// The record's number, from 1, without gaps.
    pub seq: u64,
    /// The hash of the record before; zero before the first.
    pub prev: [u8; 32],
}

/// A record as the caller encoded it for its [`Slot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The raw bytes, kept as they are.
    pub bytes: Vec<u8>,
    /// What may be erased later, beside them.
    pub erasable: Option<Vec<u8>>,
    /// The hash that the next record links to.
    pub hash: [u8; 32],
    /// The meeting whose erasure takes `erasable` along.
    pub meeting: Option<MeetingId>,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRow {
    /// Its number.
    pub seq: u64,
    /// The hash of the record before.
    pub prev: [u8; 32],
    /// Its own hash.
    pub hash: [u8; 32],
    /// The raw bytes.
    pub bytes: Vec<u8>,
    /// What can still be erased.
    pub erasable: Option<Vec<u8>>,
    /// The meeting it belongs to.
    pub meeting: Option<MeetingId>,
}

/// How far a stream reaches; survives the deletion of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The last number given out; 0 before the first.
    pub seq: u64,
    /// The hash of that record; zero before the first.
    pub hash: [u8; 32],
}

/// Records that were dropped unsent: becomes a record of the same stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// The first dropped number. Dropping again before the last loss was acknowledged keeps the old `from`.
    pub from: u64,
    /// The last dropped number.
    pub to: u64,
    /// Why.
    pub reason: LossReason,
    /// The hash before `from`.
    pub before: [u8; 32],
    /// The hash of `to`.
    pub last: [u8; 32],
}

/// Why records were dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossReason {
    /// More bytes than the limit.
    QuotaBytes,
    /// Older than the limit.
    QuotaAge,
    /// The disk was full.
    DiskFull,
    /// The disk did not answer, or could not be written.
    DiskFault,
}
