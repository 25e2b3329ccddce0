//! Who is in which bin: the voice the beam follows, a rival who talks too, or the room's noise.
//!
//! Whatever its loudness, a sound from one place reaches the microphones in one pattern: each source's directions form a
//! complex angular central Gaussian, `p(z) ∝ |B|⁻¹ (zᴴ B⁻¹ z)⁻ⁿ` with `z` the frame at one bin, of length one (Ito, Araki,
//! Nakatani 2016). A seat's `B` begins as what its bearing and the room's reverberation would give, the noise's as sound
//! from nowhere; both then learn from the bins that are theirs, so that a mask knows this room's echoes after half a second.
//! What it learns is the likeliest pattern, `B = n Σ γ zzᴴ / (zᴴ B⁻¹ z)` over the shares γ: a direction that does not fit, and
//! so is likely another's, counts less than in the mean of all.
//! A voice without pauses stays a voice, because it comes from a place; minimum statistics would take it for noise.

use realfft::num_complex::Complex32;

use crate::MAX_CHANNELS;
use crate::hermitian::{
    CELLS, Cell, GROUPS, LANES, Lane, NIL, at, cells, follow, inner, mean_diagonal, whitened_power, whitener,
};
use crate::locate::arrival;
use crate::seats::SEATS;
use crate::stft::{BINS, Spectrum};
use crate::weights::Coherence;
use crate::wide::widely;

/// Frames that a source remembers: three seconds of its own.
const MEMORY: f32 = 300.0;
/// Frames a source must have had of a bin before it is known there.
const KNOWN: f32 = 20.0;
/// A source is never quite absent.
const LEAST_SHARE: f32 = 0.03;
/// Share of a frame in the sources' shares: 60 ms.
const FOLLOW: f32 = 0.3;
/// Loading of a source's directions: what is never heard is not impossible.
const LOADING: f32 = 1e-3;
/// Added to how badly a direction fits, so that one that fits by chance does not count for all others.
const MISFIT: f32 = 0.3;
/// What a room adds to the direct sound of a voice a metre and a half away.
const REVERBERANT: f32 = 0.7;
/// What microphones add.
const SELF_NOISE: f32 = 0.1;
/// Bins of voice, whose masks tell who talks.
pub(crate) const VOICE: std::ops::Range<usize> = 8..200;

/// Sources at once.
const SOURCES: usize = 3;
const PRESENT: usize = 0;
const RIVAL: usize = 1;
const NOISE: usize = 2;

/// One source's directions in all bins.
#[derive(Debug)]
struct Source {
    expected: Box<[Cell]>,
    learned: Box<[Cell]>,
    /// Frames gathered per bin.
    heard: [Lane; GROUPS],
    whitener: Box<[Cell]>,
    ln_det: [Lane; GROUPS],
}

impl Source {
    fn new(n: usize) -> Self {
        let matrices = || vec![NIL; GROUPS * cells(n)].into_boxed_slice();
        Self {
            expected: matrices(),
            learned: matrices(),
            heard: [[0.0; LANES]; GROUPS],
            whitener: matrices(),
            ln_det: [[0.0; LANES]; GROUPS],
        }
    }

    fn known(&self, group: usize) -> [bool; LANES] {
        self.heard[group].map(|h| h >= KNOWN)
    }

    /// Learns `z` in one group, by the share of each bin that is its own and by how badly it fits.
    #[inline(always)]
    fn learn(&mut self, group: usize, z: &[Cell], own: &Lane, misfit: &Lane, frames: f32) {
        let (n, size) = (z.len(), cells(z.len()));
        let heard = &mut self.heard[group];
        let mut rate = [0.0; LANES];
        for l in 0..LANES {
            let new = frames * own[l];
            heard[l] = (heard[l] + new).min(MEMORY);
            rate[l] = (new / heard[l].max(1e-3)).min(1.0);
        }
        let gain = misfit.map(|m| n as f32 / (m + MISFIT));
        follow(&mut self.learned[group * size..][..size], z, &rate, &gain);
    }

    /// What is believed of one group from now on: what was learned where `known`, what was expected elsewhere.
    fn believe(&mut self, group: usize, n: usize, known: &[bool; LANES]) {
        let size = cells(n);
        let range = group * size..(group + 1) * size;
        let (learned, expected) = (&self.learned[range.clone()], &self.expected[range.clone()]);
        let scale = mean_diagonal(learned, n).map(|d| 1.0 / (d + 1e-20));
        let mut m = [NIL; CELLS];
        for ((m, learned), expected) in m.iter_mut().zip(learned).zip(expected) {
            for l in 0..LANES {
                let (re, im) = if known[l] {
                    (learned.re[l] * scale[l], learned.im[l] * scale[l])
                } else {
                    (expected.re[l], expected.im[l])
                };
                m.re[l] = re;
                m.im[l] = im;
            }
        }
        self.ln_det[group] = whitener(&m[..size], n, &[LOADING; LANES], &mut self.whitener[range]);
    }

    fn forget(&mut self) {
        self.learned.fill(NIL);
        self.heard = [[0.0; LANES]; GROUPS];
    }
}

/// The sources of a room and what of the present frame is whose.
#[derive(Debug)]
pub(crate) struct Parting {
    mics_mm: Vec<[f32; 3]>,
    diffuse: Box<[Coherence]>,
    used: [bool; MAX_CHANNELS],
    seats: Box<[Source]>,
    noise: Source,
    /// What is expected of a seat was made for other microphones, or never.
    stale: [bool; SEATS],
    present: Option<usize>,
    rival: Option<usize>,
    share: [f32; SOURCES],
    /// The present frame, of length one per bin.
    unit: Box<[Cell]>,
    likelihood: [[Lane; GROUPS]; SOURCES],
    /// `zᴴ B⁻¹ z`: how badly the frame fits a source.
    misfit: [[Lane; GROUPS]; SOURCES],
    /// How much of each bin is not the rival or the noise: all of it while there is no rival.
    pub(crate) voice: [Lane; GROUPS],
    /// How much of each bin is not the rival's, noise included.
    pub(crate) not_rivals: [Lane; GROUPS],
}

impl Parting {
    pub(crate) fn new(mics_mm: &[[f32; 3]], diffuse: Box<[Coherence]>) -> Self {
        let n = mics_mm.len();
        let mut parting = Self {
            mics_mm: mics_mm.to_vec(),
            diffuse,
            used: [true; MAX_CHANNELS],
            seats: (0..SEATS).map(|_| Source::new(n)).collect(),
            noise: Source::new(n),
            stale: [true; SEATS],
            present: None,
            rival: None,
            share: [1.0 / SOURCES as f32; SOURCES],
            unit: vec![NIL; GROUPS * n].into_boxed_slice(),
            likelihood: [[[0.0; LANES]; GROUPS]; SOURCES],
            misfit: [[[0.0; LANES]; GROUPS]; SOURCES],
            voice: [[0.0; LANES]; GROUPS],
            not_rivals: [[1.0; LANES]; GROUPS],
        };
        parting.expect_noise();
        parting
    }

    /// All that was learned is void: other microphones count.
    pub(crate) fn forget(&mut self, used: &[bool; MAX_CHANNELS]) {
        self.used = *used;
        self.seats.iter_mut().for_each(Source::forget);
        self.noise.forget();
        self.stale = [true; SEATS];
        self.present = None;
        self.rival = None;
        self.expect_noise();
    }

    /// Share of the present voice in the last frames, 0..=1; 1 before anybody has a seat.
    pub(crate) fn present_share(&self) -> f32 {
        if self.present.is_some() { self.share[PRESENT] } else { 1.0 }
    }

    /// The voice that is followed; `anew`: somebody who has not been heard from `degrees` before.
    pub(crate) fn follow(&mut self, seat: usize, degrees: f32, anew: bool) {
        self.seat(seat, degrees, anew);
        if self.present == Some(seat) {
            return;
        }
        self.rival = self.present;
        self.present = Some(seat);
        self.share = [0.6, if self.rival.is_some() { 0.1 } else { 0.0 }, 0.3];
        self.believe_all();
    }

    /// Somebody else talks, too.
    pub(crate) fn rival(&mut self, seat: usize, degrees: f32, anew: bool) {
        self.seat(seat, degrees, anew);
        if self.rival != Some(seat) {
            self.rival = Some(seat);
            self.share[RIVAL] = 0.2;
            self.believe_all();
        }
    }

    /// Whoever was followed before was none.
    pub(crate) fn no_rival(&mut self) {
        self.rival = None;
        self.share[RIVAL] = 0.0;
        self.believe_all();
    }

    pub(crate) fn has_rival(&self) -> bool {
        self.rival.is_some()
    }

    fn seat(&mut self, seat: usize, degrees: f32, anew: bool) {
        if !(std::mem::take(&mut self.stale[seat]) || anew) {
            return;
        }
        self.seats[seat].forget();
        let n = self.mics_mm.len();
        for group in 0..GROUPS {
            for i in 0..n {
                for j in 0..=i {
                    let mut cell = NIL;
                    for l in 0..LANES {
                        let bin = (group * LANES + l).min(BINS - 1);
                        let direct = arrival(self.mics_mm[i], degrees, bin)
                            * arrival(self.mics_mm[j], degrees, bin).conj();
                        let mut value = direct * (1.0 - REVERBERANT);
                        value.re += REVERBERANT * self.diffuse[bin][i][j];
                        if i == j {
                            value.re += SELF_NOISE;
                        }
                        let value = self.unless_unused(i, j, value / (1.0 + SELF_NOISE));
                        (cell.re[l], cell.im[l]) = (value.re, value.im);
                    }
                    self.seats[seat].expected[group * cells(n) + at(i, j)] = cell;
                }
            }
        }
    }

    fn expect_noise(&mut self) {
        let n = self.mics_mm.len();
        for group in 0..GROUPS {
            for i in 0..n {
                self.noise.expected[group * cells(n) + at(i, i)].re = [1.0; LANES];
            }
            self.noise.believe(group, n, &[false; LANES]);
        }
    }

    /// A microphone that is left out says the same of all sources.
    fn unless_unused(&self, i: usize, j: usize, value: Complex32) -> Complex32 {
        match (self.used[i] && self.used[j], i == j) {
            (true, _) => value,
            (false, same) => Complex32::new(f32::from(u8::from(same)), 0.0),
        }
    }

    fn believe_all(&mut self) {
        (0..GROUPS).for_each(|g| self.believe(g));
    }

    /// Sources learn from what was theirs: one group's turn. Voices are compared by what is known of all of them, or by what
    /// is expected of all: a voice that is known well would else take what belongs to a new one.
    pub(crate) fn believe(&mut self, group: usize) {
        let n = self.mics_mm.len();
        let mut known = [true; LANES];
        for seat in self.present.iter().chain(&self.rival) {
            let k = self.seats[*seat].known(group);
            known = std::array::from_fn(|l| known[l] && k[l]);
        }
        for seat in self.present.iter().chain(&self.rival) {
            self.seats[*seat].believe(group, n, &known);
        }
        let known = self.noise.known(group);
        self.noise.believe(group, n, &known);
    }

    /// Parts one frame; it stands for `frames` of them.
    pub(crate) fn part(&mut self, frame: &[Cell], frames: f32) {
        let Some(present) = self.present else { return };
        let n = self.mics_mm.len();
        let used = self.used.iter().take(n).filter(|u| **u).count() as f32;
        let size = cells(n);
        let sources: [Option<&Source>; SOURCES] =
            [Some(&self.seats[present]), self.rival.map(|r| &self.seats[r]), Some(&self.noise)];
        widely(
            #[inline(always)]
            || {
                for group in 0..GROUPS {
                    let (z, x) = (&mut self.unit[group * n..][..n], &frame[group * n..][..n]);
                    let power = inner(x, x);
                    let to_one = power.map(|p| 1.0 / (p + 1e-24).sqrt());
                    for (z, x) in z.iter_mut().zip(x) {
                        *z = x.scaled(&to_one);
                    }
                    let results = self.likelihood.iter_mut().zip(&mut self.misfit);
                    for (source, (likelihood, misfit)) in sources.iter().zip(results) {
                        let Some(source) = source else { continue };
                        let form = whitened_power(&source.whitener[group * size..][..size], z);
                        misfit[group] = form;
                        likelihood[group] =
                            std::array::from_fn(|l| -source.ln_det[group][l] - used * (form[l] + 1e-12).ln());
                    }
                }
            },
        );
        let mut sum = [0.0; SOURCES];
        for group in 0..GROUPS {
            let own = self.own(group);
            self.voice[group] = if self.rival.is_some() { own[PRESENT].map(decided) } else { [1.0; LANES] };
            self.not_rivals[group] = own[RIVAL].map(|share| 1.0 - decided(share));
            for (sum, own) in sum.iter_mut().zip(&own) {
                for (l, own) in own.iter().enumerate() {
                    if VOICE.contains(&(group * LANES + l)) {
                        *sum += own / VOICE.len() as f32;
                    }
                }
            }
            let z = &self.unit[group * n..][..n];
            let misfit = |source: usize| &self.misfit[source][group];
            widely(
                #[inline(always)]
                || {
                    self.seats[present].learn(group, z, &own[PRESENT], misfit(PRESENT), frames);
                    if let Some(rival) = self.rival {
                        self.seats[rival].learn(group, z, &own[RIVAL], misfit(RIVAL), frames);
                    }
                    self.noise.learn(group, z, &own[NOISE], misfit(NOISE), frames);
                },
            );
        }
        let mut total = 0.0;
        for (source, sum) in sum.iter().enumerate() {
            let share = &mut self.share[source];
            *share += FOLLOW * (sum.max(LEAST_SHARE) - *share);
            if source == RIVAL && self.rival.is_none() {
                *share = 0.0;
            }
            total += *share;
        }
        self.share.iter_mut().for_each(|s| *s /= total);
    }

    /// How much of each bin is whose.
    fn own(&self, group: usize) -> [Lane; SOURCES] {
        let mut own = [[0.0; LANES]; SOURCES];
        for l in 0..LANES {
            let mut top = f32::MIN;
            for source in 0..SOURCES {
                if self.share[source] > 0.0 {
                    top = top.max(self.likelihood[source][group][l]);
                }
            }
            let mut sum = 0.0;
            for ((own, share), likelihood) in own.iter_mut().zip(self.share).zip(&self.likelihood) {
                if share > 0.0 {
                    own[l] = share * (likelihood[group][l] - top).exp();
                    sum += own[l];
                }
            }
            for own in &mut own {
                own[l] /= sum + 1e-30;
            }
        }
        own
    }
}

/// Most bins of speech are one voice's alone: a share of one half says as much as before, others say it more clearly.
fn decided(share: f32) -> f32 {
    let (hers, others) = (share * share, (1.0 - share) * (1.0 - share));
    hers / (hers + others)
}

/// All microphones' spectra, eight bins side by side; microphones that are left out are silent.
pub(crate) fn pack(spectra: &[Spectrum], used: &[bool; MAX_CHANNELS], out: &mut [Cell]) {
    let n = spectra.len();
    for (c, (spectrum, used)) in spectra.iter().zip(used).enumerate() {
        for (group, bins) in spectrum.chunks(LANES).enumerate() {
            let cell = &mut out[group * n + c];
            *cell = NIL;
            if *used {
                for (l, x) in bins.iter().enumerate() {
                    (cell.re[l], cell.im[l]) = (x.re, x.im);
                }
            }
        }
    }
}
