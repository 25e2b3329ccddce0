//! A detector that follows a script.

use crate::{Vad, VadError};

/// Answers the scripted probabilities one by one, then the last one for ever.
#[derive(Debug, Clone)]
pub struct FakeVad {
    frame_len: usize,
    script: Vec<f32>,
    at: usize,
}

impl FakeVad {
    /// Frames of `frame_len` samples, judged as `script` says; an empty script is silence.
    #[must_use]
    pub fn new(frame_len: usize, script: Vec<f32>) -> Self {
        Self { frame_len, script, at: 0 }
    }
}

impl Vad for FakeVad {
    fn frame_len(&self) -> usize {
        self.frame_len
    }

    fn probability(&mut self, frame: &[f32]) -> Result<f32, VadError> {
        if frame.len() != self.frame_len {
            return Err(VadError::FrameLength { given: frame.len(), wanted: self.frame_len });
        }
        let p = self.script.get(self.at).or_else(|| self.script.last()).copied().unwrap_or(0.0);
        self.at += 1;
        Ok(p)
    }

    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_followed_and_its_end_holds() {
        let mut vad = FakeVad::new(2, vec![0.1, 0.9]);
        let heard: Vec<_> = (0..3).map(|_| vad.probability(&[0.0; 2]).unwrap()).collect();
        assert_eq!(heard, [0.1, 0.9, 0.9]);
        assert_eq!(vad.probability(&[0.0; 3]), Err(VadError::FrameLength { given: 3, wanted: 2 }));
    }
}
