//! What speaker networks hear instead of sound: the energies of 80 mel bands, 100 times a second, as Kaldi has them.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Bands.
pub(crate) const BANDS: usize = 80;
/// 25 ms at 16 kHz.
const FRAME: usize = 400;
/// 10 ms.
const STEP: usize = 160;
const FFT: usize = 512;
const BINS: usize = FFT / 2 + 1;
/// A louder sample than the one before by less than this share is emphasised away.
const PREEMPHASIS: f64 = 0.97;
/// Kaldi's samples are whole numbers.
const SCALE: f64 = 32_768.0;
/// No band is quieter: what single precision tells from zero.
const FLOOR: f64 = 1.2e-7;
const LOWEST_HZ: f64 = 20.0;
const HIGHEST_HZ: f64 = 8_000.0;

pub(crate) struct Fbank {
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    /// Per band: its first bin and the weights from there.
    bands: Vec<(usize, Vec<f64>)>,
    frame: Vec<f64>,
    spectrum: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl std::fmt::Debug for Fbank {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fbank").finish_non_exhaustive()
    }
}

fn mel(hz: f64) -> f64 {
    1_127.0 * (1.0 + hz / 700.0).ln()
}

impl Fbank {
    pub(crate) fn new() -> Self {
        let fft = RealFftPlanner::<f64>::new().plan_fft_forward(FFT);
        let turn = std::f64::consts::TAU / (FRAME - 1) as f64;
        let window = (0..FRAME).map(|n| 0.54 - 0.46 * (turn * n as f64).cos()).collect();
        let width = (mel(HIGHEST_HZ) - mel(LOWEST_HZ)) / (BANDS + 1) as f64;
        let band = |number: usize| {
            let middle = mel(LOWEST_HZ) + (number + 1) as f64 * width;
            let weight = |bin: usize| {
                let off = (mel(bin as f64 * 16_000.0 / FFT as f64) - middle).abs();
                (1.0 - off / width).max(0.0)
            };
            let first = (0..BINS).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
            (first, (first..BINS).map(weight).take_while(|w| *w > 0.0).collect())
        };
        let (spectrum, scratch) = (fft.make_output_vec(), fft.make_scratch_vec());
        Self { fft, window, bands: (0..BANDS).map(band).collect(), frame: vec![0.0; FFT], spectrum, scratch }
    }

    /// Frames of so many samples.
    pub(crate) fn frames(samples: usize) -> usize {
        if samples < FRAME { 0 } else { (samples - FRAME) / STEP + 1 }
    }

    /// The logarithms of the bands' energies, `[frames × 80]`, of mono sound at 16 kHz in −1.0..=1.0. What is not finite
    /// counts as silence, what is louder as full scale.
    pub(crate) fn of(&mut self, sound: &[f32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(Self::frames(sound.len()) * BANDS);
        for samples in sound.windows(FRAME).step_by(STEP) {
            self.frame.fill(0.0);
            for (own, &s) in self.frame.iter_mut().zip(samples) {
                *own = if s.is_finite() { f64::from(s.clamp(-1.0, 1.0)) * SCALE } else { 0.0 };
            }
            let mean = self.frame[..FRAME].iter().sum::<f64>() / FRAME as f64;
            self.frame[..FRAME].iter_mut().for_each(|s| *s -= mean);
            for n in (1..FRAME).rev() {
                self.frame[n] -= PREEMPHASIS * self.frame[n - 1];
            }
            self.frame[0] *= 1.0 - PREEMPHASIS;
            self.frame.iter_mut().zip(&self.window).for_each(|(s, w)| *s *= w);
            let Self { fft, frame, spectrum, scratch, .. } = self;
            // The lengths are the plan's own.
            if fft.process_with_scratch(frame, spectrum, scratch).is_err() {
                spectrum.fill(Complex::default());
            }
            let energy = |(first, weights): &(usize, Vec<f64>)| {
                self.spectrum[*first..].iter().zip(weights).map(|(bin, w)| w * bin.norm_sqr()).sum::<f64>()
            };
            #[expect(clippy::cast_possible_truncation, reason = "a logarithm between -16 and 30")]
            out.extend(self.bands.iter().map(|band| energy(band).max(FLOOR).ln() as f32));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn silence_a_click_and_full_scale_have_energies_that_are_numbers() {
        let mut fbank = Fbank::new();
        let mut click = vec![0.0; 1_600];
        click[800] = 1.0;
        let full: Vec<f32> = (0..1_600).map(|n| if n % 2 == 0 { 1.0 } else { -1.0 }).collect();
        assert!(fbank.of(&[0.0; 1_600]).iter().all(|e| (*e - FLOOR.ln() as f32).abs() < 1e-6));
        for sound in [click, full, vec![1.0; 1_600]] {
            let energies = fbank.of(&sound);
            assert_eq!(energies.len(), 8 * BANDS);
            assert!(energies.iter().all(|e| e.is_finite()));
        }
    }

    #[test]
    fn a_tone_is_loudest_in_the_band_that_holds_it() {
        let mut fbank = Fbank::new();
        let tone: Vec<f32> =
            (0..400).map(|n| (std::f32::consts::TAU * 1_000.0 * n as f32 / 16e3).sin()).collect();
        let energies = fbank.of(&tone);
        let loudest = (0..BANDS).max_by(|a, b| energies[*a].total_cmp(&energies[*b])).unwrap();
        let width = (mel(HIGHEST_HZ) - mel(LOWEST_HZ)) / (BANDS + 1) as f64;
        let middle = mel(LOWEST_HZ) + (loudest + 1) as f64 * width;
        assert!((mel(1_000.0) - middle).abs() < width, "{loudest}");
    }

    proptest! {
        #[test]
        fn whatever_the_sound_there_are_80_finite_numbers_each_10_ms(
            sound in prop::collection::vec(prop::num::f32::ANY, 0..2_000)
        ) {
            let energies = Fbank::new().of(&sound);
            prop_assert_eq!(energies.len(), Fbank::frames(sound.len()) * BANDS);
            prop_assert!(energies.iter().all(|e| e.is_finite() && (-16.0..40.0).contains(e)));
        }
    }
}
