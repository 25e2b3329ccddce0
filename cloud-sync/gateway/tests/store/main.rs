//! Batches into a real Postgres, without a broker: what is stored, what is answered, what the records mean.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

mod chain;
#[path = "../common/mod.rs"]
mod common;
mod exports;
mod meaning;

use common::device::Device;
use common::{Bed, furnished};
use prim_gateway::ingest::{self, Checked, Committed, Depth, Refusal, Registry, Store};
use prim_ids::Stream;
use prim_proto::{AuditKey, Placed};

/// The writing half of a gateway, without a broker.
pub(crate) struct Gateway {
    pub(crate) bed: Bed,
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) key: AuditKey,
}

impl Gateway {
    pub(crate) async fn open() -> Self {
        let bed = furnished().await;
        let key = AuditKey::from_seed([200; 32]);
        let own = AuditKey::from_seed([200; 32]);
        let store = Store::new(bed.database.clone(), "gw-1".parse().unwrap(), own);
        Self { bed, store, registry: Registry::default(), key }
    }

    pub(crate) async fn check(
        &mut self,
        device: &Device,
        stream: Stream,
        payload: &[u8],
    ) -> Result<Checked, Refusal> {
        let known =
            self.registry.load(self.store.connection().await.unwrap(), &device.address).await.unwrap();
        ingest::check(&device.topic(stream), payload, &known.unwrap())
    }

    pub(crate) async fn checked(&mut self, device: &Device, stream: Stream, records: &[Placed]) -> Checked {
        let payload = device.batch(stream, records).encode();
        self.check(device, stream, &payload).await.unwrap()
    }

    pub(crate) async fn send(&mut self, device: &Device, stream: Stream, records: &[Placed]) -> Committed {
        let checked = self.checked(device, stream, records).await;
        self.store.commit(&[checked], Depth::Full).await.unwrap_or_else(|e| panic!("{e:?}")).remove(0)
    }
}
