//! Who spoke, small enough for every run: 24 s of two people who leave no pause and talk over each other, through
//! the product's own path. The bench `ears who` measures more of them.
#![expect(dead_code, reason = "the bench's material has more than this test needs")]

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
use path::{Cut, labelled, turns};
use prim_benches::der::der;

#[test]
fn two_people_without_pauses_are_told_apart() {
    let plan = Plan {
        bearings: &[40.0, 205.0],
        rt60_s: 0.3,
        distance_m: 1.2,
        noise_db: 25.0,
        seconds: 24.0,
        seed: 8,
    };
    let (recording, overlap) = hold(&plan);
    assert!((0.05..0.15).contains(&overlap), "{overlap}");
    let spans = labelled(&turns(&recording.heard.blocks, Cut::Turns), recording.heard.delay);
    let score = der(&recording.spoken, &spans, 0.25);
    // 8 % here, most of it the second of two at once; the promise is 15 %.
    assert!(score.percent() < 12.0, "{score:?}");
    assert!(score.confused_s < 0.05 * score.speech_s, "{score:?}");
}
