//! The one mouth of a session, and the lease that speaking takes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prim_audio::{Frames, SampleRate};

use crate::AudioBlock;

/// A platform that cannot be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMouth;

/// Somebody else speaks through this mouth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("lease the mouth: it is leased already; end that speech first")]
pub struct MouthTaken;

/// Why a block was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpeakError {
    /// The queue is full: come back in 10 ms. The block was not taken.
    #[error("queue speech: {} blocks wait already; try again after one was played", Mouth::CAPACITY_BLOCKS)]
    Full,
    /// Nobody would hear it: the session is not joined at this moment.
    #[error("speak: the meeting is not joined at this moment")]
    NotJoined,
    /// What plays is gone and does not come back by itself.
    #[error("speak: the loudspeaker takes no sound; is it plugged in?")]
    Broken,
}

/// A mouth without a queue between: what plays takes each block itself, as the room's loudspeaker does. Never blocks
/// for longer than it takes to hand a block over.
pub trait Sink: Send {
    /// Takes 10 ms. `samples`: mono, at the mouth's rate.
    ///
    /// # Errors
    /// [`SpeakError::Full`] when the block was not taken, [`SpeakError::Broken`] when none will be.
    fn speak(&mut self, samples: &[i16]) -> Result<(), SpeakError>;
    /// Throws away what was taken and is not in the air; how many blocks that were.
    fn silence(&mut self) -> u64;
    /// Blocks taken that are not in the air yet.
    fn waiting_blocks(&self) -> u64;
}

/// How blocks leave the lease.
enum Way {
    Queue(rtrb::Producer<(u64, AudioBlock)>),
    Sink(Box<dyn Sink>),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Queue(_) => "Queue",
            Self::Sink(_) => "Sink",
        })
    }
}

#[derive(Debug)]
struct Shared {
    rate: SampleRate,
    joined: AtomicBool,
    /// Blocks of an older generation are silenced.
    generation: AtomicU64,
    queued: AtomicU64,
    played_frames: AtomicU64,
    way: Mutex<Option<Way>>,
}

impl Shared {
    fn way(&self) -> MutexGuard<'_, Option<Way>> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn silence(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }
}

/// A session's mouth; speak by leasing it.
///
/// The queue holds [`Mouth::CAPACITY_BLOCKS`]; when it is full the speaker is told [`SpeakError::Full`] and keeps
/// its block.
#[derive(Debug)]
pub struct Mouth {
    shared: Arc<Shared>,
}

impl Mouth {
    /// 200 ms: enough against a late thread, little enough that what is queued may be thrown away.
    pub const CAPACITY_BLOCKS: usize = 20;

    pub(crate) fn lease(&self) -> Result<MouthLease, MouthTaken> {
        let way = self.shared.way().take().ok_or(MouthTaken)?;
        self.shared.played_frames.store(0, Ordering::Release);
        Ok(MouthLease { shared: Arc::clone(&self.shared), way: Some(way) })
    }

    /// Frames per second the mouth takes.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.shared.rate
    }
}

/// The exclusive right to speak. Ends when dropped: what was not played by then is silenced.
#[derive(Debug)]
pub struct MouthLease {
    shared: Arc<Shared>,
    way: Option<Way>,
}

impl MouthLease {
    /// Queues 10 ms; its `at` is ignored, the platform's clock decides. Never blocks.
    ///
    /// # Errors
    /// When the queue is full (the block was not taken) or the meeting is not joined at this moment.
    pub fn speak(&mut self, block: &AudioBlock) -> Result<(), SpeakError> {
        if !self.shared.joined.load(Ordering::Acquire) {
            return Err(SpeakError::NotJoined);
        }
        let generation = self.shared.generation.load(Ordering::Acquire);
        match self.way.as_mut().ok_or(SpeakError::NotJoined)? {
            Way::Queue(producer) => {
                self.shared.queued.fetch_add(1, Ordering::AcqRel);
                producer.push((generation, *block)).map_err(|_| {
                    self.shared.queued.fetch_sub(1, Ordering::AcqRel);
                    SpeakError::Full
                })
            }
            Way::Sink(sink) => sink.speak(block.samples()).inspect(|()| {
                self.shared.played_frames.fetch_add(block.frames().0, Ordering::AcqRel);
            }),
        }
    }

    /// Throws away what is queued: nothing more of it is played. How many blocks nobody heard.
    pub fn silence(&mut self) -> u64 {
        let waiting = self.waiting_blocks();
        self.shared.silence();
        match &mut self.way {
            Some(Way::Sink(sink)) => {
                let unheard = sink.silence();
                let frames = unheard * u64::from(self.shared.rate.hz()) * prim_audio::BLOCK_MS / 1000;
                self.shared.played_frames.fetch_sub(frames, Ordering::AcqRel);
                unheard
            }
            Some(Way::Queue(_)) | None => waiting,
        }
    }

    /// Blocks that were queued and are neither played nor silenced.
    #[must_use]
    pub fn waiting_blocks(&self) -> u64 {
        match &self.way {
            Some(Way::Sink(sink)) => sink.waiting_blocks(),
            Some(Way::Queue(_)) | None => self.shared.queued.load(Ordering::Acquire),
        }
    }

    /// Was everything that was queued played or silenced?
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.waiting_blocks() == 0
    }

    /// What the platform took since this lease began.
    #[must_use]
    pub fn played(&self) -> Frames {
        Frames(self.shared.played_frames.load(Ordering::Acquire))
    }

    /// Frames per second of the blocks to queue.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.shared.rate
    }
}

impl Drop for MouthLease {
    fn drop(&mut self) {
        self.silence();
        *self.shared.way() = self.way.take();
    }
}

/// The adapter's end of the mouth. Never blocks, allocates or locks.
#[derive(Debug)]
pub struct MouthFeed {
    shared: Arc<Shared>,
    blocks: rtrb::Consumer<(u64, AudioBlock)>,
}

impl MouthFeed {
    /// The next block to play now, skipping what was silenced; `None` when Prim is quiet. Call once per 10 ms.
    pub fn take(&mut self) -> Option<AudioBlock> {
        while let Ok((generation, block)) = self.blocks.pop() {
            let current = generation == self.shared.generation.load(Ordering::Acquire);
            if current {
                self.shared.played_frames.fetch_add(block.frames().0, Ordering::AcqRel);
            }
            self.shared.queued.fetch_sub(1, Ordering::AcqRel);
            if current {
                return Some(block);
            }
        }
        None
    }

    #[cfg(test)]
    fn switch(&self) -> MouthSwitch {
        MouthSwitch(Arc::clone(&self.shared))
    }
}

/// Shuts the mouth while the meeting is not joined.
#[derive(Debug)]
pub(crate) struct MouthSwitch(Arc<Shared>);

impl MouthSwitch {
    pub(crate) fn set_joined(&self, joined: bool) {
        self.0.joined.store(joined, Ordering::Release);
        if !joined {
            self.0.silence();
        }
    }
}

/// A mouth whose blocks wait in a queue until the platform's clock takes them.
pub(crate) fn mouth(rate: SampleRate) -> (Mouth, MouthSwitch, MouthFeed) {
    let (producer, consumer) = rtrb::RingBuffer::new(Mouth::CAPACITY_BLOCKS);
    let (mouth, switch) = over(rate, Way::Queue(producer));
    let feed = MouthFeed { shared: Arc::clone(&mouth.shared), blocks: consumer };
    (mouth, switch, feed)
}

/// A mouth that hands its blocks to `sink` at once.
pub(crate) fn mouth_over(rate: SampleRate, sink: Box<dyn Sink>) -> (Mouth, MouthSwitch) {
    over(rate, Way::Sink(sink))
}

fn over(rate: SampleRate, way: Way) -> (Mouth, MouthSwitch) {
    let shared = Arc::new(Shared {
        rate,
        joined: AtomicBool::new(false),
        generation: AtomicU64::new(0),
        queued: AtomicU64::new(0),
        played_frames: AtomicU64::new(0),
        way: Mutex::new(Some(way)),
    });
    (Mouth { shared: Arc::clone(&shared) }, MouthSwitch(shared))
}

#[cfg(test)]
mod tests {
    use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, SampleTime};

    use super::*;

    fn block(n: i16) -> AudioBlock {
        AudioBlock::new(SampleTime(0), &[n; DEVICE_BLOCK]).unwrap()
    }

    fn joined() -> (Mouth, MouthFeed) {
        let (mouth, switch, feed) = mouth(DEVICE_RATE);
        switch.set_joined(true);
        (mouth, feed)
    }

    #[test]
    fn only_one_lease_exists_until_it_is_dropped() {
        let (mouth, _feed) = joined();
        let lease = mouth.lease().unwrap();
        assert_eq!(mouth.lease().unwrap_err(), MouthTaken);
        drop(lease);
        assert!(mouth.lease().is_ok());
    }

    #[test]
    fn silence_throws_away_what_waits_and_lets_the_next_words_through() {
        let (mouth, mut feed) = joined();
        let mut lease = mouth.lease().unwrap();
        lease.speak(&block(1)).unwrap();
        lease.speak(&block(2)).unwrap();
        assert_eq!(feed.take().unwrap().samples()[0], 1);
        lease.silence();
        assert!(!lease.is_drained());
        lease.speak(&block(3)).unwrap();
        assert_eq!(feed.take().unwrap().samples()[0], 3);
        assert!(lease.is_drained());
        assert_eq!(lease.played(), Frames(960));
    }

    #[test]
    fn a_dropped_lease_leaves_nothing_to_be_heard_by_the_next_one() {
        let (mouth, mut feed) = joined();
        let mut lease = mouth.lease().unwrap();
        lease.speak(&block(1)).unwrap();
        drop(lease);
        let mut lease = mouth.lease().unwrap();
        assert_eq!(feed.take(), None);
        lease.speak(&block(2)).unwrap();
        assert_eq!(feed.take().unwrap().samples()[0], 2);
        assert_eq!(lease.played(), Frames(480));
    }

    #[test]
    fn a_full_mouth_says_so_and_takes_nothing() {
        let (mouth, mut feed) = joined();
        let mut lease = mouth.lease().unwrap();
        for n in 0..Mouth::CAPACITY_BLOCKS {
            lease.speak(&block(n as i16)).unwrap();
        }
        assert_eq!(lease.speak(&block(99)), Err(SpeakError::Full));
        assert_eq!(feed.take().unwrap().samples()[0], 0);
        assert_eq!(lease.speak(&block(99)), Ok(()));
    }

    #[test]
    fn speech_into_a_dropped_meeting_is_refused_and_what_waited_is_gone() {
        let (mouth, mut feed) = joined();
        let mut lease = mouth.lease().unwrap();
        lease.speak(&block(1)).unwrap();
        feed.switch().set_joined(false);
        assert_eq!(lease.speak(&block(2)), Err(SpeakError::NotJoined));
        feed.switch().set_joined(true);
        assert_eq!(feed.take(), None);
    }

    /// A loudspeaker that plays nothing by itself.
    #[derive(Default)]
    struct Shelf(Vec<i16>, std::sync::Arc<std::sync::Mutex<Vec<i16>>>);

    impl Sink for Shelf {
        fn speak(&mut self, samples: &[i16]) -> Result<(), SpeakError> {
            if self.0.len() == 3 {
                return Err(SpeakError::Full);
            }
            self.0.push(samples[0]);
            self.1.lock().unwrap_or_else(PoisonError::into_inner).push(samples[0]);
            Ok(())
        }
        fn silence(&mut self) -> u64 {
            self.0.drain(..).count() as u64
        }
        fn waiting_blocks(&self) -> u64 {
            self.0.len() as u64
        }
    }

    #[test]
    fn a_sink_gets_each_block_at_once_and_silence_says_what_nobody_heard() {
        let shelf = Shelf::default();
        let taken = std::sync::Arc::clone(&shelf.1);
        let (mouth, switch) = mouth_over(DEVICE_RATE, Box::new(shelf));
        let mut lease = mouth.lease().unwrap();
        assert_eq!(lease.speak(&block(1)), Err(SpeakError::NotJoined));
        switch.set_joined(true);
        for n in 1..=3 {
            lease.speak(&block(n)).unwrap();
        }
        assert_eq!(lease.speak(&block(4)), Err(SpeakError::Full));
        assert_eq!(*taken.lock().unwrap(), [1, 2, 3]);
        assert_eq!((lease.waiting_blocks(), lease.silence(), lease.played()), (3, 3, Frames(0)));
        drop(lease);
        assert!(mouth.lease().is_ok(), "the sink came back with the lease");
    }
}
