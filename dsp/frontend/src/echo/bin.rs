//! One bin of the canceller: least squares over the reference's last frames, one inverse for all microphones.

use realfft::num_complex::Complex32;

use crate::MAX_CHANNELS;
use crate::stft::{Spectrum, ZERO};

use super::watch::Watch;

/// Reference frames a bin's echo is made of: 160 ms. At RT60 0.25 s what comes later is 38 dB down. A multiple of 4.
pub(super) const TAPS: usize = 16;
/// From 4 kHz on there is little voice, and half of that has to do.
const SHORT: usize = 8;
const SHORT_FROM: usize = 128;
/// Forgetting per frame learned from, a memory of two seconds of Prim, and of four once every second frame is. 0.99 follows changes sooner but leaves
/// 3 dB more of what it has not heard lately (30 dB against 27 on flite's voices).
const FORGETTING: f32 = 0.995;
/// Power of a reference bin, over all taps, below which it says nothing (window sums: about −90 dBFS).
const EXCITED: f32 = 1e-6;
/// The unexplained power is at least this: −95 dBFS, and 30 dB below the microphone.
const FLOOR: f32 = 1e-7;
const FLOOR_SHARE: f32 = 1e-3;
/// In Prim's first two seconds a filter that raises a bin's power by more than 1 dB is kept out.
const WORSE: f32 = 1.26;
/// A murmur this far below the reference (28 dB) is mixed into what the inverse sees, never into what is subtracted: a
/// voice leaves directions unexcited in which single precision would go astray within twenty seconds.
const MURMUR: f32 = 4e-2;
/// Variance expected of a tap before anything was heard: all taps together a speaker that arrives about as loud as the
/// reference says. Too large overshoots on Prim's first syllable, too small takes longer to converge.
const PRIOR: f32 = 0.1;
/// Steps between two mendings of the inverse: rounding makes it ever less Hermitian, no step takes that back, and
/// forgetting doubles it every 140. Unmended the filter goes astray within twenty seconds of a steady voice.
const MENDED: usize = 64;
/// An inverse beyond this has not been fed for long: single precision ends.
const MAX_TRACE: f32 = 1e7;

/// Real and imaginary parts apart, so that the compiler makes vectors of them.
pub(crate) type Row = [f32; TAPS];

#[derive(Debug, Clone)]
pub(crate) struct Bin {
    inverse_re: [Row; TAPS],
    inverse_im: [Row; TAPS],
    /// The reference's last frames, newest first.
    past_re: Row,
    past_im: Row,
    /// Conjugated filters.
    taps_re: [Row; MAX_CHANNELS],
    taps_im: [Row; MAX_CHANNELS],
    /// Power at the microphones and after the filter, smoothed.
    heard: f32,
    unexplained: f32,
    /// Steps of least squares so far.
    steps: usize,
}

/// What a step has to know beside the sound.
#[derive(Debug)]
pub(super) struct Mode<'a> {
    pub(super) watch: bool,
    pub(super) learn: bool,
    pub(super) early: bool,
    pub(super) usable: &'a [bool],
    /// At least `TAPS` values each.
    pub(super) murmur_re: &'a [f32],
    pub(super) murmur_im: &'a [f32],
}

const fn prior() -> [Row; TAPS] {
    let mut m = [[0.0; TAPS]; TAPS];
    let mut i = 0;
    while i < TAPS {
        m[i][i] = PRIOR;
        i += 1;
    }
    m
}

impl Bin {
    pub(super) const NEW: Self = Self {
        inverse_re: prior(),
        inverse_im: [[0.0; TAPS]; TAPS],
        past_re: [0.0; TAPS],
        past_im: [0.0; TAPS],
        taps_re: [[0.0; TAPS]; MAX_CHANNELS],
        taps_im: [[0.0; TAPS]; MAX_CHANNELS],
        heard: 0.0,
        unexplained: 0.0,
        steps: 0,
    };

    /// The filter of microphone `mic`.
    pub(crate) fn filter(&self, mic: usize) -> (&Row, &Row) {
        (&self.taps_re[mic], &self.taps_im[mic])
    }

    pub(super) fn reset_inverse(&mut self) {
        self.inverse_re = prior();
        self.inverse_im = [[0.0; TAPS]; TAPS];
    }

    pub(super) fn forget_past(&mut self) {
        (self.past_re, self.past_im) = ([0.0; TAPS], [0.0; TAPS]);
    }

    /// The echo now comes `blocks` frames later (positive) or earlier within the taps, and turned by `phase`.
    pub(super) fn moved(&mut self, blocks: isize, phase: Complex32) {
        for (re, im) in self.taps_re.iter_mut().zip(&mut self.taps_im) {
            shift(re, blocks);
            shift(im, blocks);
            turn(re, im, phase);
        }
        if blocks != 0 {
            self.reset_inverse();
            self.forget_past();
        }
    }

    /// One frame in bin `f`: takes the echo of `reference` out of `mics` and leaves what it took in `echo`.
    pub(super) fn step(
        &mut self,
        f: usize,
        reference: Complex32,
        mics: &mut [Spectrum],
        echo: &mut [Spectrum],
        watch: &mut Watch,
        mode: &Mode<'_>,
    ) {
        if f < SHORT_FROM {
            self.step_of::<TAPS>(f, reference, mics, echo, watch, mode);
        } else {
            self.step_of::<SHORT>(f, reference, mics, echo, watch, mode);
        }
    }

    fn step_of<const N: usize>(
        &mut self,
        f: usize,
        reference: Complex32,
        mics: &mut [Spectrum],
        echo: &mut [Spectrum],
        watch: &mut Watch,
        mode: &Mode<'_>,
    ) {
        self.past_re.copy_within(..TAPS - 1, 1);
        self.past_im.copy_within(..TAPS - 1, 1);
        (self.past_re[0], self.past_im[0]) = (reference.re, reference.im);
        let (x_re, x_im) = (self.past_re, self.past_im);
        let energy = real_dot::<N>(&x_re, &x_re) + real_dot::<N>(&x_im, &x_im);
        let watched = mics[watch.mic()][f];
        let (mut mic_power, mut left_power, mut n) = (0.0, 0.0, 0.0);
        for (c, (mic, echo)) in mics.iter_mut().zip(echo.iter_mut()).enumerate() {
            let heard = mic[f];
            echo[f] = dot::<N>(&self.taps_re[c], &self.taps_im[c], &x_re, &x_im);
            mic[f] -= echo[f];
            if mode.usable[c] {
                mic_power += heard.norm_sqr();
                left_power += mic[f].norm_sqr();
                n += 1.0;
            }
        }
        self.heard = 0.5 * self.heard + 0.5 * mic_power / n;
        self.unexplained = 0.5 * self.unexplained + 0.5 * left_power / n;
        let excited = energy >= EXCITED;
        if excited && mode.watch {
            watch.step(f, watched, mics[watch.mic()][f], &x_re, &x_im, energy);
        }
        if excited && mode.learn {
            let level = MURMUR * (energy / N as f32).sqrt();
            let (mut y_re, mut y_im) = (x_re, x_im);
            for (y, m) in y_re.iter_mut().zip(mode.murmur_re).chain(y_im.iter_mut().zip(mode.murmur_im)) {
                *y += level * m;
            }
            self.learn::<N>(f, &y_re, &y_im, mics);
        }
        // A filter that has just begun may add more than it takes: then it is not heard.
        if mode.early && self.unexplained > WORSE * self.heard {
            for (mic, echo) in mics.iter_mut().zip(echo) {
                mic[f] += echo[f];
                echo[f] = ZERO;
            }
        }
    }

    /// Makes the inverse Hermitian again.
    fn mend<const N: usize>(&mut self) {
        let (re, im) = (&mut self.inverse_re, &mut self.inverse_im);
        for i in 0..N {
            im[i][i] = 0.0;
            for j in 0..i {
                let (a, b) = (0.5 * (re[i][j] + re[j][i]), 0.5 * (im[i][j] - im[j][i]));
                (re[i][j], re[j][i]) = (a, a);
                (im[i][j], im[j][i]) = (b, -b);
            }
        }
    }

    /// One step of least squares with the errors now in `mics`.
    fn learn<const N: usize>(&mut self, f: usize, x_re: &Row, x_im: &Row, mics: &[Spectrum]) {
        // The inverse is Hermitian: its rows, conjugated, are its columns, and columns need no sums across a vector.
        let (mut p_re, mut p_im) = ([0.0; TAPS], [0.0; TAPS]);
        for j in 0..N {
            let (a, b) = (x_re[j], x_im[j]);
            let (re, im) = (&self.inverse_re[j], &self.inverse_im[j]);
            for i in 0..N {
                p_re[i] += re[i] * a + im[i] * b;
                p_im[i] += re[i] * b - im[i] * a;
            }
        }
        let spread = real_dot::<N>(x_re, &p_re) + real_dot::<N>(x_im, &p_im);
        let weight = self.unexplained.max(FLOOR_SHARE * self.heard).max(FLOOR);
        let denominator = FORGETTING * weight + spread;
        if !(denominator.is_finite() && spread >= 0.0) {
            *self = Self::NEW;
            return;
        }
        let scale = 1.0 / denominator;
        for (c, mic) in mics.iter().enumerate() {
            let e = mic[f] * scale;
            let (g_re, g_im) = (&mut self.taps_re[c], &mut self.taps_im[c]);
            for i in 0..N {
                g_re[i] += p_re[i] * e.re + p_im[i] * e.im;
                g_im[i] += p_re[i] * e.im - p_im[i] * e.re;
            }
        }
        const KEEP: f32 = 1.0 / FORGETTING;
        let mut trace = 0.0;
        for i in 0..N {
            let (a, b) = (p_re[i] * scale, p_im[i] * scale);
            let (re, im) = (&mut self.inverse_re[i], &mut self.inverse_im[i]);
            for j in 0..N {
                re[j] = (re[j] - (a * p_re[j] + b * p_im[j])) * KEEP;
                im[j] = (im[j] - (b * p_re[j] - a * p_im[j])) * KEEP;
            }
            trace += re[i];
        }
        if !(trace.is_finite() && trace < MAX_TRACE) {
            self.reset_inverse();
        }
        self.steps = self.steps.wrapping_add(1);
        if (self.steps + f).is_multiple_of(MENDED) {
            self.mend::<N>();
        }
    }
}

/// The taps turn with a reference that was moved within its window.
pub(super) fn turn(re: &mut Row, im: &mut Row, phase: Complex32) {
    for (r, i) in re.iter_mut().zip(im) {
        (*r, *i) = (*r * phase.re - *i * phase.im, *r * phase.im + *i * phase.re);
    }
}

pub(super) fn shift(row: &mut Row, by: isize) {
    let old = *row;
    for (i, t) in row.iter_mut().enumerate() {
        *t = i.checked_add_signed(by).and_then(|from| old.get(from)).copied().unwrap_or(0.0);
    }
}

#[inline(always)]
fn real_dot<const N: usize>(a: &Row, b: &Row) -> f32 {
    let mut s = [0.0_f32; 4];
    for i in (0..N).step_by(4) {
        for l in 0..4 {
            s[l] += a[i + l] * b[i + l];
        }
    }
    s.iter().sum()
}

/// `Σ a·x`, complex.
#[inline(always)]
pub(super) fn dot<const N: usize>(a_re: &Row, a_im: &Row, x_re: &Row, x_im: &Row) -> Complex32 {
    let (mut re, mut im) = ([0.0_f32; 4], [0.0_f32; 4]);
    for i in (0..N).step_by(4) {
        for l in 0..4 {
            re[l] += a_re[i + l] * x_re[i + l] - a_im[i + l] * x_im[i + l];
            im[l] += a_re[i + l] * x_im[i + l] + a_im[i + l] * x_re[i + l];
        }
    }
    Complex32::new(re.iter().sum(), im.iter().sum())
}
