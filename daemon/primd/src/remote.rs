//! The remote people: an adapter's ears become a second listener, its hands and people become facts, and Prim's
//! hand and banners go the other way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use prim_adapter::{
    AdapterEvent, AudioBlock, Ear as PlatformEar, Heard, Mouth as PlatformMouth, MouthLease, Session,
    SessionState,
};
use prim_audio::{DEVICE_BLOCK, SPEECH_BLOCK, SampleTime};
use prim_dsp::{RemoteBlock, RemoteEar};
use prim_ids::ParticipantId;
use prim_meeting::{Input, Peripheral, PeripheralState, Person, Place, Role};

use crate::clock;
use crate::inbox::Inbox;
use crate::listener::{Clean, Gate, Listener};
use crate::meeting_loop::Platform;
use crate::mouth::Leg;

/// How often the ear looks for sound: half a block.
const LOOK: Duration = Duration::from_millis(5);
/// How long one wait for an event lasts, and so how fast the thread notices that it shall stop.
const EVENT_WAIT: Duration = Duration::from_millis(100);

/// Starts the ear's and the events' threads.
pub(crate) fn start(
    session: &Arc<Session<PlatformMouth>>,
    listener: Listener,
    inbox: &Inbox,
    stopping: &Arc<AtomicBool>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    if let Some(ear) = session.take_ears().into_iter().next() {
        let mut worker = EarWorker {
            ear,
            front: RemoteEar::new()?,
            listener,
            out: RemoteBlock::default(),
            session: Arc::clone(session),
        };
        let stop = Arc::clone(stopping);
        threads.push(std::thread::Builder::new().name("prim-remote".into()).spawn(move || {
            while !stop.load(Ordering::Acquire) {
                if !worker.turn() {
                    std::thread::sleep(LOOK);
                }
            }
        })?);
    }
    let (session, inbox, stop) = (Arc::clone(session), inbox.clone(), Arc::clone(stopping));
    threads.push(std::thread::Builder::new().name("prim-platform".into()).spawn(move || {
        let mut events = Events { session, inbox };
        while !stop.load(Ordering::Acquire) {
            if let Some(event) = events.session.next_event(EVENT_WAIT) {
                events.take(event);
            }
        }
    })?);
    Ok(threads)
}

struct EarWorker {
    ear: PlatformEar,
    front: RemoteEar,
    listener: Listener,
    out: RemoteBlock,
    session: Arc<Session<PlatformMouth>>,
}

impl EarWorker {
    fn turn(&mut self) -> bool {
        match self.ear.hear() {
            None => false,
            Some(Heard::Gap { .. }) => {
                self.listener.hole();
                true
            }
            Some(Heard::Block(block)) => {
                if let Ok(samples) = <&[i16; DEVICE_BLOCK]>::try_from(block.samples()) {
                    self.front.process(samples, &mut self.out);
                    self.hear(block.at);
                }
                true
            }
        }
    }

    fn hear(&mut self, at: SampleTime) {
        // One person on the line: the platform says who it is. With more of them it would have to name each.
        let roster = self.session.roster();
        let mut people = roster.iter().map(|(who, _)| who);
        let only = people.next().filter(|_| people.next().is_none());
        self.listener.set_speaker(only);
        let probability = self.listener.judge(&self.out.voice);
        let clean = Clean {
            at: SampleTime(at.0 / 3 / SPEECH_BLOCK as u64 * SPEECH_BLOCK as u64),
            heard: clock::mono_now(),
            voice: &self.out.voice,
            words: &self.out.voice,
            bearing_deg: None,
        };
        self.listener.block(&clean, probability, Gate::Open);
    }
}

struct Events {
    session: Arc<Session<PlatformMouth>>,
    inbox: Inbox,
}

impl Events {
    fn take(&mut self, event: AdapterEvent) {
        let at = clock::mono_now();
        match event {
            AdapterEvent::StateChanged(state) => {
                let state = match state {
                    SessionState::Joined => PeripheralState::Up,
                    SessionState::Reconnecting { .. } => PeripheralState::Degraded {
                        reason: "the platform's connection is being restored".to_owned(),
                    },
                    SessionState::Closed(_) => {
                        PeripheralState::Absent { reason: "the platform's session is over".to_owned() }
                    }
                };
                self.inbox.report(at, Input::PeripheralChanged { which: Peripheral::RemoteLink, state });
            }
            AdapterEvent::ParticipantJoined { who } => {
                let name = self.session.roster().get(who).map(|a| a.name.clone()).unwrap_or_default();
                report_join(&self.inbox, who, name);
            }
            AdapterEvent::ConsentAnswered { who, agrees } => {
                self.inbox.report(at, Input::ConsentAnswered { who, yes: agrees });
            }
            AdapterEvent::ParticipantLeft { who } => self.inbox.report(at, Input::ParticipantLeft { who }),
            AdapterEvent::HandRaised { who } => {
                self.inbox.report(at, Input::RemoteHand { who, raised: true })
            }
            AdapterEvent::HandLowered { who } => {
                self.inbox.report(at, Input::RemoteHand { who, raised: false })
            }
            AdapterEvent::EventsLost { count } => {
                tracing::warn!(
                    adapter.lost_events = count,
                    "the platform's events came too fast; the roster is read anew"
                );
                report_roster(&self.session, &self.inbox);
            }
        }
    }
}

fn report_join(inbox: &Inbox, who: ParticipantId, name: String) {
    let person = Person { id: who, name, role: Role::Member, place: Place::Remote };
    inbox.report(clock::mono_now(), Input::ParticipantJoined { person });
}

/// Everybody whom the platform shows. For a meeting that began after they came; who is known to be there is not
/// counted twice.
pub(crate) fn report_roster(session: &Session<PlatformMouth>, inbox: &Inbox) {
    for (who, attendee) in session.roster().iter() {
        report_join(inbox, who, attendee.name.clone());
    }
}

/// The platform as the meeting loop orders it about.
pub(crate) struct SessionPlatform(pub(crate) Arc<Session<PlatformMouth>>);

impl Platform for SessionPlatform {
    fn raise_hand(&mut self, raised: bool) {
        let done = if raised { self.0.raise_hand() } else { self.0.lower_hand() };
        if let Err(error) = done {
            tracing::debug!(error = &error as &dyn std::error::Error, "the platform did not take the hand");
        }
    }

    fn notice(&mut self, who: ParticipantId, text: &str) {
        if let Err(error) = self.0.show_notice(who, text) {
            tracing::debug!(error = &error as &dyn std::error::Error, "the platform did not take the notice");
        }
    }

    fn banner(&mut self, text: Option<&str>) {
        if let Err(error) = self.0.show_banner(text.unwrap_or_default()) {
            tracing::debug!(error = &error as &dyn std::error::Error, "the platform did not take the banner");
        }
    }
}

/// The platform's mouth, leased for the life of the daemon's session.
pub(crate) struct SessionLeg {
    lease: MouthLease,
    next: SampleTime,
}

impl SessionLeg {
    pub(crate) fn new(lease: MouthLease) -> Self {
        Self { lease, next: SampleTime(0) }
    }
}

impl Leg for SessionLeg {
    fn speak(&mut self, block: &[i16; DEVICE_BLOCK]) -> bool {
        let Ok(block) = AudioBlock::new(self.next, block) else { return false };
        self.next = block.end();
        self.lease.speak(&block).is_ok()
    }

    fn silence(&mut self) {
        self.lease.silence();
    }
}
