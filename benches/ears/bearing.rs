//! Bearing: 8 microphones on 5 cm, RT60 0.6 s, 10 dB of noise; each estimate rests on the last 250 ms of voice. The peer
//! (pyroomacoustics SRP-PHAT) gets exactly the quarter of a second that ends with each of our estimates.
use prim_dsp::FrontendConfig;
use prim_models_flite::Voice;
use serde_json::json;

use crate::material::{BLOCK, add, add_noise, config, hear, level, place, ring, room, talk, to16};
use crate::peers::Peers;
use crate::score::{apart, mean, quantile};
use crate::table::Table;

const BEARINGS: [f32; 8] = [11.0, 52.0, 97.0, 143.0, 188.0, 231.0, 277.0, 322.0];
const VOICES: [Voice; 4] = [Voice::Slt, Voice::Rms, Voice::Awb, Voice::Kal16];
const LEVEL: f32 = 0.03;
const SECONDS: f64 = 4.0;

fn board() -> FrontendConfig {
    FrontendConfig { dereverb: None, echo: false, ..config(&ring(8, 50.0)) }
}

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let mics_mm = ring(8, 50.0);
    let room = room(0.6, 1.5, &BEARINGS, &mics_mm, 3);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let (mut cost, mut peer_cost, mut blocks, mut estimates) = (0.0, Vec::new(), 0.0, 0);
    for (i, bearing) in BEARINGS.iter().enumerate() {
        let dry = talk(VOICES[i % 4], i, 0.2, SECONDS);
        let mut mics = place(&dry, room.talker_responses(i));
        level(&mut mics, LEVEL);
        add_noise(&mut mics, LEVEL * 10_f32.powf(-10.0 / 20.0), 20 + i as u64);
        let heard = hear(&board(), &mics, &[]);
        cost += heard.cost;
        blocks += heard.blocks.len() as f64;
        let fresh: Vec<(usize, f64)> = heard
            .blocks
            .iter()
            .enumerate()
            .filter_map(|(b, out)| {
                out.fresh_bearing.map(|f| (b, apart(f64::from(f.degrees), f64::from(*bearing))))
            })
            .filter(|(b, _)| *b >= 25)
            .collect();
        ours.extend(fresh.iter().map(|f| f.1));
        estimates += fresh.len();
        // A block's estimate knows the samples up to the block's end.
        let ends: Vec<usize> = fresh.iter().map(|(b, _)| (b + 1) * BLOCK).collect();
        let mics16: Vec<Vec<f32>> = mics.iter().map(|m| to16(m)).collect();
        if let Some(a) = peers.ask("srp", &mics16, json!({"mics_mm": mics_mm, "ends": ends, "frames": 4_000}))
        {
            let found = a.facts.get("degrees").and_then(|d| d.as_array()).cloned().unwrap_or_default();
            theirs.extend(found.iter().filter_map(|d| d.as_f64()).map(|d| apart(d, f64::from(*bearing))));
            peer_cost.extend(a.number("us_per_estimate"));
        }
    }
    let peer =
        |q: f64, all: &mut Vec<f64>| (!all.is_empty()).then(|| ("pyroomacoustics SRP", quantile(all, q)));
    table.row(
        "bearing_median",
        "error on 250 ms, half of the estimates",
        "°",
        quantile(&mut ours, 0.5),
        peer(0.5, &mut theirs),
    );
    table.row(
        "bearing_p90",
        "error on 250 ms, nine of ten estimates",
        "°",
        quantile(&mut ours, 0.9),
        peer(0.9, &mut theirs),
    );
    let own = cost * 1e6 / estimates.max(1) as f64;
    let theirs = (!peer_cost.is_empty()).then(|| ("pyroomacoustics SRP", mean(&peer_cost)));
    table.row(
        "bearing_cpu",
        "the whole chain without echo and dereverberation, per estimate",
        "µs",
        own,
        theirs,
    );
    table.row(
        "bearing_rate",
        "estimates a second of voice and pauses",
        "1/s",
        estimates as f64 / (blocks / 100.0),
        None,
    );
    two(table, peers);
}

/// Two people at once, equally loud, 45° and more apart: both bearings within 5° over whole seconds.
fn two(table: &mut Table, peers: &Peers) {
    let mics_mm = ring(8, 50.0);
    let room = room(0.6, 1.5, &BEARINGS, &mics_mm, 3);
    let (mut good, mut all, mut peer_good, mut peer_all) = (0.0, 0.0, 0.0, 0.0);
    for (i, (a, b)) in
        [(0, 2), (1, 4), (3, 5), (2, 7), (6, 1), (4, 0), (5, 7), (3, 6)].into_iter().enumerate()
    {
        let mut mics = place(&talk(VOICES[i % 4], i, 0.1, SECONDS), room.talker_responses(a));
        level(&mut mics, LEVEL);
        let mut second = place(&talk(VOICES[(i + 1) % 4], i + 7, 0.1, SECONDS), room.talker_responses(b));
        level(&mut second, LEVEL);
        add(&mut mics, &second);
        add_noise(&mut mics, LEVEL * 10_f32.powf(-10.0 / 20.0), 40 + i as u64);
        let truth = [f64::from(BEARINGS[a]), f64::from(BEARINGS[b])];
        let heard = hear(&board(), &mics, &[]);
        let ends: Vec<usize> = (2..=SECONDS as usize).map(|s| s * 16_000).collect();
        for end in &ends {
            let out = &heard.blocks[end / BLOCK - 1];
            for t in truth {
                all += 1.0;
                good += f64::from(u8::from(
                    out.talkers.iter().flatten().any(|b| apart(f64::from(b.degrees), t) <= 5.0),
                ));
            }
        }
        let mics16: Vec<Vec<f32>> = mics.iter().map(|m| to16(m)).collect();
        let with = json!({"mics_mm": mics_mm, "ends": ends, "frames": 16_000, "sources": 2});
        if let Some(answer) = peers.ask("srp", &mics16, with) {
            let found = answer.facts.get("degrees").and_then(|d| d.as_array()).cloned().unwrap_or_default();
            for pair in found.chunks(2) {
                for t in truth {
                    peer_all += 1.0;
                    peer_good += f64::from(u8::from(
                        pair.iter().filter_map(|d| d.as_f64()).any(|d| apart(d, t) <= 5.0),
                    ));
                }
            }
        }
    }
    let peer = (peer_all > 0.0).then(|| ("pyroomacoustics SRP", 100.0 * peer_good / peer_all));
    table.row(
        "bearing_two",
        "two talkers at once, found within 5° on a second",
        "%",
        100.0 * good / all,
        peer,
    );
}
