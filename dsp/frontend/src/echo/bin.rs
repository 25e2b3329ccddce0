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
/// Forgetting per frame: a memory of two seconds of Prim. 0.99 follows changes sooner but leaves
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
/// What forgetting has made of the inverse is multiplied in once it is this much.
const LARGE: f32 = 2.0;
/// An inverse beyond this has not been fed for long: single precision ends.
const MAX_TRACE: f32 = 1e7;

/// Real and imaginary parts apart, so that the compiler makes vectors of them.
pub(crate) type Row = [f32; TAPS];
/// A number per microphone.
type Mics = [f32; MAX_CHANNELS];

#[derive(Debug, Clone)]
pub(crate) struct Bin {
    /// The inverse covariance is `grown` times this: forgetting multiplies one number instead of all.
    inverse_re: [Row; TAPS],
    inverse_im: [Row; TAPS],
    grown: f32,
    /// The reference's last frames, newest first.
    past_re: Row,
    past_im: Row,
    /// Conjugated filters, all microphones of a tap side by side.
    taps_re: [Mics; TAPS],
    taps_im: [Mics; TAPS],
    /// Power at the microphones and after the filter, smoothed.
    heard: f32,
    unexplained: f32,
}

/// What a step has to know beside the sound.
#[derive(Debug)]
pub(super) struct Mode<'a> {
    pub(super) watch: bool,
    pub(super) learn: bool,
    pub(super) early: bool,
    pub(super) usable: &'a [bool; MAX_CHANNELS],
    pub(super) murmur_re: Row,
    pub(super) murmur_im: Row,
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
        taps_re: [[0.0; MAX_CHANNELS]; TAPS],
        taps_im: [[0.0; MAX_CHANNELS]; TAPS],
        heard: 0.0,
        unexplained: 0.0,
        grown: 1.0,
    };

    /// The filter of microphone `mic`.
    pub(crate) fn filter(&self, mic: usize) -> (Row, Row) {
        (self.taps_re.map(|tap| tap[mic]), self.taps_im.map(|tap| tap[mic]))
    }

    pub(super) fn reset_inverse(&mut self) {
        self.inverse_re = prior();
        self.inverse_im = [[0.0; TAPS]; TAPS];
        self.grown = 1.0;
    }

    pub(super) fn forget_past(&mut self) {
        (self.past_re, self.past_im) = ([0.0; TAPS], [0.0; TAPS]);
    }

    /// What is remembered of the reference, turned as if it had been read elsewhere.
    pub(super) fn turn_past(&mut self, phase: Complex32) {
        turn(&mut self.past_re, &mut self.past_im, phase);
    }

    /// The echo now comes `blocks` frames later (positive) or earlier within the taps, and turned by `phase`.
    pub(super) fn moved(&mut self, blocks: isize, phase: Complex32) {
        shift(&mut self.taps_re, blocks);
        shift(&mut self.taps_im, blocks);
        for (re, im) in self.taps_re.iter_mut().zip(&mut self.taps_im) {
            turn(re, im, phase);
        }
        if blocks != 0 {
            self.reset_inverse();
            self.forget_past();
        }
    }

    /// One frame in bin `f`: takes the echo of `reference` out of `mics` and leaves what it took in `echo`.
    #[inline(always)]
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

    #[inline(always)]
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
        let energy = real_dot::<N>(&x_re, &x_im, &x_re, &x_im);
        let watched = mics[watch.mic()][f];
        let (echo_re, echo_im) = self.predict::<N>(&x_re, &x_im);
        let (mut left_re, mut left_im) = ([0.0; MAX_CHANNELS], [0.0; MAX_CHANNELS]);
        let (mut mic_power, mut left_power, mut n) = (0.0, 0.0, 0.0);
        for c in 0..mics.len().min(echo.len()).min(MAX_CHANNELS) {
            let (mic, echo) = (&mut mics[c][f], &mut echo[c][f]);
            *echo = Complex32::new(echo_re[c], echo_im[c]);
            let left = *mic - *echo;
            if mode.usable[c] {
                mic_power += mic.norm_sqr();
                left_power += left.norm_sqr();
                n += 1.0;
            }
            (left_re[c], left_im[c]) = (left.re, left.im);
            *mic = left;
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
            for i in 0..N {
                y_re[i] += level * mode.murmur_re[i];
                y_im[i] += level * mode.murmur_im[i];
            }
            self.learn::<N>(&y_re, &y_im, &left_re, &left_im);
        }
        // A filter that has just begun may add more than it takes: then it is not heard.
        if mode.early && self.unexplained > WORSE * self.heard {
            for (mic, echo) in mics.iter_mut().zip(echo) {
                mic[f] += echo[f];
                echo[f] = ZERO;
            }
        }
    }

    /// The echo at every microphone.
    #[inline(always)]
    fn predict<const N: usize>(&self, x_re: &Row, x_im: &Row) -> (Mics, Mics) {
        let (mut re, mut im) = ([0.0; MAX_CHANNELS], [0.0; MAX_CHANNELS]);
        for j in 0..N {
            let (a, b) = (x_re[j], x_im[j]);
            let (g_re, g_im) = (&self.taps_re[j], &self.taps_im[j]);
            for c in 0..MAX_CHANNELS {
                re[c] += g_re[c] * a - g_im[c] * b;
                im[c] += g_re[c] * b + g_im[c] * a;
            }
        }
        (re, im)
    }

    /// One step of least squares: the microphones' errors are `left`.
    #[inline(always)]
    fn learn<const N: usize>(&mut self, x_re: &Row, x_im: &Row, left_re: &Mics, left_im: &Mics) {
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
        let spread = self.grown * real_dot::<N>(x_re, x_im, &p_re, &p_im);
        let weight = self.unexplained.max(FLOOR_SHARE * self.heard).max(FLOOR);
        let denominator = FORGETTING * weight + spread;
        if !(denominator.is_finite() && spread >= 0.0) {
            *self = Self::NEW;
            return;
        }
        // The root goes to both sides of the product, so that rounding treats a pair of opposite entries alike: the inverse
        // stays Hermitian to the bit. Otherwise the rest would double every 140 steps, and the filter go astray.
        let root = (self.grown / denominator).sqrt();
        let (p_re, p_im) = (p_re.map(|p| p * root), p_im.map(|p| p * root));
        let (e_re, e_im) = (left_re.map(|e| e * root), left_im.map(|e| e * root));
        let mut trace = 0.0;
        for i in 0..N {
            let (a, b) = (p_re[i], p_im[i]);
            let (re, im) = (&mut self.inverse_re[i], &mut self.inverse_im[i]);
            for j in 0..N {
                re[j] -= a * p_re[j] + b * p_im[j];
                im[j] -= b * p_re[j] - a * p_im[j];
            }
            trace += re[i];
            let (re, im) = (&mut self.taps_re[i], &mut self.taps_im[i]);
            for c in 0..MAX_CHANNELS {
                re[c] += a * e_re[c] + b * e_im[c];
                im[c] += a * e_im[c] - b * e_re[c];
            }
        }
        self.grown /= FORGETTING;
        if !(trace.is_finite() && self.grown * trace < MAX_TRACE) {
            self.reset_inverse();
        }
        if self.grown > LARGE {
            self.inverse_re.iter_mut().chain(&mut self.inverse_im).flatten().for_each(|v| *v *= self.grown);
            self.grown = 1.0;
        }
    }
}

/// The taps turn with a reference that was moved within its window.
pub(super) fn turn<const N: usize>(re: &mut [f32; N], im: &mut [f32; N], phase: Complex32) {
    for (r, i) in re.iter_mut().zip(im) {
        (*r, *i) = (*r * phase.re - *i * phase.im, *r * phase.im + *i * phase.re);
    }
}

pub(super) fn shift<T: Copy + Default>(taps: &mut [T; TAPS], by: isize) {
    let old = *taps;
    for (i, t) in taps.iter_mut().enumerate() {
        *t = i.checked_add_signed(by).and_then(|from| old.get(from)).copied().unwrap_or_default();
    }
}

/// Numbers that are added up side by side.
const LANES: usize = 4;

/// `Re Σ conj(a)·x`.
#[inline(always)]
fn real_dot<const N: usize>(a_re: &Row, a_im: &Row, x_re: &Row, x_im: &Row) -> f32 {
    let mut s = [0.0; LANES];
    for i in (0..N).step_by(LANES) {
        for l in 0..LANES {
            s[l] += a_re[i + l] * x_re[i + l] + a_im[i + l] * x_im[i + l];
        }
    }
    s.iter().sum()
}

/// `Σ a·x`, complex.
#[inline(always)]
pub(super) fn dot<const N: usize>(a_re: &Row, a_im: &Row, x_re: &Row, x_im: &Row) -> Complex32 {
    let (mut re, mut im) = ([0.0; LANES], [0.0; LANES]);
    for i in (0..N).step_by(LANES) {
        for l in 0..LANES {
            re[l] += a_re[i + l] * x_re[i + l] - a_im[i + l] * x_im[i + l];
            im[l] += a_re[i + l] * x_im[i + l] + a_im[i + l] * x_re[i + l];
        }
    }
    Complex32::new(re.iter().sum(), im.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inverse_stays_hermitian_to_the_bit() {
        let (mut bin, mut seed) = (Bin::NEW, 1_u32);
        let mut row = || -> Row {
            std::array::from_fn(|_| (super::super::next(&mut seed) >> 8) as f32 / (1 << 23) as f32 - 1.0)
        };
        for _ in 0..1_000 {
            let (re, im, left) = (row(), row(), row());
            let left: Mics = std::array::from_fn(|c| 0.1 * left[c]);
            bin.unexplained = 0.01;
            bin.learn::<TAPS>(&re, &im, &left, &left);
        }
        assert!(bin.inverse_re != prior());
        for i in 0..TAPS {
            for j in 0..TAPS {
                assert_eq!(bin.inverse_re[i][j].to_bits(), bin.inverse_re[j][i].to_bits());
                assert_eq!(bin.inverse_im[i][j], -bin.inverse_im[j][i]);
            }
        }
    }
}
