//! The peers that `bench ears` measures beside us: libraries for Python in a folder of their own, and one of Debian's
//! unpacked, not installed. Nothing of Prim needs them; removing the folder removes them.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::setup::wheel;
use crate::{checkout, say};

/// Wheels only: nothing is compiled. Silero's network is used where it lies beside the checkout.
const WISHES: [&str; 8] = [
    "numpy==2.4.6",
    "scipy==1.17.1",
    "soxr==1.1.0",
    "pyroomacoustics==0.10.1",
    "nara-wpe==0.0.11",
    "soundfile==0.14.0",
    "webrtcvad-wheels==2.0.14.post1",
    "onnxruntime==1.32.0",
];
const FOLDER: &str = "ears-peers-1";
const SILERO: &str = "shared/models/vad/silero_vad.onnx";

/// What the bench is told by its environment; empty, with a word why, when the peers cannot be had.
pub(crate) fn environment() -> Vec<(&'static str, PathBuf)> {
    let folder = wheel::home().join(FOLDER);
    let python = folder.join("venv/bin/python");
    if !folder.join("complete").is_file()
        && let Err(why) = fetch(&folder, &python)
    {
        say::bad(format_args!("the peers are not here, our column is measured alone: {why:#}"));
        return Vec::new();
    }
    let mut out = vec![("PRIM_PEERS", python), ("PRIM_PEERS_LIB", folder.join("debian"))];
    match silero(&checkout::root()) {
        Ok(network) => out.push(("PRIM_SILERO", network)),
        Err(missing) => say::warn(missing),
    }
    out
}

/// Silero's network where it lies beside the checkout, else what is left out without it. No test needs it.
fn silero(checkout: &Path) -> Result<PathBuf, String> {
    let network = checkout.join("..").join(SILERO);
    if network.is_file() {
        return Ok(network);
    }
    Err(format!("not here: {SILERO} beside the checkout; the stage `vad` is measured without Silero's row"))
}

fn fetch(folder: &Path, python: &Path) -> anyhow::Result<()> {
    say::step(format_args!(
        "peers for comparison, into {}: {}, libspeexdsp1",
        folder.display(),
        WISHES.join(", ")
    ));
    let debian = folder.join("debian");
    std::fs::create_dir_all(&debian).with_context(|| format!("make {}", debian.display()))?;
    run("make a Python environment", Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"])
        .args(WISHES);
    run("install the peers by pip", &mut pip)?;
    let mut apt = Command::new("apt-get");
    run("fetch libspeexdsp1", apt.args(["download", "--quiet", "libspeexdsp1"]).current_dir(&debian))?;
    let package = std::fs::read_dir(&debian)
        .context("list what was fetched")?
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .find(|path| path.extension().is_some_and(|e| e == "deb"))
        .context("find the package that was fetched")?;
    run("unpack libspeexdsp1", Command::new("dpkg").arg("-x").arg(&package).arg(&debian))?;
    std::fs::write(folder.join("complete"), "").context("mark the peers as complete")
}

fn run(what: &'static str, command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().context(what)?;
    ensure!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_row_that_is_left_out_is_named() {
        let around = tempfile::tempdir().unwrap();
        let checkout = around.path().join("checkout");
        std::fs::create_dir(&checkout).unwrap();
        let missing = silero(&checkout).unwrap_err();
        assert!(missing.contains(SILERO) && missing.contains("`vad`"), "{missing}");
        let network = around.path().join(SILERO);
        std::fs::create_dir_all(network.parent().unwrap()).unwrap();
        std::fs::write(&network, "").unwrap();
        assert!(silero(&checkout).unwrap().is_file());
    }
}
