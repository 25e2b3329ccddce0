//! What is said about people: a salted hash inside the record, salt and value beside it.
//!
//! Deleting the value and its salt leaves a hash that nobody can guess back (128 random bits per field), so a
//! person's words can be erased while the chain still verifies.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::hash::{Hash, lower_hex};

/// 128 random bits of the caller's; a fresh one for every field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 16]);

/// The place of an erasable value in a record: `{"h":"…"}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// SHA-256 over salt and value.
    pub h: Hash,
}

/// The erasable value itself, with its salt.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payload {
    /// What makes the hash unguessable.
    pub salt: Salt,
    /// What a person said or is called. Never logged.
    pub value: String,
}

/// The erasable values of one record by field name. The empty map is what erasure leaves.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, Debug)]
#[serde(transparent)]
pub struct Erasables(pub BTreeMap<String, Payload>);

/// Why erasable values do not belong to a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckErasablesError {
    /// The record has no such field.
    #[error("match erasable field {field:?}: the record has no hash under that name")]
    NoSuchField {
        /// The name that stands beside the record only.
        field: String,
    },
    /// The value is not the one that was sealed.
    #[error("match erasable field {field:?}: salt and value do not give the hash in the record")]
    Changed {
        /// The field whose value differs.
        field: String,
    },
}

/// Collects the values of one record while their hashes go into its body.
///
/// ```
/// use prim_proto::{Salt, Sealer};
/// let mut sealer = Sealer::default();
/// let name = sealer.seal("name", Salt([7; 16]), "Ana");
/// assert!(sealer.finish().opens("name", name));
/// ```
#[derive(Debug, Default)]
pub struct Sealer(Erasables);

impl Sealer {
    /// The hash to put into the body's field called `field`.
    pub fn seal(&mut self, field: &str, salt: Salt, value: &str) -> Sealed {
        let payload = Payload { salt, value: value.to_owned() };
        let sealed = payload.sealed();
        self.0.0.insert(field.to_owned(), payload);
        sealed
    }

    /// The values to carry beside the record.
    #[must_use]
    pub fn finish(self) -> Erasables {
        self.0
    }
}

impl Payload {
    /// The hash that stands for this value.
    #[must_use]
    pub fn sealed(&self) -> Sealed {
        Sealed { h: Hash::of("prim/erasable/1", &[&self.salt.0, self.value.as_bytes()]) }
    }
}

impl Erasables {
    /// Whether nothing is left to erase.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `field`, unless erased.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(|payload| payload.value.as_str())
    }

    /// Whether the value beside the record is the one that `sealed` attests.
    #[must_use]
    pub fn opens(&self, field: &str, sealed: Sealed) -> bool {
        self.0.get(field).is_some_and(|payload| payload.sealed() == sealed)
    }

    /// Checks every value against the hashes in a record's raw body; missing values count as erased.
    pub fn check_against(&self, body: &RawValue) -> Result<(), CheckErasablesError> {
        if self.is_empty() {
            return Ok(());
        }
        // Bodies are flat, so a sealed field is a key of the body whose value is `{"h":"…"}`.
        let fields: BTreeMap<String, &RawValue> = serde_json::from_str(body.get()).unwrap_or_default();
        for (field, payload) in &self.0 {
            let sealed = fields.get(field).and_then(|raw| serde_json::from_str::<Sealed>(raw.get()).ok());
            match sealed {
                None => return Err(CheckErasablesError::NoSuchField { field: field.clone() }),
                Some(sealed) if sealed != payload.sealed() => {
                    return Err(CheckErasablesError::Changed { field: field.clone() });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Compact JSON, or `None` when there is nothing to keep.
    #[must_use]
    pub fn to_json(&self) -> Option<String> {
        (!self.is_empty())
            .then(|| serde_json::to_string(self).expect("a map of strings is always valid JSON"))
    }

    /// The values from their JSON.
    pub fn from_json(json: &str) -> Result<Self, crate::ReadPayloadError> {
        serde_json::from_str(json)
            .map_err(|source| crate::ReadPayloadError::Malformed { what: "erasable values", source })
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹private›")
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹salt›")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        lower_hex(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a salt is 32 lowercase hex digits"))
    }
}
