//! The whole room in one run: people who speak, listen, look and press; the recorder; and the separate program that
//! computes every promised figure from what was recorded.
//!
//! **Who calls it:** its two programs, which `cargo xtask demo` starts. `prim-room` plays a meeting script in real
//! time against a device that sees only sound, edges and light. `prim-measure` reads the recording, the observer's
//! log and the database. **Invariants:** nobody in the room sees anything of the device but light and sound; the
//! measuring program never uses a time that the device wrote down.
#![warn(missing_docs)]

mod asking;
mod clock;
pub mod hear;
pub mod measure;
pub mod people;
pub mod record;
pub mod room;
pub mod script;
pub mod voices;
pub mod wave;
