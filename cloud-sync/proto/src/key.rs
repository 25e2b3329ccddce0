//! Ed25519 audit keys, apart from the TLS keys: who may sign what, and how one key hands over to the next.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use prim_ids::InstanceName;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// The public keys somebody trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    devices: BTreeMap<DeviceAddress, Vec<PublicKey>>,
    gateways: BTreeMap<InstanceName, Vec<PublicKey>>,
    any_device: Vec<PublicKey>,
    any_gateway: Vec<PublicKey>,
}

/// Why a key file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "read line {line} of a key file: want \"device <org>/<device> <64 hex digits>\" or \"gateway <name> <64 hex digits>\""
)]
pub struct ParseKeySetError {
    /// The line, from 1.
    pub line: usize,
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

impl KeySet {
    /// Trusts `key` as one of `device`'s.
    pub fn trust_device(&mut self, device: DeviceAddress, key: PublicKey) {
        let keys = self.devices.entry(device).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Trusts `key` as one of the gateway's.
    pub fn trust_gateway(&mut self, gateway: InstanceName, key: PublicKey) {
        let keys = self.gateways.entry(gateway).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Trusts `key` as that of whichever device an export names, never as a gateway's.
    pub fn trust_any_device(&mut self, key: PublicKey) {
        if !self.any_device.contains(&key) {
            self.any_device.push(key);
        }
    }

    /// Trusts `key` as that of whichever gateway an export names, never as a device's.
    pub fn trust_any_gateway(&mut self, key: PublicKey) {
        if !self.any_gateway.contains(&key) {
            self.any_gateway.push(key);
        }
    }

    /// Whether `key` may sign for `device`.
    #[must_use]
    pub fn trusts_device(&self, device: &DeviceAddress, key: &PublicKey) -> bool {
        self.device(device).contains(key) || self.any_device.contains(key)
    }

    /// Whether `key` may sign for `gateway`.
    #[must_use]
    pub fn trusts_gateway(&self, gateway: &InstanceName, key: &PublicKey) -> bool {
        self.gateway(gateway).contains(key) || self.any_gateway.contains(key)
    }

    /// The trusted keys of `device`.
    #[must_use]
    pub fn device(&self, device: &DeviceAddress) -> &[PublicKey] {
        self.devices.get(device).map_or(&[], Vec::as_slice)
    }

    /// The trusted keys of `gateway`.
    #[must_use]
    pub fn gateway(&self, gateway: &InstanceName) -> &[PublicKey] {
        self.gateways.get(gateway).map_or(&[], Vec::as_slice)
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        for (device, keys) in other.devices {
            for key in keys {
                self.trust_device(device.clone(), key);
            }
        }
        for (gateway, keys) in other.gateways {
            for key in keys {
                self.trust_gateway(gateway.clone(), key);
            }
        }
        for key in other.any_device {
            self.trust_any_device(key);
        }
        for key in other.any_gateway {
            self.trust_any_gateway(key);
        }
    }
}

/// A key file: one key a line, `#` begins a comment.
///
/// ```text
/// # `*` stands for any name; the role is always said
/// device acme/room-1 d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a
/// gateway gw-1 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c
/// ```
impl FromStr for KeySet {
    type Err = ParseKeySetError;
    fn from_str(text: &str) -> Result<Self, ParseKeySetError> {
        let mut set = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<&str> = line.split_whitespace().collect();
            let bad = || ParseKeySetError { line: index + 1 };
            match words.as_slice() {
                [] => {}
                ["device", "*", key] => set.trust_any_device(key.parse().map_err(|_| bad())?),
                ["gateway", "*", key] => set.trust_any_gateway(key.parse().map_err(|_| bad())?),
                ["device", name, key] => {
                    set.trust_device(name.parse().map_err(|_| bad())?, key.parse().map_err(|_| bad())?);
                }
                ["gateway", name, key] => {
                    set.trust_gateway(name.parse().map_err(|_| bad())?, key.parse().map_err(|_| bad())?);
                }
                [..] => return Err(bad()),
            }
        }
        Ok(set)
    }
}

impl fmt::Display for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (device, keys) in &self.devices {
            for key in keys {
                writeln!(f, "device {device} {key}")?;
            }
        }
        for (gateway, keys) in &self.gateways {
            for key in keys {
                writeln!(f, "gateway {gateway} {key}")?;
            }
        }
        for key in &self.any_device {
            writeln!(f, "device * {key}")?;
        }
        for key in &self.any_gateway {
            writeln!(f, "gateway * {key}")?;
        }
        Ok(())
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
