//! What the linear stage leaves of Prim's voice is estimated and taken away by gains per bin; what stands above
//! that estimate is a person.
//!
//! Per bin the *leak* is what nine of ten frames of Prim alone stay below: power left over power taken. (A mean would
//! not do: what is left has so heavy a tail that a mean which is safe from people sinks for ever.) What the leak
//! predicts from the present echo is suppressed; a person is recognised by standing far above it over the whole speech
//! band, and while she does the leak is hardly updated. While nobody stands out the whole voice is held down too.

use crate::echo::EchoFrame;
use crate::stft::{BIN_HZ, BINS, Spectrum};

/// Best leak ever believed, −35 dB: loudspeakers distort by a percent or two.
const TIGHT: f32 = 3e-4;
/// One frame above the leak lifts it by nine times this, one below lowers it by this, dB: 27 dB a second up, 3 down.
const STEP_DB: f32 = 0.03;
const UP: f32 = 9.0;
/// While a person stands out, the leak follows this much more slowly: she lifts it by 5 dB a second at most.
const WARY: f32 = 0.2;
/// In Prim's first seconds the filter still learns sounds it has not heard: the leak is feared to be up to ten times what
/// was measured, falling with a time constant of 1.5 s of Prim.
const FEAR: f32 = 9.0;
const FEAR_FRAMES: f32 = 150.0;
/// What a filter leaves that lies beside its echo, at most: the two add.
const BESIDE: f32 = 4.0;
/// After that doubt the leak is feared as in the first seconds, with a time constant of 300 ms: the filter lies on the
/// echo to a few hundredths of a sample, which is not yet all it can do.
const DOUBT_FADES: f32 = 0.967;
/// A person stands out: 6 dB over what is expected.
const STANDS_OUT: f32 = 4.0;
/// Frames of Prim before the leak is measured rather than feared: 250 ms, the linear filter's first convergence.
const CONVERGED: u32 = 25;
/// The mean of the first frames, times this, is where the leak begins.
const START: f32 = 2.0;
/// What remains of an echo a frame later: 1.2 dB, an RT60 of 0.5 s.
const LINGER: f32 = 0.76;
/// The floor tracker sits at the quiet end of the noise; its mean is 6 dB higher.
const FLOOR_BIAS: f32 = 4.0;
/// The estimate is multiplied by this before it is taken away.
const OVER: f32 = 2.0;
/// Least gain, −40 dB.
const LEAST: f32 = 1e-2;
/// A bin belongs to a person when it stands this far (power ratio, 11 dB) above what is expected.
const PERSONS_BIN: f32 = 12.0;
/// What she leaves in the room after she stood out is hers: so many blocks, 300 ms.
const LEAVES: u8 = 30;
/// The share of the speech band that is a person's is averaged over 100 ms: a syllable of Prim's that stands out is gone
/// by then, a person is not.
const SHARE_MEMORY: f32 = 0.9;
/// The gate opens for a person who has this share of the speech band on that average: twice what an interruption needs,
/// which has the speech detector's word beside it. At 0.025 the late echo is 11 dB louder, a person over Prim 0.25 dB
/// clearer (`bench ears echo`).
const PERSONS_SHARE: f32 = 0.05;
/// While nobody stands out the gate holds the whole voice down by another 30 dB: what a canceller leaves of a bent or
/// long echo is not predicted bin by bin.
const CLOSED: f32 = 0.03;
/// It stays open for 150 ms after the last block of a person and closes over 50 ms.
const STAY_OPEN: u32 = 15;
const CLOSING: f32 = 0.7;
/// Speech band for the verdict.
const FROM_HZ: f32 = 250.0;
const TO_HZ: f32 = 4_000.0;

#[derive(Debug)]
pub(crate) struct Suppressor {
    /// Sums of power left and power taken in the first frames, then the leak.
    left: [f32; BINS],
    taken: [f32; BINS],
    leak: [f32; BINS],
    frames: u32,
    /// 1 while the filter is doubted, and fading.
    doubt: f32,
    /// The present echo with its lingering.
    echo: [f32; BINS],
    near: [f32; BINS],
    floor: [f32; BINS],
    gain: [f32; BINS],
    /// Blocks that each bin is still a person's.
    hers: [u8; BINS],
    person: bool,
    near_share_mean: f32,
    /// Gain of the whole voice, and blocks it stays open.
    gate: f32,
    open_for: u32,
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
    /// Share of the speech band's bins that stand 11 dB above what is expected, 0..=1.
    pub(crate) near_share: f32,
    /// The same, averaged over 100 ms.
    pub(crate) near_share_mean: f32,
}

impl Suppressor {
    pub(crate) fn new() -> Self {
        Self {
            left: [0.0; BINS],
            taken: [0.0; BINS],
            leak: [1.0; BINS],
            frames: 0,
            doubt: 0.0,
            echo: [0.0; BINS],
            near: [0.0; BINS],
            floor: [1e-6; BINS],
            gain: [1.0; BINS],
            hers: [0; BINS],
            person: false,
            near_share_mean: 0.0,
            gate: 1.0,
            open_for: 0,
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
        self.hers.fill(0);
        self.person = false;
        self.near_share_mean = 0.0;
        self.gate = 1.0;
        self.open_for = STAY_OPEN;
    }

    /// Whether a person stands out in a bin while Prim is heard, or did a moment ago.
    pub(crate) fn hers(&self) -> [bool; BINS] {
        self.hers.map(|left| left > 0)
    }

    /// Gain for the whole voice: 1 while a person speaks, and while Prim does not.
    pub(crate) fn gate(&self) -> f32 {
        self.gate
    }

    /// While Prim is heard: `beam` after the linear stage becomes the suppressed voice, still to be gated; `echo` is
    /// what the linear stage took away, through the same beam. Nothing is believed, and all is suppressed, before the filter can have
    /// converged and while a microphone clips; while the filter is doubted only what its echo cannot be is a person's.
    pub(crate) fn process(
        &mut self,
        beam: &mut Spectrum,
        echo: &Spectrum,
        frame: EchoFrame,
        clipped: bool,
    ) -> Residual {
        let (heard, doubted) = (frame.heard_frames, frame.doubted);
        if heard < CONVERGED {
            // The filter begins, or begins again: so does what is known of it.
            self.frames = 0;
            self.left.fill(0.0);
            self.taken.fill(0.0);
        }
        let trusted = heard >= CONVERGED && !clipped;
        let (lo, hi) = ((FROM_HZ / BIN_HZ) as usize, (TO_HZ / BIN_HZ) as usize);
        let step = STEP_DB * if self.person { WARY } else { 1.0 };
        let (up, down) = (10_f32.powf(UP * step / 10.0), 10_f32.powf(-step / 10.0));
        self.doubt = if doubted { 1.0 } else { self.doubt * DOUBT_FADES };
        let fear = 1.0 + FEAR * (-(heard as f32) / FEAR_FRAMES).exp().max(self.doubt);
        let mut sums = Residual::default();
        let mut near_bins = 0_u32;
        for f in 0..BINS {
            let (left, taken) = (beam[f].norm_sqr(), echo[f].norm_sqr());
            self.echo[f] = taken.max(LINGER * self.echo[f]);
            self.near[f] = 0.5 * self.near[f] + 0.5 * left;
            let expected = if trusted {
                if taken > self.floor[f] && !doubted {
                    self.learn(f, left, up, down);
                }
                (if doubted { BESIDE } else { (fear * self.leak[f]).min(1.0) }) * self.echo[f]
            } else {
                self.near[f].max(left).max(self.echo[f])
            };
            let target = (1.0 - OVER * expected / (self.near[f] + 1e-12)).clamp(LEAST, 1.0);
            // Open at once, close over 20 ms: onsets of a person matter more than a trace of echo.
            self.gain[f] = if target > self.gain[f] { target } else { 0.5 * (self.gain[f] + target) };
            beam[f] *= self.gain[f];
            let quiet = expected + FLOOR_BIAS * self.floor[f];
            let stands = self.near[f] > PERSONS_BIN * quiet;
            let stays = if stands { LEAVES } else { self.hers[f].saturating_sub(1) };
            self.hers[f] = if trusted { stays } else { 0 };
            if (lo..hi).contains(&f) {
                sums.left += left;
                sums.expected += quiet;
                sums.echo += taken;
                near_bins += u32::from(stands);
            }
        }
        sums.near_share = near_bins as f32 / (hi - lo) as f32;
        self.near_share_mean = SHARE_MEMORY * self.near_share_mean + (1.0 - SHARE_MEMORY) * sums.near_share;
        sums.near_share_mean = self.near_share_mean;
        self.open_for = match self.near_share_mean >= PERSONS_SHARE {
            true => STAY_OPEN,
            false => self.open_for.saturating_sub(1),
        };
        self.gate = if self.open_for > 0 { 1.0 } else { CLOSED + CLOSING * (self.gate - CLOSED) };
        if trusted && !doubted {
            self.frames = self.frames.saturating_add(1);
            self.person = self.frames > CONVERGED && sums.left > STANDS_OUT * sums.expected;
        }
        sums
    }

    fn learn(&mut self, f: usize, left: f32, up: f32, down: f32) {
        if self.frames < CONVERGED {
            self.left[f] += left;
            self.taken[f] += self.echo[f];
            self.leak[f] = START * self.left[f] / (self.taken[f] + 1e-12);
        } else {
            self.leak[f] *= if left > self.leak[f] * self.echo[f] { up } else { down };
        }
        self.leak[f] = self.leak[f].clamp(TIGHT, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use realfft::num_complex::Complex32;

    /// Half a minute of Prim, its echo all but 20 dB taken; in the blocks that say so somebody is as loud in these bins.
    fn heard(over: std::ops::Range<usize>, bins: std::ops::Range<usize>, blocks: usize) -> Ears {
        let mut ears = Ears { suppressor: Suppressor::new(), seed: 1, block: 0 };
        while ears.block < blocks {
            let her = if over.contains(&ears.block) { bins.clone() } else { 0..0 };
            ears.hear(her, false);
        }
        ears
    }

    /// A suppressor and the sound it hears.
    struct Ears {
        suppressor: Suppressor,
        seed: u32,
        block: usize,
    }

    impl Ears {
        /// The next block of Prim, a person in these bins.
        fn hear(&mut self, her: std::ops::Range<usize>, clipped: bool) {
            let mut part = || {
                self.seed = self.seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (self.seed >> 8) as f32 / 8_388_608.0 - 1.0
            };
            let echo: Spectrum = std::array::from_fn(|_| Complex32::new(part(), part()));
            let mut beam = echo.map(|e| e * 0.1);
            beam[her].iter_mut().for_each(|b| *b += Complex32::new(part(), part()));
            let frame = EchoFrame { heard_frames: self.block as u32, ..EchoFrame::default() };
            self.suppressor.process(&mut beam, &echo, frame, clipped);
            self.block += 1;
        }

        /// Share of these bins that are a person's.
        fn share(&self, bins: std::ops::Range<usize>) -> f32 {
            let hers = self.suppressor.hers();
            hers[bins.clone()].iter().filter(|h| **h).count() as f32 / bins.len() as f32
        }
    }

    #[test]
    fn a_bin_is_a_persons_while_she_stands_out_in_it_and_300_ms_longer() {
        let mut ears = heard(2_900..3_000, 40..80, 3_000);
        assert!(ears.share(40..80) > 0.9 && ears.share(100..200) < 0.05);
        // Her last frame may have been faint in a bin, and its smoothed power fades over a block or two.
        let shares: Vec<f32> = (0..40)
            .map(|_| {
                ears.hear(0..0, false);
                ears.share(40..80)
            })
            .collect();
        assert!(shares[26] > 0.9, "27 blocks later: {shares:.2?}");
        assert!(shares[33] < 0.05, "34 blocks later: {shares:.2?}");
    }

    #[test]
    fn a_clipped_microphone_makes_every_bin_nobodys_at_once_and_until_she_stands_out_again() {
        let mut ears = heard(2_900..3_000, 40..80, 3_000);
        assert!(ears.share(40..80) > 0.9);
        // A clipped sample stays in the window for four blocks.
        for _ in 0..4 {
            ears.hear(0..0, true);
            assert!(!ears.suppressor.hers().contains(&true));
        }
        ears.hear(0..0, false);
        assert!(ears.share(40..80) < 0.05, "what she left before the clip is not hers");
        (0..20).for_each(|_| ears.hear(40..80, false));
        assert!(ears.share(40..80) > 0.9);
    }
}
