//! Who talks, as a mixture whose classes are directions.
//!
//! Each bin belongs to one direction, and which one is a question of what it says and of who talks at all: the recursive
//! expectation maximisation of a mixture (Schwartz and Gannot 2014, "Speaker tracking using recursive EM algorithms"; the
//! classes of phases are those of Mandel, Weiss and Ellis 2010, "Model-based expectation-maximization source separation
//! and localization"). A bin's share in a direction is the direction's weight so far times `exp(K·c·r)`, `r` the steered
//! power of its whitened spectrum and `c` how clear the bin is; the shares of the last blocks are the new weights. Broad
//! patterns of low frequencies gather that way where the narrow ones of high frequencies say that somebody is: neither
//! another voice nor an early reflection pulls at the flank of a hill.

use crate::locate::{DIRECTIONS, Map};

/// Share of all directions together in who may talk next: a new voice may come from anywhere.
const ANYWHERE: f32 = 0.5;
/// A talker is what lies within this many directions of a hill's top: 11°.
pub(crate) const WIDE: usize = 3;
/// Below this the forty-eighth power is no normal number any more.
const LEAST: f32 = 0.18;

/// `exp(K·c·r)` up to a factor, for a bin of clearness `clear` with this steered power, 0..=1 in each direction. In the place
/// of `exp(x)` stands the sixteenth power of `1 + x / 16`, and nought from −13 on. Its cube is nearly that of three times K,
/// and no denormal.
#[inline(always)]
pub(crate) fn evidence(power: &Map, concentration: f32, clear: f32) -> Map {
    let top = power.iter().copied().fold(0.0, f32::max);
    let sure = clear * concentration / 16.0;
    power.map(|p| {
        let base = 1.0 + sure * (p - top);
        if base > LEAST { base.powi(16) } else { 0.0 }
    })
}

#[derive(Debug)]
pub(crate) struct Mixture {
    /// How much of what was heard came from each direction.
    weights: Map,
    /// How likely the next bin comes from there, up to a factor.
    likely: Map,
}

impl Mixture {
    pub(crate) fn new() -> Self {
        Self { weights: [0.0; DIRECTIONS], likely: [1.0; DIRECTIONS] }
    }

    /// What was heard so far counts for `keep` of what it did.
    pub(crate) fn fade(&mut self, keep: f32) {
        self.weights.iter_mut().for_each(|w| *w *= keep);
    }

    /// A bin that says this is shared among all directions; it counts by how clear it is.
    #[inline(always)]
    pub(crate) fn share(&mut self, evidence: &Map, clear: f32) {
        let mut shares = self.likely;
        shares.iter_mut().zip(evidence).for_each(|(share, e)| *share *= e);
        let scale = clear / shares.iter().sum::<f32>();
        for (weight, share) in self.weights.iter_mut().zip(&shares) {
            *weight += scale * share;
        }
    }

    /// The shares of a block are the weights of the next one.
    pub(crate) fn settle(&mut self) {
        let anywhere = ANYWHERE / DIRECTIONS as f32 * self.all() + 1e-9;
        for (likely, w) in self.likely.iter_mut().zip(&self.weights) {
            *likely = w + anywhere;
        }
    }

    pub(crate) fn all(&self) -> f32 {
        self.weights.iter().sum()
    }

    /// What lies around each direction.
    pub(crate) fn hills(&self) -> Map {
        std::array::from_fn(|d| (0..=2 * WIDE).map(|k| self.around(d, k)).sum())
    }

    /// Where around `top` the weights lie, in directions: shares fall on the directions beside the talker, the nearer one
    /// gets more.
    pub(crate) fn middle(&self, top: usize) -> f32 {
        let (mut lean, mut hill) = (0.0, 0.0);
        for k in 0..=2 * WIDE {
            lean += k as f32 * self.around(top, k);
            hill += self.around(top, k);
        }
        top as f32 + lean / hill.max(f32::MIN_POSITIVE) - WIDE as f32
    }

    fn around(&self, direction: usize, k: usize) -> f32 {
        self.weights[(direction + DIRECTIONS + k - WIDE) % DIRECTIONS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a bin says of a wave from `from` (in directions): a hill as wide as the array is deaf.
    fn power(from: f32, wide: f32) -> Map {
        std::array::from_fn(|d| {
            let off = (d as f32 - from + 48.0).rem_euclid(96.0) - 48.0;
            (-(off / wide).powi(2)).exp()
        })
    }

    fn top(mixture: &Mixture) -> usize {
        let hills = mixture.hills();
        (0..DIRECTIONS).max_by(|a, b| hills[*a].total_cmp(&hills[*b])).unwrap_or(0)
    }

    #[test]
    fn an_echo_at_the_flank_of_broad_hills_does_not_pull_the_voice_towards_it() {
        let mut mixture = Mixture::new();
        let mut sum = [0.0; DIRECTIONS];
        for block in 0..40 {
            mixture.fade(0.96);
            for bin in 0..20 {
                let from = if (bin + block) % 3 == 0 { 34.0 } else { 20.4 };
                let heard = power(from, 5.0 + bin as f32);
                sum.iter_mut().zip(&heard).for_each(|(s, p)| *s += p);
                mixture.share(&evidence(&heard, 8.0, 1.0), 1.0);
            }
            mixture.settle();
        }
        let voice = mixture.middle(top(&mixture));
        assert!((voice - 20.4).abs() < 0.3, "{voice}");
        let summed = (0..DIRECTIONS).max_by(|a, b| sum[*a].total_cmp(&sum[*b])).unwrap_or(0);
        assert!(summed >= 22, "adding up would answer {summed}");
    }

    #[test]
    fn a_bin_is_shared_whole_whatever_it_says() {
        for heard in [power(3.2, 1.0), power(95.6, 40.0), [0.0; DIRECTIONS], [1.0; DIRECTIONS]] {
            let mut mixture = Mixture::new();
            mixture.share(&evidence(&heard, 16.0, 3.0), 3.0);
            mixture.settle();
            mixture.share(&evidence(&heard, 16.0, 0.5), 0.5);
            assert!((mixture.all() - 3.5).abs() < 1e-3, "{}", mixture.all());
        }
    }

    #[test]
    fn a_new_voice_is_believed_within_a_tenth_of_a_second_of_a_pause() {
        let mut mixture = Mixture::new();
        let talk = |mixture: &mut Mixture, from: f32, blocks: usize| {
            for _ in 0..blocks {
                mixture.fade(0.96);
                for bin in 0..20 {
                    mixture.share(&evidence(&power(from, 5.0 + bin as f32), 8.0, 1.0), 1.0);
                }
                mixture.settle();
            }
        };
        talk(&mut mixture, 10.0, 100);
        mixture.fade(0.1);
        mixture.settle();
        talk(&mut mixture, 60.0, 10);
        assert_eq!(top(&mixture), 60);
    }
}
