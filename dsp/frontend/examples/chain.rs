//! The chain on made-up sound, the same on every machine: what `cargo xtask arm` compares between two processors and
//! `cargo xtask instructions` counts.
//!
//! `cargo run -p prim-dsp --example chain -- CHANNELS dereverb|plain people|prim BLOCKS [FILE]`. The file takes, per
//! block, `recogniser`, `voice` and `near` (160 floats each, little endian), then the detector's probability and the first
//! microphone's power.
#![expect(clippy::disallowed_methods, reason = "the crate is pure, an example that writes a file is not")]

use std::io::Write as _;

use prim_audio::DEVICE_BLOCK;
use prim_dsp::{Frontend, FrontendBlock, FrontendConfig, Reframer};

const USAGE: &str = "chain CHANNELS dereverb|plain people|prim BLOCKS [FILE]";
/// The room's only reflections, in frames and gain: Prim's way to the first microphone.
const ECHO: [(usize, f32); 3] = [(1_700, 0.5), (1_950, 0.25), (2_600, -0.2)];

struct Source {
    seed: u64,
    state: f32,
}

impl Source {
    /// Noise of a colour like speech's, −1..1.
    fn next(&mut self) -> f32 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let white = (self.seed >> 40) as f32 / (1 << 23) as f32 - 1.0;
        self.state = 0.9 * self.state + 0.3 * white;
        self.state
    }
}

fn to_i16(x: f32) -> i16 {
    (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let word = |n: usize| arguments.get(n).map_or("", String::as_str);
    let channels: usize = word(0).parse().expect(USAGE);
    let blocks: usize = word(3).parse().expect(USAGE);
    let prim_talks = word(2) == "prim";
    let mics: Vec<[f32; 3]> = (0..channels)
        .map(|i| {
            let (s, c) = (std::f32::consts::TAU * i as f32 / channels as f32).sin_cos();
            [35.0 * c, 35.0 * s, 0.0]
        })
        .collect();
    let mut config = FrontendConfig::new(&mics);
    if word(1) != "dereverb" {
        config.dereverb = None;
    }
    let mut frontend = Frontend::new(&config).expect("a board that fits");
    let mut out = FrontendBlock::default();
    let (mut mic, mut reference) = (vec![0_i16; channels * DEVICE_BLOCK], [0_i16; DEVICE_BLOCK]);
    let (mut person, mut prim, mut hiss) = (source(1), source(2), source(3));
    // A second of what was said and played, so that it can be read late.
    let (mut said, mut played) = (vec![0.0_f32; 48_000], vec![0.0_f32; 48_000]);
    let mut vad = earshot::Detector::default();
    let mut frames = Reframer::new(256);
    let mut file = arguments.get(4).map(|path| {
        std::io::BufWriter::new(std::fs::File::create(path).expect("the named file can be written"))
    });
    for b in 0..blocks {
        for i in 0..DEVICE_BLOCK {
            let t = b * DEVICE_BLOCK + i;
            // Syllables of 150 ms; the person takes turns with silence.
            let syllable = (t as f32 / 7_200.0).fract();
            let envelope = (std::f32::consts::PI * syllable).sin();
            let talks = prim_talks || t % 96_000 < 72_000;
            said[t % 48_000] = if talks && !prim_talks { 0.2 * envelope * person.next() } else { 0.0 };
            played[t % 48_000] = if prim_talks { 0.2 * envelope * prim.next() } else { 0.0 };
            reference[i] = to_i16(played[t % 48_000]);
            for c in 0..channels {
                // A plane wave from the front: each microphone a little later.
                let late = 20 + (6.0 * (1.0 - mics[c][0] / 35.0)) as usize;
                let direct = said[(t + 48_000 - late) % 48_000];
                let reflected = 0.3 * said[(t + 48_000 - late - 1_733 - 97 * c) % 48_000];
                let echo: f32 = ECHO.iter().map(|(n, g)| g * played[(t + 48_000 - n - 3 * c) % 48_000]).sum();
                mic[i * channels + c] = to_i16(direct + reflected + echo + 0.001 * hiss.next());
            }
        }
        frontend.process(&mic, &reference, &mut out).expect("a block that fits");
        let speech = frames.push(&out.near, |f| {
            let mut frame = [0.0; 256];
            frame.iter_mut().zip(f).for_each(|(own, s)| *own = s.clamp(-1.0, 1.0));
            vad.predict_f32(&frame)
        });
        if let Some(file) = &mut file {
            let heard = mic.iter().step_by(channels).map(|s| (f32::from(*s) / 32_768.0).powi(2)).sum::<f32>();
            let facts = [speech, heard / DEVICE_BLOCK as f32];
            let samples = out.recogniser.iter().chain(&out.voice).chain(&out.near).chain(&facts);
            let bytes: Vec<u8> = samples.flat_map(|s| s.to_le_bytes()).collect();
            file.write_all(&bytes).expect("the named file takes the output");
        }
    }
}

fn source(seed: u64) -> Source {
    Source { seed, state: 0.0 }
}
