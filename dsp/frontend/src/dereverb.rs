//! Dereverberation: weighted prediction error, on line (recursive least squares per bin, up to four microphones).
//!
//! What a room adds to a voice more than 20 ms later can be predicted from what the microphones heard before;
//! what cannot be predicted is the voice. Per bin one inverse covariance is shared by all microphones' filters,
//! so a further output costs only its own filter.
//!
//! The filters belong to one place in the room. People take turns, so each seat (a bearing) keeps its own, 1.6 MB with
//! four microphones. Decision 0003 says what each choice is worth.

use realfft::num_complex::Complex32;

use crate::seats::{SEATS, Taken};
use crate::stft::{BIN_HZ, BINS, Spectrum, ZERO};
use crate::{DereverbConfig, MAX_CHANNELS};

/// Bins below this are left alone: room modes, no speech.
const FROM_HZ: f32 = 90.0;
/// Powers below this are zero: keeps silence from being computed in denormals.
const NOTHING: f32 = 1e-20;
/// Power below which a bin is silence (sum over a window of samples in −1..=1): −100 dBFS.
const SILENCE: f32 = 1e-8;

/// A murmur this far below the voice is mixed into what the filter sees, never into what is heard: it keeps the
/// inverse bounded when a microphone is dead or a copy of another.
const MURMUR: f32 = 3e-3;
/// Microphones whose past is used, at most. The cost grows with their square; eight are bound by memory.
const HEARD: usize = 4;
/// Updates after which every second frame teaches enough: neighbours overlap by two thirds.
const GROWN: u32 = 150;

#[derive(Debug)]
pub(crate) struct Dereverb {
    config: DereverbConfig,
    channels: usize,
    /// Microphones that can be believed: the others are left as they are.
    usable: [bool; MAX_CHANNELS],
    /// Microphones whose past is used.
    ears: Ears,
    /// Length of the regressor: taps × microphones used. Filters and inverses are packed to it.
    k: usize,
    lo: usize,
    hi: usize,
    /// One set of bins per seat; `seat` is the present one.
    seats: Vec<Vec<Bin>>,
    seat: usize,
    /// Past spectra, newest at `at`: `[depth][microphones used]`.
    past: Vec<Vec<Spectrum>>,
    at: usize,
    fresh: [Complex32; HEARD],
    seed: u32,
    x_re: Vec<f32>,
    x_im: Vec<f32>,
    p_re: Vec<f32>,
    p_im: Vec<f32>,
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

#[derive(Debug, Clone)]
struct Bin {
    /// Inverse covariance, row-major k × k.
    inv_re: Vec<f32>,
    inv_im: Vec<f32>,
    /// Filters, conjugated: `[channels][k]`.
    g_re: Vec<f32>,
    g_im: Vec<f32>,
    /// Power of the voice, smoothed.
    power: f32,
    /// Updates so far.
    age: u32,
}

impl Bin {
    fn new(k: usize, channels: usize) -> Self {
        let mut bin = Self {
            inv_re: vec![0.0; k * k],
            inv_im: vec![0.0; k * k],
            g_re: vec![0.0; channels * k],
            g_im: vec![0.0; channels * k],
            power: 0.0,
            age: 0,
        };
        bin.forget(k);
        bin
    }

    fn forget(&mut self, k: usize) {
        for v in [&mut self.inv_re, &mut self.inv_im, &mut self.g_re, &mut self.g_im] {
            v.fill(0.0);
        }
        for i in 0..k {
            self.inv_re[i * k + i] = 1.0;
        }
        self.age = 0;
    }
}

impl Dereverb {
    pub(crate) fn new(config: DereverbConfig, channels: usize) -> Self {
        let usable = [true; MAX_CHANNELS];
        let ears = Ears::among(channels, &usable);
        let k = config.taps * ears.n;
        let lo = (FROM_HZ / BIN_HZ).ceil() as usize;
        let hi = ((config.up_to_hz / BIN_HZ) as usize).clamp(lo + 1, BINS - 1);
        Self {
            config,
            channels,
            usable,
            ears,
            k,
            lo,
            hi,
            seats: vec![vec![Bin::new(k, channels); hi - lo]; SEATS],
            seat: 0,
            past: vec![vec![[ZERO; BINS]; ears.n]; config.taps + config.delay],
            at: 0,
            fresh: [ZERO; HEARD],
            seed: 1,
            x_re: vec![0.0; k],
            x_im: vec![0.0; k],
            p_re: vec![0.0; k],
            p_im: vec![0.0; k],
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
        self.k = self.config.taps * ears.n;
        self.past.iter_mut().flatten().for_each(|p| p.fill(ZERO));
        let k = self.k;
        self.seats.iter_mut().flatten().for_each(|bin| bin.forget(k));
    }

    /// Whoever speaks now sits there: her filters are taken up.
    pub(crate) fn take(&mut self, taken: Taken) {
        let Taken { seat, anew } = taken;
        if anew {
            let k = self.k;
            self.seats[seat].iter_mut().for_each(|bin| bin.forget(k));
        }
        if seat == self.seat {
            return;
        }
        for f in 0..self.hi - self.lo {
            // How loud it is now is known, whoever speaks.
            self.seats[seat][f].power = self.seats[self.seat][f].power;
        }
        self.seat = seat;
    }

    /// Takes the room out of `spectra` in place; learns from them in the bins that say so.
    pub(crate) fn process(&mut self, spectra: &mut [Spectrum], learns: &[bool; BINS]) {
        let depth = self.past.len();
        for f in self.lo..self.hi {
            let murmur = MURMUR * self.seats[self.seat][f - self.lo].power.sqrt();
            for t in 0..self.config.taps {
                let frame = &self.past[(self.at + self.config.delay - 1 + t) % depth];
                for (c, spectrum) in frame.iter().enumerate().take(self.ears.n) {
                    let x = spectrum[f];
                    let noise = noise(&mut self.seed);
                    self.x_re[t * self.ears.n + c] = x.re + murmur * noise.re;
                    self.x_im[t * self.ears.n + c] = x.im + murmur * noise.im;
                }
            }
            for (fresh, mic) in self.fresh.iter_mut().zip(self.ears.mics()) {
                *fresh = spectra[*mic][f];
            }
            self.bin(f, spectra, learns[f]);
            let newest = (self.at + depth - 1) % depth;
            for (p, fresh) in self.past[newest].iter_mut().zip(&self.fresh) {
                p[f] = *fresh;
            }
        }
        self.at = (self.at + depth - 1) % depth;
    }

    fn bin(&mut self, f: usize, spectra: &mut [Spectrum], learns: bool) {
        let k = self.k;
        let bin = &mut self.seats[self.seat][f - self.lo];
        let (x_re, x_im) = (&self.x_re[..k], &self.x_im[..k]);
        let believed = |c: &usize| self.usable[*c];
        let mut voice = [ZERO; MAX_CHANNELS];
        let mut power = 0.0;
        for c in (0..self.channels).filter(believed) {
            let g = c * k..(c + 1) * k;
            let predicted = dot(&bin.g_re[g.clone()], &bin.g_im[g], x_re, x_im);
            voice[c] = spectra[c][f] - predicted;
            power += voice[c].norm_sqr();
        }
        power /= (0..self.channels).filter(believed).count().max(1) as f32;
        bin.power = 0.5 * bin.power + 0.5 * power;
        if bin.power.is_nan() || bin.power <= NOTHING {
            bin.power = 0.0;
        }
        let young = bin.age < GROWN;
        let due = young || (f + self.at).is_multiple_of(2);
        if learns && due && bin.power > SILENCE {
            bin.age += 1;
            let lambda =
                if young { self.config.forgetting } else { self.config.forgetting * self.config.forgetting };
            for i in 0..k {
                let row = i * k..(i + 1) * k;
                let p = dot(&bin.inv_re[row.clone()], &bin.inv_im[row], x_re, x_im);
                self.p_re[i] = p.re;
                self.p_im[i] = p.im;
            }
            // xᴴ P x is real.
            let energy: f32 = (0..k).map(|i| x_re[i] * self.p_re[i] + x_im[i] * self.p_im[i]).sum();
            let denominator = lambda * bin.power + energy;
            if !(denominator.is_finite() && denominator > 0.0 && energy >= 0.0) {
                bin.forget(k);
                return;
            }
            let scale = 1.0 / denominator;
            for c in (0..self.channels).filter(believed) {
                // g += conj(gain) · error, kept conjugated for the product above.
                let e = voice[c] * scale;
                let (g_re, g_im) = (&mut bin.g_re[c * k..(c + 1) * k], &mut bin.g_im[c * k..(c + 1) * k]);
                for i in 0..k {
                    let (pr, pi) = (self.p_re[i], -self.p_im[i]);
                    g_re[i] += pr * e.re - pi * e.im;
                    g_im[i] += pr * e.im + pi * e.re;
                }
            }
            let keep = 1.0 / lambda;
            let mut trace = 0.0;
            for i in 0..k {
                let (ar, ai) = (self.p_re[i] * scale, self.p_im[i] * scale);
                let (re, im) = (&mut bin.inv_re[i * k..(i + 1) * k], &mut bin.inv_im[i * k..(i + 1) * k]);
                for j in 0..k {
                    let (br, bi) = (self.p_re[j], -self.p_im[j]);
                    re[j] = (re[j] - (ar * br - ai * bi)) * keep;
                    im[j] = (im[j] - (ar * bi + ai * br)) * keep;
                }
                trace += re[i];
            }
            if !(trace.is_finite() && trace < MAX_TRACE * k as f32) {
                bin.forget(k);
            }
        }
        for c in (0..self.channels).filter(believed) {
            spectra[c][f] = voice[c];
        }
    }
}

/// −1..1 each, from a fixed sequence.
fn noise(seed: &mut u32) -> Complex32 {
    *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    let part = |bits: u32| (bits & 0xFFFF) as f32 / 32_768.0 - 1.0;
    Complex32::new(part(*seed >> 16), part(*seed >> 4))
}

/// An inverse covariance beyond this has not been fed for long: single precision ends.
const MAX_TRACE: f32 = 1e7;

/// `Σ a·x`, complex, split.
fn dot(a_re: &[f32], a_im: &[f32], x_re: &[f32], x_im: &[f32]) -> Complex32 {
    let (mut re, mut im) = ([0.0_f32; 4], [0.0_f32; 4]);
    let n = x_re.len();
    let whole = n - n % 4;
    for i in (0..whole).step_by(4) {
        let (ar, ai, xr, xi) = (&a_re[i..i + 4], &a_im[i..i + 4], &x_re[i..i + 4], &x_im[i..i + 4]);
        for l in 0..4 {
            re[l] += ar[l] * xr[l] - ai[l] * xi[l];
            im[l] += ar[l] * xi[l] + ai[l] * xr[l];
        }
    }
    for i in whole..n {
        re[0] += a_re[i] * x_re[i] - a_im[i] * x_im[i];
        im[0] += a_re[i] * x_im[i] + a_im[i] * x_re[i];
    }
    Complex32::new(re.iter().sum(), im.iter().sum())
}

#[cfg(test)]
mod tests;
