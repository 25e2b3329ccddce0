//! Is the filter still the room's?
//!
//! Least squares trust what they learned long ago, with little unexplained, a hundred times more than what they hear
//! after a change: left alone they need ten seconds of Prim to follow it. A second filter on one microphone, by
//! normalised least mean squares, is never as good but always quick: when it explains more than the good one, the room has
//! changed, and what the good one knows of its certainty is forgotten. A person over Prim disturbs the quick one more than
//! the good one, so she is never taken for a change.

use std::ops::Range;

use realfft::num_complex::Complex32;

use super::bin::{Row, TAPS, dot, shift, turn};

/// Step of the quick filter, of 2.
const QUICK_STEP: f32 = 0.5;
/// Bins the two opinions are compared over: 250 Hz to 4 kHz, where a voice is.
const COMPARED: Range<usize> = 8..128;
/// Their powers are compared over this many frames of Prim, as a share a frame.
const COMPARE: f32 = 1.0 / 30.0;
/// Frames of Prim after a change in which the quick one is not asked: the good one begins again.
const UNASKED: u32 = 100;
/// The quick one has to explain so much more, 4.5 dB.
const BETTER: f32 = 0.35;

#[derive(Debug)]
pub(super) struct Watch {
    /// The microphone both are compared on.
    mic: usize,
    bins: Box<[(Row, Row)]>,
    /// What either left in this frame, and on average: power.
    now: (f32, f32),
    mean: (f32, f32),
    frames: u32,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            mic: 0,
            bins: vec![([0.0; TAPS], [0.0; TAPS]); COMPARED.len()].into_boxed_slice(),
            now: (0.0, 0.0),
            mean: (0.0, 0.0),
            frames: 0,
        }
    }

    /// Stays with its microphone while that is usable, else takes the first that is: `true` when it moved.
    pub(super) fn choose(&mut self, usable: &[bool]) -> bool {
        if usable.get(self.mic).copied().unwrap_or(false) {
            return false;
        }
        let Some(mic) = usable.iter().position(|u| *u) else {
            return false;
        };
        (self.mic, self.now, self.mean, self.frames) = (mic, (0.0, 0.0), (0.0, 0.0), 0);
        self.bins.fill(([0.0; TAPS], [0.0; TAPS]));
        true
    }

    pub(super) fn mic(&self) -> usize {
        self.mic
    }

    /// One step of the quick filter in bin `f`: what its microphone `heard`, and what the good one `left` of it.
    #[inline(always)]
    pub(super) fn step(
        &mut self,
        f: usize,
        heard: Complex32,
        left: Complex32,
        x_re: &Row,
        x_im: &Row,
        energy: f32,
    ) {
        let Some((re, im)) = f.checked_sub(COMPARED.start).and_then(|k| self.bins.get_mut(k)) else {
            return;
        };
        let error = heard - dot::<TAPS>(re, im, x_re, x_im);
        self.now.0 += left.norm_sqr();
        self.now.1 += error.norm_sqr();
        let e = error * (QUICK_STEP / energy);
        for i in 0..TAPS {
            re[i] += x_re[i] * e.re + x_im[i] * e.im;
        }
        for i in 0..TAPS {
            im[i] += x_re[i] * e.im - x_im[i] * e.re;
        }
    }

    /// One frame of Prim is over: `true` when the filters have to begin again.
    pub(super) fn changed(&mut self) -> bool {
        let (good, quick) = std::mem::take(&mut self.now);
        self.mean.0 += COMPARE * (good - self.mean.0);
        self.mean.1 += COMPARE * (quick - self.mean.1);
        self.frames = self.frames.saturating_add(1);
        let changed = self.frames > UNASKED && self.mean.1 < BETTER * self.mean.0;
        if changed {
            self.frames = 0;
        }
        changed
    }

    /// A frame that is not judged.
    pub(super) fn skip(&mut self) {
        self.now = (0.0, 0.0);
    }

    /// The reference was moved by `blocks` and by a `phase` per bin.
    pub(super) fn moved(&mut self, blocks: isize, phase: impl Fn(usize) -> Complex32) {
        for (f, (re, im)) in COMPARED.zip(self.bins.iter_mut()) {
            shift(re, blocks);
            shift(im, blocks);
            turn(re, im, phase(f));
        }
    }
}
