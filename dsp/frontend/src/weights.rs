//! Fixed facts about weights: what a diffuse field has in common, and how weights are kept and applied.

use std::f32::consts::PI;

use realfft::num_complex::Complex32;

use crate::MAX_CHANNELS;
use crate::hermitian::{Cell, LANES};
use crate::locate::SPEED_OF_SOUND;
use crate::stft::{BIN_HZ, BINS, Spectrum, ZERO};
use crate::wide::widely;

/// Coherence between microphones, per bin.
pub(crate) type Coherence = [[f32; MAX_CHANNELS]; MAX_CHANNELS];

/// `wᴴ x` for every bin.
pub(crate) fn apply(weights: &[Spectrum], spectra: &[Spectrum], out: &mut Spectrum) {
    out.fill(ZERO);
    widely(
        #[inline(always)]
        || {
            for (w, x) in weights.iter().zip(spectra) {
                for f in 0..BINS {
                    out[f] += x[f] * w[f];
                }
            }
        },
    );
}

/// One group's weights, conjugated, among those of all bins.
pub(crate) fn unpack(w: &[Cell], group: usize, weights: &mut [Spectrum]) {
    for (row, w) in weights.iter_mut().zip(w) {
        for (l, slot) in row.iter_mut().skip(group * LANES).take(LANES).enumerate() {
            *slot = Complex32::new(w.re[l], -w.im[l]);
        }
    }
}

/// What two microphones have in common in a field from everywhere: `sin(kr) / kr`.
pub(crate) fn coherence(mics_mm: &[[f32; 3]], bin: usize) -> Coherence {
    let k = 2.0 * PI * bin as f32 * BIN_HZ / SPEED_OF_SOUND / 1_000.0;
    let mut out = [[0.0; MAX_CHANNELS]; MAX_CHANNELS];
    for (row, a) in out.iter_mut().zip(mics_mm) {
        for (cell, b) in row.iter_mut().zip(mics_mm) {
            let apart: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            let x = k * apart;
            *cell = if x < 1e-4 { 1.0 } else { x.sin() / x };
        }
    }
    out
}
