//! 48 → 16 kHz in blocks of 10 ms: what it adds, what folds back, how late and how dear it is.
use prim_audio::{DEVICE_RATE, SPEECH_RATE};
use prim_dsp::Resampler;
use serde_json::json;

use crate::cpu;
use crate::material::{BLOCK, Noise, RATE};
use crate::peers::{Answer, Peers};
use crate::score::{db, power};
use crate::table::Table;

/// Tones that pass, and tones that must not: 9 to 23 kHz.
const PASS_HZ: [f64; 3] = [440.0, 1_000.0, 3_111.0];
const STOP_HZ: [f64; 5] = [9_000.0, 10_500.0, 13_000.0, 17_000.0, 23_000.0];
const EDGE_HZ: f64 = 7_200.0;
const SECONDS: usize = 2;
/// Times that a second is put through for its cost.
const PASSES: usize = 200;

fn tone(hz: f64) -> Vec<f32> {
    (0..SECONDS * RATE)
        .map(|n| (0.5 * (std::f64::consts::TAU * hz * n as f64 / RATE as f64).sin()) as f32)
        .collect()
}

fn ours(x: &[f32]) -> Vec<f32> {
    let mut r = Resampler::new(DEVICE_RATE, SPEECH_RATE, 1).expect("usual rates");
    let mut out = Vec::new();
    let mut block = [0.0; BLOCK];
    for b in x.chunks_exact(3 * BLOCK) {
        r.process(b, &mut block);
        out.extend_from_slice(&block);
    }
    out
}

/// Power of `y` over its middle second that a sine of `hz` explains, and the rest.
fn split(y: &[f32], hz: f64) -> (f64, f64) {
    let at = y.len() / 4..y.len() * 3 / 4;
    let (mut ss, mut sc, mut cc, mut ys, mut yc) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for n in at.clone() {
        let (s, c) = (std::f64::consts::TAU * hz * n as f64 / 16e3).sin_cos();
        let v = f64::from(y[n]);
        (ss, sc, cc, ys, yc) = (ss + s * s, sc + s * c, cc + c * c, ys + v * s, yc + v * c);
    }
    let d = ss * cc - sc * sc;
    let (a, b) = ((ys * cc - yc * sc) / d, (yc * ss - ys * sc) / d);
    let rest: f64 = at
        .clone()
        .map(|n| {
            let (s, c) = (std::f64::consts::TAU * hz * n as f64 / 16e3).sin_cos();
            (f64::from(y[n]) - a * s - b * c).powi(2)
        })
        .sum::<f64>()
        / at.len() as f64;
    ((a * a + b * b) / 2.0, rest)
}

struct Figures {
    snr: f64,
    alias: f64,
    edge: f64,
}

fn figures(through: impl Fn(&[f32]) -> Option<Vec<f32>>) -> Option<Figures> {
    let mut snr = f64::MAX;
    for hz in PASS_HZ {
        let (signal, rest) = split(&through(&tone(hz))?, hz);
        snr = snr.min(db(signal / rest));
    }
    let mut alias = f64::MIN;
    for hz in STOP_HZ {
        let y = through(&tone(hz))?;
        alias = alias.max(db(power(&y[y.len() / 4..y.len() * 3 / 4]) / 0.125));
    }
    let edge = db(split(&through(&tone(EDGE_HZ))?, EDGE_HZ).0 / 0.125);
    Some(Figures { snr, alias, edge })
}

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let own = figures(|x| Some(ours(x))).expect("ours always answers");
    let soxr = |x: &[f32]| -> Option<Answer> {
        peers.ask("soxr", &[x.to_vec()], json!({"from": RATE, "to": 16_000, "quality": "VHQ"}))
    };
    let theirs = figures(|x| soxr(x).and_then(|a| a.out.into_iter().next()));
    let mut noise = Noise(3);
    let long: Vec<f32> = (0..20 * RATE).map(|_| 0.1 * noise.next()).collect();
    let cost = soxr(&long);
    let name = "soxr VHQ";
    let peer = |f: &dyn Fn(&Figures) -> f64| theirs.as_ref().map(|t| (name, f(t)));
    table.row("resample_snr", "noise and distortion of a tone", "dB", own.snr, peer(&|f| f.snr));
    table.row("resample_alias", "largest fold-back of 9 to 23 kHz", "dB", own.alias, peer(&|f| f.alias));
    table.row("resample_edge", "loss at 0.9 Nyquist", "dB", -own.edge, peer(&|f| -f.edge));
    let r = Resampler::new(DEVICE_RATE, SPEECH_RATE, 1).expect("usual rates");
    let delay = r.delay_frames() as f64 / 16.0;
    let fact = |key: &str| cost.as_ref().and_then(|a| a.number(key)).map(|v| (name, v));
    table.row("resample_delay", "delay of a stream", "ms", delay, fact("delay_ms"));
    let one = per_block(&long, 1);
    table.row("resample_cpu", "cost of one channel", "µs per 10 ms", one, fact("us_per_block"));
    let eight = per_block(&long, 8) / 8.0;
    table.row("resample_cpu_8", "cost per channel of eight", "µs per 10 ms", eight, fact("us_per_block"));
}

fn per_block(x: &[f32], channels: usize) -> f64 {
    let mut r = Resampler::new(DEVICE_RATE, SPEECH_RATE, channels).expect("usual rates");
    let mut out = vec![0.0; BLOCK * channels];
    // A second again and again, which stays in the cache as a block that was just captured does, and lasts long beside
    // the steps of the thread's clock.
    let second: Vec<Vec<f32>> = x.chunks_exact(3 * BLOCK).take(100).map(|b| b.repeat(channels)).collect();
    let ((), cost) = cpu::of(|| {
        for b in second.iter().cycle().take(PASSES * second.len()) {
            r.process(b, &mut out);
        }
    });
    cost * 1e6 / (PASSES * second.len()) as f64
}
