//! A gateway in a test's hands: verifies, keeps each record once, acknowledges.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use prim_ids::{EpochId, InstanceName, Stream};
use prim_proto::{
    Ack, Batch, ChainFields, DeviceAddress, GatewayPresence, Hash, PublicKey, Rejection, State, Topic, link,
};
use rumqttc::{
    AsyncClient, Event, LastWill, MqttOptions, Packet, PublishOptions, QoS, TlsConfiguration, Transport,
};

use super::World;

#[derive(Default)]
pub(crate) struct Seen {
    /// What the table holds.
    pub(crate) rows: BTreeMap<(Stream, u64), Hash>,
    pub(crate) batches: u64,
    pub(crate) traces: Vec<String>,
    /// Every state the device published, in order.
    pub(crate) states: Vec<State>,
    pub(crate) live: Vec<Vec<u8>>,
    cursors: BTreeMap<Stream, (EpochId, u64)>,
}

pub(crate) struct Gateway {
    seen: Arc<Mutex<Seen>>,
    client: Arc<Mutex<Option<AsyncClient>>>,
    pub(crate) ready: Arc<AtomicBool>,
    /// Acknowledge?
    pub(crate) acknowledging: Arc<AtomicBool>,
    /// Reject the record with this number.
    pub(crate) rejecting: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while holding it")
}

impl Gateway {
    /// Gateway `g1`, connected straight to the broker, trusting `key`.
    pub(crate) fn start(world: &World, key: PublicKey) -> Self {
        let instance: InstanceName = "g1".parse().expect("a name");
        let authority = &world.certificates.authority;
        let identity =
            authority.issue_gateway(&instance, world.certificates.validity).expect("a certificate");
        let tls = TlsConfiguration::Simple {
            ca: authority.certificate_pem().as_bytes().to_vec(),
            alpn: None,
            client_auth: Some((identity.certificate_pem.into_bytes(), identity.key_pem.into_bytes())),
        };
        let mut gateway = Self {
            seen: Arc::default(),
            client: Arc::default(),
            ready: Arc::default(),
            acknowledging: Arc::new(AtomicBool::new(true)),
            rejecting: Arc::default(),
            over: Arc::default(),
            thread: None,
        };
        let inside = Inside {
            key,
            instance,
            seen: Arc::clone(&gateway.seen),
            ready: Arc::clone(&gateway.ready),
            acknowledging: Arc::clone(&gateway.acknowledging),
            rejecting: Arc::clone(&gateway.rejecting),
        };
        let (client, over, port) =
            (Arc::clone(&gateway.client), Arc::clone(&gateway.over), world.broker.port());
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(inside.run(port, &tls, &client, &over));
        });
        gateway.thread = Some(thread);
        super::wait_for("the gateway being ready", || gateway.ready.load(Ordering::Acquire));
        gateway
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        lock(&self.seen)
    }

    /// What the table holds, in the order of stream and number.
    pub(crate) fn rows(&self) -> Vec<(Stream, u64, Hash)> {
        self.seen().rows.iter().map(|((stream, seq), hash)| (*stream, *seq, *hash)).collect()
    }

    pub(crate) fn publish(&self, topic: &Topic, payload: Vec<u8>) {
        let client = lock(&self.client);
        let client = client.as_ref().expect("connected");
        client.try_publish(topic.to_string(), payload, PublishOptions::at_least_once()).expect("room");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn set(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

struct Inside {
    key: PublicKey,
    instance: InstanceName,
    seen: Arc<Mutex<Seen>>,
    ready: Arc<AtomicBool>,
    acknowledging: Arc<AtomicBool>,
    rejecting: Arc<AtomicU64>,
}

impl Inside {
    async fn run(
        &self,
        port: u16,
        tls: &TlsConfiguration,
        shared: &Mutex<Option<AsyncClient>>,
        over: &AtomicBool,
    ) {
        let mut session = 0;
        while !over.load(Ordering::Acquire) {
            session += 1;
            let topic = Topic::Gateway(self.instance.clone()).to_string();
            let presence =
                |online| GatewayPresence { v: 1, instance: self.instance.clone(), online, session };
            let mut options = MqttOptions::new("gateway/g1", ("localhost", port));
            let will = LastWill::new(topic.clone(), presence(false).encode(), QoS::AtLeastOnce, true, None);
            options
                .set_transport(Transport::tls_with_config(tls.clone()))
                .set_keep_alive(2)
                .set_max_packet_size(Some(1 << 20))
                .set_last_will(will);
            let (client, mut events) = AsyncClient::builder(options).capacity(1000).build();
            *lock(shared) = Some(client.clone());
            let mut goodbye = false;
            loop {
                // Polling is dropped half-way only to say goodbye.
                let event = tokio::select! {
                    event = events.poll() => event,
                    () = set(over), if !goodbye => {
                        goodbye = true;
                        let offline = PublishOptions::at_least_once().retained();
                        let _ = client.try_publish(topic.clone(), presence(false).encode(), offline);
                        let _ = client.try_disconnect_with_timeout(Duration::from_secs(2));
                        continue;
                    }
                };
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => {
                        for filter in [Topic::all_up(), Topic::all_states(), Topic::all_live()] {
                            client.try_subscribe(filter, QoS::AtLeastOnce).expect("room");
                        }
                        let options = PublishOptions::at_least_once().retained();
                        client.try_publish(topic.clone(), presence(true).encode(), options).expect("room");
                    }
                    Ok(Event::Incoming(Packet::PubAck(_))) => self.ready.store(true, Ordering::Release),
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let topic =
                            std::str::from_utf8(&publish.topic).expect("a topic").parse().expect("ours");
                        let properties = publish.properties.clone().unwrap_or_default();
                        let trace = properties.user_properties.into_iter().find(|(k, _)| k == "traceparent");
                        self.take(&client, &topic, &publish.payload, trace.map(|(_, v)| v));
                    }
                    Ok(_) => {}
                    Err(_) => break,
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn take(&self, client: &AsyncClient, topic: &Topic, payload: &[u8], trace: Option<String>) {
        match topic {
            Topic::State(device) => {
                let state = State::read(payload).expect("a state");
                if state.online {
                    // Acknowledgements are repeated on a new state.
                    let cursors: Vec<_> = lock(&self.seen).cursors.iter().map(|(s, c)| (*s, *c)).collect();
                    for (stream, (epoch, through)) in cursors {
                        self.acknowledge(client, device, stream, epoch, through, Vec::new());
                    }
                }
                lock(&self.seen).states.push(state);
            }
            Topic::Live { .. } => lock(&self.seen).live.push(payload.to_vec()),
            Topic::Up { from, stream } => {
                let batch = Batch::read(payload).expect("a batch");
                batch.verify(topic, &[self.key]).expect("signed by the device");
                let (epoch, through, rejected) = self.store(&batch, trace);
                self.acknowledge(client, from, *stream, epoch, through, rejected);
            }
            Topic::Ack(_)
            | Topic::TwinDesired(_)
            | Topic::TwinReported(_)
            | Topic::Job { .. }
            | Topic::JobStatus { .. }
            | Topic::Panel { .. }
            | Topic::Gateway(_) => panic!("not subscribed to {topic}"),
        }
    }

    fn store(&self, batch: &Batch, trace: Option<String>) -> (EpochId, u64, Vec<Rejection>) {
        let mut seen = lock(&self.seen);
        seen.batches += 1;
        seen.traces.extend(trace);
        let contents = &batch.contents;
        let cursor = seen.cursors.get(&contents.stream).map_or(0, |(_, through)| *through);
        assert!(contents.seq <= cursor + 1, "a hole before {} when {cursor} are stored", contents.seq);
        let mut rejected = Vec::new();
        let mut last = cursor;
        for row in &contents.rows {
            let chain = ChainFields::of(&row.r).expect("a record");
            last = last.max(chain.seq);
            if chain.seq <= cursor {
                continue;
            }
            if chain.seq == self.rejecting.load(Ordering::Acquire) {
                let reason = "test".parse().expect("a code");
                rejected.push(Rejection { from: chain.seq, to: chain.seq, reason });
                continue;
            }
            let hash = link(chain.prev, row.r.as_bytes());
            assert!(seen.rows.insert((contents.stream, chain.seq), hash).is_none(), "stored twice");
        }
        seen.cursors.insert(contents.stream, (contents.epoch, last));
        (contents.epoch, last, rejected)
    }

    fn acknowledge(
        &self,
        client: &AsyncClient,
        to: &DeviceAddress,
        stream: Stream,
        epoch: EpochId,
        through_seq: u64,
        rejected: Vec<Rejection>,
    ) {
        if !self.acknowledging.load(Ordering::Acquire) {
            return;
        }
        let ack = Ack { v: 1, stream, epoch, through_seq, rejected, gateway: self.instance.clone() };
        let topic = Topic::Ack(to.clone()).to_string();
        client.try_publish(topic, ack.encode(), PublishOptions::at_least_once()).expect("room");
    }
}
