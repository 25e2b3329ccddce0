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
const ANOTHER: &str = "shared/models/vad/silero_vad.onnx";
/// Of [`made_up`], by numpy and the Python package onnxruntime 1.32.0, scaled to length one: written by
/// `speaker_reference.py`, whose head says how. It is nobody's print, because a real person's has no place here.
const GOLDEN: &str = include_str!("speaker_tiny_made_up.txt");

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

/// Four seconds of a voice that nobody has, the same samples as in `speaker_reference.py`: pulses 100 to 160 times a second
/// and breath, four syllables a second, two vowels in turn.
fn made_up() -> Vec<f32> {
    // Per vowel three resonances as (gain, a1, a2): y = gain · x + a1 · y1 + a2 · y2.
    const VOWELS: [[(f64, f64, f64); 3]; 2] = [
        [(1.0, 1.931, -0.969), (-0.6, 1.624, -0.954), (0.4, 1.077, -0.939)],
        [(1.0, 1.872, -0.965), (-0.5, 1.832, -0.949), (0.3, 0.881, -0.932)],
    ];
    let (mut random, mut until_pulse, mut state) = (7_u64, 0, [[0.0; 2]; 3]);
    let mut sample = |n: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let breath = (random >> 40) as f64 / f64::from(1 << 23) - 1.0;
        let pulse = if until_pulse == 0 { 1.0 } else { 0.0 };
        if until_pulse == 0 {
            until_pulse = 100 + n / 100 % 60;
        }
        until_pulse -= 1;
        let within = n % 4_000;
        let loud = within.min(4_000 - within) as f64 / 2_000.0;
        let drive = loud * (pulse + 0.02 * breath);
        let mut sound = 0.0;
        for ([y1, y2], (gain, a1, a2)) in state.iter_mut().zip(VOWELS[n / 4_000 % 2]) {
            let y = gain * drive + a1 * *y1 + a2 * *y2;
            (*y1, *y2) = (y, *y1);
            sound += y;
        }
        ((4_000.0 * sound + 0.5).floor().clamp(-32_768.0, 32_767.0) / 32_768.0) as f32
    };
    (0..4 * 16_000).map(&mut sample).collect()
}

fn open() -> Option<Voiceprints> {
    Some(Voiceprints::open(&runtime(), &beside(NETWORK)?).unwrap())
}

#[test]
fn a_voice_has_the_print_that_the_reference_program_takes() {
    let Some(mut network) = open() else { return };
    let ours = network.embed(&made_up()).unwrap();
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
