//! Finds by itself how much later than the reference the echo arrives, to the sample.
//!
//! Which of the past frames of the reference the microphone's spectrum is coherent with gives the delay to the
//! nearest block; the phase of that coherence over frequency gives the rest. To the sample, because the canceller's
//! filter is 10 dB better when reference and echo lie in the same place of their windows.

use std::f32::consts::TAU;

use prim_audio::SPEECH_BLOCK;
use realfft::num_complex::Complex32;

use crate::echo::MAX_LAG;
use crate::stft::{Spectrum, WINDOW};

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
    cross: Box<[Phases]>,
    /// Past frames of the reference, the newest at `at`; what is not audible is nought.
    past: Box<[Phases]>,
    at: usize,
    frames: u32,
}

/// Real and imaginary parts apart, so that the compiler makes vectors of them.
#[derive(Debug, Clone)]
struct Phases {
    re: [f32; USED],
    im: [f32; USED],
}

impl Phases {
    const NONE: Self = Self { re: [0.0; USED], im: [0.0; USED] };

    /// The phases of the bins that lie above `least`.
    fn of(x: &Spectrum, least: f32) -> Self {
        let mut phases = Self::NONE;
        for (k, (re, im)) in phases.re.iter_mut().zip(&mut phases.im).enumerate() {
            let x = x[FROM + STEP * k];
            let power = x.norm_sqr();
            if power > least {
                let scale = 1.0 / power.sqrt();
                (*re, *im) = (x.re * scale, x.im * scale);
            }
        }
        phases
    }
}

impl Aligner {
    pub(crate) fn new() -> Self {
        let none = || vec![Phases::NONE; MAX_LAG].into_boxed_slice();
        Self { cross: none(), past: none(), at: 0, frames: 0 }
    }

    /// The newest frame of the reference.
    pub(crate) fn remember(&mut self, reference: &Spectrum) {
        self.at = (self.at + MAX_LAG - 1) % MAX_LAG;
        self.past[self.at] = Phases::of(reference, AUDIBLE);
    }

    /// What was remembered of the reference no longer lies where it did.
    pub(crate) fn forget_past(&mut self) {
        self.past.fill(Phases::NONE);
    }

    /// One frame of a microphone while the speaker sounds, beside the references remembered. Four times a second of Prim, more often before it is `settled`, it answers by how many samples at 16 kHz the echo is later than
    /// the reference.
    pub(crate) fn push(&mut self, mic: &Spectrum, settled: bool) -> Option<i32> {
        const SHARE: f32 = 1.0 - KEEP;
        let mic = Phases::of(mic, 0.0);
        for (lag, cross) in self.cross.iter_mut().enumerate() {
            let past = &self.past[(self.at + lag) % MAX_LAG];
            for k in 0..USED {
                let (a, b, c, d) = (past.re[k], past.im[k], mic.re[k], mic.im[k]);
                // 1 where there is a phase, 0 where there is none.
                let share = SHARE * (a * a + b * b);
                cross.re[k] += SHARE * (a * c + b * d) - share * cross.re[k];
                cross.im[k] += SHARE * (b * c - a * d) - share * cross.im[k];
            }
        }
        self.frames += 1;
        let every = if settled { EVERY } else { FIRST };
        if self.frames.is_multiple_of(every) { self.answer() } else { None }
    }

    /// The reference has been moved: what was gathered no longer holds.
    pub(crate) fn start_anew(&mut self) {
        self.cross.fill(Phases::NONE);
        self.frames = 0;
    }

    fn answer(&self) -> Option<i32> {
        let mut scores = [0.0_f32; MAX_LAG];
        for (score, cross) in scores.iter_mut().zip(&self.cross) {
            *score = cross.re.iter().chain(&cross.im).map(|c| c * c).sum::<f32>() / USED as f32;
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
        for (re, im) in self.cross[lag].re.iter().zip(&self.cross[lag].im) {
            sum += re * turn.re - im * turn.im;
            turn *= step;
        }
        sum
    }
}
