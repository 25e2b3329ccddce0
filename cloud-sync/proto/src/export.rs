//! Exports: a chain as JSON lines, which `prim audit verify` checks with nothing but public keys.
//!
//! Line 1 is a [`Opening`]: the range, its last hash, the hash of each key line, number and hash of the heads, signed by
//! the gateway with the time. Then the keys the device has used ([`Line::Key`]), the heads it signed ([`Line::Head`])
//! and the records ([`Line::Record`]) in order. Every line stands as its `encode` writes it, byte for byte. An export
//! proves that nothing in the range was changed, removed or reordered since the device wrote it, and that the gateway
//! held it so at its time. It does not prove that what was recorded is true.

use prim_ids::{DeviceName, EpochId, InstanceName, OrgName, Stream, WallTime};
use serde::{Deserialize, Serialize};

mod error;
mod heads;
mod keys;
mod lines;
mod listed;
mod verify;
mod walk;

pub use error::VerifyError;
pub use lines::MAX_LINE_BYTES;
pub use verify::{Report, verify};

use crate::{
    AuditKey, CounterSigned, DeviceAddress, DeviceKey, Erasables, GatewayKey, Hash, Rotation, Signature,
};

/// What the first line's signature covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The version: 1.
    pub v: u32,
    /// The organisation.
    pub org: OrgName,
    /// The device.
    pub device: DeviceName,
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// The first sequence number.
    pub from: u64,
    /// The last sequence number.
    pub to: u64,
    /// The hash before the first; zero when `from` is 1.
    pub before: Hash,
    /// The hash of the last.
    pub head: Hash,
    /// The hash of each key line in order ([`KeyLine::digest`]), so that none can be changed, dropped, added or moved.
    pub keys: Vec<Hash>,
    /// The head lines, so that none can be dropped, added, repeated or moved either.
    pub heads: HeadList,
    /// When the export was made: it verifies "as of" then.
    pub at_wall_ms: WallTime,
    /// By which gateway.
    pub gateway: InstanceName,
}

/// The head lines as the opening names them: a device signs a head per batch, too many to name one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadList {
    /// How many.
    pub count: u64,
    /// Over the canonical JSON of each in order.
    pub digest: Hash,
}

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// What is signed.
    pub export: Range,
    /// The gateway's audit key.
    pub key: GatewayKey,
    /// By that key.
    pub sig: Signature,
}

/// Every line after the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Line {
    /// A key the device signed with, in order of use.
    Key(KeyLine),
    /// A head the device signed and the gateway kept.
    Head(CounterSigned),
    /// A record.
    Record(RecordLine),
}

/// A key and from where it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    /// The key.
    pub key: DeviceKey,
    /// The first record it may sign a head at: 1 for the first key, else that of its `key.rotated` record.
    pub from_seq: u64,
    /// The old key's consent; `null` for the first key.
    pub rotation: Option<Rotation>,
}

/// A record as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordLine {
    /// The raw record.
    pub r: String,
    /// Its hash.
    pub h: Hash,
    /// The erasable values beside it; empty after erasure or when there are none.
    pub e: Erasables,
}

impl Range {
    /// The device whose chain it is.
    #[must_use]
    pub fn address(&self) -> DeviceAddress {
        DeviceAddress { org: self.org.clone(), device: self.device.clone() }
    }

    /// The first line of the export.
    #[must_use]
    pub fn sign(self, key: &AuditKey) -> Opening {
        let sig = key.sign(self.digest());
        Opening { export: self, key: key.public().of_gateway(), sig }
    }

    fn digest(&self) -> Hash {
        let json = serde_json::to_vec(self).expect("a range holds only strings and integers");
        Hash::of("prim/export/1", &[&json])
    }
}

impl HeadList {
    /// Of these heads, in this order.
    #[must_use]
    pub fn of(heads: &[CounterSigned]) -> Self {
        let json = |head| serde_json::to_vec(head).expect("a head holds only strings and integers");
        let lines: Vec<Vec<u8>> = heads.iter().map(json).collect();
        let parts: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        Self { count: heads.len() as u64, digest: Hash::of("prim/export-heads/1", &parts) }
    }
}

impl KeyLine {
    /// What the opening says of this line: the hash of its canonical JSON.
    #[must_use]
    pub fn digest(&self) -> Hash {
        let json = serde_json::to_vec(self).expect("a key line holds only strings and integers");
        Hash::of("prim/export-key/1", &[&json])
    }
}

impl Opening {
    /// Whether the named key made the signature. Whether that key is the gateway's is the caller's question.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.key.signed(self.export.digest(), &self.sig)
    }

    /// The line without its end.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("an opening holds only strings and integers")
    }
}

impl Line {
    /// The line without its end.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("an export's line holds only strings and integers")
    }
}
