//! Prim's voice: synthesis on one thread, playback on another, and silence within one period.
//!
//! Playback keeps at most 40 ms in the speaker, so that a `Silence` has little to take back even where
//! the hardware cannot flush. What is played goes through the limiter to the room's mouth, or to the platform's, or to
//! both when nobody could hear both ([`Route`]); each is the lease of its session.

mod player;
mod synthesis;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use prim_adapter::MouthLease;
use prim_audio::DEVICE_RATE;
use prim_ids::RequestId;
use prim_meeting::{DingPlace, Input, SayId};
use prim_models::Tts;

use self::player::Player;
use self::synthesis::synthesise;
use crate::clock;
use crate::inbox::Inbox;
use crate::platform::SharedLeg;

/// Orders that may wait. The meeting gives a handful a minute; when it is full the order is refused and reported.
const ORDERS: usize = 32;

/// Mono 48 kHz, one entry per clause.
type Clauses = Vec<Vec<i16>>;

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
        room: MouthLease,
        leg: SharedLeg,
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
        let mut player = Player::new(room, leg, route, inbox.clone(), Arc::clone(&sounding));
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
        let sent = self.play.try_send(order);
        if sent.is_err() {
            metrics::counter!("prim_mouth_refused_orders_total").increment(1);
        }
        match sent {
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

fn length_ms(frames: usize) -> u32 {
    u32::try_from(frames as u64 * 1000 / u64::from(DEVICE_RATE.hz())).unwrap_or(u32::MAX)
}

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
