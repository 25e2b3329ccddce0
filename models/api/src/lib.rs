//! Seams between Prim and the engines that hear and speak: voice activity, recognition, voiceprints, synthesis.
//!
//! **Who calls it:** `primd` opens engines by name through [`ModelRegistry`] and talks to them only through
//! [`Vad`], [`Stt`], [`SpeakerEmbedding`] and [`Tts`]; each engine crate (`prim-models-<engine>`) implements one or two of the traits
//! and registers a factory. Another engine is one more crate and one more entry in `models/manifest.toml`: no
//! caller changes.
//!
//! **What it never does:** it links no engine, downloads nothing, logs no text. Recognised and spoken text
//! passes through as values only.
//!
//! ```
//! use prim_models::fakes::{FakeStt, FakeTts};
//! use prim_models::{Flow, ModelRegistry, Manifest, Tts};
//!
//! let manifest = Manifest::parse(r#"
//!     [[model]]
//!     name = "tones"
//!     kind = "tts"
//!     engine = "fake"
//!     version = "1"
//!     licence = "Apache-2.0"
//!     rate_hz = 16000
//!     source = { built_in = "prim-models" }
//!     budget = { memory_mb = 1, cpu_percent = 1 }
//! "#).unwrap();
//! let mut registry = ModelRegistry::new(manifest);
//! registry.register_tts("fake", |_entry| Ok(Box::new(FakeTts::new())));
//! let mut tts = registry.open_tts("tones").unwrap();
//! let mut frames = 0;
//! tts.synthesise("five minutes left", &mut |chunk| {
//!     frames += chunk.len();
//!     Flow::Continue
//! }).unwrap();
//! assert!(frames > 0);
//! # let _ = FakeStt::new();
//! ```
#![warn(missing_docs)]

mod cached;
mod clauses;
mod context;
pub mod fakes;
mod manifest;
mod registry;
mod stt;
mod thread;
mod tts;
mod vad;
mod voice_book;
mod voice_thread;
mod voiceprint;

pub use cached::{CacheUse, Cached};
pub use clauses::{MAX_CLAUSE_CHARS, clauses};
pub use context::{ContextError, SttContext};
pub use manifest::{Budget, Kind, Manifest, ManifestError, ModelEntry, ModelFile, Source};
pub use registry::{ModelRegistry, OpenModelError};
pub use stt::{
    Command, Effort, Final, Keyphrase, Partial, Pressure, SegmentId, Stt, SttError, SttEvent, Word,
    place_words,
};
pub use thread::{SttThread, ThreadLimits};
pub use tts::{Flow, Spoken, Tts, TtsError};
pub use vad::{Vad, VadError};
pub use voice_book::{Certainty, VoiceBook};
pub use voice_thread::{Asked, VoiceLimits, VoiceThread};
pub use voiceprint::{EmbedError, LONGEST_TURN, SHORTEST_TURN, SpeakerEmbedding, Voiceprint};

/// The manifest of every model that Prim knows, as committed in `models/manifest.toml`.
pub const BUILT_IN_MANIFEST: &str = include_str!("../../manifest.toml");
