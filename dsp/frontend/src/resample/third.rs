//! 48 → 16 kHz: a linear-phase filter of 385 points by overlap and save, in which nothing is computed that is thrown away.
//!
//! Six frames in make two frames out. So the input's six phases, 8 kHz each, go through a sixth of the filter each, once for
//! the even and once for the odd frames of the output. Two phases travel as one complex signal, and the two outputs as
//! another: three transforms of 144 points there and one back, where a real transform of the whole would take 960.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use rustfft::{Fft, FftPlanner};

use crate::stft::ZERO;
use crate::wide::widely;

const BLOCK_IN: usize = 480;
const BLOCK_OUT: usize = BLOCK_IN / 3;
/// Points of the filter: 4 ms to its middle.
const POINTS: usize = 385;
/// Half of the filter, in frames at 16 kHz.
pub(super) const DELAY: usize = (POINTS - 1) / 2 / 3;
/// Frames of the input that belong together, as pairs, and steps of that length in a block.
const STEP: usize = 6;
const PAIRS: usize = STEP / 2;
const NEW: usize = BLOCK_IN / STEP;
/// Steps that the filter reaches back.
const BACK: usize = (POINTS - 1) / STEP;
/// What is transformed: 2⁴ · 3².
const LONG: usize = BACK + NEW;
/// Kaiser's window for 125 dB is 1.0 kHz wide at this length: flat to 7.2 kHz, silent from 8.2 kHz.
const BETA: f64 = 12.8;
const CUT_HZ: f64 = 7_710.0;

/// A signal or a spectrum for each pair of phases.
type Lines = [[Complex32; LONG]; PAIRS];

pub(super) struct Third {
    forward: Arc<dyn Fft<f32>>,
    back: Arc<dyn Fft<f32>>,
    /// What a pair's spectrum gives to the output's, and what to its mirror image, conjugated.
    straight: Box<Lines>,
    mirrored: Box<Lines>,
    /// The last frames of each channel.
    channels: Box<[Lines]>,
    spectra: Box<Lines>,
    out: Box<[Complex32; LONG]>,
    mirror: Box<[Complex32; LONG]>,
    scratch: Vec<Complex32>,
}

/// Modified Bessel function of the first kind, order 0.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..60 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

fn filter() -> Vec<f32> {
    let middle = (POINTS - 1) as f64 / 2.0;
    let points: Vec<f64> = (0..POINTS)
        .map(|n| {
            let t = n as f64 - middle;
            let x = 2.0 * CUT_HZ / 48_000.0;
            let sinc = if t.abs() < 1e-9 { x } else { (PI * x * t).sin() / (PI * t) };
            sinc * bessel(BETA * (1.0 - (t / middle).powi(2)).max(0.0).sqrt()) / bessel(BETA)
        })
        .collect();
    let sum: f64 = points.iter().sum();
    points.iter().map(|p| (p / sum) as f32).collect()
}

/// The spectrum of the filter as frames `6n + phase` meet it: the real part makes the even frames of the output, the
/// imaginary part the odd ones.
fn sixth(points: &[f32], phase: usize, forward: &dyn Fft<f32>) -> [Complex32; LONG] {
    let point = |n: usize| n.checked_sub(phase).and_then(|n| points.get(n)).copied().unwrap_or(0.0);
    let mut line = [ZERO; LONG];
    for (n, slot) in line.iter_mut().take(BACK + 1).enumerate() {
        *slot = Complex32::new(point(STEP * n), point(STEP * n + STEP / 2)) / LONG as f32;
    }
    forward.process(&mut line);
    line
}

impl Third {
    pub(super) fn new(channels: usize) -> Self {
        let mut planner = FftPlanner::new();
        let (forward, back) = (planner.plan_fft_forward(LONG), planner.plan_fft_inverse(LONG));
        let none: Lines = [[ZERO; LONG]; PAIRS];
        let (mut straight, mut mirrored) = (Box::new(none), Box::new(none));
        let points = filter();
        for pair in 0..PAIRS {
            let [a, b] = [2 * pair, 2 * pair + 1].map(|phase| sixth(&points, phase, &*forward));
            for k in 0..LONG {
                // A pair's first phase is half the sum of spectrum and conjugated mirror image, its second half their
                // difference, turned.
                straight[pair][k] = (a[k] - Complex32::I * b[k]) / 2.0;
                mirrored[pair][(LONG - k) % LONG] = ((a[k] + Complex32::I * b[k]) / 2.0).conj();
            }
        }
        Self {
            straight,
            mirrored,
            channels: vec![none; channels].into_boxed_slice(),
            spectra: Box::new(none),
            out: Box::new([ZERO; LONG]),
            mirror: Box::new([ZERO; LONG]),
            scratch: vec![ZERO; forward.get_immutable_scratch_len().max(back.get_inplace_scratch_len())],
            forward,
            back,
        }
    }

    /// Planar blocks, as many as there are channels.
    pub(super) fn process(&mut self, input: &[f32], output: &mut [f32]) {
        let blocks = input.chunks_exact(BLOCK_IN).zip(output.chunks_exact_mut(BLOCK_OUT));
        for ((new, out), lines) in blocks.zip(&mut self.channels) {
            for (pair, line) in lines.iter_mut().enumerate() {
                line.copy_within(NEW.., 0);
                for (slot, step) in line[BACK..].iter_mut().zip(new.chunks_exact(STEP)) {
                    *slot = Complex32::new(step[2 * pair], step[2 * pair + 1]);
                }
            }
            let spectra = self.spectra.as_flattened_mut();
            self.forward.process_immutable_with_scratch(lines.as_flattened(), spectra, &mut self.scratch);
            widely(
                #[inline(always)]
                || {
                    meet(&self.spectra, &self.straight, &mut self.out);
                    meet(&self.spectra, &self.mirrored, &mut self.mirror);
                },
            );
            self.out[0] += self.mirror[0].conj();
            for (y, m) in self.out[1..].iter_mut().zip(self.mirror[1..].iter().rev()) {
                *y += m.conj();
            }
            self.back.process_with_scratch(&mut self.out[..], &mut self.scratch);
            for (two, y) in out.chunks_exact_mut(2).zip(&self.out[BACK..]) {
                (two[0], two[1]) = (y.re, y.im);
            }
        }
    }
}

/// The pairs' spectra through their filters, together.
#[inline(always)]
fn meet([x0, x1, x2]: &Lines, [h0, h1, h2]: &Lines, sum: &mut [Complex32; LONG]) {
    for k in 0..LONG {
        sum[k] = x0[k] * h0[k] + x1[k] * h1[k] + x2[k] * h2[k];
    }
}
