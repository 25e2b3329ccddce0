//! How well the embedded recogniser understands a room through this front end: word error rate of PocketSphinx on
//! sentences voiced by flite in simulated rooms, on one raw microphone and behind each set of stages.
//!
//! `cargo run -p prim-dsp --example words -- [rt60] [distance_m] [snr_db]` (needs flite, pocketsphinx,
//! pocketsphinx-en-us from Debian; a development measurement, no test).
#![expect(clippy::print_stdout, reason = "it prints a table")]
#![expect(clippy::unwrap_used, reason = "a development measurement")]
#![allow(
    clippy::disallowed_methods,
    reason = "the crate is pure, an example that reads waves and times itself is not"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use common::{Room, active_rms, add_noise, hear, scale, to_i16};
use prim_audio::SampleRate;
use prim_dsp::{DereverbConfig, FrontendConfig, resample_all};

const SENTENCES: [&str; 15] = [
    "let us start with the budget for the next quarter",
    "i think we should move the launch to the second week of march",
    "the test results came back this morning and they look good",
    "can somebody write down the open questions for the customer",
    "we agreed to hire two more people for the support team",
    "the server was down for almost an hour on friday night",
    "please send me the numbers before the end of the day",
    "what do we do if the supplier does not answer in time",
    "i would rather talk about the design before we go on",
    "there are three things left on the list for today",
    "the new office will be ready in the middle of june",
    "could you check whether the contract has been signed",
    "our biggest problem is that nobody reads the report",
    "let me show you how the first version works",
    "we have about ten minutes left for the last item",
];

fn wav_read(path: &Path) -> (Vec<f32>, u32) {
    let b = fs::read(path).unwrap();
    let rate = u32::from_le_bytes(b[24..28].try_into().unwrap());
    let data = b.windows(4).position(|w| w == b"data").unwrap() + 8;
    let x =
        b[data..].chunks_exact(2).map(|s| f32::from(i16::from_le_bytes([s[0], s[1]])) / 32_768.0).collect();
    (x, rate)
}

fn wav_write(path: &Path, x: &[f32], rate: u32) {
    let mut b = Vec::new();
    let bytes = (x.len() * 2) as u32;
    b.extend_from_slice(b"RIFF");
    b.extend_from_slice(&(36 + bytes).to_le_bytes());
    b.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    b.extend_from_slice(&rate.to_le_bytes());
    b.extend_from_slice(&(rate * 2).to_le_bytes());
    b.extend_from_slice(&[2, 0, 16, 0]);
    b.extend_from_slice(b"data");
    b.extend_from_slice(&bytes.to_le_bytes());
    x.iter().for_each(|s| b.extend_from_slice(&to_i16(*s).to_le_bytes()));
    fs::write(path, b).unwrap();
}

fn recognise(path: &Path) -> String {
    let model = "/usr/share/pocketsphinx/model/en-us";
    let out = Command::new("pocketsphinx_continuous")
        .args(["-hmm", &format!("{model}/en-us"), "-lm", &format!("{model}/en-us.lm.bin")])
        .args(["-dict", &format!("{model}/cmudict-en-us.dict"), "-logfn", "/dev/null", "-infile"])
        .arg(path)
        .output()
        .unwrap();
    String::from_utf8_lossy(&out.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn errors(heard: &str, said: &str) -> usize {
    let (h, s): (Vec<_>, Vec<_>) = (heard.split(' ').collect(), said.split(' ').collect());
    let mut row: Vec<usize> = (0..=h.len()).collect();
    for (i, w) in s.iter().enumerate() {
        let mut last = row[0];
        row[0] = i + 1;
        for (j, v) in h.iter().enumerate() {
            let here = row[j + 1];
            row[j + 1] = (last + usize::from(w != v)).min(row[j] + 1).min(here + 1);
            last = here;
        }
    }
    row[h.len()]
}

fn main() {
    let arg = |i: usize, d: f32| std::env::args().nth(i).and_then(|a| a.parse().ok()).unwrap_or(d);
    let (rt60, distance, snr_db) = (arg(1, 0.25), arg(2, 1.0), arg(3, 30.0));
    let folder = std::env::temp_dir().join(format!("prim-words-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let room = Room::huddle(rt60);
    let base = FrontendConfig { echo: false, ..FrontendConfig::new(&common::RING_MM) };
    let wpe =
        |taps, delay, forgetting| Some(DereverbConfig { taps, delay, forgetting, ..Default::default() });
    let setups: Vec<(&str, FrontendConfig)> = vec![
        ("delay and sum", FrontendConfig { beam_loading: 1e3, dereverb: None, ..base.clone() }),
        ("beam alone", FrontendConfig { dereverb: None, ..base.clone() }),
        ("beam, 6 taps (default)", base.clone()),
        ("beam, 8 taps, .998", FrontendConfig { dereverb: wpe(8, 2, 0.998), ..base.clone() }),
    ];
    let bearings = [20.0_f32, 140.0, 260.0];
    let voices = ["rms", "slt", "awb"];
    // Each talker speaks her sentences in a row, as in a meeting: what adapts has the time it would have.
    let mut words = 0;
    let mut wrong = vec![0_usize; setups.len() + 2];
    let mut cost = vec![0.0_f64; setups.len()];
    let mut audio_s = 0.0;
    for (t, name) in voices.iter().enumerate() {
        let responses = room.responses(room.at(bearings[t], distance, 0.35));
        let (mut dry, mut cuts) = (vec![0.0; 24_000], Vec::new());
        let mine: Vec<&str> = SENTENCES.iter().copied().skip(t).step_by(3).collect();
        for said in &mine {
            let path = folder.join("say.wav");
            Command::new("flite").args(["-voice", name, "-t", said, "-o"]).arg(&path).status().unwrap();
            let (x, rate) = wav_read(&path);
            let x = resample_all(&x, SampleRate::new(rate), SampleRate::new(48_000)).unwrap();
            let from = dry.len();
            dry.extend(x);
            cuts.push((from, dry.len()));
            dry.extend(vec![0.0; 33_600]);
        }
        let mut mics: Vec<Vec<f32>> = responses.iter().map(|h| common::convolve(&dry, h)).collect();
        let level = active_rms(&mics[0]);
        scale(&mut mics, 0.05 / level);
        add_noise(&mut mics, 0.05 / 10_f32.powf(snr_db / 20.0), 5 + t as u64);
        audio_s += dry.len() as f64 / 48e3;
        words += mine.iter().map(|s| s.split(' ').count()).sum::<usize>();
        let to16 = |x: &[f32]| resample_all(x, SampleRate::new(48_000), SampleRate::new(16_000)).unwrap();
        let mut waves = vec![to16(&dry), to16(&mics[0])];
        for (i, (label, config)) in setups.iter().enumerate() {
            let start = Instant::now();
            let heard = hear(config, &mics, &[]);
            cost[i] += start.elapsed().as_secs_f64();
            let mut off: Vec<f32> = heard
                .blocks
                .iter()
                .filter_map(|b| b.fresh_bearing)
                .map(|b| ((b.degrees - bearings[t] + 180.0).rem_euclid(360.0) - 180.0).abs())
                .collect();
            off.sort_by(f32::total_cmp);
            if i == 0 && !off.is_empty() {
                println!(
                    "{name} {label}: bearing off by p50 {:.1} p90 {:.1}, n {}",
                    off[off.len() / 2],
                    off[off.len() * 9 / 10],
                    off.len()
                );
            }
            waves.push(heard.recogniser);
        }
        for (i, wave) in waves.iter().enumerate() {
            let late = if i >= 2 { 416 } else { 0 };
            for (said, (from, to)) in mine.iter().zip(&cuts) {
                let at = (from / 3 + late).saturating_sub(4_800)..(to / 3 + late + 6_400).min(wave.len());
                let path = folder.join("hear.wav");
                wav_write(&path, &wave[at], 16_000);
                wrong[i] += errors(&recognise(&path), said);
            }
        }
    }
    println!("rt60 {rt60} s, {distance} m, {snr_db} dB, {words} words");
    println!("{:24} {:.3}", "close", wrong[0] as f32 / words as f32);
    println!("{:24} {:.3}", "one microphone", wrong[1] as f32 / words as f32);
    for (i, (label, _)) in setups.iter().enumerate() {
        let wer = wrong[i + 2] as f32 / words as f32;
        println!("{label:24} {wer:.3}   {:.2} % of a core", 100.0 * cost[i] / audio_s);
    }
    fs::remove_dir_all(&folder).unwrap();
}
