//! What of this very moment is a rival's: a gain per bin, beside the beam's weights, which remember a second.
//!
//! Two voices share few bins of a moment, so most of a rival is where the followed voice is not. Weights that remember a
//! second cannot follow that, the masks that they are learned from do.

use crate::hermitian::{GROUPS, LANES, Lane};
use crate::stft::{BINS, Spectrum};

/// The least gain, in a bin that is all the rival's: 6 dB. The weights leave the followed voice whole meanwhile, so she loses
/// no more where the mask is wrong. 12 dB would take 0.5 dB more of a rival.
pub(crate) const LEAST: f32 = 0.5;
/// Share of a frame in the gain: 30 ms.
const FOLLOW: f32 = 0.5;

/// The gain of each bin.
#[derive(Debug)]
pub(crate) struct Moment {
    gain: [f32; BINS],
}

impl Default for Moment {
    fn default() -> Self {
        Self { gain: [1.0; BINS] }
    }
}

impl Moment {
    /// Share of each bin that is not a rival's, 0..=1.
    pub(crate) fn learn(&mut self, voice: &[Lane; GROUPS]) {
        for (gains, voice) in self.gain.chunks_mut(LANES).zip(voice) {
            for (gain, voice) in gains.iter_mut().zip(voice) {
                *gain += FOLLOW * (voice.max(LEAST) - *gain);
            }
        }
    }

    /// Nobody talks: the next moment is another.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn apply(&self, out: &mut Spectrum) {
        for (x, gain) in out.iter_mut().zip(&self.gain) {
            *x *= gain;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use realfft::num_complex::Complex32;

    fn heard(m: &Moment) -> Spectrum {
        let mut out = [Complex32::ONE; BINS];
        m.apply(&mut out);
        out
    }

    #[test]
    fn a_rivals_bins_go_down_by_6_db_within_a_tenth_of_a_second_and_hers_stay() {
        let mut m = Moment::default();
        let voice = std::array::from_fn(|g| [if g % 2 == 0 { 1.0 } else { 0.0 }; LANES]);
        (0..5).for_each(|_| m.learn(&voice));
        let out = heard(&m);
        assert!((out[3].re - 1.0).abs() < 1e-6, "{}", out[3]);
        assert!((0.5..0.52).contains(&out[LANES + 3].re), "{}", out[LANES + 3]);
    }

    #[test]
    fn after_a_pause_nothing_is_held_back() {
        let mut m = Moment::default();
        (0..5).for_each(|_| m.learn(&[[0.0; LANES]; GROUPS]));
        m.forget();
        assert!(heard(&m).iter().all(|x| *x == Complex32::ONE));
    }
}
