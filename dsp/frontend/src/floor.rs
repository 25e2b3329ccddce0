//! How loud the room's noise is in each bin, and how likely a voice stands above it.
//!
//! Unbiased MMSE with a fixed prior (Gerkmann and Hendriks 2012), never below the least of the last second and a half.

use crate::stft::BINS;

/// A voice, where there is one, is taken to be this far above the noise when noise is learnt: 10 dB. With the 15 dB of the
/// paper and its shorter memory a room's tail counts as noise, which costs 2 dB of SI-SDR (`bench ears noise`).
const PRIOR: f32 = 10.0;
/// Memory of the noise per block: a quarter of a second.
const NOISE_MEMORY: f32 = 0.96;
/// The least power (over 50 ms) of this many stretches of 400 ms is noise, whatever it looks like: a fan that was switched
/// on.
const STRETCHES: usize = 4;
const STRETCH: u32 = 40;
/// Blocks until a window is full.
const UNFILLED: u32 = 4;
/// The noise begins with the mean of the blocks until this one.
const PRIMED: u32 = UNFILLED + 16;
/// Power below which a bin is empty: −100 dBFS over a window.
const NOTHING: f32 = 1e-9;

#[derive(Debug)]
pub(crate) struct Floor {
    /// Power of the noise.
    pub(crate) noise: [f32; BINS],
    /// How likely the last block had a voice in a bin, 0..=1; 0 until the noise is known.
    pub(crate) voice: [f32; BINS],
    /// Power over 50 ms, and its least in each of the last stretches, the present one last.
    smooth: [f32; BINS],
    least: [[f32; BINS]; STRETCHES],
    /// Blocks of the present stretch, and blocks so far until the noise is primed.
    blocks: u32,
    first: u32,
}

impl Floor {
    pub(crate) fn new() -> Self {
        Self {
            noise: [NOTHING; BINS],
            voice: [0.0; BINS],
            smooth: [0.0; BINS],
            least: [[f32::MAX; BINS]; STRETCHES],
            blocks: 0,
            first: 0,
        }
    }

    /// The power of each bin in one block.
    pub(crate) fn learn(&mut self, power: impl Iterator<Item = f32>) {
        if self.first < PRIMED {
            self.first += 1;
            let share = 1.0 / self.first.saturating_sub(UNFILLED).max(1) as f32;
            for ((noise, smooth), p) in self.noise.iter_mut().zip(&mut self.smooth).zip(power) {
                *noise += share * (p.max(NOTHING) - *noise);
                *smooth = *noise;
            }
            return;
        }
        self.blocks += 1;
        if self.blocks == STRETCH {
            self.blocks = 0;
            self.least.rotate_left(1);
            self.least[STRETCHES - 1] = [f32::MAX; BINS];
        }
        for (f, p) in power.enumerate().take(BINS) {
            let over = (p / self.noise[f]).min(1e4);
            let voice = 1.0 / (1.0 + (1.0 + PRIOR) * (-over * PRIOR / (1.0 + PRIOR)).exp());
            let heard = voice * self.noise[f] + (1.0 - voice) * p;
            let noise = NOISE_MEMORY * self.noise[f] + (1.0 - NOISE_MEMORY) * heard;
            self.voice[f] = voice;
            self.smooth[f] += 0.2 * (p - self.smooth[f]);
            let now = &mut self.least[STRETCHES - 1][f];
            *now = now.min(self.smooth[f]);
            let least = self.least.iter().map(|l| l[f]).fold(f32::MAX, f32::min);
            self.noise[f] = noise.max(least).max(NOTHING);
        }
    }
}
