//! `lint`, `test` and `bench`: the judges of the code, in the order in which they are cheapest.
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Args;
use clap::builder::PossibleValuesParser;
use prim_benches::Shortfall;
use prim_benches::ears::Stage;

use crate::setup::{self, Purpose, wheel};
use crate::{checkout, demo, peers, say, stop};

#[derive(Debug, Args)]
pub(crate) struct TestOptions {
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
    /// Passed to nextest: names of tests to run, filters, `--no-capture`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    nextest: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchOptions {
    /// A bench; all but `latency`, which runs a long meeting, when left out.
    #[arg(value_parser = PossibleValuesParser::new(prim_benches::BENCHES))]
    name: Option<String>,
    /// Only these stages of `ears`; benches/README.md is written when all are known, from this run and `--json`'s file.
    #[arg(value_parser = PossibleValuesParser::new(Stage::ALL.iter().map(|stage| stage.name())))]
    stages: Vec<String>,
    /// Write the rows of `ears` as JSON; rows of stages that are not measured now stay.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
    /// Exit with 1 when a promise is missed, or not judged since its peer is not here, and name it. Without this, they
    /// are named and the exit status is 0: on a busy machine a figure may be the neighbours'. A bench that cannot measure
    /// always exits with 1.
    #[arg(long)]
    strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListenOptions {
    /// Where the waves and their pictures go.
    #[arg(default_value = ".prim/listen")]
    folder: PathBuf,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SoakOptions {
    /// Hours of sound; simulated time runs as fast as the processor does, about twenty times the wall's.
    #[arg(long, default_value_t = 8.0)]
    hours: f64,
    /// How far the clocks of microphones and loudspeaker swing apart, parts in a million; 0 is one clock for both.
    #[arg(long, default_value_t = 20.0)]
    ppm: f64,
    /// The clocks stay so far apart all the time instead of swinging. The echo is looked for up to 320 ms late: at
    /// 20 ppm that is four hours, less than the default.
    #[arg(long)]
    steady: bool,
    /// Which meeting: another seed, other people at other times.
    #[arg(long, default_value_t = 7)]
    seed: u32,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

pub(crate) fn lint() -> anyhow::Result<()> {
    step("format", checkout::cargo().args(["fmt", "--all", "--check"]))?;
    let mut clippy = checkout::cargo();
    step(
        "clippy",
        clippy.args(["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]),
    )
}

/// Everything that must hold, then nextest's summary as the last word. nextest runs the tests on the
/// repository itself (`prim-tidy`) with all others; doctests, which it cannot run, come before it.
pub(crate) fn test(options: &TestOptions) -> anyhow::Result<()> {
    let ready = setup::ensure(Purpose::Test, setup::Options { yes: options.yes })?;
    lint()?;
    step("build", checkout::cargo().args(["build", "--workspace", "--locked"]))?;
    step("doctests", checkout::cargo().args(["test", "--workspace", "--doc", "--quiet", "--locked"]))?;
    let mut nextest = checkout::cargo();
    nextest.args(["nextest", "run", "--workspace", "--locked"]).args(&options.nextest);
    if let Some(bin) = ready.postgres_bin {
        nextest.env(wheel::BIN_VARIABLE, bin);
    }
    if let Some(runtime) = wheel::runtime() {
        nextest.env(wheel::RUNTIME_VARIABLE, runtime);
    }
    step("tests", &mut nextest)
}

pub(crate) fn bench(options: &BenchOptions) -> anyhow::Result<()> {
    let ready = setup::ensure(Purpose::Test, setup::Options { yes: options.yes })?;
    if options.name.as_deref() == Some("latency") {
        return demo::latency(options.yes, options.strict);
    }
    let mut bench = checkout::cargo();
    // In the profile of the tests and the demo: what was built is measured, and a shipped build is only faster.
    bench.args(["bench", "--package", "prim-benches", "--locked", "--profile", "dev", "--quiet"]);
    match &options.name {
        Some(name) => bench.args(["--bench", name]),
        None => bench.arg("--benches"),
    };
    if let Some(bin) = ready.postgres_bin {
        bench.env(wheel::BIN_VARIABLE, bin);
    }
    if options.name.as_deref() == Some("ears") {
        ears(&mut bench, options)?;
    } else {
        ensure!(options.json.is_none() && options.stages.is_empty(), "only `bench ears` has stages and rows");
    }
    let gathered = tempfile::NamedTempFile::new().context("make a file for what is missed")?;
    bench.env(prim_benches::MISSED_VARIABLE, gathered.path());
    step("bench", &mut bench)?;
    let noted = std::fs::read_to_string(gathered.path()).context("read what was missed")?;
    judge(&Shortfall::Missed.names(&noted), &Shortfall::NotJudged.names(&noted), options.strict)
}

/// Names the promises that were missed and those nobody could judge; with `--strict` either is a failure.
pub(crate) fn judge(missed: &[&str], not_judged: &[&str], strict: bool) -> anyhow::Result<()> {
    let said = [(missed, "missed"), (not_judged, "not judged")]
        .into_iter()
        .filter(|(names, _)| !names.is_empty())
        .map(|(names, what)| format!("{} promises were {what}: {}", names.len(), names.join(", ")))
        .collect::<Vec<_>>()
        .join("; ");
    ensure!(!strict || said.is_empty(), "{said}");
    if !said.is_empty() {
        say::bad(format_args!("{said} (with --strict this fails)"));
    }
    Ok(())
}

/// The ears are measured beside peers, and tell a page and a program what came of it.
fn ears(bench: &mut Command, options: &BenchOptions) -> anyhow::Result<()> {
    bench.envs(peers::environment()).arg("--").args(&options.stages);
    bench.arg("--table").arg(checkout::root().join("benches/README.md"));
    if let Some(json) = &options.json {
        // The bench runs in its own folder.
        let here = std::env::current_dir().context("ask for the current folder")?;
        bench.arg("--json").arg(here.join(json));
    }
    Ok(())
}

pub(crate) fn listen(options: &ListenOptions) -> anyhow::Result<()> {
    setup::ensure(Purpose::Test, setup::Options { yes: options.yes })?;
    let mut bench = checkout::cargo();
    bench.args([
        "bench",
        "--package",
        "prim-benches",
        "--locked",
        "--profile",
        "dev",
        "--quiet",
        "--bench",
        "ears",
    ]);
    let here = std::env::current_dir().context("ask for the current folder")?;
    bench.envs(peers::environment()).args(["--", "--listen"]).arg(here.join(&options.folder));
    step("listen", &mut bench)?;
    say::good(format_args!("the waves and their pictures lie in {}", options.folder.display()));
    Ok(())
}

/// The test of a few minutes that every run of the tests has, for hours.
pub(crate) fn soak(options: &SoakOptions) -> anyhow::Result<()> {
    setup::ensure(Purpose::Test, setup::Options { yes: options.yes })?;
    ensure!(
        options.hours > 0.05 && options.hours <= 1_000.0,
        "{} hours: a soak takes more than 0.05 and at most 1000",
        options.hours
    );
    let mut test = checkout::cargo();
    test.args(["test", "--package", "prim-benches", "--locked", "--quiet", "--test", "soak", "--"]);
    test.arg("--nocapture").env("PRIM_SOAK_HOURS", options.hours.to_string());
    test.env("PRIM_SOAK_PPM", options.ppm.to_string());
    test.env("PRIM_SOAK_SEED", options.seed.to_string());
    if options.steady {
        test.env("PRIM_SOAK_STEADY", "1");
    }
    step("soak", &mut test)
}

fn step(name: &str, command: &mut Command) -> anyhow::Result<()> {
    stop::check()?;
    say::step(name);
    let start = Instant::now();
    let status = command.status().with_context(|| format!("start {name}"))?;
    stop::check()?;
    ensure!(status.success(), "{name} failed ({status}): its own words are above");
    say::good(format_args!("{name}, {:.0} s", start.elapsed().as_secs_f64()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Bench {
        #[command(flatten)]
        options: BenchOptions,
    }

    fn bench(arguments: &[&str]) -> Result<BenchOptions, String> {
        use clap::Parser as _;
        let arguments = ["bench"].iter().chain(arguments);
        Bench::try_parse_from(arguments).map(|bench| bench.options).map_err(|error| error.to_string())
    }

    #[test]
    fn benches_and_stages_are_named_and_others_are_refused_with_the_list() {
        use clap::CommandFactory as _;
        let help = Bench::command().render_long_help().to_string();
        let said = [bench(&["eras"]).unwrap_err(), bench(&["ears", "ecko"]).unwrap_err()];
        for name in prim_benches::BENCHES {
            assert!(help.contains(name) && said[0].contains(name), "{name}");
        }
        for stage in Stage::ALL {
            assert!(help.contains(stage.name()) && said[1].contains(stage.name()), "{stage:?}");
            assert_eq!(bench(&["ears", stage.name()]).unwrap().stages, [stage.name()]);
        }
    }

    #[test]
    fn a_missed_promise_fails_a_strict_bench_only() {
        assert!(judge(&[], &[], true).is_ok());
        assert!(judge(&["front_end_share"], &[], false).is_ok());
        let error = judge(&["front_end_share", "beam"], &[], true).unwrap_err().to_string();
        assert_eq!(error, "2 promises were missed: front_end_share, beam");
    }

    #[test]
    fn a_promise_that_nobody_judged_fails_a_strict_bench_only() {
        assert!(judge(&[], &["beam"], false).is_ok());
        let error = judge(&["echo"], &["beam", "vad"], true).unwrap_err().to_string();
        assert_eq!(error, "1 promises were missed: echo; 2 promises were not judged: beam, vad");
    }
}
