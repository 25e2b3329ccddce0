//! The real runtime, and the real network where it lies beside the checkout. Without the runtime these tests fail:
//! `cargo xtask setup` installs it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed step is a failed test; what is skipped is told"
)]

use std::path::{Path, PathBuf};

use prim_models::{BUILT_IN_MANIFEST, Manifest, ModelRegistry, Vad, VadError};
use prim_models_onnx::{LoadRuntimeError, Runtime, Silero, find_runtime, register};

const NETWORK: &str = "shared/models/vad/silero_vad.onnx";
const SPEECH: &str = "shared/audio/dev/librispeech/1088-134315-0000.flac";
/// Of the first 160 frames of [`SPEECH`], by the Python package onnxruntime 1.32.0 and the network's own recipe.
const GOLDEN: &str = include_str!("silero_v6_librispeech_1088.txt");

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

fn speech() -> Option<Vec<f32>> {
    let mut reader = claxon::FlacReader::open(beside(SPEECH)?).unwrap();
    assert_eq!(reader.streaminfo().sample_rate, 16_000);
    Some(reader.samples().map(|s| s.unwrap() as f32 / 32_768.0).collect())
}

fn judged(vad: &mut dyn Vad, sound: &[f32]) -> Vec<f32> {
    sound.chunks_exact(vad.frame_len()).map(|frame| vad.probability(frame).unwrap()).collect()
}

#[test]
fn real_speech_is_judged_as_by_the_reference_program() {
    let runtime = runtime();
    let (Some(network), Some(speech)) = (beside(NETWORK), speech()) else { return };
    let mut vad = Silero::open(&runtime, &network).unwrap();
    let golden: Vec<f32> = GOLDEN.lines().map(|line| line.parse().unwrap()).collect();
    let ours = judged(&mut vad, &speech[..golden.len() * 512]);
    for (at, (ours, theirs)) in ours.iter().zip(&golden).enumerate() {
        assert!((ours - theirs).abs() < 1e-4, "frame {at}: {ours}, the reference says {theirs}");
    }
    vad.reset();
    assert_eq!(judged(&mut vad, &speech[..40 * 512]), ours[..40], "after a reset it judges as a new one");
}

#[test]
fn silence_noise_and_broken_samples_are_no_speech() {
    let runtime = runtime();
    let Some(network) = beside(NETWORK) else { return };
    let mut vad = Silero::open(&runtime, &network).unwrap();
    assert!(judged(&mut vad, &[0.0; 40 * 512]).iter().all(|p| *p < 0.1));
    let mut x = 7_u64;
    let noise: Vec<f32> = std::iter::repeat_with(|| {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        0.05 * ((x >> 40) as f32 / (1 << 23) as f32 - 1.0)
    })
    .take(200 * 512)
    .collect();
    let alarms = judged(&mut vad, &noise).iter().filter(|p| **p >= 0.5).count();
    assert!(alarms <= 2, "{alarms} of 200 frames of noise");
    for bad in [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30] {
        assert!((0.0..=1.0).contains(&vad.probability(&[bad; 512]).unwrap()));
    }
    vad.reset();
    assert!(judged(&mut vad, &[0.0; 40 * 512]).iter().all(|p| *p < 0.1), "what was broken does not stick");
    let short = vad.probability(&[0.0; 160]).unwrap_err();
    assert_eq!(short, VadError::FrameLength { given: 160, wanted: 512 });
}

#[test]
fn the_registry_opens_it_by_its_name_in_the_manifest() {
    let library = find_runtime().unwrap();
    let Some(network) = beside(NETWORK) else { return };
    let store = tempfile::tempdir().unwrap();
    std::fs::create_dir(store.path().join("silero")).unwrap();
    std::fs::copy(network, store.path().join("silero/silero_vad.onnx")).unwrap();
    let manifest = Manifest::parse(BUILT_IN_MANIFEST).unwrap();
    let mut registry = ModelRegistry::new(manifest).with_store(store.path());
    register(&mut registry, Some(library));
    assert_eq!(registry.open_vad("silero").unwrap().frame_len(), 512);
}

#[test]
fn a_network_that_is_missing_damaged_or_another_one_is_told_by_its_name() {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("n.onnx");
    let fails = || Silero::open(&runtime, &path).unwrap_err().to_string();
    let missing = fails();
    assert!(missing.starts_with("read the network") && missing.contains("n.onnx"), "{missing}");
    std::fs::write(&path, b"no network at all").unwrap();
    assert!(fails().starts_with("read the network"), "{}", fails());
    std::fs::write(&path, identity("sound", "sound_again")).unwrap();
    assert!(fails().contains("it is not Silero's"), "{}", fails());
    // Silero's names with another network behind them.
    std::fs::write(&path, identity("input", "output")).unwrap();
    assert!(fails().contains("it is not Silero's"), "{}", fails());
}

/// A runtime that cannot be is tried in a process where none is loaded: nextest gives each test its own.
#[test]
fn a_runtime_that_is_missing_or_no_library_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libonnxruntime.so");
    let missing = Runtime::load(&path).unwrap_err();
    assert!(matches!(missing, LoadRuntimeError::Missing { .. }), "{missing}");
    std::fs::write(&path, b"no library").unwrap();
    let other = Runtime::load(&path).unwrap_err();
    assert!(matches!(other, LoadRuntimeError::NotTheLibrary { .. }), "{other}");
    for error in [missing, other] {
        let text = error.to_string();
        assert!(text.contains("libonnxruntime.so") && text.contains("[speech] onnx_runtime"), "{text}");
    }
    // What failed does not stand in the way of the right one.
    Runtime::load(&find_runtime().unwrap()).unwrap();
}

/// The smallest network there is, `output = Identity(input)` on one number, as ONNX's protocol buffers have it.
fn identity(input: &str, output: &str) -> Vec<u8> {
    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
    }
    let number = |number: u8, value: u8| vec![number << 3, value];
    let one = field(1, &number(1, 1));
    let tensor = field(1, &[number(1, 1), field(2, &one)].concat());
    let value = |name: &str| [field(1, name.as_bytes()), field(2, &tensor)].concat();
    let node = [field(1, input.as_bytes()), field(2, output.as_bytes()), field(4, b"Identity")].concat();
    let graph =
        [field(1, &node), field(2, b"g"), field(11, &value(input)), field(12, &value(output))].concat();
    [number(1, 8), field(7, &graph), field(8, &number(2, 13))].concat()
}
