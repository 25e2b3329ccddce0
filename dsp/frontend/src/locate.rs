//! Bearing: steered response power with phase transform (SRP-PHAT) over all microphones.
//!
//! Each bin that stands above the noise and above the room's own tail is whitened per microphone and steered at every
//! fifth degree; what all pairs would add up to (their cross-spectra at the lag of that direction) is the power of the
//! steered sum. The last quarter of a second of voice is kept, and a parabola through the best three directions gives
//! the bearing. A wave from bearing `u` reaches microphone `p` earlier than the centre by `p·u / c`.
//!
//! Two people who talk at once share the plane but seldom a band of 190 Hz in the same hundredth of a second. So each
//! band's own map is sharpened before it is gathered: squared for the bearing, to the sixteenth power for the talkers of
//! the last seconds, who are its two highest hills.

use std::f32::consts::PI;

use realfft::num_complex::Complex32;

use crate::Bearing;
use crate::scene::Scene;
use crate::stft::{BIN_HZ, BINS, Spectrum};
use crate::wide::widely;

/// Metres per second at 20 °C.
pub(crate) const SPEED_OF_SOUND: f32 = 343.0;
/// Every 5 degrees; the opposite of a direction has conjugate phases, so half of them are kept.
const DIRECTIONS: usize = 72;
const HALF: usize = DIRECTIONS / 2;
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
/// A block counts as voice when it is this loud. On the bench 1.5 misses voices in noise as loud, 1.2 lets noise spoil the
/// bearings.
const VOICED: f32 = 1.3;
/// What is kept per block of voice: a time constant of 250 ms.
const KEEP: f32 = 0.96;
/// The same for two talkers: two and a half seconds.
const KEEP_TALKERS: f32 = 0.996;
/// Bins of one band of the talkers' map.
const BAND: usize = 6;
/// Two talkers sit at least this many directions apart: 20°.
const APART: usize = 4;
/// The second hill is a person when it is at least this share of the first.
const SECOND: f32 = 0.3;

type Map = [f32; DIRECTIONS];
type Lanes = [f32; HALF];

#[derive(Debug)]
pub(crate) struct Locator {
    channels: usize,
    /// `[bins × channels]`: phases of the arrival from each direction.
    steer: Box<[(Lanes, Lanes)]>,
    map: Map,
    talkers: Map,
    weight: f32,
    blocks: f32,
    tail: [f32; BINS],
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
                    (std::array::from_fn(|d| at(d).re), std::array::from_fn(|d| at(d).im))
                })
            })
            .collect();
        Self {
            channels: mics_mm.len(),
            steer,
            map: [0.0; DIRECTIONS],
            talkers: [0.0; DIRECTIONS],
            weight: 0.0,
            blocks: 0.0,
            tail: [0.0; BINS],
            linear_axis_deg: line_axis_deg(mics_mm),
        }
    }

    /// One frame of all microphones without Prim's own voice; `usable[m]` is false for microphones to leave out.
    /// Returns whether it counted as voice.
    pub(crate) fn push(&mut self, spectra: &[Spectrum], usable: &[bool], scene: &Scene) -> bool {
        if self.channels < 2 {
            return false;
        }
        let mut clear = [0.0; BINS];
        for (f, clear) in clear.iter_mut().enumerate().take(TO).skip(FROM) {
            let (p, floor) = (scene.power[f], scene.floor[f]);
            let tail = LINGER * self.tail[f];
            self.tail[f] = if p > tail { p } else { tail };
            if p > AUDIBLE * floor {
                *clear = (p / (tail + floor) - 1.0).clamp(0.0, CLEAREST);
            }
        }
        if scene.loudness(FROM..TO) < VOICED {
            return false;
        }
        for m in &mut self.map {
            *m *= KEEP;
        }
        for t in &mut self.talkers {
            *t *= KEEP_TALKERS;
        }
        self.weight *= KEEP;
        widely(
            #[inline(always)]
            || {
                for band in (FROM..TO).step_by(BAND) {
                    self.gather(spectra, usable, &clear, band..(band + BAND).min(TO));
                }
            },
        );
        self.blocks = self.blocks * KEEP + 1.0;
        true
    }

    #[inline(always)]
    fn gather(
        &mut self,
        spectra: &[Spectrum],
        usable: &[bool],
        clear: &[f32; BINS],
        band: std::ops::Range<usize>,
    ) {
        let mut here: Map = [0.0; DIRECTIONS];
        let mut sum = 0.0;
        for f in band.clone().filter(|f| clear[*f] > 0.0) {
            // conj(a)·x for a direction and, with the other signs, for its opposite.
            let (mut rr, mut ii, mut ri, mut ir) = ([0.0; HALF], [0.0; HALF], [0.0; HALF], [0.0; HALF]);
            let rows = &self.steer[(f - FROM) * self.channels..(f - FROM + 1) * self.channels];
            for (((re, im), spectrum), _) in rows.iter().zip(spectra).zip(usable).filter(|(_, used)| **used) {
                let white = spectrum[f] / (spectrum[f].norm_sqr().sqrt() + 1e-20);
                for d in 0..HALF {
                    rr[d] += re[d] * white.re;
                    ii[d] += im[d] * white.im;
                    ri[d] += re[d] * white.im;
                    ir[d] += im[d] * white.re;
                }
            }
            let w = clear[f];
            for d in 0..HALF {
                let (a, b) = (rr[d] + ii[d], ri[d] - ir[d]);
                let (c, e) = (rr[d] - ii[d], ri[d] + ir[d]);
                here[d] += w * (a * a + b * b);
                here[d + HALF] += w * (c * c + e * e);
            }
            sum += w;
        }
        if sum == 0.0 {
            return;
        }
        let top = here.iter().copied().fold(1e-20, f32::max);
        for ((map, talkers), h) in self.map.iter_mut().zip(&mut self.talkers).zip(&here) {
            *map += h * (h / top);
            let sharp = (h / top).powi(16);
            *talkers += sum * sharp;
        }
        self.weight += sum;
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
        Some(self.bearing(&self.map, best, confidence))
    }

    /// Whoever talked within the last second or two, the clearest first.
    pub(crate) fn talkers(&self) -> [Option<Bearing>; 2] {
        let map = &self.talkers;
        let hill = |d: usize| {
            self.allowed(d)
                && (1..=APART / 2).all(|k| {
                    map[d] > map[(d + k) % DIRECTIONS] && map[d] >= map[(d + DIRECTIONS - k) % DIRECTIONS]
                })
        };
        let highest = |except: Option<usize>| {
            (0..DIRECTIONS)
                .filter(|d| except.is_none_or(|e| d.abs_diff(e).min(DIRECTIONS - d.abs_diff(e)) >= APART))
                .filter(|d| hill(*d))
                .max_by(|a, b| map[*a].total_cmp(&map[*b]))
        };
        let total = map.iter().sum::<f32>() + 1e-20;
        let Some(first) = highest(None).filter(|d| map[*d] > 1e-3) else {
            return [None; 2];
        };
        let second = highest(Some(first)).filter(|d| map[*d] >= SECOND * map[first]);
        [Some(first), second].map(|d| d.map(|d| self.bearing(map, d, (map[d] / total).clamp(0.0, 1.0))))
    }

    /// One half of the plane for microphones on a line: the other is its mirror image.
    fn allowed(&self, direction: usize) -> bool {
        self.linear_axis_deg
            .is_none_or(|axis| (direction as f32 * STEP_DEG - axis + 0.1).rem_euclid(360.0) <= 180.2)
    }

    /// The top of the hill around `direction`.
    fn bearing(&self, map: &Map, direction: usize, confidence: f32) -> Bearing {
        let around = |d: usize| map[(direction + d) % DIRECTIONS];
        let (l, m, r) = (around(DIRECTIONS - 1), around(0), around(1));
        let bend = l - 2.0 * m + r;
        let shift = if bend < 0.0 { (0.5 * (l - r) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        let degrees = ((direction as f32 + shift) * STEP_DEG).rem_euclid(360.0);
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
