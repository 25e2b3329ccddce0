//! `cargo xtask listen`: waves before and after each stage for a few rooms, and what can be said of them without ears:
//! level, peak, clipped samples, clicks.
use std::io::Write as _;
use std::path::Path;

use prim_dsp::FrontendConfig;
use prim_models_flite::Voice;

use crate::material::{
    RATE, add, add_noise, config, hear, late, level, place, ring, room, talk, to_i16, to16,
};
use crate::score::{db, power};

const SECONDS: f64 = 12.0;
/// A sample that leaves the line between its neighbours by this much more than the 10 ms around it do on average.
const CLICK: f32 = 25.0;

pub(crate) fn write(folder: &Path) {
    std::fs::create_dir_all(folder).expect("the named folder can be made");
    let mics_mm = ring(4, 35.0);
    for (rt60, distance) in [(0.25, 1.0), (0.3, 1.5), (0.4, 1.5), (0.6, 2.0)] {
        let room = room(rt60, distance, &[20.0, 140.0], &mics_mm, 1);
        let dry = talk(Voice::Slt, 0, 0.3, SECONDS);
        let mut mics = place(&dry, room.talker_responses(0));
        level(&mut mics, 0.05);
        add_noise(&mut mics, 0.002, 3);
        let board = config(&mics_mm);
        let beam = hear(&FrontendConfig { dereverb: None, ..board.clone() }, &mics, &[]);
        let whole = hear(&board, &mics, &[]);
        let name = |what: &str| format!("rt{:.0}-{distance}m-{what}.wav", rt60 * 100.0);
        wave(folder, &name("1-dry"), &to16(&dry));
        wave(folder, &name("2-microphone"), &to16(&mics[0]));
        wave(folder, &name("3-beam"), &beam.recogniser);
        wave(folder, &name("4-dereverberated"), &whole.recogniser);
        // Prim over the same person.
        let prim = talk(Voice::Rms, 5, 0.3, SECONDS);
        let mut over = place(&prim, room.loudspeaker_responses());
        level(&mut over, 0.12);
        let mut both: Vec<Vec<f32>> = over.iter().map(|m| late(m, 35)).collect();
        add(&mut both, &mics);
        let reference: Vec<f32> = prim.iter().map(|s| s * 0.7).collect();
        let heard = hear(&board, &both, &reference);
        wave(folder, &name("5-with-prim"), &to16(&both[0]));
        wave(folder, &name("6-with-prim-recogniser"), &heard.recogniser);
        wave(folder, &name("7-with-prim-suppressed"), &heard.voice);
    }
}

fn wave(folder: &Path, name: &str, x: &[f32]) {
    let bytes = (2 * x.len()) as u32;
    let mut out = Vec::with_capacity(44 + 2 * x.len());
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&(36 + bytes).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend_from_slice(&16_000_u32.to_le_bytes());
    out.extend_from_slice(&32_000_u32.to_le_bytes());
    out.extend_from_slice(&[2, 0, 16, 0]);
    out.extend_from_slice(b"data");
    out.extend_from_slice(&bytes.to_le_bytes());
    x.iter().for_each(|s| out.extend_from_slice(&to_i16(*s).to_le_bytes()));
    std::fs::write(folder.join(name), out).expect("the folder takes a wave");
    let peak = x.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
    let clipped = x.iter().filter(|s| s.abs() >= 1.0).count();
    let mut said = std::io::stdout().lock();
    let _ = writeln!(
        said,
        "{name:36} level {:6.1} dBFS, peak {:6.1} dBFS, {clipped} clipped, {} clicks",
        db(power(x)),
        db(f64::from(peak * peak)),
        clicks(x)
    );
}

/// Samples that jump out of their neighbourhood.
fn clicks(x: &[f32]) -> usize {
    let bend: Vec<f32> = x.windows(3).map(|w| (w[1] - 0.5 * (w[0] + w[2])).abs()).collect();
    bend.chunks(160)
        .map(|block| {
            let mean = block.iter().sum::<f32>() / block.len() as f32 + 1e-4;
            block.iter().filter(|b| **b > CLICK * mean).count()
        })
        .sum()
}

const _: () = assert!(RATE == 48_000, "waves are written at a third of it");
