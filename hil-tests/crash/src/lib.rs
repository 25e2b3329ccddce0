//! The crash test: `primd`, `prim-gateway`, Mosquitto and Postgres as real processes, killed with SIGKILL at seeded random
//! moments while a simulated room keeps them busy, and then held against three witnesses that were never killed.
//!
//! **Who calls it:** its test (20 kills, in CI) and its program (`cargo xtask crash --kills 200 --seed 7`).
//! **Invariants:** everything is on loopback and in a folder of its own; nothing is killed that this crate did not
//! start; the witnesses are not asked what they think the others did.
//!
//! # The witnesses
//!
//! 1. *The device's witness file* ([`prim_proto::witness`]): place and hash of every record, synced before and after the
//!    commit. For each number the last that was placed there is what the spool held; whether the very last record of a
//!    stream was committed, the spool's tip says. The rows in Postgres must be exactly this set: nothing missing,
//!    nothing more, nothing twice, each with the hash that the device computed.
//! 2. *The room* heard the loudspeaker, 10 ms at a time, over all of the device's lives. Each ding heard, or piece of one,
//!    must belong to one intent in the audit, and no two to the same.
//! 3. *`prim audit verify`* checks the exported chains with nothing but public keys.
//!
//! The judge is a pure function of what the witnesses say, and its own tests show that it can find each fault.
//!
//! ```no_run
//! let options = prim_crash::Options { kills: 20, seed: 7, keep: false };
//! let report = prim_crash::run(&options, &mut |line| eprintln!("{line}"))?;
//! assert!(report.problems.is_empty(), "{report}");
//! # Ok::<(), anyhow::Error>(())
//! ```
#![warn(missing_docs)]

mod dice;
mod ears;
mod evidence;
mod judge;
mod keys;
mod meeting;
mod people;
mod room;
mod stage;
mod storm;
mod wait;

pub use ears::Ring;
pub use keys::change_keys;
pub use stage::Victim;
pub use storm::{Options, Report, run};
