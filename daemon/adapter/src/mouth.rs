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
}

#[derive(Debug)]
struct Shared {
    rate: SampleRate,
    joined: AtomicBool,
    /// Blocks of an older generation are silenced.
    generation: AtomicU64,
    queued: AtomicU64,
    played_frames: AtomicU64,
    producer: Mutex<Option<rtrb::Producer<(u64, AudioBlock)>>>,
}

impl Shared {
    fn producer(&self) -> MutexGuard<'_, Option<rtrb::Producer<(u64, AudioBlock)>>> {
        self.producer.lock().unwrap_or_else(PoisonError::into_inner)
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
        let producer = self.shared.producer().take().ok_or(MouthTaken)?;
        self.shared.played_frames.store(0, Ordering::Release);
        Ok(MouthLease { shared: Arc::clone(&self.shared), producer: Some(producer) })
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
    producer: Option<rtrb::Producer<(u64, AudioBlock)>>,
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
        let producer = self.producer.as_mut().ok_or(SpeakError::NotJoined)?;
        self.shared.queued.fetch_add(1, Ordering::AcqRel);
        producer.push((generation, *block)).map_err(|_| {
            self.shared.queued.fetch_sub(1, Ordering::AcqRel);
            SpeakError::Full
        })
    }

    /// Throws away what is queued: the platform plays nothing more of it.
    pub fn silence(&mut self) {
        self.shared.silence();
    }

    /// Was everything that was queued played or silenced?
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.shared.queued.load(Ordering::Acquire) == 0
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
        self.shared.silence();
        *self.shared.producer() = self.producer.take();
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

    pub(crate) fn switch(&self) -> MouthSwitch {
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

pub(crate) fn mouth(rate: SampleRate) -> (Mouth, MouthFeed) {
    let (producer, consumer) = rtrb::RingBuffer::new(Mouth::CAPACITY_BLOCKS);
    let shared = Arc::new(Shared {
        rate,
        joined: AtomicBool::new(false),
        generation: AtomicU64::new(0),
        queued: AtomicU64::new(0),
        played_frames: AtomicU64::new(0),
        producer: Mutex::new(Some(producer)),
    });
    (Mouth { shared: Arc::clone(&shared) }, MouthFeed { shared, blocks: consumer })
}

#[cfg(test)]
mod tests {
    use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, SampleTime};

    use super::*;

    fn block(n: i16) -> AudioBlock {
        AudioBlock::new(SampleTime(0), &[n; DEVICE_BLOCK]).unwrap()
    }

    fn joined() -> (Mouth, MouthFeed) {
        let (mouth, feed) = mouth(DEVICE_RATE);
        feed.switch().set_joined(true);
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
}
