//! Every promise of `benches/budgets.toml` is measured: its bench is there, and what it measures has the promise's name.
use std::collections::{BTreeMap, BTreeSet};

use prim_tidy::crates::members;
use prim_tidy::{files, root};

/// `cargo xtask bench latency` runs the demo's long meeting instead of a bench target.
const LATENCY: (&str, &str) = ("latency", "provisioning/xtask/src/demo");

/// Promise by promise: its bench, and the name under which that bench measures it.
fn promises() -> Vec<(String, String, String)> {
    let text =
        std::fs::read_to_string(root().join("benches/budgets.toml")).expect("benches/budgets.toml is there");
    let budgets: toml::Table = text.parse().expect("it is TOML");
    let word =
        |entry: &toml::Value, key: &str| entry.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let promise = |(name, entry): (String, toml::Value)| {
        let figure = word(&entry, "figure").unwrap_or_else(|| name.clone());
        (name, word(&entry, "bench").expect("a promise names its bench"), figure)
    };
    budgets.into_iter().map(promise).collect()
}

/// The string literals in the sources of each bench.
fn benches() -> BTreeMap<String, BTreeSet<String>> {
    let package = members().into_iter().find(|package| package.name == "prim-benches").expect("it is there");
    let top = root().canonicalize().expect("the checkout is there");
    let targets = package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bench"));
    let sources = targets.map(|target| {
        let path = std::path::Path::new(&target.src_path)
            .strip_prefix(&top)
            .expect("it lies in the checkout")
            .to_owned();
        // A bench of more than one file has a folder.
        let path =
            if path.ends_with("main.rs") { path.parent().expect("a file lies in a folder") } else { &path };
        (target.name.clone(), path.to_str().expect("names of the checkout are text").to_owned())
    });
    let all = sources.chain([(LATENCY.0.to_owned(), LATENCY.1.to_owned())]);
    all.map(|(bench, path)| (bench, literals_below(&path))).collect()
}

fn literals_below(path: &str) -> BTreeSet<String> {
    let mine = |name: &str| name.ends_with(".rs") && (name == path || name.starts_with(&format!("{path}/")));
    let texts = files().into_iter().filter(|file| mine(&file.name)).filter_map(|file| file.text());
    texts.flat_map(|text| text.lines().flat_map(literals).collect::<Vec<_>>()).collect()
}

/// The string literals of a line of code.
fn literals(line: &str) -> Vec<String> {
    if line.trim_start().starts_with("//") {
        return Vec::new();
    }
    let line = line.replace("\\\"", "").replace("'\"'", "");
    line.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether `literal` is `id`, or makes it by filling a word into each of its braces (`chain_{n}_prim`).
fn makes(literal: &str, id: &str) -> bool {
    let Some((fixed, rest)) = literal.split_once('{') else { return literal == id };
    // What begins with anything could make anything.
    let Some(left) = id.strip_prefix(fixed).filter(|_| fixed.len() >= 3) else { return false };
    rest.split_once('}').is_some_and(|(_, tail)| fills(tail, left))
}

/// Whether some first word of `left`, or none, leaves what `tail` makes.
fn fills(tail: &str, left: &str) -> bool {
    let word = left.strip_prefix('_').unwrap_or(left);
    let longest = left.len() - word.trim_start_matches(|c: char| c.is_ascii_alphanumeric()).len();
    (0..=longest).any(|end| {
        let left = &left[end..];
        match tail.split_once('{') {
            None => tail == left,
            Some((fixed, rest)) => left
                .strip_prefix(fixed)
                .is_some_and(|left| rest.split_once('}').is_some_and(|(_, tail)| fills(tail, left))),
        }
    })
}

#[test]
fn every_promise_has_a_bench_and_every_bench_a_promise() {
    let promised: BTreeSet<String> = promises().into_iter().map(|(_, bench, _)| bench).collect();
    let there: BTreeSet<String> = benches().into_keys().collect();
    assert_eq!(promised, there);
}

#[test]
fn every_promise_is_named_in_the_sources_of_its_bench() {
    let benches = benches();
    let named = |bench: &str, figure: &str| benches[bench].iter().any(|literal| makes(literal, figure));
    for (name, bench, figure) in promises() {
        // A time of the long meeting is promised of its p95.
        let there = named(&bench, &figure) || bench == LATENCY.0 && named(&bench, &format!("{figure}_p95"));
        assert!(there, "[{name}] is promised, and no source of the bench `{bench}` has \"{figure}\"");
    }
    assert!(!named("ears", "nonsense"));
}

#[test]
fn a_literal_makes_the_names_that_its_braces_leave_open_and_no_others() {
    assert!(makes("chain_{n}_prim", "chain_8_prim") && makes("vad_alarms{suffix}", "vad_alarms"));
    assert!(makes("words_{}_{}", "words_30_15") && makes("vad_alarms{suffix}", "vad_alarms_silero"));
    assert!(!makes("chain_{n}_prim", "chain_8_dereverb") && !makes("chain_{n}", "chain_8_prim"));
    assert!(!makes("{id}_linear", "nonsense_linear") && !makes("{}", "nonsense"));
    assert_eq!(literals(r#"row("a", '"', "b\"c{n}");"#), ["a", "bc{n}"]);
    assert!(literals("    // \"nonsense\"").is_empty());
}
