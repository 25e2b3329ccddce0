//! The public keys somebody trusts, each in its role, and the file that lists them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use prim_ids::InstanceName;

use super::{DeviceKey, GatewayKey, PublicKey};
use crate::DeviceAddress;

/// The public keys somebody trusts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySet {
    devices: BTreeMap<DeviceAddress, Vec<DeviceKey>>,
    gateways: BTreeMap<InstanceName, Vec<GatewayKey>>,
    any_device: Vec<DeviceKey>,
    any_gateway: Vec<GatewayKey>,
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

impl KeySet {
    /// Trusts `key` as one of `device`'s.
    pub fn trust_device(&mut self, device: DeviceAddress, key: DeviceKey) {
        let keys = self.devices.entry(device).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Trusts `key` as one of the gateway's.
    pub fn trust_gateway(&mut self, gateway: InstanceName, key: GatewayKey) {
        let keys = self.gateways.entry(gateway).or_default();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }

    /// Trusts `key` as that of whichever device an export names.
    pub fn trust_any_device(&mut self, key: DeviceKey) {
        if !self.any_device.contains(&key) {
            self.any_device.push(key);
        }
    }

    /// Trusts `key` as that of whichever gateway an export names.
    pub fn trust_any_gateway(&mut self, key: GatewayKey) {
        if !self.any_gateway.contains(&key) {
            self.any_gateway.push(key);
        }
    }

    /// Whether `key` may sign for `device`.
    #[must_use]
    pub fn trusts_device(&self, device: &DeviceAddress, key: &DeviceKey) -> bool {
        self.device(device).contains(key) || self.any_device.contains(key)
    }

    /// Whether `key` may sign for `gateway`.
    #[must_use]
    pub fn trusts_gateway(&self, gateway: &InstanceName, key: &GatewayKey) -> bool {
        self.gateway(gateway).contains(key) || self.any_gateway.contains(key)
    }

    /// The trusted keys of `device`.
    #[must_use]
    pub fn device(&self, device: &DeviceAddress) -> &[DeviceKey] {
        self.devices.get(device).map_or(&[], Vec::as_slice)
    }

    /// The trusted keys of `gateway`.
    #[must_use]
    pub fn gateway(&self, gateway: &InstanceName) -> &[GatewayKey] {
        self.gateways.get(gateway).map_or(&[], Vec::as_slice)
    }

    /// Whether any key of any device is trusted.
    #[must_use]
    pub fn names_a_device(&self) -> bool {
        !self.devices.is_empty() || !self.any_device.is_empty()
    }

    /// Whether any key of any gateway is trusted.
    #[must_use]
    pub fn names_a_gateway(&self) -> bool {
        !self.gateways.is_empty() || !self.any_gateway.is_empty()
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

fn public(key: &str, bad: impl Fn() -> ParseKeySetError) -> Result<PublicKey, ParseKeySetError> {
    key.parse().map_err(|_| bad())
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
                ["device", "*", key] => set.trust_any_device(public(key, bad)?.of_device()),
                ["gateway", "*", key] => set.trust_any_gateway(public(key, bad)?.of_gateway()),
                ["device", name, key] => {
                    set.trust_device(name.parse().map_err(|_| bad())?, public(key, bad)?.of_device());
                }
                ["gateway", name, key] => {
                    set.trust_gateway(name.parse().map_err(|_| bad())?, public(key, bad)?.of_gateway());
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
