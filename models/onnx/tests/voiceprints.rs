//! The real runtime, and a real speaker network where it lies beside the checkout.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step is a failed test; what is skipped is told"
)]

use std::path::{Path, PathBuf};

use prim_models::{EmbedError, LONGEST_TURN, SHORTEST_TURN, SpeakerEmbedding, Voiceprint};
use prim_models_onnx::{Runtime, Voiceprints, find_runtime};

const NETWORK: &str = "shared/models/speaker/prim-spk-tiny.onnx";
const SPEECH: &str = "shared/audio/dev/librispeech/1088-134315-0000.flac";
const ANOTHER: &str = "shared/models/vad/silero_vad.onnx";
/// Of the first four seconds of [`SPEECH`], by numpy and the Python package onnxruntime 1.32.0, scaled to length one.
const GOLDEN: &str = include_str!("speaker_tiny_librispeech_1088.txt");

fn runtime() -> Runtime {
    let library =
        find_runtime().unwrap_or_else(|error| panic!("failed to {error}; or run: cargo xtask setup"));
    Runtime::load(&library).unwrap()
}

/// A file beside the checkout, or none with a word.
fn beside(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(name);
    if !path.is_file() {
        println!("skipped, not beside the checkout: {name}");
    }
    Some(path).filter(|path| path.is_file())
}

fn speech(name: &str) -> Option<Vec<f32>> {
    let mut reader = claxon::FlacReader::open(beside(name)?).unwrap();
    assert_eq!(reader.streaminfo().sample_rate, 16_000);
    Some(reader.samples().map(|s| s.unwrap() as f32 / 32_768.0).collect())
}

fn open() -> Option<Voiceprints> {
    Some(Voiceprints::open(&runtime(), &beside(NETWORK)?).unwrap())
}

#[test]
fn a_real_voice_has_the_print_that_the_reference_program_takes() {
    let (Some(mut network), Some(speech)) = (open(), speech(SPEECH)) else { return };
    let ours = network.embed(&speech[..64_000]).unwrap();
    let golden: Vec<f32> = GOLDEN.lines().map(|line| line.parse().unwrap()).collect();
    // Every number by itself: of a unit vector `e` it is the likeness to the axis.
    for (at, theirs) in golden.iter().enumerate() {
        let mut axis = vec![0.0; golden.len()];
        axis[at] = 1.0;
        let ours = ours.likeness(&Voiceprint::new(&axis).unwrap());
        assert!((ours - theirs).abs() < 1e-3, "number {at}: {ours}, the reference says {theirs}");
    }
}

#[test]
fn one_persons_turns_are_more_alike_than_two_persons() {
    let folder = "shared/audio/dev/librispeech_notext";
    let turn = |name: &str| speech(&format!("{folder}/{name}.flac"));
    let names = ["1998-15444-0000", "1998-15444-0001", "2033-164914-0000", "2033-164914-0001"];
    let (Some(mut network), Some(turns)) = (open(), names.into_iter().map(turn).collect::<Option<Vec<_>>>())
    else {
        return;
    };
    let prints: Vec<_> = turns.iter().map(|turn| network.embed(turn).unwrap()).collect();
    let same = prints[0].likeness(&prints[1]).min(prints[2].likeness(&prints[3]));
    let other = prints[0].likeness(&prints[2]).max(prints[1].likeness(&prints[3]));
    assert!(same > other + 0.1, "one person {same}, two {other}");
}

#[test]
fn silence_clicks_full_scale_and_broken_samples_have_a_print_and_short_or_long_turns_are_bounded() {
    let Some(mut network) = open() else { return };
    let mut click = vec![0.0; SHORTEST_TURN];
    click[4_000] = 1.0;
    let square: Vec<f32> = (0..SHORTEST_TURN).map(|n| if n / 50 % 2 == 0 { 1.0 } else { -1.0 }).collect();
    for sound in
        [vec![0.0; SHORTEST_TURN], click, square, vec![f32::NAN; SHORTEST_TURN], vec![1e30; SHORTEST_TURN]]
    {
        let print = network.embed(&sound).unwrap();
        assert!((print.likeness(&print) - 1.0).abs() < 1e-4);
    }
    let short = network.embed(&[0.0; SHORTEST_TURN - 1]).unwrap_err();
    assert_eq!(short, EmbedError::TooShort { given: SHORTEST_TURN - 1, wanted: SHORTEST_TURN });
    let long: Vec<f32> = (0..LONGEST_TURN + 16_000).map(|n| (n as f32 * 0.1).sin() * 0.1).collect();
    let (whole, cut) = (network.embed(&long).unwrap(), network.embed(&long[..LONGEST_TURN]).unwrap());
    assert_eq!(whole, cut, "what is longer is cut");
}

#[test]
fn a_network_that_is_missing_damaged_or_another_one_is_told_by_its_name() {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.onnx");
    let fails = |path: &Path| Voiceprints::open(&runtime, path).unwrap_err().to_string();
    let missing = fails(&path);
    assert!(missing.starts_with("read the speaker network") && missing.contains("n.onnx"), "{missing}");
    std::fs::write(&path, b"no network at all").unwrap();
    assert!(fails(&path).starts_with("read the speaker network"), "{}", fails(&path));
    let Some(silero) = beside(ANOTHER) else { return };
    let another = fails(&silero);
    assert!(another.contains("3 inputs instead of one") && another.contains("[1, frames, 80]"), "{another}");
}
