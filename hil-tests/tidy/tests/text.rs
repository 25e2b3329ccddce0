//! What no file of this repository contains, and what must resolve.
use std::collections::BTreeMap;
use std::path::Path;

use prim_tidy::crates::members;
use prim_tidy::{RepoFile, files, root};
use sha2::{Digest, Sha256};

#[test]
fn no_file_names_a_path_of_somebodys_machine() {
    // Written apart, so that this file does not name them either.
    let homes =
        [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/tmp/pr", "im/"), concat!("/ho", "me/")];
    let mut found = Vec::new();
    for file in files() {
        for (number, line) in file.text().unwrap_or_default().lines().enumerate() {
            if homes.iter().any(|home| starts_a_path(line, home)) {
                found.push(format!("{}:{}", file.name, number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

/// `/frame/…` inside a longer word or address is no path of a machine.
fn starts_a_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().last());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '/'))
    })
}

#[test]
fn no_library_prints() {
    let mut found = Vec::new();
    for package in members().iter().filter(|package| package.has("lib")) {
        let folder = format!("{}/src/", package.folder());
        for file in files().into_iter().filter(|file| file.name.starts_with(&folder) && shipped(file)) {
            let text = file.text().unwrap_or_default();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let prints = ["println!(", "print!(", "eprintln!(", "eprint!(", "dbg!("];
            for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
                if prints.iter().any(|macro_name| line.trim_start().starts_with(macro_name)) {
                    found.push(format!("{}: {}", file.name, line.trim()));
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

fn shipped(file: &RepoFile) -> bool {
    file.name.ends_with(".rs")
        && !file.name.ends_with("main.rs")
        && !file.name.contains("/bin/")
        && !file.name.contains("test")
}

#[test]
fn every_link_in_a_document_resolves() {
    let mut dead = Vec::new();
    for file in files().into_iter().filter(|file| file.name.ends_with(".md")) {
        let folder = file.path.parent().map(Path::to_path_buf).unwrap_or_default();
        for target in links(&file.text().unwrap_or_default()) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !path.contains("://") && !folder.join(path).exists() {
                dead.push(format!("{}: {target}", file.name));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// The targets of `[text](target)`.
fn links(text: &str) -> Vec<String> {
    text.match_indices("](")
        .filter_map(|(at, mark)| {
            let rest = text.get(at + mark.len()..)?;
            rest.split_once(')').map(|(target, _)| target.trim().to_owned())
        })
        .filter(|target| !target.contains([' ', '\n', '|', '`']))
        .collect()
}

/// Formats on the wire and on disk decode for ever: a golden file may be added, never changed. Each folder named
/// `golden` keeps the sums of its files in `SHA256SUMS`; a changed sum in a change is what a reviewer looks for.
#[test]
fn golden_files_are_what_their_sums_say() {
    let all = files();
    let mut folders: BTreeMap<String, Vec<&RepoFile>> = BTreeMap::new();
    for file in &all {
        if let Some((before, _)) = file.name.split_once("/golden/") {
            folders.entry(format!("{before}/golden")).or_default().push(file);
        }
    }
    assert!(!folders.is_empty(), "no golden files: nothing proves that old formats still decode");
    for (folder, inside) in folders {
        let sums = std::fs::read_to_string(root().join(&folder).join("SHA256SUMS"))
            .unwrap_or_else(|_| panic!("{folder} has no SHA256SUMS"));
        let listed: BTreeMap<&str, &str> =
            sums.lines().filter_map(|line| line.split_once("  ")).map(|(sum, name)| (name, sum)).collect();
        for file in
            inside.iter().filter(|file| !file.name.ends_with("SHA256SUMS") && !file.name.ends_with(".md"))
        {
            let leaf = file.name.strip_prefix(&format!("{folder}/")).unwrap_or_default();
            let sum = hex::encode(Sha256::digest(std::fs::read(&file.path).unwrap_or_default()));
            assert_eq!(
                listed.get(leaf).copied(),
                Some(sum.as_str()),
                "{} changed or is not listed",
                file.name
            );
        }
        for name in listed.keys() {
            assert!(root().join(&folder).join(name).is_file(), "{folder}/{name} is listed and gone");
        }
    }
}
