//! A meeting platform beside the room: joined, kept, and joined again when it is lost. The meeting goes on meanwhile.
//!
//! One thread tends it for the life of the daemon. An attempt that fails is repeated after a wait that doubles up to a
//! minute, with full jitter. A host that puts Prim out is obeyed: it does not come back by itself.

mod events;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prim_adapter::{
    Adapter, Backoff, CloseReason, JoinError, JoinRequest, Manifest, Mouth as PlatformMouth, MouthLease,
    Session, SessionState,
};
use prim_ids::ParticipantId;
use prim_meeting::{Input, Peripheral, PeripheralState};

use self::events::Events;
use crate::clock;
use crate::inbox::Inbox;
use crate::meeting_loop::Platform;
use crate::mouth::lock;
use crate::session::Joined;

/// How long a platform may take to let Prim in.
const JOIN_LIMIT: Duration = Duration::from_secs(10);
/// How long leaving a platform may take.
const LEAVE_LIMIT: Duration = Duration::from_secs(2);
/// How long one wait for an event lasts, and so how fast the thread notices that it shall stop.
const EVENT_WAIT: Duration = Duration::from_millis(100);

/// Where the mouth finds the platform's, while it is joined.
pub(crate) type SharedLeg = Arc<Mutex<Option<MouthLease>>>;

/// What people at the platform should see of Prim; told again when it was joined again.
#[derive(Debug, Default)]
struct Shown {
    hand: bool,
    banner: Option<String>,
}

#[derive(Debug)]
struct Shared {
    manifest: Manifest,
    session: Mutex<Option<Arc<Session<PlatformMouth>>>>,
    shown: Mutex<Shown>,
    /// Why it is not joined, in words.
    away: Mutex<Option<String>>,
    leg: SharedLeg,
}

/// The platform as the rest of the daemon sees it: there or not, it takes what it is told.
#[derive(Debug, Clone)]
pub(crate) struct PlatformLink(Arc<Shared>);

impl PlatformLink {
    /// Begins to join, at once and without waiting for it. Each session's ear comes out of the receiver.
    pub(crate) fn start<A>(
        adapter: A,
        inbox: &Inbox,
        stopping: &Arc<AtomicBool>,
    ) -> std::io::Result<(Self, Receiver<Joined>, JoinHandle<()>)>
    where
        A: Adapter<Mouth = PlatformMouth> + Send + 'static,
    {
        let shared = Arc::new(Shared {
            manifest: adapter.manifest(),
            session: Mutex::default(),
            shown: Mutex::default(),
            away: Mutex::new(Some("joining".to_owned())),
            leg: Arc::default(),
        });
        let (ears, joined) = channel();
        let keeper = Keeper {
            adapter,
            shared: Arc::clone(&shared),
            ears,
            events: Events::new(inbox.clone()),
            inbox: inbox.clone(),
            stopping: Arc::clone(stopping),
            backoff: Backoff::new(
                Duration::from_millis(100),
                Duration::from_secs(1),
                Duration::from_secs(60),
            ),
        };
        let thread = std::thread::Builder::new().name("prim-platform".into()).spawn(move || keeper.keep())?;
        Ok((Self(shared), joined, thread))
    }

    /// What it can do.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// `up`, or why it is not.
    pub(crate) fn state(&self) -> Result<(), String> {
        lock(&self.0.away).clone().map_or(Ok(()), Err)
    }

    pub(crate) fn leg(&self) -> SharedLeg {
        Arc::clone(&self.0.leg)
    }
}

impl Platform for PlatformLink {
    fn raise_hand(&mut self, raised: bool) {
        lock(&self.0.shown).hand = raised;
        self.0.tell(|session| if raised { session.raise_hand() } else { session.lower_hand() });
    }

    fn notice(&mut self, who: ParticipantId, text: &str) {
        self.0.tell(|session| session.show_notice(who, text));
    }

    fn card(&mut self, text: &str) {
        let session = lock(&self.0.session).clone();
        let people = session.map(|session| session.roster().iter().map(|(who, _)| who).collect::<Vec<_>>());
        people.into_iter().flatten().for_each(|who| self.notice(who, text));
    }

    fn banner(&mut self, text: Option<&str>) {
        lock(&self.0.shown).banner = text.map(str::to_owned);
        self.0.tell(|session| session.show_banner(text.unwrap_or_default()));
    }
}

impl Shared {
    fn tell(&self, ask: impl FnOnce(&Session<PlatformMouth>) -> Result<(), prim_adapter::RequestError>) {
        let session = lock(&self.session).clone();
        if let Some(Err(error)) = session.map(|session| ask(&session)) {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "the platform did not take what it was told"
            );
        }
    }
}

struct Keeper<A> {
    adapter: A,
    shared: Arc<Shared>,
    ears: Sender<Joined>,
    events: Events,
    inbox: Inbox,
    stopping: Arc<AtomicBool>,
    backoff: Backoff,
}

impl<A: Adapter<Mouth = PlatformMouth>> Keeper<A> {
    fn keep(mut self) {
        let request = JoinRequest { admission_limit: JOIN_LIMIT, ..JoinRequest::default() };
        while !self.is_stopping() {
            match self.adapter.join(&request) {
                Ok(session) => {
                    let put_out = self.stay(Arc::new(session));
                    if put_out {
                        return;
                    }
                }
                Err(error) => self.not_joined(&error),
            }
            self.wait();
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// One session, until it is over or the daemon stops. Whether the host put Prim out.
    fn stay(&mut self, session: Arc<Session<PlatformMouth>>) -> bool {
        self.backoff.reset();
        tracing::info!(adapter.name = self.shared.manifest.adapter, "joined the platform");
        if let Some(ear) = session.take_ears().into_iter().next() {
            let _ = self.ears.send((ear, Arc::clone(&session)));
        }
        *lock(&self.shared.leg) = session.lease_mouth().ok();
        *lock(&self.shared.session) = Some(Arc::clone(&session));
        self.show_again();
        self.events.roster(&session);
        let reason = loop {
            if self.is_stopping() {
                *lock(&self.shared.leg) = None;
                if let Err(error) = session.leave(LEAVE_LIMIT) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "left the platform without its word"
                    );
                }
                return false;
            }
            let Some(event) = session.next_event(EVENT_WAIT) else {
                // The event of the end may have been dropped from a full queue.
                if let SessionState::Closed(reason) = session.state() {
                    break reason;
                }
                continue;
            };
            self.note(&event);
            self.events.take(&session, event);
        };
        *lock(&self.shared.session) = None;
        *lock(&self.shared.leg) = None;
        let (why, put_out) = match reason {
            CloseReason::Removed { .. } => ("its host put Prim out", true),
            CloseReason::Left => ("Prim has left", false),
            CloseReason::DriverGone => ("the adapter has stopped", false),
        };
        tracing::warn!(
            adapter.name = self.shared.manifest.adapter,
            adapter.comes_back = !put_out,
            "the platform is lost: {why}; the meeting goes on in the room"
        );
        self.away(why);
        put_out
    }

    /// After a reconnect inside the adapter the hand and banner are its own business.
    fn note(&self, event: &prim_adapter::AdapterEvent) {
        if let prim_adapter::AdapterEvent::StateChanged(state) = event {
            *lock(&self.shared.away) = match state {
                SessionState::Joined => None,
                SessionState::Reconnecting { attempts } => {
                    Some(format!("reconnecting ({attempts} attempts)"))
                }
                SessionState::Closed(_) => Some("the session is over".to_owned()),
            };
            match state {
                SessionState::Reconnecting { attempts: 0 } => tracing::warn!(
                    adapter.name = self.shared.manifest.adapter,
                    "the platform dropped the connection; the meeting goes on in the room"
                ),
                SessionState::Joined => {
                    tracing::debug!(adapter.name = self.shared.manifest.adapter, "the platform is connected");
                }
                SessionState::Reconnecting { .. } | SessionState::Closed(_) => {}
            }
        }
    }

    fn show_again(&self) {
        let (hand, banner) = {
            let shown = lock(&self.shared.shown);
            (shown.hand, shown.banner.clone())
        };
        if hand {
            self.shared.tell(Session::raise_hand);
        }
        if let Some(text) = banner {
            self.shared.tell(|session| session.show_banner(&text));
        }
    }

    fn not_joined(&self, error: &JoinError) {
        let why = match error {
            JoinError::Unreachable { .. } => "nothing answers at the platform's address",
            JoinError::NotAdmitted { .. } => "nobody lets Prim in from the lobby",
            JoinError::Refused { .. } => "the platform refuses Prim",
            JoinError::Lost { .. } => "the platform hung up",
            JoinError::Garbled { .. } => "something else than the platform answers",
        };
        if lock(&self.shared.away).as_deref() != Some(why) {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the platform could not be joined; the room goes on without it, and Prim tries again"
            );
            self.away(why);
        }
    }

    /// Shows and records that it is away; once for each reason.
    fn away(&self, why: &str) {
        *lock(&self.shared.away) = Some(why.to_owned());
        let state = PeripheralState::Absent { reason: why.to_owned() };
        let input = Input::PeripheralChanged { which: Peripheral::RemoteLink, state };
        self.inbox.report(clock::mono_now(), input);
    }

    fn wait(&mut self) {
        let until = Instant::now() + self.backoff.next_wait(rand::random());
        while !self.is_stopping() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(EVENT_WAIT));
        }
    }
}

#[cfg(test)]
mod tests;
