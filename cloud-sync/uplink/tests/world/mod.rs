//! A device, a real broker, a small gateway and a proxy that can be cut.

pub(crate) mod gateway;
pub(crate) mod proxy;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use prim_bed::{Mosquitto, MosquittoOptions, World as Certificates};
use prim_identity::{Identity, IdentityFiles, write_public};
use prim_ids::{BootId, EpochId, MonoTime, Stream, WallTime};
use prim_proto::{AuditKey, Body, DeviceAddress, Draft, Erasables, Event, Hash, Metric};
use prim_spool::{Encoded, Limits, Moment, Spool};
use prim_uplink::sync::Timing;
use prim_uplink::{BrokerConfig, Clock, Now, Uplink, UplinkConfig, UplinkEvent, UplinkHandle};
use tokio::sync::mpsc::Receiver;

/// Longer than anything here takes on a loaded machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < until, "{what} did not happen within {} s", SOON.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A broker with its authority, in a folder of its own.
pub(crate) struct World {
    pub(crate) broker: Mosquitto,
    pub(crate) certificates: Certificates,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let certificates = Certificates::create().expect("certificates can be made");
        Self::with_broker_identity(certificates, |_| ())
    }

    /// `change` may give the broker another certificate.
    pub(crate) fn with_broker_identity(
        certificates: Certificates,
        change: impl FnOnce(&mut MosquittoOptions),
    ) -> Self {
        let folder = prim_bed::folder().expect("a folder below /var/tmp");
        let mut options = MosquittoOptions::of(&certificates, &["g1".parse().expect("a name")]);
        change(&mut options);
        let broker = match Mosquitto::start(folder.path(), &options) {
            Ok(broker) => broker,
            Err(error) => panic!("failed to {error}"),
        };
        Self { broker, certificates, folder }
    }

    pub(crate) fn device(&self, name: &str) -> Device {
        Device::new(self, name)
    }

    pub(crate) fn files(&self, identity: &Identity, stem: &str) -> IdentityFiles {
        identity.write(&self.folder.path().join("identities"), stem).expect("our own folder")
    }

    pub(crate) fn ca(&self) -> PathBuf {
        let path = self.folder.path().join("identities/ca.pem");
        write_public(&path, self.certificates.authority.certificate_pem()).expect("our own folder");
        path
    }
}

pub(crate) fn clock() -> Clock {
    let began = Instant::now();
    Clock::new(move || {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        Now {
            mono: MonoTime::from_millis(began.elapsed().as_millis() as u64),
            wall: Some(WallTime::from_unix_millis(wall.as_millis() as i64)),
        }
    })
}

/// A device's disk and identity; its uplink comes and goes.
pub(crate) struct Device {
    pub(crate) config: UplinkConfig,
    pub(crate) spool: Arc<Spool>,
    appended: Vec<(Stream, u64, Hash)>,
}

impl Device {
    fn new(world: &World, name: &str) -> Self {
        let address: DeviceAddress = format!("acme/{name}").parse().expect("a name");
        let identity = world
            .certificates
            .authority
            .issue_device(&address.org, &address.device, world.certificates.validity)
            .expect("a certificate");
        let files = world.files(&identity, name);
        let port = world.broker.port();
        let mut broker = BrokerConfig::new("localhost", port, world.ca(), files.certificate, files.key);
        broker.connect_limit = Duration::from_secs(3);
        broker.keep_alive = Duration::from_secs(1);
        let ms = Duration::from_millis;
        let config = UplinkConfig {
            device: address,
            boot: BootId::from_u128(1),
            broker,
            audit_key: Arc::new(AuditKey::from_seed([7; 32])),
            key_changed_at: None,
            capabilities: Vec::new(),
            first_session: 1_000,
            clock: clock(),
            timing: Timing {
                backoff_first: ms(50),
                backoff_most: ms(200),
                settled_after: ms(500),
                ack_limit: ms(700),
                ack_limit_most: ms(700),
                rest: ms(500),
            },
        };
        let spool = Spool::open(
            &world.folder.path().join(format!("{name}.sqlite")),
            Limits::default(),
            EpochId::from_u128(42),
            Box::new(|_, _, _| panic!("nothing here comes near the quota")),
        )
        .expect("our own folder");
        Self { config, spool: Arc::new(spool), appended: Vec::new() }
    }

    pub(crate) fn start(&self) -> (UplinkHandle, Receiver<UplinkEvent>) {
        Uplink::start(self.config.clone(), Arc::clone(&self.spool)).expect("good certificates and a thread")
    }

    /// Appends `count` records to `stream`, and remembers them elsewhere.
    pub(crate) fn append(&mut self, stream: Stream, count: u64) {
        for n in 0..count {
            let body = match stream {
                Stream::Metric => Body::Metric(Metric::Reading {
                    name: "first_partial_ms".parse().expect("a code"),
                    value: n as i64,
                }),
                Stream::Audit | Stream::Utterance | Stream::Note | Stream::Event | Stream::Usage => {
                    Body::Event(Event::AudioOverrun { lost_frames: n })
                }
            };
            let config = &self.config;
            let now = config.clock.now();
            let draft = Draft {
                org: config.device.org.clone(),
                device: config.device.device.clone(),
                boot: config.boot,
                stream,
                at: now.mono,
                wall: now.wall,
                wall_synced: true,
                meeting: None,
                body,
                erasables: Erasables::default(),
            };
            let moment = Moment { boot: config.boot, at: now.mono };
            let appended = self
                .spool
                .append(moment, stream, |slot| {
                    let placed = draft.place(slot.epoch, slot.seq, Hash(slot.prev));
                    Encoded {
                        bytes: placed.raw.into_bytes(),
                        erasable: None,
                        hash: placed.hash.0,
                        meeting: None,
                    }
                })
                .expect("room on the disk");
            self.appended.push((stream, appended.seq, Hash(appended.hash)));
        }
    }

    /// What was appended, in the order of stream and number.
    pub(crate) fn appended(&self) -> Vec<(Stream, u64, Hash)> {
        let mut all = self.appended.clone();
        all.sort();
        all
    }

    pub(crate) fn queued(&self) -> u64 {
        self.spool.depth().expect("a readable spool").rows
    }
}
