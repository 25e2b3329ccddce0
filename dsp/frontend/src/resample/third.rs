//! 48 → 16 kHz: a linear-phase filter of 385 points by overlap and save, of whose spectrum a third is turned back.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

const BLOCK_IN: usize = 480;
const BLOCK_OUT: usize = BLOCK_IN / 3;
/// Old and new block: the filter reaches back at most one block.
const LONG: usize = 2 * BLOCK_IN;
const SHORT: usize = LONG / 3;
/// Points of the filter: 4 ms to its middle.
const POINTS: usize = 385;
/// Half of the filter, in frames at 16 kHz.
pub(super) const DELAY: usize = (POINTS - 1) / 2 / 3;
/// Kaiser's window for 125 dB is 1.0 kHz wide at this length: flat to 7.2 kHz, silent from 8.2 kHz.
const BETA: f64 = 12.8;
const CUT_HZ: f64 = 7_710.0;
/// Bins above 8 kHz in which the filter is not silent yet: 600 Hz.
const FOLD: usize = 12;

pub(super) struct Third {
    forward: Arc<dyn RealToComplex<f32>>,
    back: Arc<dyn ComplexToReal<f32>>,
    /// Of the filter, up to 8.6 kHz, with both transforms' lengths in it.
    response: Box<[Complex32]>,
    /// The last block of each channel.
    before: Box<[f32]>,
    long: Vec<f32>,
    spectrum: Vec<Complex32>,
    folded: Vec<Complex32>,
    short: Vec<f32>,
    scratch: Vec<Complex32>,
    scratch_back: Vec<Complex32>,
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

impl Third {
    pub(super) fn new(channels: usize) -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, back) = (planner.plan_fft_forward(LONG), planner.plan_fft_inverse(SHORT));
        let (mut long, mut spectrum) = (forward.make_input_vec(), forward.make_output_vec());
        long[..POINTS].copy_from_slice(&filter());
        let mut scratch = forward.make_scratch_vec();
        // Planned for these lengths.
        let _ = forward.process_with_scratch(&mut long, &mut spectrum, &mut scratch);
        let response = spectrum[..=SHORT / 2 + FOLD].iter().map(|h| h / LONG as f32).collect();
        Self {
            response,
            before: vec![0.0; channels * BLOCK_IN].into_boxed_slice(),
            folded: back.make_input_vec(),
            short: back.make_output_vec(),
            scratch_back: back.make_scratch_vec(),
            forward,
            back,
            long,
            spectrum,
            scratch,
        }
    }

    /// Planar blocks, as many as there are channels.
    pub(super) fn process(&mut self, input: &[f32], output: &mut [f32]) -> bool {
        let blocks = input.chunks_exact(BLOCK_IN).zip(output.chunks_exact_mut(BLOCK_OUT));
        for ((new, out), before) in blocks.zip(self.before.chunks_exact_mut(BLOCK_IN)) {
            self.long[..BLOCK_IN].copy_from_slice(before);
            self.long[BLOCK_IN..].copy_from_slice(new);
            before.copy_from_slice(new);
            if self
                .forward
                .process_with_scratch(&mut self.long, &mut self.spectrum, &mut self.scratch)
                .is_err()
            {
                return false;
            }
            for ((y, x), h) in self.folded.iter_mut().zip(&self.spectrum).zip(&self.response) {
                *y = x * h;
            }
            // What the filter lets through just above 8 kHz folds back; without it the blocks' edges would be heard.
            for k in SHORT / 2 - FOLD..=SHORT / 2 {
                self.folded[k] += (self.spectrum[SHORT - k] * self.response[SHORT - k]).conj();
            }
            self.folded[0].im = 0.0;
            self.folded[SHORT / 2].im = 0.0;
            if self
                .back
                .process_with_scratch(&mut self.folded, &mut self.short, &mut self.scratch_back)
                .is_err()
            {
                return false;
            }
            out.copy_from_slice(&self.short[BLOCK_OUT..]);
        }
        true
    }
}
