//! Does the filter still lie on the echo?
//!
//! While Prim is silent nothing says how far the clocks of microphone and speaker run apart: 5 ppm more than believed are
//! 5 samples after a minute, and a filter that lies one sample beside its echo takes nothing away above 2.5 kHz. But the room
//! is the same: what the filter predicts is what is heard, only sooner or later. Prim's first tenth of a second says by
//! how much, to a few hundredths of a sample, because all bins turn together. Until then the filter is in doubt:
//! it learns nothing, and nobody is believed whom a misplaced echo could be.

use std::f32::consts::TAU;

use prim_audio::SPEECH_BLOCK;
use realfft::num_complex::Complex32;

use crate::stft::{Spectrum, WINDOW, ZERO};

/// Bins asked: 250 Hz to 4 kHz.
const FROM: usize = 8;
const ASKED: usize = 120;
/// Telling frames before the first answer, and between two: 80 and 40 ms.
const FIRST: u32 = 8;
const EVERY: u32 = 4;
/// A frame, or a bin, tells something where this share of what is heard is predicted: else it is noise, or a person.
const FRAME_SHARE: f32 = 0.25;
const BIN_SHARE: f32 = 0.1;
/// A bin counts when it has this share of the loudest within `AROUND` bins: else it hears its neighbour's tone, which
/// turns at another rate.
const OWN: f32 = 0.01;
const AROUND: usize = 8;
/// Bins that must count: a ding has a dozen, and fits in many places.
const ENOUGH: usize = 45;
/// Coherence of prediction and microphone that is an answer at once. Prim alone gives 0.9, chance 0.15.
const CLEAR: f32 = 0.6;
/// The same after `LOOKS` unclear answers, with a person as loud as Prim over it.
const LIKELY: f32 = 0.3;
const LOOKS: u32 = 8;
/// Frames, 1.5 s, after which even a sound of few bins is learned from.
const PATIENCE: u32 = 150;
/// What may be found after a silence, per sample of it: the speed is never known worse, beyond `LEAST` samples.
const PER_SAMPLE: f32 = 60e-6;
const LEAST: f32 = 2.0;
/// Half a block; what is farther is the aligner's.
const MOST: f32 = 80.0;

/// Frames after an answer whose window still holds the reference as it was read before.
const SETTLES: u32 = WINDOW.div_ceil(SPEECH_BLOCK) as u32;

/// What Prim's first words say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Answer {
    /// The echo comes so many samples later than predicted.
    Later(f32),
    /// Nothing like the prediction is heard: the room is another.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    cross: Complex32,
    predicted: f32,
    heard: f32,
}

const NONE: Seen = Seen { cross: ZERO, predicted: 0.0, heard: 0.0 };

#[derive(Debug)]
pub(super) struct Resume {
    doubts: bool,
    settles: u32,
    seen: Box<[Seen]>,
    reach: f32,
    frames: u32,
    waited: u32,
    looks: u32,
}

impl Resume {
    pub(super) fn new() -> Self {
        Self {
            doubts: false,
            settles: 0,
            seen: vec![NONE; ASKED].into_boxed_slice(),
            reach: 0.0,
            frames: 0,
            waited: 0,
            looks: 0,
        }
    }

    /// Prim speaks after `samples` from which nothing could be learned.
    pub(super) fn begin(&mut self, samples: f32) {
        (self.doubts, self.settles) = (true, 0);
        self.seen.fill(NONE);
        self.reach = (LEAST + PER_SAMPLE * samples).min(MOST);
        (self.frames, self.waited, self.looks) = (0, 0, 0);
    }

    pub(super) fn doubts(&self) -> bool {
        self.doubts || self.settles > 0
    }

    /// One frame of a microphone: what the filter `left` of it and its `echo`, which it took. The doubt ends soon after
    /// an answer.
    pub(super) fn push(&mut self, left: &Spectrum, echo: &Spectrum) -> Option<Answer> {
        if !self.doubts {
            self.settles = self.settles.saturating_sub(1);
            return None;
        }
        let bands = || left[FROM..].iter().zip(&echo[FROM..]).take(ASKED);
        let (heard, predicted) = bands().fold((1e-12, 0.0), |(heard, predicted), (left, echo)| {
            (heard + (left + echo).norm_sqr(), predicted + echo.norm_sqr())
        });
        self.waited += 1;
        if predicted < FRAME_SHARE * heard {
            return self.give_up();
        }
        for (seen, (left, echo)) in self.seen.iter_mut().zip(bands()) {
            let heard = left + echo;
            seen.cross += echo.conj() * heard;
            seen.predicted += echo.norm_sqr();
            seen.heard += heard.norm_sqr();
        }
        self.frames += 1;
        if self.frames < FIRST || !(self.frames - FIRST).is_multiple_of(EVERY) {
            return self.give_up();
        }
        let (turns, count) = self.turns();
        if count < ENOUGH {
            return self.give_up();
        }
        self.looks += 1;
        let (later, coherence) = best(&turns, self.reach);
        let last = self.looks >= LOOKS;
        let enough = if last { LIKELY } else { CLEAR };
        if coherence >= enough * count as f32 {
            (self.doubts, self.settles) = (false, SETTLES);
            return Some(Answer::Later(later));
        }
        if last {
            self.waited = PATIENCE;
        }
        self.give_up()
    }

    /// No answer, as long as there is patience.
    fn give_up(&mut self) -> Option<Answer> {
        self.doubts = self.waited < PATIENCE;
        (!self.doubts).then_some(Answer::Unknown)
    }

    /// How far each bin that counts has turned, as long as it is coherent, and how many count.
    fn turns(&self) -> ([Complex32; ASKED], usize) {
        let mut turns = [ZERO; ASKED];
        let mut count = 0;
        for (k, turn) in turns.iter_mut().enumerate() {
            let around = &self.seen[k.saturating_sub(AROUND)..(k + AROUND + 1).min(ASKED)];
            let loudest = around.iter().map(|s| s.predicted).fold(0.0, f32::max);
            let s = &self.seen[k];
            if s.predicted > BIN_SHARE * s.heard && s.predicted > OWN * loudest {
                *turn = s.cross / (s.predicted * s.heard).sqrt().max(1e-20);
                count += 1;
            }
        }
        (turns, count)
    }
}

fn omega(k: usize) -> f32 {
    TAU * (FROM + k) as f32 / WINDOW as f32
}

/// The delay within `reach` that turns all bins back, and the coherence it leaves, summed.
fn best(turns: &[Complex32; ASKED], reach: f32) -> (f32, f32) {
    // Coherence with its first and second slope.
    let at = |later: f32| {
        let step = Complex32::from_polar(1.0, TAU * later / WINDOW as f32);
        let mut back = Complex32::from_polar(1.0, omega(0) * later);
        let (mut sum, mut slope, mut bend) = (0.0, 0.0, 0.0);
        for (k, turn) in turns.iter().enumerate() {
            let z = turn * back;
            sum += z.re;
            slope += omega(k) * z.im;
            bend += omega(k) * omega(k) * z.re;
            back *= step;
        }
        (sum, slope, bend)
    };
    let reach = reach as i32;
    let whole = (-reach..=reach).max_by(|a, b| at(*a as f32).0.total_cmp(&at(*b as f32).0)).unwrap_or(0);
    let mut later = whole as f32;
    for _ in 0..2 {
        let (_, slope, bend) = at(later);
        later -= (slope / bend.max(1e-6)).clamp(-0.5, 0.5);
    }
    (later, at(later).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a filter sees an echo that comes `later`, in each of the bins that are `asked`.
    fn delayed(later: f32, asked: impl Fn(usize) -> bool) -> [Complex32; ASKED] {
        std::array::from_fn(|k| if asked(k) { Complex32::from_polar(1.0, -omega(k) * later) } else { ZERO })
    }

    #[test]
    fn a_delay_is_found_to_a_hundredth_of_a_sample_from_all_bins_or_from_a_third_of_them() {
        for later in [-41.5, -7.3, -0.4, 0.0, 0.02, 2.5, 17.9, 79.6] {
            for (every, count) in [(1, ASKED), (3, ASKED / 3)] {
                let (found, coherence) = best(&delayed(later, |k| k % every == 0), MOST);
                assert!((found - later).abs() < 0.01, "{found} instead of {later}");
                assert!((coherence - count as f32).abs() < 0.01 * count as f32, "{coherence} of {count}");
            }
        }
    }

    #[test]
    fn a_delay_beyond_reach_is_not_found_and_leaves_no_coherence() {
        let (found, coherence) = best(&delayed(30.0, |_| true), 4.0);
        assert!(found.abs() <= 5.0, "{found}");
        assert!(coherence < CLEAR * ASKED as f32, "{coherence}");
        assert_eq!(best(&[ZERO; ASKED], 4.0).1, 0.0);
    }

    #[test]
    fn a_bin_counts_where_it_was_predicted_and_is_no_louder_neighbours_shadow() {
        let mut resume = Resume::new();
        assert_eq!(resume.turns().1, 0, "nothing was seen");
        let seen = |predicted: f32, heard: f32| Seen {
            cross: Complex32::from_polar((predicted * heard).sqrt(), 1.0),
            predicted,
            heard,
        };
        resume.seen.fill(seen(1.0, 1.0));
        let (turns, count) = resume.turns();
        assert_eq!(count, ASKED);
        assert!(turns.iter().all(|turn| (turn - Complex32::from_polar(1.0, 1.0)).norm() < 1e-5));

        // A person is there, ten times and more as loud as the echo.
        resume.seen[5] = seen(1.0, 2.0 / BIN_SHARE);
        // A tone of Prim's hides its neighbours, and nobody farther away.
        resume.seen[60] = seen(2.0 / OWN, 2.0 / OWN);
        let (turns, count) = resume.turns();
        let hidden = |k: usize| k == 5 || (k != 60 && k.abs_diff(60) <= AROUND);
        assert_eq!(count, ASKED - 1 - 2 * AROUND);
        assert!((0..ASKED).all(|k| (turns[k] == ZERO) == hidden(k)));
    }

    #[test]
    fn a_bin_that_turns_now_this_way_and_now_that_weighs_little() {
        let mut resume = Resume::new();
        resume.seen.fill(Seen { cross: Complex32::new(0.2, 0.0), predicted: 1.0, heard: 1.0 });
        assert!(resume.turns().0.iter().all(|turn| (turn.norm() - 0.2).abs() < 1e-6));
    }
}
