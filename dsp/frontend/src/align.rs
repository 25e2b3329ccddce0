//! Finds by itself how much later than the reference the echo arrives, to the nearest block.

use crate::echo::MAX_LAG;
use crate::stft::{BINS, Spectrum, ZERO};
use realfft::num_complex::Complex32;

/// Every second bin between 500 Hz and 5 kHz.
const FROM: usize = 16;
const STEP: usize = 2;
const USED: usize = 72;
/// Kept per frame: two seconds are remembered.
const KEEP: f32 = 0.99;
/// Squared coherence that chance gives with this memory is 0.005; a real echo gives 0.1 and more.
const REAL: f32 = 0.04;
/// The echo begins at the first lag with this share of the best one's coherence.
const ONSET_SHARE: f32 = 0.4;
/// Frames an answer has to stand before it is believed: 300 ms of Prim.
const PATIENCE: u32 = 30;
/// A reference bin below this is silence.
const AUDIBLE: f32 = 1e-6;

#[derive(Debug)]
pub(crate) struct Aligner {
    cross: Box<[[Complex32; USED]]>,
    candidate: usize,
    stood: u32,
    settled: Option<usize>,
}

impl Aligner {
    pub(crate) fn new() -> Self {
        Self { cross: vec![[ZERO; USED]; MAX_LAG].into_boxed_slice(), candidate: 0, stood: 0, settled: None }
    }

    /// One frame of a microphone; `past(lag)` is the reference `lag` frames ago.
    pub(crate) fn push<'a>(&mut self, mic: &Spectrum, past: impl Fn(usize) -> &'a Spectrum) {
        let mut best = 0.0_f32;
        let mut scores = [0.0_f32; MAX_LAG];
        for (lag, (cross, score)) in self.cross.iter_mut().zip(&mut scores).enumerate() {
            let reference = past(lag);
            for (k, c) in cross.iter_mut().enumerate() {
                let f = (FROM + STEP * k).min(BINS - 1);
                let product = reference[f] * mic[f].conj();
                let size = product.norm();
                if reference[f].norm_sqr() > AUDIBLE && size > 0.0 {
                    *c = *c * KEEP + product * ((1.0 - KEEP) / size);
                }
                *score += c.norm_sqr();
            }
            *score /= USED as f32;
            best = best.max(*score);
        }
        if best < REAL {
            return;
        }
        let first = scores.iter().position(|s| *s >= ONSET_SHARE * best).unwrap_or(0);
        if first.abs_diff(self.candidate) <= 1 {
            self.stood = (self.stood + 1).min(PATIENCE);
        } else {
            self.stood = 0;
            self.candidate = first;
        }
        if self.stood >= PATIENCE {
            self.settled = Some(self.candidate);
        }
    }

    /// The lag in frames, once it is certain.
    pub(crate) fn settled(&self) -> Option<usize> {
        self.settled
    }
}
