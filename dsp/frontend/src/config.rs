//! What a board looks like to the front end.

use thiserror::Error;

/// The most microphones one front end takes.
pub const MAX_CHANNELS: usize = 8;

/// The board's microphones and which stages run.
#[derive(Debug, Clone, PartialEq)]
pub struct FrontendConfig {
    /// Where each microphone sits in the array's plane, millimetres from the centre, `[x, y, z]`: x is the
    /// board's front (bearing 0°), y its left (90°), z up. One entry per channel, in the device's channel order.
    pub mics_mm: Vec<[f32; 3]>,
    /// Cancel Prim's own voice. Off only for boards that do it in hardware, and in tests.
    pub echo: bool,
    /// Dereverberation before the beam; `None` leaves it out.
    pub dereverb: Option<DereverbConfig>,
    /// How much the beam trades direction for calm: added to the diffuse field's coherence. 0.05 is sharp and
    /// amplifies microphone noise by up to 6 dB at low frequencies, 100 is plain delay-and-sum. Behind
    /// dereverberation the recogniser makes no difference between 0.5 and 1000 (`examples/words.rs`).
    pub beam_loading: f32,
    /// Reduce noise in `voice`; `near` and `recogniser` never hear it.
    pub noise: bool,
    /// Bring `voice` to the usual level of a call; `near` and `recogniser` keep theirs.
    pub gain: bool,
}

/// On-line weighted prediction error: how far back a microphone's past may explain its present.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DereverbConfig {
    /// Past frames used per microphone.
    pub taps: usize,
    /// Frames between now and the nearest past used, so that the voice itself is not predicted away.
    pub delay: usize,
    /// Forgetting per frame, just below 1.
    pub forgetting: f32,
    /// Bins above this frequency are left alone: little speech, much cost.
    pub up_to_hz: f32,
}

/// Eight taps of 10 ms from 20 ms on, a memory of five seconds per seat (decision 0003).
impl Default for DereverbConfig {
    fn default() -> Self {
        Self { taps: 8, delay: 2, forgetting: 0.998, up_to_hz: 5_000.0 }
    }
}

impl FrontendConfig {
    /// All stages on, for microphones at `mics_mm`.
    #[must_use]
    pub fn new(mics_mm: &[[f32; 3]]) -> Self {
        Self {
            mics_mm: mics_mm.to_vec(),
            echo: true,
            dereverb: Some(DereverbConfig::default()),
            beam_loading: 1.0,
            noise: true,
            gain: true,
        }
    }

    /// Channels of the device.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.mics_mm.len()
    }

    pub(crate) fn check(&self) -> Result<(), FrontendConfigError> {
        if self.mics_mm.is_empty() || self.mics_mm.len() > MAX_CHANNELS {
            return Err(FrontendConfigError::Channels { got: self.mics_mm.len() });
        }
        if let Some(channel) = self.mics_mm.iter().position(|p| !p.iter().all(|c| c.abs() <= 2_000.0)) {
            return Err(FrontendConfigError::Position { channel });
        }
        if let Some(d) = &self.dereverb
            && !((1..=24).contains(&d.taps)
                && (1..=8).contains(&d.delay)
                && (0.9..1.0).contains(&d.forgetting))
        {
            return Err(FrontendConfigError::Dereverb);
        }
        if !(1e-3..=1e6).contains(&self.beam_loading) {
            return Err(FrontendConfigError::BeamLoading);
        }
        Ok(())
    }
}

/// The board cannot be built.
#[derive(Debug, Error, PartialEq)]
pub enum FrontendConfigError {
    /// No microphone, or more than fit.
    #[error("use {got} microphones: between 1 and {MAX_CHANNELS} fit; correct the board's geometry list")]
    Channels {
        /// How many the board named.
        got: usize,
    },
    /// A coordinate that is no number or beyond two metres.
    #[error(
        "place microphone {channel}: its coordinates are not within 2000 mm; give millimetres from the centre"
    )]
    Position {
        /// Which one.
        channel: usize,
    },
    /// Dereverberation out of range.
    #[error("set up dereverberation: taps 1 to 24, delay 1 to 8, forgetting 0.9 to below 1")]
    Dereverb,
    /// The beam's loading out of range.
    #[error("set up the beam: loading 0.001 to 1000000")]
    BeamLoading,
    /// The resampler refused.
    #[error("build the resampler")]
    Resampler(#[from] crate::ResamplerError),
}
