//! How likely 10 ms hold speech.

use std::sync::{Arc, OnceLock};

use prim_audio::SPEECH_BLOCK;
use prim_models::{Vad, VadError};
use prim_models_earshot::Earshot;

/// Why the detector that was opened is not asked any more; empty while it works. The judges of all ears and the health
/// page share one.
pub(crate) type DetectorFailure = Arc<OnceLock<String>>;

/// What tells speech from other sound after the opened detector has failed.
pub(crate) const STAND_IN: &str = "earshot";

/// A speech detector that takes blocks of 10 ms, whatever its own frame is.
pub(crate) struct Judge {
    vad: Box<dyn Vad>,
    frame: Vec<f32>,
    probability: f32,
    failure: DetectorFailure,
}

impl Judge {
    pub(crate) fn new(vad: Box<dyn Vad>, failure: DetectorFailure) -> Self {
        let frame = Vec::with_capacity(vad.frame_len().max(SPEECH_BLOCK) + SPEECH_BLOCK);
        Self { vad, frame, probability: 0.0, failure }
    }

    /// The probability of speech in `sound` (mono 16 kHz), from the last whole frame of the detector.
    pub(crate) fn judge(&mut self, sound: &[f32; SPEECH_BLOCK]) -> f32 {
        self.frame.extend_from_slice(sound);
        let len = self.vad.frame_len();
        while self.frame.len() >= len {
            match self.vad.probability(&self.frame[..len]) {
                Ok(probability) => self.probability = probability,
                Err(why) => {
                    self.stand_in(&why);
                    break;
                }
            }
            self.frame.drain(..len);
        }
        self.probability
    }

    /// A detector that failed once is not asked again: the embedded one takes its place, and until that has heard a whole
    /// frame there may be speech. A room that nobody judges is not silent.
    fn stand_in(&mut self, why: &VadError) {
        metrics::counter!("prim_detector_errors_total").increment(1);
        tracing::error!(detector.error = %why, "speech detector failed; {STAND_IN} goes on in its place");
        // The first ear's reason stays.
        let _ = self.failure.set(why.to_string());
        self.vad = Box::new(Earshot::new());
        self.frame.clear();
        self.probability = 1.0;
    }

    /// Frames are missing: what was remembered does not join what comes.
    pub(crate) fn hole(&mut self) {
        self.vad.reset();
        self.frame.clear();
    }
}

/// A float sample as engines take it; what lies outside −1.0..=1.0 is clipped.
pub(crate) fn to_i16(sample: f32) -> i16 {
    (sample.clamp(-1.0, 1.0) * 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken;

    impl Vad for Broken {
        fn frame_len(&self) -> usize {
            512
        }

        fn probability(&mut self, _: &[f32]) -> Result<f32, VadError> {
            Err(VadError::Engine { why: "the runtime is gone".to_owned() })
        }

        fn reset(&mut self) {}
    }

    #[test]
    fn behind_a_detector_that_fails_the_room_is_not_silent_until_the_embedded_one_has_heard_it() {
        let failure = DetectorFailure::default();
        let mut judge = Judge::new(Box::new(Broken), Arc::clone(&failure));
        let said: Vec<f32> = (0..100).map(|_| judge.judge(&[0.0; SPEECH_BLOCK])).collect();
        assert!(said.contains(&1.0), "{said:?}");
        assert!(said[99] < 0.5, "silence is silence again: {}", said[99]);
        assert_eq!(failure.get().map(String::as_str), Some("judge a frame: the runtime is gone"));
    }
}
