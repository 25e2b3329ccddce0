//! Voice activity by `earshot`: a small network whose weights are inside the crate, so it is always there.
//!
//! **Who calls it:** the registry of `prim-models` hands it out as the default detector; the device's ears run one
//! for the room's `voice` and one for each remote ear. **What it never does:** IO, allocation after construction,
//! failing on any sample: what is no number counts as silence, what is too loud as full scale.
//!
//! ```
//! use prim_models::Vad;
//! use prim_models_earshot::Earshot;
//!
//! let mut vad = Earshot::new();
//! let silence = vec![0.0; vad.frame_len()];
//! assert!(vad.probability(&silence)? < 0.5);
//! # Ok::<(), prim_models::VadError>(())
//! ```
#![warn(missing_docs)]

use std::fmt;

use earshot::Detector;
use prim_models::{Vad, VadError};

/// Samples of one frame: 16 ms at 16 kHz, fixed by the network.
pub const FRAME: usize = 256;

/// One detector per stream: it remembers some 50 ms.
pub struct Earshot {
    detector: Box<Detector>,
    frame: [f32; FRAME],
}

impl fmt::Debug for Earshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Earshot").finish_non_exhaustive()
    }
}

impl Default for Earshot {
    fn default() -> Self {
        Self::new()
    }
}

impl Earshot {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self { detector: Detector::default_boxed(), frame: [0.0; FRAME] }
    }
}

impl Vad for Earshot {
    fn frame_len(&self) -> usize {
        FRAME
    }

    fn probability(&mut self, frame: &[f32]) -> Result<f32, VadError> {
        if frame.len() != FRAME {
            return Err(VadError::FrameLength { given: frame.len(), wanted: FRAME });
        }
        for (own, &s) in self.frame.iter_mut().zip(frame) {
            *own = if s.is_nan() { 0.0 } else { s.clamp(-1.0, 1.0) };
        }
        let p = self.detector.predict_f32(&self.frame);
        Ok(if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 })
    }

    fn reset(&mut self) {
        self.detector.reset();
    }
}

#[cfg(test)]
mod tests;
