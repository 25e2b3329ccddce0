//! `cargo xtask fuzz`: throws made-up bytes at everything that reads foreign ones, and keeps what breaks it.
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::Deserialize;

use crate::{checkout, say, stop};

/// The packages of fuzz targets; each is a workspace of its own.
const PACKAGES: [&str; 3] = ["cloud-sync/proto/fuzz", "daemon/adapter/fuzz", "hil-tests/wave/fuzz"];
/// What libFuzzer needs of the compiler to see which ways an input takes, and what makes an overflow a panic.
/// One codegen unit: the counters of several would not be found.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cdebug-assertions -Ccodegen-units=1";
/// An input that takes longer is a finding: each is read within microseconds.
const SLOW_S: u32 = 10;
const PROGRESS: Duration = Duration::from_secs(5);

const MORE: &str = "What was learnt lies in target/fuzz/corpus and is where the next run goes on; what broke a target lies in \
target/fuzz/crashes. The compiler of this checkout is enough, no nightly one and no cargo-fuzz.

Examples:
  cargo xtask fuzz                          every target, 30 s each
  cargo xtask fuzz record --seconds 600     one target, ten minutes
  cargo xtask fuzz record --input FILE      one input again, with the panic it ends in

Exit codes: 0 nothing broke, 1 something did (its input is named), or a target could not be built.";

#[derive(Debug, Args)]
#[command(after_help = MORE)]
pub(crate) struct Options {
    /// Which target; all of them when left out.
    target: Option<String>,
    /// How long each runs.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,
    /// Give this one input to the target instead, such as one that broke it.
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Manifest {
    bin: Vec<Bin>,
}

#[derive(Debug, Deserialize)]
struct Bin {
    name: String,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut packages = Vec::new();
    let mut known = Vec::new();
    for package in PACKAGES {
        let targets = targets_of(&checkout::root().join(package).join("Cargo.toml"))?;
        known.extend(targets.iter().cloned());
        let wanted: Vec<String> = targets
            .into_iter()
            .filter(|name| options.target.as_ref().is_none_or(|target| target == name))
            .collect();
        packages.push((package, wanted));
    }
    if let Some(target) = &options.target {
        ensure!(
            known.contains(target),
            "fuzz {target}: there is no such target; the targets are {}",
            known.join(", ")
        );
    }
    let host = host()?;
    let mut broken = Vec::new();
    for (package, targets) in packages {
        if targets.is_empty() {
            continue;
        }
        build(package, &host)?;
        for target in targets {
            let program = place("build").join(&host).join("release").join(&target);
            match &options.input {
                Some(input) => once(&program, &target, input)?,
                None => broken.extend(fuzz(&program, &target, options.seconds)?),
            }
        }
    }
    for (target, input) in &broken {
        say::bad(format_args!("{target} breaks on {}", input.display()));
        say::line(format_args!("  again with: cargo xtask fuzz {target} --input {}", input.display()));
    }
    ensure!(broken.is_empty(), "{} of the fuzz targets broke", broken.len());
    Ok(())
}

fn targets_of(manifest: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs::read_to_string(manifest).with_context(|| format!("read {}", manifest.display()))?;
    let Manifest { bin } = toml::from_str(&text).with_context(|| format!("read {}", manifest.display()))?;
    Ok(bin.into_iter().map(|bin| bin.name).collect())
}

/// A folder of the fuzzers' own: their flags must not make the other builds stale.
fn place(name: &str) -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| checkout::root().join("target"), PathBuf::from);
    checkout::root().join(target).join("fuzz").join(name)
}

/// The machine's own triple: with `--target` the flags reach no build script.
fn host() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let said = Command::new(rustc).arg("-vV").current_dir(checkout::root()).output().context("ask rustc")?;
    let said = String::from_utf8_lossy(&said.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("ask rustc for this machine's triple: it named none")?.to_owned())
}

fn build(package: &str, host: &str) -> anyhow::Result<()> {
    say::step(format_args!("building {package}"));
    let begun = Instant::now();
    let status = checkout::cargo()
        .args(["build", "--release", "--bins", "--target", host, "--manifest-path"])
        .arg(checkout::root().join(package).join("Cargo.toml"))
        .arg("--target-dir")
        .arg(place("build"))
        .env("RUSTFLAGS", FLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .status()
        .context("start cargo")?;
    stop::check()?;
    ensure!(status.success(), "build {package} ({status}): cargo's own words are above");
    say::good(format_args!("built {package}, {:.0} s", begun.elapsed().as_secs_f64()));
    Ok(())
}

/// One known input, with everything the target says about it.
fn once(program: &Path, target: &str, input: &Path) -> anyhow::Result<()> {
    let input = fs::canonicalize(input).with_context(|| format!("find the input {}", input.display()))?;
    let status = Command::new(program).arg(&input).status().with_context(|| format!("start {target}"))?;
    ensure!(status.success(), "{target} breaks on {} ({status}): its words are above", input.display());
    say::good(format_args!("{target} reads {}", input.display()));
    Ok(())
}

/// Runs a target for its time; `Some` with the input that broke it.
fn fuzz(program: &Path, target: &str, seconds: u32) -> anyhow::Result<Option<(String, PathBuf)>> {
    let (corpus, crashes) = (place("corpus").join(target), place("crashes").join(target));
    for folder in [&corpus, &crashes] {
        fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    }
    let log_path = place("").join(format!("{target}.log"));
    let log = fs::File::create(&log_path).with_context(|| format!("write {}", log_path.display()))?;
    say::step(format_args!("{target}, {seconds} s"));
    let child = Command::new(program)
        .arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", crashes.display()))
        .arg(format!("-timeout={SLOW_S}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {target}"))?;
    let mut child = Ends(child);
    let said = Arc::new(Mutex::new(Said::default()));
    let reader = child.0.stderr.take().map(|stderr| {
        let said = Arc::clone(&said);
        std::thread::spawn(move || listen(BufReader::new(stderr), log, &said))
    });
    let begun = Instant::now();
    let mut shown = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().with_context(|| format!("wait for {target}"))? {
            break status;
        }
        stop::check()?;
        if shown.elapsed() >= PROGRESS {
            shown = Instant::now();
            say::line(format_args!("  {:>4} s  {}", begun.elapsed().as_secs(), now(&said).pulse));
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if let Some(reader) = reader {
        let _ = reader.join();
    }
    let said = now(&said);
    match (status.success(), said.written) {
        (true, _) => {
            say::good(format_args!("{target}: nothing broke; {}", said.pulse));
            Ok(None)
        }
        (false, Some(input)) => {
            say::bad(format_args!("{target}: {}", said.why.unwrap_or_else(|| status.to_string())));
            Ok(Some((target.to_owned(), input)))
        }
        (false, None) => bail!("{target} ended with {status}; what it said is in {}", log_path.display()),
    }
}

/// What a running target said so far.
#[derive(Debug, Clone, Default)]
struct Said {
    /// How far it is.
    pulse: String,
    /// Where a panic or a slow input happened.
    why: Option<String>,
    /// The input that broke it.
    written: Option<PathBuf>,
}

fn now(said: &Mutex<Said>) -> Said {
    said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
}

fn listen(stderr: impl BufRead, mut log: fs::File, said: &Mutex<Said>) {
    for line in stderr.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        let _ = writeln!(log, "{line}");
        said.lock().unwrap_or_else(std::sync::PoisonError::into_inner).hear(&line);
    }
}

impl Said {
    fn hear(&mut self, line: &str) {
        if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.written = Some(PathBuf::from(path.trim()));
        } else if line.contains("panicked at ") || line.contains("ERROR: libFuzzer:") {
            self.why.get_or_insert_with(|| line.trim().to_owned());
        } else if line.starts_with('#')
            && let Some((count, rest)) = line.trim_start_matches('#').split_once(char::is_whitespace)
            && count.parse::<u64>().is_ok()
        {
            let word = |name: &str| {
                rest.split_whitespace().skip_while(|word| *word != name).nth(1).unwrap_or("-").to_owned()
            };
            let (ways, inputs, speed) = (word("cov:"), word("corp:"), word("exec/s:"));
            self.pulse = format!("{count} inputs, {ways} ways, {inputs} kept, {speed} a second");
        }
    }
}

/// A child that does not outlive its wait, also when Ctrl-C ends that.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_libfuzzer_says_becomes_progress_a_reason_and_the_input_that_broke_it() {
        let mut said = Said::default();
        said.hear("#65536\tpulse  cov: 512 ft: 900 corp: 77/3210b lim: 652 exec/s: 21845 rss: 45Mb");
        said.hear("###### Recommended dictionary. ######");
        assert_eq!(said.pulse, "65536 inputs, 512 ways, 77/3210b kept, 21845 a second");
        said.hear("thread '<unnamed>' (7) panicked at src/record.rs:9:5:");
        said.hear("==7== ERROR: libFuzzer: deadly signal");
        said.hear("artifact_prefix='/x/'; Test unit written to /x/crash-da39");
        assert_eq!(said.why.as_deref(), Some("thread '<unnamed>' (7) panicked at src/record.rs:9:5:"));
        assert_eq!(said.written.as_deref(), Some(Path::new("/x/crash-da39")));
    }

    #[test]
    fn every_fuzz_target_of_this_checkout_is_found() {
        for package in PACKAGES {
            let folder = checkout::root().join(package);
            let mut named = targets_of(&folder.join("Cargo.toml")).unwrap();
            named.sort();
            let mut there: Vec<String> = fs::read_dir(folder.join("fuzz_targets"))
                .unwrap()
                .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            there.sort();
            assert_eq!(named, there, "{package}");
        }
    }
}
