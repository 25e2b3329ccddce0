//! Tells a slammed door from somebody who begins to speak.
//!
//! For as long as a door rings in the room a detector may take it for faint speech (earshot: 0.6 to 0.9 for up to half
//! a second). Three things speak against it together: it is there within two blocks, it only decays from then on, and
//! no voice is in it. Speech is there as suddenly now and then, after a plosive, but then its vowel follows.

use prim_audio::SPEECH_BLOCK;

/// Blocks from the silence before a slam to its full level.
const RISE_BLOCKS: usize = 2;
/// After so many blocks the loudest of a slam is over, rooms of RT60 0.9 s included.
const PEAK_BLOCKS: u32 = 8;
/// What comes later and is louder than the peak by this much is no decay: 2 dB of power.
const GROWN: f32 = 1.585;
/// After so many blocks it is no slam, whatever it is: faint speech is found later, not never.
const RING_BLOCKS: u32 = 80;
/// Long ago.
const NEVER: u32 = u32::MAX;

/// Follows the level, block by block.
#[derive(Debug, Clone)]
pub(super) struct Slam {
    rise_db: f32,
    lowest_dbfs: f32,
    /// Of the last blocks, dB, the newest last.
    levels: [f32; RISE_BLOCKS + 1],
    /// Blocks since the rise.
    age: u32,
    /// Power of the loudest 30 ms right after it.
    peak: f32,
}

impl Slam {
    /// A rise by `rise_db` may be a slam; what is quieter than `lowest_dbfs` counts as that.
    pub(super) fn new(rise_db: f32, lowest_dbfs: f32) -> Self {
        Self { rise_db, lowest_dbfs, levels: [lowest_dbfs; RISE_BLOCKS + 1], age: NEVER, peak: 0.0 }
    }

    /// The next block's level.
    pub(super) fn push(&mut self, dbfs: f32) {
        self.levels.rotate_left(1);
        self.levels[RISE_BLOCKS] = dbfs.max(self.lowest_dbfs);
        self.age = self.age.saturating_add(1);
        if self.levels[RISE_BLOCKS] - self.levels[0] >= self.rise_db {
            if self.age > PEAK_BLOCKS {
                self.peak = 0.0;
            }
            self.age = 0;
        }
        if self.age > RING_BLOCKS {
            return;
        }
        let power = self.levels.iter().map(|l| 10_f32.powf(l / 10.0)).sum::<f32>();
        if self.age <= PEAK_BLOCKS {
            self.peak = self.peak.max(power);
        } else if power > self.peak * GROWN {
            self.age = NEVER;
        }
    }

    /// What sounds now may be a slam that rings.
    pub(super) fn may_ring(&self) -> bool {
        self.age <= RING_BLOCKS
    }
}

/// Blocks in which a voice is looked for: 60 ms, five periods of a low one.
pub(super) const VOICE_BLOCKS: usize = 6;
/// Likeness at which there is a voice. Speech in a room has 0.8 to 1 from its first vowel on; the noise of 200 doors
/// stayed below.
const VOICED: f32 = 0.8;
/// Samples at 8 kHz.
const SAMPLES: usize = VOICE_BLOCKS * SPEECH_BLOCK / 2;
/// Periods of voices at 8 kHz: 400 to 80 Hz.
const PERIODS: std::ops::RangeInclusive<usize> = 20..=100;

/// Whether a voice is in the last [`VOICE_BLOCKS`] blocks, the oldest first: they look like themselves a period later.
/// The sound has no offset, the front end took it away.
pub(super) fn voiced<'a>(blocks: impl Iterator<Item = &'a [f32; SPEECH_BLOCK]>) -> bool {
    let mut x = [0.0; SAMPLES];
    let pairs = blocks.flat_map(|block| block.chunks_exact(2));
    for (slot, pair) in x.iter_mut().zip(pairs) {
        *slot = 0.5 * (pair[0] + pair[1]);
    }
    PERIODS.into_iter().any(|period| {
        let (early, late) = (&x[..SAMPLES - period], &x[period..]);
        dot(early, late) >= VOICED * (dot(early, early) * dot(late, late)).max(1e-20).sqrt()
    })
}

/// In eight sums, so that it is fast.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}
