//! Frames, units and the ring between the real-time threads and the rest.
//!
//! **Who calls it:** everything that touches sound. **What it never does:** IO, clocks, allocation after
//! construction. One *frame* is one sample of every channel; one *block* is 10 ms of frames.
//!
//! # The law of real-time threads
//!
//! A capture or playback thread that is late is heard: a hole in a word, a click in the room. So on those
//! threads there is **no allocation, no lock, no log, no `await`, no system call except the device's own**.
//! They talk to the rest through [`block_ring`] and atomic counters, nothing else:
//!
//! * a full ring never blocks: the incoming block is dropped and counted ([`BlockProducer::push`]);
//! * a hole is never filled with invented sound: the next block simply carries a later [`SampleTime`], and
//!   [`GapWatch`] on the reading side names how much is missing;
//! * counters are read and published by another thread ([`Overflow`]).
//!
//! ```
//! use prim_audio::{DEVICE_BLOCK, SampleTime, block_ring};
//!
//! let (mut mic, mut ear) = block_ring::<i16>(8, DEVICE_BLOCK * 4);
//! assert!(mic.push(SampleTime(0), &[0; DEVICE_BLOCK * 4]));
//! let mut block = [0; DEVICE_BLOCK * 4];
//! assert_eq!(ear.pop(&mut block), Some(SampleTime(0)));
//! ```
#![warn(missing_docs)]

mod gap;
mod jitter;
mod reference;
mod ring;
mod units;
mod zero;

pub use gap::{Arrival, GapWatch};
pub use jitter::{JitterBuffer, Pulled, Pushed};
pub use reference::ReferenceLine;
pub use ring::{BlockConsumer, BlockProducer, Overflow, block_ring};
pub use units::{Channels, Decibels, Degrees, Frames, SampleRate, SampleTime};
pub use zero::FrameZero;

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
