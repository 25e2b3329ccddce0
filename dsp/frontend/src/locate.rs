//! Bearing: steered response power with phase transform (SRP-PHAT) over all pairs of microphones.
//!
//! The cross-spectra of bins that stand above the noise are whitened and gathered over the last quarter of a
//! second of voice; every 100 ms they are turned into correlation over lag, eight times finer than samples, and
//! each whole degree of the horizontal plane collects its pairs' values. A wave from bearing `u` reaches
//! microphone `p` earlier than the centre by `p·u / c`.

use std::f32::consts::PI;
use std::fmt;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner};

use crate::Bearing;
use crate::stft::{BIN_HZ, BINS, Spectrum, ZERO};

/// Metres per second at 20 °C.
pub(crate) const SPEED_OF_SOUND: f32 = 343.0;
/// Lags are read from a correlation at 128 kHz: at 7 kHz still 18 points a period.
const FINE: usize = 8;
const LAGS: usize = 512 * FINE;
const DIRECTIONS: usize = 360;
/// Bins with speech in them; below, wavelengths dwarf the array, above, there is little voice.
const FROM_HZ: f32 = 300.0;
const TO_HZ: f32 = 6_500.0;
/// A bin counts when it stands this far (power ratio, 10 dB) above its noise floor.
const AUDIBLE: f32 = 10.0;
/// Share of the speech band that has to be audible for a block to count as voice.
const VOICED_SHARE: f32 = 0.15;
/// What is kept of the gathered cross-spectra per block of voice: a time constant of 250 ms.
const KEEP: f32 = 0.96;

pub(crate) struct Locator {
    pairs: Vec<(usize, usize)>,
    cross: Box<[Spectrum]>,
    weight: f32,
    floor: [f32; BINS],
    primed: bool,
    steer: Box<[f32]>,
    power: Box<[f32; DIRECTIONS]>,
    linear_axis_deg: Option<f32>,
    ifft: Arc<dyn ComplexToReal<f32>>,
    bins: Vec<Complex32>,
    lags: Vec<f32>,
    scratch: Vec<Complex32>,
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locator").field("pairs", &self.pairs).finish_non_exhaustive()
    }
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
        let n = mics_mm.len();
        let pairs: Vec<_> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
        let ifft = RealFftPlanner::new().plan_fft_inverse(LAGS);
        let steer = (0..DIRECTIONS)
            .flat_map(|deg| {
                let (sin, cos) = (deg as f32).to_radians().sin_cos();
                pairs.iter().map(move |&(i, j)| {
                    let d = [0, 1].map(|k| (mics_mm[i][k] - mics_mm[j][k]) / 1_000.0);
                    // x_i leads x_j by this: X_i X_j* has the phase +ω·lead, its correlation peaks at −lead.
                    -(d[0] * cos + d[1] * sin) / SPEED_OF_SOUND * 16_000.0 * FINE as f32
                })
            })
            .collect();
        Self {
            cross: vec![[ZERO; BINS]; pairs.len()].into_boxed_slice(),
            weight: 0.0,
            floor: [0.0; BINS],
            primed: false,
            steer,
            power: Box::new([0.0; DIRECTIONS]),
            linear_axis_deg: line_axis_deg(mics_mm),
            bins: ifft.make_input_vec(),
            lags: ifft.make_output_vec(),
            scratch: ifft.make_scratch_vec(),
            ifft,
            pairs,
        }
    }

    /// One frame of all microphones; `usable[m]` is false for microphones to leave out, `gather` false while
    /// Prim is heard (only the noise floor is then left alone too). Returns whether it counted as voice.
    pub(crate) fn push(&mut self, spectra: &[Spectrum], usable: &[bool], gather: bool) -> bool {
        let (lo, hi) = ((FROM_HZ / BIN_HZ) as usize, (TO_HZ / BIN_HZ) as usize);
        if !gather || self.pairs.is_empty() {
            return false;
        }
        let first = usable.iter().position(|u| *u).unwrap_or(0);
        let mut audible = [false; BINS];
        let mut count = 0;
        for f in lo..hi {
            let p = spectra[first][f].norm_sqr();
            let floor = &mut self.floor[f];
            if !self.primed {
                *floor = p;
            }
            // Minimum tracking: quickly down, up by 1 dB in 100 ms at most, so that speech hardly lifts it.
            *floor = if p < *floor { *floor + 0.2 * (p - *floor) } else { *floor * 1.003 + 1e-12 };
            audible[f] = p > *floor * AUDIBLE;
            count += usize::from(audible[f]);
        }
        self.primed = true;
        if (count as f32) < VOICED_SHARE * (hi - lo) as f32 {
            return false;
        }
        for (&(i, j), cross) in self.pairs.iter().zip(self.cross.iter_mut()) {
            let both = usable[i] && usable[j];
            for f in lo..hi {
                cross[f] *= KEEP;
                if both && audible[f] {
                    let c = spectra[i][f] * spectra[j][f].conj();
                    cross[f] += c / (c.norm() + 1e-20);
                }
            }
        }
        self.weight = self.weight * KEEP + 1.0;
        true
    }

    /// The best direction of what was gathered; `None` with one microphone or too little voice.
    pub(crate) fn estimate(&mut self) -> Option<Bearing> {
        // 60 ms of voice at least.
        if self.pairs.is_empty() || self.weight < 5.0 {
            return None;
        }
        self.power.fill(0.0);
        let n = self.pairs.len();
        let mut total = 0.0;
        for (pair, cross) in self.cross.iter().enumerate() {
            self.bins.fill(ZERO);
            self.bins[..BINS - 1].copy_from_slice(&cross[..BINS - 1]);
            self.bins[0].im = 0.0;
            total += cross.iter().map(|c| c.norm()).sum::<f32>();
            if self.ifft.process_with_scratch(&mut self.bins, &mut self.lags, &mut self.scratch).is_err() {
                return None;
            }
            for (deg, power) in self.power.iter_mut().enumerate() {
                let lag = self.steer[deg * n + pair];
                let whole = lag.floor();
                let part = lag - whole;
                let at = (whole as i64).rem_euclid(LAGS as i64) as usize;
                *power += self.lags[at] * (1.0 - part) + self.lags[(at + 1) % LAGS] * part;
            }
        }
        let best = self.best()?;
        let mean = self.power.iter().sum::<f32>() / DIRECTIONS as f32;
        let around = |d: usize| self.power[(best + d) % DIRECTIONS];
        let (l, m, r) = (around(DIRECTIONS - 1), around(0), around(1));
        let bend = l - 2.0 * m + r;
        let shift = if bend < 0.0 { (0.5 * (l - r) / bend).clamp(-0.5, 0.5) } else { 0.0 };
        let degrees = (best as f32 + shift).rem_euclid(360.0);
        // All pairs in phase in every gathered bin would give twice the sum of magnitudes.
        let confidence = ((m - mean) / (2.0 * total + 1e-20)).clamp(0.0, 1.0);
        let mirror_degrees = self.linear_axis_deg.map(|axis| (2.0 * axis - degrees).rem_euclid(360.0));
        Some(Bearing { degrees, confidence, mirror_degrees })
    }

    fn best(&self) -> Option<usize> {
        let allowed = |deg: usize| match self.linear_axis_deg {
            None => true,
            // One half of the plane: the other is its mirror image.
            Some(axis) => (deg as f32 - axis).rem_euclid(360.0) <= 180.0,
        };
        (0..DIRECTIONS).filter(|d| allowed(*d)).max_by(|a, b| self.power[*a].total_cmp(&self.power[*b]))
    }

    /// A new voice may come from anywhere: what was gathered counts for little.
    pub(crate) fn fade(&mut self, keep: f32) {
        for c in &mut self.cross {
            c.iter_mut().for_each(|b| *b *= keep);
        }
        self.weight *= keep;
    }
}

/// Phase of a wave from `degrees` at a microphone, relative to the centre, for one bin: `e^{+jω p·u/c}`.
pub(crate) fn arrival(mic_mm: [f32; 3], degrees: f32, bin: usize) -> Complex32 {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let lead_s = (mic_mm[0] * cos + mic_mm[1] * sin) / 1_000.0 / SPEED_OF_SOUND;
    Complex32::from_polar(1.0, 2.0 * PI * bin as f32 * BIN_HZ * lead_s)
}
