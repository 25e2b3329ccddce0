//! Echo cancellation: what the speaker played is predicted out of every microphone, bin by bin.
//!
//! A bin's echo is the reference's last 160 ms through a few complex taps. The taps are found by recursive least
//! squares **weighted by the power of what the echo does not explain**: while a person talks over Prim that power is
//! large and the filter hardly moves, so the near talker is neither eaten nor does she spoil the filter; while only
//! Prim is heard it is small and the filter converges within half a second. One inverse covariance of the reference
//! serves all microphones. (Measured against WebRTC's AEC3 by `examples/interrupt.rs`; decision 0001.)
//!
//! When the speaker has been silent for longer than device latency and room together, nothing is computed and
//! the microphones pass untouched.

use std::f32::consts::TAU;

use prim_audio::SPEECH_BLOCK;
use realfft::num_complex::Complex32;

use crate::MAX_CHANNELS;
use crate::align::Aligner;
use crate::drift::Drift;
use crate::stft::{BINS, Spectrum, WINDOW, ZERO};

/// Reference frames a bin's echo is made of: 160 ms. At RT60 0.25 s what comes later is 38 dB down. A multiple of 4.
const TAPS: usize = 16;
/// The largest delay found between reference and microphone, in blocks: 320 ms.
pub(crate) const MAX_LAG: usize = 32;
const DEPTH: usize = MAX_LAG;
const MAX_DELAY: usize = MAX_LAG * SPEECH_BLOCK;
/// Samples two answers of the aligner may differ and still confirm each other.
const AGREE: u32 = 4;
/// Samples beyond which a move is a large one: 2.5 ms, half a period of a voice.
const FAR: u32 = 40;
/// Samples of misplacement that are put up with: a fifth of a millisecond.
const CLOSE: u32 = 3;
/// Frames the canceller goes on after the last sound of the speaker: 300 ms of latency, 300 ms of room.
const TAIL: u32 = 60;
/// Forgetting per frame, a memory of two seconds of Prim. 0.99 follows changes sooner but leaves 3 dB more of what it
/// has not heard lately (30 dB against 27 on flite's voices).
const FORGETTING: f32 = 0.995;
/// Power of a reference bin, over all taps, below which it says nothing (window sums: about −90 dBFS).
const EXCITED: f32 = 1e-6;
/// The unexplained power is at least this: −95 dBFS, and 30 dB below the microphone.
const FLOOR: f32 = 1e-7;
const FLOOR_SHARE: f32 = 1e-3;
/// In Prim's first two seconds a filter that raises a bin's power by more than 1 dB is kept out.
const WORSE: f32 = 1.26;
const EARLY: u32 = 200;
/// A murmur this far below the reference (28 dB) is mixed into what the inverse sees, never into what is subtracted: a
/// voice leaves directions unexcited in which single precision would go astray within twenty seconds.
const MURMUR: f32 = 4e-2;
/// Murmur is read from a table at a place that moves on: a power of two.
const TABLE: usize = 1_024;
/// A reference block below this peak (−78 dBFS) is silence: exact zeros, or a dither of a bit or two.
const SILENT_PEAK: f32 = 1.2e-4;
/// Variance expected of a tap before anything was heard: all taps together a speaker that arrives about as loud as the
/// reference says. Too large overshoots on Prim's first syllable, too small takes longer to converge.
const PRIOR: f32 = 0.1;
/// An inverse beyond this has not been fed for long: single precision ends.
const MAX_TRACE: f32 = 1e7;

/// Step of the quick filter, of 2.
const QUICK_STEP: f32 = 0.5;
/// Bins the two opinions are compared over: 250 Hz to 4 kHz, where a voice is.
const COMPARED: std::ops::Range<usize> = 8..128;
/// Their powers are compared over this many frames of Prim, as a share a frame.
const COMPARE: f32 = 1.0 / 30.0;
/// Frames of Prim after a change in which the quick one is not asked: the good one begins again.
const UNASKED: u32 = 100;
/// The quick one has to explain so much more, 4.5 dB.
const BETTER: f32 = 0.35;

#[derive(Debug)]
pub(crate) struct EchoCanceller {
    channels: usize,
    bins: Box<[Bin]>,
    /// Past reference spectra, newest at `at`.
    past: Box<[Spectrum]>,
    at: usize,
    /// Samples the reference is held back so that it lies on the echo; with its line.
    delay: usize,
    line: Box<[f32]>,
    line_at: usize,
    drift: Drift,
    watch: Watch,
    murmur: Box<[f32; TABLE + TAPS]>,
    seed: u32,
    align: Aligner,
    answer: Option<i32>,
    agreed: u32,
    settled: bool,
    silent_for: u32,
    heard_frames: u32,
}

/// Real and imaginary parts apart, so that the compiler makes vectors of them.
pub(crate) type Row = [f32; TAPS];

#[derive(Debug, Clone)]
pub(crate) struct Bin {
    inverse_re: [Row; TAPS],
    inverse_im: [Row; TAPS],
    /// Conjugated filters.
    taps_re: [Row; MAX_CHANNELS],
    taps_im: [Row; MAX_CHANNELS],
    /// Power at the microphones and after the filter, smoothed.
    heard: f32,
    unexplained: f32,
    /// A second opinion on the first microphone: see [`Watch`].
    quick_re: Row,
    quick_im: Row,
    /// What either left of it in the newest frame, power.
    good_and_quick: (f32, f32),
}

/// Is the filter still the room's? Least squares trust what they learned long ago, with little unexplained, a hundred times
/// more than what they hear after a change: left alone they need ten seconds of Prim to follow it. A second filter on the
/// first microphone, by normalised least mean squares, is never as good but always quick: when it explains more than the
/// good one, the room has changed, and what the good one knows of its certainty is forgotten. A person over Prim
/// disturbs the quick one more than the good one, so she is never taken for a change.
#[derive(Debug, Default)]
struct Watch {
    good: f32,
    quick: f32,
    frames: u32,
}

impl Watch {
    /// One frame of Prim: `true` when the filters have to begin again.
    fn changed(&mut self, bins: &[Bin]) -> bool {
        let (mut good, mut quick) = (0.0, 0.0);
        for bin in bins {
            good += bin.good_and_quick.0;
            quick += bin.good_and_quick.1;
        }
        self.good += COMPARE * (good - self.good);
        self.quick += COMPARE * (quick - self.quick);
        self.frames = self.frames.saturating_add(1);
        let changed = self.frames > UNASKED && self.quick < BETTER * self.good;
        if changed {
            self.frames = 0;
        }
        changed
    }
}

/// −1..1, always the same.
fn murmur_table() -> Box<[f32; TABLE + TAPS]> {
    let mut table = Box::new([0.0; TABLE + TAPS]);
    let mut seed = 1;
    for t in table.iter_mut() {
        *t = (next(&mut seed) >> 8) as f32 / (1 << 23) as f32 - 1.0;
    }
    table
}

/// A linear congruential step.
fn next(seed: &mut u32) -> u32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *seed
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
    const NEW: Self = Self {
        inverse_re: prior(),
        inverse_im: [[0.0; TAPS]; TAPS],
        taps_re: [[0.0; TAPS]; MAX_CHANNELS],
        taps_im: [[0.0; TAPS]; MAX_CHANNELS],
        heard: 0.0,
        unexplained: 0.0,
        quick_re: [0.0; TAPS],
        quick_im: [0.0; TAPS],
        good_and_quick: (0.0, 0.0),
    };

    /// The first microphone's filter.
    pub(crate) fn first(&self) -> (&Row, &Row) {
        (&self.taps_re[0], &self.taps_im[0])
    }

    fn reset_inverse(&mut self) {
        self.inverse_re = prior();
        self.inverse_im = [[0.0; TAPS]; TAPS];
    }

    /// The reference was moved within its window: the taps turn with it.
    fn turn(&mut self, phase: Complex32) {
        let quick = (&mut self.quick_re, &mut self.quick_im);
        for (re, im) in self.taps_re.iter_mut().zip(&mut self.taps_im).chain([quick]) {
            for (r, i) in re.iter_mut().zip(im) {
                (*r, *i) = (*r * phase.re - *i * phase.im, *r * phase.im + *i * phase.re);
            }
        }
    }

    /// The echo now comes `by` frames later (positive) or earlier within the taps.
    fn shift(&mut self, by: isize) {
        if by == 0 {
            return;
        }
        let quick = [&mut self.quick_re, &mut self.quick_im];
        for row in self.taps_re.iter_mut().chain(&mut self.taps_im).chain(quick) {
            let old = *row;
            for (i, t) in row.iter_mut().enumerate() {
                *t = i.checked_add_signed(by).and_then(|from| old.get(from)).copied().unwrap_or(0.0);
            }
        }
        self.reset_inverse();
    }
}

/// What a step has to know beside the sound.
#[derive(Debug)]
struct Mode<'a> {
    learn: bool,
    early: bool,
    /// At least `TAPS` values each.
    murmur_re: &'a [f32],
    murmur_im: &'a [f32],
}

/// One frame's outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EchoFrame {
    /// Prim was heard within latency and tail.
    pub(crate) active: bool,
    /// Frames with sound from the speaker so far: how far the filter can have converged.
    pub(crate) heard_frames: u32,
}

impl EchoCanceller {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            channels,
            bins: vec![Bin::NEW; BINS].into_boxed_slice(),
            past: vec![[ZERO; BINS]; DEPTH].into_boxed_slice(),
            at: 0,
            delay: 0,
            line: vec![0.0; MAX_DELAY + 2 * SPEECH_BLOCK].into_boxed_slice(),
            line_at: 0,
            drift: Drift::new(),
            watch: Watch::default(),
            murmur: murmur_table(),
            seed: 1,
            align: Aligner::new(),
            answer: None,
            agreed: 0,
            settled: false,
            silent_for: TAIL,
            heard_frames: 0,
        }
    }

    /// Holds the newest reference block back by the delay found so far: `block` becomes what the microphones hear now.
    pub(crate) fn hold_back(&mut self, block: &mut [f32; SPEECH_BLOCK]) {
        let n = self.line.len();
        for (i, s) in block.iter().enumerate() {
            self.line[(self.line_at + i) % n] = *s;
        }
        let newest = self.line_at + n;
        let sounding = self.silent_for < TAIL;
        self.drift.read(&self.line, newest, &mut self.delay, sounding, block);
        self.line_at = (self.line_at + SPEECH_BLOCK) % n;
    }

    /// Takes the echo out of `mics` and leaves what it took in `echo`. `reference_peak` is the largest magnitude of the
    /// newest reference block; while the window holds `clipped` microphone samples the filter does not learn from it.
    pub(crate) fn process(
        &mut self,
        mics: &mut [Spectrum],
        reference: &Spectrum,
        reference_peak: f32,
        clipped: bool,
        echo: &mut [Spectrum],
    ) -> EchoFrame {
        let sounding = reference_peak > SILENT_PEAK;
        self.silent_for = if sounding { 0 } else { (self.silent_for + 1).min(TAIL) };
        if self.silent_for >= TAIL {
            return EchoFrame { active: false, heard_frames: self.heard_frames };
        }
        self.heard_frames = self.heard_frames.saturating_add(u32::from(sounding));
        self.at = (self.at + DEPTH - 1) % DEPTH;
        self.past[self.at].copy_from_slice(reference);
        if sounding {
            self.realign(&mics[0]);
        }
        let (mut x_re, mut x_im) = ([0.0; TAPS], [0.0; TAPS]);
        for f in 1..BINS {
            for i in 0..TAPS {
                let x = self.past[(self.at + i) % DEPTH][f];
                (x_re[i], x_im[i]) = (x.re, x.im);
            }
            let place = (next(&mut self.seed) >> 16) as usize;
            let mode = Mode {
                learn: !clipped,
                early: self.heard_frames < EARLY,
                murmur_re: &self.murmur[place % TABLE..],
                murmur_im: &self.murmur[(place / 7 + 500) % TABLE..],
            };
            self.bins[f].step(f, &x_re, &x_im, &mut mics[..self.channels], &mut echo[..self.channels], &mode);
        }
        if sounding && !clipped && self.watch.changed(&self.bins[COMPARED]) {
            self.bins.iter_mut().for_each(Bin::reset_inverse);
            self.drift.start_anew();
            self.heard_frames = 0;
        }
        if sounding && !clipped && self.settled {
            self.drift.watch(&self.bins);
        }
        for e in echo.iter_mut() {
            e[0] = ZERO;
        }
        EchoFrame { active: true, heard_frames: self.heard_frames }
    }

    /// Follows the aligner: at once when nothing was known, after a second of agreement for a small step (drift), after
    /// two for a large one (a device restarted): voices are periodic, and a wrong move costs a new convergence.
    fn realign(&mut self, mic: &Spectrum) {
        let (at, past) = (self.at, &self.past);
        let Some(new) = self.align.push(mic, self.settled, |lag| &past[(at + lag) % DEPTH]) else {
            return;
        };
        let agrees = self.answer.replace(new).is_some_and(|old| old.abs_diff(new) <= AGREE);
        self.agreed = if agrees { self.agreed + 1 } else { 0 };
        let needed = match (self.settled, new.unsigned_abs() > FAR) {
            (false, _) => 1,
            (true, false) => 3,
            (true, true) => 8,
        };
        if self.agreed < needed {
            return;
        }
        self.settled = true;
        let to = (self.delay as i32 + new).clamp(0, MAX_DELAY as i32 - 1);
        let by = to - self.delay as i32;
        if by.unsigned_abs() <= CLOSE {
            return;
        }
        self.delay = to as usize;
        let blocks = (by as f32 / SPEECH_BLOCK as f32).round() as isize;
        let rest = by - (blocks * SPEECH_BLOCK as isize) as i32;
        for (f, bin) in self.bins.iter_mut().enumerate() {
            bin.shift(blocks);
            bin.turn(Complex32::from_polar(1.0, TAU * (f as i32 * rest) as f32 / WINDOW as f32));
        }
        if blocks != 0 {
            self.past.fill([ZERO; BINS]);
            self.heard_frames = 0;
        }
        self.drift.start_anew();
        self.align.start_anew();
        self.answer = None;
        self.agreed = 0;
    }

    /// Reference to microphone, ms; `None` before Prim was heard long enough.
    pub(crate) fn delay_ms(&self) -> Option<f32> {
        self.settled.then(|| (self.delay as f32 + self.drift.part) / 16.0)
    }

    /// A hole in time: what was remembered of the reference no longer lies where it did.
    pub(crate) fn forget_past(&mut self) {
        self.past.fill([ZERO; BINS]);
    }
}

impl Bin {
    fn step(
        &mut self,
        f: usize,
        x_re: &Row,
        x_im: &Row,
        mics: &mut [Spectrum],
        echo: &mut [Spectrum],
        mode: &Mode<'_>,
    ) {
        let energy = real_dot(x_re, x_re) + real_dot(x_im, x_im);
        let (mut mic_power, mut left_power) = (0.0, 0.0);
        let first = mics[0][f];
        for (c, (mic, echo)) in mics.iter_mut().zip(echo.iter_mut()).enumerate() {
            mic_power += mic[f].norm_sqr();
            echo[f] = dot(&self.taps_re[c], &self.taps_im[c], x_re, x_im);
            mic[f] -= echo[f];
            left_power += mic[f].norm_sqr();
        }
        let n = mics.len() as f32;
        self.heard = 0.5 * self.heard + 0.5 * mic_power / n;
        self.unexplained = 0.5 * self.unexplained + 0.5 * left_power / n;
        if energy >= EXCITED && mode.learn {
            let level = MURMUR * (energy / TAPS as f32).sqrt();
            let (mut y_re, mut y_im) = (*x_re, *x_im);
            for (y, m) in y_re.iter_mut().zip(mode.murmur_re).chain(y_im.iter_mut().zip(mode.murmur_im)) {
                *y += level * m;
            }
            self.second_opinion(first, mics[0][f], x_re, x_im, energy);
            self.learn(f, &y_re, &y_im, mics);
        }
        // A filter that has just begun may add more than it takes: then it is not heard.
        if mode.early && self.unexplained > WORSE * self.heard {
            for (mic, echo) in mics.iter_mut().zip(echo) {
                mic[f] += echo[f];
                echo[f] = ZERO;
            }
        }
    }

    /// One step of the quick filter, beside what the good one left of the `first` microphone.
    fn second_opinion(&mut self, first: Complex32, left: Complex32, x_re: &Row, x_im: &Row, energy: f32) {
        let error = first - dot(&self.quick_re, &self.quick_im, x_re, x_im);
        self.good_and_quick = (left.norm_sqr(), error.norm_sqr());
        let e = error * (QUICK_STEP / energy);
        for i in 0..TAPS {
            self.quick_re[i] += x_re[i] * e.re + x_im[i] * e.im;
            self.quick_im[i] += x_re[i] * e.im - x_im[i] * e.re;
        }
    }

    /// One step of least squares with the errors now in `mics`.
    fn learn(&mut self, f: usize, x_re: &Row, x_im: &Row, mics: &[Spectrum]) {
        let (mut p_re, mut p_im) = ([0.0; TAPS], [0.0; TAPS]);
        for i in 0..TAPS {
            let p = dot(&self.inverse_re[i], &self.inverse_im[i], x_re, x_im);
            (p_re[i], p_im[i]) = (p.re, p.im);
        }
        let spread = real_dot(x_re, &p_re) + real_dot(x_im, &p_im);
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
            for i in 0..TAPS {
                g_re[i] += p_re[i] * e.re + p_im[i] * e.im;
                g_im[i] += p_re[i] * e.im - p_im[i] * e.re;
            }
        }
        const KEEP: f32 = 1.0 / FORGETTING;
        let mut trace = 0.0;
        for i in 0..TAPS {
            let (a, b) = (p_re[i] * scale, p_im[i] * scale);
            let (re, im) = (&mut self.inverse_re[i], &mut self.inverse_im[i]);
            for j in 0..TAPS {
                re[j] = (re[j] - (a * p_re[j] + b * p_im[j])) * KEEP;
                im[j] = (im[j] - (b * p_re[j] - a * p_im[j])) * KEEP;
            }
            trace += re[i];
        }
        if !(trace.is_finite() && trace < MAX_TRACE) {
            self.reset_inverse();
        }
    }
}

fn real_dot(a: &Row, b: &Row) -> f32 {
    let mut s = [0.0_f32; 4];
    for i in (0..TAPS).step_by(4) {
        for l in 0..4 {
            s[l] += a[i + l] * b[i + l];
        }
    }
    s.iter().sum()
}

/// `Σ a·x`, complex.
fn dot(a_re: &Row, a_im: &Row, x_re: &Row, x_im: &Row) -> Complex32 {
    let (mut re, mut im) = ([0.0_f32; 4], [0.0_f32; 4]);
    for i in (0..TAPS).step_by(4) {
        for l in 0..4 {
            re[l] += a_re[i + l] * x_re[i + l] - a_im[i + l] * x_im[i + l];
            im[l] += a_re[i + l] * x_im[i + l] + a_im[i + l] * x_re[i + l];
        }
    }
    Complex32::new(re.iter().sum(), im.iter().sum())
}
