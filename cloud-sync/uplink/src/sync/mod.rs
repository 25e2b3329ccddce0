//! What to send, again and when. Pure: no clock, no IO, no randomness; time and random numbers are arguments.
//!
//! **Contract: after each input or timeout, drain [`Sync::poll_output`] to `None`, carry the outputs out in order,
//! and answer each [`Output::SendBatch`] with exactly one of [`Input::BatchSent`], [`Input::NothingToSend`] or
//! [`Input::SendFailed`].**
//!
//! One batch per stream is in flight. It is repeated after a reconnect, after a gateway came back, and when its
//! acknowledgement is late; so the wire carries records at least once, and gateways drop what they have. Records
//! are deleted only by an acknowledgement for this spool's epoch that names records which exist.

mod lane;
mod message;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use prim_ids::{EpochId, InstanceName, MonoTime, Stream};
use prim_proto::{Ack, Rejection};

use lane::{Lane, Phase};
pub use message::{Input, Output, Report};

/// Waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The bound of the first wait before connecting again; each failure doubles it.
    pub backoff_first: Duration,
    /// The bound of every wait before connecting again.
    pub backoff_most: Duration,
    /// A connection that held this long, or brought an acknowledgement, is stable: the next loss begins with short
    /// waits.
    pub settled_after: Duration,
    /// How long a first acknowledgement may take; each repeat doubles it.
    pub ack_limit: Duration,
    /// The longest wait for an acknowledgement.
    pub ack_limit_most: Duration,
    /// How long a stream rests that the broker refused, or whose batch could not be made.
    pub rest: Duration,
}

impl Default for Timing {
    /// 1 s, 2 s, 4 s … 60 s between connections (REQUIREMENTS asks for exponential backoff; with full jitter ten thousand
    /// devices come back spread over a minute after a long outage; after a short one no wait is longer than the outage
    /// and a second), 5 s to 60 s for an acknowledgement (a commit takes milliseconds),
    /// 60 s of rest.
    fn default() -> Self {
        Self {
            backoff_first: Duration::from_secs(1),
            backoff_most: Duration::from_secs(60),
            settled_after: Duration::from_secs(10),
            ack_limit: Duration::from_secs(5),
            ack_limit_most: Duration::from_secs(60),
            rest: Duration::from_secs(60),
        }
    }
}

/// Never wait less before connecting again: a random number of zero must not become a busy loop.
const BACKOFF_LEAST: Duration = Duration::from_millis(100);
/// More gateways than anyone runs; further ones are not watched.
const MOST_GATEWAYS: usize = 256;

/// Where the sync stands, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// Connected?
    pub link_up: bool,
    /// Does a gateway take batches?
    pub gateway_present: bool,
    /// The session number of this or the latest attempt.
    pub session: u64,
    /// Streams with a batch in flight.
    pub in_flight: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Down { retry_at: MonoTime },
    Connecting,
    Up { since: MonoTime },
    Stopped,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Sync {
    timing: Timing,
    epoch: EpochId,
    session: u64,
    link: Link,
    failures: u32,
    /// When the last stable link was lost, or the first attempt failed.
    lost_at: MonoTime,
    lanes: [Lane; 6],
    gateways: BTreeMap<InstanceName, (u64, bool)>,
    /// Our own state was published and has not come back yet: whatever comes before it is older.
    echo_pending: bool,
    outputs: VecDeque<Output>,
    /// Until a gateway has the audit through here, nothing else is sent: a change of key stands there, and without it
    /// the gateway trusts nothing that is signed with the new one.
    audit_first: u64,
}

impl Sync {
    /// A sync for the spool's life `epoch`, whose first connection gets `first_session`. Connects at `now`.
    #[must_use]
    pub fn new(now: MonoTime, timing: Timing, epoch: EpochId, first_session: u64) -> Self {
        Self {
            timing,
            epoch,
            session: first_session,
            link: Link::Down { retry_at: now },
            failures: 0,
            lost_at: now,
            lanes: Stream::ALL.map(Lane::new),
            gateways: BTreeMap::new(),
            echo_pending: false,
            outputs: VecDeque::new(),
            audit_first: 0,
        }
    }

    /// Sends nothing but audit until that is acknowledged through `through`.
    #[must_use]
    pub fn audit_first(self, through: u64) -> Self {
        Self { audit_first: through, ..self }
    }

    /// Something happened.
    pub fn handle_input(&mut self, now: MonoTime, input: Input) {
        if self.link == Link::Stopped {
            return;
        }
        match input {
            Input::Connected => self.connected(now),
            Input::Disconnected { random } => self.disconnected(now, random),
            Input::SpoolGrew { stream, head } => {
                let lane = self.lane(stream);
                lane.head = lane.head.max(head);
            }
            Input::BatchSent { stream, through } => self.batch_sent(now, stream, through),
            Input::NothingToSend { stream } => self.lane(stream).nothing_to_send(),
            Input::SendFailed { stream } | Input::PublishRefused { stream } => {
                let rest = now + self.timing.rest;
                self.lane(stream).phase = Phase::Resting { until: rest };
            }
            Input::AckReceived(ack) => self.acknowledged(ack),
            Input::GatewaySeen { instance, session, online } => self.gateway_seen(instance, session, online),
            Input::OwnStateSeen { session, online } => self.own_state_seen(now, session, online),
            Input::Stop => self.stop(),
        }
        self.pump();
    }

    /// Time passed.
    pub fn handle_timeout(&mut self, now: MonoTime) {
        match self.link {
            Link::Down { retry_at } if now >= retry_at => {
                self.link = Link::Connecting;
                self.outputs.push_back(Output::Connect { session: self.session });
            }
            Link::Up { since } if self.failures > 0 && now.since(since) >= self.timing.settled_after => {
                self.failures = 0;
            }
            Link::Down { .. } | Link::Connecting | Link::Up { .. } | Link::Stopped => {}
        }
        for lane in &mut self.lanes {
            lane.timeout(now);
        }
        self.pump();
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Sync::handle_timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        let link = match self.link {
            Link::Down { retry_at } => Some(retry_at),
            Link::Up { since } if self.failures > 0 => Some(since + self.timing.settled_after),
            Link::Connecting | Link::Up { .. } | Link::Stopped => None,
        };
        self.lanes.iter().filter_map(Lane::deadline).chain(link).min()
    }

    /// Where the sync stands.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            link_up: matches!(self.link, Link::Up { .. }),
            gateway_present: self.gateway_present(),
            session: self.session,
            in_flight: self.lanes.iter().filter(|lane| matches!(lane.phase, Phase::Flying { .. })).count(),
        }
    }

    fn lane(&mut self, stream: Stream) -> &mut Lane {
        let place = Stream::ALL.iter().position(|s| *s == stream).unwrap_or(0);
        &mut self.lanes[place]
    }

    fn gateway_present(&self) -> bool {
        self.gateways.values().any(|(_, online)| *online)
    }

    /// Starts a batch on every lane that may have one.
    fn pump(&mut self) {
        if !matches!(self.link, Link::Up { .. }) || !self.gateway_present() {
            return;
        }
        let audit_only = self.lane(Stream::Audit).acked < self.audit_first;
        for lane in self.lanes.iter_mut().filter(|lane| !audit_only || lane.stream == Stream::Audit) {
            if let Some(from) = lane.start() {
                self.outputs.push_back(Output::SendBatch { stream: lane.stream, from });
            }
        }
    }

    fn connected(&mut self, now: MonoTime) {
        if self.link == Link::Connecting {
            self.link = Link::Up { since: now };
            self.publish_state();
        }
    }

    fn publish_state(&mut self) {
        self.echo_pending = true;
        self.outputs.push_back(Output::PublishState { session: self.session, online: true });
    }

    fn disconnected(&mut self, now: MonoTime, random: u32) {
        match self.link {
            Link::Connecting => {}
            Link::Up { since } => {
                if now.since(since) >= self.timing.settled_after {
                    self.failures = 0;
                }
            }
            Link::Down { .. } | Link::Stopped => return,
        }
        if self.failures == 0 {
            self.lost_at = now;
        }
        let doubled = self.timing.backoff_first.saturating_mul(1 << self.failures.min(16));
        // Short waits by chance must not add up to a long one: the link may only have blinked.
        let away = now.since(self.lost_at) + self.timing.backoff_first;
        let bound = doubled.min(away).min(self.timing.backoff_most);
        let wait = bound.mul_f64(f64::from(random) / f64::from(u32::MAX)).max(BACKOFF_LEAST);
        self.failures = self.failures.saturating_add(1);
        self.hang_up(now + wait);
        self.session += 1;
    }

    fn hang_up(&mut self, retry_at: MonoTime) {
        self.link = Link::Down { retry_at };
        self.gateways.clear();
        self.echo_pending = false;
        self.lanes.iter_mut().for_each(Lane::link_lost);
    }

    fn batch_sent(&mut self, now: MonoTime, stream: Stream, through: u64) {
        let up = matches!(self.link, Link::Up { .. });
        let (first, most) = (self.timing.ack_limit, self.timing.ack_limit_most);
        self.lane(stream).sent(now, through, up, first, most);
    }

    fn acknowledged(&mut self, ack: Ack) {
        let (stream, through) = (ack.stream, ack.through_seq);
        if ack.epoch != self.epoch {
            let report = Report::ForeignEpoch { stream, epoch: ack.epoch, through };
            self.outputs.push_back(Output::Report(report));
            return;
        }
        let lane = self.lane(stream);
        let (head, before) = (lane.head, lane.acked);
        if through > head {
            self.outputs.push_back(Output::Report(Report::ImpossibleAck { stream, through, head }));
            return;
        }
        let new = lane.acknowledged(through);
        // Above what is acknowledged nothing was taken: those records stay here and are sent again.
        let refused = ack.rejected.iter().filter_map(|rejection| lane.refused(rejection)).collect::<Vec<_>>();
        if new {
            self.failures = 0;
            for rejection in ack.rejected {
                let (from, to) = (rejection.from.max(before + 1), rejection.to.min(through));
                if from <= to {
                    let rejection = Rejection { from, to, ..rejection };
                    self.outputs.push_back(Output::Report(Report::Rejected { stream, rejection }));
                }
            }
        }
        for rejection in refused {
            self.outputs.push_back(Output::Report(Report::Refused { stream, rejection }));
        }
        if new {
            self.outputs.push_back(Output::DeleteThrough { stream, through });
        }
    }

    fn gateway_seen(&mut self, instance: InstanceName, session: u64, online: bool) {
        if !matches!(self.link, Link::Up { .. } | Link::Connecting) {
            return;
        }
        let was_present = self.gateway_present();
        let known = self.gateways.get(&instance);
        let stale = known.is_some_and(|(known, _)| session < *known);
        if stale || (known.is_none() && self.gateways.len() >= MOST_GATEWAYS) {
            return;
        }
        self.gateways.insert(instance, (session, online));
        if !was_present && self.gateway_present() {
            // Whatever was in flight met a gateway that is gone.
            self.lanes.iter_mut().for_each(Lane::link_lost);
        }
    }

    fn own_state_seen(&mut self, now: MonoTime, session: u64, online: bool) {
        // The broker may send what it retains before it grants the subscription.
        let up = match self.link {
            Link::Up { .. } => true,
            Link::Connecting => false,
            Link::Down { .. } | Link::Stopped => return,
        };
        if session > self.session {
            // Our numbers went back (a clock set back, a copied disk): observers would trust the other one, and
            // the number in our will cannot be changed on this connection.
            self.session = session + 1;
            self.outputs.push_back(Output::Disconnect);
            self.hang_up(now);
        } else if session == self.session && online {
            self.echo_pending = false;
        } else if up && !self.echo_pending {
            self.publish_state();
        }
    }

    fn stop(&mut self) {
        if matches!(self.link, Link::Up { .. }) {
            self.outputs.push_back(Output::PublishState { session: self.session, online: false });
        }
        self.outputs.push_back(Output::Disconnect);
        self.link = Link::Stopped;
    }
}

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;
