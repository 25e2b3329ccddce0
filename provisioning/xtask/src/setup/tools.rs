//! Tools of the Rust trade that a minimal toolchain lacks.
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::apt::program;
use crate::{checkout, say};

/// The release the tests were last run with; any that is installed already is taken.
pub(super) const NEXTEST: &str = "0.9.143";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Component {
    Rustfmt,
    Clippy,
}

impl Component {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rustfmt => "rustfmt",
            Self::Clippy => "clippy",
        }
    }

    /// rustup leaves a proxy for every component on the path, so only a run shows whether it is there.
    fn present(self) -> bool {
        let subcommand = match self {
            Self::Rustfmt => "fmt",
            Self::Clippy => "clippy",
        };
        quiet(checkout::cargo().args([subcommand, "--version"]))
    }
}

pub(super) fn missing_components() -> Vec<Component> {
    [Component::Rustfmt, Component::Clippy].into_iter().filter(|component| !component.present()).collect()
}

pub(super) fn has_nextest() -> bool {
    quiet(checkout::cargo().args(["nextest", "--version"]))
}

pub(super) fn add_component(component: Component) -> anyhow::Result<()> {
    ensure!(
        program("rustup").is_some(),
        "{} is missing and there is no rustup to add it: install it as your Rust was installed",
        component.name()
    );
    loud(Command::new("rustup").args(["component", "add", component.name()]))
}

/// The standard library for another processor, where this Rust lacks it.
pub(crate) fn ensure_target(target: &str) -> anyhow::Result<()> {
    let asked =
        Command::new("rustc").args(["--print", "sysroot"]).output().context("ask rustc for its folder")?;
    let sysroot = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if std::path::Path::new(&sysroot).join("lib/rustlib").join(target).join("lib").is_dir() {
        return Ok(());
    }
    ensure!(
        program("rustup").is_some(),
        "Rust's standard library for {target} is missing and there is no rustup to add it: install it as your Rust was \
         installed (Debian's is libstd-rust-web-dev:arm64)"
    );
    loud(Command::new("rustup").args(["target", "add", target]))
}

pub(super) fn install_nextest() -> anyhow::Result<()> {
    loud(checkout::cargo().args(["install", "cargo-nextest", "--locked", "--version", NEXTEST]))
}

fn quiet(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn loud(command: &mut Command) -> anyhow::Result<()> {
    say::step(format_args!("{command:?}").to_string().replace('"', ""));
    let status = command.status().context("start it")?;
    ensure!(status.success(), "it ended with {status}");
    Ok(())
}
