//! The first task: from messages to batches whose sender is certain.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prim_ids::Stream;
use prim_proto::{DeviceAddress, State, Topic};
use sqlx::PgConnection;
use tokio::sync::{mpsc, watch};

use super::mqtt::{Arrived, Receipt};
use super::read::{Checked, Device, Refusal, check};
use super::registry::Registry;
use crate::backoff::Backoff;
use crate::complaint::Complaint;
use crate::db::{Database, Role};
use crate::fault::{Fault, causes};

/// A question to the registry that takes longer is given up and asked again.
const LOOKUP_LIMIT: Duration = Duration::from_secs(10);

/// One message, ready to be delivered.
#[derive(Debug)]
pub enum Prepared {
    /// A batch that is what it claims.
    Batch(Box<Checked>, bytes::Bytes, Receipt),
    /// A payload to be kept as rejected, and answered when its device is known.
    Refused {
        /// The device, when the registry knows it.
        device: Option<Arc<Device>>,
        /// The stream of the topic.
        stream: Option<Stream>,
        /// Where it came.
        topic: String,
        /// What came.
        payload: bytes::Bytes,
        /// Why not.
        refusal: Refusal,
        /// To be settled.
        receipt: Receipt,
    },
    /// A device said how it is.
    State(Arc<Device>, State, Receipt),
}

/// Prepares until `stop` or the end of `incoming`; groups of at most `most` messages go out in order.
pub async fn prepare(
    database: Database,
    most: usize,
    mut incoming: mpsc::Receiver<Arrived>,
    out: mpsc::Sender<Vec<Prepared>>,
    mut stop: watch::Receiver<bool>,
) {
    let mut lookup =
        Lookup { database, connection: None, registry: Registry::default(), complaint: Complaint::default() };
    loop {
        let first = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            first = incoming.recv() => first,
        };
        let Some(first) = first else { return };
        let mut group = vec![first];
        while group.len() < most {
            match incoming.try_recv() {
                Ok(next) => group.push(next),
                Err(_) => break,
            }
        }
        let mut prepared = Vec::with_capacity(group.len());
        let mut checks = Vec::with_capacity(group.len());
        for message in group {
            let Some(device) = lookup.patiently(&message.topic, false, &mut stop).await else { return };
            checks.push(tokio::task::spawn_blocking(move || first_look(message, device)));
        }
        for check in checks {
            let Ok(mut done) = check.await else { continue };
            // The registry's copy of the key may be older than the key: look once more before refusing.
            if let Prepared::Refused { topic, refusal, .. } = &done
                && refusal.reason == "foreign_key"
            {
                let Some(device) = lookup.patiently(topic, true, &mut stop).await else { return };
                done = again(done, device).await;
            }
            prepared.push(done);
        }
        if out.send(prepared).await.is_err() {
            return;
        }
    }
}

/// What the topic names: nothing we know, or a device of ours or not.
#[derive(Debug)]
enum Sender {
    Nobody(&'static str),
    Unknown,
    Known(Topic, Arc<Device>),
}

struct Lookup {
    database: Database,
    connection: Option<PgConnection>,
    registry: Registry,
    complaint: Complaint,
}

impl Lookup {
    /// Asks the registry until it answers; `None` when told to stop.
    async fn patiently(
        &mut self,
        topic: &str,
        anew: bool,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Sender> {
        let Ok(topic) = topic.parse::<Topic>() else { return Some(Sender::Nobody("bad_topic")) };
        let Some(address) = topic.device().cloned() else { return Some(Sender::Nobody("bad_topic")) };
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            let why = match tokio::time::timeout(LOOKUP_LIMIT, self.ask(&address, anew)).await {
                Ok(Ok(found)) => {
                    self.complaint = Complaint::default();
                    return Some(found.map_or(Sender::Unknown, |device| Sender::Known(topic, device)));
                }
                Ok(Err(why)) => why,
                Err(_) => format!("Postgres did not answer within {} s", LOOKUP_LIMIT.as_secs()),
            };
            if self.complaint.is_due(&why, Instant::now()) {
                tracing::warn!(
                    device = %address,
                    why,
                    "{address} and all others cannot be looked up in the registry ({why}): batches wait, trying again"
                );
            }
            self.connection = None;
            metrics::counter!("prim_postgres_failures_total").increment(1);
            metrics::gauge!("prim_database_up").set(0.0);
            tokio::select! {
                () = tokio::time::sleep(backoff.next_wait()) => {}
                _ = stop.wait_for(|stop| *stop) => return None,
            }
        }
    }

    async fn ask(&mut self, address: &DeviceAddress, anew: bool) -> Result<Option<Arc<Device>>, String> {
        if self.connection.is_none() {
            self.connection =
                Some(self.database.connect(Role::Ingest).await.map_err(|error| causes(&error))?);
        }
        let connection = self.connection.as_mut().expect("it was just made");
        let answer = if anew {
            self.registry.load(connection, address).await
        } else {
            self.registry.get(connection, address).await
        };
        answer.map_err(|error| Fault::from(error).to_string())
    }
}

fn refused(
    message: Arrived,
    device: Option<Arc<Device>>,
    stream: Option<Stream>,
    refusal: Refusal,
) -> Prepared {
    let Arrived { topic, payload, receipt } = message;
    Prepared::Refused { device, stream, topic, payload, refusal, receipt }
}

fn plainly(reason: &'static str) -> Refusal {
    Refusal { reason, detail: String::new(), claim: None }
}

fn first_look(message: Arrived, sender: Sender) -> Prepared {
    match sender {
        Sender::Nobody(reason) => refused(message, None, None, plainly(reason)),
        Sender::Unknown => refused(message, None, None, plainly("unknown_device")),
        Sender::Known(topic, device) => match topic {
            Topic::Up { stream, .. } => match check(&topic, &message.payload, &device) {
                Ok(checked) => Prepared::Batch(Box::new(checked), message.payload, message.receipt),
                Err(refusal) => refused(message, Some(device), Some(stream), refusal),
            },
            Topic::State(_) => match State::read(&message.payload) {
                Ok(state) => Prepared::State(device, state, message.receipt),
                Err(_) => refused(message, Some(device), None, plainly("malformed_state")),
            },
            Topic::Ack(_)
            | Topic::TwinDesired(_)
            | Topic::TwinReported(_)
            | Topic::Job { .. }
            | Topic::JobStatus { .. }
            | Topic::Live { .. }
            | Topic::Panel { .. }
            | Topic::Gateway(_) => refused(message, Some(device), None, plainly("bad_topic")),
        },
    }
}

async fn again(done: Prepared, sender: Sender) -> Prepared {
    match done {
        Prepared::Refused { topic, payload, receipt, .. } => {
            let message = Arrived { topic, payload, receipt };
            let look = tokio::task::spawn_blocking(move || first_look(message, sender));
            look.await.expect("checking does not panic")
        }
        Prepared::Batch(..) | Prepared::State(..) => done,
    }
}
