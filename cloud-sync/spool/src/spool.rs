//! The spool itself.

use std::path::{Path, PathBuf};

use prim_ids::{EpochId, MeetingId, Stream};

use crate::{Condition, Depth, Encoded, Limits, Loss, Moment, Slot, StoredRow, Tip};

/// Encodes a loss as a record of its stream. Given once, at opening, so that no drop goes unrecorded.
pub type WriteLoss = Box<dyn Fn(Moment, Slot, Loss) -> Encoded + Send>;

/// The outbox. Share it between threads behind an `Arc`; calls wait for each other.
#[derive(Debug)]
pub struct Spool {
    _path: PathBuf,
}

/// What an append gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The record's number.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Why the spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenSpoolError {
    /// SQLite says no.
    #[error("open the spool {path}")]
    Sqlite {
        /// Where.
        path: PathBuf,
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why a record was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// No room on the disk.
    #[error("append to {stream}: the disk is full; free some space, records of this stream are being lost")]
    DiskFull {
        /// The stream.
        stream: Stream,
    },
    /// SQLite says no.
    #[error("append to the spool")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadSpoolError {
    /// SQLite says no.
    #[error("read from the spool")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why an acknowledgement was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AcknowledgeError {
    /// It speaks of another life of this spool.
    #[error("acknowledge {stream}: the acknowledgement is for epoch {got}, this spool's is {ours}")]
    OtherEpoch {
        /// The stream.
        stream: Stream,
        /// The epoch acknowledged.
        got: EpochId,
        /// The spool's.
        ours: EpochId,
    },
    /// It speaks of records that do not exist.
    #[error("acknowledge {stream} through {through}: the last record is {head}")]
    BeyondHead {
        /// The stream.
        stream: Stream,
        /// The number acknowledged.
        through: u64,
        /// The last number.
        head: u64,
    },
    /// SQLite says no.
    #[error("delete acknowledged records")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why a meeting's payloads were not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// SQLite says no.
    #[error("erase a meeting's payloads from the spool")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

#[expect(unused_variables, reason = "the seam is published before its inside")]
impl Spool {
    /// Opens the spool at `path`, or makes it with `fresh` as its epoch.
    pub fn open(
        path: &Path,
        limits: Limits,
        fresh: EpochId,
        write_loss: WriteLoss,
    ) -> Result<Self, OpenSpoolError> {
        unimplemented!()
    }

    /// This life of the spool.
    #[must_use]
    pub fn epoch(&self) -> EpochId {
        unimplemented!()
    }

    /// Appends one record; on return it is on disk. `make` runs inside the transaction that allocates its slot.
    pub fn append(
        &self,
        now: Moment,
        stream: Stream,
        make: impl FnOnce(Slot) -> Encoded,
    ) -> Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Appends several records in one transaction: all or none. `make(i, slot)` encodes the i-th.
    pub fn append_many(
        &self,
        now: Moment,
        streams: &[Stream],
        make: impl FnMut(usize, Slot) -> Encoded,
    ) -> Result<Vec<Appended>, AppendError> {
        unimplemented!()
    }

    /// Up to `max_rows` records of `stream` with numbers from `from` on, in order.
    pub fn read(&self, stream: Stream, from: u64, max_rows: usize) -> Result<Vec<StoredRow>, ReadSpoolError> {
        unimplemented!()
    }

    /// Deletes the records of `stream` through `through`; the tip stays. Returns how many went.
    pub fn acknowledge(&self, stream: Stream, epoch: EpochId, through: u64) -> Result<u64, AcknowledgeError> {
        unimplemented!()
    }

    /// How far `stream` reaches.
    pub fn tip(&self, stream: Stream) -> Result<Tip, ReadSpoolError> {
        unimplemented!()
    }

    /// How much waits.
    pub fn depth(&self) -> Result<Depth, ReadSpoolError> {
        unimplemented!()
    }

    /// How the spool is doing, without touching the disk.
    #[must_use]
    pub fn condition(&self) -> Condition {
        unimplemented!()
    }

    /// Deletes every erasable payload of `meeting`; the records stay. Returns how many lost theirs.
    pub fn erase_meeting(&self, meeting: MeetingId) -> Result<u64, EraseError> {
        unimplemented!()
    }
}
