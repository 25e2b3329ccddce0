//! Bearing: whose voice each bin is, and where the voices are, from one steered map per bin.
//!
//! Each bin that stands above the noise and above the room's own tail is whitened per microphone and steered in 96
//! directions: what all pairs would add up to (their cross-spectra at the lag of that direction) is the power of the
//! steered sum (SRP-PHAT, DiBiase 2000). A wave from bearing `u` reaches microphone `p` earlier than the centre by
//! `p·u / c`. What the bins say is gathered in two mixtures of directions ([`Mixture`]): one knows the last quarter of a
//! second of voice and gives the bearing, the other the last seconds and gives whoever talked in them.

use std::f32::consts::PI;

use realfft::num_complex::Complex32;

use crate::bearing::difference;
use crate::mixture::{Mixture, WIDE, evidence};
use crate::scene::Scene;
use crate::stft::{BIN_HZ, BINS, Spectrum};
use crate::wide::widely;
use crate::{Bearing, MAX_CHANNELS};

/// Metres per second at 20 °C.
pub(crate) const SPEED_OF_SOUND: f32 = 343.0;
/// Every 3.75 degrees; the opposite of a direction has conjugate phases, so half of them are kept.
pub(crate) const DIRECTIONS: usize = 96;
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
/// What is kept per block of voice: a time constant of 250 ms, and of two and a half seconds for whoever talked.
const KEEP: f32 = 0.96;
const KEEP_TALKERS: f32 = 0.996;
/// How surely a clear bin belongs where its steered power is highest; for whoever talked, and for voices, three times as surely.
const CONCENTRATION: f32 = 8.0;
/// The same for who is surely a voice: a second.
const KEEP_VOICES: f32 = 0.99;
/// A bin of a voice stands this far above the mean of the noise (8 dB): one in four hundred of steady noise does by chance.
const LOUD: f32 = 6.0;
/// Clearness of such bins per block from one place that makes it a voice's: three bins of two hundred, or one and a half of a
/// held vowel's onset. With a memory of 2.5 s a fan as loud as a voice had 0.5, echoes of a voice 1, a rival 5 to 12.
const VOICE: f32 = 4.0;
/// What is heard within this of a voice is hers.
const HERS_DEG: f32 = 15.0;
/// Two talkers sit at least this many directions apart: 22.5°.
const APART: usize = 6;
/// The second hill is a person when it has at least this share of the first; three of four echoes of the first have less.
const SECOND: f32 = 0.15;

/// A number per direction.
pub(crate) type Map = [f32; DIRECTIONS];
/// Real and imaginary parts of the phases of half of the directions.
type Phases = [[[f32; LANES]; 2]; HALF / LANES];

#[derive(Debug)]
pub(crate) struct Locator {
    channels: usize,
    /// `[bins × channels]`: phases of the arrival from each direction.
    steer: Box<[Phases]>,
    /// Of the last quarter of a second, and of the last seconds.
    now: Mixture,
    talkers: Mixture,
    /// Of what stands well above the mean of the noise in the last second.
    voices: Mixture,
    /// Blocks of voice that `now` knows.
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
            now: Mixture::new(),
            talkers: Mixture::new(),
            voices: Mixture::new(),
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
        let heard = self.tail.iter_mut().zip(&scene.power).zip(&scene.floor).zip(&mut clear);
        for (((tail, &p), &floor), clear) in heard.take(TO).skip(FROM) {
            let lingers = LINGER * *tail;
            *tail = p.max(lingers);
            if p > AUDIBLE * floor {
                *clear = (p / (lingers + floor) - 1.0).clamp(0.0, CLEAREST);
            }
        }
        if scene.loudness(FROM..TO) < VOICED {
            return false;
        }
        if usable.iter().take(self.channels).filter(|u| **u).count() < 2 {
            // One microphone hears from everywhere alike: what was known is no longer heard.
            self.fade(0.0);
            return true;
        }
        self.now.fade(KEEP);
        self.talkers.fade(KEEP_TALKERS);
        self.voices.fade(KEEP_VOICES);
        widely(
            #[inline(always)]
            || {
                for f in (FROM..TO).filter(|f| clear[*f] > CLEAR) {
                    let power = self.steered(spectra, usable, f);
                    let says = evidence(&power, CONCENTRATION, clear[f]);
                    self.now.share(&says, clear[f]);
                    let surer = says.map(|e| e.powi(3));
                    self.talkers.share(&surer, clear[f]);
                    if scene.stands_out(f, LOUD) {
                        self.voices.share(&surer, clear[f]);
                    }
                }
            },
        );
        self.blocks = self.blocks * KEEP + 1.0;
        self.now.settle();
        self.talkers.settle();
        self.voices.settle();
        true
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

    /// Where the voice of the last quarter of a second comes from, as sure as its hill stands above what is heard from
    /// elsewhere; `None` with one microphone or too little voice.
    pub(crate) fn estimate(&self) -> Option<Bearing> {
        // 60 ms of voice at least.
        if self.channels < 2 || self.blocks < 5.0 {
            return None;
        }
        let hills = self.now.hills();
        let best = self.highest(&hills, None)?;
        let other = self.highest(&hills, Some(best)).map_or(0.0, |d| hills[d]);
        (hills[best] > 0.0).then(|| self.seen(&self.now, best, 1.0 - other / hills[best]))
    }

    /// Whoever talked within the last seconds, the clearest first, as sure as much of the talk was theirs.
    pub(crate) fn talkers(&self) -> [Option<Bearing>; 2] {
        self.told(&self.talkers)
    }

    /// Whether what comes from `degrees` is a voice's and no fan's: of a steady sound hardly a bin stands well above its own
    /// mean, of a voice many do. In noise as loud as itself a voice may be none.
    pub(crate) fn is_voice(&self, degrees: f32) -> bool {
        self.voiced(degrees) > VOICE
    }

    /// Clearness per block that came from around `degrees` and stood well above the noise.
    fn voiced(&self, degrees: f32) -> f32 {
        let direction = (degrees / STEP_DEG).round() as usize % DIRECTIONS;
        self.voices.hills()[direction] * (1.0 - KEEP_VOICES)
    }

    /// Where somebody talks beside the voice from `degrees`. The bearing tells so when that voice takes a breath, up to two
    /// seconds later.
    pub(crate) fn beside(&self, degrees: f32) -> Option<f32> {
        let [Some(first), Some(second)] = self.told(&self.voices) else { return None };
        let hers = |b: Bearing| difference(b.degrees, degrees).abs() <= HERS_DEG;
        let other = if hers(first) { Some(second) } else { Some(first).filter(|_| hers(second)) };
        other.map(|b| b.degrees).filter(|d| self.is_voice(*d))
    }

    fn told(&self, of: &Mixture) -> [Option<Bearing>; 2] {
        let hills = of.hills();
        let tops: Map = std::array::from_fn(|d| if is_top(&hills, d) { hills[d] } else { 0.0 });
        let Some(first) = self.highest(&tops, None).filter(|d| tops[*d] > 1e-3) else {
            return [None; 2];
        };
        let second = self.highest(&tops, Some(first)).filter(|d| tops[*d] >= SECOND * tops[first]);
        // A line of microphones gives half of the talk to its mirror image.
        let all = of.all() * if self.linear_axis_deg.is_some() { 0.5 } else { 1.0 };
        [Some(first), second].map(|d| d.map(|d| self.seen(of, d, tops[d] / all)))
    }

    /// The direction with the most, well apart from another one.
    fn highest(&self, hills: &Map, apart_from: Option<usize>) -> Option<usize> {
        let apart = |d: usize, e: usize| d.abs_diff(e).min(DIRECTIONS - d.abs_diff(e)) >= APART;
        (0..DIRECTIONS)
            .filter(|d| self.allowed(*d) && apart_from.is_none_or(|e| apart(*d, e)))
            .max_by(|a, b| hills[*a].total_cmp(&hills[*b]))
    }

    /// One half of the plane for microphones on a line: the other is its mirror image.
    fn allowed(&self, direction: usize) -> bool {
        self.linear_axis_deg
            .is_none_or(|axis| (direction as f32 * STEP_DEG - axis + 0.1).rem_euclid(360.0) <= 180.2)
    }

    fn seen(&self, mixture: &Mixture, top: usize, confidence: f32) -> Bearing {
        let degrees = (mixture.middle(top) * STEP_DEG).rem_euclid(360.0);
        let mirror_degrees = self.linear_axis_deg.map(|axis| (2.0 * axis - degrees).rem_euclid(360.0));
        Bearing { degrees, confidence: confidence.clamp(0.0, 1.0), mirror_degrees }
    }

    /// A new voice may come from anywhere: what was gathered counts for little.
    pub(crate) fn fade(&mut self, keep: f32) {
        self.now.fade(keep);
        self.now.settle();
        self.blocks *= keep;
    }
}

/// Whether nothing beside `direction` is higher.
fn is_top(hills: &Map, direction: usize) -> bool {
    (1..=WIDE).all(|k| {
        hills[direction] > hills[(direction + k) % DIRECTIONS]
            && hills[direction] >= hills[(direction + DIRECTIONS - k) % DIRECTIONS]
    })
}

/// Phase of a wave from `degrees` at a microphone, relative to the centre, for one bin: `e^{+jω p·u/c}`.
pub(crate) fn arrival(mic_mm: [f32; 3], degrees: f32, bin: usize) -> Complex32 {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let lead_s = (mic_mm[0] * cos + mic_mm[1] * sin) / 1_000.0 / SPEED_OF_SOUND;
    Complex32::from_polar(1.0, 2.0 * PI * bin as f32 * BIN_HZ * lead_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: [[f32; 3]; 4] = [[35.0, 0.0, 0.0], [0.0, 35.0, 0.0], [-35.0, 0.0, 0.0], [0.0, -35.0, 0.0]];

    /// A locator that knows the room's noise and then hears this for a second: waves from these places take turns in the
    /// bins, each 20 dB over the noise.
    fn heard(mics: &[[f32; 3]], places: &[f32], usable: &[bool]) -> Locator {
        let (mut locator, mut scene, mut seed) = (Locator::new(mics), Scene::new(), 1_u32);
        let mut part = move || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        for block in 0..200_usize {
            let talk = block >= 100;
            let mut spectra = vec![[Complex32::default(); BINS]; mics.len()];
            for f in 0..BINS {
                let wave = Complex32::new(part(), part()) * if talk { 0.1 } else { 0.0 };
                let from = places[(f + block) % places.len()];
                for (spectrum, mic) in spectra.iter_mut().zip(mics) {
                    spectrum[f] = wave * arrival(*mic, from, f) + Complex32::new(part(), part()) * 0.01;
                }
            }
            scene.push(&spectra, usable);
            locator.push(&spectra, usable, &scene);
        }
        locator
    }

    #[test]
    fn one_voice_is_sure_and_two_at_once_are_not_but_both_are_talkers() {
        let one = heard(&RING, &[77.0], &[true; 4]).estimate().map(|b| (b.degrees, b.confidence));
        assert!(one.is_some_and(|(d, c)| (d - 77.0).abs() < 1.0 && c > 0.8), "{one:?}");
        let two = heard(&RING, &[77.0, 200.0], &[true; 4]);
        let sure = two.estimate().map(|b| b.confidence);
        assert!(sure.is_some_and(|c| c < 0.5), "{sure:?}");
        let mut talkers: Vec<f32> = two.talkers().iter().flatten().map(|b| b.degrees).collect();
        talkers.sort_by(f32::total_cmp);
        assert!(talkers.len() == 2 && (talkers[0] - 77.0).abs() < 3.0, "{talkers:?}");
        assert!((talkers[1] - 200.0).abs() < 3.0, "{talkers:?}");
    }

    #[test]
    fn one_microphone_that_is_left_knows_no_bearing() {
        let mut locator = heard(&RING, &[77.0], &[true; 4]);
        assert!(locator.estimate().is_some());
        let mut scene = Scene::new();
        let loud = vec![[Complex32::ONE; BINS]; 4];
        for _ in 0..20 {
            let usable = [true, false, false, false];
            scene.push(&vec![[Complex32::new(0.001, 0.0); BINS]; 4], &usable);
        }
        scene.push(&loud, &[true, false, false, false]);
        assert!(locator.push(&loud, &[true, false, false, false], &scene), "it is loud");
        assert_eq!(locator.estimate(), None);
    }

    #[test]
    fn a_line_hears_a_lone_voice_as_surely_as_a_ring() {
        let line: Vec<[f32; 3]> = (0..4).map(|i| [30.0 * i as f32, 0.0, 0.0]).collect();
        let seen = heard(&line, &[70.0], &[true; 4]);
        let one = seen.estimate().map(|b| (b.degrees, b.confidence));
        assert!(one.is_some_and(|(d, c)| (d - 70.0).abs() < 2.0 && c > 0.5), "{one:?}");
        let share = seen.talkers()[0].map(|b| b.confidence);
        assert!(share.is_some_and(|s| s > 0.7), "{share:?}");
    }

    /// A second of something steady from 200°, and three with syllables from 77° beside it: 150 ms long, 150 ms apart, each
    /// in a third of the bins and 12 dB louder there.
    fn beside_a_fan(voice: f32) -> Locator {
        let (mut locator, mut scene, mut seed) = (Locator::new(&RING), Scene::new(), 1_u32);
        let mut normal = move || {
            let mut part = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 8) as f32 / 8_388_608.0 - 1.0
            };
            (0..4).map(|_| part()).sum::<f32>()
        };
        // Windows of three blocks overlap, so that a fan's blocks are alike.
        let mut fan = [Complex32::default(); BINS];
        for block in 0..400_usize {
            let mut spectra = vec![[Complex32::default(); BINS]; RING.len()];
            for f in 0..BINS {
                let said = block >= 100 && block % 30 < 15 && (f + block / 30) % 3 == 0;
                let talk = Complex32::new(normal(), normal()) * if said { voice } else { 0.0 };
                fan[f] = fan[f] * 0.7 + Complex32::new(normal(), normal()) * 0.07;
                for (spectrum, mic) in spectra.iter_mut().zip(RING) {
                    spectrum[f] = talk * arrival(mic, 77.0, f) + fan[f] * arrival(mic, 200.0, f);
                }
            }
            scene.push(&spectra, &[true; 4]);
            locator.push(&spectra, &[true; 4], &scene);
        }
        locator
    }

    #[test]
    fn a_fan_with_a_place_is_no_voice_and_nobody_talks_beside_it() {
        let fan = beside_a_fan(0.0);
        let alone = fan.voiced(200.0);
        assert!(alone < VOICE, "{alone}");
        let both = beside_a_fan(0.4);
        let (voice, fan) = (both.voiced(77.0), both.voiced(200.0));
        assert!(voice > 2.0 * VOICE && fan < VOICE, "{voice} {fan}");
        assert_eq!(both.beside(77.0), None);
    }

    #[test]
    fn who_talks_beside_a_voice_is_known_within_a_second() {
        let two = heard(&RING, &[77.0, 200.0], &[true; 4]);
        for (from, other) in [(77.0, 200.0), (200.0, 77.0)] {
            let beside = two.beside(from);
            assert!(beside.is_some_and(|d| (d - other).abs() < 3.0), "{beside:?}");
        }
        assert_eq!(two.beside(300.0), None, "neither is the followed voice");
    }
}
