//! What the echo canceller leaves of Prim's own voice, and what a person talking over it looks like.
//! A development measurement: needs flite.
#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(clippy::unwrap_used, reason = "a development measurement")]
#![allow(
    clippy::disallowed_methods,
    reason = "the crate is pure, an example that reads waves and times itself is not"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::process::Command;

use common::{Room, active_rms, add, add_noise, db, hear, place, rms, scale};
use prim_audio::SampleRate;
use prim_dsp::{BargeIn, BargeInConfig, FrontendConfig, Reframer, resample_all};

fn say(voice: &str, text: &str) -> Vec<f32> {
    let path = std::env::temp_dir().join(format!("prim-say-{}.wav", std::process::id()));
    Command::new("flite").args(["-voice", voice, "-t", text, "-o"]).arg(&path).status().unwrap();
    let b = fs::read(&path).unwrap();
    let rate = u32::from_le_bytes(b[24..28].try_into().unwrap());
    let data = b.windows(4).position(|w| w == b"data").unwrap() + 8;
    let x: Vec<f32> =
        b[data..].chunks_exact(2).map(|s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0).collect();
    resample_all(&x, SampleRate::new(rate), SampleRate::new(48_000)).unwrap()
}

fn quantiles(label: &str, mut x: Vec<f32>) {
    x.sort_by(f32::total_cmp);
    if x.is_empty() {
        return;
    }
    let q = |p: f32| x[((x.len() - 1) as f32 * p) as usize];
    println!(
        "  {label:24} n {:5}  p1 {:6.1} p10 {:6.1} p50 {:6.1} p90 {:6.1} p99 {:6.1} max {:6.1}",
        x.len(),
        q(0.01),
        q(0.1),
        q(0.5),
        q(0.9),
        q(0.99),
        q(1.0)
    );
}

fn main() {
    let rt60 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(0.25);
    let room = Room::huddle(rt60);
    let prim_says = [
        "There are two minutes left for this item.",
        "The next item is the budget. It is planned for ten minutes.",
        "You decided to move the launch to the second week of March.",
        "There are three open actions. Ana writes the report by Friday.",
    ];
    let mut prim = vec![0.0; 48_000];
    let mut cuts = Vec::new();
    for text in prim_says.iter().cycle().take(8) {
        let x = say("slt", text);
        cuts.push((prim.len(), prim.len() + x.len()));
        prim.extend(x);
        prim.extend(vec![0.0; 72_000]);
    }
    let person =
        say("rms", "Wait a moment please, I do not think that this is right, we said something else.");
    let echo = place(&room, [room.array[0] + 0.19, room.array[1] - 0.19, room.array[2]], &prim);
    let near_dry = {
        let mut d = vec![0.0; prim.len()];
        for (from, _) in cuts.iter().skip(4) {
            let at = from + 48_000;
            let n = person.len().min(d.len() - at);
            d[at..at + n].copy_from_slice(&person[..n]);
        }
        d
    };
    let near = place(&room, room.at(140.0, 1.0, 0.35), &near_dry);
    // The person at 1 m is at -32 dBFS; Prim at the microphones this much louder.
    for echo_db in [-6.0_f32, 6.0, 11.0, 16.0] {
        let mut mics = echo.clone();
        let g = 0.025 * 10_f32.powf(echo_db / 20.0) / active_rms(&echo[0]);
        scale(&mut mics, g);
        let mut n = near.clone();
        let h = 0.025 / active_rms(&near[0]);
        scale(&mut n, h);
        add(&mut mics, &n);
        add_noise(&mut mics, 0.0008, 3);
        let delayed: Vec<f32> = prim.iter().map(|s| s * 0.7).collect();
        // The microphones hear it 35 ms of device latency later than the reference says.
        let late: Vec<Vec<f32>> =
            mics.iter().map(|m| [vec![0.0; 1_680], m[..m.len() - 1_680].to_vec()].concat()).collect();
        let start = std::time::Instant::now();
        let heard = hear(&FrontendConfig::new(&common::RING_MM), &late, &delayed);
        let cost = start.elapsed().as_secs_f64() / (prim.len() as f64 / 48e3) * 100.0;
        println!("Prim {echo_db} dB over a person at 1 m; {cost:.1} % of a core");
        let mut vad = earshot::Detector::default();
        let mut frames = Reframer::new(256);
        let p: Vec<f32> = heard
            .blocks
            .iter()
            .map(|b| {
                frames.push(&b.near, |f| {
                    vad.predict_f32(&f.iter().map(|s| s.clamp(-1.0, 1.0)).collect::<Vec<_>>())
                })
            })
            .collect();
        let lag = 5;
        let own: Vec<usize> =
            cuts.iter().take(4).flat_map(|(a, b)| a / 480 + 4 + lag..b / 480 + 4 + lag).collect();
        let both: Vec<usize> = cuts
            .iter()
            .skip(4)
            .flat_map(|(a, b)| {
                (a + 48_000) / 480 + 4 + lag..(a + 48_000 + person.len()).min(*b) / 480 + 4 + lag
            })
            .collect();
        for (label, set) in [("Prim only", &own), ("both", &both)] {
            println!(" {label}");
            let q = |f: &dyn Fn(usize) -> f32| set.iter().map(|i| f(*i)).collect::<Vec<_>>();
            quantiles("voice dBFS", q(&|i| db(rms(&heard.blocks[i].voice))));
            quantiles("recogniser dBFS", q(&|i| db(rms(&heard.blocks[i].recogniser))));
            quantiles("near over echo dB", q(&|i| heard.blocks[i].echo.near_over_echo_db));
            quantiles("near share percent", q(&|i| 100.0 * heard.blocks[i].echo.near_share));
            quantiles("VAD percent", q(&|i| 100.0 * p[i]));
            quantiles("erle dB", q(&|i| heard.blocks[i].echo.erle_db));
        }
        let mut barge_in = BargeIn::new(BargeInConfig::default());
        let fired: Vec<usize> = (0..p.len())
            .filter(|b| heard.blocks[*b].echo.active && barge_in.push(&heard.blocks[*b], p[*b]))
            .collect();
        let began = person.iter().position(|s| s.abs() > 0.02).unwrap();
        let starts: Vec<usize> =
            cuts.iter().skip(4).map(|(a, _)| (a + 48_000 + began + 1_680) / 480).collect();
        let alone = fired.iter().filter(|b| **b < starts[0]).count();
        let waits: Vec<_> = starts
            .iter()
            .map(|s| fired.iter().find(|b| (*s..s + 100).contains(*b)).map(|b| (b + 1 - s) * 10))
            .collect();
        println!(" Prim interrupted itself {alone} times; people waited {waits:?} ms");
        println!(" delay {:?}", heard.blocks.last().map(|b| b.echo.delay_ms));
        for (k, (a, b)) in cuts.iter().enumerate().take(4) {
            let (a, b) = (a / 480 + 6, b / 480 + 4);
            let m: f32 = db(rms(&late[0][a * 480..b * 480]));
            let l = db(rms(&heard.recogniser[(a + 3) * 160..(b + 3) * 160]));
            let v = db(rms(&heard.voice[(a + 3) * 160..(b + 3) * 160]));
            println!(" utterance {k}: microphone {m:.1}, linear {l:.1}, suppressed {v:.1} dBFS");
        }
        // Near talker untouched? SI-SDR of recogniser output against the near speech alone through the same front end.
        let mut only = n.clone();
        add_noise(&mut only, 0.0008, 3);
        let only: Vec<Vec<f32>> =
            only.iter().map(|m| [vec![0.0; 1_680], m[..m.len() - 1_680].to_vec()].concat()).collect();
        let clean =
            hear(&FrontendConfig { dereverb: None, ..FrontendConfig::new(&common::RING_MM) }, &only, &[]);
        for (a, b) in cuts.iter().skip(4) {
            let at = (a + 48_000) / 3 + 1600..(a + 48_000 + person.len()).min(*b) / 3;
            let r = common::si_sdr(&heard.recogniser[at.clone()], &clean.recogniser[at.clone()], 2);
            let v = common::si_sdr(&heard.voice[at.clone()], &clean.recogniser[at.clone()], 2);
            let m16 = resample_all(&late[0], SampleRate::new(48_000), SampleRate::new(16_000)).unwrap();
            let raw = (380..480)
                .step_by(4)
                .map(|lag| {
                    common::si_sdr(
                        &clean.recogniser[at.start + lag..at.end + lag.min(400)],
                        &m16[at.clone()],
                        4,
                    )
                })
                .fold(f32::MIN, f32::max);
            println!(" double talk SI-SDR: raw {raw:.1}, recogniser {r:.1}, voice {v:.1}");
        }
    }
}
