//! Carries out what [`Sync`] decides: reads the spool, signs, publishes, deletes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prim_ids::{EpochId, MonoTime, Stream};
use prim_proto::{Ack, Batch, GatewayPresence, State, Topic};
use prim_spool::{AcknowledgeError, Spool};

use crate::batch::{Packed, pack};
use crate::certificates::load_identity;
use crate::mqtt::{Connection, FromBroker};
use crate::problem::{Trouble, too_slow};
use crate::sync::{Input, Output, Report, Sync};
use crate::uplink::Shared;
use crate::{Problem, ProblemKind, UplinkConfig, UplinkEvent};

/// Counting the spool's records reads the disk: not more often than this.
const COUNT_INTERVAL: Duration = Duration::from_millis(250);
/// A panel must hear of the floor within 100 ms (DESIGN section 9); a full connection is asked again after this.
const LIVE_INTERVAL: Duration = Duration::from_millis(10);
/// A panel's request is a line of JSON.
const MAX_PANEL_BYTES: usize = 16 * 1024;

/// Runs until told to stop.
pub(crate) async fn run(config: UplinkConfig, spool: Arc<Spool>, shared: Arc<Shared>) {
    let now = config.clock.now().mono;
    let sync = Sync::new(now, config.timing, spool.epoch(), config.first_session)
        .audit_first(config.key_changed_at.unwrap_or(0));
    let shell = Shell {
        epoch: spool.epoch(),
        config,
        spool,
        shared,
        sync,
        connection: None,
        connect_by: None,
        count_at: Some(now),
        counted: 0,
        live_at: None,
        trouble: Trouble::default(),
        refused: None,
        stopping: None,
    };
    shell.run().await;
}

struct Shell {
    config: UplinkConfig,
    epoch: EpochId,
    spool: Arc<Spool>,
    shared: Arc<Shared>,
    sync: Sync,
    connection: Option<Connection>,
    /// The attempt under way fails then.
    connect_by: Option<MonoTime>,
    /// The spool's records are counted then.
    count_at: Option<MonoTime>,
    counted: u64,
    /// More live events wait than the connection takes at once: the next go then.
    live_at: Option<MonoTime>,
    trouble: Trouble,
    /// The problem is that the broker refused this stream; a batch of it that was taken ends the problem.
    refused: Option<Stream>,
    stopping: Option<Duration>,
}

impl Shell {
    async fn run(mut self) {
        loop {
            self.look_at_handle();
            self.carry_out();
            self.send_live();
            self.count();
            self.publish_status();
            if let Some(limit) = self.stopping {
                if let Some(connection) = self.connection.take() {
                    connection.disconnect(limit).await;
                }
                self.publish_status();
                return;
            }
            let shared = Arc::clone(&self.shared);
            let sleep = self.sleep();
            tokio::select! {
                message = next(&mut self.connection) => self.take(message),
                () = shared.wake.notified() => {}
                () = sleep => {
                    let now = self.now();
                    if self.connect_by.is_some_and(|by| now >= by) {
                        let place = format!("{}:{}", self.config.broker.host, self.config.broker.port);
                        self.lost(too_slow(&place));
                    }
                    self.sync.handle_timeout(now);
                }
            }
        }
    }

    fn now(&self) -> MonoTime {
        self.config.clock.now().mono
    }

    fn feed(&mut self, input: Input) {
        let now = self.now();
        self.sync.handle_input(now, input);
    }

    /// Until something is due by itself.
    fn sleep(&self) -> impl Future<Output = ()> + use<> {
        let due = [self.sync.poll_timeout(), self.connect_by, self.count_at, self.live_at]
            .into_iter()
            .flatten()
            .min();
        // With nothing due, a look every minute costs nothing.
        let wait = due.map_or(Duration::from_secs(60), |due| due.since(self.now()));
        tokio::time::sleep(wait)
    }

    /// What the handle left for us.
    fn look_at_handle(&mut self) {
        let grown = self.shared.grown.swap(0, Ordering::AcqRel);
        for (place, stream) in Stream::ALL.into_iter().enumerate() {
            if grown & (1 << place) == 0 {
                continue;
            }
            let head = self.spool.tip(stream).seq;
            self.feed(Input::SpoolGrew { stream, head });
            self.count_soon();
        }
        let limit_ms = self.shared.stop.load(Ordering::Acquire);
        if limit_ms > 0 && self.stopping.is_none() {
            self.stopping = Some(Duration::from_millis(limit_ms));
            self.feed(Input::Stop);
        }
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.sync.poll_output() {
            match output {
                Output::Connect { session } => self.connect(session),
                // When stopping, the goodbye goes first; see `run`.
                Output::Disconnect if self.stopping.is_none() => {
                    self.connection = None;
                    self.connect_by = None;
                }
                Output::Disconnect => {}
                Output::PublishState { session, online } => {
                    let state = self.state(session, online);
                    let topic = Topic::State(self.config.device.clone());
                    let sent = self.connection.as_mut().is_some_and(|c| c.publish_state(&topic, &state));
                    if !sent {
                        tracing::warn!("the device's state could not be handed to the broker connection");
                    }
                }
                Output::SendBatch { stream, from } => {
                    let answer = self.send_batch(stream, from);
                    self.feed(answer);
                }
                Output::DeleteThrough { stream, through } => self.delete(stream, through),
                Output::Report(report) => self.report(report),
            }
        }
    }

    fn state(&self, session: u64, online: bool) -> State {
        State {
            v: 1,
            online,
            session,
            boot: self.config.boot,
            proto_min: 1,
            proto_max: 1,
            capabilities: self.config.capabilities.clone(),
            busy_until: None,
        }
    }

    fn connect(&mut self, session: u64) {
        match load_identity(&self.config.broker) {
            Ok(tls) => {
                let will = self.state(session, false);
                self.connection = Some(Connection::open(&self.config, tls, &will));
                self.connect_by = Some(self.now() + self.config.broker.connect_limit);
            }
            Err(error) => {
                let text = format!("failed to {:#}; trying again", with_causes(&error));
                self.lost(Problem::new(ProblemKind::BadFile, text));
            }
        }
    }

    fn send_batch(&mut self, stream: Stream, from: u64) -> Input {
        let (batch, through) = match pack(&self.config, &self.spool, self.epoch, stream, from) {
            Ok(Packed::Batch { batch, through }) => (batch, through),
            Ok(Packed::Empty) => return Input::NothingToSend { stream },
            Ok(Packed::Unsendable { seq }) => {
                tracing::error!(stream = stream.as_str(), seq, "a record fits no batch; its stream waits");
                self.shared.tell(UplinkEvent::Unsendable { stream, seq });
                return Input::SendFailed { stream };
            }
            Err(error) => {
                let error = with_causes(&error);
                tracing::error!(
                    stream = stream.as_str(),
                    error,
                    "no batch could be made; trying again later"
                );
                return Input::SendFailed { stream };
            }
        };
        let trace = trace_parent(&batch);
        let sent = self.connection.as_mut().is_some_and(|connection| {
            connection.publish_batch(&batch.contents.topic(), stream, batch.encode(), trace)
        });
        if !sent {
            return Input::SendFailed { stream };
        }
        self.shared.status().batches_sent += 1;
        let rows = batch.contents.rows.len();
        tracing::debug!(stream = stream.as_str(), batch.rows = rows, batch.through = through, "batch sent");
        Input::BatchSent { stream, through }
    }

    fn delete(&mut self, stream: Stream, through: u64) {
        match self.spool.acknowledge(stream, self.epoch, through) {
            Ok(_) => {}
            Err(error @ (AcknowledgeError::OtherEpoch { .. } | AcknowledgeError::BeyondHead { .. })) => {
                // The machine checked both: the spool was replaced under us.
                tracing::error!(%error, "the spool does not know what a gateway acknowledged");
            }
            // They stay, go again after the next start, and the gateway drops them: late, but right.
            Err(error) => {
                let error = with_causes(&error);
                tracing::error!(error, stream = stream.as_str(), "acknowledged records were not deleted");
            }
        }
        self.count_soon();
    }

    fn report(&mut self, report: Report) {
        let event = match report {
            Report::Rejected { stream, rejection } => {
                let records = rejection.to.saturating_sub(rejection.from).saturating_add(1);
                self.shared.status().rejected += records;
                tracing::warn!(
                    stream = stream.as_str(),
                    from = rejection.from,
                    to = rejection.to,
                    reason = rejection.reason.as_str(),
                    "the gateway keeps records only as rejected"
                );
                let (from, to, reason) = (rejection.from, rejection.to, rejection.reason);
                UplinkEvent::Rejected { stream, from, to, reason }
            }
            Report::Refused { stream, rejection } => {
                self.shared.status().refused += 1;
                tracing::warn!(
                    stream = stream.as_str(),
                    from = rejection.from,
                    to = rejection.to,
                    reason = rejection.reason.as_str(),
                    "the gateway refused a batch: its records stay here and are sent again"
                );
                UplinkEvent::StatusChanged
            }
            Report::ForeignEpoch { stream, epoch, through } => {
                tracing::warn!(stream = stream.as_str(), %epoch, through, "ignored an acknowledgement of another epoch");
                UplinkEvent::ForeignEpoch { stream, epoch, through }
            }
            Report::ImpossibleAck { stream, through, head } => {
                tracing::warn!(
                    stream = stream.as_str(),
                    through,
                    head,
                    "ignored an acknowledgement of records that do not exist"
                );
                UplinkEvent::ImpossibleAck { stream, through, head }
            }
        };
        self.shared.tell(event);
    }

    fn take(&mut self, message: FromBroker) {
        match message {
            FromBroker::Ready => {
                self.connect_by = None;
                self.trouble.end();
                self.refused = None;
                tracing::info!(session = self.sync.snapshot().session, "connected to the broker");
                self.feed(Input::Connected);
            }
            FromBroker::Message { topic, payload } => self.message(&topic, &payload),
            FromBroker::Taken { stream } => {
                if self.refused == Some(stream) {
                    self.refused = None;
                    self.trouble.end();
                }
            }
            FromBroker::Refused { stream, problem } => {
                self.complain(problem);
                self.refused = Some(stream);
                self.feed(Input::PublishRefused { stream });
            }
            FromBroker::Trouble(problem) => self.complain(problem),
            FromBroker::Ended(problem) => self.lost(problem),
        }
    }

    fn lost(&mut self, problem: Problem) {
        self.connection = None;
        self.connect_by = None;
        self.complain(problem);
        self.feed(Input::Disconnected { random: rand::random() });
    }

    fn complain(&mut self, problem: Problem) {
        let (kind, text) = (problem.kind.as_str(), problem.to_string());
        if self.trouble.take(problem) {
            tracing::warn!(problem = kind, "{text}");
        }
    }

    fn message(&mut self, topic: &str, payload: &[u8]) {
        let Ok(topic) = topic.parse::<Topic>() else {
            tracing::warn!("ignored a message on a topic that is none of ours");
            return;
        };
        // An empty retained message is a deleted one.
        if payload.is_empty() {
            return;
        }
        let unreadable = |error: &dyn std::fmt::Display| {
            tracing::warn!(%topic, %error, "ignored a payload that cannot be read");
        };
        match &topic {
            Topic::Ack(device) if *device == self.config.device => match Ack::read(payload) {
                Ok(ack) => self.feed(Input::AckReceived(ack)),
                Err(error) => unreadable(&error),
            },
            Topic::State(device) if *device == self.config.device => match State::read(payload) {
                Ok(state) => {
                    self.feed(Input::OwnStateSeen { session: state.session, online: state.online });
                }
                Err(error) => unreadable(&error),
            },
            Topic::Gateway(instance) => match GatewayPresence::read(payload) {
                Ok(presence) if presence.instance == *instance => self.feed(Input::GatewaySeen {
                    instance: presence.instance,
                    session: presence.session,
                    online: presence.online,
                }),
                Ok(_) => unreadable(&"it is another gateway's"),
                Err(error) => unreadable(&error),
            },
            Topic::Panel { to, meeting } if *to == self.config.device => {
                if payload.len() > MAX_PANEL_BYTES {
                    unreadable(&"it is longer than any request");
                } else {
                    let (meeting, payload) = (*meeting, payload.to_vec());
                    self.shared.tell(UplinkEvent::Panel { meeting, payload });
                }
            }
            Topic::Ack(_)
            | Topic::State(_)
            | Topic::Panel { .. }
            | Topic::Up { .. }
            | Topic::TwinDesired(_)
            | Topic::TwinReported(_)
            | Topic::Job { .. }
            | Topic::JobStatus { .. }
            | Topic::Live { .. } => unreadable(&"this device did not subscribe to it"),
        }
    }

    fn send_live(&mut self) {
        self.live_at = None;
        let up = self.sync.snapshot().link_up;
        let Some(connection) = self.connection.as_mut().filter(|_| up) else {
            self.shared.live().clear();
            return;
        };
        while connection.takes_live() {
            let Some((meeting, json)) = self.shared.live().pop() else { return };
            connection.publish_live(&self.config, meeting, json);
        }
        self.live_at = Some(self.now() + LIVE_INTERVAL);
    }

    fn count_soon(&mut self) {
        if self.count_at.is_none() {
            self.count_at = Some(self.now() + COUNT_INTERVAL);
        }
    }

    fn count(&mut self) {
        if self.count_at.is_none_or(|at| self.now() < at) {
            return;
        }
        self.count_at = None;
        match self.spool.depth() {
            Ok(depth) => self.counted = depth.rows,
            Err(error) => tracing::error!(%error, "the spool's records could not be counted"),
        }
    }

    fn publish_status(&self) {
        let snapshot = self.sync.snapshot();
        let link_up = snapshot.link_up && self.stopping.is_none();
        let mut status = self.shared.status();
        let news = (status.link_up, status.gateway_present, &status.problem)
            != (link_up, snapshot.gateway_present, &self.trouble.shown().cloned());
        status.link_up = link_up;
        status.gateway_present = snapshot.gateway_present;
        status.session = snapshot.session;
        status.problem = self.trouble.shown().cloned();
        status.queued = self.counted;
        drop(status);
        if news {
            self.shared.tell(UplinkEvent::StatusChanged);
        }
    }
}

/// What comes from the connection; never, without one.
async fn next(connection: &mut Option<Connection>) -> FromBroker {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
    }
}

/// W3C trace context from the batch's head: the same batch repeated keeps its trace.
fn trace_parent(batch: &Batch) -> String {
    let hash = batch.contents.head.head.hash.to_string();
    format!("00-{}-{}-01", &hash[..32], &hash[32..48])
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
