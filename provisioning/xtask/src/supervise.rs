//! The programs this one starts: each guarded by `prim-bed` (a process group of its own, stopped on drop, killed
//! by a watchdog when we are killed), each with a log whose end is shown when it fails.
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;
use prim_bed::{Account, Guarded};

use crate::{say, stop};

/// How many lines of a log are shown when its program failed.
const TAIL_LINES: usize = 25;

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch {
    name: String,
    command: Command,
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    log: PathBuf,
    guarded: Guarded,
}

impl Launch {
    pub(crate) fn new(name: &str, program: impl Into<PathBuf>) -> Self {
        let program: PathBuf = program.into();
        Self { name: name.to_owned(), command: Command::new(program) }
    }

    pub(crate) fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.command.arg(arg.into());
        self
    }

    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, key: &str, value: impl Into<OsString>) -> Self {
        self.command.env(key, value.into());
        self
    }

    /// Start it and leave it running; what it prints goes to `<logs>/<name>.log`.
    pub(crate) fn start(mut self, logs: &Path) -> anyhow::Result<Running> {
        stop::check()?;
        let log = logs.join(format!("{}.log", self.name));
        let guarded = Guarded::spawn(&mut self.command, Account::caller(), &log, Signal::SIGTERM)
            .with_context(|| format!("start {} ({})", self.name, self.command.get_program().display()))?;
        Ok(Running { name: self.name, log, guarded })
    }

    /// Start it, wait for its end within `limit`, and fail with the end of its log if it failed.
    pub(crate) fn run(self, logs: &Path, limit: Duration) -> anyhow::Result<()> {
        let (running, status) = self.finish(logs, limit)?;
        if status.success() { Ok(()) } else { running.fail(&format!("failed ({status})")) }
    }

    /// Start it and wait for its end within `limit`; how it ended is the caller's to judge.
    pub(crate) fn finish(self, logs: &Path, limit: Duration) -> anyhow::Result<(Running, ExitStatus)> {
        let what = format!("the end of {}", self.name);
        let mut running = self.start(logs)?;
        let status = stop::wait_for(&what, limit, || Ok(running.guarded.status()))?;
        Ok((running, status))
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.guarded.pid()
    }

    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.guarded.status()
    }

    /// Fails, with the end of its log, when a program that should be running has ended.
    pub(crate) fn still_runs(&mut self) -> anyhow::Result<()> {
        match self.guarded.status() {
            None => Ok(()),
            Some(status) => self.fail(&format!("ended unasked ({status})")),
        }
    }

    /// Show the end of the log and fail.
    pub(crate) fn fail<T>(&self, what: &str) -> anyhow::Result<T> {
        say::bad(format_args!("{} {what}; the end of {}:", self.name, self.log.display()));
        for line in tail(&self.log, TAIL_LINES) {
            say::hint(line);
        }
        bail!("{} {what}", self.name)
    }

    pub(crate) fn stop(&mut self) -> Option<ExitStatus> {
        self.guarded.stop()
    }
}

/// The last lines of a text file; empty when there is none.
pub(crate) fn tail(path: &Path, lines: usize) -> Vec<String> {
    let text =
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all.iter().skip(all.len().saturating_sub(lines)).map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_that_fails_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch::new("loud", "/bin/sh").args(["-c", "echo the reason >&2; exit 3"]);
        let error = launch.run(folder.path(), Duration::from_secs(5)).unwrap_err();
        assert!(error.to_string().contains("loud failed"), "{error}");
        assert_eq!(tail(&folder.path().join("loud.log"), 3), ["the reason"]);
    }

    #[test]
    fn a_program_that_hangs_is_ended_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let start = Instant::now();
        let launch = Launch::new("slow", "/bin/sleep").arg("60");
        let error = launch.run(folder.path(), Duration::from_millis(100)).unwrap_err();
        assert!(error.to_string().contains("the end of slow did not happen"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Launch::new("absent", "/nonexistent/absent").start(folder.path()).unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }

    #[test]
    fn stopping_one_program_leaves_its_neighbour_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Launch::new("first", "/bin/sleep").arg("60").start(folder.path()).unwrap();
        let mut second = Launch::new("second", "/bin/sleep").arg("60").start(folder.path()).unwrap();
        first.stop();
        assert!(first.ended().is_some());
        second.still_runs().unwrap();
    }
}
