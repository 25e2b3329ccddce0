//! A remote ear: what a platform hands over, already clean, brought to the recogniser's rate.

use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, SPEECH_BLOCK, SPEECH_RATE};

use crate::{Resampler, ResamplerError, dbfs, peak, rms};

/// 10 ms of a remote ear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemoteBlock {
    /// Mono 16 kHz, −1.0..=1.0.
    pub voice: [f32; SPEECH_BLOCK],
    /// Root mean square, dB below full scale.
    pub rms_dbfs: f32,
    /// Largest magnitude, dB below full scale.
    pub peak_dbfs: f32,
}

impl Default for RemoteBlock {
    fn default() -> Self {
        Self { voice: [0.0; SPEECH_BLOCK], rms_dbfs: -120.0, peak_dbfs: -120.0 }
    }
}

/// Mono 48 kHz to mono 16 kHz. One per ear; give its blocks to a VAD and a `Segmenter` of their own.
#[derive(Debug)]
pub struct RemoteEar {
    resampler: Resampler,
    input: [f32; DEVICE_BLOCK],
}

impl RemoteEar {
    /// A new ear.
    ///
    /// # Errors
    /// Never with the fixed rates; the resampler's word is passed on.
    pub fn new() -> Result<Self, ResamplerError> {
        Ok(Self { resampler: Resampler::new(DEVICE_RATE, SPEECH_RATE, 1)?, input: [0.0; DEVICE_BLOCK] })
    }

    /// One block of 480 frames.
    pub fn process(&mut self, block: &[i16; DEVICE_BLOCK], out: &mut RemoteBlock) {
        for (f, &s) in self.input.iter_mut().zip(block) {
            *f = f32::from(s) / 32_768.0;
        }
        self.resampler.process(&self.input, &mut out.voice);
        out.rms_dbfs = dbfs(rms(&out.voice));
        out.peak_dbfs = dbfs(peak(&out.voice));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_tone_keeps_its_level() {
        let mut ear = RemoteEar::new().unwrap();
        let mut out = RemoteBlock::default();
        for b in 0..20 {
            let block: [i16; DEVICE_BLOCK] =
                std::array::from_fn(|n| (((b * 480 + n) as f32 * 0.0785).sin() * 3276.8) as i16);
            ear.process(&block, &mut out);
        }
        assert!((out.rms_dbfs + 23.0).abs() < 0.3, "{}", out.rms_dbfs);
        assert!((out.peak_dbfs + 20.0).abs() < 0.3, "{}", out.peak_dbfs);
    }
}
