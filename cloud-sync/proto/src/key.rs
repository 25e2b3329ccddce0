//! Ed25519 audit keys, apart from the TLS keys: who may sign what, and how one key hands over to the next.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod roles;
mod set;

pub use roles::{DeviceKey, GatewayKey};
pub use set::{KeySet, ParseKeySetError};

use crate::hash::lower_hex;
use crate::{DeviceAddress, Hash};

/// A public audit key; 64 lowercase hex digits in every format. Its bytes are a point of the curve.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// An Ed25519 signature; 128 lowercase hex digits in every format.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// The private audit key of a device or a gateway.
pub struct AuditKey(SigningKey);

/// The old key's consent to the new one; stands in the record `key.rotated`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The key that signed until now.
    pub old: PublicKey,
    /// The key that signs from here on.
    pub new: PublicKey,
    /// By the old key.
    pub sig: Signature,
}

impl AuditKey {
    /// The key made from 32 random bytes.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.0.verifying_key().into()
    }

    /// This key's consent to `new` for `device`.
    #[must_use]
    pub fn rotate_to(&self, device: &DeviceAddress, new: PublicKey) -> Rotation {
        let old = self.public();
        Rotation { old, new, sig: self.sign(rotation_digest(device, old, new)) }
    }

    pub(crate) fn sign(&self, digest: Hash) -> Signature {
        Signature(self.0.sign(&digest.0).to_bytes())
    }
}

impl From<SigningKey> for AuditKey {
    fn from(key: SigningKey) -> Self {
        Self(key)
    }
}

impl Rotation {
    /// Whether the old key signed this hand-over for `device`.
    #[must_use]
    pub fn holds_for(&self, device: &DeviceAddress) -> bool {
        self.old.signed(rotation_digest(device, self.old, self.new), &self.sig)
    }
}

fn rotation_digest(device: &DeviceAddress, old: PublicKey, new: PublicKey) -> Hash {
    Hash::of("prim/rotation/1", &[device.to_string().as_bytes(), &old.0, &new.0])
}

impl PublicKey {
    /// The key from its 32 bytes; `None` when they are no point of the curve.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(bytes).ok().map(Self::from)
    }

    /// The key from a `PUBLIC KEY` block in PEM.
    #[must_use]
    pub fn from_pem(text: &str) -> Option<Self> {
        use ed25519_dalek::pkcs8::DecodePublicKey;
        VerifyingKey::from_public_key_pem(text.trim()).ok().map(Self::from)
    }

    /// The key's 32 bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0
    }

    /// Whether this key made `sig` over `digest`; malleable signatures and weak keys do not count.
    pub(crate) fn signed(&self, digest: Hash, sig: &Signature) -> bool {
        let sig = ed25519_dalek::Signature::from_bytes(&sig.0);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(&digest.0, &sig).is_ok())
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key.to_bytes())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {}…", hex::encode(&self.0[..6]))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sig {}…", hex::encode(&self.0[..6]))
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "private half of {:?}", self.public())
    }
}

/// A string that is not 64 lowercase hex digits of a point on the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read a public key: want the 64 lowercase hex digits of an Ed25519 key")]
pub struct ParsePublicKeyError;

impl FromStr for PublicKey {
    type Err = ParsePublicKeyError;
    fn from_str(s: &str) -> Result<Self, ParsePublicKeyError> {
        lower_hex(s).and_then(|bytes| Self::from_bytes(&bytes)).ok_or(ParsePublicKeyError)
    }
}

impl Serialize for PublicKey {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        lower_hex(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a signature is 128 lowercase hex digits"))
    }
}
