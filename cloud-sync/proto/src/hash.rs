//! SHA-256 with a domain for every use, so that a hash made for one purpose never passes for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// A SHA-256 digest; 64 lowercase hex digits in every format.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; 32]);

/// A string that is not 64 lowercase hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read a hash: want 64 lowercase hex digits")]
pub struct ParseHashError;

impl Hash {
    /// What stands before the first record of a stream.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of `parts` under `domain`; each part is preceded by its length, so that parts cannot shift.
    #[must_use]
    pub(crate) fn of(domain: &str, parts: &[&[u8]]) -> Self {
        let mut sha = Sha256::new();
        sha.update(domain.as_bytes());
        sha.update([0]);
        for part in parts {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        }
        Self(sha.finalize().into())
    }
}

/// The hash of a record: over the hash before it and its own raw bytes.
#[must_use]
pub fn link(prev: Hash, raw: &[u8]) -> Hash {
    Hash::of("prim/record/1", &[&prev.0, raw])
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", hex::encode(&self.0[..6]))
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;
    fn from_str(s: &str) -> Result<Self, ParseHashError> {
        lower_hex(s).map(Self).ok_or(ParseHashError)
    }
}

/// `N` bytes from exactly `2 N` lowercase hex digits: one spelling per value.
pub(crate) fn lower_hex<const N: usize>(s: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if s.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    hex::decode_to_slice(s, &mut bytes).ok()?;
    Some(bytes)
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
