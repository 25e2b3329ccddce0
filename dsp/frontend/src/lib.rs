//! From microphones to one clean voice with a bearing; and what goes the other way: ding, limiter, rates.
//!
//! **Who calls it:** the device's ears thread feeds [`Frontend`] with 10 ms blocks that came out of the capture
//! ring, together with what the speaker really played; speech detection and the recogniser read its
//! [`FrontendBlock`]. The mouth uses [`ding`], [`Limiter`] and [`StreamResampler`].
//!
//! **What it never does:** IO, clocks, threads, logs, locks, and allocation after construction
//! (`tests/no_alloc.rs`).
//!
//! Two voices leave the front end for two kinds of listeners:
//!
//! * `recogniser`: only the linear echo stage, so that the near talker is untouched; then dereverberated.
//! * `voice`: residual echo suppressed, noise reduced, brought to a level. For people at the far end.
//!
//! Speech detection and barge-in hear `near`: `voice` before its noise and its level were touched. While nothing was played
//! for longer than the echo's tail it is the plain beam.
//!
//! ```
//! use prim_audio::DEVICE_BLOCK;
//! use prim_dsp::{Frontend, FrontendBlock, FrontendConfig};
//!
//! let config = FrontendConfig::new(&[[35.0, 0.0, 0.0], [0.0, 35.0, 0.0], [-35.0, 0.0, 0.0], [0.0, -35.0, 0.0]]);
//! let mut frontend = Frontend::new(&config)?;
//! let mut out = FrontendBlock::default();
//! frontend.process(&[0; DEVICE_BLOCK * 4], &[0; DEVICE_BLOCK], &mut out)?;
//! assert!(out.recogniser.iter().all(|s| s.abs() < 1e-6));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod align;
mod barge_in;
mod beam;
mod bearing;
mod company;
mod config;
mod dereverb;
mod ding;
mod drift;
mod echo;
mod floor;
mod frontend;
mod gain;
mod health;
mod hermitian;
mod highpass;
mod level;
mod limiter;
mod locate;
mod mixture;
mod moment;
mod noise;
mod outgoing;
mod parting;
mod reframe;
mod remote;
mod resample;
mod scene;
mod seats;
mod segment;
mod stft;
mod suppress;
mod talk;
mod turns;
mod weights;
mod wide;

pub use barge_in::{BargeIn, BargeInConfig};
pub use bearing::{Bearing, SegmentBearing};
pub use config::{DereverbConfig, FrontendConfig, FrontendConfigError, MAX_CHANNELS};
pub use ding::{DING_FRAMES, ding};
pub use frontend::{BlockShapeError, EchoState, Frontend, FrontendBlock};
pub use health::{ChannelHealth, ChannelLevel};
pub use level::{dbfs, peak, rms};
pub use limiter::Limiter;
pub use reframe::Reframer;
pub use remote::{RemoteBlock, RemoteEar};
pub use resample::{Resampler, ResamplerError, StreamResampler, resample_all};
pub use segment::{SegmentEvent, Segmenter, SegmenterConfig};
pub use turns::{TurnEvent, Turns};
