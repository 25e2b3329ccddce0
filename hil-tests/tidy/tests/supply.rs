//! What is linked into Prim: licences and the libraries that only some crates may name, as `.deny.toml` has them.
//! `cargo deny` reads the same file; this needs nothing installed.
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use prim_tidy::root;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    wrappers: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct Graph {
    packages: Vec<Linked>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
struct Linked {
    id: String,
    name: String,
    license: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
}

fn deny() -> Deny {
    let text = std::fs::read_to_string(root().join(".deny.toml")).expect(".deny.toml is there");
    toml::from_str(&text).expect(".deny.toml has licences and bans")
}

fn graph() -> Graph {
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo starts: it runs this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata speaks JSON")
}

/// An SPDX expression of the forms that occur: `A OR B`, `A AND B`, `(A OR B) AND C`, and the old `A/B`.
fn may_be_linked(expression: &str, allowed: &BTreeSet<String>) -> bool {
    expression.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')']).replace('/', " OR ");
        part.split(" OR ").any(|licence| allowed.contains(licence.trim()))
    })
}

#[test]
fn everything_linked_has_a_licence_that_is_allowed() {
    let allowed = deny().licenses.allow;
    let wrong: Vec<String> = graph()
        .packages
        .iter()
        .filter(|package| !package.license.as_ref().is_some_and(|licence| may_be_linked(licence, &allowed)))
        .map(|package| format!("{}: {:?}", package.name, package.license))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn an_expression_is_allowed_only_if_every_part_is() {
    let allowed: BTreeSet<String> = ["MIT", "ISC"].map(str::to_owned).into();
    assert!(may_be_linked("MIT OR GPL-3.0", &allowed) && may_be_linked("(GPL-3.0 OR MIT) AND ISC", &allowed));
    assert!(!may_be_linked("MIT AND GPL-3.0", &allowed) && !may_be_linked("GPL-3.0/AGPL-3.0", &allowed));
}

#[test]
fn what_one_crate_may_name_no_other_does() {
    let graph = graph();
    let names: BTreeMap<&str, &str> =
        graph.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
    let name = |id: &str| names.get(id).copied().unwrap_or_default();
    for ban in deny().bans.deny {
        let users: BTreeSet<String> = graph
            .resolve
            .nodes
            .iter()
            .filter(|node| node.deps.iter().any(|edge| name(&edge.pkg) == ban.name))
            .map(|node| name(&node.id).to_owned())
            .collect();
        let foreign: Vec<&String> = users.difference(&ban.wrappers).collect();
        assert!(foreign.is_empty(), "{} is named by {foreign:?}", ban.name);
        let there = graph.packages.iter().any(|package| package.name == ban.name);
        assert!(!(there && ban.wrappers.is_empty()), "{} may not be linked at all", ban.name);
    }
}
