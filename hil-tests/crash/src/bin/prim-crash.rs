//! `prim-crash`: kills the whole of Prim again and again, and says whether anything was lost or repeated.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use prim_crash::{Options, run};

/// Kills primd, prim-gateway, Mosquitto and Postgres with SIGKILL at seeded random moments while a simulated room keeps
/// them busy, then compares Postgres with the device's witness file and with what the room heard.
///
/// Examples:
///   cargo xtask crash                         20 kills, as in CI
///   cargo xtask crash --kills 200 --seed 7    the long run, some ten minutes
///
/// Exit codes: 0 nothing was lost or repeated, 1 something was, or it could not be found out.
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment)]
struct Arguments {
    /// How many processes are killed.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// Decides who, when, for how long, and what the people do; another one each time when left out.
    #[arg(long, env = "PRIM_CRASH_SEED")]
    seed: Option<u64>,
    /// Keep logs and data also when all is well.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let Arguments { kills, seed, keep } = Arguments::parse();
    let seed = seed.unwrap_or_else(|| prim_hal_sim::boot_nanos() % 1_000_000);
    let mut say = |line: &str| {
        // A closed terminal is no reason to stop: the verdict is in the exit code.
        let _ = writeln!(std::io::stdout(), "{line}");
    };
    match run(&Options { kills, seed, keep }, &mut say) {
        Ok(report) => {
            say(&report.to_string());
            if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "prim-crash: failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}
