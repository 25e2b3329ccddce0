//! Records: canonical bytes out, raw bytes kept in.
//!
//! Canonical bytes are compact JSON with this field order: `v`, `org`, `device`, `boot`, `stream`, `epoch`,
//! `seq`, `prev`, `at_mono_ms`, `at_wall_ms`, `wall_synced`, `meeting`, `body`. Numbers are integers.

use prim_ids::{BootId, DeviceName, EpochId, MeetingId, MonoTime, OrgName, WallTime};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::erasable::CheckErasablesError;
use crate::{Body, Erasables, Hash, Stream, link};

/// The record version this code writes.
pub const RECORD_VERSION: u32 = 1;

/// The longest raw record: a quarter of a batch, so that a batch always holds at least one.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;

/// A record before it has a place in its stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The organisation.
    pub org: OrgName,
    /// The device.
    pub device: DeviceName,
    /// The boot that `at` counts from.
    pub boot: BootId,
    /// The stream it goes to.
    pub stream: Stream,
    /// When it happened.
    pub at: MonoTime,
    /// When it happened for people, if the device has any idea.
    pub wall: Option<WallTime>,
    /// Whether `wall` is trusted.
    pub wall_synced: bool,
    /// The meeting it belongs to.
    pub meeting: Option<MeetingId>,
    /// What it says.
    pub body: Body,
    /// The values that its hashes stand for.
    pub erasables: Erasables,
}

/// A record with its place: what the spool stores and the wire carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The canonical bytes, for ever.
    pub raw: String,
    /// `link(prev, raw)`.
    pub hash: Hash,
    /// What travels beside.
    pub erasables: Erasables,
}

/// A record as read: everything this version understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The organisation.
    pub org: OrgName,
    /// The device.
    pub device: DeviceName,
    /// The boot that `at` counts from.
    pub boot: BootId,
    /// Stream, epoch, sequence and link.
    pub chain: ChainFields,
    /// When it happened.
    pub at: MonoTime,
    /// When it happened for people.
    pub wall: Option<WallTime>,
    /// Whether `wall` was trusted.
    pub wall_synced: bool,
    /// The meeting it belongs to.
    pub meeting: Option<MeetingId>,
    /// What it says; `None` when the kind is newer than this reader.
    pub body: Option<Body>,
    /// The word under `kind`, known or not.
    pub kind: String,
}

/// The fields every version keeps under the same names, so that an unknown version still verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ChainFields {
    /// The record's version.
    pub v: u32,
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// The place in the stream, from 1.
    pub seq: u64,
    /// The hash of the record before.
    pub prev: Hash,
}

/// What reading a raw record gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A version this reader knows.
    Known(Box<Record>),
    /// A newer version: keep the bytes, park them.
    Newer(ChainFields),
}

/// Why raw bytes are no record.
#[derive(Debug, thiserror::Error)]
pub enum ReadRecordError {
    /// More than [`MAX_RECORD_BYTES`].
    #[error("read a record of {bytes} bytes: the limit is {MAX_RECORD_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Not JSON, or without the fields of the chain.
    #[error("read a record's version, stream, epoch, seq and prev")]
    Chain {
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// Version 0 never existed.
    #[error("read a record with v = 0: the first version is 1")]
    VersionZero,
    /// Sequence numbers begin with 1.
    #[error("read a record with seq = 0: the first sequence number is 1")]
    SeqZero,
    /// A known version whose header does not fit.
    #[error("read the header of record {seq}")]
    Header {
        /// Its place.
        seq: u64,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A known kind whose fields do not fit.
    #[error("read the body of record {seq}")]
    Body {
        /// Its place.
        seq: u64,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// The values beside the record are not its own.
    #[error("open the erasable values of record {seq}")]
    Erasables {
        /// Its place.
        seq: u64,
        /// Which field.
        #[source]
        source: CheckErasablesError,
    },
}

#[derive(Serialize)]
struct Out<'a> {
    v: u32,
    org: &'a OrgName,
    device: &'a DeviceName,
    boot: BootId,
    stream: Stream,
    epoch: EpochId,
    seq: u64,
    prev: Hash,
    at_mono_ms: MonoTime,
    at_wall_ms: Option<WallTime>,
    wall_synced: bool,
    meeting: Option<MeetingId>,
    body: &'a Body,
}

#[derive(Deserialize)]
struct In<'a> {
    org: OrgName,
    device: DeviceName,
    boot: BootId,
    at_mono_ms: MonoTime,
    at_wall_ms: Option<WallTime>,
    wall_synced: bool,
    meeting: Option<MeetingId>,
    #[serde(borrow)]
    body: &'a RawValue,
}

impl Draft {
    /// The record at its place: canonical bytes and their hash.
    #[must_use]
    pub fn place(self, epoch: EpochId, seq: u64, prev: Hash) -> Placed {
        let out = Out {
            v: RECORD_VERSION,
            org: &self.org,
            device: &self.device,
            boot: self.boot,
            stream: self.stream,
            epoch,
            seq,
            prev,
            at_mono_ms: self.at,
            at_wall_ms: self.wall,
            wall_synced: self.wall_synced,
            meeting: self.meeting,
            body: &self.body,
        };
        let raw = serde_json::to_string(&out).expect("a record holds only strings, integers and lists");
        let hash = link(prev, raw.as_bytes());
        Placed { raw, hash, erasables: self.erasables }
    }
}

impl Reading {
    /// Reads raw bytes; unknown fields are left in them.
    pub fn of(raw: &str) -> Result<Self, ReadRecordError> {
        if raw.len() > MAX_RECORD_BYTES {
            return Err(ReadRecordError::TooLong { bytes: raw.len() });
        }
        let chain = ChainFields::of(raw)?;
        if chain.v > RECORD_VERSION {
            return Ok(Self::Newer(chain));
        }
        let seq = chain.seq;
        let header: In<'_> =
            serde_json::from_str(raw).map_err(|source| ReadRecordError::Header { seq, source })?;
        let (kind, body) = Body::read_with_kind(chain.stream, header.body.get())
            .map_err(|source| ReadRecordError::Body { seq, source })?;
        Ok(Self::Known(Box::new(Record {
            org: header.org,
            device: header.device,
            boot: header.boot,
            chain,
            at: header.at_mono_ms,
            wall: header.at_wall_ms,
            wall_synced: header.wall_synced,
            meeting: header.meeting,
            body,
            kind,
        })))
    }

    /// The chain's fields, whatever the version.
    #[must_use]
    pub fn chain(&self) -> &ChainFields {
        match self {
            Self::Known(record) => &record.chain,
            Self::Newer(chain) => chain,
        }
    }
}

impl ChainFields {
    /// Reads only what the chain needs.
    pub fn of(raw: &str) -> Result<Self, ReadRecordError> {
        let fields: Self = serde_json::from_str(raw).map_err(|source| ReadRecordError::Chain { source })?;
        if fields.v == 0 {
            return Err(ReadRecordError::VersionZero);
        }
        if fields.seq == 0 {
            return Err(ReadRecordError::SeqZero);
        }
        Ok(fields)
    }
}

/// Checks the values beside a raw record against the hashes in it, whatever its version or kind.
pub(crate) fn check_erasables(raw: &str, seq: u64, erasables: &Erasables) -> Result<(), ReadRecordError> {
    #[derive(Deserialize)]
    struct OnlyBody<'a> {
        #[serde(borrow)]
        body: &'a RawValue,
    }
    if erasables.is_empty() {
        return Ok(());
    }
    let only: OnlyBody<'_> =
        serde_json::from_str(raw).map_err(|source| ReadRecordError::Header { seq, source })?;
    erasables.check_against(only.body).map_err(|source| ReadRecordError::Erasables { seq, source })
}
