//! What taking Prim out costs.
//!
//! Canceller and suppressor cannot run by themselves: what the chain costs over Prim alone, less what it costs in the
//! quiet room with the canceller switched off. Prim's voice without the canceller would be no measure of the rest: it
//! would be located and learned as a person's, which is not done over Prim, and the dearer that is the cheaper the
//! canceller would look. Watching the quiet room for a voice is still in what is taken off, so the figure is a little low.
use prim_dsp::FrontendConfig;
use prim_models_flite::Voice;
use serde_json::json;

use super::{HISS, LATENCY_MS, one_mic, reference, sonora};
use crate::cpu;
use crate::material::{BLOCK, add, add_noise, config, hear, late, ring, to16};
use crate::peers::Peers;
use crate::table::Table;

pub(super) fn run(table: &mut Table, peers: &Peers) {
    let prim = reference(Voice::Slt);
    let n = 8;
    let mut quiet = vec![vec![0.0; prim.len()]; n];
    add_noise(&mut quiet, HISS, 4);
    let mut mics = quiet.clone();
    add(&mut mics, &vec![late(&prim, LATENCY_MS); n]);
    let blocks = (mics[0].len() / (3 * BLOCK)) as f64;
    let per = |s: f64| s * 1e6 / blocks;
    let part = |board: FrontendConfig| {
        let channels = board.mics_mm.len();
        let with = least(&board, &mics[..channels], &prim);
        per(with - least(&FrontendConfig { echo: false, ..board }, &quiet[..channels], &[]))
    };
    let (m16, r16) = (to16(&mics[0]), to16(&prim));
    let (_, sonora_cost) = cpu::of(|| sonora(&m16, &r16));
    let eight = ("sonora AEC3, one channel × 8", 8.0 * per(sonora_cost));
    table.part(
        "echo_cpu_8",
        "canceller and suppressor, 8 channels: the chain over Prim less the chain without them in the quiet room",
        "µs per 10 ms",
        part(FrontendConfig { dereverb: None, ..config(&ring(n, 50.0)) }),
        Some(eight),
    );
    let speex = peers
        .ask("speex", &[m16, r16], json!({"tail": 3_200}))
        .and_then(|a| a.number("us_per_block"))
        .map(|us| ("speexdsp", us));
    table.part("echo_cpu_1", "the same, one channel", "µs per 10 ms", part(one_mic()), speex);
}

/// Seconds of CPU, of each block the cheapest of five runs: a run does the same again, what else the machine does only
/// adds, and now here, now there.
fn least(board: &FrontendConfig, mics: &[Vec<f32>], reference: &[f32]) -> f64 {
    let mut least = vec![f64::INFINITY; mics[0].len() / (3 * BLOCK)];
    for _ in 0..5 {
        for (least, cost) in least.iter_mut().zip(hear(board, mics, reference).costs) {
            *least = least.min(cost);
        }
    }
    least.iter().sum()
}
