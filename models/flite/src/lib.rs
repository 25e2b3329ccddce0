//! Speech by flite: small, nothing to download, about a fiftieth of real time.
//!
//! **Who calls it:** `primd` registers it with [`register`] and opens a voice by its name in `models/manifest.toml`;
//! the simulated room voices its people with [`Flite`] directly. **What it never does:** it starts no thread, opens
//! no device, logs no text. Synthesis is global to the process (the library keeps voices in static memory), so calls
//! take turns: a sink that blocks holds the other voices up.
//!
//! ```
//! use prim_models::{Flow, Tts};
//! use prim_models_flite::{Flite, Voice};
//!
//! let mut voice = Flite::open(Voice::Slt)?;
//! let mut samples = Vec::new();
//! let spoken = voice.synthesise("Five minutes left.", &mut |chunk| {
//!     samples.extend_from_slice(chunk);
//!     Flow::Continue
//! })?;
//! assert!(spoken.complete && samples.len() as u64 == spoken.frames.0);
//! # Ok::<(), prim_models::TtsError>(())
//! ```
#![warn(missing_docs)]

mod ffi;
mod speakable;
mod voice;

use prim_models::{Cached, ModelRegistry, OpenModelError};

pub use voice::{Flite, Voice};

/// The phrase cache's bound when the manifest names none: 4 MiB, two minutes of speech.
const DEFAULT_CACHE_KB: usize = 4096;

/// Teaches `registry` the engine `flite`. Options: `voice` (`slt`, `rms`, `awb`, `kal16`), `cache_kb`.
pub fn register(registry: &mut ModelRegistry) {
    registry.register_tts("flite", |entry| {
        let option = |option: &str, why: String| OpenModelError::Option {
            name: entry.name.clone(),
            option: option.to_owned(),
            why,
        };
        let name = entry.options.get("voice").map_or("slt", String::as_str);
        let voice = Voice::named(name)
            .ok_or_else(|| option("voice", format!("{name} is none of slt, rms, awb, kal16")))?;
        let cache_kb = match entry.options.get("cache_kb") {
            Some(text) => text
                .parse::<usize>()
                .map_err(|_| option("cache_kb", format!("{text} is not a whole number of kibibytes")))?,
            None => DEFAULT_CACHE_KB,
        };
        let opened = Flite::open(voice).map_err(|why| OpenModelError::Engine {
            name: entry.name.clone(),
            engine: "flite".to_owned(),
            why: why.to_string(),
        })?;
        Ok(Box::new(Cached::new(opened, cache_kb.saturating_mul(1024))))
    });
}
