//! An ear: one stream of sound from a platform, with its own clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use prim_audio::{BLOCK_MS, DEVICE_BLOCK, Frames, SPEECH_BLOCK, SampleRate, SampleTime};
use prim_ids::MonoTime;

use crate::{Drift, DriftEstimator};

/// 10 ms of one channel: i16, mono, at the rate its ear or mouth declares (480 samples at 48 kHz, 160 at 16 kHz).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AudioBlock {
    /// The first sample's place in its stream.
    pub at: SampleTime,
    len: u16,
    samples: [i16; DEVICE_BLOCK],
}

/// A slice that is not 10 ms of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("take {len} samples as one block; a block is 1 to {DEVICE_BLOCK} samples of one channel")]
pub struct ShapeError {
    len: usize,
}

impl AudioBlock {
    /// A block that begins at `at`. `samples`: mono, at most [`DEVICE_BLOCK`] long.
    ///
    /// # Errors
    /// When `samples` is empty or longer than a block at the device's rate.
    pub fn new(at: SampleTime, samples: &[i16]) -> Result<Self, ShapeError> {
        if samples.is_empty() || samples.len() > DEVICE_BLOCK {
            return Err(ShapeError { len: samples.len() });
        }
        let mut block = Self { at, len: 0, samples: [0; DEVICE_BLOCK] };
        block.samples[..samples.len()].copy_from_slice(samples);
        block.len = u16::try_from(samples.len()).unwrap_or(0);
        Ok(block)
    }

    /// A block from floats in −1.0..=1.0; what lies outside is clipped.
    ///
    /// # Errors
    /// As [`AudioBlock::new`].
    pub fn from_f32(at: SampleTime, samples: &[f32]) -> Result<Self, ShapeError> {
        if samples.is_empty() || samples.len() > DEVICE_BLOCK {
            return Err(ShapeError { len: samples.len() });
        }
        let mut block = Self { at, len: 0, samples: [0; DEVICE_BLOCK] };
        for (to, from) in block.samples.iter_mut().zip(samples) {
            *to = (from.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
        }
        block.len = u16::try_from(samples.len()).unwrap_or(0);
        Ok(block)
    }

    /// The same sound at another place.
    #[must_use]
    pub fn moved_to(self, at: SampleTime) -> Self {
        Self { at, ..self }
    }

    /// The samples, mono.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples[..usize::from(self.len)]
    }

    /// How many frames the block holds.
    #[must_use]
    pub fn frames(&self) -> Frames {
        Frames(u64::from(self.len))
    }

    /// Where the next block begins if nothing is lost.
    #[must_use]
    pub fn end(&self) -> SampleTime {
        self.at + self.frames()
    }
}

impl fmt::Debug for AudioBlock {
    /// Sound is speech: only its place and length are printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioBlock").field("at", &self.at).field("frames", &self.len).finish_non_exhaustive()
    }
}

/// What an ear that stands among the people knows beyond the sound itself: the device's own front end made it.
#[derive(Clone, Copy, PartialEq)]
pub struct Scene {
    /// When the block's last frame was in the air.
    pub heard: MonoTime,
    /// The same 10 ms for a recogniser: 160 frames, mono, 16 kHz, the talker untouched by suppression.
    pub words: [i16; SPEECH_BLOCK],
    /// The same at the level it has in the room, for whoever judges speech by level: the block itself is brought to a call's
    /// level.
    pub near: [i16; SPEECH_BLOCK],
    /// How likely the block holds speech, 0..=1.
    pub speech: f32,
    /// A new estimate of where the voice comes from, when there is one, in degrees.
    pub bearing_deg: Option<f32>,
    /// Whose voice it may be.
    pub voices: Voices,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            heard: MonoTime::ZERO,
            words: [0; SPEECH_BLOCK],
            near: [0; SPEECH_BLOCK],
            speech: 0.0,
            bearing_deg: None,
            voices: Voices::People,
        }
    }
}

impl fmt::Debug for Scene {
    /// Sound is speech, as in [`AudioBlock`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scene")
            .field("heard", &self.heard)
            .field("voices", &self.voices)
            .finish_non_exhaustive()
    }
}

/// Whose voice can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voices {
    /// Nobody but people.
    People,
    /// Prim speaks and nobody talks over it: what is heard is Prim.
    Prim,
    /// Prim speaks and a person began to talk over it.
    BargeIn,
}

/// Which clock drives an ear's samples. Two ears of one domain never drift against each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClockDomain {
    /// The device's own sound card.
    Device,
    /// The platform's sender; drifts against the device and is measured.
    Remote(u16),
}

/// An ear's number within its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EarId(pub u16);

/// What an ear gives: sound, or the certainty that some is missing.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every value is a block, and the sound threads must not allocate"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// 10 ms of sound.
    Block(AudioBlock),
    /// Lost on the way, or dropped because nobody read in time. Not silence: nobody knows what was said.
    Gap {
        /// The first missing frame.
        from: SampleTime,
        /// How much is missing.
        missing: Frames,
    },
}

/// What travels from the feed to the ear.
#[derive(Debug, Clone, Copy)]
struct Piece {
    block: AudioBlock,
    scene: Option<Scene>,
}

#[derive(Debug, Default)]
struct EarCounters {
    overflowed_blocks: AtomicU64,
    stale_blocks: AtomicU64,
    gaps: AtomicU64,
    /// Thousandths of a ppm; `i64::MIN` while unknown.
    drift_milli_ppm: AtomicI64,
    uncertainty_milli_ppm: AtomicI64,
}

/// The reading end of one ear. Never blocks, allocates or locks: fit for a real-time thread.
///
/// The queue holds [`Ear::CAPACITY_BLOCKS`]; when it is full the newest block is dropped and counted, and the
/// hole shows as a [`Heard::Gap`].
#[derive(Debug)]
pub struct Ear {
    id: EarId,
    rate: SampleRate,
    clock: ClockDomain,
    pieces: rtrb::Consumer<Piece>,
    after_gap: Option<Piece>,
    scene: Option<Scene>,
    expected: Option<SampleTime>,
    counters: Arc<EarCounters>,
}

impl Ear {
    /// One second: longer than any pause of a healthy reader, shorter than anyone's patience.
    pub const CAPACITY_BLOCKS: usize = 100;

    /// The next piece of the stream, in order; `None` when nothing has arrived.
    pub fn hear(&mut self) -> Option<Heard> {
        let piece = self.after_gap.take().or_else(|| self.pieces.pop().ok())?;
        let block = piece.block;
        if let Some(expected) = self.expected
            && block.at > expected
        {
            let missing = Frames(block.at.0 - expected.0);
            self.expected = Some(block.at);
            self.after_gap = Some(piece);
            self.counters.gaps.fetch_add(1, Ordering::Relaxed);
            return Some(Heard::Gap { from: expected, missing });
        }
        self.expected = Some(block.end());
        self.scene = piece.scene;
        Some(Heard::Block(block))
    }

    /// What is known beyond the sound of the block that [`hear`](Self::hear) gave last; `None` on a platform's ear.
    #[must_use]
    pub fn scene(&self) -> Option<&Scene> {
        self.scene.as_ref()
    }

    /// This ear's number.
    #[must_use]
    pub fn id(&self) -> EarId {
        self.id
    }

    /// Frames per second of every block.
    #[must_use]
    pub fn rate(&self) -> SampleRate {
        self.rate
    }

    /// Whose clock drives it.
    #[must_use]
    pub fn clock(&self) -> ClockDomain {
        self.clock
    }

    /// How fast this ear's clock runs against the local one; `None` until enough was heard.
    #[must_use]
    pub fn drift(&self) -> Option<Drift> {
        let ppm = self.counters.drift_milli_ppm.load(Ordering::Relaxed);
        (ppm != i64::MIN).then(|| Drift {
            ppm: ppm as f64 / 1000.0,
            uncertainty_ppm: self.counters.uncertainty_milli_ppm.load(Ordering::Relaxed) as f64 / 1000.0,
        })
    }

    /// Blocks dropped because nobody read in time.
    #[must_use]
    pub fn overflowed_blocks(&self) -> u64 {
        self.counters.overflowed_blocks.load(Ordering::Relaxed)
    }

    /// Blocks that arrived with a place already passed (late or repeated) and were dropped.
    #[must_use]
    pub fn stale_blocks(&self) -> u64 {
        self.counters.stale_blocks.load(Ordering::Relaxed)
    }

    /// Holes seen so far.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.counters.gaps.load(Ordering::Relaxed)
    }
}

/// Two million years at 48 kHz; a platform that says more is wrong, and sums below cannot overflow.
const LAST_PLAUSIBLE: u64 = 1 << 61;

/// The writing end of one ear, for the adapter's driver. Never blocks, allocates or locks.
#[derive(Debug)]
pub struct EarFeed {
    rate: SampleRate,
    pieces: rtrb::Producer<Piece>,
    counters: Arc<EarCounters>,
    drift: DriftEstimator,
    /// Added to the platform's times, so that a stream which starts anew goes on where the ear is.
    offset: i128,
    end: Option<(SampleTime, Duration)>,
    restarting: bool,
}

impl EarFeed {
    /// Hands on one block that arrived at `local` (any monotonic clock, the same for all calls). The block's
    /// time is the platform's; late and repeated blocks are dropped and counted.
    pub fn push(&mut self, local: Duration, block: &AudioBlock) {
        self.hand_on(local, block, None);
    }

    /// As [`push`](Self::push), with what the device's own front end knows of the block.
    pub fn push_with(&mut self, local: Duration, block: &AudioBlock, scene: &Scene) {
        self.hand_on(local, block, Some(*scene));
    }

    fn hand_on(&mut self, local: Duration, block: &AudioBlock, scene: Option<Scene>) {
        if std::mem::take(&mut self.restarting) {
            self.rebase(local, block.at);
        }
        let at = u64::try_from(i128::from(block.at.0) + self.offset);
        let Some(at) = at.ok().filter(|at| *at <= LAST_PLAUSIBLE) else {
            self.counters.stale_blocks.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let block = AudioBlock { at: SampleTime(at), ..*block };
        if self.end.is_some_and(|(end, _)| block.at < end) {
            self.counters.stale_blocks.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.end = Some((block.end(), local));
        if let Some(drift) = self.drift.observe(local, block.at) {
            self.counters.drift_milli_ppm.store((drift.ppm * 1000.0) as i64, Ordering::Relaxed);
            let uncertainty = (drift.uncertainty_ppm * 1000.0) as i64;
            self.counters.uncertainty_milli_ppm.store(uncertainty, Ordering::Relaxed);
        }
        if self.pieces.push(Piece { block, scene }).is_err() {
            self.counters.overflowed_blocks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The platform's stream begins anew with the next block (after a reconnect). The ear's time goes on: the
    /// away time becomes a gap of its length by the local clock, in whole blocks.
    pub fn restart(&mut self) {
        self.restarting = true;
        self.drift = DriftEstimator::new(self.rate);
    }

    fn rebase(&mut self, local: Duration, first: SampleTime) {
        let Some((end, heard_at)) = self.end else {
            self.offset = 0;
            return;
        };
        let away_ms = local.saturating_sub(heard_at).as_millis() as u64;
        let block_frames = u64::from(self.rate.hz()) * BLOCK_MS / 1000;
        let missing = (away_ms / BLOCK_MS).saturating_mul(block_frames);
        self.offset = i128::from(end.0) + i128::from(missing) - i128::from(first.0);
    }
}

pub(crate) fn ear(id: EarId, rate: SampleRate, clock: ClockDomain) -> (Ear, EarFeed) {
    let (producer, consumer) = rtrb::RingBuffer::new(Ear::CAPACITY_BLOCKS);
    let counters =
        Arc::new(EarCounters { drift_milli_ppm: AtomicI64::new(i64::MIN), ..EarCounters::default() });
    let ear = Ear {
        id,
        rate,
        clock,
        pieces: consumer,
        after_gap: None,
        scene: None,
        expected: None,
        counters: Arc::clone(&counters),
    };
    let feed = EarFeed {
        rate,
        pieces: producer,
        counters,
        drift: DriftEstimator::new(rate),
        offset: 0,
        end: None,
        restarting: false,
    };
    (ear, feed)
}

#[cfg(test)]
mod tests;
