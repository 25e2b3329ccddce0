//! Scripted doubles: they stand beside the real engines to make failures happen on purpose.
//!
//! They say what they were told to say, at the pace they were told, and break where they were told.

mod gate;
mod stt;
mod tts;
mod vad;
mod voiceprint;

pub use gate::Gate;
pub use stt::{FakeStt, SttFault};
pub use tts::{FakeTts, TtsFault};
pub use vad::FakeVad;
pub use voiceprint::{FakeEmbedding, ScriptedTurn};
