//! `primd`: the room daemon.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use prim_ids::MeetingId;
use primd::erase::Outcome;
use tracing_subscriber::EnvFilter;

/// The room daemon: hears, keeps the time, asks for the floor, answers when asked.
///
/// Without a command it runs until SIGTERM or Ctrl-C. It needs a configuration file: `prim.example.toml` (in daemon/primd
/// of the sources) shows every setting, `meeting.example.toml` beside it what can be known of a meeting beforehand.
/// `prim doctor` says what a running daemon lacks.
///
/// Examples:
///   primd --config prim.toml --check                is everything there that the configuration names?
///   primd --config prim.toml                        run
///   primd --config prim.toml --meeting monday.toml  run, and begin this meeting at once
///   primd --config prim.toml erase 01JQZX3V9RK8D5T2M7N4B6C0FG
///
/// The log goes to stderr. PRIM_LOG says how much of it: warn, info (the default), debug, or primd=debug,info.
///
/// Exit codes: 0 stopped as asked, 1 could not run (the message says what, why and what to do), 2 wrong usage.
/// With --check: 0 it can start, though there may be warnings, 1 something must be mended first, 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// The configuration (TOML).
    #[arg(
        long,
        env = "PRIM_CONFIG",
        value_name = "FILE",
        default_value = "/etc/prim/prim.toml",
        global = true
    )]
    config: PathBuf,
    /// A meeting to begin at once: title, agenda, people (TOML).
    #[arg(long, value_name = "FILE")]
    meeting: Option<PathBuf>,
    /// Check both files and everything they name, list it, touch no hardware, and leave.
    #[arg(long, long_help = CHECK)]
    check: bool,
    #[command(subcommand)]
    order: Option<Order>,
}

/// What the daemon that runs on this configuration may be told.
#[derive(Debug, Subcommand)]
enum Order {
    /// Erase everything people said in a meeting that has ended.
    #[command(long_about = ERASE)]
    Erase {
        /// The meeting's id (26 characters).
        meeting: MeetingId,
    },
    /// Change the key that signs the audit, while the daemon is stopped.
    #[command(long_about = ROTATE_KEY)]
    RotateKey,
}

const CHECK: &str = "\
Check both files and everything they name, list it, touch no hardware, and leave.

A line each: ok, warn or error, the file, what is wrong with it, what to do, and what it would cost. Run it as the user
who will run primd, in the folder it will be started in. It disturbs no primd that runs: that one's folder and port are
its own, and a warning says so.";

const ERASE: &str = "\
Erase everything people said in a meeting that has ended.

The daemon must be running, with [status] socket in its configuration. The meeting is erased on this device at once, and
at the gateway when it hears of it. The records stay, with hashes in place of words, and the audit says that it was done.";

const ROTATE_KEY: &str = "\
Change the key that signs the audit, while the daemon is stopped.

Nothing may wait to be sent: stop the daemon when `prim doctor` shows an empty spool. The old key's consent goes on
record; gateways and auditors follow it. The new public key is written beside the secret one (audit.pub.pem beside
audit.key.pem), the old one is kept with a number (audit.1.pub.pem).";

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("PRIM_LOG").unwrap_or_else(|_| EnvFilter::new("info,rumqttc=error"));
    // A log file gets no escape codes, nor does a terminal whose owner does not want them (no-color.org).
    let colours =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        // A log that nobody reads any more is no reason to stop: telling of it there would panic.
        .log_internal_errors(false)
        .init();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("primd could not run: failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    if args.check && args.order.is_none() {
        let report = primd::wiring::check(&args.config, args.meeting.as_deref());
        // Whoever reads only the first lines has closed the pipe: the exit code is still the report's.
        match write!(std::io::stdout().lock(), "{report}") {
            Err(closed) if closed.kind() == std::io::ErrorKind::BrokenPipe => {}
            written => written.context("write what the check found")?,
        }
        return Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let config = primd::config::read(&args.config)?;
    match args.order {
        Some(Order::Erase { meeting }) => erase(&config, meeting)?,
        Some(Order::RotateKey) => {
            let changed = primd::wiring::change_audit_key(&config)?;
            tracing::info!(
                audit.key = %changed.key,
                audit.new_file = %changed.new_file.display(),
                audit.old_file = %changed.old_file.display(),
                "the audit key is changed; the next start signs with the new one. Give auditors both public keys: the new \
                 one stands in {}, the old one was kept as {}",
                changed.new_file.display(),
                changed.old_file.display()
            );
        }
        None => {
            let plan = primd::wiring::read_plan(args.meeting.as_deref())?;
            primd::wiring::run(&config, plan.as_ref())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn erase(config: &primd::config::PrimConfig, meeting: MeetingId) -> anyhow::Result<()> {
    let socket = config.status.as_ref().map(|status| status.socket.as_path());
    match primd::erase::order(socket, meeting)? {
        Outcome::Erased { records, replay_log } => {
            tracing::info!(
                erased.records = records,
                erased.replay_log = replay_log,
                "the meeting is erased on this device; the gateway erases it when it gets the record of it"
            );
            Ok(())
        }
        Outcome::Refused { why } => anyhow::bail!("erase the meeting: {why}"),
    }
}
