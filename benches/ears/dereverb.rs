//! Dereverberation beside nara-wpe, which works off line on the whole recording (10 taps, 3 iterations) and is followed
//! by delay-and-sum toward the true bearing; ours works on line, block by block, and finds the bearing itself. Judged by
//! the cepstral distance to the dry voice, which the recogniser's features follow; words are counted in `words`.
use prim_dsp::FrontendConfig;
use serde_json::json;

use crate::material::{config, hear, ring, to16};
use crate::peers::Peers;
use crate::score::mean;
use crate::table::Table;
use crate::words::{BEARINGS, offline, recording, script};

/// The peer on line costs three quarters of real time: a few seconds of it are enough to know that.
const ONLINE_SECONDS: usize = 4;

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let (rt60, distance, snr) = (0.3, 1.5, 25.0);
    let (mut ours, mut plain_distance, mut raw, mut theirs) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut cost, mut seconds, mut peer_cost) = (0.0, 0.0, None);
    for (person, bearing) in BEARINGS.iter().enumerate() {
        let script = script(person);
        let mics = recording(&script, person, rt60, distance, snr);
        seconds += mics[0].len() as f64 / 48e3;
        let board = config(&ring(4, 35.0));
        let plain = hear(&FrontendConfig { dereverb: None, ..board.clone() }, &mics, &[]);
        let heard = hear(&board, &mics, &[]);
        cost += heard.cost - plain.cost;
        let mics16: Vec<Vec<f32>> = mics.iter().map(|m| to16(m)).collect();
        let dry = to16(&script.dry);
        // Both outputs are later than a microphone; the search for the best lag covers half of that.
        let cut = |x: &[f32]| x[heard.delay - 100..].to_vec();
        ours.push(cepstral_distance(&dry, &cut(&heard.recogniser)));
        plain_distance.push(cepstral_distance(&dry, &cut(&plain.recogniser)));
        raw.push(cepstral_distance(&dry, &mics16[0]));
        theirs.extend(offline(peers, &mics16, person).map(|y| cepstral_distance(&dry, &y)));
        if peer_cost.is_none() {
            let some: Vec<Vec<f32>> = mics16.iter().map(|m| m[..ONLINE_SECONDS * 16_000].to_vec()).collect();
            let with = json!({"mics_mm": ring(4, 35.0), "bearing": bearing, "taps": 8, "delay": 2});
            peer_cost = peers
                .ask("wpe_online", &some, with)
                .and_then(|a| a.number("cpu_s"))
                .map(|s| 100.0 * s / ONLINE_SECONDS as f64);
        }
    }
    let peer = (!theirs.is_empty()).then(|| ("nara-wpe off line, true bearing", mean(&theirs)));
    table.row("dereverb_cepstrum", "cepstral distance to the dry voice", "dB", mean(&ours), peer);
    table.row("dereverb_cepstrum_without", "the same without the stage", "dB", mean(&plain_distance), None);
    table.row("dereverb_cepstrum_raw", "the same of one raw microphone", "dB", mean(&raw), None);
    let peer = peer_cost.map(|c| ("nara-wpe on line", c));
    table.part(
        "dereverb_cpu",
        "cost of the stage, 4 microphones",
        "% of a core",
        100.0 * cost / seconds,
        peer,
    );
}

/// Mean cepstral distance (24 mel bands, 12 coefficients, mean taken off) over frames with voice, best lag, dB.
fn cepstral_distance(dry: &[f32], y: &[f32]) -> f64 {
    let d = cepstra(dry);
    (0..10).map(|lag| distance(&d, &cepstra(&y[lag * 80..]))).fold(f64::MAX, f64::min)
}

fn distance(a: &[(f64, [f64; 12])], b: &[(f64, [f64; 12])]) -> f64 {
    let top = a.iter().map(|f| f.0).fold(f64::MIN, f64::max);
    let voiced: Vec<usize> = (0..a.len().min(b.len())).filter(|i| a[*i].0 > top - 30.0).collect();
    let means = |x: &[(f64, [f64; 12])]| -> [f64; 12] {
        std::array::from_fn(|k| voiced.iter().map(|i| x[*i].1[k]).sum::<f64>() / voiced.len() as f64)
    };
    let (ma, mb) = (means(a), means(b));
    let sum: f64 = voiced
        .iter()
        .map(|i| {
            let d: f64 = (0..12).map(|k| (a[*i].1[k] - ma[k] - b[*i].1[k] + mb[k]).powi(2)).sum();
            (2.0 * d).sqrt() * 10.0 / std::f64::consts::LN_10
        })
        .sum();
    sum / voiced.len() as f64
}

/// Level in dB and 12 mel cepstra per 10 ms.
fn cepstra(x: &[f32]) -> Vec<(f64, [f64; 12])> {
    let fft = realfft::RealFftPlanner::<f32>::new().plan_fft_forward(400);
    let mel = |hz: f64| 1127.0 * (1.0 + hz / 700.0).ln();
    let edge = |i: usize| {
        700.0 * (((mel(60.0) + (mel(7_000.0) - mel(60.0)) * i as f64 / 25.0) / 1127.0).exp() - 1.0)
    };
    let mut spectrum = fft.make_output_vec();
    (0..x.len().saturating_sub(400) / BLOCK)
        .map(|f| {
            let mut frame: Vec<f32> = x[f * BLOCK..f * BLOCK + 400].to_vec();
            for (i, s) in frame.iter_mut().enumerate() {
                *s *= 0.54 - 0.46 * (std::f32::consts::TAU * i as f32 / 399.0).cos();
            }
            fft.process(&mut frame, &mut spectrum).expect("lengths fit");
            let power: Vec<f64> = spectrum.iter().map(|c| f64::from(c.norm_sqr())).collect();
            let bands: Vec<f64> = (0..24)
                .map(|b| {
                    let (l, m, h) = (edge(b), edge(b + 1), edge(b + 2));
                    let sum: f64 = power
                        .iter()
                        .enumerate()
                        .map(|(k, p)| {
                            let hz = k as f64 * 40.0;
                            p * ((hz - l) / (m - l)).min((h - hz) / (h - m)).max(0.0)
                        })
                        .sum();
                    (sum + 1e-7).ln()
                })
                .collect();
            let c = std::array::from_fn(|k| {
                let k = (k + 1) as f64;
                let sum: f64 = bands
                    .iter()
                    .enumerate()
                    .map(|(b, v)| v * (std::f64::consts::PI * k * (b as f64 + 0.5) / 24.0).cos())
                    .sum();
                sum * (2.0_f64 / 24.0).sqrt() / 24.0_f64.sqrt()
            });
            (10.0 * (power.iter().sum::<f64>() + 1e-9).log10(), c)
        })
        .collect()
}

const BLOCK: usize = 160;
