//! What a room device has: microphones, a loudspeaker, a light, a button, a mute switch, and a board that says
//! where they sit.
//!
//! **Who calls it:** `primd` composes these traits with a back end (`prim-hal-sim`, later ALSA and GPIO); tests
//! bring their own doubles. **Invariants:** the crate holds no back end and does no IO; no trait here knows
//! speech, floor or meeting; every wait has a time limit; sound is mono or interleaved `i16` at the device rate
//! in blocks of 10 ms ([`prim_audio::DEVICE_BLOCK`] frames); `MonoTime` is the kernel's `CLOCK_BOOTTIME`.
//!
//! Microphones and speaker of one device share one clock: the [`SampleTime`](prim_audio::SampleTime) of a
//! [`MicBlock`] and of a [`PlayedBlock`] count the same frames, so an echo canceller pairs them by that number.
//!
//! ```
//! let board = prim_hal::Board::builtin("sim-huddle")?;
//! assert_eq!(board.mic.channels(), 4);
//! assert!((board.mic.radius_mm() - 35.0).abs() < 0.01);
//! # Ok::<(), prim_hal::ReadBoardError>(())
//! ```
#![warn(missing_docs)]

mod board;
mod control;
mod sound;

pub use board::{Board, Controls, MicLayout, ReadBoardError, SpeakerPlace};
pub use control::{
    ButtonEdge, FloorButton, Indicator, LightPattern, MuteEdge, MuteSwitch, ParseLightError,
    ReadControlError, ShowLightError,
};
pub use sound::{MicArray, MicBlock, PlayedBlock, ReadMicError, Speaker, WriteSpeakerError};
