//! Batches: records on the wire, signed by the device.
//!
//! The signature covers the topic and everything in the batch, so a batch replayed under another device's topic
//! does not verify. Raw records travel as strings: no JSON writer on the way can touch their bytes.

use prim_ids::{BootId, DeviceName, EpochId, MonoTime, OrgName, Stream, WallTime};
use serde::{Deserialize, Serialize};

use crate::record::check_erasables;
use crate::{
    AuditKey, ChainFields, DeviceAddress, Erasables, Hash, PublicKey, ReadRecordError, Signature, SignedHead,
    Topic, link,
};

/// The largest payload: what the broker is told to accept.
pub const MAX_BATCH_BYTES: usize = 256 * 1024;

/// The most records in one batch.
pub const MAX_BATCH_ROWS: usize = 500;

/// The most erasable JSON beside one record. With a record of [`crate::MAX_RECORD_BYTES`], whose quotes double
/// in a string, it still fits a batch: 2 × 64 + 64 + frame < 256 KiB.
pub const MAX_ERASABLE_BYTES: usize = 64 * 1024;

/// What keys, head and signatures need at most, beside the rows.
const FRAME_BYTES: usize = 2048;

/// One record on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchRow {
    /// The raw record.
    pub r: String,
    /// The erasable values beside it; empty after erasure.
    pub e: Erasables,
}

/// What a batch's signature covers, beside the topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchContents {
    /// The version: 1.
    pub v: u32,
    /// The organisation.
    pub org: OrgName,
    /// The device.
    pub device: DeviceName,
    /// The boot it is sent from.
    pub boot: BootId,
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// The sequence number of the first row.
    pub seq: u64,
    /// When it was sent.
    pub sent_at_mono_ms: MonoTime,
    /// When it was sent, for people; with the record's own mono times it dates them.
    pub sent_at_wall_ms: Option<WallTime>,
    /// The records, in order of sequence; numbers may be missing only where a hole record says so.
    pub rows: Vec<BatchRow>,
    /// The head at the last row, signed apart so that it can be kept without the batch.
    pub head: SignedHead,
}

/// A signed batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// What is signed.
    pub contents: BatchContents,
    /// The device's audit key.
    pub key: PublicKey,
    /// By that key.
    pub sig: Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    batch: BatchContents,
    key: PublicKey,
    sig: Signature,
}

/// Why a batch cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SignBatchError {
    /// It would break its own rules.
    #[error("sign a batch that nobody could read")]
    Unreadable {
        /// Which rule.
        #[source]
        source: ReadBatchError,
    },
}

/// Why bytes are no batch.
#[derive(Debug, thiserror::Error)]
pub enum ReadBatchError {
    /// More than [`MAX_BATCH_BYTES`].
    #[error("read a batch of {bytes} bytes: the limit is {MAX_BATCH_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A version this reader does not know: park the bytes.
    #[error("read a batch of version {v}: this reader knows 1")]
    Newer {
        /// Its version.
        v: u32,
    },
    /// Not JSON of this shape.
    #[error("read a batch")]
    Malformed {
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// No rows.
    #[error("read a batch without records")]
    Empty,
    /// More than [`MAX_BATCH_ROWS`].
    #[error("read a batch of {rows} records: the limit is {MAX_BATCH_ROWS}")]
    TooManyRows {
        /// How many.
        rows: usize,
    },
    /// A record that is none.
    #[error("read row {index} of a batch")]
    Row {
        /// Its place in the batch, from 0.
        index: usize,
        /// What is wrong.
        #[source]
        source: ReadRecordError,
    },
    /// A record of another stream or epoch.
    #[error("read row {index} of a batch: its stream or epoch is not the batch's")]
    Elsewhere {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// The sequence does not rise from the batch's own number.
    #[error("read row {index} of a batch: sequence number {seq} does not follow {after}")]
    Order {
        /// Its place in the batch, from 0.
        index: usize,
        /// Its number.
        seq: u64,
        /// The number before.
        after: u64,
    },
    /// Erasable values longer than [`MAX_ERASABLE_BYTES`].
    #[error("read row {index} of a batch: its erasable values are longer than {MAX_ERASABLE_BYTES} bytes")]
    ErasablesTooLong {
        /// Its place in the batch, from 0.
        index: usize,
    },
    /// The head is not the last row's.
    #[error("read the head of a batch: it does not name the batch's last record")]
    Head,
}

/// Why a batch is not what it claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyBatchError {
    /// The batch was made for another topic.
    #[error("verify a batch under topic {topic}: it says it comes from {device}, stream {stream}")]
    Topic {
        /// Where it arrived.
        topic: String,
        /// What it says.
        device: DeviceAddress,
        /// What it says.
        stream: Stream,
    },
    /// Signed by a key that is not the device's.
    #[error("verify a batch: {key:?} is no key of {device}")]
    ForeignKey {
        /// The key.
        key: PublicKey,
        /// The device.
        device: DeviceAddress,
    },
    /// The signature does not fit the contents.
    #[error("verify a batch of {device}: the signature does not fit")]
    Signature {
        /// The device.
        device: DeviceAddress,
    },
}

impl BatchContents {
    /// The topic the batch belongs under.
    #[must_use]
    pub fn topic(&self) -> Topic {
        Topic::Up { from: self.address(), stream: self.stream }
    }

    /// The device that sends it.
    #[must_use]
    pub fn address(&self) -> DeviceAddress {
        DeviceAddress { org: self.org.clone(), device: self.device.clone() }
    }

    /// Signs the batch for its topic.
    pub fn sign(self, key: &AuditKey) -> Result<Batch, SignBatchError> {
        let sig = key.sign(self.digest());
        let batch = Batch { contents: self, key: key.public(), sig };
        let bytes = batch.encode().len();
        let readable = if bytes > MAX_BATCH_BYTES {
            Err(ReadBatchError::TooLong { bytes })
        } else {
            batch.check_shape()
        };
        readable.map_err(|source| SignBatchError::Unreadable { source })?;
        Ok(batch)
    }

    fn digest(&self) -> Hash {
        let json = serde_json::to_vec(self).expect("a batch holds only strings and integers");
        Hash::of("prim/batch/1", &[self.topic().to_string().as_bytes(), &json])
    }
}

impl Batch {
    /// The payload's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct WireRef<'a> {
            batch: &'a BatchContents,
            key: PublicKey,
            sig: Signature,
        }
        let wire = WireRef { batch: &self.contents, key: self.key, sig: self.sig };
        serde_json::to_vec(&wire).expect("a batch holds only strings and integers")
    }

    /// The batch from its bytes: size, version, shape, then that its rows belong together. Says nothing about
    /// who signed it; see [`Batch::verify`].
    pub fn read(bytes: &[u8]) -> Result<Self, ReadBatchError> {
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        #[derive(Deserialize)]
        struct Outer {
            batch: Version,
        }
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(ReadBatchError::TooLong { bytes: bytes.len() });
        }
        let malformed = |source| ReadBatchError::Malformed { source };
        let Outer { batch: Version { v } } = serde_json::from_slice(bytes).map_err(malformed)?;
        if v != 1 {
            return Err(ReadBatchError::Newer { v });
        }
        let wire: Wire = serde_json::from_slice(bytes).map_err(malformed)?;
        let batch = Self { contents: wire.batch, key: wire.key, sig: wire.sig };
        batch.check_shape()?;
        Ok(batch)
    }

    /// Checks that the batch came under its own topic, is signed by one of `keys`, and that its head is too.
    pub fn verify(&self, topic: &Topic, keys: &[PublicKey]) -> Result<(), VerifyBatchError> {
        let contents = &self.contents;
        let device = contents.address();
        if *topic != contents.topic() {
            return Err(VerifyBatchError::Topic {
                topic: topic.to_string(),
                device,
                stream: contents.stream,
            });
        }
        for key in [self.key, contents.head.key.public()] {
            if !keys.contains(&key) {
                return Err(VerifyBatchError::ForeignKey { key, device });
            }
        }
        if !self.key.signed(contents.digest(), &self.sig) || contents.head.check().is_err() {
            return Err(VerifyBatchError::Signature { device });
        }
        Ok(())
    }

    fn check_shape(&self) -> Result<(), ReadBatchError> {
        let contents = &self.contents;
        if contents.rows.is_empty() {
            return Err(ReadBatchError::Empty);
        }
        if contents.rows.len() > MAX_BATCH_ROWS {
            return Err(ReadBatchError::TooManyRows { rows: contents.rows.len() });
        }
        let mut after = contents.seq.saturating_sub(1);
        let mut last = (0, Hash::ZERO);
        for (index, row) in contents.rows.iter().enumerate() {
            let chain = row.check(index)?;
            if chain.stream != contents.stream || chain.epoch != contents.epoch {
                return Err(ReadBatchError::Elsewhere { index });
            }
            if chain.seq <= after || (index == 0 && chain.seq != contents.seq) {
                return Err(ReadBatchError::Order { index, seq: chain.seq, after });
            }
            after = chain.seq;
            last = (chain.seq, link(chain.prev, row.r.as_bytes()));
        }
        let head = &contents.head.head;
        let same_place = head.org == contents.org && head.device == contents.device && head.v == 1;
        let same_chain = head.stream == contents.stream && head.epoch == contents.epoch;
        if !same_place || !same_chain || (head.seq, head.hash) != last {
            return Err(ReadBatchError::Head);
        }
        Ok(())
    }
}

impl BatchRow {
    fn check(&self, index: usize) -> Result<ChainFields, ReadBatchError> {
        if self.r.len() > crate::MAX_RECORD_BYTES {
            let source = ReadRecordError::TooLong { bytes: self.r.len() };
            return Err(ReadBatchError::Row { index, source });
        }
        if self.e.to_json().is_some_and(|json| json.len() > MAX_ERASABLE_BYTES) {
            return Err(ReadBatchError::ErasablesTooLong { index });
        }
        let row = |source| ReadBatchError::Row { index, source };
        let chain = ChainFields::of(&self.r).map_err(row)?;
        check_erasables(&self.r, chain.seq, &self.e).map_err(row)?;
        Ok(chain)
    }
}

/// Counts rows into a batch until the next would not fit.
#[derive(Debug, Clone, Default)]
pub struct Packer {
    rows: usize,
    bytes: usize,
}

impl Packer {
    /// Whether a row of these sizes still fits; if so it is counted. A first row always fits when it keeps
    /// [`crate::MAX_RECORD_BYTES`] and [`MAX_ERASABLE_BYTES`].
    pub fn add(&mut self, raw: &str, erasables_json_bytes: usize) -> bool {
        // In a JSON string each quote and backslash of the raw record takes two bytes.
        let escapes = raw.bytes().filter(|b| matches!(b, b'"' | b'\\')).count();
        let row = raw.len() + escapes + erasables_json_bytes + 32;
        let fits = self.rows < MAX_BATCH_ROWS && FRAME_BYTES + self.bytes + row <= MAX_BATCH_BYTES;
        if fits {
            self.rows += 1;
            self.bytes += row;
        }
        fits
    }
}
