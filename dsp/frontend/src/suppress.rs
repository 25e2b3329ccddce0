//! What the linear stage leaves of Prim's voice is estimated and taken away by gains per bin; what stands above
//! that estimate is a person.

use crate::stft::{BIN_HZ, BINS, Spectrum};

/// Leak of a canceller that has not converged: nothing is trusted.
const OPEN: f32 = 1.0;
/// Best leak ever believed, −32 dB: loudspeakers distort by a percent or two.
const TIGHT: f32 = 6e-4;
/// The leak is a mean over about a second of Prim alone.
const FOLLOW: f32 = 0.02;
/// A bin this far above the estimate (power ratio, 10 dB) is a person, not a leak: it may lift the estimate only
/// as if it were at this bound.
const BOUND: f32 = 10.0;
/// The floor tracker sits at the quiet end of the noise; its mean is 6 dB higher.
const FLOOR_BIAS: f32 = 4.0;
/// Frames of Prim before the leak is measured rather than feared: 300 ms.
const CONVERGED: u32 = 30;
/// What remains of the estimate a frame later: 1.7 dB, an RT60 of 0.35 s.
const LINGER: f32 = 0.68;
/// Estimate is multiplied by this before it is compared: residual echo fluctuates by its own mean.
const OVER: f32 = 4.0;
/// Least gain: −40 dB in power terms 1e-4.
const LEAST: f32 = 1e-2;
/// Speech band for the verdict.
const FROM_HZ: f32 = 250.0;
const TO_HZ: f32 = 4_000.0;

#[derive(Debug)]
pub(crate) struct Suppressor {
    leak: [f32; BINS],
    echo: [f32; BINS],
    near: [f32; BINS],
    floor: [f32; BINS],
    gain: [f32; BINS],
}

/// Powers in the speech band, window sums.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Residual {
    /// After the linear stage.
    pub(crate) left: f32,
    /// What the echo alone would leave there, noise included.
    pub(crate) expected: f32,
    /// What the linear stage took away.
    pub(crate) echo: f32,
}

impl Suppressor {
    pub(crate) fn new() -> Self {
        Self {
            leak: [OPEN; BINS],
            echo: [0.0; BINS],
            near: [0.0; BINS],
            floor: [1e-6; BINS],
            gain: [1.0; BINS],
        }
    }

    /// Follows the noise floor while Prim is silent.
    pub(crate) fn listen(&mut self, beam: &Spectrum) {
        for (floor, b) in self.floor.iter_mut().zip(beam) {
            let p = b.norm_sqr();
            *floor = (if p < *floor { 0.9 * *floor + 0.1 * p } else { *floor * 1.002 }).max(1e-9);
        }
        self.echo.fill(0.0);
        self.gain.fill(1.0);
    }

    /// While Prim is heard: `beam` after the linear stage and becomes the suppressed voice, `echo` what the linear
    /// stage took away, both through the same beam.
    pub(crate) fn process(&mut self, beam: &mut Spectrum, echo: &Spectrum, heard_frames: u32) -> Residual {
        let (lo, hi) = ((FROM_HZ / BIN_HZ) as usize, (TO_HZ / BIN_HZ) as usize);
        let mut sums = Residual::default();
        for f in 0..BINS {
            let (left, taken) = (beam[f].norm_sqr(), echo[f].norm_sqr());
            self.echo[f] = taken.max(LINGER * self.echo[f]);
            self.near[f] = 0.5 * self.near[f] + 0.5 * left;
            if heard_frames < CONVERGED {
                self.leak[f] = OPEN;
            } else if taken > 10.0 * self.floor[f] {
                let now = (left / (self.echo[f] + 1e-12)).min(BOUND * self.leak[f]);
                self.leak[f] = (self.leak[f] + FOLLOW * (now - self.leak[f])).clamp(TIGHT, OPEN);
            }
            let expected = if heard_frames < CONVERGED {
                self.near[f].max(self.echo[f])
            } else {
                self.leak[f] * self.echo[f]
            };
            let target = (1.0 - OVER * expected / (self.near[f] + 1e-12)).clamp(LEAST, 1.0);
            // Open at once, close over 20 ms: onsets of a person matter more than a trace of echo.
            self.gain[f] = if target > self.gain[f] { target } else { 0.5 * (self.gain[f] + target) };
            beam[f] *= self.gain[f];
            if (lo..hi).contains(&f) {
                sums.left += left;
                sums.expected += expected + FLOOR_BIAS * self.floor[f];
                sums.echo += taken;
            }
        }
        sums
    }
}
