//! Dereverberation: weighted prediction error, on line (recursive least squares per bin, up to four microphones).
//!
//! What a room adds to a voice more than 20 ms later can be predicted from what the microphones heard before;
//! what cannot be predicted is the voice. Per bin one inverse covariance is shared by all microphones' filters,
//! so a further output costs only its own filter. Eight bins are computed side by side (`group.rs`).
//!
//! The filters belong to one place in the room. People take turns, so each seat (a bearing) keeps its own, 0.8 MB with
//! four microphones. Decision 0003 says what each choice is worth.

use std::ops::Range;

use crate::hermitian::{Cell, LANES, NIL};
use crate::seats::{SEATS, Taken};
use crate::stft::{BIN_HZ, BINS, Spectrum};
use crate::wide::widely;
use crate::{DereverbConfig, MAX_CHANNELS};

mod group;

use group::{Frame, Group};

/// Bins below this are left alone: room modes, no speech.
const FROM_HZ: f32 = 90.0;
/// A murmur this far below the voice is mixed into what the filter sees, never into what is heard: it keeps the
/// inverse bounded when a microphone is dead or a copy of another.
const MURMUR: f32 = 3e-3;
/// Microphones whose past is used, at most. The cost grows with their square; eight are bound by memory.
const HEARD: usize = 4;

#[derive(Debug)]
pub(crate) struct Dereverb {
    config: DereverbConfig,
    channels: usize,
    /// Microphones that can be believed: the others are left as they are.
    usable: [bool; MAX_CHANNELS],
    /// Microphones whose past is used.
    ears: Ears,
    bins: Range<usize>,
    /// One set of groups per seat; `seat` is the present one.
    seats: Vec<Vec<Group>>,
    seat: usize,
    /// Past frames, newest at `at`: `[depth][groups × microphones used]`.
    past: Vec<Vec<Cell>>,
    at: usize,
    seeds: [u32; LANES],
    /// The regressor of a group, taps × microphones used, and what its inverse makes of it.
    x: Vec<Cell>,
    p: Vec<Cell>,
}

/// Microphones whose past is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ears {
    mics: [usize; HEARD],
    n: usize,
}

impl Ears {
    /// Spread evenly over the board's; where one cannot be believed the next that can and was not to be heard anyway.
    fn among(channels: usize, usable: &[bool; MAX_CHANNELS]) -> Self {
        let places = channels.min(HEARD);
        let evenly = |place: usize| place * channels / places;
        let mut ears = Self { mics: [0; HEARD], n: 0 };
        for place in 0..places {
            let spare = |c: usize| !(0..places).any(|p| evenly(p) == c) && !ears.mics().contains(&c);
            let mut around = (0..channels).map(|d| (evenly(place) + d) % channels);
            let found = around.find(|c| usable[*c] && (*c == evenly(place) || spare(*c)));
            if let Some(mic) = found {
                ears.mics[ears.n] = mic;
                ears.n += 1;
            }
        }
        ears
    }

    fn mics(&self) -> &[usize] {
        &self.mics[..self.n]
    }
}

impl Dereverb {
    pub(crate) fn new(config: DereverbConfig, channels: usize) -> Self {
        let usable = [true; MAX_CHANNELS];
        let ears = Ears::among(channels, &usable);
        let k = config.taps * ears.n;
        let lo = (FROM_HZ / BIN_HZ).ceil() as usize;
        let hi = ((config.up_to_hz / BIN_HZ) as usize).clamp(lo + 1, BINS - 1);
        let groups = hi.div_ceil(LANES);
        let seat = || (0..groups).map(|_| Group::new(k, channels)).collect();
        Self {
            config,
            channels,
            usable,
            ears,
            bins: lo..hi,
            seats: (0..SEATS).map(|_| seat()).collect(),
            seat: 0,
            past: vec![vec![NIL; groups * ears.n]; config.taps + config.delay],
            at: 0,
            seeds: std::array::from_fn(|l| l as u32 + 1),
            x: vec![NIL; k],
            p: vec![NIL; k],
        }
    }

    /// `usable` names microphones that can be believed: one at least. When others are heard from now on, what the
    /// seats' filters learned is void.
    pub(crate) fn believe(&mut self, usable: &[bool; MAX_CHANNELS]) {
        self.usable = *usable;
        let ears = Ears::among(self.channels, usable);
        if ears == self.ears {
            return;
        }
        self.ears = ears;
        self.forget_past();
        self.seats.iter_mut().flatten().for_each(Group::forget);
    }

    /// A hole in time: what was heard before it is no past of what comes after.
    pub(crate) fn forget_past(&mut self) {
        self.past.iter_mut().for_each(|frame| frame.fill(NIL));
    }

    /// Whoever speaks now sits there: her filters are taken up.
    pub(crate) fn take(&mut self, taken: Taken) {
        let Taken { seat, anew } = taken;
        if anew {
            self.seats[seat].iter_mut().for_each(Group::forget);
        }
        if seat == self.seat {
            return;
        }
        for g in 0..self.seats[seat].len() {
            // How loud it is now is known, whoever speaks.
            self.seats[seat][g].power = self.seats[self.seat][g].power;
        }
        self.seat = seat;
    }

    /// Takes the room out of `spectra` in place; learns from them in the bins that say so.
    pub(crate) fn process(&mut self, spectra: &mut [Spectrum], learns: &[bool; BINS]) {
        widely(
            #[inline(always)]
            || {
                for g in 0..self.seats[self.seat].len() {
                    self.group(g, spectra, learns);
                }
            },
        );
        self.at = self.newest();
    }

    /// Where the present frame will be kept.
    fn newest(&self) -> usize {
        (self.at + self.past.len() - 1) % self.past.len()
    }

    #[inline(always)]
    fn group(&mut self, g: usize, spectra: &mut [Spectrum], learns: &[bool; BINS]) {
        let (n, depth, newest) = (self.ears.n, self.past.len(), self.newest());
        let k = self.config.taps * n;
        let group = &mut self.seats[self.seat][g];
        let murmur = group.power.map(|power| MURMUR * power.sqrt());
        for (t, x) in self.x[..k].chunks_exact_mut(n).enumerate() {
            let heard = &self.past[(self.at + self.config.delay - 1 + t) % depth][g * n..][..n];
            for (x, heard) in x.iter_mut().zip(heard) {
                *x = heard.plus(noise(&mut self.seeds).scaled(&murmur));
            }
        }
        let first = g * LANES;
        let mut voice = [NIL; MAX_CHANNELS];
        for (voice, spectrum) in voice.iter_mut().zip(&*spectra) {
            for (l, x) in spectrum[first..].iter().take(LANES).enumerate() {
                (voice.re[l], voice.im[l]) = (x.re, x.im);
            }
        }
        for (kept, mic) in self.past[newest][g * n..][..n].iter_mut().zip(self.ears.mics()) {
            *kept = voice[*mic];
        }
        let frame = Frame {
            x: &self.x[..k],
            usable: &self.usable,
            learns: std::array::from_fn(|l| self.bins.contains(&(first + l)) && learns[first + l]),
            forgetting: self.config.forgetting,
        };
        group.step(&frame, &mut voice[..self.channels], &mut self.p[..k]);
        let bins = self.bins.start.max(first)..self.bins.end.min(first + LANES);
        for c in (0..self.channels).filter(|c| self.usable[*c]) {
            for (f, x) in bins.clone().zip(&mut spectra[c][bins.clone()]) {
                (x.re, x.im) = (voice[c].re[f - first], voice[c].im[f - first]);
            }
        }
    }
}

/// −1..1 each, from fixed sequences.
#[inline(always)]
fn noise(seeds: &mut [u32; LANES]) -> Cell {
    let part = |bits: u32| (bits & 0xFFFF) as i32 as f32 / 32_768.0 - 1.0;
    let mut cell = NIL;
    for (l, seed) in seeds.iter_mut().enumerate() {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (cell.re[l], cell.im[l]) = (part(*seed >> 16), part(*seed >> 4));
    }
    cell
}

#[cfg(test)]
mod tests;
