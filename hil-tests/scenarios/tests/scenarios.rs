//! Each script gives its transcript, and its input log gives the same outputs again, bit for bit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use prim_meeting::log;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let mut scripts: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the scripts are in the repository")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|end| end == "scenario"))
        .collect();
    scripts.sort();
    scripts
}

fn name(path: &Path) -> String {
    path.file_stem().expect("a script has a name").to_string_lossy().into_owned()
}

#[test]
fn every_scenario_gives_its_transcript() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let mut different = Vec::new();
    for path in scripts() {
        let text = fs::read_to_string(&path).unwrap();
        let scenario =
            prim_scenarios::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", name(&path)));
        let transcript = prim_scenarios::play(&scenario).transcript;
        let expected = path.with_extension("expected");
        if update {
            fs::write(&expected, &transcript).unwrap();
            continue;
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if wanted != transcript {
            let at = wanted.lines().zip(transcript.lines()).take_while(|(a, b)| a == b).count();
            different.push(format!(
                "{} differs at line {}:\n  expected: {}\n  got:      {}",
                name(&path),
                at + 1,
                wanted.lines().nth(at).unwrap_or("(end)"),
                transcript.lines().nth(at).unwrap_or("(end)"),
            ));
        }
    }
    assert!(
        different.is_empty(),
        "{}\nif this is meant: UPDATE_EXPECT=1 cargo nextest run -p prim-scenarios",
        different.join("\n")
    );
}

#[test]
fn every_scenario_replays_bit_for_bit_from_its_input_log() {
    for path in scripts() {
        let scenario = prim_scenarios::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let played = prim_scenarios::play(&scenario);
        let again = log::replay(&played.log).unwrap_or_else(|error| panic!("{}: {error}", name(&path)));
        let lines = |outputs: &[(prim_ids::MonoTime, prim_meeting::Output)]| -> Vec<String> {
            outputs.iter().map(|(at, output)| format!("{at:?} {}", log::output_line(output))).collect()
        };
        assert_eq!(lines(&again), lines(&played.outputs), "{}", name(&path));
    }
}

/// FNV-1a of 64 bits: to see a change, not to withstand anybody.
fn sum(text: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Each script with its sum and its transcript's.
fn sums() -> BTreeMap<String, (String, String)> {
    let of = |path: &PathBuf| {
        let text = fs::read_to_string(path).expect("a script can be read");
        let transcript =
            prim_scenarios::play(&prim_scenarios::parse(&text).expect("a script is in the language"))
                .transcript;
        (name(path), (sum(&text), sum(&transcript)))
    };
    scripts().iter().map(of).collect()
}

#[test]
fn whoever_changes_a_transcript_changes_the_cores_number() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/CORE");
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let mut lines = kept.lines();
    let core: Option<u32> = lines.next().and_then(|line| line.strip_prefix("core ")?.parse().ok());
    let before: BTreeMap<String, (String, String)> = lines
        .filter_map(|line| {
            let [script, transcript, name] = line.split(' ').collect::<Vec<_>>()[..] else { return None };
            Some((name.to_owned(), (script.to_owned(), transcript.to_owned())))
        })
        .collect();
    let now = sums();
    // A script that was itself changed proves nothing.
    let otherwise = |name: &String, (script, transcript): &(String, String)| {
        before.get(name).is_some_and(|(old, said)| old == script && said != transcript)
    };
    let changed: Vec<&String> =
        now.iter().filter(|(name, sums)| otherwise(name, sums)).map(|(n, _)| n).collect();
    assert!(
        core != Some(log::CORE) || changed.is_empty(),
        "core {} says otherwise in {changed:?} than it did: raise prim_meeting::log::CORE",
        log::CORE
    );
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let lines = now.iter().map(|(name, (script, transcript))| format!("{script} {transcript} {name}\n"));
        fs::write(&file, format!("core {}\n{}", log::CORE, lines.collect::<String>())).unwrap();
        return;
    }
    assert!(
        core == Some(log::CORE) && before == now,
        "scripts/CORE is of core {core:?} or of other scripts; to keep the sums of core {}: UPDATE_EXPECT=1 cargo \
         nextest run -p prim-scenarios",
        log::CORE
    );
}

#[test]
fn every_scenario_begins_by_saying_what_it_shows() {
    for path in scripts() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# "), "{} has no first line that says what it shows", name(&path));
    }
}

#[test]
fn there_are_scenarios_for_every_rule() {
    assert!(scripts().len() >= 25, "only {}", scripts().len());
}

#[test]
fn a_wrong_line_is_named() {
    let error = prim_scenarios::parse("mode answer on ask\nat 0:99 button down").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("minutes:seconds"), "{error}");
    let error = prim_scenarios::parse("at 0:09 Ana dances").unwrap_err().to_string();
    assert!(error.contains("somebody speaks"), "{error}");
}
