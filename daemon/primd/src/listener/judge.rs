//! How likely 10 ms hold speech.

use prim_audio::SPEECH_BLOCK;
use prim_models::Vad;

/// A speech detector that takes blocks of 10 ms, whatever its own frame is.
pub(crate) struct Judge {
    vad: Box<dyn Vad>,
    frame: Vec<f32>,
    probability: f32,
}

impl Judge {
    pub(crate) fn new(vad: Box<dyn Vad>) -> Self {
        let frame = Vec::with_capacity(vad.frame_len().max(SPEECH_BLOCK) + SPEECH_BLOCK);
        Self { vad, frame, probability: 0.0 }
    }

    /// The probability of speech in `sound` (mono 16 kHz), from the last whole frame of the detector.
    pub(crate) fn judge(&mut self, sound: &[f32; SPEECH_BLOCK]) -> f32 {
        self.frame.extend_from_slice(sound);
        let len = self.vad.frame_len();
        while self.frame.len() >= len {
            // A detector that fails must not leave its last word standing.
            self.probability = self.vad.probability(&self.frame[..len]).unwrap_or(0.0);
            self.frame.drain(..len);
        }
        self.probability
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
