//! The beam: weights per microphone and bin toward one voice.
//!
//! It begins with the best fixed weights toward the bearing: delay-and-sum lifts a voice over sound that differs from
//! microphone to microphone, but an array of a few centimetres is deaf to direction below 2 kHz, so they are held against
//! sound from everywhere, and back so that microphone noise is not amplified beyond bounds:
//! `b = (Γ + ε I)⁻¹ d / dᴴ(Γ + ε I)⁻¹ d`, with Γ the coherence of a diffuse field. A large ε is delay-and-sum.
//!
//! Then it learns while people talk: [`Floor`] says in which bins a voice stands above the noise, whoever's it is, and
//! [`Parting`] how much of them is not a rival's. What is left of the others goes: `w = Φ_y⁻¹ Φ_s b`, the multichannel
//! Wiener filter for the voice as the fixed beam hears it (Souden, Benesty, Affes 2010, with `b` in the place of one
//! microphone). The voice itself is lowered by no more than 6 dB in any bin: by these weights, or, while there is a rival, by
//! [`Moment`] alone. Each seat has its own, and one for anybody
//! tells voices from noise but none from another: it stands in pauses, for who is new, and in a crowd.
//!
//! Who began is followed for as long as she talks: a second voice is a rival until the first has stopped, unless one of
//! them is 6 dB louder: then the other is in the background, neither followed nor a rival. A fan has a place, too, but no
//! syllables: what does not stand above the mean of the noise often enough is nobody's rival (`Locator::is_voice`). After a pause, and when hers has
//! lasted for 300 ms while he talks, nobody's weights stand until it is known who talks: nobody's first word is taken for a
//! rival's, and between two words of hers he stays down.

use crate::MAX_CHANNELS;
use crate::bearing::difference;
use crate::company::Company;
use crate::floor::Floor;
use crate::hermitian::{
    CELLS, Cell, GROUPS, LANES, Lane, NIL, at, cells, inner, mean_diagonal, product, solve,
};
use crate::locate::arrival;
use crate::moment::Moment;
use crate::parting::{Parting, VOICE, pack};
use crate::scene::Scene;
use crate::seats::{SEATS, Taken};
use crate::stft::{BINS, Spectrum, ZERO};
use crate::talk::Talk;
use crate::weights::{Coherence, apply, coherence, unpack};
use realfft::num_complex::Complex32;

/// The beam follows when the bearing has moved by this much: a tenth of its width.
const STEP_DEG: f32 = 2.0;
/// It learns from every second block: windows of three blocks overlap.
const EVERY: u32 = 2;
/// Groups whose weights are made anew with each such block: all of them in a tenth of a second.
const TURN: usize = GROUPS.div_ceil(5);
/// Loading of the fixed weights that learning begins with: all but delay-and-sum, which leaves it the least noise. On the
/// bench 1, which a recogniser wants, costs 2 dB.
const CALM: f32 = 10.0;
/// The least gain of the voice in a bin where no stage behind the beam lowers noise bin by bin. Where one does, the beam
/// leaves the voice whole: two Wiener gains would bend it twice.
const LEAST_GAIN: f32 = 0.5;
/// What is learned is loaded by this share of its mean power. With ten times as much a rival goes by 0.1 dB less.
const LOADING: f32 = 1e-4;
/// All of the sound is this much the voice at least: where a voice is hardly found the weights are all but the fixed ones.
const SELDOM: f32 = 0.03;
/// Below this share of the sound the followed voice has stopped, and whoever else talks is followed.
const STOPPED: f32 = 0.12;
/// So many frames of the rival alone are a pause between her words; after them he is heard: 300 ms, as after a pause of all.
const HELD: f32 = 30.0;
/// Share of a step in the followed voice's lasting share: half a second.
const LASTING: f32 = 0.04;
/// Fewer microphones cannot part voices.
const LEARNING: usize = 3;

#[derive(Debug)]
pub(crate) struct Beam {
    mics_mm: Vec<[f32; 3]>,
    loading: f32,
    least_gain: f32,
    diffuse: Box<[Coherence]>,
    /// Groups × microphones.
    fixed: Box<[Cell]>,
    /// Per microphone, conjugated: the fixed ones, and those with what was learned.
    plain: Box<[Spectrum]>,
    weights: Box<[Spectrum]>,
    /// Where the fixed weights point, and where the followed voice is.
    aimed: Option<f32>,
    steered: Option<f32>,
    usable: [bool; MAX_CHANNELS],
    parting: Parting,
    moment: Moment,
    seats: Box<[Talk]>,
    /// Whose seat was a voice's for sure when it was last heard, and not a fan's.
    sure: [bool; SEATS],
    /// Whoever talked last: what tells voices from the room's noise, but none from another.
    anybody: Talk,
    company: Company,
    own: [Lane; GROUPS],
    present: Option<usize>,
    rival: Option<(usize, f32)>,
    /// Share of the followed voice over half a second.
    lasting: f32,
    /// Frames since the followed voice was last heard.
    silent: f32,
    /// Nobody has talked for a moment: whoever begins is followed.
    paused: bool,
    /// Whoever talks now may be somebody else: anybody's weights hold no voice back.
    open: bool,
    frame: Box<[Cell]>,
    block: u32,
    turn: usize,
}

impl Beam {
    pub(crate) fn new(mics_mm: &[[f32; 3]], loading: f32, noise_is_reduced: bool) -> Self {
        let n = mics_mm.len();
        let diffuse: Box<[Coherence]> = (0..BINS).map(|bin| coherence(mics_mm, bin)).collect();
        let mut beam = Self {
            mics_mm: mics_mm.to_vec(),
            loading,
            least_gain: if noise_is_reduced { 1.0 } else { LEAST_GAIN },
            fixed: vec![NIL; GROUPS * n].into_boxed_slice(),
            plain: vec![[ZERO; BINS]; n].into_boxed_slice(),
            weights: vec![[ZERO; BINS]; n].into_boxed_slice(),
            aimed: None,
            steered: None,
            usable: [true; MAX_CHANNELS],
            parting: Parting::new(mics_mm, diffuse.clone()),
            diffuse,
            moment: Moment::default(),
            sure: [false; SEATS],
            seats: (0..SEATS).map(|_| Talk::new(n)).collect(),
            anybody: Talk::new(n),
            company: Company::default(),
            own: [[0.0; LANES]; GROUPS],
            present: None,
            rival: None,
            lasting: 1.0,
            silent: 0.0,
            paused: true,
            open: true,
            frame: vec![NIL; GROUPS * n].into_boxed_slice(),
            block: 0,
            turn: 0,
        };
        beam.single();
        beam
    }

    /// `usable` names microphones that can be believed.
    pub(crate) fn believe(&mut self, usable: &[bool; MAX_CHANNELS]) {
        if *usable == self.usable {
            return;
        }
        self.usable = *usable;
        self.parting.forget(usable);
        self.seats.iter_mut().for_each(Talk::forget);
        self.anybody.forget();
        self.moment.forget();
        self.present = None;
        self.rival = None;
        match self.aimed.take() {
            Some(degrees) => self.aim(degrees),
            None => self.single(),
        }
    }

    /// A voice was heard from `degrees`.
    pub(crate) fn hear(&mut self, taken: Taken, degrees: f32) {
        self.heard(taken, degrees, true);
    }

    /// Something was heard from `degrees` that may be a fan: it is followed where nobody else is, but is nobody's rival.
    pub(crate) fn doubt(&mut self, taken: Taken, degrees: f32) {
        self.heard(taken, degrees, false);
    }

    fn heard(&mut self, taken: Taken, degrees: f32, sure: bool) {
        if taken.anew {
            self.seats[taken.seat].forget();
        }
        self.sure[taken.seat] = sure;
        self.company.hear(taken);
        if self.company.background(taken.seat) {
            return;
        }
        match self.present {
            Some(present) if self.company.background(present) => {
                self.follow(taken.seat, degrees, taken.anew);
            }
            Some(present) if present != taken.seat && !self.paused && self.learns() => {
                if sure && self.sure[present] {
                    self.compete(taken, degrees);
                    self.rival = Some((taken.seat, degrees));
                } else if sure {
                    self.follow(taken.seat, degrees, taken.anew);
                }
            }
            _ => self.follow(taken.seat, degrees, taken.anew),
        }
    }

    /// Another voice is in the room at `degrees`, surely, but was not clear enough yet to be heard on its own.
    pub(crate) fn expect(&mut self, taken: Taken, degrees: f32) {
        if taken.anew {
            self.seats[taken.seat].forget();
            self.company.forget(taken.seat);
        }
        self.sure[taken.seat] = true;
        let elsewhere = self.present.is_some_and(|present| present != taken.seat);
        let counts = !self.company.background(taken.seat) && !self.company.crowd();
        if elsewhere && counts && !self.paused && self.learns() {
            self.compete(taken, degrees);
        }
    }

    /// From now on the weights leave the followed voice whole in every bin, because the moment's gain lowers her.
    fn compete(&mut self, taken: Taken, degrees: f32) {
        let alone = !self.parting.has_rival();
        self.parting.rival(taken.seat, degrees, taken.anew);
        if alone {
            (0..GROUPS).for_each(|g| self.weigh(g));
        }
    }

    /// Where the followed voice is.
    pub(crate) fn followed(&self) -> Option<f32> {
        self.present.and(self.steered)
    }

    /// Turns the fixed weights to where the present voice comes from, whoever it is.
    pub(crate) fn aim(&mut self, degrees: f32) {
        if self.aimed.is_some_and(|old| difference(old, degrees).abs() <= STEP_DEG) {
            return;
        }
        self.aimed = Some(degrees);
        let mut weights = [NIL; MAX_CHANNELS];
        for group in 0..GROUPS {
            let weights = &mut weights[..self.mics_mm.len()];
            self.fix(group, degrees, self.loading, weights);
            unpack(weights, group, &mut self.plain);
            if self.present.is_none() {
                unpack(weights, group, &mut self.weights);
            }
        }
    }

    fn follow(&mut self, seat: usize, degrees: f32, anew: bool) {
        self.parting.follow(seat, degrees, anew);
        let before = self.present.replace(seat);
        let other = before != Some(seat);
        if other && before.is_some_and(|before| !self.sure[before]) {
            self.parting.no_rival();
        }
        self.rival = None;
        self.silent = 0.0;
        self.lasting = if other { 1.0 } else { self.lasting };
        let reopened = std::mem::replace(&mut self.paused, false);
        let moved = self.steered.is_none_or(|old| difference(old, degrees).abs() > STEP_DEG);
        self.open = false;
        if other || moved || reopened {
            self.steer(degrees);
        }
    }

    /// One frame without Prim's own voice, whether anybody talks or not.
    pub(crate) fn listen(&mut self, scene: &Scene) {
        let bins = scene.mean.voice.iter().zip(&scene.power);
        let voices: f32 = bins.skip(VOICE.start).take(VOICE.len()).map(|(v, p)| v * p).sum();
        self.company.listen(voices);
    }

    /// One frame without Prim's own voice, while somebody talks; `floor` knows where a voice stands above the noise.
    pub(crate) fn learn(&mut self, spectra: &[Spectrum], floor: &Floor) {
        self.block += 1;
        let Some(present) = self.present.filter(|_| self.learns()) else { return };
        if !self.block.is_multiple_of(EVERY) {
            return;
        }
        let frames = EVERY as f32;
        pack(spectra, &self.usable, &mut self.frame);
        self.parting.part(&self.frame, frames);
        let share = self.parting.present_share();
        self.moment.learn(&self.parting.not_rivals);
        let talk = &mut self.seats[present];
        // Between her words it is the rival alone who would be learned as what disturbs her.
        let frames = if self.rival.is_some() && share < STOPPED { 0.0 } else { frames };
        for (own, (his, l)) in
            self.own.iter_mut().zip(self.parting.voice.iter().zip(floor.voice.chunks(LANES)))
        {
            *own = std::array::from_fn(|i| his[i] * l.get(i).copied().unwrap_or(0.0));
        }
        talk.learn(&self.frame, &self.own, frames);
        for (own, l) in self.own.iter_mut().zip(floor.voice.chunks(LANES)) {
            *own = std::array::from_fn(|i| l.get(i).copied().unwrap_or(0.0));
        }
        self.anybody.learn(&self.frame, &self.own, EVERY as f32);
        // In her pauses the rival is heard as he is, once they are more than the end of a word.
        let he_alone = self.rival.is_some() && share < STOPPED;
        self.silent = if he_alone { self.silent + EVERY as f32 } else { 0.0 };
        self.open = self.paused || self.silent > HELD;
        for _ in 0..TURN {
            self.parting.believe(self.turn);
            self.weigh(self.turn);
            self.turn = (self.turn + 1) % GROUPS;
        }
        self.lasting += LASTING * (share - self.lasting);
        if let Some((seat, degrees)) = self.rival
            && self.lasting < STOPPED
        {
            self.follow(seat, degrees, false);
        }
    }

    fn learns(&self) -> bool {
        self.usable.iter().take(self.mics_mm.len()).filter(|u| **u).count() >= LEARNING
    }

    /// Nobody has talked for a moment: who begins is not held back until it is known who it is.
    pub(crate) fn pause(&mut self) {
        self.paused = true;
        self.open = true;
        self.moment.forget();
        self.parting.no_rival();
        self.rival = None;
        if self.present.is_some() {
            (0..GROUPS).for_each(|g| self.weigh(g));
        }
    }

    /// No bearing yet: one good microphone.
    fn single(&mut self) {
        let first = self.usable.iter().take(self.mics_mm.len()).position(|u| *u).unwrap_or(0);
        for (mic, w) in self.plain.iter_mut().enumerate() {
            w.fill(if mic == first { Complex32::ONE } else { ZERO });
        }
        self.weights.copy_from_slice(&self.plain);
    }

    fn steer(&mut self, degrees: f32) {
        self.steered = Some(degrees);
        let n = self.mics_mm.len();
        let mut weights = [NIL; MAX_CHANNELS];
        for group in 0..GROUPS {
            self.fix(group, degrees, CALM, &mut weights[..n]);
            self.fixed[group * n..][..n].copy_from_slice(&weights[..n]);
            self.weigh(group);
        }
    }

    /// The fixed weights of one group.
    fn fix(&self, group: usize, degrees: f32, loading: f32, fixed: &mut [Cell]) {
        let n = self.mics_mm.len();
        let mut field = [NIL; CELLS];
        let mut direct = [NIL; MAX_CHANNELS];
        for l in 0..LANES {
            let bin = (group * LANES + l).min(BINS - 1);
            for i in 0..n {
                if self.usable[i] {
                    let d = arrival(self.mics_mm[i], degrees, bin);
                    (direct[i].re[l], direct[i].im[l]) = (d.re, d.im);
                }
                for j in 0..=i {
                    let both = (self.usable[i] && self.usable[j]) || i == j;
                    field[at(i, j)].re[l] = if both { self.diffuse[bin][i][j] } else { 0.0 };
                }
            }
        }
        fixed.copy_from_slice(&direct[..n]);
        solve(&field[..cells(n)], &[loading; LANES], fixed);
        let gain = inner(&direct[..n], fixed).map(|g| 1.0 / g.max(1e-9));
        for w in fixed {
            *w = w.scaled(&gain);
        }
    }

    /// The weights of one group, from what is known now.
    fn weigh(&mut self, group: usize) {
        let n = self.mics_mm.len();
        let size = cells(n);
        let mut w = [NIL; MAX_CHANNELS];
        let w = &mut w[..n];
        let fixed = &self.fixed[group * n..][..n];
        w.copy_from_slice(fixed);
        let hers = self.present.filter(|_| !self.open && !self.company.crowd()).map(|p| &self.seats[p]);
        let talk = hers.filter(|t| t.counts()).unwrap_or(&self.anybody);
        if talk.counts() {
            let mixed = &talk.mixed[group * size..][..size];
            let mut voice = [NIL; MAX_CHANNELS];
            let voice = &mut voice[..n];
            product(&talk.voice[group * size..][..size], fixed, voice);
            w.copy_from_slice(voice);
            let load = mean_diagonal(mixed, n).map(|d| LOADING * d + 1e-12);
            solve(mixed, &load, w);
            for (w, fixed) in w.iter_mut().zip(fixed) {
                *w = w.plus(fixed.scaled(&[SELDOM; LANES]));
            }
            // What is left of the voice, of what the fixed beam hears of it.
            let (left, whole) = (inner(w, voice), inner(fixed, voice));
            let least = if self.parting.has_rival() { 1.0 } else { self.least_gain };
            let lift: Lane = std::array::from_fn(|l| (least * whole[l] / left[l].max(1e-20)).clamp(1.0, 1e3));
            for (w, fixed) in w.iter_mut().zip(fixed) {
                *w = w.scaled(&lift);
                for (l, whole) in whole.iter().enumerate() {
                    // Where no voice was ever heard nothing is known.
                    if *whole <= 1e-14 {
                        (w.re[l], w.im[l]) = (fixed.re[l], fixed.im[l]);
                    }
                }
            }
        }
        unpack(w, group, &mut self.weights);
    }

    /// The fixed weights on every bin: what a recogniser and a detector hear: what was learned gained them no words
    /// (decision 6).
    pub(crate) fn apply_fixed(&self, spectra: &[Spectrum], out: &mut Spectrum) {
        apply(&self.plain, spectra, out);
    }

    /// The weights with what was learned on every bin: what people hear.
    pub(crate) fn apply(&self, spectra: &[Spectrum], out: &mut Spectrum) {
        apply(&self.weights, spectra, out);
        if self.parting.has_rival() && !self.open && !self.company.crowd() {
            self.moment.apply(out);
        }
    }
}

#[cfg(test)]
mod tests;
