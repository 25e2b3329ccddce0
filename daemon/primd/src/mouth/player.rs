//! The playback thread: at most [`AHEAD_BLOCKS`] in the room's mouth, and silence within one period.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use prim_adapter::{AudioBlock, MouthLease, SpeakError};
use prim_audio::{BLOCK_MS, DEVICE_BLOCK, SampleTime};
use prim_dsp::{Limiter, ding};
use prim_ids::RequestId;
use prim_meeting::{DingPlace, Input, Peripheral, PeripheralState, SayId};

use super::{ORDERS, PlayOrder, Route, length_ms, lock};
use crate::clock;
use crate::inbox::Inbox;
use crate::platform::SharedLeg;

/// Blocks queued in the speaker: 40 ms rides out a busy scheduler, and is all that a flush must take back.
const AHEAD_BLOCKS: usize = 4;
/// How often playback looks after the speaker: half a block.
const PERIOD: Duration = Duration::from_millis(5);
/// Nothing Prim plays exceeds this: −1 dBFS.
const CEILING: f32 = 0.89;
/// After the last sample the room still rings: RT60 of a lively huddle room.
const TAIL: Duration = Duration::from_millis(300);

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

pub(super) struct Player {
    room: MouthLease,
    leg: SharedLeg,
    route: Route,
    inbox: Inbox,
    sounding: Arc<AtomicBool>,
    limiter: Limiter,
    now: Option<Current>,
    queue: Vec<Current>,
    tail_until: Option<prim_ids::MonoTime>,
}

impl Player {
    pub(super) fn new(
        room: MouthLease,
        leg: SharedLeg,
        route: Route,
        inbox: Inbox,
        sounding: Arc<AtomicBool>,
    ) -> Self {
        Self {
            room,
            leg,
            route,
            inbox,
            sounding,
            limiter: Limiter::new(CEILING),
            now: None,
            queue: Vec::new(),
            tail_until: None,
        }
    }

    pub(super) fn run(&mut self, orders: &Receiver<PlayOrder>) {
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
        self.room.silence();
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
        let unheard = self.room.silence() as usize * DEVICE_BLOCK;
        if let Some(leg) = &mut *lock(&self.leg) {
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
        // Without the room's speaker nothing but the clock paces the leg.
        let mut queued = if current.room {
            self.room.waiting_blocks() as usize
        } else {
            let due = clock::mono_now().since(current.begun).as_millis() as usize / BLOCK_MS as usize;
            (current.handed / DEVICE_BLOCK).saturating_sub(due)
        };
        let mut broken = None;
        while queued < AHEAD_BLOCKS && current.handed < current.samples.len() {
            let block = block_at(&current.samples, current.handed, &mut self.limiter);
            let Ok(block) = AudioBlock::new(SampleTime(current.handed as u64), &block) else { break };
            match if current.room { self.room.speak(&block) } else { Ok(()) } {
                Ok(()) => {}
                Err(SpeakError::Full) => break,
                Err(error @ (SpeakError::NotJoined | SpeakError::Broken)) => {
                    broken = Some(error.to_string());
                    break;
                }
            }
            if current.leg
                && let Some(leg) = &mut *lock(&self.leg)
            {
                // A platform that is away or behind misses this; the room hears it all the same.
                let _ = leg.speak(&block);
            }
            current.handed += DEVICE_BLOCK;
            queued += 1;
        }
        let waiting = if current.room { self.room.waiting_blocks() as usize } else { queued };
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
