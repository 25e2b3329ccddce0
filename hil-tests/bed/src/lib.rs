//! A test bed of real servers: Postgres and Mosquitto as guarded, unprivileged processes.
//!
//! **Who calls it:** the gateway's tests, the crash test, `xtask`. **What it never does:** run a server as root,
//! listen beyond loopback, leave a process behind (not even when its owner is killed: a watchdog holds the other
//! end of a pipe), or skip: a missing program is an error that names the remedy.
//!
//! ```no_run
//! let folder = prim_bed::folder()?;
//! let mut postgres = prim_bed::Postgres::start(folder.path(), &prim_bed::PostgresOptions::default())?;
//! println!("{}", postgres.url());
//! postgres.kill_group(); // the power cut: every process of it at once
//! postgres.restart()?; // the same port, the same data
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod client;
mod mosquitto;
mod postgres;
mod process;

use std::path::PathBuf;

pub use account::{Account, folder};
pub use client::Client;
pub use mosquitto::{Mosquitto, MosquittoOptions, World};
pub use postgres::{Postgres, PostgresOptions};
pub use process::{Guarded, free_port, free_port_pair};

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program is not on this machine.
    #[error("find {program}: looked in {looked}; run `cargo xtask setup`")]
    Missing {
        /// Which program.
        program: &'static str,
        /// Where it was looked for.
        looked: String,
    },
    /// A file or folder cannot be made ready.
    #[error("prepare {}: check its permissions; an unprivileged account must be able to enter it", path.display())]
    Prepare {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The folder is closed to the account that the server runs as.
    #[error("use {}: the account the server runs as cannot enter it; use a folder below /var/tmp, or chmod o+x it",
        path.display())]
    Closed {
        /// The folder that is closed.
        path: PathBuf,
    },
    /// The program ran and gave up, or never answered.
    #[error("start {program}: {what}; its last words: {log}")]
    Failed {
        /// Which program.
        program: &'static str,
        /// What happened.
        what: String,
        /// The end of its log.
        log: String,
    },
}
