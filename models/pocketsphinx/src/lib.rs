//! Recognition by PocketSphinx with Debian's US English model: real, streaming, nothing to download.
//!
//! **Who calls it:** `primd` registers it with [`register`] and opens `pocketsphinx-en-us` from
//! `models/manifest.toml`, one engine per ear; it wants a thread of its own ([`prim_models::SttThread`]).
//!
//! One [`PocketSphinx`] runs three searches over a segment of speech:
//!
//! - **dictation** live, in 10 ms blocks, for partials with a stable prefix; when the segment ends, a second pass on
//!   another thread decodes the whole of it again, normalised by its own mean, for the [`prim_models::Final`]
//!   (measured in a simulated room: about 3 words in 10 wrong instead of 5);
//! - a **spotter** for the word "Prim" all the while;
//! - the caller's **command grammar**, only from the keyphrase on, beside a loop over all phones that takes what is
//!   no command.
//!
//! **What it never does:** it logs nothing, keeps no audio beyond a segment's final, writes no file but the small
//! model and the keyphrase list it hands to the library, which are deleted at once.
//!
//! **Weaker than it looks:** far speech stays hard for this model, and the second pass of a long segment takes about
//! a fifth of its length on an idle core.
//!
//! ```no_run
//! use prim_audio::SampleTime;
//! use prim_models::{SegmentId, Stt, SttContext, SttEvent};
//! use prim_models_pocketsphinx::{Model, PocketSphinx};
//!
//! let mut stt = PocketSphinx::open(&Model::debian())?;
//! stt.start(&SttContext::new(["Budget review"], ["Ana"]).unwrap())?;
//! stt.begin_segment(SegmentId(1), SampleTime(0))?;
//! stt.accept(&[0; 160], SampleTime(0))?;
//! stt.end_segment()?;
//! while let Some(event) = stt.poll() {
//!     if let SttEvent::Partial(partial) = event {
//!         assert!(partial.stable_chars <= partial.text.chars().count());
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod command;
mod decoder;
mod dictation;
mod engine;
mod ffi;
mod grammar;
mod language_model;
mod letters;
mod recogniser;
mod second_pass;
mod segment;
mod spotter;
mod vocabulary;

use std::path::PathBuf;

use prim_models::{ModelRegistry, OpenModelError};

pub use engine::PocketSphinx;

/// Where the model's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The folder of the acoustic model.
    pub acoustic: PathBuf,
    /// The statistical language model.
    pub language: PathBuf,
    /// The pronunciations.
    pub dictionary: PathBuf,
}

impl Model {
    /// Where the Debian package `pocketsphinx-en-us` puts them.
    #[must_use]
    pub fn debian() -> Self {
        let folder = PathBuf::from("/usr/share/pocketsphinx/model/en-us");
        Self {
            acoustic: folder.join("en-us"),
            language: folder.join("en-us.lm.bin"),
            dictionary: folder.join("cmudict-en-us.dict"),
        }
    }
}

/// Teaches `registry` the engine `pocketsphinx`. Files: `acoustic`, `language`, `dictionary`.
pub fn register(registry: &mut ModelRegistry) {
    registry.register_stt("pocketsphinx", |entry| {
        let engine = |why: String| OpenModelError::Engine {
            name: entry.name.clone(),
            engine: "pocketsphinx".to_owned(),
            why,
        };
        let file = |role: &str| {
            entry
                .file(role)
                .map(PathBuf::from)
                .ok_or_else(|| engine(format!("the manifest names no file with the role {role}")))
        };
        let model = Model {
            acoustic: file("acoustic")?,
            language: file("language")?,
            dictionary: file("dictionary")?,
        };
        let opened = PocketSphinx::open(&model).map_err(|why| engine(why.to_string()))?;
        Ok(Box::new(opened))
    });
}
