//! The two roles a public key can have, as types.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PublicKey, Signature};
use crate::Hash;

/// A public key that may sign for a device and nothing else: heads, batches, the handover to the next key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceKey(PublicKey);

/// A public key that may sign for a gateway and nothing else: counter-signatures and the opening of an export.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GatewayKey(PublicKey);

/// What the two roles have in common. Neither passes for the other: that takes saying the role anew.
macro_rules! role {
    ($name:ident) => {
        impl $name {
            /// The key without its role.
            #[must_use]
            pub fn public(self) -> PublicKey {
                self.0
            }

            pub(crate) fn signed(&self, digest: Hash, sig: &Signature) -> bool {
                self.0.signed(digest, sig)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

role!(DeviceKey);
role!(GatewayKey);

impl PublicKey {
    /// The key in the role of a device's.
    #[must_use]
    pub fn of_device(self) -> DeviceKey {
        DeviceKey(self)
    }

    /// The key in the role of a gateway's.
    #[must_use]
    pub fn of_gateway(self) -> GatewayKey {
        GatewayKey(self)
    }
}
