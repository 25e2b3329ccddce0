//! Bearing: steered response power with phase transform (SRP-PHAT, DiBiase 2000) over all microphones.
//!
//! Each bin that stands above the noise and above the room's own tail is whitened per microphone and steered in 96
//! directions; what all pairs would add up to (their cross-spectra at the lag of that direction) is the power of the
//! steered sum. The last quarter of a second of voice is kept, each band's map squared before it is gathered, and a
//! parabola through the best three directions gives the bearing. A wave from bearing `u` reaches microphone `p` earlier
//! than the centre by `p·u / c`.
//!
//! Two people who talk at once share the plane but seldom a bin in the same hundredth of a second. So each bin belongs to
//! one direction, and which one is a question of what it says and of who talks at all: the recursive expectation
//! maximisation of a mixture whose classes are directions (Schwartz and Gannot 2014, "Speaker tracking using recursive EM
//! algorithms"; the classes of phases are those of Mandel, Weiss and Ellis 2010, "Model-based expectation-maximization
//! source separation and localization"). A bin's share in a direction is the direction's weight so far times
//! `exp(K·r)`, `r` the steered power of its whitened spectrum; the shares of the last seconds are the new weights. Broad
//! patterns of low frequencies gather that way where the narrow ones of high frequencies say that somebody is, and the
//! flank of one voice's hill no longer hides another voice.

use std::f32::consts::PI;

use realfft::num_complex::Complex32;

use crate::scene::Scene;
use crate::stft::{BIN_HZ, BINS, Spectrum};
use crate::wide::widely;
use crate::{Bearing, MAX_CHANNELS};

/// Metres per second at 20 °C.
pub(crate) const SPEED_OF_SOUND: f32 = 343.0;
/// Every 3.75 degrees; the opposite of a direction has conjugate phases, so half of them are kept.
const DIRECTIONS: usize = 96;
const HALF: usize = DIRECTIONS / 2;
/// Directions steered at a time: as many as a vector of the processor takes.
const LANES: usize = 8;
const STEP_DEG: f32 = 360.0 / DIRECTIONS as f32;
/// Bins with speech in them; below, wavelengths dwarf the array, above, there is little voice.
const FROM: usize = 9;
const TO: usize = 208;
/// What a room leaves of a sound a block later (power): an RT60 of 0.6 s.
const LINGER: f32 = 0.79;
/// A bin counts when it stands this far above its noise floor; noise in it does little harm, its phases are anywhere.
const AUDIBLE: f32 = 1.5;
/// A bin counts by its power over tail and floor: the surer its phase. Onsets reach this bound, held vowels a tenth.
const CLEAREST: f32 = 3.0;
/// A bin less clear than this is left out: it costs as much as the others and says next to nothing.
const CLEAR: f32 = 0.15;
/// A block counts as voice when it is this loud. On the bench 1.5 misses voices in noise as loud, 1.2 lets noise spoil the
/// bearings.
const VOICED: f32 = 1.3;
/// What is kept per block of voice: a time constant of 250 ms.
const KEEP: f32 = 0.96;
/// The same for two talkers: two and a half seconds.
const KEEP_TALKERS: f32 = 0.996;
/// Bins of one band, whose map is sharpened as one.
const BAND: usize = 6;
/// The tail that the talkers' bins must stand out of: longer, so that the echoes of one are not taken for another.
const LINGER_TALKERS: f32 = 0.88;
/// How surely a clear bin belongs where its steered power is highest.
const CONCENTRATION: f32 = 16.0;
/// Share of all directions together in who may talk next: a new voice may come from anywhere.
const ANYWHERE: f32 = 0.5;
/// A talker is what lies within this many directions of a hill's top: 11°.
const WIDE: usize = 3;
/// Two talkers sit at least this many directions apart: 22.5°.
const APART: usize = 6;
/// The second hill is a person when it has at least this share of the first; echoes of the first have less.
const SECOND: f32 = 0.12;

type Map = [f32; DIRECTIONS];
/// Real and imaginary parts of the phases of half of the directions.
type Phases = [[[f32; LANES]; 2]; HALF / LANES];

#[derive(Debug)]
pub(crate) struct Locator {
    channels: usize,
    /// `[bins × channels]`: phases of the arrival from each direction.
    steer: Box<[Phases]>,
    map: Map,
    /// How much of the last seconds' voice came from each direction.
    talkers: Map,
    /// How likely a talker is in each direction.
    likely: Map,
    weight: f32,
    blocks: f32,
    tail: [f32; BINS],
    tail_talkers: [f32; BINS],
    linear_axis_deg: Option<f32>,
}

/// The direction of a line of microphones, when they stand on one.
fn line_axis_deg(mics_mm: &[[f32; 3]]) -> Option<f32> {
    let n = mics_mm.len() as f32;
    let (mx, my) =
        (mics_mm.iter().map(|p| p[0]).sum::<f32>() / n, mics_mm.iter().map(|p| p[1]).sum::<f32>() / n);
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for p in mics_mm {
        xx += (p[0] - mx) * (p[0] - mx);
        xy += (p[0] - mx) * (p[1] - my);
        yy += (p[1] - my) * (p[1] - my);
    }
    let half = (xx + yy) / 2.0;
    let spread = ((xx - yy) / 2.0).hypot(xy);
    let minor = half - spread;
    (minor < 0.01 * (half + spread)).then(|| (0.5 * (2.0 * xy).atan2(xx - yy)).to_degrees())
}

impl Locator {
    pub(crate) fn new(mics_mm: &[[f32; 3]]) -> Self {
        let steer = (FROM..TO)
            .flat_map(|f| {
                mics_mm.iter().map(move |&mic| {
                    let at = |d: usize| arrival(mic, d as f32 * STEP_DEG, f);
                    std::array::from_fn(|c| {
                        let lanes: [Complex32; LANES] = std::array::from_fn(|l| at(c * LANES + l));
                        [lanes.map(|a| a.re), lanes.map(|a| a.im)]
                    })
                })
            })
            .collect();
        Self {
            channels: mics_mm.len(),
            steer,
            map: [0.0; DIRECTIONS],
            talkers: [0.0; DIRECTIONS],
            likely: [1.0; DIRECTIONS],
            weight: 0.0,
            blocks: 0.0,
            tail: [0.0; BINS],
            tail_talkers: [0.0; BINS],
            linear_axis_deg: line_axis_deg(mics_mm),
        }
    }

    /// One frame of all microphones without Prim's own voice; `usable[m]` is false for microphones to leave out.
    /// Returns whether it counted as voice.
    pub(crate) fn push(&mut self, spectra: &[Spectrum], usable: &[bool], scene: &Scene) -> bool {
        if self.channels < 2 {
            return false;
        }
        let (mut clear, mut clear_talkers) = ([0.0; BINS], [0.0; BINS]);
        for f in FROM..TO {
            let (p, floor) = (scene.power[f], scene.floor[f]);
            let stands_out = |tail: &mut f32, linger: f32| {
                let lingers = linger * *tail;
                *tail = p.max(lingers);
                if p > AUDIBLE * floor { (p / (lingers + floor) - 1.0).clamp(0.0, CLEAREST) } else { 0.0 }
            };
            clear[f] = stands_out(&mut self.tail[f], LINGER);
            clear_talkers[f] = stands_out(&mut self.tail_talkers[f], LINGER_TALKERS);
        }
        if scene.loudness(FROM..TO) < VOICED {
            return false;
        }
        for (m, t) in self.map.iter_mut().zip(&mut self.talkers) {
            *m *= KEEP;
            *t *= KEEP_TALKERS;
        }
        self.weight *= KEEP;
        widely(
            #[inline(always)]
            || {
                for band in (FROM..TO).step_by(BAND) {
                    self.gather(spectra, usable, &clear, &clear_talkers, band..(band + BAND).min(TO));
                }
            },
        );
        self.blocks = self.blocks * KEEP + 1.0;
        let anywhere = ANYWHERE / DIRECTIONS as f32 * self.talkers.iter().sum::<f32>() + 1e-9;
        for (likely, t) in self.likely.iter_mut().zip(&self.talkers) {
            *likely = t + anywhere;
        }
        true
    }

    #[inline(always)]
    fn gather(
        &mut self,
        spectra: &[Spectrum],
        usable: &[bool],
        clear: &[f32; BINS],
        clear_talkers: &[f32; BINS],
        band: std::ops::Range<usize>,
    ) {
        let (mut here, mut sum): (Map, f32) = ([0.0; DIRECTIONS], 0.0);
        // Who is clear behind the longer tail is clear behind the shorter one.
        for f in band.filter(|f| clear[*f] > CLEAR) {
            let power = self.steered(spectra, usable, f);
            for (here, p) in here.iter_mut().zip(&power) {
                *here += clear[f] * p;
            }
            sum += clear[f];
            if clear_talkers[f] > 0.0 {
                self.share(&power, clear_talkers[f]);
            }
        }
        if sum == 0.0 {
            return;
        }
        let top = here.iter().copied().fold(1e-20, f32::max);
        for (map, h) in self.map.iter_mut().zip(&here) {
            *map += h * (h / top);
        }
        self.weight += sum;
    }

    /// The power of one bin's whitened spectrum in each direction, 0..=1.
    #[inline(always)]
    fn steered(&self, spectra: &[Spectrum], usable: &[bool], f: usize) -> Map {
        let mut white = [Complex32::default(); MAX_CHANNELS];
        let mut used = 0.0;
        for ((white, spectrum), _) in white.iter_mut().zip(spectra).zip(usable).filter(|(_, used)| **used) {
            *white = spectrum[f] / (spectrum[f].norm_sqr().sqrt() + 1e-20);
            used += 1.0;
        }
        let white = white.map(|w| w / used);
        let rows = &self.steer[(f - FROM) * self.channels..(f - FROM + 1) * self.channels];
        let mut power = [0.0; DIRECTIONS];
        for c in 0..HALF / LANES {
            // conj(a)·x for a direction and, with the other signs, for its opposite.
            let [mut rr, mut ii, mut ri, mut ir] = [[0.0_f32; LANES]; 4];
            for (phases, white) in rows.iter().zip(&white) {
                let [re, im] = &phases[c];
                for d in 0..LANES {
                    rr[d] += re[d] * white.re;
                    ii[d] += im[d] * white.im;
                    ri[d] += re[d] * white.im;
                    ir[d] += im[d] * white.re;
                }
            }
            for d in 0..LANES {
                let (a, b) = (rr[d] + ii[d], ri[d] - ir[d]);
                let (e, g) = (rr[d] - ii[d], ri[d] + ir[d]);
                power[c * LANES + d] = a * a + b * b;
                power[c * LANES + d + HALF] = e * e + g * g;
            }
        }
        power
    }

    /// A bin of this clearness and steered power goes to whoever talks: `exp(x)` as the sixteenth power of `1 + x / 16`.
    #[inline(always)]
    fn share(&mut self, power: &Map, clear: f32) {
        let top = power.iter().copied().fold(0.0, f32::max);
        let sure = clear * CONCENTRATION / 16.0;
        let mut shares = self.likely;
        for (share, p) in shares.iter_mut().zip(power) {
            *share *= (1.0 + sure * (p - top)).max(0.0).powi(16);
        }
        let all = clear / shares.iter().sum::<f32>();
        for (talkers, share) in self.talkers.iter_mut().zip(&shares) {
            *talkers += all * share;
        }
    }

    /// The best direction of what was gathered; `None` with one microphone or too little voice.
    pub(crate) fn estimate(&self) -> Option<Bearing> {
        // 60 ms of voice at least.
        if self.channels < 2 || self.blocks < 5.0 || self.weight <= 0.0 {
            return None;
        }
        let best = (0..DIRECTIONS)
            .filter(|d| self.allowed(*d))
            .max_by(|a, b| self.map[*a].total_cmp(&self.map[*b]))?;
        let mean = self.map.iter().sum::<f32>() / DIRECTIONS as f32;
        // Sound from everywhere makes a flat map.
        let confidence = ((self.map[best] - mean) / (self.map[best] + mean + 1e-20)).clamp(0.0, 1.0);
        Some(self.bearing(best, confidence))
    }

    /// Whoever talked within the last second or two, the clearest first.
    pub(crate) fn talkers(&self) -> [Option<Bearing>; 2] {
        let around = |d: usize, k: usize| (d + DIRECTIONS + k - WIDE) % DIRECTIONS;
        let mass: Map = std::array::from_fn(|d| (0..=2 * WIDE).map(|k| self.talkers[around(d, k)]).sum());
        let hill = |d: usize| {
            self.allowed(d)
                && (1..=WIDE).all(|k| {
                    mass[d] > mass[(d + k) % DIRECTIONS] && mass[d] >= mass[(d + DIRECTIONS - k) % DIRECTIONS]
                })
        };
        let highest = |except: Option<usize>| {
            (0..DIRECTIONS)
                .filter(|d| except.is_none_or(|e| d.abs_diff(e).min(DIRECTIONS - d.abs_diff(e)) >= APART))
                .filter(|d| hill(*d))
                .max_by(|a, b| mass[*a].total_cmp(&mass[*b]))
        };
        let Some(first) = highest(None).filter(|d| mass[*d] > 1e-3) else {
            return [None; 2];
        };
        let second = highest(Some(first)).filter(|d| mass[*d] >= SECOND * mass[first]);
        let total = self.talkers.iter().sum::<f32>();
        [Some(first), second].map(|d| {
            d.map(|d| {
                // Shares fall on the directions beside the talker, the nearer one gets more: their mean is between.
                let lean = (0..=2 * WIDE).map(|k| k as f32 * self.talkers[around(d, k)]).sum::<f32>();
                self.seen(d as f32 + lean / mass[d] - WIDE as f32, mass[d] / total)
            })
        })
    }

    /// One half of the plane for microphones on a line: the other is its mirror image.
    fn allowed(&self, direction: usize) -> bool {
        self.linear_axis_deg
            .is_none_or(|axis| (direction as f32 * STEP_DEG - axis + 0.1).rem_euclid(360.0) <= 180.2)
    }

    /// The top of the hill around `direction`.
    fn bearing(&self, direction: usize, confidence: f32) -> Bearing {
        let around = |d: usize| self.map[(direction + d) % DIRECTIONS];
        let (l, m, r) = (around(DIRECTIONS - 1), around(0), around(1));
        let bend = l - 2.0 * m + r;
        let shift = if bend < 0.0 { (0.5 * (l - r) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        self.seen(direction as f32 + shift, confidence)
    }

    fn seen(&self, direction: f32, confidence: f32) -> Bearing {
        let degrees = (direction * STEP_DEG).rem_euclid(360.0);
        let mirror_degrees = self.linear_axis_deg.map(|axis| (2.0 * axis - degrees).rem_euclid(360.0));
        Bearing { degrees, confidence, mirror_degrees }
    }

    /// A new voice may come from anywhere: what was gathered counts for little.
    pub(crate) fn fade(&mut self, keep: f32) {
        self.map.iter_mut().for_each(|m| *m *= keep);
        self.weight *= keep;
        self.blocks *= keep;
    }
}

/// Phase of a wave from `degrees` at a microphone, relative to the centre, for one bin: `e^{+jω p·u/c}`.
pub(crate) fn arrival(mic_mm: [f32; 3], degrees: f32, bin: usize) -> Complex32 {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let lead_s = (mic_mm[0] * cos + mic_mm[1] * sin) / 1_000.0 / SPEED_OF_SOUND;
    Complex32::from_polar(1.0, 2.0 * PI * bin as f32 * BIN_HZ * lead_s)
}
