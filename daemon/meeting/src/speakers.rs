//! Speaker labels: which of the room's voices came from the same direction, and so very likely from the same person. A
//! label is no name: it says "the same voice as before", and nothing when that is not sure.

use std::time::Duration;

/// A voice this close to a known one, in degrees, is the same: the front end's bearings err by less than 5°, and a head
/// moves by ten.
const SAME_DEG: f32 = 18.0;
/// A voice is a new one only this far from all others, in degrees. Between the two nobody can say.
const APART_DEG: f32 = 30.0;
/// Shorter speech founds no label: a cough, a cup, a chair.
const FOUNDING: Duration = Duration::from_millis(700);
/// A label follows its voice by this share of each utterance.
const FOLLOW: f32 = 0.2;
/// Labels at most: 360° hold twelve that are [`APART_DEG`] apart.
const LABELS: usize = 12;

/// A voice of the room, numbered from 1 in the order of first speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpeakerLabel(u8);

impl SpeakerLabel {
    /// From its number; none for 0.
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (number > 0).then_some(Self(number))
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }
}

/// The voices of one meeting.
#[derive(Debug, Clone, Default)]
pub(crate) struct Speakers {
    /// Unit vectors, roughly: where each one is.
    at: Vec<(f32, f32)>,
}

impl Speakers {
    /// As saved by [`Self::bearings`].
    pub(crate) fn restored(bearings: &[u16]) -> Self {
        let unit = |bearing: &u16| {
            let (y, x) = f32::from(*bearing).to_radians().sin_cos();
            (x, y)
        };
        Self { at: bearings.iter().take(LABELS).map(unit).collect() }
    }

    /// Where each one is, in whole degrees, in the order of their numbers.
    pub(crate) fn bearings(&self) -> Vec<u16> {
        self.at.iter().map(|(x, y)| y.atan2(*x).to_degrees().rem_euclid(360.0).round() as u16 % 360).collect()
    }

    /// Whose known voice came from `bearing_deg` (0..360). Nothing is learnt of it.
    pub(crate) fn known(&self, bearing_deg: u16) -> Option<SpeakerLabel> {
        self.clone().of(bearing_deg, Duration::ZERO)
    }

    /// Whose voice came from `bearing_deg` (0..360) and spoke for so long; none where that would be a guess.
    pub(crate) fn of(&mut self, bearing_deg: u16, spoke: Duration) -> Option<SpeakerLabel> {
        let (y, x) = f32::from(bearing_deg).to_radians().sin_cos();
        let away = |&(px, py): &(f32, f32)| (px * y - py * x).atan2(px * x + py * y).to_degrees().abs();
        let nearest =
            self.at.iter().enumerate().map(|(i, p)| (i, away(p))).min_by(|a, b| a.1.total_cmp(&b.1));
        match nearest {
            Some((i, off)) if off <= SAME_DEG => {
                let p = &mut self.at[i];
                *p = (p.0 + FOLLOW * (x - p.0), p.1 + FOLLOW * (y - p.1));
                numbered(i)
            }
            Some((_, off)) if off < APART_DEG => None,
            _ if spoke < FOUNDING || self.at.len() == LABELS => None,
            _ => {
                self.at.push((x, y));
                numbered(self.at.len() - 1)
            }
        }
    }
}

fn numbered(index: usize) -> Option<SpeakerLabel> {
    u8::try_from(index + 1).ok().and_then(SpeakerLabel::new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LONG: Duration = Duration::from_secs(2);

    fn number(speakers: &mut Speakers, bearing_deg: u16) -> Option<u8> {
        speakers.of(bearing_deg, LONG).map(SpeakerLabel::number)
    }

    #[test]
    fn three_people_are_three_voices_in_the_order_in_which_they_spoke() {
        let mut speakers = Speakers::default();
        let heard: Vec<_> = [35, 145, 260, 38, 141, 262, 33].map(|b| number(&mut speakers, b)).into();
        assert_eq!(heard, [1, 2, 3, 1, 2, 3, 1].map(Some));
    }

    #[test]
    fn the_front_has_no_seam() {
        let mut speakers = Speakers::default();
        assert_eq!(number(&mut speakers, 355), Some(1));
        assert_eq!(number(&mut speakers, 5), Some(1));
    }

    #[test]
    fn between_two_voices_nobody_is_told_apart_and_a_cough_founds_none() {
        let mut speakers = Speakers::default();
        assert_eq!(speakers.of(90, Duration::from_millis(300)), None);
        assert_eq!(number(&mut speakers, 90), Some(1));
        assert_eq!(speakers.of(90, Duration::from_millis(300)).map(SpeakerLabel::number), Some(1));
        assert_eq!(number(&mut speakers, 114), None);
        assert_eq!(number(&mut speakers, 130), Some(2));
    }

    #[test]
    fn a_label_follows_a_person_who_moves_her_chair() {
        let mut speakers = Speakers::default();
        for bearing in 90..150 {
            assert_eq!(number(&mut speakers, bearing), Some(1));
        }
    }

    #[test]
    fn a_restart_knows_the_voices_again() {
        let mut speakers = Speakers::default();
        for bearing in [35, 145, 358] {
            number(&mut speakers, bearing);
        }
        let mut again = Speakers::restored(&speakers.bearings());
        assert_eq!([147, 359, 36].map(|b| number(&mut again, b)), [Some(2), Some(3), Some(1)]);
    }

    proptest! {
        #[test]
        fn labels_are_few_and_numbered_in_order(bearings in prop::collection::vec(0_u16..360, 0..200)) {
            let mut speakers = Speakers::default();
            let mut most = 0;
            for bearing in bearings {
                if let Some(n) = number(&mut speakers, bearing) {
                    prop_assert!(n <= most + 1, "label {n} came after {most}");
                    most = most.max(n);
                }
            }
            prop_assert!(usize::from(most) <= LABELS);
        }
    }
}
