//! Prim's voice: synthesis on one thread, playback on another, and silence within one period.
//!
//! Playback keeps at most [`AHEAD_BLOCKS`] in the speaker, so that a `Silence` has little to take back even where
//! the hardware cannot flush. What is played goes through the limiter to the room's speaker, or to the platform's
//! leg, or to both when nobody could hear both ([`Route`]).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prim_audio::{BLOCK_MS, DEVICE_BLOCK, DEVICE_RATE};
use prim_dsp::{Limiter, ding, resample_all};
use prim_hal::Speaker;
use prim_ids::RequestId;
use prim_meeting::{DingPlace, Input, Peripheral, PeripheralState, SayId};
use prim_models::{Flow, Tts};

use crate::clock;
use crate::inbox::Inbox;

/// Blocks queued in the speaker: 40 ms rides out a busy scheduler, and is all that a flush must take back.
const AHEAD_BLOCKS: usize = 4;
/// Orders that may wait. The meeting gives a handful a minute; when it is full the order is refused and reported.
const ORDERS: usize = 32;
/// Prepared speeches kept; the oldest gives way. The meeting prepares one for each open request, at most 16.
const PREPARED: usize = 16;
/// How often playback looks after the speaker: half a block.
const PERIOD: Duration = Duration::from_millis(5);
/// Nothing Prim plays exceeds this: −1 dBFS.
const CEILING: f32 = 0.89;
/// The synthetic voice is brought to this peak: −6 dBFS, a person at a metre from a small speaker.
const VOICE_PEAK: f32 = 0.5;
/// After the last sample the room still rings: RT60 of a lively huddle room.
const TAIL: Duration = Duration::from_millis(300);

/// Mono 48 kHz, one entry per clause.
type Clauses = Vec<Vec<i16>>;
/// The platform's leg.
pub(crate) trait Leg: Send {
    /// Takes one block of 480 frames at 48 kHz; `false` when it was not taken.
    fn speak(&mut self, block: &[i16; DEVICE_BLOCK]) -> bool;
    /// Forgets what has not been played.
    fn silence(&mut self);
}
/// The speaker is shared with the ear, which reads the echo reference from it.
pub(crate) type SharedSpeaker = Arc<Mutex<Box<dyn Speaker>>>;

pub(crate) fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who hears Prim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) room: bool,
    pub(crate) leg: bool,
}

impl Route {
    /// Never both where both are audible in the same room: people would hear Prim twice, one of them late.
    pub(crate) fn choose(has_leg: bool, leg_is_heard_in_the_room: bool) -> Self {
        Self { room: !(has_leg && leg_is_heard_in_the_room), leg: has_leg }
    }
}

enum SynthOrder {
    Prepare { say: SayId, clauses: Vec<String> },
    Discard { say: SayId },
}

enum PlayOrder {
    Say { say: SayId, clauses: Clauses },
    Silence { say: SayId },
    Ding { request: RequestId, place: DingPlace },
}

/// The meeting's handle. Orders never block it.
pub(crate) struct Mouth {
    synth: SyncSender<SynthOrder>,
    play: SyncSender<PlayOrder>,
    prepared: Arc<Mutex<BTreeMap<SayId, Clauses>>>,
    sounding: Arc<AtomicBool>,
    inbox: Inbox,
    threads: Vec<JoinHandle<()>>,
}

impl Mouth {
    pub(crate) fn start(
        voice: Option<Box<dyn Tts>>,
        speaker: SharedSpeaker,
        leg: Option<Box<dyn Leg>>,
        route: Route,
        inbox: &Inbox,
    ) -> std::io::Result<Self> {
        let (synth, synth_orders) = sync_channel(ORDERS);
        let (play, play_orders) = sync_channel(ORDERS);
        let prepared: Arc<Mutex<BTreeMap<SayId, Clauses>>> = Arc::default();
        let sounding = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        let (theirs, facts) = (Arc::clone(&prepared), inbox.clone());
        threads.push(
            std::thread::Builder::new()
                .name("prim-synth".into())
                .spawn(move || synthesise(voice, &synth_orders, &theirs, &facts))?,
        );
        let mut player = Player {
            speaker,
            leg,
            route,
            inbox: inbox.clone(),
            sounding: Arc::clone(&sounding),
            limiter: Limiter::new(CEILING),
            now: None,
            queue: Vec::new(),
            tail_until: None,
        };
        threads.push(
            std::thread::Builder::new().name("prim-mouth".into()).spawn(move || player.run(&play_orders))?,
        );
        Ok(Self { synth, play, prepared, sounding, inbox: inbox.clone(), threads })
    }

    /// True while something of Prim can be heard in the room, its echo included.
    pub(crate) fn sounding(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.sounding)
    }

    pub(crate) fn prepare(&self, say: SayId, clauses: Vec<String>) {
        if self.synth.try_send(SynthOrder::Prepare { say, clauses }).is_err() {
            self.inbox.report(clock::mono_now(), Input::PrepareFailed { say });
        }
    }

    pub(crate) fn discard(&self, say: SayId) {
        lock(&self.prepared).remove(&say);
        let _ = self.synth.try_send(SynthOrder::Discard { say });
    }

    pub(crate) fn say(&self, say: SayId, count: u32) {
        let Some(mut clauses) = lock(&self.prepared).get(&say).cloned() else {
            tracing::error!(say.id = say.0, "a speech was ordered that is not prepared; it stays unsaid");
            return;
        };
        clauses.truncate(count as usize);
        self.order(PlayOrder::Say { say, clauses });
    }

    pub(crate) fn silence(&self, say: SayId) {
        self.order(PlayOrder::Silence { say });
    }

    pub(crate) fn ding(&self, request: RequestId, place: DingPlace) {
        self.order(PlayOrder::Ding { request, place });
    }

    fn order(&self, order: PlayOrder) {
        match self.play.try_send(order) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => tracing::error!("the mouth is stuck; an order was refused"),
            Err(TrySendError::Disconnected(_)) => {
                tracing::error!("the mouth has stopped; an order was refused")
            }
        }
    }

    /// Ends both threads and waits for them.
    pub(crate) fn stop(self) {
        let Self { synth, play, threads, .. } = self;
        drop((synth, play));
        for thread in threads {
            let _ = thread.join();
        }
    }
}

/// The synthesis thread: one speech after the other, newest discard wins.
fn synthesise(
    mut voice: Option<Box<dyn Tts>>,
    orders: &Receiver<SynthOrder>,
    prepared: &Mutex<BTreeMap<SayId, Clauses>>,
    inbox: &Inbox,
) {
    while let Ok(order) = orders.recv() {
        let (say, clauses) = match order {
            SynthOrder::Prepare { say, clauses } => (say, clauses),
            SynthOrder::Discard { say } => {
                lock(prepared).remove(&say);
                continue;
            }
        };
        let made: Option<Clauses> =
            voice.as_mut().and_then(|v| clauses.iter().map(|c| render(v.as_mut(), c)).collect());
        let now = clock::mono_now();
        match made {
            Some(made) => {
                let clauses_ms = made.iter().map(|c| length_ms(c.len())).collect();
                let mut prepared = lock(prepared);
                prepared.insert(say, made);
                while prepared.len() > PREPARED {
                    prepared.pop_first();
                }
                drop(prepared);
                inbox.report(now, Input::Prepared { say, clauses_ms });
            }
            None => inbox.report(now, Input::PrepareFailed { say }),
        }
    }
}

fn length_ms(frames: usize) -> u32 {
    u32::try_from(frames as u64 * 1000 / u64::from(DEVICE_RATE.hz())).unwrap_or(u32::MAX)
}

/// One clause at 48 kHz, brought to a fixed peak.
fn render(voice: &mut dyn Tts, clause: &str) -> Option<Vec<i16>> {
    let mut samples: Vec<f32> = Vec::new();
    let spoken = voice.synthesise(clause, &mut |chunk| {
        samples.extend(chunk.iter().map(|&s| f32::from(s) / 32_768.0));
        Flow::Continue
    });
    if let Err(error) = spoken {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the voice failed; the answer becomes a card"
        );
        return None;
    }
    let at_device = resample_all(&samples, voice.rate(), DEVICE_RATE).ok()?;
    let peak = at_device.iter().fold(0.0_f32, |m, s| m.max(s.abs())).max(1e-3);
    let gain = VOICE_PEAK / peak;
    Some(at_device.iter().map(|s| (s * gain * 32_767.0) as i16).collect())
}

/// What is being played.
enum Playing {
    Say { say: SayId, clause_ends: Vec<usize>, next_clause: usize },
    Ding { request: RequestId },
}

struct Current {
    what: Playing,
    samples: Vec<i16>,
    /// Frames handed to the speaker.
    handed: usize,
    started: bool,
    begun: prim_ids::MonoTime,
    room: bool,
    leg: bool,
}

struct Player {
    speaker: SharedSpeaker,
    leg: Option<Box<dyn Leg>>,
    route: Route,
    inbox: Inbox,
    sounding: Arc<AtomicBool>,
    limiter: Limiter,
    now: Option<Current>,
    queue: Vec<Current>,
    tail_until: Option<prim_ids::MonoTime>,
}

impl Player {
    fn run(&mut self, orders: &Receiver<PlayOrder>) {
        loop {
            let busy = self.now.is_some() || self.tail_until.is_some();
            let order = if busy {
                orders.recv_timeout(PERIOD)
            } else {
                orders.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match order {
                Ok(order) => self.take(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.tend();
        }
        lock(&self.speaker).flush();
    }

    fn take(&mut self, order: PlayOrder) {
        let next = match order {
            PlayOrder::Silence { say } => return self.silence(say),
            PlayOrder::Say { say, clauses } => {
                let mut samples = Vec::with_capacity(clauses.iter().map(Vec::len).sum());
                let clause_ends = clauses
                    .iter()
                    .map(|c| {
                        samples.extend_from_slice(c);
                        samples.len()
                    })
                    .collect();
                Current {
                    what: Playing::Say { say, clause_ends, next_clause: 0 },
                    samples,
                    handed: 0,
                    started: false,
                    begun: clock::mono_now(),
                    room: self.route.room,
                    leg: self.route.leg,
                }
            }
            PlayOrder::Ding { request, place } => Current {
                what: Playing::Ding { request },
                samples: ding().iter().map(|s| (s * 32_767.0) as i16).collect(),
                handed: 0,
                started: false,
                begun: clock::mono_now(),
                room: self.route.room && place == DingPlace::Room,
                leg: self.route.leg,
            },
        };
        if self.now.is_none() {
            self.now = Some(next);
        } else if self.queue.len() < ORDERS {
            self.queue.push(next);
        }
    }

    /// Silence now: what the speaker holds is taken back, and what was really heard is reported.
    fn silence(&mut self, asked: SayId) {
        self.queue.retain(|c| !matches!(c.what, Playing::Say { say, .. } if say == asked));
        let Some(current) = self.now.take_if(|c| matches!(c.what, Playing::Say { say, .. } if say == asked))
        else {
            self.inbox.report(clock::mono_now(), Input::SpeakingSilenced { say: asked, played_ms: 0 });
            return;
        };
        let mut speaker = lock(&self.speaker);
        let unheard = speaker.queued_blocks() * DEVICE_BLOCK;
        speaker.flush();
        drop(speaker);
        if let Some(leg) = &mut self.leg {
            leg.silence();
        }
        let played_ms = length_ms(current.handed.min(current.samples.len()).saturating_sub(unheard));
        self.inbox.report(clock::mono_now(), Input::SpeakingSilenced { say: asked, played_ms });
        self.rest();
    }

    /// Hands blocks to the speaker, and reports what was heard.
    fn tend(&mut self) {
        if self.now.is_none() {
            self.now = (!self.queue.is_empty()).then(|| self.queue.remove(0));
            if let Some(next) = &mut self.now {
                next.begun = clock::mono_now();
            }
        }
        let Some(current) = &mut self.now else {
            if self.tail_until.is_some_and(|t| clock::mono_now() >= t) {
                self.tail_until = None;
                self.sounding.store(false, Ordering::Release);
            }
            return;
        };
        self.tail_until = None;
        self.sounding.store(true, Ordering::Release);
        let mut speaker = lock(&self.speaker);
        // Without the room's speaker nothing but the clock paces the leg.
        let mut queued = if current.room {
            speaker.queued_blocks()
        } else {
            let due = clock::mono_now().since(current.begun).as_millis() as usize / BLOCK_MS as usize;
            (current.handed / DEVICE_BLOCK).saturating_sub(due)
        };
        let mut broken = None;
        while queued < AHEAD_BLOCKS && current.handed < current.samples.len() {
            let block = block_at(&current.samples, current.handed, &mut self.limiter);
            let written = if current.room { speaker.write(&block) } else { Ok(()) };
            if let Err(error) = written {
                broken = Some(error.to_string());
                break;
            }
            if let Some(leg) = self.leg.as_mut().filter(|_| current.leg) {
                leg.speak(&block);
            }
            current.handed += DEVICE_BLOCK;
            queued += 1;
        }
        let waiting = if current.room { speaker.queued_blocks() } else { queued };
        drop(speaker);
        let heard = current.handed.saturating_sub(waiting * DEVICE_BLOCK);
        let now = clock::mono_now();
        match &mut current.what {
            Playing::Say { say, clause_ends, next_clause } => {
                if !current.started && (heard > 0 || !current.room) {
                    current.started = true;
                    self.inbox.report(now, Input::SpeakingStarted { say: *say });
                }
                while let Some(&end) = clause_ends.get(*next_clause)
                    && heard >= end
                {
                    let index = u32::try_from(*next_clause).unwrap_or(u32::MAX);
                    self.inbox.report(now, Input::ClausePlayed { say: *say, index });
                    *next_clause += 1;
                }
                if heard >= current.samples.len() {
                    self.inbox.report(now, Input::SpeakingFinished { say: *say });
                    self.rest_after_current();
                }
            }
            Playing::Ding { request } => {
                if heard >= current.samples.len() {
                    self.inbox.report(now, Input::DingPlayed { request: *request });
                    self.rest_after_current();
                }
            }
        }
        if let Some(reason) = broken {
            self.inbox.report(
                now,
                Input::PeripheralChanged {
                    which: Peripheral::Speaker,
                    state: PeripheralState::Absent { reason },
                },
            );
            self.now = None;
            self.rest();
        }
    }

    fn rest_after_current(&mut self) {
        self.now = None;
        self.rest();
    }

    fn rest(&mut self) {
        self.tail_until = Some(clock::mono_now() + TAIL);
    }
}

/// The 10 ms from `from` on, limited; silence beyond the end.
fn block_at(samples: &[i16], from: usize, limiter: &mut Limiter) -> [i16; DEVICE_BLOCK] {
    let mut block = [0.0_f32; DEVICE_BLOCK];
    for (to, &s) in block.iter_mut().zip(&samples[from.min(samples.len())..]) {
        *to = f32::from(s) / 32_768.0;
    }
    limiter.process(&mut block);
    block.map(|s| (s * 32_767.0) as i16)
}

const _: () = assert!(BLOCK_MS == 10, "PERIOD and AHEAD_BLOCKS are counted in blocks of 10 ms");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prim_is_never_heard_twice_in_one_room() {
        for has_leg in [false, true] {
            for heard in [false, true] {
                let route = Route::choose(has_leg, heard);
                assert!(route.room || route.leg);
                assert!(!(route.room && route.leg && heard));
            }
        }
    }
}
