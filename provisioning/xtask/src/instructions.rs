//! `instructions`: what 10 ms of hearing cost in the processor's instructions, counted by Valgrind. Time depends on the
//! machine and its neighbours, this does not: the same program gives the same figure. The table that is kept
//! (`benches/instructions.toml`) tells which compiler it was counted with.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::setup::apt::{Package, Sign};
use crate::{checkout, say, setup, stop};

const PACKAGES: [Package; 1] =
    [Package::for_task("valgrind", "counts instructions", Sign::Program("valgrind"))];
/// What is counted lies between the two: start and first adaptation are in both.
const BLOCKS: [u64; 2] = [200, 400];
/// More than this over the table that is kept is a step back.
const MARGIN: f64 = 1.05;
/// Name, channels, dereverberation, who talks.
const SCENES: [(&str, [&str; 3]); 6] = [
    ("channels_8", ["8", "plain", "people"]),
    ("channels_8_dereverb", ["8", "dereverb", "people"]),
    ("channels_8_prim", ["8", "plain", "prim"]),
    ("channels_8_prim_dereverb", ["8", "dereverb", "prim"]),
    ("channels_4", ["4", "plain", "people"]),
    ("channels_4_dereverb", ["4", "dereverb", "people"]),
];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Keep the figures as the new table.
    #[arg(long)]
    write: bool,
    /// Install what is missing without asking.
    #[arg(long)]
    yes: bool,
}

/// Instructions per 10 ms, detector and the example's own sound included.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    compiler: String,
    per_block: BTreeMap<String, u64>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    setup::ensure_packages(&PACKAGES, setup::Options { yes: options.yes })?;
    let mut cargo = checkout::cargo();
    cargo.args(["build", "--package", "prim-dsp", "--example", "chain", "--locked", "--quiet"]);
    ensure!(cargo.status().context("start cargo")?.success(), "the chain does not build");
    let compiler = Command::new("rustc").arg("--version").output().context("ask rustc for its version")?;
    let compiler = String::from_utf8_lossy(&compiler.stdout).trim().to_owned();
    let mut now = Kept { compiler, per_block: BTreeMap::new() };
    let path = path();
    let kept: Option<Kept> = match std::fs::read_to_string(&path) {
        Ok(text) => Some(toml::from_str(&text).with_context(|| format!("read {}", path.display()))?),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(e).with_context(|| format!("read {}", path.display())),
    };
    say::step("instructions for 10 ms");
    for (name, scene) in SCENES {
        let [few, many] = [count(scene, BLOCKS[0])?, count(scene, BLOCKS[1])?];
        let per_block = many.saturating_sub(few) / (BLOCKS[1] - BLOCKS[0]);
        let before = kept.as_ref().and_then(|k| k.per_block.get(name));
        let beside = before.map_or_else(String::new, |b| {
            format!(", kept {b} ({:+.1} %)", 100.0 * (per_block as f64 / *b as f64 - 1.0))
        });
        say::line(format_args!("    {name:22} {per_block:>9}{beside}"));
        now.per_block.insert(name.to_owned(), per_block);
    }
    if options.write {
        std::fs::write(&path, page(&now)).with_context(|| format!("write {}", path.display()))?;
        say::good(format_args!("kept in {}", path.display()));
        return Ok(());
    }
    let Some(kept) = kept else {
        say::warn("there is no table to compare with: keep this one with --write");
        return Ok(());
    };
    if kept.compiler != now.compiler {
        say::warn(format_args!("the table was counted with {}: nothing is judged", kept.compiler));
        return Ok(());
    }
    let dearer = dearer(&kept, &now);
    ensure!(
        dearer.is_empty(),
        "hearing takes over 5 % more instructions than benches/instructions.toml keeps: {}; make it cheaper, or keep the \
         new figures with --write and say why in the commit",
        dearer.join(", ")
    );
    say::good("no configuration takes more than 5 % over what is kept");
    Ok(())
}

fn path() -> PathBuf {
    checkout::root().join("benches/instructions.toml")
}

fn dearer<'a>(kept: &Kept, now: &'a Kept) -> Vec<&'a str> {
    let over = |(name, count): &(&'a String, &u64)| {
        kept.per_block.get(*name).is_some_and(|before| **count as f64 > *before as f64 * MARGIN)
    };
    now.per_block.iter().filter(over).map(|(name, _)| name.as_str()).collect()
}

fn page(kept: &Kept) -> String {
    let mut out = String::from(
        "# Instructions for 10 ms of hearing under Valgrind: front end, speech detector, and the made-up sound of the\n# example. Written by `cargo xtask instructions --write`; over 5 % more with the same compiler is refused.\n",
    );
    let _ = write!(out, "compiler = {:?}\n\n[per_block]\n", kept.compiler);
    for (name, count) in &kept.per_block {
        let _ = writeln!(out, "{name} = {count}");
    }
    out
}

fn count(scene: [&str; 3], blocks: u64) -> anyhow::Result<u64> {
    stop::check()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(checkout::built("examples/chain"))
        .args(scene)
        .arg(blocks.to_string())
        .output()
        .context("start valgrind")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind ended with {}: {}", output.status, said.trim());
    collected(&said).with_context(|| format!("valgrind told no count: {}", said.trim()))
}

/// The last line with `Collected : N`.
fn collected(said: &str) -> Option<u64> {
    let line = said.lines().rfind(|line| line.contains("Collected :"))?;
    line.rsplit(':').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_among_valgrinds_words() {
        let said = "==1== Callgrind, a call-graph\n==1== \n==1== Events    : Ir\n==1== Collected : 1234567\n==1== \n";
        assert_eq!(collected(said), Some(1_234_567));
        assert_eq!(collected("==1== nothing"), None);
    }

    #[test]
    fn what_takes_a_little_more_stays_and_what_takes_much_more_is_named() {
        let kept = |a, b| Kept {
            compiler: "rustc".to_owned(),
            per_block: [("a".to_owned(), a), ("b".to_owned(), b)].into(),
        };
        assert!(dearer(&kept(100, 100), &kept(105, 90)).is_empty());
        assert_eq!(dearer(&kept(100, 100), &kept(106, 90)), ["a"]);
    }

    #[test]
    fn the_page_is_read_back() {
        let kept = Kept { compiler: "rustc 1".to_owned(), per_block: [("a".to_owned(), 7)].into() };
        assert_eq!(toml::from_str::<Kept>(&page(&kept)).unwrap(), kept);
    }
}
