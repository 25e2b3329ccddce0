//! Tells music from somebody who begins to speak.
//!
//! A note keeps its pitch, a voice does not: within a tenth of a second its harmonics glide away from where they were. So
//! the peaks of a window are compared with those of the one before (Hawley 1993 tells music by peaks that last). Over half
//! a second the share that stands where it stood was below 0.08 at 109 of 110 beginnings of real speech, and above at
//! all fourteen that earshot found in a quarter of an hour of plucked strings. A melody with much vibrato is often not told
//! from a voice. What sounds all the time, as the mains does, and the peaks of noise count for nothing: nobody is to be missed
//! for them.

use std::fmt;
use std::sync::Arc;

use prim_audio::SPEECH_BLOCK;
use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

/// Frames in a window: 80 ms, in which notes a semitone apart at 300 Hz are two.
const WINDOW: usize = 8 * SPEECH_BLOCK;
/// With as many zeros behind it, so that a parabola finds a peak's frequency within a hertz.
const TRANSFORM: usize = 2_048;
const BIN_HZ: f32 = 16_000.0 / TRANSFORM as f32;
/// Blocks between two windows; every second one is compared with, so that none shares sound with its own.
const EVERY: u32 = 4;
/// Bins with tones in them: 180 to 3800 Hz. Deeper ones of a voice move too little.
const FROM: usize = 23;
const TO: usize = 486;
/// A peak counts when its power is within 25 dB of the strongest.
const FAINTEST: f32 = 3.2e-3;
/// Peaks of one window; music has fewer.
const MOST: usize = 96;
/// A tone stands still when it moved by no more than this, Hz, or this share of its frequency, and grew or fell by no more
/// than this factor of power (9 dB).
const STILL_HZ: f32 = 2.0;
const STILL: f32 = 0.004;
const AS_LOUD: f32 = 8.0;
/// What sounds all the time is learned at 12 dB a second, and what is new stands 6 dB over it.
const RISE: f32 = 1.12;
const NEW: f32 = 4.0;
/// But at once up to 30 dB below it.
const FAR: f32 = 1e-3;
/// What is kept per window: a time constant of 0.65 s.
const KEEP: f32 = 0.94;
/// Windows until a new tone can have stood still: 120 ms.
const RECENT: usize = 3;

/// A tone stands out of what is 40 to 80 Hz beside it by 10 dB; the peaks of noise do not.
const BESIDE: std::ops::RangeInclusive<usize> = 5..=10;
const CLEAR: f32 = 10.0;

/// A peak of the spectrum.
#[derive(Debug, Clone, Copy)]
struct Peak {
    hz: f32,
    power: f32,
    /// It is a tone, no peak of noise.
    clear: bool,
}

/// Follows which tones stand still.
#[derive(Clone)]
pub(super) struct Tones {
    fft: Arc<dyn RealToComplex<f32>>,
    shape: Box<[f32]>,
    sound: Box<[f32]>,
    buffer: Vec<f32>,
    scratch: Vec<Complex32>,
    spectrum: Vec<Complex32>,
    /// Of this window, lowest first, the one before and the one before that.
    peaks: [Vec<Peak>; 3],
    /// Per bin: what sounds all the time.
    floor: Box<[f32]>,
    /// Since the last window.
    blocks: u32,
    still: f32,
    all: f32,
    /// The share of the last windows, the newest first.
    shares: [f32; RECENT],
}

impl fmt::Debug for Tones {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tones").field("share", &self.share()).finish_non_exhaustive()
    }
}

impl Tones {
    pub(super) fn new() -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(TRANSFORM);
        let hann = |n: usize| (std::f32::consts::PI * (n as f32 + 0.5) / WINDOW as f32).sin().powi(2);
        Self {
            shape: (0..WINDOW).map(hann).collect(),
            sound: vec![0.0; WINDOW].into_boxed_slice(),
            buffer: fft.make_input_vec(),
            scratch: fft.make_scratch_vec(),
            spectrum: fft.make_output_vec(),
            fft,
            peaks: std::array::from_fn(|_| Vec::with_capacity(MOST)),
            floor: vec![0.0; TO].into_boxed_slice(),
            blocks: 0,
            still: 0.0,
            all: 0.0,
            shares: [0.0; RECENT],
        }
    }

    /// How much of what was new in the last half second stood still, 0 to 1; the louder a moment, the more it counts. The
    /// largest of the last windows': a loud stroke amid music has stood nowhere yet.
    pub(super) fn share(&self) -> f32 {
        self.shares.into_iter().fold(0.0, f32::max)
    }

    /// The next block.
    pub(super) fn push(&mut self, block: &[f32; SPEECH_BLOCK]) {
        self.sound.copy_within(SPEECH_BLOCK.., 0);
        self.sound[WINDOW - SPEECH_BLOCK..].copy_from_slice(block);
        self.blocks = (self.blocks + 1) % EVERY;
        if self.blocks != 0 {
            return;
        }
        self.peaks.rotate_right(1);
        let power = self.listen();
        let [now, _, before] = &self.peaks;
        let weight = power.sqrt();
        self.still = KEEP * self.still + weight * still_share(now, before);
        self.all = KEEP * self.all + weight;
        self.shares.rotate_right(1);
        self.shares[0] = self.still / (self.all + 1e-20);
    }

    /// Takes the window's peaks and gives the power of what is new in it.
    fn listen(&mut self) -> f32 {
        let peaks = &mut self.peaks[0];
        peaks.clear();
        self.buffer.fill(0.0);
        for ((b, s), w) in self.buffer.iter_mut().zip(&self.sound).zip(&self.shape) {
            *b = s * w;
        }
        if self.fft.process_with_scratch(&mut self.buffer, &mut self.spectrum, &mut self.scratch).is_err() {
            return 0.0;
        }
        let power = &mut self.buffer[..self.spectrum.len()];
        for (p, x) in power.iter_mut().zip(&self.spectrum) {
            *p = x.norm_sqr();
        }
        for (f, p) in self.floor.iter_mut().zip(power.iter()) {
            *f = (*f * RISE).max(*p * FAR).min(*p);
        }
        let faintest = power[FROM..TO].iter().copied().fold(1e-9, f32::max) * FAINTEST;
        for bin in FROM..TO {
            let (left, here, right) = (power[bin - 1], power[bin], power[bin + 1]);
            if here > faintest
                && here > NEW * self.floor[bin]
                && here > left
                && here >= right
                && peaks.len() < MOST
            {
                let (l, h, r) = (left.max(1e-20).ln(), here.ln(), right.max(1e-20).ln());
                let shift = 0.5 * (l - r) / (l - 2.0 * h + r - 1e-9);
                let beside = BESIDE.map(|k| power[bin - k] + power[bin + k]).sum::<f32>();
                let clear = here > CLEAR * beside / (2.0 * BESIDE.count() as f32);
                peaks.push(Peak { hz: (bin as f32 + shift) * BIN_HZ, power: here, clear });
            }
        }
        power[FROM..TO].iter().zip(&self.floor[FROM..TO]).map(|(p, f)| (p - NEW * f).max(0.0)).sum()
    }
}

/// The share of `now` that stands where it stood `before`; both are sorted by frequency.
fn still_share(now: &[Peak], before: &[Peak]) -> f32 {
    let (mut still, mut all) = (0.0, 0.0);
    let mut next = 0;
    for peak in now {
        let apart = |other: &Peak| (other.hz - peak.hz).abs();
        while before.get(next + 1).is_some_and(|other| apart(other) < apart(&before[next])) {
            next += 1;
        }
        // Loudness rather than power: one strong tone alone is no music.
        let loudness = peak.power.powf(0.3);
        all += loudness;
        let stays = |was: &Peak| {
            apart(was) <= STILL_HZ.max(STILL * peak.hz)
                && peak.power < was.power * AS_LOUD
                && was.power < peak.power * AS_LOUD
        };
        if peak.clear && before.get(next).is_some_and(stays) {
            still += loudness;
        }
    }
    if all > 0.0 { still / all } else { 0.0 }
}
