//! Bearing: 8 microphones on 5 cm, RT60 0.6 s, 10 dB of noise; each estimate rests on the last 250 ms of voice. The peer
//! (pyroomacoustics SRP-PHAT) gets exactly the quarter of a second that ends with each of our estimates.
use prim_dsp::FrontendConfig;
use prim_hal_sim::RoomSim;
use prim_models_flite::Voice;
use serde_json::json;

use crate::material::{
    BLOCK, Heard, add, add_noise, config, hear, level, place, ring, room, room_for_two, talk, to16,
};
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
        let mics = one(&room, i, (VOICES[i % 4], i), 20 + i as u64);
        let heard = hear(&board(), &mics, &[]);
        cost += heard.cost;
        blocks += heard.blocks.len() as f64;
        let fresh = errors(&heard, f64::from(*bearing));
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
    let mut others = one_elsewhere(&mics_mm);
    for (id, what, share) in [
        ("bearing_median_elsewhere", "error in five other rooms, half of the estimates", 0.5),
        ("bearing_p90_elsewhere", "error in five other rooms, nine of ten estimates", 0.9),
    ] {
        table.row(id, what, "°", quantile(&mut others, share), None);
    }
    two(table, peers);
}

/// A voice from a place of a room, with the sentence it begins with, in noise.
fn one(room: &RoomSim, place_number: usize, (voice, first): (Voice, usize), seed: u64) -> Vec<Vec<f32>> {
    let mut mics = place(&talk(voice, first, 0.2, SECONDS), room.talker_responses(place_number));
    level(&mut mics, LEVEL);
    add_noise(&mut mics, LEVEL * 10_f32.powf(-10.0 / 20.0), seed);
    mics
}

/// The blocks with an estimate that knows a quarter of a second, and how far off it is, degrees.
fn errors(heard: &Heard, truth: f64) -> Vec<(usize, f64)> {
    let fresh = heard.blocks.iter().enumerate().skip(25);
    fresh.filter_map(|(b, out)| Some((b, apart(f64::from(out.fresh_bearing?.degrees), truth)))).collect()
}

/// Eight people each in five rooms like the first, turned by 9° more in each: they say how lucky the first
/// is. Of several ways to judge how sure an estimate is the best was taken on them (decision 0004), else nothing was.
fn one_elsewhere(mics_mm: &[[f64; 3]]) -> Vec<f64> {
    let mut all = Vec::new();
    for number in 1..=5 {
        let bearings = BEARINGS.map(|b| (b + 9.0 * number as f32).rem_euclid(360.0));
        let room = room(0.6, 1.5, &bearings, mics_mm, 3 + number as u64);
        for (i, bearing) in bearings.iter().enumerate() {
            let voice = (VOICES[(i + number) % 4], i + 3 * number);
            let mics = one(&room, i, voice, (20 + i + 100 * number) as u64);
            all.extend(errors(&hear(&board(), &mics, &[]), f64::from(*bearing)).iter().map(|e| e.1));
        }
    }
    all
}

/// Two people at once, equally loud, 45° and more apart: both bearings within 5° over whole seconds.
fn two(table: &mut Table, peers: &Peers) {
    let mics_mm = ring(8, 50.0);
    let room = room(0.6, 1.5, &BEARINGS, &mics_mm, 3);
    let (mut ours, mut theirs) = (Found::default(), Found::default());
    for (i, (a, b)) in
        [(0, 2), (1, 4), (3, 5), (2, 7), (6, 1), (4, 0), (5, 7), (3, 6)].into_iter().enumerate()
    {
        let voices = [(VOICES[i % 4], i), (VOICES[(i + 1) % 4], i + 7)];
        let mics = both(&room, [a, b], voices, 40 + i as u64);
        let truth = [BEARINGS[a], BEARINGS[b]].map(f64::from);
        ours.listen(&mics, truth);
        let mics16: Vec<Vec<f32>> = mics.iter().map(|m| to16(m)).collect();
        let ends: Vec<usize> = ends().map(|s| s * 16_000).collect();
        let with = json!({"mics_mm": mics_mm, "ends": ends, "frames": 16_000, "sources": 2});
        if let Some(answer) = peers.ask("srp", &mics16, with) {
            let found = answer.facts.get("degrees").and_then(|d| d.as_array()).cloned().unwrap_or_default();
            for pair in found.chunks(2) {
                let pair: Vec<f64> = pair.iter().filter_map(|d| d.as_f64()).collect();
                theirs.count(&pair, truth);
            }
        }
    }
    let peer = (theirs.all > 0.0).then(|| ("pyroomacoustics SRP", theirs.percent()));
    table.row("bearing_two", "two talkers at once, found within 5° on a second", "%", ours.percent(), peer);
    let others = two_elsewhere(&mics_mm);
    table.row("bearing_two_elsewhere", "the same in twelve other rooms", "%", others.percent(), None);
}

/// Every pair in a room of its own.
fn two_elsewhere(mics_mm: &[[f64; 3]]) -> Found {
    let mut found = Found::default();
    for i in 0..12 {
        let (room, bearings) = room_for_two(i, mics_mm, 900);
        let voices = [(VOICES[i % 4], 2 * i + 3), (VOICES[(i + 1 + i / 4) % 4], 2 * i + 8)];
        found.listen(&both(&room, [0, 1], voices, 950 + i as u64), bearings.map(f64::from));
    }
    found
}

/// Two voices from their places of a room, each with the sentence it begins with, in noise.
fn both(room: &RoomSim, places: [usize; 2], voices: [(Voice, usize); 2], seed: u64) -> Vec<Vec<f32>> {
    let [mut mics, second] = [0, 1].map(|k| {
        let (voice, first) = voices[k];
        let mut mics = place(&talk(voice, first, 0.1, SECONDS), room.talker_responses(places[k]));
        level(&mut mics, LEVEL);
        mics
    });
    add(&mut mics, &second);
    add_noise(&mut mics, LEVEL * 10_f32.powf(-10.0 / 20.0), seed);
    mics
}

/// Seconds at whose ends is asked who talks.
fn ends() -> impl Iterator<Item = usize> {
    2..=SECONDS as usize
}

/// How many of the talkers were found.
#[derive(Default)]
struct Found {
    good: f64,
    all: f64,
}

impl Found {
    fn listen(&mut self, mics: &[Vec<f32>], truth: [f64; 2]) {
        let heard = hear(&board(), mics, &[]);
        for s in ends() {
            let out = &heard.blocks[s * 16_000 / BLOCK - 1];
            let bearings: Vec<f64> = out.talkers.iter().flatten().map(|b| f64::from(b.degrees)).collect();
            self.count(&bearings, truth);
        }
    }

    fn count(&mut self, bearings: &[f64], truth: [f64; 2]) {
        for t in truth {
            self.all += 1.0;
            self.good += f64::from(u8::from(bearings.iter().any(|b| apart(*b, t) <= 5.0)));
        }
    }

    fn percent(&self) -> f64 {
        100.0 * self.good / self.all
    }
}
