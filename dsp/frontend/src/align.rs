//! Finds by itself how much later than the reference the echo arrives, to the sample.
//!
//! Which of the past frames of the reference the microphone's spectrum is coherent with gives the delay to the
//! nearest block; the phase of that coherence over frequency gives the rest. To the sample, because the canceller's
//! filter is 10 dB better when reference and echo lie in the same place of their windows.

use std::f32::consts::TAU;

use prim_audio::SPEECH_BLOCK;
use realfft::num_complex::Complex32;

use crate::echo::MAX_LAG;
use crate::stft::{Spectrum, WINDOW, ZERO};

/// Every second bin between 500 Hz and 5 kHz.
const FROM: usize = 16;
const STEP: usize = 2;
const USED: usize = 72;
/// Kept per frame: one second of Prim is remembered.
const KEEP: f32 = 0.99;
/// Squared coherence that chance gives with this memory is 0.005; a real echo gives 0.1 and more.
const REAL: f32 = 0.04;
/// The echo begins at the first lag with this share of the best one's coherence.
const ONSET_SHARE: f32 = 0.4;
/// Frames of Prim between two answers: 250 ms, and 150 before the first is certain.
const EVERY: u32 = 25;
const FIRST: u32 = 15;
/// A reference bin below this is silence.
const AUDIBLE: f32 = 1e-6;
/// Samples around a block's start that are searched: bins two apart repeat after 256.
const EARLIEST: i32 = -96;
const LATEST: i32 = 160;

#[derive(Debug)]
pub(crate) struct Aligner {
    cross: Box<[[Complex32; USED]]>,
    frames: u32,
}

impl Aligner {
    pub(crate) fn new() -> Self {
        Self { cross: vec![[ZERO; USED]; MAX_LAG].into_boxed_slice(), frames: 0 }
    }

    /// One frame of a microphone while the speaker sounds; `past(lag)` is the reference `lag` frames ago. Four times a
    /// second of Prim, more often before it is `settled`, it answers by how many samples at 16 kHz the echo is later than
    /// the reference.
    pub(crate) fn push<'a>(
        &mut self,
        mic: &Spectrum,
        settled: bool,
        past: impl Fn(usize) -> &'a Spectrum,
    ) -> Option<i32> {
        for (lag, cross) in self.cross.iter_mut().enumerate() {
            let reference = past(lag);
            for (k, c) in cross.iter_mut().enumerate() {
                let f = FROM + STEP * k;
                let product = reference[f] * mic[f].conj();
                let size = product.norm();
                if reference[f].norm_sqr() > AUDIBLE && size > 0.0 {
                    *c = *c * KEEP + product * ((1.0 - KEEP) / size);
                }
            }
        }
        self.frames += 1;
        let every = if settled { EVERY } else { FIRST };
        if self.frames.is_multiple_of(every) { self.answer() } else { None }
    }

    /// The reference has been moved: what was gathered no longer holds.
    pub(crate) fn start_anew(&mut self) {
        self.cross.fill([ZERO; USED]);
        self.frames = 0;
    }

    fn answer(&self) -> Option<i32> {
        let mut scores = [0.0_f32; MAX_LAG];
        for (score, cross) in scores.iter_mut().zip(&self.cross) {
            *score = cross.iter().map(Complex32::norm_sqr).sum::<f32>() / USED as f32;
        }
        let best = scores.iter().copied().fold(0.0, f32::max);
        // Early on the memory is not full: an echo grows with its square, chance with itself.
        let full = 1.0 - KEEP.powi(self.frames.min(10_000) as i32);
        let chance = (1.0 - KEEP) * full;
        if best < (REAL * full * full).max(3.0 * chance * full.min(0.5)) {
            return None;
        }
        let lag = scores.iter().position(|s| *s >= ONSET_SHARE * best)?;
        let fine =
            (EARLIEST..LATEST).map(|t| (t, self.match_at(lag, t))).max_by(|a, b| a.1.total_cmp(&b.1))?.0;
        Some(fine + (lag * SPEECH_BLOCK) as i32)
    }

    /// How well a delay of `samples` beyond `lag` blocks explains the phases.
    fn match_at(&self, lag: usize, samples: i32) -> f32 {
        let step = Complex32::from_polar(1.0, -TAU * (STEP as i32 * samples) as f32 / WINDOW as f32);
        let mut turn = Complex32::from_polar(1.0, -TAU * (FROM as i32 * samples) as f32 / WINDOW as f32);
        let mut sum = 0.0;
        for c in &self.cross[lag] {
            sum += (c * turn).re;
            turn *= step;
        }
        sum
    }
}
