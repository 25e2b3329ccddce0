//! One MQTT connection: the only file that names the MQTT library.
//!
//! A connection lives once: any error ends it, and the next attempt makes a new one with a new will. The broker
//! keeps no session for us (clean start): what was not acknowledged by a gateway is sent again from the spool.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use prim_ids::{MeetingId, Stream};
use prim_proto::{MAX_BATCH_BYTES, State, Topic};
use rumqttc::mqttbytes::Error as MqttError;
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, DisconnectReasonCode, Event, EventLoop,
    IncomingPacketSizeLimit, LastWill, MqttOptions, Packet, PubAckReason, PublishNoticeError, PublishOptions,
    PublishProperties, PublishResult, QoS, StateError, SubscribeFilter, SubscribeNoticeError,
    TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::problem::{hung_up, too_slow};
use crate::{Problem, ProblemKind, UplinkConfig};

/// Between the event loop and the shell. When full the event loop waits, and with it the broker's QoS 1 window;
/// the shell never waits for the event loop, so the two cannot block each other.
const INBOX: usize = 64;
/// Six batches, a state and [`MAX_LIVE_IN_FLIGHT`]: never full.
const OUTBOX: usize = 64;
/// More live events than this wait in our own queue, where the oldest is dropped.
const MAX_LIVE_IN_FLIGHT: usize = 32;
/// As many as [`OUTBOX`] holds may wait for the broker's word at once. The library has a place ready for each, and without a
/// bound for 65 535 of them: 30 MB at every attempt to connect, of a device's 60.
const MAX_UNACKNOWLEDGED: u16 = 64;
/// Beside the payload: topic and properties.
const PACKET_FRAME_BYTES: usize = 4 * 1024;

/// What comes from the broker.
#[derive(Debug)]
pub(crate) enum FromBroker {
    /// Admitted, and every subscription granted.
    Ready,
    /// A message on one of our topics.
    Message { topic: String, payload: Vec<u8> },
    /// The broker took a batch.
    Taken { stream: Stream },
    /// The broker refused a batch.
    Refused { stream: Stream, problem: Problem },
    /// The broker refused something else of ours.
    Trouble(Problem),
    /// The connection is over.
    Ended(Problem),
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    client: AsyncClient,
    place: String,
    inbox: mpsc::Receiver<FromBroker>,
    sender: mpsc::Sender<FromBroker>,
    /// The event loop.
    event_loop: JoinSet<()>,
    /// Waiting for the broker's word on what was published.
    waiters: JoinSet<()>,
    live_waiters: JoinSet<()>,
}

impl Connection {
    /// Begins to connect; [`FromBroker::Ready`] or [`FromBroker::Ended`] follows.
    pub(crate) fn open(config: &UplinkConfig, tls: Arc<ClientConfig>, will: &State) -> Self {
        let broker = &config.broker;
        let state_topic = Topic::State(config.device.clone()).to_string();
        let mut options = MqttOptions::new(config.device.to_string(), (broker.host.clone(), broker.port));
        let packet_bytes = u32::try_from(MAX_BATCH_BYTES + PACKET_FRAME_BYTES).unwrap_or(u32::MAX);
        options
            .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)))
            .set_keep_alive(u16::try_from(broker.keep_alive.as_secs()).unwrap_or(u16::MAX).max(1))
            .set_clean_start(true)
            .set_connect_timeout(broker.connect_limit)
            .set_outgoing_inflight_upper_limit(MAX_UNACKNOWLEDGED)
            .set_max_packet_size(Some(packet_bytes))
            .set_incoming_packet_size_limit(IncomingPacketSizeLimit::Bytes(packet_bytes))
            .set_last_will(LastWill::new(state_topic.clone(), will.encode(), QoS::AtLeastOnce, true, None));
        let (client, event_loop) = AsyncClient::builder(options).capacity(OUTBOX).build();
        let (sender, inbox) = mpsc::channel(INBOX);
        let place = format!("{}:{}", broker.host, broker.port);
        let filters = [
            Topic::Ack(config.device.clone()).to_string(),
            Topic::all_panel(&config.device),
            state_topic,
            Topic::all_gateways(),
        ];
        let mut tasks = JoinSet::new();
        let heard = Heard(Arc::new(Mutex::new(None)));
        let watch =
            watch(heard.clone(), client.clone(), probe_filter(config), broker.keep_alive, place.clone());
        let watching = sender.clone();
        tasks.spawn(async move {
            let _ = watching.send(FromBroker::Ended(watch.await)).await;
        });
        tasks.spawn(drive(event_loop, client.clone(), filters, place.clone(), sender.clone(), heard));
        Self {
            client,
            place,
            inbox,
            sender,
            event_loop: tasks,
            waiters: JoinSet::new(),
            live_waiters: JoinSet::new(),
        }
    }

    /// What comes next. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> FromBroker {
        self.inbox.recv().await.unwrap_or_else(|| FromBroker::Ended(hung_up(&self.place)))
    }

    /// Hands on a batch, with `trace` as its `traceparent`; the broker's word on it follows. `false`: no room.
    pub(crate) fn publish_batch(
        &mut self,
        topic: &Topic,
        stream: Stream,
        payload: Vec<u8>,
        trace: String,
    ) -> bool {
        while self.waiters.try_join_next().is_some() {}
        let properties = PublishProperties {
            user_properties: vec![("traceparent".to_owned(), trace)],
            ..PublishProperties::default()
        };
        let options = PublishOptions::at_least_once().properties(properties);
        let Ok(notice) = self.client.try_publish_tracked(topic.to_string(), payload, options) else {
            return false;
        };
        let (sender, place) = (self.sender.clone(), self.place.clone());
        self.waiters.spawn(async move {
            if let Some(word) = broker_word(&place, stream.as_str(), notice.wait_async().await) {
                let message = match word {
                    Ok(()) => FromBroker::Taken { stream },
                    Err(problem) => FromBroker::Refused { stream, problem },
                };
                let _ = sender.send(message).await;
            }
        });
        true
    }

    /// Publishes the device's state, retained. `false`: no room.
    pub(crate) fn publish_state(&mut self, topic: &Topic, state: &State) -> bool {
        let options = PublishOptions::at_least_once().retained();
        let Ok(notice) = self.client.try_publish_tracked(topic.to_string(), state.encode(), options) else {
            return false;
        };
        let (sender, place) = (self.sender.clone(), self.place.clone());
        self.waiters.spawn(async move {
            if let Some(Err(problem)) = broker_word(&place, "state", notice.wait_async().await) {
                let _ = sender.send(FromBroker::Trouble(problem)).await;
            }
        });
        true
    }

    /// Is there room for a live event?
    pub(crate) fn takes_live(&mut self) -> bool {
        while self.live_waiters.try_join_next().is_some() {}
        self.live_waiters.len() < MAX_LIVE_IN_FLIGHT
    }

    /// Publishes a live event, at most once. `false`: no room.
    pub(crate) fn publish_live(&mut self, config: &UplinkConfig, meeting: MeetingId, json: String) -> bool {
        let topic = Topic::Live { from: config.device.clone(), meeting }.to_string();
        let options = PublishOptions::at_most_once();
        let Ok(notice) = self.client.try_publish_tracked(topic, json, options) else { return false };
        self.live_waiters.spawn(async move {
            let _ = notice.wait_async().await;
        });
        true
    }

    /// Says goodbye (the will is not published) and waits for the end, at most `limit`.
    pub(crate) async fn disconnect(mut self, limit: Duration) {
        if self.client.try_disconnect_with_timeout(limit).is_err() {
            return;
        }
        let drained = async {
            while let Some(message) = self.inbox.recv().await {
                if matches!(message, FromBroker::Ended(_)) {
                    return;
                }
            }
        };
        // Past the limit the socket is closed by dropping, and the broker publishes the will: offline, as it is.
        let _ = tokio::time::timeout(limit, drained).await;
        self.event_loop.abort_all();
    }
}

/// The broker's word on a publish; `None` when the connection ended first.
fn broker_word(
    place: &str,
    what: &str,
    result: Result<PublishResult, PublishNoticeError>,
) -> Option<Result<(), Problem>> {
    let reason = match result {
        Ok(PublishResult::Qos1(ack)) => ack.reason,
        Err(PublishNoticeError::V5PubAck(reason)) => reason,
        Ok(_) => return Some(Ok(())),
        Err(_) => return None,
    };
    match reason {
        // No subscriber at this moment: the gateway's acknowledgement will be missing and the batch goes again.
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Some(Ok(())),
        PubAckReason::NotAuthorized => Some(Err(Problem::new(
            ProblemKind::NotAuthorized,
            format!(
                "the broker {place} forbids this device to publish \"{what}\"; the certificate's name must be \
                 <org>/<device> as configured, and the broker's access list must allow it"
            ),
        ))),
        reason @ (PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError
        | PubAckReason::TopicNameInvalid
        | PubAckReason::PacketIdentifierInUse
        | PubAckReason::QuotaExceeded
        | PubAckReason::PayloadFormatInvalid) => Some(Err(Problem::new(
            ProblemKind::Refused,
            format!(
                "the broker {place} refused \"{what}\" ({reason:?}); look in its log; trying again later"
            ),
        ))),
    }
}

/// When the broker was last heard; `None` before it admitted us.
#[derive(Debug, Clone)]
struct Heard(Arc<Mutex<Option<Instant>>>);

impl Heard {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn silence(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }
}

/// A filter nobody subscribes to: giving it up makes the broker answer and changes nothing.
fn probe_filter(config: &UplinkConfig) -> String {
    format!("prim/1/{}/ack/probe", config.device)
}

/// Ends when the broker was not heard for one and a half times `keep_alive`.
///
/// The library pings only when *we* are silent, so on a dead link a stream of live events or repeated batches
/// would hide that no answer comes. This asks for one whenever none came by itself.
async fn watch(
    heard: Heard,
    client: AsyncClient,
    probe: String,
    keep_alive: Duration,
    place: String,
) -> Problem {
    loop {
        tokio::time::sleep(keep_alive / 4).await;
        let Some(silence) = heard.silence() else { continue };
        if silence >= keep_alive.mul_f32(1.5) {
            return too_slow(&place);
        }
        if silence >= keep_alive.mul_f32(0.75) {
            // A full queue is not sent either: the end is near in any case.
            let _ = client.try_unsubscribe(probe.clone());
        }
    }
}

/// Drives one connection to its end. Dropping the future closes the socket.
async fn drive(
    mut event_loop: EventLoop,
    client: AsyncClient,
    filters: [String; 4],
    place: String,
    sender: mpsc::Sender<FromBroker>,
    heard: Heard,
) {
    let mut waiters = JoinSet::new();
    loop {
        let event = event_loop.poll().await;
        if matches!(event, Ok(Event::Incoming(_))) {
            heard.now();
        }
        let message = match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let wanted: Vec<_> =
                    filters.iter().map(|f| SubscribeFilter::new(f.clone(), QoS::AtLeastOnce)).collect();
                match client.try_subscribe_many_tracked(wanted) {
                    Ok(notice) => {
                        let (sender, place) = (sender.clone(), place.clone());
                        waiters.spawn(async move {
                            let message = match notice.wait_completion_async().await {
                                Ok(_) => FromBroker::Ready,
                                Err(SubscribeNoticeError::V5SubAckFailure(reasons)) => {
                                    FromBroker::Ended(Problem::new(
                                        ProblemKind::NotAuthorized,
                                        format!(
                                            "the broker {place} does not let this device listen ({reasons:?}); \
                                             check the broker's access list"
                                        ),
                                    ))
                                }
                                // The connection ended; its error tells more.
                                Err(_) => return,
                            };
                            let _ = sender.send(message).await;
                        });
                        continue;
                    }
                    Err(error) => FromBroker::Ended(Problem::new(
                        ProblemKind::Refused,
                        format!("subscribing at the broker {place} failed ({error}); trying again"),
                    )),
                }
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => FromBroker::Message {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload.to_vec(),
            },
            Ok(Event::Incoming(_) | Event::Outgoing(_) | Event::Auth(_)) => continue,
            Err(error) => FromBroker::Ended(explain(&place, &error)),
        };
        let over = matches!(message, FromBroker::Ended(_));
        if sender.send(message).await.is_err() || over {
            return;
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's enums grow, and what is new is refused as the rest"
)]
fn explain(place: &str, error: &ConnectionError) -> Problem {
    let refused = |code: &ConnectReturnCode| {
        let kind = match code {
            ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::Banned
            | ConnectReturnCode::ClientIdentifierNotValid
            | ConnectReturnCode::BadClientId => ProblemKind::IdentityRefused,
            _ => ProblemKind::Refused,
        };
        let text = format!(
            "the broker {place} refuses this device ({code:?}); check its access list and certificate"
        );
        Problem::new(kind, text)
    };
    match error {
        ConnectionError::Timeout(_) => too_slow(place),
        ConnectionError::ConnectionRefused(code) => refused(code),
        ConnectionError::MqttState(StateError::ConnFail { reason }) => refused(reason),
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code: DisconnectReasonCode::SessionTakenOver,
            ..
        }) => Problem::new(
            ProblemKind::IdentityRefused,
            format!(
                "another program connected to the broker {place} with this device's certificate; \
                 a certificate belongs to one device: find the copy"
            ),
        ),
        ConnectionError::MqttState(StateError::ServerDisconnect {
            reason_code:
                reason_code @ (DisconnectReasonCode::NotAuthorized | DisconnectReasonCode::AdministrativeAction),
            ..
        }) => Problem::new(
            ProblemKind::NotAuthorized,
            format!(
                "the broker {place} hung up on this device ({reason_code:?}); the certificate's name must be <org>/<device> \
                 as configured, and the broker's access list must allow it"
            ),
        ),
        ConnectionError::MqttState(StateError::ServerDisconnect { reason_code, .. }) => Problem::new(
            ProblemKind::Refused,
            format!("the broker {place} hung up ({reason_code:?}); look in its log; trying again"),
        ),
        ConnectionError::MqttState(StateError::ConnectionAborted) => hung_up(place),
        ConnectionError::MqttState(StateError::AwaitPingResp) => too_slow(place),
        // The library keeps this cause to itself.
        ConnectionError::MqttState(StateError::Deserialization(MqttError::Io(error))) => {
            Problem::explain(place, error)
        }
        other => Problem::explain(place, other),
    }
}
