//! What an uplink needs to know.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use prim_ids::{BootId, MonoTime, WallTime};
use prim_proto::{AuditKey, Code, DeviceAddress};

/// Where the broker is and how to prove who we are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerConfig {
    /// Name or address; the broker's certificate must name it.
    pub host: String,
    /// The TLS port.
    pub port: u16,
    /// PEM file of the authority that signed the broker's certificate.
    pub ca: PathBuf,
    /// PEM file of this device's certificate, whose name is `<org>/<device>`.
    pub cert: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// How long a connection may take, handshakes included.
    pub connect_limit: Duration,
    /// A silent broker is asked after this long and given up after one and a half times.
    pub keep_alive: Duration,
}

impl BrokerConfig {
    /// 10 s to connect (a handshake over a bad link takes 3), 10 s of keep-alive (a cut link is noticed in 15).
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, ca: PathBuf, cert: PathBuf, key: PathBuf) -> Self {
        let ten_seconds = Duration::from_secs(10);
        Self { host: host.into(), port, ca, cert, key, connect_limit: ten_seconds, keep_alive: ten_seconds }
    }
}

/// Two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since boot.
    pub mono: MonoTime,
    /// For people, when it is known.
    pub wall: Option<WallTime>,
}

/// Gives the time; the uplink reads no clock itself.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Now + Send + Sync>);

impl Clock {
    /// A clock that calls `now`.
    pub fn new(now: impl Fn() -> Now + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Now {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// What an uplink needs to know.
#[derive(Debug, Clone)]
pub struct UplinkConfig {
    /// This device.
    pub device: DeviceAddress,
    /// This boot.
    pub boot: BootId,
    /// The broker.
    pub broker: BrokerConfig,
    /// Signs batches and heads.
    pub audit_key: Arc<AuditKey>,
    /// A change to this key stands in the audit at this number and no gateway has it yet: it goes before everything else.
    pub key_changed_at: Option<u64>,
    /// What this device can do, shown in its state.
    pub capabilities: Vec<Code>,
    /// The first connection's session number. It must be above every number used before: the wall clock's
    /// milliseconds at start serve; a clock set back is noticed by the broker's retained state and repaired.
    pub first_session: u64,
    /// The time.
    pub clock: Clock,
    /// Waits between attempts and for acknowledgements.
    pub timing: crate::sync::Timing,
}
