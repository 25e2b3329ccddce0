//! Following a chain row by row: what the gateway does with each record, and the named ways a chain breaks.

use prim_ids::{EpochId, Stream};

use crate::{ChainFields, Hash, link};

/// How far a reader has followed a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// The last sequence number seen; 0 before the first.
    pub seq: u64,
    /// Its hash; [`Hash::ZERO`] before the first.
    pub hash: Hash,
}

/// Where a record stands to the tip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It follows. The tip to keep.
    Next(Tip),
    /// It follows after a hole. The tip to keep, and the hole that a record must explain.
    After {
        /// The tip to keep.
        tip: Tip,
        /// What is missing.
        gap: Gap,
    },
    /// It was seen before, if its hash is the stored one; with another hash it is a fork.
    Seen {
        /// The record's hash.
        hash: Hash,
    },
}

/// Missing sequence numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first missing.
    pub from: u64,
    /// The last missing.
    pub to: u64,
    /// The hash before the first.
    pub before: Hash,
    /// The hash of the last, as the next record attests it.
    pub last: Hash,
}

/// Why a record does not continue a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FollowError {
    /// Another stream or epoch.
    #[error("follow record {seq}: it belongs to another stream or epoch")]
    Elsewhere {
        /// Its number.
        seq: u64,
    },
    /// The right number with the wrong link: a fork, or changed bytes.
    #[error("follow record {seq}: its link names another predecessor")]
    Forked {
        /// Its number.
        seq: u64,
    },
}

impl Tip {
    /// The tip before the first record.
    #[must_use]
    pub fn start(stream: Stream, epoch: EpochId) -> Self {
        Self { stream, epoch, seq: 0, hash: Hash::ZERO }
    }

    /// Where the record with these fields and raw bytes stands.
    pub fn follow(&self, chain: &ChainFields, raw: &str) -> Result<Step, FollowError> {
        if chain.stream != self.stream || chain.epoch != self.epoch {
            return Err(FollowError::Elsewhere { seq: chain.seq });
        }
        let hash = link(chain.prev, raw.as_bytes());
        if chain.seq <= self.seq {
            return Ok(Step::Seen { hash });
        }
        let tip = Self { seq: chain.seq, hash, ..*self };
        if chain.seq == self.seq + 1 {
            let joins = chain.prev == self.hash;
            return if joins { Ok(Step::Next(tip)) } else { Err(FollowError::Forked { seq: chain.seq }) };
        }
        let gap = Gap { from: self.seq + 1, to: chain.seq - 1, before: self.hash, last: chain.prev };
        Ok(Step::After { tip, gap })
    }
}

impl Gap {
    /// Whether `hole` explains this gap: it covers it, and where their ends meet the hashes agree.
    #[must_use]
    pub fn explained_by(&self, hole: &crate::Hole) -> bool {
        hole.from <= self.from
            && self.to <= hole.to
            && (hole.from != self.from || hole.before == self.before)
            && (hole.to != self.to || hole.last == self.last)
    }
}
