//! Heads: "my stream reaches to here", signed by the device, counter-signed by the gateway.

use prim_ids::{BootId, DeviceName, EpochId, InstanceName, MonoTime, OrgName, WallTime};
use serde::{Deserialize, Serialize};

use crate::{AuditKey, DeviceAddress, DeviceKey, GatewayKey, Hash, Signature, Stream};

/// How far a stream reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The head's version: 1.
    pub v: u32,
    /// The organisation.
    pub org: OrgName,
    /// The device.
    pub device: DeviceName,
    /// The boot that `at_mono_ms` counts from.
    pub boot: BootId,
    /// The stream.
    pub stream: Stream,
    /// The spool's life.
    pub epoch: EpochId,
    /// The last sequence number.
    pub seq: u64,
    /// The hash of that record.
    pub hash: Hash,
    /// When the head was signed.
    pub at_mono_ms: MonoTime,
}

/// A head with the device's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedHead {
    /// What is signed.
    pub head: Head,
    /// The device's audit key.
    pub key: DeviceKey,
    /// By that key.
    pub sig: Signature,
}

/// A signed head that a gateway has seen and kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterSigned {
    /// What the device signed.
    pub signed: SignedHead,
    /// The gateway.
    pub gateway: InstanceName,
    /// When it saw the head.
    pub at_wall_ms: WallTime,
    /// The gateway's audit key.
    pub key: GatewayKey,
    /// By that key.
    pub sig: Signature,
}

/// Why a head does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckHeadError {
    /// The device's signature does not fit.
    #[error("check the head at {seq}: the signature of key {key} does not fit")]
    Signature {
        /// Its place.
        seq: u64,
        /// The key it names.
        key: DeviceKey,
    },
    /// The gateway's signature does not fit.
    #[error("check the counter-signature of gateway {gateway} on the head at {seq}: it does not fit")]
    CounterSignature {
        /// Its place.
        seq: u64,
        /// The gateway it names.
        gateway: InstanceName,
    },
}

impl Head {
    /// The device it speaks for.
    #[must_use]
    pub fn address(&self) -> DeviceAddress {
        DeviceAddress { org: self.org.clone(), device: self.device.clone() }
    }

    /// The head with the device's signature.
    #[must_use]
    pub fn sign(self, key: &AuditKey) -> SignedHead {
        let sig = key.sign(self.digest());
        SignedHead { head: self, key: key.public().of_device(), sig }
    }

    fn digest(&self) -> Hash {
        let json = serde_json::to_vec(self).expect("a head holds only strings and integers");
        Hash::of("prim/head/1", &[&json])
    }
}

impl SignedHead {
    /// Whether the named key made the signature. Whether that key is the device's is the caller's question.
    pub fn check(&self) -> Result<(), CheckHeadError> {
        if self.key.signed(self.head.digest(), &self.sig) {
            Ok(())
        } else {
            Err(CheckHeadError::Signature { seq: self.head.seq, key: self.key })
        }
    }

    /// The head with the gateway's signature under the device's.
    #[must_use]
    pub fn counter_sign(self, gateway: InstanceName, at: WallTime, key: &AuditKey) -> CounterSigned {
        let sig = key.sign(counter_digest(&self, &gateway, at));
        CounterSigned { signed: self, gateway, at_wall_ms: at, key: key.public().of_gateway(), sig }
    }
}

impl CounterSigned {
    /// Whether both named keys made their signatures.
    pub fn check(&self) -> Result<(), CheckHeadError> {
        self.signed.check()?;
        if self.key.signed(counter_digest(&self.signed, &self.gateway, self.at_wall_ms), &self.sig) {
            Ok(())
        } else {
            Err(CheckHeadError::CounterSignature { seq: self.signed.head.seq, gateway: self.gateway.clone() })
        }
    }
}

fn counter_digest(signed: &SignedHead, gateway: &InstanceName, at: WallTime) -> Hash {
    let json = serde_json::to_vec(&(signed, gateway, at)).expect("a head holds only strings and integers");
    Hash::of("prim/counter-signed-head/1", &[&json])
}
