//! Who took over: a stretch of voice is cut where it goes on from another place, because people seldom leave a pause
//! between their turns.

use prim_audio::{Frames, SPEECH_BLOCK, SampleTime};

use crate::bearing::difference;
use crate::{SegmentEvent, Segmenter, SegmenterConfig};

/// Estimates this far from the turn's place are of somebody else: two neighbours at a table are farther apart.
const ELSEWHERE_DEG: f32 = 25.0;
/// So many of them in a row, and together, are a turn: 300 ms of voice that is clearly one person's.
const SURE: usize = 3;
/// A turn that is so short and has fewer estimates has no place yet.
const FOUNDED: usize = 2;
const FOUNDING: Frames = Frames(16 * 500);
/// An estimate rests on the last quarter of a second and is told when the new place has twice the old one's share: when it
/// first points elsewhere, the other has talked so long. (0.2 s has 4.9 % of simulated speech wrong, this 4.7 %.)
const LATE: Frames = Frames(16 * 300);
/// Sound from before a turn that belongs to it. Less than before a first one: it is another's.
const PREROLL: Frames = Frames(16 * 150);
/// Estimates that a turn remembers: ten seconds of one person's voice at least.
const REMEMBERED: usize = 100;

/// What was noticed with a block. Times are frame numbers at 16 kHz.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TurnEvent {
    /// Somebody started. `from`: pre-roll included; `onset`: the first block of voice.
    Started {
        /// First frame of the stretch, pre-roll included.
        from: SampleTime,
        /// First frame of the block that was the first of the onset.
        onset: SampleTime,
    },
    /// The voice goes on from another place.
    Passed {
        /// First frame of the new turn, pre-roll included.
        from: SampleTime,
        /// Since when the voice comes from there.
        onset: SampleTime,
        /// Where the turn that is over came from.
        bearing_deg: Option<f32>,
    },
    /// Nobody speaks any more.
    Ended {
        /// End of the last block of speech.
        speech_end: SampleTime,
        /// Where the last turn came from.
        bearing_deg: Option<f32>,
    },
}

/// A [`Segmenter`] that knows where the voice comes from. One per ear; nothing is allocated after construction.
#[derive(Debug, Clone)]
pub struct Turns {
    segmenter: Segmenter,
    place: Place,
}

impl Turns {
    /// With `config`.
    #[must_use]
    pub fn new(config: SegmenterConfig) -> Self {
        Self { segmenter: Segmenter::new(config), place: Place::new() }
    }

    /// One block of 160 frames at 16 kHz whose first is number `at`, the probability that it is speech, and the bearing
    /// if a new estimate came with it.
    pub fn push(
        &mut self,
        at: SampleTime,
        block: &[f32; SPEECH_BLOCK],
        probability: f32,
        fresh_deg: Option<f32>,
    ) -> Option<TurnEvent> {
        match self.segmenter.push(at, block, probability) {
            Some(SegmentEvent::SpeechStarted { from, onset }) => {
                self.place.begin(onset);
                self.place.add(at, fresh_deg);
                Some(TurnEvent::Started { from, onset })
            }
            Some(SegmentEvent::SpeechEnded { speech_end, .. }) => {
                Some(TurnEvent::Ended { speech_end, bearing_deg: self.place.degrees() })
            }
            None if self.segmenter.is_open() => {
                // In a pause the locator hears the room, not a person.
                self.place.add(at, fresh_deg.filter(|_| self.segmenter.silent_ms() == Some(0)));
                let (onset, bearing_deg) = self.place.passed()?;
                self.segmenter.passed();
                let from = SampleTime(onset.0.saturating_sub(PREROLL.0));
                Some(TurnEvent::Passed { from, onset, bearing_deg })
            }
            None => None,
        }
    }

    /// How long it has been silent inside the open stretch, ms; `None` when none is open.
    #[must_use]
    pub fn silent_ms(&self) -> Option<u64> {
        self.segmenter.silent_ms()
    }

    /// The open stretch alone ends after so much silence: [`Segmenter::be_patient`].
    pub fn be_patient(&mut self, hangover_ms: u64) {
        self.segmenter.be_patient(hangover_ms);
    }

    /// Ends an open stretch now.
    pub fn close(&mut self, at: SampleTime) -> Option<TurnEvent> {
        match self.segmenter.close(at)? {
            SegmentEvent::SpeechEnded { speech_end, .. } => {
                Some(TurnEvent::Ended { speech_end, bearing_deg: self.place.degrees() })
            }
            SegmentEvent::SpeechStarted { .. } => None,
        }
    }
}

/// Where one turn comes from.
#[derive(Debug, Clone)]
struct Place {
    began: SampleTime,
    seen: Vec<(SampleTime, f32)>,
}

impl Place {
    fn new() -> Self {
        Self { began: SampleTime(0), seen: Vec::with_capacity(REMEMBERED) }
    }

    fn begin(&mut self, at: SampleTime) {
        self.began = at;
        self.seen.clear();
    }

    fn add(&mut self, at: SampleTime, fresh_deg: Option<f32>) {
        if let Some(deg) = fresh_deg {
            if self.seen.len() == REMEMBERED {
                self.seen.remove(0);
            }
            self.seen.push((at, deg));
        }
    }

    /// The estimate that the others lie closest around: a few of an echo or of another voice do not pull it away.
    fn degrees(&self) -> Option<f32> {
        middle(&self.seen)
    }

    /// The turn that went over to somebody else, if it did: since when, and where it came from.
    fn passed(&mut self) -> Option<(SampleTime, Option<f32>)> {
        let own = self.seen.len().checked_sub(SURE)?;
        let (before, last) = self.seen.split_at(own);
        let place = middle(before)?;
        let there = middle(last)?;
        let elsewhere = |(_, deg): &(SampleTime, f32)| {
            difference(*deg, place).abs() > ELSEWHERE_DEG && difference(*deg, there).abs() < ELSEWHERE_DEG
        };
        if !last.iter().all(elsewhere) {
            return None;
        }
        let since = SampleTime(last[0].0.0.saturating_sub(LATE.0));
        self.seen.drain(..own);
        if since <= self.began || (own < FOUNDED && since < self.began + FOUNDING) {
            // The first estimates still were of whoever spoke before.
            return None;
        }
        self.began = since;
        Some((since, Some(place)))
    }
}

fn middle(seen: &[(SampleTime, f32)]) -> Option<f32> {
    let cost = |at: f32| seen.iter().map(|(_, deg)| difference(*deg, at).abs()).sum::<f32>();
    seen.iter().map(|(_, deg)| *deg).min_by(|a, b| cost(*a).total_cmp(&cost(*b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Loud blocks with an estimate every tenth, silence where there is none; the events with their block.
    fn hear(blocks: impl IntoIterator<Item = Option<f32>>) -> Vec<(u64, TurnEvent)> {
        let mut turns = Turns::new(SegmenterConfig::default());
        let mut events = Vec::new();
        for (i, deg) in blocks.into_iter().enumerate() {
            let at = SampleTime((i * SPEECH_BLOCK) as u64);
            let (sound, probability) = if deg.is_some() { (0.1, 1.0) } else { (0.0, 0.0) };
            let fresh = deg.filter(|_| i % 10 == 9);
            events.extend(
                turns.push(at, &[sound; SPEECH_BLOCK], probability, fresh).map(|event| (i as u64, event)),
            );
        }
        events
    }

    fn voice(deg: f32, blocks: usize) -> impl Iterator<Item = Option<f32>> {
        std::iter::repeat_n(Some(deg), blocks)
    }

    fn silence() -> impl Iterator<Item = Option<f32>> {
        std::iter::repeat_n(None, 100)
    }

    #[test]
    fn one_person_is_one_turn_with_its_bearing() {
        let events = hear(silence().chain(voice(350.0, 150)).chain(silence()));
        assert!(matches!(events[0].1, TurnEvent::Started { .. }));
        assert!(
            matches!(events[1].1, TurnEvent::Ended { bearing_deg: Some(b), .. } if difference(b, 350.0).abs() < 1.0)
        );
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn who_takes_over_without_a_pause_has_a_turn_of_their_own() {
        // The other began at block 200, estimates tell so a quarter of a second later.
        let events = hear(silence().chain(voice(30.0, 125)).chain(voice(150.0, 75)).chain(silence()));
        let [_, (noticed, TurnEvent::Passed { onset, bearing_deg: Some(first), .. }), (_, last)] = events[..]
        else {
            panic!("{events:?}");
        };
        assert!((first - 30.0).abs() < 1.0);
        assert_eq!(noticed, 249, "known after three estimates");
        assert!((189..=201).contains(&(onset.0 / SPEECH_BLOCK as u64)), "{onset:?}");
        assert!(matches!(last, TurnEvent::Ended { bearing_deg: Some(b), .. } if (b - 150.0).abs() < 1.0));
    }

    #[test]
    fn a_stray_estimate_or_two_are_no_turn_and_a_head_that_moves_is_none() {
        let stray = voice(30.0, 50).chain(voice(150.0, 20)).chain(voice(30.0, 50));
        assert_eq!(hear(silence().chain(stray).chain(silence())).len(), 2);
        let moves = (0..150).map(|i| Some(30.0 + i as f32 / 10.0));
        assert_eq!(hear(silence().chain(moves).chain(silence())).len(), 2);
    }

    #[test]
    fn who_is_located_once_in_a_second_has_had_a_turn() {
        let mut place = Place::new();
        place.begin(SampleTime(0));
        place.add(SampleTime(3_200), Some(10.0));
        for block in [160, 170, 180_u64] {
            assert_eq!(place.passed(), None);
            place.add(SampleTime(block * 160), Some(55.0));
        }
        assert_eq!(place.passed(), Some((SampleTime(160 * 160 - LATE.0), Some(10.0))));
    }

    #[test]
    fn what_lingers_of_the_last_voice_founds_no_turn() {
        let events = hear(silence().chain(voice(30.0, 12)).chain(voice(150.0, 100)).chain(silence()));
        assert_eq!(events.len(), 2, "{events:?}");
        assert!(
            matches!(events[1].1, TurnEvent::Ended { bearing_deg: Some(b), .. } if (b - 150.0).abs() < 1.0)
        );
    }
}
