//! `arm`: the chain of hearing, built for 64-bit Arm and run under QEMU, gives what it gives here. Rounding differs between
//! processors, so the two may be apart, but far below what the microphones hear.
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;

use crate::setup::apt::{Package, Sign};
use crate::setup::{self, tools};
use crate::{checkout, say, stop};

const TARGET: &str = "aarch64-unknown-linux-gnu";
const LINKER: &str = "aarch64-linux-gnu-gcc";
const QEMU: &str = "qemu-aarch64-static";
const PACKAGES: [Package; 3] = [
    Package::for_task("gcc-aarch64-linux-gnu", "links programs for 64-bit Arm", Sign::Program(LINKER)),
    Package::for_task("libc6-dev-arm64-cross", "the C library they are linked with", Sign::File(C_LIBRARY)),
    Package::for_task("qemu-user-static", "runs them here", Sign::Program(QEMU)),
];
/// Where the C library for Arm is.
const LIBRARIES: &str = "/usr/aarch64-linux-gnu";
const C_LIBRARY: &str = "/usr/aarch64-linux-gnu/lib/libc.so.6";
/// Six seconds: everything has adapted, turns were taken.
const BLOCKS: &str = "600";
/// The most that the two may be apart, below what the microphones hear.
const APART_DB: f64 = -80.0;
/// The most that the detector's probabilities may be apart.
const APART_SPEECH: f64 = 0.01;
const SAMPLES: usize = 160;
const OUTPUTS: [&str; 3] = ["recogniser", "voice", "near"];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

/// Channels, dereverberation, who talks.
const SCENES: [[&str; 3]; 4] = [
    ["8", "plain", "people"],
    ["8", "dereverb", "people"],
    ["8", "plain", "prim"],
    ["4", "dereverb", "people"],
];

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let yes = setup::Options { yes: options.yes };
    setup::ensure_packages(&PACKAGES, yes)?;
    tools::ensure_target(TARGET)?;
    say::step("build for this machine and for 64-bit Arm");
    build(&[])?;
    build(&["--target", TARGET])?;
    let folder = tempfile::tempdir().context("make a folder for what is heard")?;
    let mut far = Vec::new();
    for scene in SCENES {
        stop::check()?;
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        hear(&mut Command::new(checkout::built("examples/chain")), scene, &here)?;
        let mut qemu = Command::new(QEMU);
        qemu.args(["-L", LIBRARIES]).arg(arm_program());
        hear(&mut qemu, scene, &there)?;
        let apart = compare(&read(&here)?, &read(&there)?)?;
        let outputs = OUTPUTS.iter().zip(apart.outputs_db).map(|(name, db)| format!("{name} {db:.0} dB"));
        let outputs: Vec<String> = outputs.collect();
        say::line(format_args!(
            "    {} channels, {}, {}: apart by {} of what the microphones hear, speech by {:.5}",
            scene[0],
            scene[1],
            scene[2],
            outputs.join(", "),
            apart.speech
        ));
        if !apart.near_enough() {
            far.push(scene.join(" "));
        }
    }
    ensure!(far.is_empty(), "Arm hears something else than this machine: {}", far.join("; "));
    say::good("64-bit Arm hears what this machine hears");
    Ok(())
}

fn build(target: &[&str]) -> anyhow::Result<()> {
    let mut cargo = checkout::cargo();
    cargo.args(["build", "--package", "prim-dsp", "--example", "chain", "--locked", "--quiet"]).args(target);
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    let status = cargo.status().context("start cargo")?;
    ensure!(status.success(), "the chain does not build {}: cargo's own words are above", target.join(" "));
    Ok(())
}

fn arm_program() -> PathBuf {
    let here = checkout::built("examples/chain");
    // debug/examples/chain lies three levels below the folder of all targets.
    let targets = here.ancestors().nth(3).map(Path::to_path_buf).unwrap_or_default();
    targets.join(TARGET).join("debug/examples/chain")
}

fn hear(program: &mut Command, scene: [&str; 3], into: &Path) -> anyhow::Result<()> {
    let output = program.args(scene).arg(BLOCKS).arg(into).output().context("start the chain")?;
    ensure!(
        output.status.success(),
        "the chain ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<f64>> {
    let bytes = std::fs::read(path).context("read what was heard")?;
    Ok(bytes.chunks_exact(4).map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))).collect())
}

#[derive(Debug)]
struct Apart {
    outputs_db: [f64; 3],
    speech: f64,
}

impl Apart {
    /// A figure that is no number is not near.
    fn near_enough(&self) -> bool {
        self.outputs_db.iter().all(|db| *db <= APART_DB) && self.speech <= APART_SPEECH
    }
}

/// Per block three outputs, the detector's probability and the first microphone's power.
fn compare(here: &[f64], there: &[f64]) -> anyhow::Result<Apart> {
    const RECORD: usize = OUTPUTS.len() * SAMPLES + 2;
    ensure!(
        here.len() == there.len() && !here.is_empty() && here.len().is_multiple_of(RECORD),
        "one of the two heard less: {} and {} numbers",
        here.len(),
        there.len()
    );
    let mut power = 0.0;
    let mut off = [0.0; 3];
    let mut speech = 0.0;
    for (a, b) in here.chunks_exact(RECORD).zip(there.chunks_exact(RECORD)) {
        for ((off, a), b) in off.iter_mut().zip(a.chunks(SAMPLES)).zip(b.chunks(SAMPLES)) {
            *off += a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        }
        let d = (a[RECORD - 2] - b[RECORD - 2]).abs();
        // `max` would pass over what is no number.
        speech = if d > speech || d.is_nan() { d } else { speech };
        power += a[RECORD - 1] * SAMPLES as f64;
    }
    ensure!(power > 0.0, "the microphones heard nothing: there is nothing to compare");
    Ok(Apart { outputs_db: off.map(|o| 10.0 * (o / power).log10()), speech })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(sample: f64, speech: f64) -> Vec<f64> {
        let mut record = vec![sample; 3 * SAMPLES];
        record.extend([speech, 0.01]);
        record.repeat(3)
    }

    #[test]
    fn rounding_is_near_enough_and_another_sound_or_no_number_is_not() {
        let apart = |b: &[f64]| compare(&heard(0.1, 0.5), b).unwrap();
        assert!(apart(&heard(0.1, 0.5)).near_enough());
        assert!(apart(&heard(0.100_005, 0.501)).near_enough());
        assert!(!apart(&heard(0.1001, 0.5)).near_enough());
        assert!(!apart(&heard(0.1, 0.6)).near_enough());
        assert!(!apart(&heard(f64::NAN, 0.5)).near_enough());
        assert!(!apart(&heard(0.1, f64::NAN)).near_enough());
    }

    #[test]
    fn a_shorter_recording_or_silence_is_no_proof() {
        assert!(compare(&heard(0.1, 0.5), &heard(0.1, 0.5)[..482]).is_err());
        assert!(compare(&[], &[]).is_err());
        assert!(compare(&[0.0; 482], &[0.0; 482]).is_err());
    }
}
