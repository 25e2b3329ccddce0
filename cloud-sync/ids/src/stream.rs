//! The six streams a device sends up, each with its own sequence and chain.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What kind of record a stream carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stream {
    /// What Prim did and with whose permission. Never dropped.
    Audit,
    /// What people said, after consent.
    Utterance,
    /// Notes, decisions and actions as operations.
    Note,
    /// What happened to the device.
    Event,
    /// What was used, for billing.
    Usage,
    /// Measured numbers.
    Metric,
}

/// A string that names no stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read a stream from {text:?}: use audit, utterance, note, event, usage or metric")]
pub struct ParseStreamError {
    text: String,
}

impl Stream {
    /// Every stream, the most precious first.
    pub const ALL: [Self; 6] =
        [Self::Audit, Self::Note, Self::Utterance, Self::Event, Self::Usage, Self::Metric];

    /// The stream's name in topics, records and files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Utterance => "utterance",
            Self::Note => "note",
            Self::Event => "event",
            Self::Usage => "usage",
            Self::Metric => "metric",
        }
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Stream {
    type Err = ParseStreamError;
    fn from_str(s: &str) -> Result<Self, ParseStreamError> {
        Self::ALL
            .into_iter()
            .find(|stream| stream.as_str() == s)
            .ok_or_else(|| ParseStreamError { text: s.chars().take(60).collect() })
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Stream {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
