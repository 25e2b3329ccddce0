//! The shape of the checkout: what stands at the top, what each crate says about itself, what belongs together.
use std::collections::{BTreeMap, BTreeSet};

use prim_tidy::crates::members;
use prim_tidy::files;

#[test]
fn the_top_level_is_the_table_of_contents_and_nothing_else() {
    let rooms = [
        "daemon",
        "hal",
        "dsp",
        "models",
        "cloud-sync",
        "provisioning",
        "systemd",
        "yocto",
        "hil-tests",
        "benches",
    ];
    let tools = [".cargo", ".ci", ".clippy.toml", ".rustfmt.toml", ".deny.toml", ".config", ".gitignore"];
    let sought = [
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
    ];
    let allowed: BTreeSet<&str> = rooms.iter().chain(&tools).chain(&sought).copied().collect();
    for file in files() {
        let top = file.name.split('/').next().unwrap_or_default();
        assert!(allowed.contains(top), "{} stands at the top level, where only the rooms do", file.name);
    }
}

#[test]
fn every_crate_head_says_what_it_is_and_what_it_never_does() {
    let mut silent = Vec::new();
    for package in members() {
        let kinds = ["lib", "proc-macro"];
        let is_library = |target: &&prim_tidy::crates::Target| {
            target.kind.iter().any(|kind| kinds.contains(&kind.as_str()))
        };
        let is_program = |target: &&prim_tidy::crates::Target| target.kind.iter().any(|kind| kind == "bin");
        let head =
            package.targets.iter().find(is_library).or_else(|| package.targets.iter().find(is_program));
        let Some(head) = head else { continue };
        let text = std::fs::read_to_string(&head.src_path).unwrap_or_default();
        let said: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let words = said.join("\n").to_lowercase();
        if said.len() < 3 || !(words.contains("never") || words.contains("invariant")) {
            silent.push(head.src_path.clone());
        }
    }
    assert!(silent.is_empty(), "these heads do not say what they are and what they never do: {silent:#?}");
}

#[test]
fn every_member_takes_the_workspaces_lints() {
    for package in members() {
        let manifest = std::fs::read_to_string(&package.manifest_path).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} takes no lints", package.name);
    }
}

#[test]
fn every_migration_can_be_taken_back() {
    let names: BTreeSet<String> = files()
        .into_iter()
        .map(|file| file.name)
        .filter(|name| name.starts_with("cloud-sync/gateway/migrations/") && name.ends_with(".sql"))
        .collect();
    assert!(!names.is_empty(), "the gateway has no migrations");
    for name in &names {
        let other = if let Some(stem) = name.strip_suffix(".up.sql") {
            format!("{stem}.down.sql")
        } else if let Some(stem) = name.strip_suffix(".down.sql") {
            format!("{stem}.up.sql")
        } else {
            panic!("{name} is neither up nor down");
        };
        assert!(names.contains(&other), "{name} has no {other}");
    }
}

#[test]
fn decisions_are_numbered_once_in_their_family() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for file in files().into_iter().filter(|file| file.name.contains("/decisions/")) {
        let (folder, leaf) = file.name.rsplit_once('/').unwrap_or_default();
        let number: String = leaf.chars().take_while(char::is_ascii_digit).collect();
        assert_eq!(number.len(), 4, "{} is not named NNNN-title.md", file.name);
        if let Some(other) = seen.insert(format!("{folder}/{number}"), file.name.clone()) {
            panic!("{} and {other} have one number", file.name);
        }
    }
}
