//! What the linear stage leaves of Prim's voice is estimated and taken away by gains per bin; what stands above
//! that estimate is a person.
//!
//! Per bin the *leak* is the power left over the power taken, both averaged over about half a second of Prim
//! alone. What the leak predicts from the present echo is suppressed; a person is recognised by standing far above it
//! over the whole speech band, and while she does the leak is hardly updated.

use crate::stft::{BIN_HZ, BINS, Spectrum};

/// Best leak ever believed, −35 dB: loudspeakers distort by a percent or two.
const TIGHT: f32 = 3e-4;
/// The leak is averaged over half a second, at first over what there is.
const FOLLOW: f32 = 0.02;
/// One frame lifts the leak by at most three times [`FOLLOW`]: 25 dB a second.
const BOUND: f32 = 4.0;
/// While a person stands out, the leak follows this much more slowly: she lifts it by 5 dB a second at most.
const WARY: f32 = 0.2;
/// In Prim's first seconds the filter still learns sounds it has not heard: the leak is feared to be up to ten times what
/// was measured, falling with a time constant of 1.5 s of Prim.
const FEAR: f32 = 9.0;
const FEAR_FRAMES: f32 = 150.0;
/// A person stands out: 6 dB over what is expected.
const STANDS_OUT: f32 = 4.0;
/// Frames of Prim before the leak is measured rather than feared: 250 ms, the linear filter's first convergence.
const CONVERGED: u32 = 25;
/// What remains of an echo a frame later: 1.7 dB, an RT60 of 0.35 s.
const LINGER: f32 = 0.68;
/// The floor tracker sits at the quiet end of the noise; its mean is 6 dB higher.
const FLOOR_BIAS: f32 = 4.0;
/// The estimate is multiplied by this before it is taken away: residual echo fluctuates by its own mean.
const OVER: f32 = 4.0;
/// Least gain, −40 dB.
const LEAST: f32 = 1e-2;
/// A bin belongs to a person when it stands this far (power ratio, 15 dB) above what is expected.
const PERSONS_BIN: f32 = 30.0;
/// Speech band for the verdict.
const FROM_HZ: f32 = 250.0;
const TO_HZ: f32 = 4_000.0;

#[derive(Debug)]
pub(crate) struct Suppressor {
    /// Averages of power left and power taken.
    left: [f32; BINS],
    taken: [f32; BINS],
    frames: u32,
    /// The present echo with its lingering.
    echo: [f32; BINS],
    near: [f32; BINS],
    floor: [f32; BINS],
    gain: [f32; BINS],
    person: bool,
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
    /// Share of the speech band's bins that stand 15 dB above what is expected, 0..=1.
    pub(crate) near_share: f32,
}

impl Suppressor {
    pub(crate) fn new() -> Self {
        Self {
            left: [0.0; BINS],
            taken: [0.0; BINS],
            frames: 0,
            echo: [0.0; BINS],
            near: [0.0; BINS],
            floor: [1e-6; BINS],
            gain: [1.0; BINS],
            person: false,
        }
    }

    /// Follows the noise floor while Prim is silent.
    pub(crate) fn listen(&mut self, beam: &Spectrum) {
        for (floor, b) in self.floor.iter_mut().zip(beam) {
            let p = b.norm_sqr();
            *floor = (if p < *floor { 0.9 * *floor + 0.1 * p } else { *floor * 1.002 }).max(1e-9);
        }
        self.echo.fill(0.0);
        self.near.fill(0.0);
        self.gain.fill(1.0);
        self.person = false;
    }

    /// While Prim is heard: `beam` after the linear stage becomes the suppressed voice; `echo` is what the linear
    /// stage took away, through the same beam. Nothing is believed, and all is suppressed, before the filter can have
    /// converged and while a microphone clips.
    pub(crate) fn process(
        &mut self,
        beam: &mut Spectrum,
        echo: &Spectrum,
        heard: u32,
        clipped: bool,
    ) -> Residual {
        let trusted = heard >= CONVERGED && !clipped;
        let (lo, hi) = ((FROM_HZ / BIN_HZ) as usize, (TO_HZ / BIN_HZ) as usize);
        let follow = FOLLOW.max(1.0 / (self.frames + 1) as f32) * if self.person { WARY } else { 1.0 };
        let fear = 1.0 + FEAR * (-(heard as f32) / FEAR_FRAMES).exp();
        let mut sums = Residual::default();
        for f in 0..BINS {
            let (left, taken) = (beam[f].norm_sqr(), echo[f].norm_sqr());
            self.echo[f] = taken.max(LINGER * self.echo[f]);
            self.near[f] = 0.5 * self.near[f] + 0.5 * left;
            let expected = if trusted {
                let leak = self.leak(f);
                if taken > self.floor[f] {
                    let bounded =
                        if self.frames < CONVERGED { left } else { left.min(BOUND * leak * self.echo[f]) };
                    self.left[f] += follow * (bounded - self.left[f]);
                    self.taken[f] += follow * (self.echo[f] - self.taken[f]);
                }
                (fear * self.leak(f)).min(1.0) * self.echo[f]
            } else {
                self.near[f].max(left).max(self.echo[f])
            };
            let target = (1.0 - OVER * expected / (self.near[f] + 1e-12)).clamp(LEAST, 1.0);
            // Open at once, close over 20 ms: onsets of a person matter more than a trace of echo.
            self.gain[f] = if target > self.gain[f] { target } else { 0.5 * (self.gain[f] + target) };
            beam[f] *= self.gain[f];
            if (lo..hi).contains(&f) {
                sums.left += left;
                let quiet = expected + FLOOR_BIAS * self.floor[f];
                sums.expected += quiet;
                sums.echo += taken;
                sums.near_share += f32::from(u8::from(self.near[f] > PERSONS_BIN * quiet)) / (hi - lo) as f32;
            }
        }
        if trusted {
            self.frames = self.frames.saturating_add(1);
            self.person = self.frames > CONVERGED && sums.left > STANDS_OUT * sums.expected;
        }
        sums
    }

    fn leak(&self, f: usize) -> f32 {
        (self.left[f] / (self.taken[f] + 1e-12)).clamp(TIGHT, 1.0)
    }
}
