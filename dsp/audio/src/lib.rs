//! Frames, units and the ring between the real-time threads and the rest.
//!
//! **Who calls it:** everything that touches sound. **What it never does:** IO, clocks, allocation after
//! construction. One *frame* is one sample of every channel; one *block* is 10 ms of frames.
#![warn(missing_docs)]

mod units;

pub use units::{Channels, Decibels, Degrees, Frames, SampleRate, SampleTime};

/// The device's inner rate after the front end's resampler, and the rate of every recogniser.
pub const SPEECH_RATE: SampleRate = SampleRate::new(16_000);
/// One block at [`SPEECH_RATE`]: 10 ms.
pub const SPEECH_BLOCK: usize = 160;
/// The rate of microphones and speaker.
pub const DEVICE_RATE: SampleRate = SampleRate::new(48_000);
/// One block at [`DEVICE_RATE`]: 10 ms.
pub const DEVICE_BLOCK: usize = 480;
/// The length of one block.
pub const BLOCK_MS: u64 = 10;
