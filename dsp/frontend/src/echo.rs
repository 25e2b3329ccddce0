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
use crate::wide::widely;

mod bin;
mod resume;
mod watch;

pub(crate) use bin::{Bin, Row};
use bin::{Mode, TAPS};
use resume::{Answer, Resume};
use watch::Watch;

/// The largest delay found between reference and microphone, in blocks: 320 ms.
pub(crate) const MAX_LAG: usize = 32;
const MAX_DELAY: usize = MAX_LAG * SPEECH_BLOCK;
/// Samples two answers of the aligner may differ and still confirm each other.
const AGREE: u32 = 4;
/// Samples beyond which a move is a large one: 2.5 ms, half a period of a voice.
const FAR: u32 = 40;
/// Samples of misplacement that are put up with: a fifth of a millisecond.
const CLOSE: u32 = 3;
/// Frames the canceller goes on after the last sound of the speaker: 300 ms of latency, 300 ms of room.
const TAIL: u32 = 60;
/// After a silence of two seconds the filter is believed when it has been seen to lie on the echo, if it had half a second
/// to converge before.
const LONG: u32 = 200;
const CONVERGED: u32 = 50;
/// In Prim's first two seconds a filter that makes a bin louder is kept out.
const EARLY: u32 = 200;
/// Murmur is read from a table at a place that moves on: a power of two.
const TABLE: usize = 1_024;
/// A reference block below this peak (−78 dBFS) is silence: exact zeros, or a dither of a bit or two.
const SILENT_PEAK: f32 = 1.2e-4;

#[derive(Debug)]
pub(crate) struct EchoCanceller {
    channels: usize,
    bins: Box<[Bin]>,
    /// Samples the reference is held back so that it lies on the echo; with its line.
    delay: usize,
    line: Box<[f32]>,
    line_at: usize,
    drift: Drift,
    watch: Watch,
    resume: Resume,
    murmur: Box<[f32; TABLE + TAPS]>,
    seed: u32,
    align: Aligner,
    answer: Option<i32>,
    agreed: u32,
    settled: bool,
    silent_for: u32,
    /// Frames since the filter last learned.
    unlearned_for: u32,
    heard_frames: u32,
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

/// As many as there are taps, from a place in the table.
#[inline(always)]
fn murmur(table: &[f32; TABLE + TAPS], place: usize) -> Row {
    std::array::from_fn(|i| table[place % TABLE + i])
}

/// A linear congruential step.
fn next(seed: &mut u32) -> u32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *seed
}

/// One frame's outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EchoFrame {
    /// Prim was heard within latency and tail.
    pub(crate) active: bool,
    /// The filter may lie beside the echo: what it leaves may be up to four times what it takes.
    pub(crate) doubted: bool,
    /// Frames with sound from the speaker so far: how far the filter can have converged.
    pub(crate) heard_frames: u32,
}

impl EchoCanceller {
    pub(crate) fn new(channels: usize) -> Self {
        Self {
            channels,
            bins: vec![Bin::NEW; BINS].into_boxed_slice(),
            delay: 0,
            line: vec![0.0; MAX_DELAY + 2 * SPEECH_BLOCK].into_boxed_slice(),
            line_at: 0,
            drift: Drift::new(),
            watch: Watch::new(),
            resume: Resume::new(),
            murmur: murmur_table(),
            seed: 1,
            align: Aligner::new(),
            answer: None,
            agreed: 0,
            settled: false,
            silent_for: TAIL,
            unlearned_for: 0,
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
    /// Delay, drift and change are judged on a `usable` microphone.
    pub(crate) fn process(
        &mut self,
        mics: &mut [Spectrum],
        reference: &Spectrum,
        reference_peak: f32,
        clipped: bool,
        usable: &[bool; MAX_CHANNELS],
        echo: &mut [Spectrum],
    ) -> EchoFrame {
        let sounding = reference_peak > SILENT_PEAK;
        self.unlearned_for = self.unlearned_for.saturating_add(1);
        if sounding && self.silent_for >= LONG && self.settled && self.heard_frames >= CONVERGED {
            self.resume.begin(self.unlearned_samples());
        }
        self.silent_for = if sounding { 0 } else { self.silent_for.saturating_add(1) };
        if self.silent_for >= TAIL {
            return EchoFrame { active: false, doubted: false, heard_frames: self.heard_frames };
        }
        self.heard_frames = self.heard_frames.saturating_add(u32::from(sounding));
        if self.watch.choose(&usable[..self.channels]) {
            self.drift.start_anew();
        }
        self.align.remember(reference);
        let doubted = self.resume.doubts();
        if sounding && !doubted {
            self.realign(&mics[self.watch.mic()]);
        }
        let (mics, echo) = (&mut mics[..self.channels], &mut echo[..self.channels]);
        // What is in doubt is asked, so all of it is needed.
        let early = self.heard_frames < EARLY && !doubted;
        widely(
            #[inline(always)]
            || {
                for (f, (bin, x)) in self.bins.iter_mut().zip(reference).enumerate().skip(1) {
                    let place = (next(&mut self.seed) >> 16) as usize;
                    let mode = Mode {
                        watch: !clipped && !doubted,
                        learn: !clipped && !doubted,
                        early,
                        usable,
                        murmur_re: murmur(&self.murmur, place),
                        murmur_im: murmur(&self.murmur, place / 7 + 500),
                    };
                    bin.step(f, *x, mics, echo, &mut self.watch, &mode);
                }
            },
        );
        if !sounding || clipped || doubted {
            self.watch.skip();
        } else if self.watch.changed() {
            self.bins.iter_mut().for_each(Bin::reset_inverse);
            self.drift.start_anew();
            self.heard_frames = 0;
        }
        if doubted {
            if !clipped {
                self.ask(&mics[self.watch.mic()], &echo[self.watch.mic()]);
            }
        } else if sounding && !clipped {
            self.unlearned_for = 0;
        }
        if sounding && !clipped && !doubted && self.settled {
            self.drift.watch(&self.bins, self.watch.mic());
        }
        for e in echo.iter_mut() {
            e[0] = ZERO;
        }
        EchoFrame { active: true, doubted, heard_frames: self.heard_frames }
    }

    fn unlearned_samples(&self) -> f32 {
        (self.unlearned_for as usize * SPEECH_BLOCK) as f32
    }

    /// One frame of the echo whose place is in doubt; once it is known the reference is read there, and the filters, which
    /// are the room's, stay.
    fn ask(&mut self, left: &Spectrum, echo: &Spectrum) {
        match self.resume.push(left, echo) {
            None => {}
            Some(Answer::Unknown) => self.drift.start_anew(),
            Some(Answer::Later(later)) => {
                let moved = self.drift.found(later, self.unlearned_samples(), self.delay, MAX_DELAY);
                let phase =
                    |f: usize, by: f32| Complex32::from_polar(1.0, -TAU * f as f32 * by / WINDOW as f32);
                for (f, bin) in self.bins.iter_mut().enumerate() {
                    bin.turn_past(phase(f, moved));
                }
                // What cannot be read so exactly the filters do.
                let rest = later - moved;
                if rest.abs() > 1e-3 {
                    self.bins.iter_mut().enumerate().for_each(|(f, bin)| bin.moved(0, phase(f, rest)));
                    self.watch.moved(0, |f| phase(f, rest));
                }
                self.align.forget_past();
            }
        }
    }

    /// Follows the aligner: at once when nothing was known, after a second of agreement for a small step (drift), after
    /// two for a large one (a device restarted): voices are periodic, and a wrong move costs a new convergence.
    fn realign(&mut self, mic: &Spectrum) {
        let Some(new) = self.align.push(mic, self.settled) else {
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
        let phase = |f: usize| Complex32::from_polar(1.0, TAU * (f as i32 * rest) as f32 / WINDOW as f32);
        self.bins.iter_mut().enumerate().for_each(|(f, bin)| bin.moved(blocks, phase(f)));
        self.watch.moved(blocks, phase);
        if blocks != 0 {
            self.align.forget_past();
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
        self.bins.iter_mut().for_each(Bin::forget_past);
        self.align.forget_past();
    }
}
