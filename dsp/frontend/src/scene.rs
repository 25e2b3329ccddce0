//! What stands out of the room's noise: the power of each bin over all microphones, and the noise floor under it.

use crate::floor::Floor;
use crate::stft::{BINS, Spectrum};

/// A bin is noise while its power over 50 ms is below this over the least of two seconds.
const NOISY: f32 = 1.8;
/// Mean noise over its quiet end, where the floor is.
const ABOVE_FLOOR: f32 = 2.5;
/// Power below which a bin is empty: −120 dBFS over a window.
const NOTHING: f32 = 1e-12;
/// Share of a block in the noise's mean: a third of a second.
const FOLLOW: f32 = 0.03;
/// Blocks until a window is full.
const UNFILLED: u32 = 4;
/// Blocks that the floor is first taken from, 80 ms behind those.
const PRIMED: u32 = UNFILLED + 8;
const HALF_SECOND: u32 = 50;
const HALVES: usize = 5;

/// Powers of the present block, floors of the seconds before it.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Mean power over the microphones that can be believed.
    pub(crate) power: [f32; BINS],
    pub(crate) floor: [f32; BINS],
    smooth: [f32; BINS],
    quiet: [f32; BINS],
    /// Mean power of the noise.
    noise: [f32; BINS],
    /// The same without a lean towards quiet moments, which are what `noise` is taken from, and where a voice stands above it.
    pub(crate) mean: Floor,
    /// Least `smooth` of each of the last half seconds, the present one last.
    least: [[f32; BINS]; HALVES],
    /// Blocks so far, until the floor is taken.
    first: u32,
    /// Blocks of the present half second.
    blocks: u32,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let none = [0.0; BINS];
        Self {
            power: none,
            floor: none,
            smooth: none,
            quiet: none,
            noise: none,
            mean: Floor::new(),
            least: [[f32::MAX; BINS]; HALVES],
            first: 0,
            blocks: 0,
        }
    }

    /// One frame without Prim's own voice; `usable[m]` is false for microphones to leave out.
    pub(crate) fn push(&mut self, spectra: &[Spectrum], usable: &[bool]) {
        let used = usable.iter().zip(spectra).filter(|(u, _)| **u).count().max(1) as f32;
        self.power = [0.0; BINS];
        for (_, spectrum) in usable.iter().zip(spectra).filter(|(u, _)| **u) {
            for (p, x) in self.power.iter_mut().zip(spectrum) {
                *p += x.norm_sqr() / used;
            }
        }
        self.mean.learn(self.power.iter().copied());
        // The first windows are not full yet, the next ones tell what the room is like.
        if self.first < PRIMED {
            self.first += 1;
            let share = 1.0 / (self.first.saturating_sub(UNFILLED).max(1)) as f32;
            for ((floor, smooth), &p) in self.floor.iter_mut().zip(&mut self.smooth).zip(&self.power) {
                *floor += share * (p / ABOVE_FLOOR - *floor);
                *smooth += share * (p - *smooth);
            }
            self.noise = self.smooth;
            return;
        }
        self.blocks += 1;
        if self.blocks == HALF_SECOND {
            self.blocks = 0;
            self.least.rotate_left(1);
            self.least[HALVES - 1] = [f32::MAX; BINS];
        }
        for f in 0..BINS {
            let p = self.power[f];
            let floor = &mut self.floor[f];
            // Minimum tracking: quickly down, up by 1.3 dB a second, so that speech hardly lifts it.
            *floor = if p < *floor { *floor + 0.2 * (p - *floor) } else { *floor * 1.003 + NOTHING };
            self.smooth[f] += 0.2 * (p - self.smooth[f]);
            let now = &mut self.least[HALVES - 1][f];
            *now = now.min(self.smooth[f]);
        }
        for f in 0..BINS {
            self.quiet[f] = self.least.iter().map(|l| l[f]).fold(f32::MAX, f32::min);
            if self.noisy(f) {
                self.noise[f] += FOLLOW * (self.power[f] - self.noise[f]);
            }
        }
    }

    /// How loud a block is in these bins: the mean over them of power over noise, each at most ten times, so that a single
    /// hum is no voice. Noise alone is about 1 and hardly wavers over two hundred bins.
    pub(crate) fn loudness(&self, bins: std::ops::Range<usize>) -> f32 {
        let n = bins.len().max(1) as f32;
        bins.map(|f| (self.power[f] / (self.noise[f] + NOTHING)).min(10.0)).sum::<f32>() / n
    }

    /// Whether a bin has more than `times` the noise's mean.
    pub(crate) fn stands_out(&self, bin: usize, times: f32) -> bool {
        self.power[bin] > times * self.mean.noise[bin]
    }

    /// Whether a bin holds nothing but noise.
    fn noisy(&self, bin: usize) -> bool {
        self.smooth[bin] < NOISY * self.quiet[bin]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use realfft::num_complex::Complex32;

    /// White noise of this amplitude on `mics` microphones.
    fn noise(seed: &mut u32, amplitude: f32, mics: usize) -> Vec<Spectrum> {
        let mut part = || {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (*seed >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..mics)
            .map(|_| std::array::from_fn(|_| Complex32::new(amplitude * part(), amplitude * part())))
            .collect()
    }

    #[test]
    fn a_room_is_known_after_a_tenth_of_a_second_also_behind_windows_that_were_not_full() {
        let (mut scene, mut seed) = (Scene::new(), 1);
        for n in 0..200 {
            let filled = (n as f32 / 4.0).min(1.0);
            scene.push(&noise(&mut seed, filled * 0.1, 4), &[true; 4]);
            let loud = scene.loudness(9..208);
            assert!(n < 12 || loud < 1.3, "block {n}: {loud}");
        }
    }

    #[test]
    fn a_fan_that_is_switched_on_is_noise_again_within_four_seconds() {
        let (mut scene, mut seed) = (Scene::new(), 2);
        for n in 0..900 {
            let amplitude = if n < 200 { 0.01 } else { 0.1 };
            scene.push(&noise(&mut seed, amplitude, 4), &[true; 4]);
            let loud = scene.loudness(9..208);
            assert!(n != 220 || loud > 5.0, "block {n}: {loud}");
            assert!(n < 600 || loud < 1.3, "block {n}: {loud}");
        }
    }
}
