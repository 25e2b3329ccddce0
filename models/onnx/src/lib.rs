//! Networks in ONNX's format, run by Microsoft's ONNX Runtime: voice activity by Silero, voiceprints by a speaker network.
//!
//! **Who calls it:** `primd` registers it with [`register`] and opens a model of the manifest where the configuration
//! wants it. **What it never does:** it downloads nothing, logs nothing, and loads the runtime only when a network is
//! opened: a device that wants none needs no runtime and pays no memory for it. A runtime or a network that is missing,
//! too old, damaged or another one is an error that says what to do, never a panic.
//!
//! The runtime is one shared library, `libonnxruntime.so` 1.24 or newer. The Python wheel `onnxruntime` carries it in
//! `onnxruntime/capi/`; where it is, `[speech] onnx_runtime` of `primd` or [`RUNTIME_VARIABLE`] says.
#![warn(missing_docs)]

mod fbank;
mod runtime;
mod silero;
mod voiceprints;

use std::path::PathBuf;

use prim_models::{ModelRegistry, OpenModelError};

pub use runtime::{LoadRuntimeError, RUNTIME_VARIABLE, Runtime, find_runtime};
pub use silero::{OpenSileroError, Silero};
pub use voiceprints::{OpenVoiceprintsError, Voiceprints};

/// Teaches `registry` the engine `silero`; the runtime is `library`, else what [`find_runtime`] finds when a model is
/// opened. File: `network`. No options.
pub fn register(registry: &mut ModelRegistry, library: Option<PathBuf>) {
    registry.register_vad("silero", move |entry| {
        let refused = |why: String| OpenModelError::Engine {
            name: entry.name.clone(),
            engine: "ONNX Runtime".to_owned(),
            why,
        };
        let network = entry
            .file("network")
            .ok_or_else(|| refused("the manifest names no file `network`".to_owned()))?;
        let library = match &library {
            Some(library) => library.clone(),
            None => find_runtime().map_err(|error| refused(error.to_string()))?,
        };
        let runtime = Runtime::load(&library).map_err(|error| refused(error.to_string()))?;
        let silero = Silero::open(&runtime, network).map_err(|error| refused(error.to_string()))?;
        Ok(Box::new(silero))
    });
}
