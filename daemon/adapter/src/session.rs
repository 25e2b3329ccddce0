//! One stay in one meeting: what `primd` holds ([`Session`]) and what the adapter drives ([`SessionPort`]).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prim_audio::SampleRate;
use prim_ids::ParticipantId;

use crate::mouth::{MouthSwitch, mouth, mouth_over};
use crate::{
    Capability, ClockDomain, Ear, EarFeed, EarId, Manifest, Mouth, MouthFeed, MouthLease, MouthTaken,
    NoMouth, Roster, Sink,
};

/// Where a session stands. It is the truth at this moment, not the last wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// Admitted, and connected at this moment.
    Joined,
    /// The platform dropped; attempts go on.
    Reconnecting {
        /// Attempts made since the drop.
        attempts: u32,
    },
    /// Over, for good.
    Closed(CloseReason),
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// Prim left.
    Left,
    /// The platform or its host put Prim out, or would not let it in again.
    Removed {
        /// The platform's own words.
        why: String,
    },
    /// The other side of the adapter is gone: its driver ended without leaving.
    DriverGone,
}

/// What happened in the meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AdapterEvent {
    /// The session's state changed.
    StateChanged(SessionState),
    /// Somebody came, or is called differently now; the name is in the roster.
    ParticipantJoined {
        /// Who.
        who: ParticipantId,
    },
    /// Somebody went.
    ParticipantLeft {
        /// Who.
        who: ParticipantId,
    },
    /// A remote hand went up.
    HandRaised {
        /// Whose.
        who: ParticipantId,
    },
    /// A remote hand went down.
    HandLowered {
        /// Whose.
        who: ParticipantId,
    },
    /// Somebody answered whether what they say may be written down.
    ConsentAnswered {
        /// Who.
        who: ParticipantId,
        /// Yes or no.
        agrees: bool,
    },
    /// The queue was full and this many events were dropped: read [`Session::roster`] and [`Session::state`] anew.
    EventsLost {
        /// How many.
        count: u64,
    },
}

/// What the session asks its adapter to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Raise (true) or lower Prim's own hand.
    Hand(bool),
    /// Show a line of text to everyone; empty takes it away.
    Banner(String),
    /// Show this text to one person alone.
    Notice {
        /// Who.
        who: ParticipantId,
        /// The text.
        text: String,
    },
    /// Leave the meeting and end.
    Leave,
}

/// Why the platform was not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The manifest says so.
    #[error("use \"{0}\": this platform does not offer it; see the adapter's manifest")]
    NotOffered(Capability),
    /// The platform dropped or the session is over.
    #[error("ask the platform: the meeting is not joined at this moment")]
    NotJoined,
    /// The adapter does not keep up.
    #[error("ask the platform: {COMMAND_CAPACITY} requests wait already")]
    Busy,
}

/// The platform did not confirm the leave in time. The session is over all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("see the platform confirm within {} s that Prim left; it may show Prim until it notices", limit.as_secs_f32())]
pub struct LeaveError {
    limit: Duration,
}

/// A minute of a lively meeting; when full the event is dropped, and [`AdapterEvent::EventsLost`] follows.
const EVENT_CAPACITY: usize = 256;
/// When full the request is refused with [`RequestError::Busy`].
const COMMAND_CAPACITY: usize = 32;

#[derive(Debug)]
struct Shared {
    state: Mutex<SessionState>,
    state_changed: Condvar,
    roster: Mutex<Roster>,
    lost_events: AtomicU64,
    leaving: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing inside these locks can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One stay in one meeting. May be shared between threads; ears and the mouth's lease go to audio threads.
#[derive(Debug)]
pub struct Session<M> {
    manifest: Manifest,
    shared: Arc<Shared>,
    ears: Mutex<Vec<Ear>>,
    events: Mutex<Receiver<AdapterEvent>>,
    commands: SyncSender<Command>,
    mouth: M,
}

impl<M> Session<M> {
    /// The ears, once; a second call gives none.
    pub fn take_ears(&self) -> Vec<Ear> {
        std::mem::take(&mut locked(&self.ears))
    }

    /// The next event, waiting for it at most `limit` (zero: do not wait). One thread at a time.
    pub fn next_event(&self, limit: Duration) -> Option<AdapterEvent> {
        let events = locked(&self.events);
        match events.try_recv() {
            Ok(event) => return Some(event),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
        match self.shared.lost_events.swap(0, Ordering::AcqRel) {
            0 => {}
            count => return Some(AdapterEvent::EventsLost { count }),
        }
        events.recv_timeout(limit).ok()
    }

    /// Where the session stands at this moment.
    #[must_use]
    pub fn state(&self) -> SessionState {
        locked(&self.shared.state).clone()
    }

    /// Who is there at this moment.
    #[must_use]
    pub fn roster(&self) -> Roster {
        locked(&self.shared.roster).clone()
    }

    /// What this session's platform can do.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Raises Prim's own hand.
    ///
    /// # Errors
    /// When the platform has no such thing, is away, or does not keep up.
    pub fn raise_hand(&self) -> Result<(), RequestError> {
        self.request(Capability::RaiseHand, Command::Hand(true))
    }

    /// Lowers Prim's own hand.
    ///
    /// # Errors
    /// As [`Session::raise_hand`].
    pub fn lower_hand(&self) -> Result<(), RequestError> {
        self.request(Capability::RaiseHand, Command::Hand(false))
    }

    /// Shows `text` to everyone in the meeting; empty takes it away.
    ///
    /// # Errors
    /// As [`Session::raise_hand`].
    pub fn show_banner(&self, text: &str) -> Result<(), RequestError> {
        self.request(Capability::Banner, Command::Banner(text.to_owned()))
    }

    /// Shows `text` to one person alone.
    ///
    /// # Errors
    /// As [`Session::raise_hand`].
    pub fn show_notice(&self, who: ParticipantId, text: &str) -> Result<(), RequestError> {
        self.request(Capability::AskOne, Command::Notice { who, text: text.to_owned() })
    }

    /// Leaves, waiting at most `limit` for the platform to confirm. The session is over in either case.
    ///
    /// # Errors
    /// When the confirmation did not come in time.
    pub fn leave(&self, limit: Duration) -> Result<(), LeaveError> {
        self.shared.leaving.store(true, Ordering::Release);
        // Wakes a waiting driver; a full queue is awake anyway.
        let _ = self.commands.try_send(Command::Leave);
        let deadline = Instant::now() + limit;
        let mut state = locked(&self.shared.state);
        while !matches!(*state, SessionState::Closed(_)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                *state = SessionState::Closed(CloseReason::Left);
                return Err(LeaveError { limit });
            }
            state = match self.shared.state_changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        Ok(())
    }

    fn request(&self, capability: Capability, command: Command) -> Result<(), RequestError> {
        if !self.manifest.offers(capability) {
            return Err(RequestError::NotOffered(capability));
        }
        if self.state() != SessionState::Joined {
            return Err(RequestError::NotJoined);
        }
        self.commands.try_send(command).map_err(|refused| match refused {
            TrySendError::Full(_) => RequestError::Busy,
            TrySendError::Disconnected(_) => RequestError::NotJoined,
        })
    }
}

impl Session<Mouth> {
    /// The exclusive right to speak, until dropped.
    ///
    /// # Errors
    /// When somebody holds it.
    pub fn lease_mouth(&self) -> Result<MouthLease, MouthTaken> {
        self.mouth.lease()
    }
}

impl<M> Drop for Session<M> {
    fn drop(&mut self) {
        self.shared.leaving.store(true, Ordering::Release);
        let _ = self.commands.try_send(Command::Leave);
    }
}

/// One ear to open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarSetup {
    /// Frames per second of its blocks.
    pub rate: SampleRate,
    /// Whose clock drives it.
    pub clock: ClockDomain,
}

/// What an adapter needs to say to open a session. Call it after admission is proven: the session is `Joined`.
#[derive(Debug, Clone)]
pub struct SessionSetup {
    /// The adapter's manifest.
    pub manifest: Manifest,
    /// The ears, in the order of their [`EarId`]s.
    pub ears: Vec<EarSetup>,
}

impl SessionSetup {
    /// A session that only listens.
    #[must_use]
    pub fn open(self) -> (Session<NoMouth>, SessionPort) {
        self.build(NoMouth, None)
    }

    /// A session with a mouth that takes blocks at `rate`.
    #[must_use]
    pub fn open_with_mouth(self, rate: SampleRate) -> (Session<Mouth>, SessionPort, MouthFeed) {
        let (mouth, switch, feed) = mouth(rate);
        switch.set_joined(true);
        let (session, port) = self.build(mouth, Some(switch));
        (session, port, feed)
    }

    /// A session whose mouth hands blocks at `rate` to `sink` at once.
    #[must_use]
    pub fn open_over(self, rate: SampleRate, sink: Box<dyn Sink>) -> (Session<Mouth>, SessionPort) {
        let (mouth, switch) = mouth_over(rate, sink);
        switch.set_joined(true);
        self.build(mouth, Some(switch))
    }

    fn build<M>(self, mouth: M, switch: Option<MouthSwitch>) -> (Session<M>, SessionPort) {
        let (event_sender, events) = sync_channel(EVENT_CAPACITY);
        let (commands, command_receiver) = sync_channel(COMMAND_CAPACITY);
        let shared = Arc::new(Shared {
            state: Mutex::new(SessionState::Joined),
            state_changed: Condvar::new(),
            roster: Mutex::new(Roster::default()),
            lost_events: AtomicU64::new(0),
            leaving: AtomicBool::new(false),
        });
        let (ears, feeds) = (0..)
            .zip(&self.ears)
            .map(|(n, setup)| crate::ear::ear(EarId(n), setup.rate, setup.clock))
            .unzip();
        let port = SessionPort {
            shared: Arc::clone(&shared),
            feeds,
            events: event_sender,
            commands: command_receiver,
            mouth: switch,
            unconfirmed: None,
        };
        port.emit(AdapterEvent::StateChanged(SessionState::Joined));
        let session = Session {
            manifest: self.manifest,
            shared,
            ears: Mutex::new(ears),
            events: Mutex::new(events),
            commands,
            mouth,
        };
        (session, port)
    }
}

/// The adapter's side of a session. Dropping it closes the session.
#[derive(Debug)]
pub struct SessionPort {
    shared: Arc<Shared>,
    feeds: Vec<EarFeed>,
    events: SyncSender<AdapterEvent>,
    commands: Receiver<Command>,
    mouth: Option<MouthSwitch>,
    /// After a reconnect: people the platform has not named again yet.
    unconfirmed: Option<Vec<ParticipantId>>,
}

impl SessionPort {
    /// The ears' writing ends, once, in the order of the setup.
    pub fn take_ears(&mut self) -> Vec<EarFeed> {
        std::mem::take(&mut self.feeds)
    }

    /// The next request, waiting for it at most `limit`. [`Command::Leave`] comes again and again once asked.
    pub fn next_command(&self, limit: Duration) -> Option<Command> {
        if self.is_leaving() {
            return Some(Command::Leave);
        }
        match self.commands.recv_timeout(limit) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Leave),
        }
    }

    /// Was this session asked to leave, or dropped?
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.shared.leaving.load(Ordering::Acquire)
    }

    /// The truth about the connection changed. A closed session stays closed.
    pub fn set_state(&mut self, state: SessionState) {
        let mut current = locked(&self.shared.state);
        if *current == state || matches!(*current, SessionState::Closed(_)) {
            return;
        }
        if let Some(mouth) = &self.mouth {
            mouth.set_joined(state == SessionState::Joined);
        }
        if *current != SessionState::Joined && state == SessionState::Joined {
            self.unconfirmed = Some(locked(&self.shared.roster).iter().map(|(who, _)| who).collect());
        }
        current.clone_from(&state);
        drop(current);
        self.shared.state_changed.notify_all();
        self.emit(AdapterEvent::StateChanged(state));
    }

    /// Somebody is there.
    pub fn participant_joined(&mut self, who: ParticipantId, name: &str) {
        if let Some(unconfirmed) = &mut self.unconfirmed {
            unconfirmed.retain(|other| *other != who);
        }
        if locked(&self.shared.roster).join(who, name) {
            self.emit(AdapterEvent::ParticipantJoined { who });
        }
    }

    /// Somebody went.
    pub fn participant_left(&mut self, who: ParticipantId) {
        if locked(&self.shared.roster).leave(who) {
            self.emit(AdapterEvent::ParticipantLeft { who });
        }
    }

    /// A hand went up or down. Hands of people who are not there are ignored.
    pub fn hand_moved(&mut self, who: ParticipantId, raised: bool) {
        if locked(&self.shared.roster).hand(who, raised) {
            self.emit(if raised {
                AdapterEvent::HandRaised { who }
            } else {
                AdapterEvent::HandLowered { who }
            });
        }
    }

    /// Somebody answered whether they may be written down. Answers of people who are not there are ignored.
    pub fn consent_answered(&mut self, who: ParticipantId, agrees: bool) {
        if locked(&self.shared.roster).get(who).is_some() {
            self.emit(AdapterEvent::ConsentAnswered { who, agrees });
        }
    }

    /// After a reconnect, when the platform had time to name everyone: who was not named has left.
    pub fn forget_the_unconfirmed(&mut self) {
        for who in self.unconfirmed.take().unwrap_or_default() {
            self.participant_left(who);
        }
    }

    fn emit(&self, event: AdapterEvent) {
        match self.events.try_send(event) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(_)) => {
                self.shared.lost_events.fetch_add(1, Ordering::AcqRel);
            }
        }
    }
}

impl Drop for SessionPort {
    fn drop(&mut self) {
        self.set_state(SessionState::Closed(CloseReason::DriverGone));
    }
}

#[cfg(test)]
mod tests;
