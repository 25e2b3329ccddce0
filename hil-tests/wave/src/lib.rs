//! Reads the wave files that people bring: any rate, channel count, depth and encoding that is plain samples, A-law and
//! µ-law included, and says of every other file what is wrong with it and what to do.
//!
//! **Who calls it:** `cargo xtask demo --wav`, which judges every file before anything is installed or built, and the
//! room, which plays them. **What it never does:** it never panics on foreign bytes, never believes a length that a
//! header claims, and holds one block of a file at a time, however long the file is.
//!
//! ```
//! use prim_wave::Wave;
//!
//! let bytes = [
//!     &b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0"[..],
//!     &b"data\x04\0\0\0\0\x40\0\xc0"[..],
//! ]
//! .concat();
//! let mut wave = Wave::open(&bytes[..])?;
//! assert_eq!((wave.format().rate_hz, wave.format().channels), (16_000, 1));
//! let mut mono = Vec::new();
//! assert_eq!(wave.read_block(&mut mono)?, 2);
//! assert_eq!(mono, [0.5, -0.5]);
//! # Ok::<(), prim_wave::WaveError>(())
//! ```
#![warn(missing_docs)]

mod error;
mod file;
mod format;
mod samples;
mod wave;

pub use error::{PlayError, WaveError};
pub use file::{Facts, LONGEST_S, Note, judge, open};
pub use format::{Encoding, Format};
pub use wave::{Taken, Wave};
