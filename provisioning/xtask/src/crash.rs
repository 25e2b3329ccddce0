//! `cargo xtask crash`: kills device, gateway, broker and database again and again, and has the result judged.
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;

use crate::setup::{self, Purpose, wheel};
use crate::{checkout, say, stop};

/// What is killed, and what kills and judges.
const PROGRAMS: [&str; 4] = ["primd", "prim-gateway", "prim-cli", "prim-crash"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many processes are killed; 200 take some fifteen minutes.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    kills: u32,
    /// Repeats a run: who is killed, when, for how long, and what the people do.
    #[arg(long)]
    seed: Option<u64>,
    /// Keep logs and data also when all is well.
    #[arg(long)]
    keep: bool,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let ready = setup::ensure(Purpose::Demo, setup::Options { yes: options.yes })?;
    let mut build = checkout::cargo();
    build.args(["build", "--locked", "--bins"]);
    for program in PROGRAMS {
        build.args(["--package", program]);
    }
    let mut crash = std::process::Command::new(checkout::built("prim-crash"));
    crash.arg("--kills").arg(options.kills.to_string());
    if let Some(seed) = options.seed {
        crash.arg("--seed").arg(seed.to_string());
    }
    if options.keep {
        crash.arg("--keep");
    }
    if let Some(bin) = ready.postgres_bin {
        build.env(wheel::BIN_VARIABLE, &bin);
        crash.env(wheel::BIN_VARIABLE, &bin);
    }
    for (name, command) in [("build", &mut build), ("crash", &mut crash)] {
        say::step(name);
        let begun = Instant::now();
        let status = command.status().with_context(|| format!("start {name}"))?;
        stop::check()?;
        ensure!(status.success(), "{name} failed ({status}): its own words are above");
        say::good(format_args!("{name}, {:.0} s", begun.elapsed().as_secs_f64()));
    }
    Ok(())
}
