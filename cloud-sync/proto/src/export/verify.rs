//! Verifying an export, line by line: what it proves, or the name of what is wrong and where.

use std::io::{self, BufRead};

use prim_ids::{InstanceName, WallTime};

use super::keys::Reign;
use super::walk::Walk;
use super::{KeyLine, Line, Opening, Range};
use crate::{CounterSigned, KeySet, PublicKey};

/// The longest line: a record with all its quotes escaped, its erasable values, its hash.
pub const MAX_LINE_BYTES: u64 = 512 * 1024;

/// What a verified export proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The chain and its range.
    pub range: Range,
    /// How many records it holds.
    pub records: u64,
    /// How many of them have lost a value to erasure, or never had one of theirs exported.
    pub erased: u64,
    /// How many have a version or kind this reader does not know; their bytes are proven all the same.
    pub unknown: u64,
    /// Sequence numbers that the device itself says were lost.
    pub lost: Vec<(u64, u64)>,
    /// Heads that the device signed inside the range.
    pub heads: u64,
    /// Handovers from one key to the next inside the range.
    pub rotations: u64,
}

/// What is wrong with an export.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The file cannot be read.
    #[error("read line {line} of the export")]
    Read {
        /// The line, from 1.
        line: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is longer than any line of an export.
    #[error("read line {line} of the export: it is longer than {MAX_LINE_BYTES} bytes")]
    LineTooLong {
        /// The line, from 1.
        line: u64,
    },
    /// A line is not what stands in an export.
    #[error("read line {line} of the export: it is no line of an export of version 1")]
    Malformed {
        /// The line, from 1.
        line: u64,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A line after the signed opening is not what any gateway writes.
    #[error(
        "changed line: line {line} cannot be read as a line of an export from its byte {byte} on; it was changed or cut"
    )]
    ChangedLine {
        /// The line, from 1.
        line: u64,
        /// Where reading it fails, from 1.
        byte: usize,
    },
    /// The file is empty.
    #[error("read the export: it is empty")]
    Empty,
    /// The export was made by a newer program.
    #[error("read the export: it has version {v}, this program knows 1; update it")]
    Newer {
        /// Its version.
        v: u32,
    },
    /// The export is signed by a gateway nobody vouched for.
    #[error(
        "foreign key: the export is signed by {key:?}, which is no trusted key of gateway {gateway}; give that gateway's public key if you trust it"
    )]
    ForeignGateway {
        /// The gateway it names.
        gateway: InstanceName,
        /// The key.
        key: PublicKey,
    },
    /// The first line's signature does not fit.
    #[error("changed range: the gateway's signature does not fit the first line")]
    ChangedRange,
    /// A byte of a record was changed.
    #[error("changed byte: record {seq} is not what the chain attests")]
    ChangedByte {
        /// The record.
        seq: u64,
    },
    /// A record is missing and no record of the device explains it.
    #[error("removed row: record {seq} is missing")]
    RemovedRow {
        /// The first missing record.
        seq: u64,
    },
    /// The end is missing.
    #[error("cut tail: the gateway signed a range through record {to}, the file ends at {last}")]
    CutTail {
        /// The last signed number.
        to: u64,
        /// The last number in the file.
        last: u64,
    },
    /// Records stand in another order.
    #[error("swapped order: record {seq} stands where {expected} belongs")]
    SwappedOrder {
        /// The record.
        seq: u64,
        /// The number that belongs there.
        expected: u64,
    },
    /// A record stands there twice.
    #[error("repeated row: record {seq} stands there again")]
    RepeatedRow {
        /// The record.
        seq: u64,
    },
    /// A record beyond the signed range.
    #[error("added row: record {seq} lies outside the signed range through {to}")]
    AddedRow {
        /// The record.
        seq: u64,
        /// The last signed number.
        to: u64,
    },
    /// A record of another device, stream or epoch.
    #[error("foreign row: record {seq} belongs to another device, stream or epoch")]
    ForeignRow {
        /// The record.
        seq: u64,
    },
    /// A head is signed by a key nobody vouched for and no record introduces.
    #[error(
        "foreign key: the head at record {seq} is signed by {key:?}, which is no trusted key of this device; after a change of key, give its earlier key as well"
    )]
    ForeignKey {
        /// The head's record.
        seq: u64,
        /// The key.
        key: PublicKey,
    },
    /// A new key is used without the old key's record.
    #[error(
        "rotated key without its record: from record {seq} on {key:?} is used, and the old key did not hand over to it"
    )]
    RotatedWithoutRecord {
        /// From where it is used.
        seq: u64,
        /// The new key.
        key: PublicKey,
    },
    /// A head's signature does not fit.
    #[error("changed head: the head at record {seq} does not carry the signatures it names")]
    ChangedHead {
        /// The head's record.
        seq: u64,
    },
    /// A head attests another hash than the record has.
    #[error("rewritten chain: the device signed another hash for record {seq} than the one in the file")]
    RewrittenChain {
        /// The record.
        seq: u64,
    },
    /// No head covers the end of the range.
    #[error("unsigned tail: the device signed heads through record {signed}, the range ends at {to}")]
    UnsignedTail {
        /// The last head's record; 0 when there is none.
        signed: u64,
        /// The last number of the range.
        to: u64,
    },
    /// A value that people may read is not the attested one.
    #[error("changed value: an erasable value beside record {seq} is not the one the record attests")]
    ChangedValue {
        /// The record.
        seq: u64,
    },
}

impl VerifyError {
    /// The name of what is wrong, for programs: `changed-byte`, `removed-row`, …
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable",
            Self::LineTooLong { .. } | Self::Malformed { .. } | Self::Empty => "malformed",
            Self::Newer { .. } => "newer-version",
            Self::ForeignGateway { .. } | Self::ForeignKey { .. } => "foreign-key",
            Self::ChangedRange => "changed-range",
            Self::ChangedLine { .. } => "changed-line",
            Self::ChangedByte { .. } => "changed-byte",
            Self::RemovedRow { .. } => "removed-row",
            Self::CutTail { .. } => "cut-tail",
            Self::SwappedOrder { .. } => "swapped-order",
            Self::RepeatedRow { .. } => "repeated-row",
            Self::AddedRow { .. } => "added-row",
            Self::ForeignRow { .. } => "foreign-row",
            Self::RotatedWithoutRecord { .. } => "rotated-without-record",
            Self::ChangedHead { .. } => "changed-head",
            Self::RewrittenChain { .. } => "rewritten-chain",
            Self::UnsignedTail { .. } => "unsigned-tail",
            Self::ChangedValue { .. } => "changed-value",
        }
    }

    /// Whether the file could be read and is wrong, rather than being unreadable.
    #[must_use]
    pub fn is_tampering(&self) -> bool {
        !matches!(
            self,
            Self::Read { .. }
                | Self::LineTooLong { .. }
                | Self::Malformed { .. }
                | Self::Empty
                | Self::Newer { .. }
        )
    }
}

/// Verifies an export with nothing but public keys.
///
/// Proven by an `Ok`: the gateway of the first line signed this range at its time; the records in it are the ones
/// the device wrote, unchanged, complete but for what the device itself declares lost, and in order; each key took
/// over from the one before with its consent; every value still there is the one attested.
/// Not proven: that what was recorded is true, nor anything after the range's end.
pub fn verify(reader: impl BufRead, keys: &KeySet) -> Result<Report, VerifyError> {
    let mut lines = Lines { reader, number: 0 };
    let opening = read_opening(&mut lines)?;
    let range = &opening.export;
    if !keys.trusts_gateway(&range.gateway, &opening.key) {
        return Err(VerifyError::ForeignGateway { gateway: range.gateway.clone(), key: opening.key });
    }
    if !opening.holds() {
        return Err(VerifyError::ChangedRange);
    }

    let mut walk = Walk::new(range);
    let mut history: Vec<KeyLine> = Vec::new();
    let mut heads: Vec<CounterSigned> = Vec::new();
    while let Some((number, text)) = lines.next()? {
        let line = serde_json::from_slice(&text)
            .map_err(|error| VerifyError::ChangedLine { line: number, byte: error.column() })?;
        match line {
            Line::Key(key) => history.push(key),
            Line::Head(head) => heads.push(head),
            Line::Record(record) => walk.take(&record)?,
        }
    }
    walk.finish(&heads)?;
    Reign::of(range, history, &walk.rotations, keys, opening.key)?.check_heads(range, &heads, keys)?;
    Ok(Report {
        records: walk.hashes.len() as u64,
        erased: walk.erased,
        unknown: walk.unknown,
        lost: walk.gaps.iter().map(|gap| (gap.from, gap.to)).collect(),
        heads: heads.len() as u64,
        rotations: walk.rotations.len() as u64,
        range: opening.export,
    })
}

impl Report {
    /// The moment the gateway signed the range.
    #[must_use]
    pub fn as_of(&self) -> WallTime {
        self.range.at_wall_ms
    }
}

fn read_opening(lines: &mut Lines<impl BufRead>) -> Result<Opening, VerifyError> {
    #[derive(serde::Deserialize)]
    struct Outer {
        export: Version,
    }
    #[derive(serde::Deserialize)]
    struct Version {
        v: u32,
    }
    let (line, text) = lines.next()?.ok_or(VerifyError::Empty)?;
    let malformed = |source| VerifyError::Malformed { line, source };
    let outer: Outer = serde_json::from_slice(&text).map_err(malformed)?;
    if outer.export.v != 1 {
        return Err(VerifyError::Newer { v: outer.export.v });
    }
    serde_json::from_slice(&text).map_err(malformed)
}

/// Reads lines of bounded length.
struct Lines<R> {
    reader: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, VerifyError> {
        self.number += 1;
        let line = self.number;
        let mut bytes = Vec::new();
        io::Read::take(&mut self.reader, MAX_LINE_BYTES + 1)
            .read_until(b'\n', &mut bytes)
            .map_err(|source| VerifyError::Read { line, source })?;
        if bytes.len() as u64 > MAX_LINE_BYTES {
            return Err(VerifyError::LineTooLong { line });
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        Ok(Some((line, bytes)))
    }
}
