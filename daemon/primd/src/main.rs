//! `primd`: the room daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

/// The room daemon: hears, keeps the time, asks for the floor, answers when asked.
///
/// Needs a configuration file; `prim doctor` explains what is missing in a running one.
///
/// Examples:
///   primd --config /etc/prim/prim.toml
///   primd --config prim.toml --meeting monday.toml
///   primd --config prim.toml --check
///
/// Exit codes: 0 stopped as asked, 1 could not run (the message says what, why and what to do), 2 wrong usage.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// The configuration (TOML).
    #[arg(long, env = "PRIM_CONFIG", default_value = "/etc/prim/prim.toml")]
    config: PathBuf,
    /// A meeting to begin at once: title, agenda, people (TOML).
    #[arg(long)]
    meeting: Option<PathBuf>,
    /// Read and check both files, touch no hardware and no port, and leave.
    #[arg(long)]
    check: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let filter = EnvFilter::try_from_env("PRIM_LOG").unwrap_or_else(|_| EnvFilter::new("info,rumqttc=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("primd could not run: failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let config = primd::config::read(&args.config)?;
    let plan = primd::wiring::read_plan(args.meeting.as_deref())?;
    if args.check {
        tracing::info!("the configuration is valid");
        return Ok(());
    }
    primd::wiring::run(&config, plan.as_ref())
}
