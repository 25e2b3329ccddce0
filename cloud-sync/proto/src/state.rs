//! Presence: of a device, of a gateway.

use prim_ids::{BootId, InstanceName, WallTime};
use serde::{Deserialize, Serialize};

use crate::ack::read_small;
use crate::{Code, ReadPayloadError};

/// Whether a device is there. Retained; with `online: false` it is also the device's will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The version: 1.
    pub v: u32,
    /// Whether it is there.
    pub online: bool,
    /// Grows with every connection: a late will of an older session is told by its number.
    pub session: u64,
    /// The boot it runs in.
    pub boot: BootId,
    /// The oldest protocol it speaks.
    pub proto_min: u32,
    /// The newest protocol it speaks.
    pub proto_max: u32,
    /// What it can do.
    pub capabilities: Vec<Code>,
    /// Do not disturb before.
    pub busy_until: Option<WallTime>,
}

/// Whether a gateway is there. Retained; with `online: false` it is also the gateway's will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayPresence {
    /// The version: 1.
    pub v: u32,
    /// Which gateway.
    pub instance: InstanceName,
    /// Whether it takes batches.
    pub online: bool,
    /// Grows with every connection.
    pub session: u64,
}

impl State {
    /// The payload's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a state holds only strings and integers")
    }

    /// The state from its bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadPayloadError> {
        read_small("a device's state", bytes)
    }
}

impl GatewayPresence {
    /// The payload's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a presence holds only strings and integers")
    }

    /// The presence from its bytes.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadPayloadError> {
        read_small("a gateway's presence", bytes)
    }
}
