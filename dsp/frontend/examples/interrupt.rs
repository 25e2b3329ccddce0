//! How long a person who talks over Prim waits until it notices, and how often Prim takes itself for one, by room and
//! by how loud Prim is.
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

use common::{Room, active_rms, add, add_noise, hear, place, scale};
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

/// What Prim may say.
const PRIM: [&str; 12] = [
    "There are two minutes left for this item.",
    "The next item is the budget. It is planned for ten minutes.",
    "You decided to move the launch to the second week of March.",
    "There are three open actions. Ana writes the report by Friday.",
    "Time is up for this item. Shall we go on?",
    "Yes, Kevin asked for that twenty minutes ago.",
    "Opening day is planned for five minutes, and four are gone.",
    "Sorry, I did not understand that.",
    "The meeting has been running for forty five minutes, and two items are left.",
    "Martin spoke for ten minutes, Alan for seven, Kevin for three.",
    "I heard a decision: buy the larger projector. Is that right?",
    "Please excuse me, your time for the budget ends in one minute.",
];
/// What people say over it, and in which voice.
const PEOPLE: [(&str, &str); 9] = [
    ("rms", "Wait a moment please."),
    ("awb", "Yes, we know about that."),
    ("kal", "Prim, stop."),
    ("rms", "Prim, stop."),
    ("slt", "Hold on, I do not think so."),
    ("awb", "Okay, thank you."),
    ("kal", "No."),
    ("slt", "Sorry, can I say something?"),
    ("rms", "Stop it."),
];
/// Of Prim's sentences the first so many are heard out; over every second of the others somebody talks.
const ALONE: usize = 12;
const SENTENCES: usize = 48;
/// From the loudspeaker's own clock to the microphones': 35 ms.
const LATENCY: usize = 1_680;

/// Prim's sentences and a person's over them, both dry at 48 kHz, and the samples at which a person begins.
fn script() -> (Vec<f32>, Vec<f32>, Vec<usize>) {
    let (mut prim, mut person, mut begins) = (vec![0.0; 48_000], Vec::new(), Vec::new());
    for (i, text) in PRIM.iter().cycle().take(SENTENCES).enumerate() {
        let sentence = say("slt", text);
        let at = prim.len();
        prim.extend(&sentence);
        if i >= ALONE && i % 2 == 0 {
            let (voice, words) = PEOPLE[(i / 2) % PEOPLE.len()];
            let words = say(voice, words);
            let first = words.iter().position(|s| s.abs() > 0.01).unwrap();
            let at = at + 24_000 + (i * 7_919) % 24_000;
            person.resize(at, 0.0);
            let level = active_rms(&words);
            person.extend(words.iter().map(|s| s / level));
            // A person who begins when Prim is all but done interrupts nobody.
            if at + first + 9_600 < prim.len() {
                begins.push(at + first + LATENCY);
            }
        }
        prim.resize(prim.len().max(person.len()) + 24_000 + (i * 4_801) % 48_000, 0.0);
    }
    person.resize(prim.len(), 0.0);
    (prim, person, begins)
}

fn main() {
    let (prim, person, begins) = script();
    let reference: Vec<f32> = prim.iter().map(|s| s * 0.7).collect();
    for (rt60, distance) in [(0.25, 1.0), (0.4, 1.5)] {
        let room = Room::huddle(rt60);
        let echo = place(&room, [room.array[0] + 0.19, room.array[1] - 0.19, room.array[2]], &prim);
        let near = place(&room, room.at(140.0, distance, 0.35), &person);
        // A person is at −32 dBFS; Prim at the microphones this much louder.
        for over_db in [0.0_f32, 6.0, 11.0, 16.0] {
            let (mut mics, mut talk) = (echo.clone(), near.clone());
            scale(&mut mics, 0.025 * 10_f32.powf(over_db / 20.0) / active_rms(&echo[0]));
            scale(&mut talk, 0.025 / active_rms(&near[0]));
            add(&mut mics, &talk);
            add_noise(&mut mics, 0.0008, 3);
            let late = |m: &Vec<f32>| [vec![0.0; LATENCY], m[..m.len() - LATENCY].to_vec()].concat();
            let mics: Vec<Vec<f32>> = mics.iter().map(late).collect();
            let heard = hear(&FrontendConfig::new(&common::RING_MM), &mics, &reference);
            let (mut vad, mut frames) = (earshot::Detector::default(), Reframer::new(256));
            let (mut barge_in, mut sounding_s, mut fired) =
                (BargeIn::new(BargeInConfig::default()), 0.0, Vec::new());
            for (n, block) in heard.blocks.iter().enumerate() {
                let p = frames.push(&block.near, |f| {
                    vad.predict_f32(&f.iter().map(|s| s.clamp(-1.0, 1.0)).collect::<Vec<_>>())
                });
                // As the daemon has it: 300 ms after the loudspeaker.
                let to = (n * 480).min(prim.len());
                if prim[to.saturating_sub(14_400)..to].iter().all(|s| s.abs() < 3e-4) {
                    barge_in.reset();
                    continue;
                }
                sounding_s += 0.01;
                if barge_in.push(block, p) {
                    fired.push(n);
                }
            }
            let of = |begin: &usize| begin / 480..begin / 480 + 100;
            let own = fired
                .iter()
                .filter(|n| !begins.iter().any(|b| of(b).start <= **n + 3 && **n < of(b).end + 200));
            let mut waits: Vec<usize> = begins
                .iter()
                .map(|b| {
                    fired.iter().find(|n| of(b).contains(n)).map_or(usize::MAX, |n| (n + 1 - b / 480) * 10)
                })
                .collect();
            waits.sort_unstable();
            let q = |p: f32| match waits[((waits.len() - 1) as f32 * p) as usize] {
                usize::MAX => "never within 1 s".to_owned(),
                ms => format!("{ms} ms"),
            };
            println!(
                "RT60 {rt60} s, {distance} m, Prim {over_db} dB louder: own alarms {} in {sounding_s:.0} s of Prim; \
                 people waited p50 {}, p75 {}, p95 {} (n {})",
                own.count(),
                q(0.5),
                q(0.75),
                q(0.95),
                waits.len()
            );
        }
    }
}
