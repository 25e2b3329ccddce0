//! The only file of the gateway that knows MQTT: a connection held for ever, its will, its subscriptions.
//!
//! Batches come as a shared subscription, so each goes to one gateway. The PUBACK is sent when a batch is settled,
//! which keeps at most a window of them under way; it promises nothing to the device, whose spool waits for our
//! own acknowledgement. Every connection is made anew with nothing left over from the one before.

mod explain;

use std::time::{Duration, Instant};

use bytes::Bytes;
use prim_ids::{InstanceName, WallTime};
use prim_proto::{GatewayPresence, Topic};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v5::{ConnectReturnCode, LastWill, Packet, Publish};
use rumqttc::{
    AckMode, AsyncClient, Event, EventLoop, IncomingPacketSizeLimit, MqttOptions, PublishOptions,
    TlsConfiguration, Transport,
};
use tokio::sync::{mpsc, watch};

use crate::backoff::Backoff;
use crate::clock;
use crate::complaint::Complaint;

/// The group of the shared subscription: all gateways of an installation are in it.
const GROUP: &str = "ingest";
/// Larger payloads than a batch may arrive, to be kept as rejected; what is larger still the broker cuts off.
const MAX_PACKET_BYTES: u32 = 4 << 20;
/// How long an answer may wait for the link before it is given up: the device asks again.
const PUBLISH_LIMIT: Duration = Duration::from_secs(5);

/// How to reach the broker.
#[derive(Clone)]
pub struct LinkSettings {
    /// Host as in the broker's certificate.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The authority, PEM.
    pub ca: Vec<u8>,
    /// Our certificate, PEM.
    pub certificate: Vec<u8>,
    /// Our key, PEM.
    pub key: Vec<u8>,
    /// Until when our certificate holds.
    pub valid_until: WallTime,
    /// Our name.
    pub instance: InstanceName,
    /// Unsettled batches at most.
    pub window: u16,
}

impl std::fmt::Debug for LinkSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LinkSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// How the link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkState {
    /// Connected and subscribed.
    Up,
    /// Not connected, and why.
    Down(String),
}

/// Something arrived.
#[derive(Debug)]
pub struct Arrived {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Bytes,
    /// To be settled when it is done with.
    pub receipt: Receipt,
}

/// Settles one message with the broker. Dropping it unsettled leaves the message with the broker.
#[derive(Debug)]
pub struct Receipt(Option<(AsyncClient, Publish)>);

impl Receipt {
    /// A receipt for a message that no broker brought: tests and benches.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Tells the broker that the message is done with. A link that broke meanwhile is none of our business.
    pub async fn settle(self) {
        if let Some((client, publish)) = self.0 {
            let _ = tokio::time::timeout(PUBLISH_LIMIT, client.ack(&publish)).await;
        }
    }
}

/// Sends answers over whatever connection there is.
#[derive(Debug, Clone)]
pub struct Mailbox(watch::Receiver<Option<AsyncClient>>);

impl Mailbox {
    /// A mailbox without a link: everything put into it is lost, as when the link is down.
    #[must_use]
    pub fn closed() -> Self {
        Self(watch::channel(None).1)
    }

    /// Sends; the answer is whether it was handed to a connection.
    pub async fn publish(&self, topic: &Topic, payload: Vec<u8>) -> bool {
        self.put(topic, payload, false).await
    }

    async fn put(&self, topic: &Topic, payload: Vec<u8>, retain: bool) -> bool {
        let client = self.0.borrow().clone();
        let Some(client) = client else { return false };
        let options = PublishOptions::new(QoS::AtLeastOnce).retain(retain);
        let sent = client.publish(topic.to_string(), payload, options);
        matches!(tokio::time::timeout(PUBLISH_LIMIT, sent).await, Ok(Ok(())))
    }
}

/// The link as the rest of the gateway sees it.
#[derive(Debug)]
pub struct Link {
    /// What arrives.
    pub incoming: mpsc::Receiver<Arrived>,
    /// For answers.
    pub mailbox: Mailbox,
    /// How it is.
    pub state: watch::Receiver<LinkState>,
}

/// Starts holding the link. `takes_batches` is what our presence tells devices; `stop` ends it, presence withdrawn.
/// The second value ends when the link is closed.
#[must_use]
pub fn hold_link(
    settings: LinkSettings,
    takes_batches: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
) -> (Link, tokio::task::JoinHandle<()>) {
    // Twice the window: batches under way and states beside them. Beyond it, only messages without a receipt
    // (QoS 0) can come, and those are dropped and counted.
    let (sender, incoming) = mpsc::channel(2 * usize::from(settings.window) + 16);
    let (state_sender, state) = watch::channel(LinkState::Down("not yet connected".to_owned()));
    let (client_sender, client) = watch::channel(None);
    let mailbox = Mailbox(client);
    let holder =
        Holder { settings, sender, state: state_sender, client: client_sender, takes: takes_batches, stop };
    let task = tokio::spawn(holder.hold());
    (Link { incoming, mailbox, state }, task)
}

struct Holder {
    settings: LinkSettings,
    sender: mpsc::Sender<Arrived>,
    state: watch::Sender<LinkState>,
    client: watch::Sender<Option<AsyncClient>>,
    takes: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
}

impl Holder {
    async fn hold(mut self) {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let mut complaint = Complaint::default();
        while !*self.stop.borrow() {
            let (client, events) = self.connect();
            let herald = tokio::spawn(herald(
                client.clone(),
                self.presence(),
                self.takes.clone(),
                self.stop.clone(),
                self.state.subscribe(),
            ));
            let why = self.follow(&client, events, &mut backoff).await;
            let why = if clock::now() > self.settings.valid_until {
                "broker.cert has expired; issue a new one and start the gateway again".to_owned()
            } else {
                why
            };
            if *self.state.borrow() == LinkState::Up {
                complaint = Complaint::default();
            }
            herald.abort();
            self.client.send_replace(None);
            metrics::gauge!("prim_broker_connected").set(0.0);
            if *self.stop.borrow() {
                break;
            }
            self.state.send_replace(LinkState::Down(why.clone()));
            if complaint.is_due(&why, Instant::now()) {
                let LinkSettings { host, port, .. } = &self.settings;
                tracing::warn!(
                    broker.host = host,
                    broker.port = port,
                    instance = %self.settings.instance,
                    why,
                    "no link to the broker {host}:{port}: {why}; nothing is taken from devices, they keep it, trying again"
                );
            }
            let wait = backoff.next_wait();
            let mut stop = self.stop.clone();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
        }
        self.state.send_replace(LinkState::Down("stopped".to_owned()));
    }

    /// Polls until the connection ends; the answer is why it did. Never waits for anything but the connection.
    async fn follow(&mut self, client: &AsyncClient, mut events: EventLoop, backoff: &mut Backoff) -> String {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                    if ack.code != ConnectReturnCode::Success {
                        return format!(
                            "it refuses this gateway ({:?}); its access list must name the user gateway/{}",
                            ack.code, self.settings.instance
                        );
                    }
                    if let Err(error) = self.subscribe(client) {
                        return error;
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    if *self.state.borrow() != LinkState::Up {
                        backoff.reset();
                        tracing::info!(
                            broker.host = self.settings.host,
                            broker.port = self.settings.port,
                            "broker connected"
                        );
                        metrics::gauge!("prim_broker_connected").set(1.0);
                        self.client.send_replace(Some(client.clone()));
                        self.state.send_replace(LinkState::Up);
                    }
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => self.take(client, publish),
                Ok(Event::Incoming(Packet::Disconnect(_))) => {
                    return "it hung up; its log says why".to_owned();
                }
                Ok(Event::Incoming(_) | Event::Outgoing(_) | Event::Auth(_)) => {}
                Err(error) => return explain::why(&error),
            }
        }
    }

    fn subscribe(&self, client: &AsyncClient) -> Result<(), String> {
        let own = Topic::Gateway(self.settings.instance.clone()).to_string();
        let filters =
            [Topic::shared(GROUP, &Topic::all_up()), Topic::shared(GROUP, &Topic::all_states()), own];
        for filter in filters {
            client.try_subscribe(filter, QoS::AtLeastOnce).map_err(|error| format!("subscribe: {error}"))?;
        }
        Ok(())
    }

    fn take(&self, client: &AsyncClient, publish: Publish) {
        let topic = String::from_utf8_lossy(&publish.topic).into_owned();
        if topic.starts_with("prim/1/gateway/") {
            // Our own presence comes back. A late will of our former life must not stand.
            let _ = client.try_ack(&publish);
            let late = GatewayPresence::read(&publish.payload).is_ok_and(|presence| !presence.online);
            if late && *self.takes.borrow() && !*self.stop.borrow() {
                let _ = client.try_publish(
                    topic,
                    self.presence()(true),
                    PublishOptions::new(QoS::AtLeastOnce).retain(true),
                );
            }
            return;
        }
        let payload = publish.payload.clone();
        let receipt = if publish.qos == QoS::AtMostOnce {
            Receipt(None)
        } else {
            Receipt(Some((client.clone(), publish)))
        };
        if self.sender.try_send(Arrived { topic, payload, receipt }).is_err() {
            metrics::counter!("prim_ingest_shed_total").increment(1);
        }
    }

    fn presence(&self) -> impl Fn(bool) -> Vec<u8> + Send + 'static {
        let instance = self.settings.instance.clone();
        let session = u64::try_from(clock::now().unix_millis()).unwrap_or(0);
        move |online| GatewayPresence { v: 1, instance: instance.clone(), online, session }.encode()
    }

    fn connect(&self) -> (AsyncClient, EventLoop) {
        let settings = &self.settings;
        let name = format!("gateway/{}", settings.instance);
        let mut options = MqttOptions::new(name, (settings.host.as_str(), settings.port));
        let own = Topic::Gateway(settings.instance.clone()).to_string();
        let outbox = settings.window.saturating_mul(4).saturating_add(64);
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Simple {
                ca: settings.ca.clone(),
                alpn: None,
                client_auth: Some((settings.certificate.clone(), settings.key.clone())),
            }))
            .set_keep_alive(15)
            .set_connect_timeout(Duration::from_secs(5))
            .set_clean_start(true)
            .set_ack_mode(AckMode::Manual)
            .set_receive_maximum(Some(settings.window))
            // The library has a place ready for each message that the broker has not acknowledged, and without a bound for
            // 65 535 of them: 30 MB at every attempt to connect.
            .set_outgoing_inflight_upper_limit(outbox)
            .set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(MAX_PACKET_BYTES))
            .set_last_will(LastWill::new(own, self.presence()(false), QoS::AtLeastOnce, true, None));
        AsyncClient::builder(options).capacity(usize::from(outbox)).build()
    }
}

/// Tells devices whether batches are taken, whenever that changes; withdraws and hangs up at the end.
async fn herald(
    client: AsyncClient,
    presence: impl Fn(bool) -> Vec<u8> + Send,
    mut takes: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
    mut state: watch::Receiver<LinkState>,
) {
    if state.wait_for(|state| *state == LinkState::Up).await.is_err() {
        return;
    }
    let Ok(instance) = GatewayPresence::read(&presence(false)).map(|presence| presence.instance) else {
        return;
    };
    let topic = Topic::Gateway(instance).to_string();
    let retained = || PublishOptions::new(QoS::AtLeastOnce).retain(true);
    // Whoever says so may be gone before the link closes: then nothing is taken any more.
    let mut asked = true;
    loop {
        let online = asked && *takes.borrow_and_update() && !*stop.borrow_and_update();
        let _ = client.publish(topic.clone(), presence(online), retained()).await;
        if *stop.borrow() {
            // Behind the presence in the same queue, so that it goes out first.
            let _ = client.disconnect().await;
            return;
        }
        tokio::select! {
            changed = takes.changed(), if asked => asked = changed.is_ok(),
            changed = stop.changed() => if changed.is_err() { return },
        }
    }
}
