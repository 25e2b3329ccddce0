//! One source through several impulse responses, block by block: uniformly partitioned overlap-save.

use std::sync::Arc;

use prim_audio::DEVICE_BLOCK;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

const FFT: usize = 2 * DEVICE_BLOCK;
const BINS: usize = FFT / 2 + 1;

/// Adds no delay: the block that goes in comes out in the same call.
pub(super) struct Convolver {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    /// `[response][partition][bin]`
    responses: Vec<Vec<Vec<Complex32>>>,
    /// Spectra of the last inputs, `newest` first in ring order.
    inputs: Vec<Vec<Complex32>>,
    newest: usize,
    /// How many blocks ago the last sound went in; once everything has rung out nothing is computed.
    quiet: usize,
    before: [f32; DEVICE_BLOCK],
    time: Vec<f32>,
    sum: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl std::fmt::Debug for Convolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Convolver({} responses of {} blocks)", self.responses.len(), self.inputs.len())
    }
}

impl Convolver {
    pub(super) fn new(responses: &[Vec<f32>]) -> Self {
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(FFT), planner.plan_fft_inverse(FFT));
        let mut scratch =
            vec![Complex32::default(); forward.get_scratch_len().max(inverse.get_scratch_len())];
        let blocks = responses.iter().map(|r| r.len().div_ceil(DEVICE_BLOCK)).max().unwrap_or(0).max(1);
        let responses = responses
            .iter()
            .map(|taps| {
                (0..blocks)
                    .map(|b| {
                        let mut time = vec![0.0; FFT];
                        let part = taps.chunks(DEVICE_BLOCK).nth(b).unwrap_or(&[]);
                        for (t, s) in time.iter_mut().zip(part) {
                            // The inverse transform scales by its length.
                            *t = s / FFT as f32;
                        }
                        let mut bins = vec![Complex32::default(); BINS];
                        forward
                            .process_with_scratch(&mut time, &mut bins, &mut scratch)
                            .expect("lengths are the plan's");
                        bins
                    })
                    .collect()
            })
            .collect();
        Self {
            forward,
            inverse,
            responses,
            inputs: vec![vec![Complex32::default(); BINS]; blocks],
            newest: 0,
            quiet: blocks + 1,
            before: [0.0; DEVICE_BLOCK],
            time: vec![0.0; FFT],
            sum: vec![Complex32::default(); BINS],
            scratch,
        }
    }

    /// Adds the response to `input` onto `out`: one slice of 480 per response.
    pub(super) fn add(&mut self, input: &[f32; DEVICE_BLOCK], out: &mut [Vec<f32>]) {
        self.quiet = if input.iter().any(|&s| s != 0.0) { 0 } else { self.quiet.saturating_add(1) };
        let blocks = self.inputs.len();
        if self.quiet > blocks {
            return;
        }
        self.time[..DEVICE_BLOCK].copy_from_slice(&self.before);
        self.time[DEVICE_BLOCK..].copy_from_slice(input);
        self.before = *input;
        self.newest = (self.newest + blocks - 1) % blocks;
        self.forward
            .process_with_scratch(&mut self.time, &mut self.inputs[self.newest], &mut self.scratch)
            .expect("lengths are the plan's");
        for (response, out) in self.responses.iter().zip(out) {
            self.sum.fill(Complex32::default());
            for (b, part) in response.iter().enumerate() {
                let input = &self.inputs[(self.newest + b) % blocks];
                for ((s, x), h) in self.sum.iter_mut().zip(input).zip(part) {
                    *s += x * h;
                }
            }
            // Rounding leaves a trace of imaginary part where a real signal has none.
            self.sum[0].im = 0.0;
            self.sum[BINS - 1].im = 0.0;
            self.inverse
                .process_with_scratch(&mut self.sum, &mut self.time, &mut self.scratch)
                .expect("lengths are the plan's");
            for (o, t) in out.iter_mut().zip(&self.time[DEVICE_BLOCK..]) {
                *o += t;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::noise::Noise;

    #[test]
    fn blocks_give_what_the_whole_convolution_gives() {
        let mut noise = Noise::new(3, 1.0);
        let responses: Vec<Vec<f32>> = [700, 1300].map(|n| (0..n).map(|_| noise.next()).collect()).to_vec();
        let input: Vec<f32> = (0..5 * DEVICE_BLOCK).map(|_| noise.next()).collect();
        let mut convolver = Convolver::new(&responses);
        let mut got = vec![Vec::new(); 2];
        for block in input.chunks_exact(DEVICE_BLOCK) {
            let mut out = vec![vec![0.0; DEVICE_BLOCK]; 2];
            convolver.add(block.try_into().unwrap(), &mut out);
            for (g, o) in got.iter_mut().zip(out) {
                g.extend(o);
            }
        }
        for (r, g) in responses.iter().zip(&got) {
            for n in (0..input.len()).step_by(37) {
                let want: f32 =
                    r.iter().enumerate().filter(|(k, _)| *k <= n).map(|(k, h)| h * input[n - k]).sum();
                assert!((want - g[n]).abs() < 2e-3, "frame {n}: {want} and {}", g[n]);
            }
        }
    }

    #[test]
    fn a_source_that_was_quiet_rings_again_as_if_new() {
        let mut convolver = Convolver::new(&[vec![1.0; 960]]);
        let mut one = [0.0; DEVICE_BLOCK];
        one[479] = 1.0;
        let mut first = vec![vec![0.0; DEVICE_BLOCK]];
        convolver.add(&one, &mut first);
        for _ in 0..10 {
            convolver.add(&[0.0; DEVICE_BLOCK], &mut [vec![0.0; DEVICE_BLOCK]]);
        }
        let mut again = vec![vec![0.0; DEVICE_BLOCK]];
        convolver.add(&one, &mut again);
        for (a, b) in first[0].iter().zip(&again[0]) {
            assert!((a - b).abs() < 1e-5, "{a} and {b}");
        }
    }
}
