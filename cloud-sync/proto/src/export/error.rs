//! What can be wrong with an export, each by its name.

use std::io;

use prim_ids::InstanceName;

use super::MAX_LINE_BYTES;
use crate::{DeviceAddress, DeviceKey, GatewayKey};

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
        byte: u64,
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
        key: GatewayKey,
    },
    /// Nobody said which gateway to trust.
    #[error(
        "no gateway key: the export is signed by gateway {gateway} with {key:?}, and none of the keys given is a gateway's"
    )]
    NoGatewayKey {
        /// The gateway it names.
        gateway: InstanceName,
        /// Its key, as the export says.
        key: GatewayKey,
    },
    /// Nobody said which device to trust.
    #[error(
        "no device key: the export is of device {device} with {key:?}, and none of the keys given is a device's"
    )]
    NoDeviceKey {
        /// The device it names.
        device: DeviceAddress,
        /// Its key, as the export says.
        key: DeviceKey,
    },
    /// The first line's signature does not fit.
    #[error("changed range: the first line is not what the gateway signed")]
    ChangedRange,
    /// A key line is not the signed one.
    #[error("changed key: key line {number} is not the one the gateway signed")]
    ChangedKey {
        /// The key line, from 1.
        number: usize,
    },
    /// A key line is missing.
    #[error("dropped key: key line {number} of the {signed} that the gateway signed is missing")]
    DroppedKey {
        /// The first missing key line, from 1.
        number: usize,
        /// How many were signed.
        signed: usize,
    },
    /// A key line too many.
    #[error("added key: key line {number} is not among the {signed} that the gateway signed")]
    AddedKey {
        /// The key line, from 1.
        number: usize,
        /// How many were signed.
        signed: usize,
    },
    /// The signed key lines in another order.
    #[error("swapped keys: key line {number} stands where another one was signed")]
    SwappedKeys {
        /// The first key line out of place, from 1.
        number: usize,
    },
    /// A key counts from another record than the one that brought it.
    #[error("moved key: {key:?} is listed from record {from_seq} on, it counts from record {belongs} on")]
    MovedKey {
        /// The key.
        key: DeviceKey,
        /// From where it is listed.
        from_seq: u64,
        /// From where it counts: its own record, or 1 for the first key.
        belongs: u64,
    },
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
        key: DeviceKey,
    },
    /// A new key is used without the old key's record.
    #[error(
        "rotated key without its record: from record {seq} on {key:?} is used, and the old key did not hand over to it"
    )]
    RotatedWithoutRecord {
        /// From where it is used.
        seq: u64,
        /// The new key.
        key: DeviceKey,
    },
    /// A head's signature does not fit.
    #[error("changed head: the head at record {seq} does not carry the signatures it names")]
    ChangedHead {
        /// The head's record.
        seq: u64,
    },
    /// A head is missing.
    #[error("dropped head: {found} heads stand in the file, the gateway signed {signed}")]
    DroppedHead {
        /// How many there are.
        found: u64,
        /// How many were signed.
        signed: u64,
    },
    /// A head too many.
    #[error("added head: {found} heads stand in the file, the gateway signed {signed}")]
    AddedHead {
        /// How many there are.
        found: u64,
        /// How many were signed.
        signed: u64,
    },
    /// A head stands there twice.
    #[error("repeated head: the head at record {seq} stands there again")]
    RepeatedHead {
        /// The head's record.
        seq: u64,
    },
    /// Heads stand in another order.
    #[error("swapped heads: the head at record {seq} stands behind the one at record {after}")]
    SwappedHeads {
        /// The head's record.
        seq: u64,
        /// The record of the head before it.
        after: u64,
    },
    /// As many heads, of the device and in order, but others.
    #[error("other heads: the {signed} heads in the file are not those that the gateway signed")]
    OtherHeads {
        /// How many were signed.
        signed: u64,
    },
    /// A line stands where lines of its kind do not.
    #[error(
        "misplaced line: line {line} stands too late; an export has its keys first, then the heads, then the records"
    )]
    MisplacedLine {
        /// The line, from 1.
        line: u64,
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
            Self::NoGatewayKey { .. } => "no-gateway-key",
            Self::NoDeviceKey { .. } => "no-device-key",
            Self::ChangedRange => "changed-range",
            Self::ChangedKey { .. } => "changed-key",
            Self::DroppedKey { .. } => "dropped-key",
            Self::AddedKey { .. } => "added-key",
            Self::SwappedKeys { .. } => "swapped-keys",
            Self::MovedKey { .. } => "moved-key",
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
            Self::DroppedHead { .. } => "dropped-head",
            Self::AddedHead { .. } => "added-head",
            Self::RepeatedHead { .. } => "repeated-head",
            Self::SwappedHeads { .. } => "swapped-heads",
            Self::OtherHeads { .. } => "other-heads",
            Self::MisplacedLine { .. } => "misplaced-line",
            Self::RewrittenChain { .. } => "rewritten-chain",
            Self::UnsignedTail { .. } => "unsigned-tail",
            Self::ChangedValue { .. } => "changed-value",
        }
    }

    /// Whether the file is wrong, rather than one that cannot be checked: unreadable, or without the keys for it.
    #[must_use]
    pub fn is_tampering(&self) -> bool {
        !matches!(
            self,
            Self::Read { .. }
                | Self::LineTooLong { .. }
                | Self::Malformed { .. }
                | Self::Empty
                | Self::Newer { .. }
                | Self::NoGatewayKey { .. }
                | Self::NoDeviceKey { .. }
        )
    }
}
