//! The room daemon: the composition root, the only place that names concrete parts.
//!
//! **What it is.** Threads around the pure core of `prim-meeting`: the room's front end (capture → ring → front end), a
//! listener for each session's ear (the room's and a platform's alike), a mouth, a button, and one thread that runs the
//! meeting. [`wiring`] opens the parts and connects them.
//!
//! **Who calls it.** The `primd` binary; tests that run a whole device in one process.
//!
//! **What it never does.** Decide who may speak (the core does), touch Postgres or S3 (the gateway does), log what
//! people say, or play a sound whose intent is not on disk.
//!
//! ```no_run
//! let config = primd::config::read(std::path::Path::new("/etc/prim/prim.toml"))?;
//! primd::wiring::run(&config, None)?;
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod agenda;
mod alive;
mod certificate;
mod clock;
pub mod config;
mod disk;
pub mod erase;
mod front;
mod health;
mod http;
mod inbox;
mod ledger;
mod listener;
mod live;
mod losses;
mod meeting_loop;
mod mouth;
mod platform;
mod replay;
pub mod rotate;
mod session;
mod vitals;
pub mod wiring;
mod witness;
mod writer;
