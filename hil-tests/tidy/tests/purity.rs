//! What stays pure: cargo takes the nearest `clippy.toml` and does not merge it with the root's, so a pure
//! crate's own file must say everything.
use std::collections::BTreeSet;

use prim_tidy::crates::{PLACES, Place, members};
use prim_tidy::root;

fn pure() -> impl Iterator<Item = &'static Place> {
    PLACES.iter().filter(|place| place.pure)
}

/// The paths a clippy file disallows, methods and types alike.
fn bans(text: &str) -> BTreeSet<String> {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("a clippy file is TOML: {error}"));
    let mut found = BTreeSet::new();
    for key in ["disallowed-methods", "disallowed-types", "disallowed-macros"] {
        for entry in table.get(key).and_then(toml::Value::as_array).into_iter().flatten() {
            let path = entry.as_str().or_else(|| entry.get("path").and_then(toml::Value::as_str));
            found.extend(path.map(str::to_owned));
        }
    }
    found
}

fn own_bans(place: &Place) -> BTreeSet<String> {
    let folder = root().join(place.folder);
    let text = ["clippy.toml", ".clippy.toml"]
        .iter()
        .find_map(|name| std::fs::read_to_string(folder.join(name)).ok())
        .unwrap_or_else(|| panic!("{} is pure and needs a clippy.toml of its own", place.folder));
    bans(&text)
}

#[test]
fn every_pure_crate_repeats_the_roots_bans() {
    let roots = bans(&std::fs::read_to_string(root().join(".clippy.toml")).unwrap());
    for place in pure() {
        let own = own_bans(place);
        let forgotten: Vec<&String> = roots.difference(&own).collect();
        assert!(forgotten.is_empty(), "{} forgets {forgotten:?}", place.folder);
    }
}

#[test]
fn every_pure_crate_bans_clocks_files_and_threads() {
    for place in pure() {
        let own = own_bans(place);
        for wanted in ["std::time::Instant::now", "std::time::SystemTime::now", "std::thread::spawn"] {
            assert!(own.contains(wanted), "{} does not ban {wanted}", place.folder);
        }
        assert!(own.iter().any(|ban| ban.starts_with("std::fs")), "{} does not ban std::fs", place.folder);
    }
}

#[test]
fn no_pure_crate_ships_with_a_runtime_a_clock_or_a_dice() {
    let names: BTreeSet<&str> = pure().map(|place| place.name).collect();
    for package in members().iter().filter(|package| names.contains(package.name.as_str())) {
        for other in package.shipped() {
            let impure =
                ["tokio", "async-std", "rand", "getrandom", "jiff", "chrono", "libc", "nix", "rustix"];
            assert!(!impure.contains(&other), "{} imports {other}", package.name);
        }
    }
}

#[test]
fn no_pure_source_reaches_for_the_world() {
    for file in prim_tidy::files() {
        let inside = pure().any(|place| file.name.starts_with(&format!("{}/src/", place.folder)));
        if !inside || !file.name.ends_with(".rs") || file.name.contains("test") {
            continue;
        }
        let text = file.text().unwrap_or_default();
        let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in [
            "std::fs::",
            "std::net::",
            "Instant::now(",
            "SystemTime::now(",
            "thread::spawn(",
            "thread_local!",
        ] {
            let said =
                shipped.lines().find(|line| line.contains(word) && !line.trim_start().starts_with("//"));
            assert!(said.is_none(), "{}: {word} in {said:?}", file.name);
        }
    }
}
