//! The chain itself.

use std::time::Duration;

use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, Frames, SPEECH_BLOCK, SPEECH_RATE};
use thiserror::Error;

use crate::health::HealthWatch;
use crate::{ChannelLevel, FrontendConfig, FrontendConfigError, MAX_CHANNELS, Resampler};

/// Where a voice comes from in the array's plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bearing {
    /// 0 is the board's front, counter-clockwise, 0..360.
    pub degrees: f32,
    /// 0..=1: how much sharper the best direction is than the rest.
    pub confidence: f32,
    /// A linear array cannot tell front from back: the mirror image of `degrees`, when there is one.
    pub mirror_degrees: Option<f32>,
}

/// What the echo canceller knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EchoState {
    /// Prim was heard within the echo's tail: the canceller runs.
    pub active: bool,
    /// Reference to microphone, as found by the canceller, ms; `None` before it knows.
    pub delay_ms: Option<f32>,
    /// Echo return loss enhancement of the linear stage over the last second of echo, dB.
    pub erle_db: f32,
    /// How far the near sound of this block stands above what the echo alone would leave, dB; high when
    /// nobody but a person speaks, about 0 while only Prim does.
    pub near_over_echo_db: f32,
}

impl Default for EchoState {
    fn default() -> Self {
        Self { active: false, delay_ms: None, erle_db: 0.0, near_over_echo_db: 0.0 }
    }
}

/// 10 ms of the room.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FrontendBlock {
    /// Mono 16 kHz, −1.0..=1.0: linear echo stage, near talker untouched. For recognisers.
    pub recogniser: [f32; SPEECH_BLOCK],
    /// Mono 16 kHz, −1.0..=1.0: residual echo suppressed. For speech detection, barge-in, remote people.
    pub voice: [f32; SPEECH_BLOCK],
    /// Where the present (or last) voice comes from; frozen in silence and while Prim speaks.
    pub bearing: Option<Bearing>,
    /// The bearing was measured from this block's sound, not remembered.
    pub bearing_fresh: bool,
    /// Per microphone; entries beyond the board's channels stay at their default.
    pub levels: [ChannelLevel; MAX_CHANNELS],
    /// Echo canceller.
    pub echo: EchoState,
}

impl Default for FrontendBlock {
    fn default() -> Self {
        Self {
            recogniser: [0.0; SPEECH_BLOCK],
            voice: [0.0; SPEECH_BLOCK],
            bearing: None,
            bearing_fresh: false,
            levels: [ChannelLevel::default(); MAX_CHANNELS],
            echo: EchoState::default(),
        }
    }
}

/// A block that does not fit the board.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("process a block of {got} samples: the board's {channels} channels need {want}")]
pub struct BlockShapeError {
    /// Samples given.
    pub got: usize,
    /// Samples wanted.
    pub want: usize,
    /// Channels of the board.
    pub channels: usize,
}

/// All stages for one board.
#[derive(Debug)]
pub struct Frontend {
    channels: usize,
    health: HealthWatch,
    resampler: Resampler,
    planar_48k: Box<[f32]>,
    planar_16k: Box<[f32]>,
}

impl Frontend {
    /// Builds every stage and takes all memory.
    ///
    /// # Errors
    /// A board that cannot be built, with the reason.
    pub fn new(config: &FrontendConfig) -> Result<Self, FrontendConfigError> {
        config.check()?;
        let channels = config.channels();
        Ok(Self {
            channels,
            health: HealthWatch::new(channels),
            resampler: Resampler::new(DEVICE_RATE, SPEECH_RATE, channels)?,
            planar_48k: vec![0.0; channels * DEVICE_BLOCK].into_boxed_slice(),
            planar_16k: vec![0.0; channels * SPEECH_BLOCK].into_boxed_slice(),
        })
    }

    /// One block: `mic` interleaved `[480 × channels]` at 48 kHz, `reference` the 480 frames the speaker really
    /// played at the same time by the device's clock (silence when it played nothing; a constant offset is
    /// found by itself).
    ///
    /// # Errors
    /// `mic` has another length; `out` is untouched then.
    pub fn process(
        &mut self,
        mic: &[i16],
        reference: &[i16; DEVICE_BLOCK],
        out: &mut FrontendBlock,
    ) -> Result<(), BlockShapeError> {
        let want = self.channels * DEVICE_BLOCK;
        if mic.len() != want {
            return Err(BlockShapeError { got: mic.len(), want, channels: self.channels });
        }
        let _ = reference;
        self.health.update(mic, &mut out.levels);
        for (c, plane) in self.planar_48k.chunks_exact_mut(DEVICE_BLOCK).enumerate() {
            for (s, &m) in plane.iter_mut().zip(mic.iter().skip(c).step_by(self.channels)) {
                *s = f32::from(m) / 32_768.0;
            }
        }
        self.resampler.process(&self.planar_48k, &mut self.planar_16k);
        out.recogniser.copy_from_slice(&self.planar_16k[..SPEECH_BLOCK]);
        out.voice = out.recogniser;
        Ok(())
    }

    /// `missing` frames at 48 kHz never came (a jump in sample time): what is remembered across the hole
    /// would be wrong.
    pub fn hole(&mut self, missing: Frames) {
        let _ = missing;
    }

    /// From a sound at the microphone to the same sound in the output, besides the block itself. Subtract it
    /// from sample times.
    #[must_use]
    pub fn delay(&self) -> Duration {
        Duration::from_micros(self.resampler.delay_frames() as u64 * 1_000_000 / 16_000)
    }
}

/// The bearing of one segment: feed it every block while somebody speaks, take it at the end.
#[derive(Debug, Clone, Default)]
pub struct SegmentBearing {
    x: f32,
    y: f32,
    weight: f32,
}

impl SegmentBearing {
    /// Counts `block` if its bearing is fresh.
    pub fn push(&mut self, block: &FrontendBlock) {
        if let Some(b) = block.bearing.filter(|_| block.bearing_fresh) {
            let (s, c) = b.degrees.to_radians().sin_cos();
            self.x += b.confidence * c;
            self.y += b.confidence * s;
            self.weight += b.confidence;
        }
    }

    /// The confidence-weighted circular mean, and starts anew. `None` when nothing fresh came.
    pub fn take(&mut self) -> Option<Bearing> {
        let Self { x, y, weight } = std::mem::take(self);
        (weight > 0.0).then(|| Bearing {
            degrees: y.atan2(x).to_degrees().rem_euclid(360.0),
            confidence: (x.hypot(y) / weight).min(1.0),
            mirror_degrees: None,
        })
    }
}
