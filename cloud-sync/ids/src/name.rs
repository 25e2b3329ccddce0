//! Names that stand in certificates and MQTT topics: `<org>/<device>`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

/// Why a string cannot be a name in a topic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read {kind} from {text:?}: use 1 to 40 of a-z, 0-9 and '-', beginning with a letter")]
pub struct ParseNameError {
    kind: &'static str,
    text: String,
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = ParseNameError;
            fn from_str(s: &str) -> Result<Self, ParseNameError> {
                let fits = (1..=40).contains(&s.len())
                    && s.starts_with(|c: char| c.is_ascii_lowercase())
                    && s.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
                if fits {
                    Ok(Self(s.to_owned()))
                } else {
                    Err(ParseNameError { kind: stringify!($name), text: s.chars().take(60).collect() })
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

names! {
    /// The organisation's name in topics and certificates.
    OrgName,
    /// The device's name in topics and certificates, unique within its organisation.
    DeviceName,
    /// One running copy of the gateway.
    InstanceName,
}
