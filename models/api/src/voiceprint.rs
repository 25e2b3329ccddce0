//! Voiceprints: what the sound of one turn says of whose voice it is.
//!
//! A voiceprint is biometric data. It has no text form, no serialised form and no `Debug` that shows it, so that it cannot
//! be logged, written down or sent by accident; its numbers are overwritten when it is dropped.

/// Samples of the shortest turn that has a voiceprint: half a second at 16 kHz.
pub const SHORTEST_TURN: usize = 8_000;
/// Samples of a turn that an embedding looks at: ten seconds at 16 kHz. More tell little and cost time.
pub const LONGEST_TURN: usize = 160_000;

/// A direction in a space where one person's turns lie close together; a unit vector.
#[derive(Clone, PartialEq)]
pub struct Voiceprint(Box<[f32]>);

impl Voiceprint {
    /// Of `numbers`, scaled to length one; `None` when they are empty, not finite, or have no direction.
    #[must_use]
    pub fn new(numbers: &[f32]) -> Option<Self> {
        let length = numbers.iter().map(|n| f64::from(*n) * f64::from(*n)).sum::<f64>().sqrt();
        if !length.is_finite() || length < 1e-12 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "a part of a unit vector fits")]
        let unit = numbers.iter().map(|n| (f64::from(*n) / length) as f32).collect();
        Some(Self(unit))
    }

    /// The cosine between two, −1.0..=1.0; 0.0 between prints of two networks, which say nothing of each other.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> f32 {
        if self.0.len() != other.0.len() {
            return 0.0;
        }
        self.0.iter().zip(&*other.0).map(|(a, b)| a * b).sum::<f32>().clamp(-1.0, 1.0)
    }

    /// What lies between this print, `weight` heavy, and `other`, which weighs one; this one where that has no direction.
    #[must_use]
    pub(crate) fn towards(&self, other: &Self, weight: f32) -> Self {
        if self.0.len() != other.0.len() {
            return self.clone();
        }
        let sum: Vec<f32> = self.0.iter().zip(&*other.0).map(|(a, b)| weight * a + b).collect();
        Self::new(&sum).unwrap_or_else(|| self.clone())
    }
}

impl std::fmt::Debug for Voiceprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("‹private›")
    }
}

impl Drop for Voiceprint {
    fn drop(&mut self) {
        self.0.fill(0.0);
        // Seen from outside, or the fill would be optimised away.
        std::hint::black_box(&self.0);
    }
}

/// Why a turn has no voiceprint.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EmbedError {
    /// Too little sound to tell anybody apart.
    #[error("take a voiceprint of {given} samples: it takes at least {wanted} at 16 kHz")]
    TooShort {
        /// The samples given.
        given: usize,
        /// The samples wanted.
        wanted: usize,
    },
    /// The engine failed, or gave what is no direction.
    #[error("take a voiceprint: {why}")]
    Engine {
        /// What it said; nothing of the sound.
        why: String,
    },
}

/// A network that takes voiceprints.
pub trait SpeakerEmbedding: Send {
    /// The voiceprint of one turn: one person, as far as that is known.
    ///
    /// `turn`: mono, f32 in −1.0..=1.0, 16 kHz, at least [`SHORTEST_TURN`] samples; of more than [`LONGEST_TURN`] the
    /// first ones are taken. What is not finite counts as silence.
    ///
    /// # Errors
    /// [`EmbedError`]; the next turn may be asked about all the same.
    fn embed(&mut self, turn: &[f32]) -> Result<Voiceprint, EmbedError>;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_print_shows_nothing_of_itself() {
        let print = Voiceprint::new(&[0.25, 0.5]).unwrap();
        assert_eq!(format!("{print:?} {:?}", Some(&print)), "‹private› Some(‹private›)");
    }

    #[test]
    fn what_has_no_direction_is_no_print() {
        for none in [&[][..], &[0.0; 8], &[f32::NAN, 1.0], &[f32::INFINITY]] {
            assert_eq!(Voiceprint::new(none), None);
        }
    }

    #[test]
    fn prints_of_two_networks_say_nothing_of_each_other() {
        let (a, b) = (Voiceprint::new(&[1.0]).unwrap(), Voiceprint::new(&[1.0, 0.0]).unwrap());
        assert_eq!((a.likeness(&b), a.likeness(&a)), (0.0, 1.0));
        assert_eq!(a.towards(&b, 1.0), a);
    }

    proptest! {
        #[test]
        fn a_print_is_as_long_as_one_and_likeness_has_two_ends(
            a in prop::collection::vec(-1e30_f32..1e30, 4),
            b in prop::collection::vec(-1.0_f32..1.0, 4),
        ) {
            let (Some(a), Some(b)) = (Voiceprint::new(&a), Voiceprint::new(&b)) else { return Ok(()) };
            prop_assert!((a.likeness(&a) - 1.0).abs() < 1e-5);
            prop_assert!((-1.0..=1.0).contains(&a.likeness(&b)));
            prop_assert_eq!(a.likeness(&b), b.likeness(&a));
            let between = a.towards(&b, 1.0);
            prop_assert!(between.likeness(&a) >= a.likeness(&b) - 1e-4);
        }
    }
}
