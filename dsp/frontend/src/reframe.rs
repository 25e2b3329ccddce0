//! Blocks of 10 ms for a detector that wants frames of another length.

use prim_audio::SPEECH_BLOCK;

/// The longest frame a detector may ask for: 64 ms at 16 kHz.
const LONGEST: usize = 1_024;

/// Gathers blocks into frames and remembers the detector's last word, so that every block has a probability.
#[derive(Debug, Clone)]
pub struct Reframer {
    frame_len: usize,
    samples: Box<[f32]>,
    held: usize,
    last: f32,
}

impl Reframer {
    /// Frames of `frame_len` samples (256 for earshot), 1 to 1024.
    #[must_use]
    pub fn new(frame_len: usize) -> Self {
        Self {
            frame_len: frame_len.clamp(1, LONGEST),
            samples: vec![0.0; LONGEST + SPEECH_BLOCK].into_boxed_slice(),
            held: 0,
            last: 0.0,
        }
    }

    /// Adds `block`; `judge` is asked about each frame that became whole, oldest first. Answers the highest
    /// probability among them, or the last one known when none became whole.
    pub fn push(&mut self, block: &[f32; SPEECH_BLOCK], mut judge: impl FnMut(&[f32]) -> f32) -> f32 {
        self.samples[self.held..self.held + SPEECH_BLOCK].copy_from_slice(block);
        self.held += SPEECH_BLOCK;
        let mut from = 0;
        let mut best: Option<f32> = None;
        while self.held - from >= self.frame_len {
            let p = judge(&self.samples[from..from + self.frame_len]);
            best = Some(best.map_or(p, |b| b.max(p)));
            self.last = p;
            from += self.frame_len;
        }
        self.samples.copy_within(from..self.held, 0);
        self.held -= from;
        best.unwrap_or(self.last)
    }

    /// After a hole: what was gathered is dropped.
    pub fn reset(&mut self) {
        self.held = 0;
        self.last = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_reaches_the_detector_once_and_in_order() {
        for len in [1, 80, 160, 256, 512, 1_024] {
            let mut r = Reframer::new(len);
            let mut seen = Vec::new();
            for b in 0..64 {
                let block: [f32; SPEECH_BLOCK] = std::array::from_fn(|i| (b * SPEECH_BLOCK + i) as f32);
                r.push(&block, |f| {
                    assert_eq!(f.len(), len);
                    seen.extend_from_slice(f);
                    0.5
                });
            }
            assert!(seen.iter().enumerate().all(|(i, s)| *s == i as f32));
            assert!(seen.len() > 64 * SPEECH_BLOCK - len);
        }
    }

    #[test]
    fn a_block_without_a_whole_frame_keeps_the_last_word() {
        let mut r = Reframer::new(256);
        assert_eq!(r.push(&[0.0; SPEECH_BLOCK], |_| 0.9), 0.0);
        assert_eq!(r.push(&[0.0; SPEECH_BLOCK], |_| 0.9), 0.9);
        r.reset();
        assert_eq!(r.push(&[0.0; SPEECH_BLOCK], |_| 0.3), 0.0);
    }
}
