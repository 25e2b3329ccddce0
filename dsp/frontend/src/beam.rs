//! The beam: weights per microphone and bin toward one bearing.
//!
//! Delay-and-sum lifts a voice over sound that differs from microphone to microphone, but an array of a few
//! centimetres is deaf to direction below 2 kHz. Weights that are best against sound from everywhere (a
//! reverberant room), held back so that microphone noise is not amplified beyond bounds, do better there:
//! `w = (Γ + ε I)⁻¹ d / dᴴ(Γ + ε I)⁻¹ d`, with Γ the coherence of a diffuse field. A large ε is delay-and-sum.

use std::f32::consts::PI;

use realfft::num_complex::Complex32;

use crate::MAX_CHANNELS;
use crate::locate::{SPEED_OF_SOUND, arrival};
use crate::stft::{BIN_HZ, BINS, Spectrum, ZERO};

type Row = [Complex32; MAX_CHANNELS];

#[derive(Debug)]
pub(crate) struct Beam {
    mics_mm: Vec<[f32; 3]>,
    loading: f32,
    weights: Box<[Row]>,
    steered: Option<f32>,
    usable: [bool; MAX_CHANNELS],
}

/// The beam follows when the bearing has moved by this much: a tenth of its width.
const STEP_DEG: f32 = 2.0;

impl Beam {
    pub(crate) fn new(mics_mm: &[[f32; 3]], loading: f32) -> Self {
        let mut beam = Self {
            mics_mm: mics_mm.to_vec(),
            loading,
            weights: vec![[ZERO; MAX_CHANNELS]; BINS].into_boxed_slice(),
            steered: None,
            usable: [true; MAX_CHANNELS],
        };
        beam.single();
        beam
    }

    /// Follows `degrees`; `usable` names microphones that can be believed.
    pub(crate) fn steer(&mut self, degrees: Option<f32>, usable: &[bool; MAX_CHANNELS]) {
        let moved = match (self.steered, degrees) {
            (Some(a), Some(b)) => {
                let d = (a - b).rem_euclid(360.0);
                d.min(360.0 - d) > STEP_DEG
            }
            (None, Some(_)) => true,
            (_, None) => false,
        };
        if !moved && *usable == self.usable {
            return;
        }
        self.usable = *usable;
        match degrees.or(self.steered) {
            Some(d) => {
                self.steered = Some(d);
                for f in 0..BINS {
                    self.weights[f] = self.solve(f, d);
                }
            }
            None => self.single(),
        }
    }

    /// No bearing yet: one good microphone.
    fn single(&mut self) {
        let first = self.usable.iter().take(self.mics_mm.len()).position(|u| *u).unwrap_or(0);
        for w in &mut self.weights {
            *w = [ZERO; MAX_CHANNELS];
            w[first] = Complex32::new(1.0, 0.0);
        }
    }

    fn solve(&self, bin: usize, degrees: f32) -> Row {
        let n = self.mics_mm.len();
        let mut d = [ZERO; MAX_CHANNELS];
        let mut a = [[ZERO; MAX_CHANNELS]; MAX_CHANNELS];
        let k = 2.0 * PI * bin as f32 * BIN_HZ / SPEED_OF_SOUND / 1_000.0;
        for i in 0..n {
            let used = self.usable[i];
            d[i] = if used { arrival(self.mics_mm[i], degrees, bin) } else { ZERO };
            for (j, cell) in a[i].iter_mut().enumerate().take(n) {
                let both = used && self.usable[j];
                let apart: f32 =
                    (0..3).map(|x| (self.mics_mm[i][x] - self.mics_mm[j][x]).powi(2)).sum::<f32>().sqrt();
                let x = k * apart;
                let coherence = if x < 1e-4 { 1.0 } else { x.sin() / x };
                cell.re = if both { coherence } else { 0.0 };
            }
            a[i][i].re = 1.0 + self.loading;
        }
        let mut w = d;
        if !solve_in_place(&mut a, &mut w, n) {
            w = d;
        }
        let gain: Complex32 = (0..n).map(|i| d[i].conj() * w[i]).sum();
        let gain = if gain.norm() > 1e-9 { gain } else { Complex32::new(1.0, 0.0) };
        let mut conj = [ZERO; MAX_CHANNELS];
        for i in 0..n {
            conj[i] = (w[i] / gain).conj();
        }
        conj
    }

    /// `wᴴ x` for every bin.
    pub(crate) fn apply(&self, spectra: &[Spectrum], out: &mut Spectrum) {
        for (f, (o, w)) in out.iter_mut().zip(self.weights.iter()).enumerate() {
            *o = spectra.iter().zip(w).map(|(x, w)| x[f] * w).sum();
        }
    }
}

/// Gaussian elimination without pivoting: the matrix is Hermitian and positive definite by its loading.
fn solve_in_place(a: &mut [Row; MAX_CHANNELS], b: &mut Row, n: usize) -> bool {
    for i in 0..n {
        let pivot = a[i][i];
        if pivot.norm() < 1e-9 {
            return false;
        }
        for r in i + 1..n {
            let f = a[r][i] / pivot;
            let top = a[i];
            for (x, t) in a[r][i..n].iter_mut().zip(&top[i..n]) {
                *x -= f * t;
            }
            let known = b[i];
            b[r] -= f * known;
        }
    }
    for i in (0..n).rev() {
        let mut sum = b[i];
        for j in i + 1..n {
            sum -= a[i][j] * b[j];
        }
        b[i] = sum / a[i][i];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: [[f32; 3]; 4] = [[35.0, 0.0, 0.0], [0.0, 35.0, 0.0], [-35.0, 0.0, 0.0], [0.0, -35.0, 0.0]];

    fn response(b: &Beam, from: f32, bin: usize) -> f32 {
        let x: Vec<Spectrum> = RING
            .iter()
            .map(|m| {
                let mut s = [ZERO; BINS];
                s[bin] = arrival(*m, from, bin);
                s
            })
            .collect();
        let mut out = [ZERO; BINS];
        b.apply(&x, &mut out);
        out[bin].norm()
    }

    #[test]
    fn the_beam_passes_its_bearing_untouched_and_lowers_the_others() {
        let mut b = Beam::new(&RING, 0.05);
        b.steer(Some(37.0), &[true; MAX_CHANNELS]);
        for bin in [10, 32, 64, 128, 200] {
            assert!((response(&b, 37.0, bin) - 1.0).abs() < 1e-3);
        }
        for bin in [32, 48, 64] {
            assert!(response(&b, 217.0, bin) < 0.7, "{bin}: {}", response(&b, 217.0, bin));
        }
    }

    #[test]
    fn a_microphone_left_out_has_no_weight() {
        let mut b = Beam::new(&RING, 0.05);
        let mut usable = [true; MAX_CHANNELS];
        usable[1] = false;
        b.steer(Some(90.0), &usable);
        assert!(b.weights.iter().all(|w| w[1].norm() < 1e-6));
        assert!((response(&b, 90.0, 40) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn microphone_noise_is_not_amplified_beyond_the_bound() {
        let mut b = Beam::new(&RING, 0.05);
        b.steer(Some(10.0), &[true; MAX_CHANNELS]);
        let worst = b.weights.iter().map(|w| w.iter().map(|x| x.norm_sqr()).sum::<f32>()).fold(0.0, f32::max);
        assert!(10.0 * worst.log10() < 6.0, "{}", 10.0 * worst.log10());
    }
}
