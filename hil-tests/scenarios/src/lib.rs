//! One language for meetings that a product owner can read, and the transcripts they must produce.
//!
//! **What it is.** A `*.scenario` file in `scripts/` says who is here, what is on the agenda and what happens when; the
//! `*.expected` file beside it is the transcript of everything Prim then orders and writes down. [`play`] runs one
//! against the pure core in virtual time, with a voice, a mouth and ears that always do what they should unless the
//! script breaks them.
//!
//! **Who calls it.** `tests/scenarios.rs` plays all of them, replays each from its input log and compares bit for bit.
//! `UPDATE_EXPECT=1 cargo nextest run -p prim-scenarios` rewrites the transcripts; review the diff.
//! A transcript that changes while its script does not wants a new number of the core (`prim_meeting::log::CORE`).
//!
//! **What it never does.** Read a clock, sleep, or know how the core works inside.
//!
//! ```text
//! mode proactive timekeeper
//! agenda "Budget" 2 minutes
//! person Ana in the room, host
//! at 0:05 Ana speaks for 3 seconds
//! at 2:03 button pressed for 0.2 seconds
//! until 2:20
//! ```
//! The whole language: `LANGUAGE.md` in this folder.

mod parse;
mod play;
mod transcript;

pub use parse::{Act, Line, ParseScenarioError, Scenario, parse};
pub use play::{Played, play};
