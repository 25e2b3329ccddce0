//! Noise taken out of the beam for people who listen from afar.
//!
//! Per bin three questions are answered every 10 ms: how loud is the noise ([`Floor`]), how far does the voice stand above
//! it (decision-directed, Ephraim and Malah 1984), and is there a voice at all (Cohen 2002). The gain is that of the
//! log-spectral amplitude where there is a voice and a floor where there is none, so that the room stays audible and does
//! not pump.

use crate::floor::Floor;
use crate::stft::{BIN_HZ, BINS, Spectrum};
use realfft::num_complex::Complex32;

/// Least gain, −18 dB.
const LEAST: f32 = 0.126;
/// How much of the last block's voice stands for this one's.
const DIRECTED: f32 = 0.92;
/// Least voice over noise that is believed, −18 dB: below it noise becomes musical.
const LEAST_PRIOR: f32 = 0.016;
/// Memory of what stands above the noise, for the question whether anybody talks.
const STANDS_MEMORY: f32 = 0.7;
/// Neighbouring bins that are asked together: one on each side, and the width of a formant.
const NEAR_BINS: usize = 1;
const WIDE_BINS: usize = 12;
/// Voice over noise that is surely none and surely one, −10 and −5 dB.
const NONE: f32 = 0.1;
const SURE: f32 = 0.316;
/// Absence is never taken for certain.
const MOST_ABSENT: f32 = 0.95;
/// Speech band for the verdict on the block.
const FROM_HZ: f32 = 250.0;
const TO_HZ: f32 = 4_000.0;

/// What a block holds, window sums over all bins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Presence {
    /// Power over the noise's, speech band.
    pub(crate) over_noise: f32,
    /// Share of the speech band that is a voice, 0..=1.
    pub(crate) share: f32,
    /// Mean square of the noise that is left in the output, full scale 1.
    pub(crate) noise_left: f32,
}

#[derive(Debug)]
pub(crate) struct Noise {
    floor: Floor,
    /// Power of the last block's voice.
    voice: [f32; BINS],
    /// Voice over noise, smoothed, and its running sum over bins.
    stands: [f32; BINS],
    sums: [f32; BINS + 1],
}

impl Noise {
    pub(crate) fn new() -> Self {
        Self { floor: Floor::new(), voice: [0.0; BINS], stands: [0.0; BINS], sums: [0.0; BINS + 1] }
    }

    /// One block of the beam in place. The noise is learnt only where `learn`: never while Prim is heard.
    pub(crate) fn process(&mut self, beam: &mut Spectrum, learn: bool) -> Presence {
        if learn {
            self.floor.learn(beam.iter().map(Complex32::norm_sqr));
        }
        self.ask(beam);
        let (lo, hi) = ((FROM_HZ / BIN_HZ) as usize, (TO_HZ / BIN_HZ) as usize);
        let (mut power, mut noise, mut share, mut left) = (0.0, 0.0, 0.0, 0.0);
        let least_ln = LEAST.ln();
        for (f, bin) in beam.iter_mut().enumerate() {
            let p = bin.norm_sqr();
            let over = (p / self.floor.noise[f]).min(1e4);
            let prior = self.prior(f, over);
            let (gain_ln, v) = log_amplitude(prior, over);
            let absent = self.absence(f);
            // A voice's likelihood against noise alone, Bayes.
            let present = 1.0 / (1.0 + absent / (1.0 - absent) * (1.0 + prior) * (-v).exp());
            self.voice[f] = (2.0 * gain_ln).exp().min(1.0) * p;
            let gain = (present * gain_ln + (1.0 - present) * least_ln).exp().clamp(LEAST, 1.0);
            *bin *= gain;
            left += self.floor.noise[f] * gain * gain;
            if (lo..hi).contains(&f) {
                power += p;
                noise += self.floor.noise[f];
                share += present;
            }
        }
        Presence {
            over_noise: power / noise,
            share: share / (hi - lo) as f32,
            noise_left: left * WINDOW_POWER,
        }
    }

    /// Voice over noise before this block is judged.
    fn prior(&self, f: usize, over: f32) -> f32 {
        let before = (self.voice[f] / self.floor.noise[f]).min(1e4);
        (DIRECTED * before + (1.0 - DIRECTED) * (over - 1.0).max(0.0)).max(LEAST_PRIOR)
    }

    /// What stands above the noise, over time and bins.
    fn ask(&mut self, beam: &Spectrum) {
        let mut sum = 0.0;
        for (f, b) in beam.iter().enumerate() {
            let prior = self.prior(f, (b.norm_sqr() / self.floor.noise[f]).min(1e4));
            self.stands[f] += (1.0 - STANDS_MEMORY) * (prior.min(100.0) - self.stands[f]);
            sum += self.stands[f];
            self.sums[f + 1] = sum;
        }
    }

    /// How likely there is no voice in a bin before its power is seen.
    fn absence(&self, f: usize) -> f32 {
        let mean = |reach: usize| {
            let (from, to) = (f.saturating_sub(reach), (f + reach + 1).min(BINS));
            (self.sums[to] - self.sums[from]) / (to - from) as f32
        };
        let likely = |x: f32| ((x / NONE).max(1e-3).ln() / (SURE / NONE).ln()).clamp(0.0, 1.0);
        (1.0 - likely(mean(NEAR_BINS)) * likely(mean(WIDE_BINS))).min(MOST_ABSENT)
    }
}

/// From a window sum over the bins to a mean square: twice for the half of the spectrum that is not kept, over the window's
/// length and its energy.
const WINDOW_POWER: f32 = 2.0 / (512.0 * 192.0);

/// Natural logarithm of the gain for the log-spectral amplitude (Ephraim and Malah 1985), and its `v`.
fn log_amplitude(prior: f32, over: f32) -> (f32, f32) {
    let share = prior / (1.0 + prior);
    let v = (share * over).max(1e-4);
    ((share.ln() + 0.5 * exponential_integral(v)).min(0.0), v)
}

/// E₁ (Abramowitz and Stegun 5.1.53 and 5.1.54), to 5·10⁻⁵.
fn exponential_integral(x: f32) -> f32 {
    if x < 1.0 {
        let tail = ((((0.001_078_57 * x - 0.009_760_04) * x + 0.055_199_68) * x - 0.249_910_55) * x
            + 0.999_991_93)
            * x;
        tail - 0.577_215_7 - x.ln()
    } else {
        (-x).exp() / x * (x * (x + 2.334_733) + 0.250_621) / (x * (x + 3.330_657) + 1.681_534)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_integral_is_the_tables() {
        for (x, want) in
            [(0.1, 1.822_924), (0.5, 0.559_774), (1.0, 0.219_384), (2.0, 0.048_901), (5.0, 0.001_148)]
        {
            assert!((exponential_integral(x) - want).abs() < 1e-4, "{x}: {}", exponential_integral(x));
        }
    }

    #[test]
    fn the_gain_of_a_clear_voice_is_one_and_of_nothing_is_small() {
        assert!(log_amplitude(1e3, 1e3).0 > -0.01);
        assert!(log_amplitude(LEAST_PRIOR, 1.0).0 < -1.5);
    }
}
