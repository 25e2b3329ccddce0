//! The beam: weights per microphone and bin toward one voice.
//!
//! It begins with the best fixed weights toward the bearing: delay-and-sum lifts a voice over sound that differs from
//! microphone to microphone, but an array of a few centimetres is deaf to direction below 2 kHz, so they are held against
//! sound from everywhere, and back so that microphone noise is not amplified beyond bounds:
//! `b = (Γ + ε I)⁻¹ d / dᴴ(Γ + ε I)⁻¹ d`, with Γ the coherence of a diffuse field. A large ε is delay-and-sum.
//!
//! Then it learns while people talk: [`Parting`] says how much of each bin is the voice, and what is left of the others
//! goes: `w = Φ_y⁻¹ Φ_s b`, the multichannel Wiener filter for the voice as the fixed beam hears it (Souden, Benesty, Affes
//! 2010, with `b` in the place of one microphone). The voice itself is lowered by no more than a bound in any bin. Each seat
//! has its own.
//!
//! Who began is followed for as long as she talks: a second voice is a rival until the first has stopped. After a pause,
//! and in hers, the fixed weights stand until it is known who talks: nobody's first word is taken for a rival's.

use std::f32::consts::PI;

use crate::MAX_CHANNELS;
use crate::hermitian::{Cell, GROUPS, LANES, Lane, NIL, cells, follow, inner, mean_diagonal, product, solve};
use crate::locate::{SPEED_OF_SOUND, arrival};
use crate::parting::{Parting, pack};
use crate::seats::{SEATS, Taken};
use crate::stft::{BIN_HZ, BINS, Spectrum, ZERO};
use realfft::num_complex::Complex32;

type Row = [Complex32; MAX_CHANNELS];
/// Coherence between microphones, per bin.
pub(crate) type Coherence = [[f32; MAX_CHANNELS]; MAX_CHANNELS];

/// The beam follows when the bearing has moved by this much: a tenth of its width.
const STEP_DEG: f32 = 2.0;
/// It learns from every second block: windows of three blocks overlap.
const EVERY: u32 = 2;
/// Groups whose weights are made anew with each such block: all of them in a tenth of a second.
const TURN: usize = GROUPS.div_ceil(5);
/// Frames of talk that a seat remembers: a second.
const MEMORY: f32 = 100.0;
/// Frames of talk before what was learned counts.
const ENOUGH: f32 = 40.0;
/// Loading of the fixed weights that learning begins with: all but delay-and-sum, which leaves it the least noise. On the
/// bench 1, which a recogniser wants, costs 2 dB.
const CALM: f32 = 10.0;
/// The least gain of the voice in a bin.
const LEAST_GAIN: f32 = 0.5;
/// What is learned is loaded by this share of its mean power.
const LOADING: f32 = 1e-3;
/// Below this share of the sound the followed voice has stopped, and whoever else talks is followed.
const STOPPED: f32 = 0.12;
/// Share of a step in the followed voice's lasting share: half a second.
const LASTING: f32 = 0.04;
/// Fewer microphones cannot part voices.
const LEARNING: usize = 3;

/// What was heard while one seat was followed.
#[derive(Debug)]
struct Talk {
    /// All of it.
    mixed: Box<[Cell]>,
    /// What of it was the voice.
    voice: Box<[Cell]>,
    frames: f32,
}

#[derive(Debug)]
pub(crate) struct Beam {
    mics_mm: Vec<[f32; 3]>,
    loading: f32,
    diffuse: Box<[Coherence]>,
    /// Groups × microphones.
    fixed: Box<[Cell]>,
    /// Conjugated: the fixed ones, and those with what was learned.
    plain: Box<[Row]>,
    weights: Box<[Row]>,
    /// Where the fixed weights point, and where the followed voice is.
    aimed: Option<f32>,
    steered: Option<f32>,
    usable: [bool; MAX_CHANNELS],
    parting: Parting,
    seats: Box<[Talk]>,
    present: Option<usize>,
    rival: Option<(usize, f32)>,
    /// Share of the followed voice over half a second.
    lasting: f32,
    /// Nobody has talked for a moment: whoever begins is followed.
    paused: bool,
    /// Whoever talks now may be somebody else: the fixed weights hold nobody back.
    open: bool,
    frame: Box<[Cell]>,
    block: u32,
    turn: usize,
}

impl Beam {
    pub(crate) fn new(mics_mm: &[[f32; 3]], loading: f32) -> Self {
        let n = mics_mm.len();
        let matrices = || vec![NIL; GROUPS * cells(n)].into_boxed_slice();
        let diffuse: Box<[Coherence]> = (0..BINS).map(|bin| coherence(mics_mm, bin)).collect();
        let mut beam = Self {
            mics_mm: mics_mm.to_vec(),
            loading,
            fixed: vec![NIL; GROUPS * n].into_boxed_slice(),
            plain: vec![[ZERO; MAX_CHANNELS]; BINS].into_boxed_slice(),
            weights: vec![[ZERO; MAX_CHANNELS]; BINS].into_boxed_slice(),
            aimed: None,
            steered: None,
            usable: [true; MAX_CHANNELS],
            parting: Parting::new(mics_mm, diffuse.clone()),
            diffuse,
            seats: (0..SEATS).map(|_| Talk { mixed: matrices(), voice: matrices(), frames: 0.0 }).collect(),
            present: None,
            rival: None,
            lasting: 1.0,
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
        self.seats.iter_mut().for_each(|s| s.frames = 0.0);
        self.present = None;
        self.rival = None;
        match self.aimed.take() {
            Some(degrees) => self.aim(degrees),
            None => self.single(),
        }
    }

    /// A voice was heard from `degrees`.
    pub(crate) fn hear(&mut self, taken: Taken, degrees: f32) {
        if taken.anew {
            self.seats[taken.seat].frames = 0.0;
        }
        match self.present {
            Some(present) if present != taken.seat && !self.paused && self.learns() => {
                self.parting.rival(taken.seat, degrees, taken.anew);
                self.rival = Some((taken.seat, degrees));
            }
            _ => self.follow(taken.seat, degrees, taken.anew),
        }
    }

    /// Turns the fixed weights to where the present voice comes from, whoever it is.
    pub(crate) fn aim(&mut self, degrees: f32) {
        if self.aimed.is_some_and(|old| apart(old, degrees) <= STEP_DEG) {
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
        let other = self.present.replace(seat) != Some(seat);
        self.rival = None;
        self.lasting = if other { 1.0 } else { self.lasting };
        let reopened = std::mem::replace(&mut self.paused, false);
        let moved = self.steered.is_none_or(|old| apart(old, degrees) > STEP_DEG);
        self.open = false;
        if other || moved || reopened {
            self.steer(degrees);
        }
    }

    /// One frame without Prim's own voice, while somebody talks.
    pub(crate) fn learn(&mut self, spectra: &[Spectrum]) {
        self.block += 1;
        let Some(present) = self.present.filter(|_| self.learns()) else { return };
        if !self.block.is_multiple_of(EVERY) {
            return;
        }
        let frames = EVERY as f32;
        pack(spectra, &self.usable, &mut self.frame);
        self.parting.part(&self.frame, frames);
        let n = self.mics_mm.len();
        let size = cells(n);
        let share = self.parting.present_share();
        let talk = &mut self.seats[present];
        // Between her words it is the rival alone who would be learned as what disturbs her.
        let frames = if self.rival.is_some() && share < STOPPED { 0.0 } else { frames };
        talk.frames = (talk.frames + frames).min(MEMORY);
        let rate = [frames / talk.frames.max(1.0); LANES];
        for (group, own) in self.parting.voice.iter().enumerate() {
            let x = &self.frame[group * n..][..n];
            follow(&mut talk.mixed[group * size..][..size], x, &rate, &[1.0; LANES]);
            follow(&mut talk.voice[group * size..][..size], x, &rate, own);
        }
        // In her pauses the rival is heard as he is.
        self.open = self.paused || (self.rival.is_some() && share < STOPPED);
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
        if self.present.is_some() {
            (0..GROUPS).for_each(|g| self.weigh(g));
        }
    }

    /// No bearing yet: one good microphone.
    fn single(&mut self) {
        let first = self.usable.iter().take(self.mics_mm.len()).position(|u| *u).unwrap_or(0);
        for w in &mut self.plain {
            *w = [ZERO; MAX_CHANNELS];
            w[first] = Complex32::new(1.0, 0.0);
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
        let mut field = [NIL; MAX_CHANNELS * (MAX_CHANNELS + 1) / 2];
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
                    field[i * (i + 1) / 2 + j].re[l] = if both { self.diffuse[bin][i][j] } else { 0.0 };
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
        let learned = self.present.filter(|_| !self.open).map(|p| &self.seats[p]);
        if let Some(talk) = learned.filter(|t| t.frames >= ENOUGH) {
            let mixed = &talk.mixed[group * size..][..size];
            let mut voice = [NIL; MAX_CHANNELS];
            let voice = &mut voice[..n];
            product(&talk.voice[group * size..][..size], fixed, voice);
            w.copy_from_slice(voice);
            let load = mean_diagonal(mixed, n).map(|d| LOADING * d + 1e-12);
            solve(mixed, &load, w);
            // What is left of the voice, of what the fixed beam hears of it.
            let (left, whole) = (inner(w, voice), inner(fixed, voice));
            let lift: Lane =
                std::array::from_fn(|l| (LEAST_GAIN * whole[l] / left[l].max(1e-20)).clamp(1.0, 1e3));
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

    /// The fixed weights on every bin: what a recogniser and a detector hear. They mind a voice whose colour changes more
    /// than what is around the voice.
    pub(crate) fn apply_fixed(&self, spectra: &[Spectrum], out: &mut Spectrum) {
        apply(&self.plain, spectra, out);
    }

    /// The weights with what was learned on every bin: what people hear.
    pub(crate) fn apply(&self, spectra: &[Spectrum], out: &mut Spectrum) {
        apply(&self.weights, spectra, out);
    }
}

/// `wᴴ x` for every bin.
fn apply(weights: &[Row], spectra: &[Spectrum], out: &mut Spectrum) {
    for (f, (o, w)) in out.iter_mut().zip(weights).enumerate() {
        *o = spectra.iter().zip(w).map(|(x, w)| x[f] * w).sum();
    }
}

/// One group's weights as rows of its bins, conjugated.
fn unpack(w: &[Cell], group: usize, rows: &mut [Row]) {
    for (l, row) in rows.iter_mut().skip(group * LANES).take(LANES).enumerate() {
        for (row, w) in row.iter_mut().zip(w) {
            *row = Complex32::new(w.re[l], -w.im[l]);
        }
    }
}

/// How far two bearings are apart, degrees.
fn apart(a: f32, b: f32) -> f32 {
    let d = (a - b).rem_euclid(360.0);
    d.min(360.0 - d)
}

/// What two microphones have in common in a field from everywhere: `sin(kr) / kr`.
fn coherence(mics_mm: &[[f32; 3]], bin: usize) -> Coherence {
    let k = 2.0 * PI * bin as f32 * BIN_HZ / SPEED_OF_SOUND / 1_000.0;
    let mut out = [[0.0; MAX_CHANNELS]; MAX_CHANNELS];
    for (row, a) in out.iter_mut().zip(mics_mm) {
        for (cell, b) in row.iter_mut().zip(mics_mm) {
            let apart: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            let x = k * apart;
            *cell = if x < 1e-4 { 1.0 } else { x.sin() / x };
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: [[f32; 3]; 4] = [[35.0, 0.0, 0.0], [0.0, 35.0, 0.0], [-35.0, 0.0, 0.0], [0.0, -35.0, 0.0]];

    fn response(b: &Beam, from: f32, bin: usize) -> f32 {
        let x: Vec<Spectrum> = RING
            .iter()
            .map(|m| {
                let mut s = [ZERO; BINS];
                s[bin] = arrival(*m, from, bin);
                s
            })
            .collect();
        let mut out = [ZERO; BINS];
        b.apply(&x, &mut out);
        out[bin].norm()
    }

    #[test]
    fn the_beam_passes_its_bearing_untouched_and_lowers_the_others() {
        let mut b = Beam::new(&RING, 0.05);
        b.aim(37.0);
        for bin in [10, 32, 64, 128, 200] {
            assert!((response(&b, 37.0, bin) - 1.0).abs() < 1e-3);
        }
        for bin in [32, 48, 64] {
            assert!(response(&b, 217.0, bin) < 0.7, "{bin}: {}", response(&b, 217.0, bin));
        }
    }

    #[test]
    fn a_microphone_left_out_has_no_weight() {
        let mut b = Beam::new(&RING, 0.05);
        let mut usable = [true; MAX_CHANNELS];
        usable[1] = false;
        b.believe(&usable);
        b.aim(90.0);
        assert!(b.weights.iter().all(|w| w[1].norm() < 1e-6));
        assert!((response(&b, 90.0, 40) - 1.0).abs() < 1e-3);
    }

    /// One wave per bearing with this power, and noise from nowhere of power one, on the ring.
    fn frame(seed: &mut u32, waves: &[(f32, f32)]) -> Vec<Spectrum> {
        let mut part = || {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        let mut out = vec![[ZERO; BINS]; RING.len()];
        for bin in 0..BINS {
            for (degrees, power) in waves {
                let wave = Complex32::new(part(), part()) * power.sqrt();
                for (out, mic) in out.iter_mut().zip(RING) {
                    out[bin] += wave * arrival(mic, *degrees, bin);
                }
            }
            for out in &mut out {
                out[bin] += Complex32::new(part(), part());
            }
        }
        out
    }

    fn seat(seat: usize, anew: bool) -> Taken {
        Taken { seat, anew }
    }

    #[test]
    fn a_voice_without_pauses_is_not_taken_for_noise_and_noise_from_nowhere_goes() {
        let (mut b, mut seed) = (Beam::new(&RING, 10.0), 1);
        b.hear(seat(0, true), 30.0);
        let noise_before: f32 = b.weights[64].iter().map(|w| w.norm_sqr()).sum();
        for _ in 0..300 {
            b.learn(&frame(&mut seed, &[(30.0, 10.0)]));
        }
        for bin in [32, 64, 128] {
            assert!(response(&b, 30.0, bin) > 0.7, "{bin}: {}", response(&b, 30.0, bin));
        }
        let noise: f32 = b.weights[64].iter().map(|w| w.norm_sqr()).sum();
        assert!(noise < 1.05 * noise_before, "{noise} {noise_before}");
    }

    #[test]
    fn a_rival_is_lowered_while_the_first_voice_goes_on() {
        let (mut b, mut seed) = (Beam::new(&RING, 10.0), 2);
        b.hear(seat(0, true), 30.0);
        for _ in 0..100 {
            b.learn(&frame(&mut seed, &[(30.0, 100.0)]));
        }
        b.hear(seat(1, true), 150.0);
        // Each bin is one voice's at a time, as bins of speech are.
        for n in 0..300 {
            let who = if n / 6 % 2 == 0 { 30.0 } else { 150.0 };
            b.learn(&frame(&mut seed, &[(who, 100.0)]));
        }
        assert_eq!(b.present, Some(0));
        for bin in [32, 64, 128] {
            let (hers, his) = (response(&b, 30.0, bin), response(&b, 150.0, bin));
            assert!(hers > 0.45 && his < 0.5 * hers, "{bin}: {hers} {his}");
        }
    }

    #[test]
    fn who_goes_on_alone_is_followed_after_a_second_and_who_begins_after_a_pause_at_once() {
        let (mut b, mut seed) = (Beam::new(&RING, 10.0), 3);
        b.hear(seat(0, true), 30.0);
        for _ in 0..100 {
            b.learn(&frame(&mut seed, &[(30.0, 100.0)]));
        }
        let mut waited = 0;
        while b.present == Some(0) {
            b.hear(seat(1, waited == 0), 150.0);
            b.learn(&frame(&mut seed, &[(150.0, 100.0)]));
            waited += 1;
            assert!(waited < 150, "blocks waited for");
        }
        b.pause();
        b.hear(seat(2, true), 270.0);
        assert_eq!(b.present, Some(2));
    }

    #[test]
    fn microphone_noise_is_not_amplified_beyond_the_bound() {
        let mut b = Beam::new(&RING, 0.05);
        b.aim(10.0);
        let worst = b.weights.iter().map(|w| w.iter().map(|x| x.norm_sqr()).sum::<f32>()).fold(0.0, f32::max);
        assert!(10.0 * worst.log10() < 6.0, "{}", 10.0 * worst.log10());
    }
}
