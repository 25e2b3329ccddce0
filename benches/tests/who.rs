//! Who spoke, small enough for every run: 24 s of two people who leave no pause and talk over each other, through
//! the product's own path. The bench `ears who` measures more of them.
#![expect(dead_code, reason = "the bench's material has more than this test needs")]

use std::path::Path;

#[path = "../ears/cpu.rs"]
mod cpu;
#[path = "../ears/material.rs"]
mod material;
#[path = "../ears/who/meeting.rs"]
mod meeting;
#[path = "../ears/who/path.rs"]
mod path;
#[path = "../ears/score.rs"]
mod score;

use meeting::{Plan, hold};
use path::{Cut, compare, labelled, turns};
use prim_benches::der::der;
use prim_models_onnx::{Runtime, Voiceprints, find_runtime};

#[test]
fn two_people_without_pauses_are_told_apart() {
    let plan = Plan {
        bearings: &[40.0, 205.0],
        rt60_s: 0.3,
        distance_m: 1.2,
        noise_db: 25.0,
        seconds: 24.0,
        seed: 8,
        swap: false,
    };
    let (recording, overlap) = hold(&plan);
    assert!((0.05..0.15).contains(&overlap), "{overlap}");
    let spans = labelled(&turns(&recording.heard.blocks, Cut::Turns), recording.heard.delay);
    let score = der(&recording.spoken, &spans, 0.25);
    // 8 % here, most of it the second of two at once; the promise is 15 %.
    assert!(score.percent() < 12.0, "{score:?}");
    assert!(score.confused_s < 0.05 * score.speech_s, "{score:?}");
}

/// Wants the network for tests beside the checkout, and says so where it is missing.
#[test]
fn two_people_who_swap_seats_keep_their_labels_by_their_voices() {
    let network =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/models/speaker/prim-spk-tiny.onnx");
    if !network.is_file() {
        println!("skipped, not beside the checkout: shared/models/speaker/prim-spk-tiny.onnx");
        return;
    }
    let runtime = Runtime::load(&find_runtime().unwrap()).unwrap();
    let mut network = Voiceprints::open(&runtime, &network).unwrap();
    let plan = Plan {
        bearings: &[40.0, 205.0],
        rt60_s: 0.3,
        distance_m: 1.2,
        noise_db: 25.0,
        seconds: 60.0,
        seed: 8,
        swap: true,
    };
    let (recording, _) = hold(&plan);
    let mut turns = turns(&recording.heard.blocks, Cut::Turns);
    let score = |turns: &[path::Turn]| {
        der(&recording.spoken, &labelled(turns, recording.heard.delay), 0.25).percent()
    };
    let bearing = score(&turns);
    compare(&mut turns, &recording.heard.recogniser, &mut network);
    let voice = score(&turns);
    println!("bearing alone {bearing:.1} %, with voices {voice:.1} %");
    assert!(voice < 15.0 && bearing > 25.0, "bearing alone {bearing:.1} %, with voices {voice:.1} %");
}
