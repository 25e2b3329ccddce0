//! Acknowledgements: what is stored for good, and what was set aside.

use prim_ids::{EpochId, InstanceName, Stream};
use serde::{Deserialize, Serialize};

use crate::Code;

/// Everything of `stream` and `epoch` through `through_seq` is committed, or rejected for ever: the spool may
/// delete it. Sent after commit, and again on a new state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The version: 1.
    pub v: u32,
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// The last sequence number that is done with.
    pub through_seq: u64,
    /// What of it was stored as rejected.
    pub rejected: Vec<Rejection>,
    /// Who committed it.
    pub gateway: InstanceName,
}

/// Sequence numbers that were stored as rejected: kept, but not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// Why.
    pub reason: Code,
}

/// Why a small payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadPayloadError {
    /// Longer than any such payload.
    #[error("read {what} of {bytes} bytes: the limit is {limit}")]
    TooLong {
        /// Which payload.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not JSON of this shape.
    #[error("read {what}")]
    Malformed {
        /// Which payload.
        what: &'static str,
        /// What the JSON reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A version this reader does not know; keep the bytes.
    #[error("read {what} of version {v}: this reader knows 1")]
    Newer {
        /// Which payload.
        what: &'static str,
        /// Its version.
        v: u32,
    },
}

/// The longest small payload: an acknowledgement with a thousand rejections fits.
const MAX_SMALL_BYTES: usize = 128 * 1024;

/// Reads a small payload: size, then version, then shape; unknown fields are ignored.
pub(crate) fn read_small<T: serde::de::DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, ReadPayloadError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    if bytes.len() > MAX_SMALL_BYTES {
        return Err(ReadPayloadError::TooLong { what, bytes: bytes.len(), limit: MAX_SMALL_BYTES });
    }
    let malformed = |source| ReadPayloadError::Malformed { what, source };
    let Version { v } = serde_json::from_slice(bytes).map_err(malformed)?;
    if v != 1 {
        return Err(ReadPayloadError::Newer { what, v });
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

impl Ack {
    /// The payload's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an acknowledgement holds only strings and integers")
    }

    /// The acknowledgement from its bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadPayloadError> {
        read_small("an acknowledgement", bytes)
    }
}
