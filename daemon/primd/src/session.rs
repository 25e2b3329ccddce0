//! A session, the room's or a platform's: its ears become listeners, its hands and people become facts, and Prim's hand
//! and banners go the other way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use prim_adapter::{
    AdapterEvent, AudioBlock, Ear as SessionEar, Heard, Mouth as SessionMouth, Scene, Session, SessionState,
    Voices,
};
use prim_audio::{DEVICE_BLOCK, SPEECH_BLOCK, SampleTime};
use prim_dsp::{RemoteBlock, RemoteEar};
use prim_ids::{MonoTime, ParticipantId};
use prim_meeting::{Input, Peripheral, PeripheralState, Person, Place, Role};

use crate::clock;
use crate::inbox::Inbox;
use crate::listener::{Clean, Judge, Listener, to_i16};
use crate::meeting_loop::Platform;

/// How often an ear that nobody wakes looks for sound: half a block.
const LOOK: Duration = Duration::from_millis(5);
/// An ear that gave nothing for so long has dried up: longer than any pause of a healthy network.
const DRY: Duration = Duration::from_secs(1);
/// How long one wait for an event lasts, and so how fast the thread notices that it shall stop.
const EVENT_WAIT: Duration = Duration::from_millis(100);

/// Starts the thread that listens to the room. Whoever feeds the room's ear wakes it.
pub(crate) fn listen_to_room(
    session: &Session<SessionMouth>,
    listener: Listener,
    stopping: &Arc<AtomicBool>,
) -> std::io::Result<Option<JoinHandle<()>>> {
    let ear = session.take_ears().into_iter().next();
    ear.map(|ear| listen(EarWorker::new(ear, listener, None), "prim-room", stopping)).transpose()
}

/// Starts the threads of a platform: one for its ear, one for what happens in it.
pub(crate) fn join_in(
    session: &Arc<Session<SessionMouth>>,
    listener: Listener,
    judge: Judge,
    known: Vec<(ParticipantId, String)>,
    inbox: &Inbox,
    stopping: &Arc<AtomicBool>,
) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::new();
    if let Some(ear) = session.take_ears().into_iter().next() {
        let far = Far {
            front: RemoteEar::new()?,
            judge,
            out: RemoteBlock::default(),
            session: Arc::clone(session),
        };
        threads.push(listen(EarWorker::new(ear, listener, Some(far)), "prim-remote", stopping)?);
    }
    let (session, inbox, stop) = (Arc::clone(session), inbox.clone(), Arc::clone(stopping));
    threads.push(std::thread::Builder::new().name("prim-platform".into()).spawn(move || {
        let mut events = Events { session, inbox, known };
        while !stop.load(Ordering::Acquire) {
            if let Some(event) = events.session.next_event(EVENT_WAIT) {
                events.take(event);
            }
        }
    })?);
    Ok(threads)
}

fn listen(mut worker: EarWorker, name: &str, stopping: &Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    let stop = Arc::clone(stopping);
    std::thread::Builder::new().name(name.into()).spawn(move || {
        while !stop.load(Ordering::Acquire) {
            if !worker.turn() {
                std::thread::park_timeout(LOOK);
            }
        }
    })
}

struct EarWorker {
    ear: SessionEar,
    listener: Listener,
    /// What a platform's ear needs, whose sound no front end of ours has seen.
    far: Option<Far>,
    last_block: MonoTime,
}

struct Far {
    front: RemoteEar,
    judge: Judge,
    out: RemoteBlock,
    session: Arc<Session<SessionMouth>>,
}

impl EarWorker {
    fn new(ear: SessionEar, listener: Listener, far: Option<Far>) -> Self {
        Self { ear, listener, far, last_block: clock::mono_now() }
    }

    fn turn(&mut self) -> bool {
        match self.ear.hear() {
            None => {
                let now = clock::mono_now();
                if now.since(self.last_block) >= DRY {
                    self.listener.dry(now);
                }
                return false;
            }
            Some(Heard::Gap { .. }) => {
                self.listener.hole();
                if let Some(far) = &mut self.far {
                    far.judge.hole();
                }
            }
            Some(Heard::Block(block)) => {
                self.last_block = clock::mono_now();
                match (self.ear.scene().copied(), &mut self.far) {
                    (Some(scene), _) => self.hear(&block, &scene),
                    (None, Some(far)) => far.hear(&block, &mut self.listener),
                    (None, None) => {}
                }
            }
        }
        true
    }

    fn hear(&mut self, block: &AudioBlock, scene: &Scene) {
        let Ok(samples) = <&[i16; SPEECH_BLOCK]>::try_from(block.samples()) else { return };
        let clean = Clean {
            at: block.at,
            heard: scene.heard,
            voice: &samples.map(|s| f32::from(s) / 32_767.0),
            words: &scene.words,
            bearing_deg: scene.bearing_deg,
        };
        self.listener.block(&clean, scene.speech, scene.voices);
    }
}

impl Far {
    fn hear(&mut self, block: &AudioBlock, listener: &mut Listener) {
        let Ok(samples) = <&[i16; DEVICE_BLOCK]>::try_from(block.samples()) else { return };
        self.front.process(samples, &mut self.out);
        // One person on the line: the platform says who it is. With more of them it would have to name each.
        let roster = self.session.roster();
        let mut people = roster.iter().map(|(who, _)| who);
        let only = people.next().filter(|_| people.next().is_none());
        listener.set_speaker(only);
        let probability = self.judge.judge(&self.out.voice);
        let clean = Clean {
            at: SampleTime(block.at.0 / 3 / SPEECH_BLOCK as u64 * SPEECH_BLOCK as u64),
            heard: clock::mono_now(),
            voice: &self.out.voice,
            words: &self.out.voice.map(to_i16),
            bearing_deg: None,
        };
        listener.block(&clean, probability, Voices::People);
    }
}

struct Events {
    session: Arc<Session<SessionMouth>>,
    inbox: Inbox,
    /// Who was expected, by the plan: they are in the meeting already.
    known: Vec<(ParticipantId, String)>,
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
                if self.known.iter().any(|(id, _)| *id == who) {
                    return;
                }
                let name = self.session.roster().get(who).map(|a| a.name.clone()).unwrap_or_default();
                let person = Person { id: who, name, role: Role::Member, place: Place::Remote };
                self.inbox.report(at, Input::ParticipantJoined { person });
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
            }
        }
    }
}

/// The platform as the meeting loop orders it about.
pub(crate) struct SessionPlatform(pub(crate) Arc<Session<SessionMouth>>);

impl Platform for SessionPlatform {
    fn raise_hand(&mut self, raised: bool) {
        let done = if raised { self.0.raise_hand() } else { self.0.lower_hand() };
        if let Err(error) = done {
            tracing::debug!(error = &error as &dyn std::error::Error, "the platform did not take the hand");
        }
    }

    fn banner(&mut self, text: Option<&str>) {
        if let Err(error) = self.0.show_banner(text.unwrap_or_default()) {
            tracing::debug!(error = &error as &dyn std::error::Error, "the platform did not take the banner");
        }
    }
}
