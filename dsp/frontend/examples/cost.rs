//! What the front end costs: CPU time of this thread per second of sound, as a share of one core.
//!
//! `cargo run -p prim-dsp --example cost` (Linux: reads `/proc/thread-self/schedstat`).
#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(
    clippy::disallowed_methods,
    reason = "the crate is pure, an example that reads the clock of its thread is not"
)]

use std::fs;

use prim_audio::DEVICE_BLOCK;
use prim_dsp::{Frontend, FrontendBlock, FrontendConfig};

/// CPU nanoseconds of this thread.
fn cpu_ns() -> u64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|n| n.parse().ok()).expect("a number first")
}

fn share(channels: usize, dereverb: bool, prim: bool) -> f64 {
    const BLOCKS: u64 = 1_000;
    let mics: Vec<[f32; 3]> = (0..channels)
        .map(|i| {
            let (s, c) = (std::f32::consts::TAU * i as f32 / channels as f32).sin_cos();
            [35.0 * c, 35.0 * s, 0.0]
        })
        .collect();
    let mut config = FrontendConfig::new(&mics);
    if !dereverb {
        config.dereverb = None;
    }
    let mut frontend = Frontend::new(&config).expect("a board that fits");
    let mut out = FrontendBlock::default();
    let mut mic = vec![0_i16; channels * DEVICE_BLOCK];
    let mut reference = [0_i16; DEVICE_BLOCK];
    let mut seed = 1_u64;
    let mut spent = 0;
    for b in 0..BLOCKS {
        // Syllables of noise: everything adapts, bearings are estimated.
        let loud = if b % 25 < 15 { 4_000 } else { 40 };
        for s in mic.iter_mut().chain(if prim { reference.iter_mut() } else { [].iter_mut() }) {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *s = ((seed >> 40) as i64 % loud) as i16;
        }
        let start = cpu_ns();
        frontend.process(&mic, &reference, &mut out).expect("a block that fits");
        spent += cpu_ns() - start;
    }
    spent as f64 / (BLOCKS as f64 * 10e6)
}

fn main() {
    println!("share of one core           people talk   Prim talks");
    for channels in [1, 4, 8] {
        for dereverb in [false, true] {
            let [people, prim] = [false, true].map(|p| 100.0 * share(channels, dereverb, p));
            let what = if dereverb { "with dereverberation" } else { "without" };
            println!("{channels} channels {what:20} {people:7.2} %   {prim:8.2} %");
        }
    }
}
