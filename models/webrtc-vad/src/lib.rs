//! Voice activity by WebRTC's detector: tiny and old, sure of what is loud; noise and music often pass it as speech.
//!
//! **Who calls it:** `primd` registers it with [`register`] and opens it where the configuration asks for it; the bench
//! of the ears measures it beside the others. The C code is inside the crate. **What it never does:** IO, allocation
//! after construction, failing on any sample.
//!
//! The detector itself only says yes or no, at four degrees of strictness. All four listen here, and the probability is
//! the share that says yes: 0, 0.25, 0.5, 0.75 or 1.
//!
//! ```
//! use prim_models::Vad;
//! use prim_models_webrtc_vad::WebRtc;
//!
//! let mut vad = WebRtc::new();
//! let silence = vec![0.0; vad.frame_len()];
//! assert!(vad.probability(&silence)? < 0.5);
//! # Ok::<(), prim_models::VadError>(())
//! ```
#![warn(missing_docs)]

use std::fmt;

use prim_models::{ModelRegistry, Vad, VadError};
use webrtc_vad::{SampleRate, VadMode};

/// Samples of one frame: 10 ms at 16 kHz, the shortest that the detector takes.
pub const FRAME: usize = 160;

/// Teaches `registry` the engine `webrtc-vad`. No options.
pub fn register(registry: &mut ModelRegistry) {
    registry.register_vad("webrtc-vad", |_| Ok(Box::new(WebRtc::new())));
}

/// The C library's state of one detector, owned by nobody else.
struct Strictness(webrtc_vad::Vad);

#[expect(unsafe_code, reason = "the binding holds a pointer and says nothing of threads")]
// SAFETY: libfvad keeps all it knows in the instance behind the pointer, has no globals that change and no thread-local
// state, and the instance is reached through `&mut self` alone.
unsafe impl Send for Strictness {}

/// One detector per stream: it follows the stream's noise.
pub struct WebRtc {
    four: [Strictness; 4],
    frame: [i16; FRAME],
}

impl fmt::Debug for WebRtc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebRtc").finish_non_exhaustive()
    }
}

impl Default for WebRtc {
    fn default() -> Self {
        Self::new()
    }
}

impl WebRtc {
    /// A detector that has heard nothing yet.
    #[must_use]
    pub fn new() -> Self {
        use VadMode::{Aggressive, LowBitrate, Quality, VeryAggressive};
        let four = [Quality, LowBitrate, Aggressive, VeryAggressive]
            .map(|mode| Strictness(webrtc_vad::Vad::new_with_rate_and_mode(SampleRate::Rate16kHz, mode)));
        Self { four, frame: [0; FRAME] }
    }
}

impl Vad for WebRtc {
    fn frame_len(&self) -> usize {
        FRAME
    }

    fn probability(&mut self, frame: &[f32]) -> Result<f32, VadError> {
        if frame.len() != FRAME {
            return Err(VadError::FrameLength { given: frame.len(), wanted: FRAME });
        }
        for (own, &s) in self.frame.iter_mut().zip(frame) {
            // Rust's conversion makes no number of nothing: NaN becomes 0.
            *own = (s.clamp(-1.0, 1.0) * 32_767.0) as i16;
        }
        let frame = &self.frame;
        let yes =
            self.four.iter_mut().filter_map(|vad| vad.0.is_voice_segment(frame).ok()).filter(|yes| *yes);
        Ok(yes.count() as f32 / 4.0)
    }

    fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(seed: u64, level: f32) -> impl FnMut() -> f32 {
        let mut x = seed;
        move || {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            level * ((x >> 40) as f32 / (1 << 23) as f32 - 1.0)
        }
    }

    #[test]
    fn silence_is_not_speech_and_a_loud_voice_like_tone_after_it_is() {
        let mut vad = WebRtc::new();
        for _ in 0..50 {
            assert!(vad.probability(&[0.0; FRAME]).unwrap() < 0.5);
        }
        let said: f32 = (0..50)
            .map(|f| {
                let frame: Vec<f32> = (0..FRAME)
                    .map(|i| {
                        let t = (f * FRAME + i) as f32 / 16e3;
                        (1..12).map(|k| 0.06 * (std::f32::consts::TAU * 140.0 * k as f32 * t).sin()).sum()
                    })
                    .collect();
                vad.probability(&frame).unwrap()
            })
            .sum();
        assert!(said > 25.0, "{said} of 50");
    }

    #[test]
    fn after_a_reset_it_judges_as_a_new_one() {
        let mut sound = noise(3, 0.2);
        let frames: Vec<Vec<f32>> = (0..40).map(|_| (0..FRAME).map(|_| sound()).collect()).collect();
        let mut vad = WebRtc::new();
        let judge = |vad: &mut WebRtc| -> Vec<f32> {
            frames.iter().map(|frame| vad.probability(frame).unwrap()).collect()
        };
        let first = judge(&mut vad);
        vad.reset();
        assert_eq!(judge(&mut vad), first);
    }

    #[test]
    fn broken_samples_neither_panic_nor_leave_the_range() {
        let mut vad = WebRtc::new();
        for bad in [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30, f32::MIN_POSITIVE / 4.0] {
            assert!((0.0..=1.0).contains(&vad.probability(&[bad; FRAME]).unwrap()));
        }
    }

    #[test]
    fn another_frame_length_is_refused_with_both_numbers() {
        let e = WebRtc::new().probability(&[0.0; 256]).unwrap_err();
        assert_eq!(e, VadError::FrameLength { given: 256, wanted: 160 });
    }

    #[test]
    fn it_may_move_to_another_thread() {
        let mut vad = WebRtc::new();
        let p = std::thread::spawn(move || vad.probability(&[0.0; FRAME])).join().unwrap();
        assert_eq!(p, Ok(0.0));
    }
}
