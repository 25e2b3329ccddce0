//! `prim`: the command line, on the device and on a laptop.
//!
//! **Who calls it:** installers, operators, auditors, developers. **What it never does:** link a recogniser or a
//! sound driver, touch the daemon's files while it runs, send anything anywhere but for `models pull`.
//!
//! Exit status: 0 what was asked holds; 1 it does not (tampering, a difference, something missing); 2 it could not
//! be found out (no such file, no such address).

mod audit;
mod doctor;
mod fetch;
mod models;
mod replay;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

const EXAMPLES: &str = "Examples:
  prim doctor                                      is everything there?
  prim models list                                 which models does this device know?
  prim audit verify meeting.jsonl --keys keys.txt  was this export tampered with?
  prim replay 01J9ZB6Q8E4V3T2S1R0PNMKJHG.replay    does the core still say the same?

`prim COMMAND --help` shows more examples. The daemon itself is `primd`; what the gateway stores is exported by
`prim-gateway export`.

Exit status: 0 yes, 1 no, 2 could not find out.";

/// Look after a Prim device, and check what it wrote.
#[derive(Debug, Parser)]
#[command(name = "prim", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check what Prim wrote down.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Run a meeting's input log through the core again and compare what comes out.
    Replay(replay::ReplayArgs),
    /// Say in plain words what of this device works and what is missing.
    Doctor(doctor::DoctorArgs),
    /// Look at, check and fetch speech models.
    #[command(subcommand, after_help = models::HELP)]
    Models(models::ModelsCommand),
}

/// What a command found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Holds,
    Fails,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    let outcome = match cli.command {
        Command::Audit(command) => audit::run(&command, &mut out),
        Command::Replay(args) => replay::run(&args, &mut out),
        Command::Doctor(args) => doctor::run(&args, &mut out),
        Command::Models(command) => models::run(&command, &mut out),
    };
    let flushed = out.flush();
    match outcome.and_then(|outcome| Ok(flushed.map(|()| outcome)?)) {
        Ok(Outcome::Holds) => ExitCode::SUCCESS,
        Ok(Outcome::Fails) => ExitCode::from(1),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "prim: {error:#}");
            ExitCode::from(2)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_fit_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_is_a_command_that_parses() {
        use clap::CommandFactory;
        fn examples(command: &mut clap::Command, found: &mut Vec<String>) {
            let help = command.render_long_help().to_string();
            found.extend(help.lines().filter(|line| line.starts_with("  prim ")).map(str::to_owned));
            for inner in command.get_subcommands_mut() {
                examples(inner, found);
            }
        }
        let mut found = Vec::new();
        examples(&mut Cli::command(), &mut found);
        assert!(found.len() > 10, "{found:?}");
        for line in found {
            // What it is for stands two spaces behind it, what reads its output behind a bar.
            let command = line.trim().split("  ").next().unwrap_or_default();
            let words = command.split(" | ").next().unwrap_or_default().split_whitespace();
            if let Err(error) = Cli::try_parse_from(words) {
                panic!("{line:?}: {error}");
            }
        }
    }
}
