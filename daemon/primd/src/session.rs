//! A session's ear, the room's or a platform's, becomes a listener's blocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

use prim_adapter::{AudioBlock, Ear as SessionEar, Heard, Mouth as SessionMouth, Scene, Session, Voices};
use prim_audio::{DEVICE_BLOCK, SPEECH_BLOCK, SampleTime};
use prim_dsp::{RemoteBlock, RemoteEar};
use prim_ids::MonoTime;

use crate::clock;
use crate::listener::{Clean, Judge, Listener, to_i16};

/// How often an ear that nobody wakes looks for sound: half a block.
const LOOK: Duration = Duration::from_millis(5);
/// An ear that gave nothing for so long has dried up: longer than any pause of a healthy network.
const DRY: Duration = Duration::from_secs(1);

/// Starts the thread that listens to the room. Whoever feeds the room's ear wakes it.
pub(crate) fn listen_to_room(
    session: &Session<SessionMouth>,
    listener: Listener,
    stopping: &Arc<AtomicBool>,
) -> std::io::Result<Option<JoinHandle<()>>> {
    let ear = session.take_ears().into_iter().next();
    let worker = |ear| EarWorker {
        ear: Some(ear),
        listener,
        far: None,
        last_block: clock::mono_now(),
        blocks: 0,
        counted: [0; 3],
    };
    ear.map(|ear| listen(worker(ear), "prim-room", stopping)).transpose()
}

/// An ear of a platform that was joined, and the session it belongs to.
pub(crate) type Joined = (SessionEar, Arc<Session<SessionMouth>>);

/// Starts the thread that listens to a platform: to each session's ear in turn.
pub(crate) fn listen_to_platform(
    joined: Receiver<Joined>,
    listener: Listener,
    judge: Judge,
    stopping: &Arc<AtomicBool>,
) -> anyhow::Result<JoinHandle<()>> {
    let far = Far {
        joined,
        front: RemoteEar::new()?,
        judge,
        out: RemoteBlock::default(),
        session: None,
        place: Place::default(),
    };
    let worker = EarWorker {
        ear: None,
        listener,
        far: Some(far),
        last_block: clock::mono_now(),
        blocks: 0,
        counted: [0; 3],
    };
    Ok(listen(worker, "prim-remote", stopping)?)
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
    ear: Option<SessionEar>,
    listener: Listener,
    /// What a platform's ear needs, whose sound no front end of ours has seen.
    far: Option<Far>,
    last_block: MonoTime,
    blocks: u64,
    /// What was counted of this ear's losses.
    counted: [u64; 3],
}

struct Far {
    joined: Receiver<Joined>,
    front: RemoteEar,
    judge: Judge,
    out: RemoteBlock,
    session: Option<Arc<Session<SessionMouth>>>,
    place: Place,
}

/// Where blocks of 10 ms stand in the listener's time, which goes on when another session begins at zero.
#[derive(Debug, Default)]
struct Place {
    next: u64,
    /// The listener's block that is the session's first one.
    base: Option<u64>,
}

impl Place {
    fn another_session(&mut self) {
        self.base = None;
    }

    /// `at`: the block's place in its session, at 48 kHz.
    fn of(&mut self, at: SampleTime) -> SampleTime {
        let block = at.0 / DEVICE_BLOCK as u64;
        let base = *self.base.get_or_insert_with(|| self.next.saturating_sub(block));
        let place = (base + block).max(self.next);
        self.next = place + 1;
        SampleTime(place * SPEECH_BLOCK as u64)
    }
}

impl EarWorker {
    fn turn(&mut self) -> bool {
        self.change_ears();
        match self.ear.as_mut().and_then(SessionEar::hear) {
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
                self.count();
                let scene = self.ear.as_ref().and_then(|ear| ear.scene().copied());
                match (scene, &mut self.far) {
                    (Some(scene), _) => self.hear(&block, &scene),
                    (None, Some(far)) => far.hear(&block, &mut self.listener),
                    (None, None) => {}
                }
            }
        }
        true
    }

    /// Once a second or so: what this session's ear lost.
    fn count(&mut self) {
        self.blocks += 1;
        let Some(ear) = self.ear.as_ref().filter(|_| self.blocks.is_multiple_of(100)) else { return };
        let session = if self.far.is_some() { "platform" } else { "room" };
        let now = [ear.stale_blocks(), ear.overflowed_blocks(), ear.gaps()];
        let names = [
            "prim_session_late_blocks_total",
            "prim_session_overflowed_blocks_total",
            "prim_session_gaps_total",
        ];
        for ((name, now), counted) in names.into_iter().zip(now).zip(&mut self.counted) {
            metrics::counter!(name, "session" => session).increment(now.saturating_sub(*counted));
            *counted = now;
        }
    }

    /// The platform was joined again: its new ear takes the old one's place.
    fn change_ears(&mut self) {
        let Some(far) = &mut self.far else { return };
        if let Ok((ear, session)) = far.joined.try_recv() {
            self.ear = Some(ear);
            far.session = Some(session);
            self.counted = [0; 3];
            far.place.another_session();
            far.judge.hole();
            self.listener.hole();
        }
    }

    fn hear(&mut self, block: &AudioBlock, scene: &Scene) {
        let clean = Clean {
            at: block.at,
            heard: scene.heard,
            voice: &scene.near.map(|s| f32::from(s) / 32_767.0),
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
        let roster = self.session.as_ref().map(|session| session.roster()).unwrap_or_default();
        let mut people = roster.iter().map(|(who, _)| who);
        let only = people.next().filter(|_| people.next().is_none());
        listener.set_speaker(only);
        let probability = self.judge.judge(&self.out.voice);
        let clean = Clean {
            at: self.place.of(block.at),
            heard: clock::mono_now(),
            voice: &self.out.voice,
            words: &self.out.voice.map(to_i16),
            bearing_deg: None,
        };
        listener.block(&clean, probability, Voices::People);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listeners_time_goes_on_over_gaps_and_over_sessions() {
        let mut place = Place::default();
        let mut of = |block: u64| place.of(SampleTime(block * DEVICE_BLOCK as u64)).0 / SPEECH_BLOCK as u64;
        assert_eq!((of(0), of(1), of(5)), (0, 1, 5));
        place.another_session();
        let mut of = |block: u64| place.of(SampleTime(block * DEVICE_BLOCK as u64)).0 / SPEECH_BLOCK as u64;
        assert_eq!((of(0), of(1), of(9)), (6, 7, 15), "a session that begins at zero goes on after the last");
        place.another_session();
        let mut of = |block: u64| place.of(SampleTime(block * DEVICE_BLOCK as u64)).0 / SPEECH_BLOCK as u64;
        assert_eq!((of(1000), of(1001)), (1000, 1001), "and one that begins later keeps its time");
    }
}
