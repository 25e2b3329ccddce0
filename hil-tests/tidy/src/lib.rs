//! Tests on the repository itself: who imports whom, what stays pure, what no file may contain.
//!
//! **What.** This library reads the checkout (manifests through `cargo metadata`, files as text); the tests in
//! `tests/` say the rules, one sentence each. The rules come from the layout in README.md, and a failing test
//! names the file and the rule.
//!
//! **Who calls it.** `cargo xtask test`, with all other tests.
//!
//! **What it never does.** It changes no file and starts nothing but `cargo metadata`.
use std::path::{Path, PathBuf};

pub mod crates;

/// The top of the checkout.
#[must_use]
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).map(Path::to_path_buf).unwrap_or_default()
}

/// A file of the checkout: its path from the top, with `/`, and where it is.
#[derive(Debug, Clone)]
pub struct RepoFile {
    /// For people and for rules: `daemon/meeting/src/lib.rs`.
    pub name: String,
    /// For reading.
    pub path: PathBuf,
}

impl RepoFile {
    /// The text, or nothing when the file is not text.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        std::fs::read(&self.path).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    }
}

/// Folders that builds and demos write; git ignores them.
const WRITTEN: [&str; 3] = ["target", ".prim", ".git"];

/// Every file of the checkout that is not written by a build, in the order of their names.
#[must_use]
pub fn files() -> Vec<RepoFile> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// A summary that `demo --json` or `bench --json` wrote at the top; `.gitignore` names them too.
fn is_summary(name: &str) -> bool {
    !name.contains('/') && name.ends_with(".json")
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<RepoFile>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let leaf = entry.file_name().to_string_lossy().into_owned();
        let name = format!("{prefix}{leaf}");
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            if !(prefix.is_empty() && WRITTEN.contains(&leaf.as_str())) {
                walk(&entry.path(), &format!("{name}/"), found);
            }
        } else if kind.is_file() && name != ".git" && !is_summary(&name) {
            found.push(RepoFile { name, path: entry.path() });
        }
    }
}
