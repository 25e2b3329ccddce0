//! Voice activity: the probability that a frame holds speech.

/// What a voice activity detector could not do.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VadError {
    /// The caller gave another frame length than [`Vad::frame_len`].
    #[error("judge a frame of {given} samples: this detector takes exactly {wanted} at 16 kHz")]
    FrameLength {
        /// The samples given.
        given: usize,
        /// The samples wanted.
        wanted: usize,
    },
    /// The engine behind the detector failed.
    #[error("judge a frame: {why}")]
    Engine {
        /// What it said.
        why: String,
    },
}

/// A frame-by-frame detector of speech at 16 kHz mono.
pub trait Vad: Send {
    /// The samples of one frame, for example 256 (16 ms); constant for the life of the detector.
    fn frame_len(&self) -> usize;

    /// The probability of speech, `0.0..=1.0`.
    ///
    /// `frame`: mono, f32 in −1.0..=1.0, `frame.len() == self.frame_len()`, 16 kHz, contiguous with the last one.
    ///
    /// # Errors
    /// [`VadError::FrameLength`] when the frame has another length, [`VadError::Engine`] when the engine fails; the
    /// detector may be asked again.
    fn probability(&mut self, frame: &[f32]) -> Result<f32, VadError>;

    /// Forgets the past: after a hole in the stream, or for another talker's stream.
    fn reset(&mut self);
}
