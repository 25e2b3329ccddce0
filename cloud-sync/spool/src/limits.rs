//! How much the spool keeps, and how full it is.

use std::time::Duration;

use prim_ids::Stream;

/// What the spool may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of records, all streams together. Above it the oldest of the least precious stream goes first.
    pub max_bytes: u64,
    /// How long a record is kept unsent, counted while the device is on.
    pub max_age: Duration,
    /// Disk set aside for audit when everything else is full.
    pub reserve_bytes: u64,
}

impl Default for Limits {
    /// 1 GiB, 30 days (DESIGN section 8), 16 MiB of reserve: some 30 000 audit records.
    fn default() -> Self {
        Self { max_bytes: 1 << 30, max_age: Duration::from_secs(30 * 24 * 3600), reserve_bytes: 16 << 20 }
    }
}

/// How the spool is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Everything is kept.
    Ok,
    /// Records were dropped to keep within the limits.
    Dropping,
    /// The disk is full: audit goes into the reserve, everything else is refused.
    Reserve,
    /// Even the reserve is used up: nothing can be recorded.
    Full,
}

/// How much waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// How the spool is doing.
    pub condition: Condition,
    /// Bytes waiting, all streams together.
    pub bytes: u64,
    /// Records waiting, all streams together.
    pub rows: u64,
    /// Per stream, in the order of [`Stream::ALL`].
    pub streams: Vec<StreamDepth>,
    /// The stream whose oldest records would go first if room were needed now.
    pub next_to_drop: Option<Stream>,
    /// Records refused since the spool was opened, for want of room.
    pub refused: u64,
    /// Bytes free under the spool at the last [look](crate::Spool::look).
    pub free_bytes: Option<u64>,
}

/// How much of one stream waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamDepth {
    /// The stream.
    pub stream: Stream,
    /// Records waiting.
    pub rows: u64,
    /// Bytes waiting.
    pub bytes: u64,
    /// The oldest number waiting.
    pub first: Option<u64>,
    /// The last number given out.
    pub head: u64,
}
