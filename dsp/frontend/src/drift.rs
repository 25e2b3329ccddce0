//! Clocks of microphone and speaker differ by some parts in a million: the reference is read that much faster or slower.
//!
//! A drift turns every filter of the canceller at a rate that grows with frequency, always the same way. Four times a
//! second of Prim the turn since last time is measured over all bins, and the reading speed follows it slowly; then the
//! filters stand still, however long their memory is.

use std::f32::consts::{PI, TAU};

use prim_audio::SPEECH_BLOCK;

use crate::echo::{Bin, Row};
use crate::stft::WINDOW;

/// Frames of Prim between two looks: 250 ms.
const EVERY: u32 = 25;
/// Bins looked at: below, a turn is too small to see, above, it may be more than half a circle.
const FROM: usize = 8;
const TO: usize = 128;
/// A bin counts when its filter kept this much of its shape (squared cosine).
const SAME: f32 = 0.5;
/// Bins that must count.
const ENOUGH: usize = 40;
/// Share of a measured turn that the speed follows in the first ten seconds of Prim, and later: the filters answer to a
/// new speed only after a second, and a restless speed costs a decibel.
const FOLLOW_FIRST: f32 = 0.3;
const FOLLOW: f32 = 0.08;
const FIRST: u32 = 40;
/// The most that is believed, samples per sample: consumer clocks differ by up to 200 ppm.
const MOST: f32 = 400e-6;
/// A drift beyond this is surely one: what is measured without any stays below 5 ppm.
const PLAIN: f32 = 15e-6;
/// A silence of so many samples, 5 s, says as much as was known of the speed: a tenth of a sample is 1 ppm of it.
const SURE: f32 = 80_000.0;
/// Half length of the kernel that reads between samples; flat within 0.1 dB up to 6 kHz.
const REACH: usize = 8;

#[derive(Debug)]
pub(crate) struct Drift {
    /// Samples the delay grows by per sample.
    rate: f32,
    /// The same as silences had it; `None` before the first.
    silent_rate: Option<f32>,
    /// Samples by which the next block moves on beside that.
    jump: f32,
    /// Part of a sample beyond the whole delay, 0..1.
    pub(crate) part: f32,
    frames: u32,
    looks: u32,
    primed: bool,
    seen: Box<[(Row, Row)]>,
}

impl Drift {
    pub(crate) fn new() -> Self {
        let none = (Row::default(), Row::default());
        Self {
            rate: 0.0,
            silent_rate: None,
            jump: 0.0,
            part: 0.0,
            frames: 0,
            looks: 0,
            primed: false,
            seen: vec![none; TO - FROM].into_boxed_slice(),
        }
    }

    /// Reads a block `delay` samples before the newest one, which begins at `newest` of the ring `line`, and moves on.
    /// `sounding`: Prim is heard, and [`Self::watch`] corrects the speed.
    pub(crate) fn read(
        &mut self,
        line: &[f32],
        newest: usize,
        delay: &mut usize,
        sounding: bool,
        out: &mut [f32; SPEECH_BLOCK],
    ) {
        let rate = if sounding { self.rate } else { self.rate_in_silence() };
        let jump = std::mem::take(&mut self.jump);
        let most = line.len() - 2 * SPEECH_BLOCK;
        let (from, by) =
            if *delay < REACH { (0.0, jump) } else { (self.part, rate * SPEECH_BLOCK as f32 + jump) };
        let (then, part) = moved(*delay, from, by, most);
        *out = between(line, newest, *delay, from);
        if (then, part) != (*delay, from) {
            for (i, (s, b)) in out.iter_mut().zip(between(line, newest, then, part)).enumerate() {
                *s += (b - *s) * i as f32 / SPEECH_BLOCK as f32;
            }
        }
        (*delay, self.part) = (then, part);
    }

    /// While Prim is silent nothing corrects a speed: 4 ppm measured where there is no drift are 2 samples after half a
    /// minute, enough to lose 20 dB of the next sentence. A silence that was found out afterwards says it far better.
    fn rate_in_silence(&self) -> f32 {
        match self.silent_rate {
            Some(rate) if (rate - self.rate).abs() < PLAIN => rate,
            _ if self.rate.abs() > PLAIN => self.rate,
            _ => 0.0,
        }
    }

    /// After `samples` of silence the echo comes `later` than the speed had it. By how much later the reference will be
    /// read, `delay` samples before the newest one so far: the same, unless that is too near to read between samples.
    pub(crate) fn found(&mut self, later: f32, samples: f32, delay: usize, most: usize) -> f32 {
        let from = if delay < REACH { 0.0 } else { self.part };
        let (then, part) = moved(delay, from, later, most);
        self.jump = then as f32 - delay as f32 + part - from;
        let followed = self.rate_in_silence();
        let rate = (followed + later / (samples + SURE)).clamp(-MOST, MOST);
        self.silent_rate = Some(rate);
        self.rate += (rate - self.rate) * samples / (samples + SURE);
        self.start_anew();
        self.jump
    }

    /// One frame of Prim has been learned; the filter of microphone `mic` is looked at.
    pub(crate) fn watch(&mut self, bins: &[Bin], mic: usize) {
        self.frames += 1;
        if self.frames < EVERY {
            return;
        }
        self.frames = 0;
        let (mut turn, mut weight, mut count) = (0.0, 0.0, 0);
        for (f, (old_re, old_im)) in (FROM..TO).zip(self.seen.iter_mut()) {
            let (re, im) = bins[f].filter(mic);
            let (mut cr, mut ci, mut old, mut new) = (0.0, 0.0, 1e-12, 1e-12);
            for ((a, b), (c, d)) in old_re.iter().zip(old_im.iter()).zip(re.iter().zip(im)) {
                cr += a * c + b * d;
                ci += a * d - b * c;
                old += a * a + b * b;
                new += c * c + d * d;
            }
            if cr * cr + ci * ci > SAME * old * new {
                // An echo that comes `t` samples later turns its filter by −ω t.
                let omega = TAU * f as f32 / WINDOW as f32;
                turn -= omega * ci.atan2(cr);
                weight += omega * omega;
                count += 1;
            }
            (*old_re, *old_im) = (re, im);
        }
        if self.primed && count >= ENOUGH {
            let later = (turn / weight).clamp(-1.0, 1.0);
            let follow = if self.looks < FIRST { FOLLOW_FIRST } else { FOLLOW };
            self.looks = self.looks.saturating_add(1);
            let rate = self.rate + follow * later / (EVERY as usize * SPEECH_BLOCK) as f32;
            self.rate = rate.clamp(-MOST, MOST);
        }
        self.primed = true;
    }

    /// The filters were moved by hand.
    pub(crate) fn start_anew(&mut self) {
        self.frames = 0;
        self.primed = false;
    }
}

/// A place to read from that is `by` samples later: whole samples and a part of one. Nearer than the kernel reaches there
/// are whole ones only.
fn moved(delay: usize, part: f32, by: f32, most: usize) -> (usize, f32) {
    let to = part + by;
    let whole = |samples: f32| delay.saturating_add_signed(samples as isize).min(most);
    let then = whole(to.floor());
    if then < REACH { (whole(to.round()), 0.0) } else { (then, to - to.floor()) }
}

/// The block that began `delay` and a `part` of a sample before `newest`.
fn between(line: &[f32], newest: usize, delay: usize, part: f32) -> [f32; SPEECH_BLOCK] {
    let n = line.len();
    if part == 0.0 {
        return std::array::from_fn(|i| line[(newest + n + i - delay) % n]);
    }
    let mut near = [0.0; SPEECH_BLOCK + 2 * REACH];
    let first = (newest + n - delay - REACH) % n;
    let (before, after) = near.split_at_mut((n - first).min(SPEECH_BLOCK + 2 * REACH));
    before.copy_from_slice(&line[first..first + before.len()]);
    after.copy_from_slice(&line[..after.len()]);
    let mut block = [0.0; SPEECH_BLOCK];
    for (k, p) in kernel(part).iter().enumerate() {
        for (s, x) in block.iter_mut().zip(&near[k..]) {
            *s += p * x;
        }
    }
    block
}

/// Reads `part` of a sample earlier than the kernel's middle.
fn kernel(part: f32) -> [f32; 2 * REACH + 1] {
    std::array::from_fn(|k| {
        let x = k as f32 - REACH as f32 + part;
        let sinc = if x.abs() < 1e-4 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let window = (0.5 + 0.5 * (PI * x / (REACH as f32 + 1.0)).cos()).max(0.0);
        sinc * window
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_is_read_between_its_samples() {
        let line: Vec<f32> = (0..1_600).map(|n| (0.7 * n as f32).sin()).collect();
        let mut drift = Drift { rate: 1e-4, part: 0.3, ..Drift::new() };
        let (mut delay, mut out) = (100, [0.0; SPEECH_BLOCK]);
        drift.read(&line, 1_000, &mut delay, true, &mut out);
        for (i, s) in out.iter().enumerate() {
            let at = 1_000.0 + i as f32 - 100.0 - 0.3 - 1e-4 * i as f32;
            assert!((s - (0.7 * at).sin()).abs() < 3e-3, "{i}: {s}");
        }
    }

    #[test]
    fn what_was_found_is_read_and_near_the_newest_sample_that_is_a_whole_number_of_samples() {
        let line: Vec<f32> = (0..1_600).map(|n| (0.5 * n as f32).sin()).collect();
        // Delay, part and what was found; what is read later.
        let cases = [
            (100, 0.3, 2.4, 2.4),
            (100, 0.3, -2.4, -2.4),
            (3, 0.0, 2.4, 2.0),
            (3, 0.0, -1.6, -2.0),
            (3, 0.0, -7.0, -3.0),
            (3, 0.0, 9.5, 9.5),
            (12, 0.25, -8.0, -8.25),
            (8, 0.5, -0.25, -0.25),
            (1_270, 0.0, 80.0, 10.0),
        ];
        for (before, part, later, expected) in cases {
            let mut drift = Drift { part, ..Drift::new() };
            let (mut delay, mut out) = (before, [0.0; SPEECH_BLOCK]);
            let found = drift.found(later, 0.0, delay, 1_280);
            assert!((found - expected).abs() < 1e-4, "{before} + {part} by {later}: {found}");
            drift.rate = 0.0;
            drift.silent_rate = None;
            drift.read(&line, 1_400, &mut delay, true, &mut out);
            drift.read(&line, 1_400, &mut delay, true, &mut out);
            for (i, s) in out.iter().enumerate() {
                let at = (1_400 + i - before) as f32 - part - found;
                assert!((s - (0.5 * at).sin()).abs() < 5e-3, "{before} + {part} by {later}, {i}: {s}");
            }
        }
    }

    #[test]
    fn a_silence_of_a_minute_follows_a_drift_that_is_one_and_not_what_is_measured_without_any() {
        let moved = |rate: f32, sounding: bool| {
            let mut drift = Drift { rate, part: 0.5, ..Drift::new() };
            let line = vec![0.0; 16_000];
            let (mut delay, mut out) = (4_000, [0.0; SPEECH_BLOCK]);
            for _ in 0..6_000 {
                drift.read(&line, 8_000, &mut delay, sounding, &mut out);
            }
            delay as f32 + drift.part - 4_000.5
        };
        assert_eq!(moved(4e-6, false), 0.0);
        assert!((moved(4e-6, true) - 3.84).abs() < 0.1, "{}", moved(4e-6, true));
        assert!((moved(-1e-4, false) + 96.0).abs() < 0.5, "{}", moved(-1e-4, false));
    }
}
