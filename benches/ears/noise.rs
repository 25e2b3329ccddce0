//! Noise and gain: what `voice` gains over the beam alone (`near`), beside nnnoiseless (RNNoise) and sonora's noise
//! suppressor on the same beam. Far speech (RT60 0.4 s, 1.5 m, 4 microphones) at 0, 5 and 10 dB: white noise of the
//! microphones, a fan with hum, six other voices. Pauses count as they do for whoever listens. Judged against the front
//! end's `near` of the person alone.
use nnnoiseless::DenoiseState;
use prim_audio::{DEVICE_RATE, SPEECH_RATE};
use prim_dsp::{FrontendConfig, resample_all};
use prim_hal_sim::RoomSim;
use prim_models_flite::Voice;

use crate::cpu;
use crate::material::{
    BLOCK, Heard, Noise, RATE, SENTENCES, add, add_noise, config, hear, level, place, ring, room, say, talk,
    to_i16,
};
use crate::peers::Peers;
use crate::score::{active_rms, db, mean, power, si_sdr};
use crate::shared::Judge;
use crate::table::Table;

const LEVEL: f32 = 0.03;
/// What every room has.
const HISS: f32 = 0.0003;
/// Frames at 16 kHz that a peer may be late.
const LATE: usize = 400;

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let bearings: Vec<f32> = (0..7).map(|i| 20.0 + 50.0 * i as f32).collect();
    let room = room(0.4, 1.5, &bearings, &ring(4, 35.0), 7);
    let dry = person();
    let mut speech = place(&dry, room.talker_responses(0));
    level(&mut speech, LEVEL);
    add_noise(&mut speech, HISS, 3);
    let board = FrontendConfig { dereverb: None, echo: false, gain: false, ..config(&ring(4, 35.0)) };
    let alone = hear(&board, &speech, &[]);
    let mut all: [Figures; 3] = Default::default();
    for (kind, name) in ["white", "fan", "babble"].into_iter().enumerate() {
        for snr in [0.0, 5.0, 10.0_f32] {
            let mut mics = disturbance(kind, &room, dry.len());
            level(&mut mics, LEVEL * 10_f32.powf(-snr / 20.0));
            add(&mut mics, &speech);
            let heard = hear(&board, &mics, &[]);
            all[kind].push(&heard, &alone.near, peers);
        }
        let f = &all[kind];
        table.row(
            &format!("noise_{name}"),
            &format!("SI-SDR gained over the beam, {name} at 0, 5, 10 dB"),
            "dB gained",
            mean(&f.gained[0]),
            Some(("nnnoiseless", mean(&f.gained[1]))),
        );
        table.row(
            &format!("noise_{name}_segments"),
            &format!("segmental SNR gained while the person speaks, {name}"),
            "dB gained",
            mean(&f.segments[0]),
            Some(("nnnoiseless", mean(&f.segments[1]))),
        );
        if !f.mos[0].is_empty() {
            for (id, n, peer) in [("mos", 1, "nnnoiseless"), ("mos_ns", 2, "sonora NS")] {
                table.row(
                    &format!("noise_{name}_{id}"),
                    &format!("DNSMOS overall, {name} (the beam alone: {:.2})", mean(&f.mos[3])),
                    "of 5",
                    mean(&f.mos[0]),
                    Some((peer, mean(&f.mos[n]))),
                );
            }
        }
    }
    let both = |n: usize| mean(&[all[0].gained[n].clone(), all[1].gained[n].clone()].concat());
    table.row(
        "noise_quality",
        "SI-SDR gained over the beam, white and fan",
        "dB gained",
        both(0),
        Some(("nnnoiseless", both(1))),
    );
    let (rnn, rnn_cost) = nnnoiseless(&alone.near);
    table.row(
        "noise_distortion",
        "SI-SDR of a voice in a quiet room, before and after",
        "dB",
        judge(&alone.voice, &alone.near),
        Some(("nnnoiseless", judge(&rnn, &alone.near))),
    );
    let with = alone.cost;
    let without = hear(&FrontendConfig { noise: false, ..board.clone() }, &speech, &[]).cost;
    let per = |s: f64| s * 1e6 / alone.blocks.len() as f64;
    table.part(
        "noise_cpu",
        "cost of noise reduction",
        "µs per 10 ms",
        per(with - without),
        Some(("nnnoiseless", per(rnn_cost))),
    );
    let (_, ns_cost) = sonora(&alone.near, noise_suppression());
    table.part(
        "noise_cpu_ns",
        "the same beside sonora's suppressor",
        "µs per 10 ms",
        per(with - without),
        Some(("sonora NS", per(ns_cost))),
    );
    crate::gain::run(table, &room);
}

/// Sentences with pauses of 0.6 to 1.5 s.
pub(crate) fn person() -> Vec<f32> {
    let mut dry = vec![0.0; RATE];
    for (i, text) in SENTENCES.iter().enumerate().take(8) {
        dry.extend(say([Voice::Slt, Voice::Rms, Voice::Awb][i % 3], text));
        dry.extend(vec![0.0; RATE * (6 + 3 * (i % 4)) / 10]);
    }
    dry
}

fn disturbance(kind: usize, room: &RoomSim, frames: usize) -> Vec<Vec<f32>> {
    let mut mics = vec![vec![0.0; frames]; 4];
    match kind {
        0 => add_noise(&mut mics, 1.0, 8),
        1 => add(&mut mics, &place(&fan(frames), room.talker_responses(3))),
        _ => {
            for k in 0..6 {
                let voice = [Voice::Rms, Voice::Slt, Voice::Kal16][k % 3];
                let dry = talk(voice, 3 + 2 * k, 0.05, frames as f64 / 48e3 + 0.01);
                add(&mut mics, &place(&dry[..frames], room.talker_responses(k + 1)));
            }
        }
    }
    mics
}

/// Pink noise, and a mains hum 3 dB below it.
fn fan(frames: usize) -> Vec<f32> {
    let mut noise = Noise(17);
    let mut poles = [0.0_f32; 3];
    (0..frames)
        .map(|t| {
            // Three poles a factor of ten apart: −3 dB an octave within 1 dB.
            let white = noise.next();
            for (p, (keep, take)) in poles.iter_mut().zip([(0.9992, 0.030), (0.9917, 0.095), (0.915, 0.300)])
            {
                *p = keep * *p + take * white;
            }
            let at = t as f32 / RATE as f32;
            let hum: f32 =
                (1..8).map(|k| (std::f32::consts::TAU * 50.0 * k as f32 * at).sin() / k as f32).sum();
            poles.iter().sum::<f32>() + 0.05 * white + 0.8 * hum
        })
        .collect()
}

/// Per processor: ours, nnnoiseless, in `mos` also sonora and the beam alone. (Sonora's suppressor bends waves in ways that
/// SI-SDR punishes and ears do not.)
#[derive(Default)]
struct Figures {
    gained: [Vec<f64>; 2],
    segments: [Vec<f64>; 2],
    mos: [Vec<f64>; 4],
}

impl Figures {
    fn push(&mut self, heard: &Heard, truth: &[f32], peers: &Peers) {
        let (rnn, _) = nnnoiseless(&heard.near);
        let (ns, _) = sonora(&heard.near, noise_suppression());
        let (before, segments_before) = (judge(&heard.near, truth), segmental(&heard.near, truth));
        for (n, out) in [&heard.voice, &rnn].into_iter().enumerate() {
            self.gained[n].push(judge(out, truth) - before);
            self.segments[n].push(segmental(out, truth) - segments_before);
        }
        let judge = Judge::new(peers);
        for (mos, out) in self.mos.iter_mut().zip([&heard.voice, &rnn, &ns, &heard.near]) {
            mos.extend(judge.speech(out).map(|v| v.overall));
        }
    }
}

/// SI-SDR from the first second on, at the best lag.
fn judge(y: &[f32], truth: &[f32]) -> f64 {
    let late = lag(y, truth);
    si_sdr(&y[16_000..], &truth[16_000..], late..late + 1)
}

/// How late `y` is.
fn lag(y: &[f32], x: &[f32]) -> usize {
    let at = 16_000..x.len().min(y.len()) - LATE;
    let product = |lag: usize| -> f64 {
        x[at.clone()].iter().zip(&y[at.start + lag..]).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    (0..LATE).max_by(|a, b| product(*a).total_cmp(&product(*b))).unwrap_or(0)
}

/// Mean over 20 ms pieces of speech (within 30 dB of the loudest) of the SNR, −10 to 35 dB.
fn segmental(y: &[f32], truth: &[f32]) -> f64 {
    let late = lag(y, truth);
    let pieces: Vec<(f64, f64)> = truth[16_000..]
        .chunks_exact(320)
        .zip(y[16_000 + late..].chunks_exact(320))
        .map(|(x, y)| {
            let noise: Vec<f32> = x.iter().zip(y).map(|(x, y)| y - x).collect();
            (power(x), power(&noise))
        })
        .collect();
    let top = pieces.iter().map(|p| p.0).fold(0.0, f64::max);
    let snr: Vec<f64> = pieces
        .into_iter()
        .filter(|p| p.0 > top / 1e3)
        .map(|(x, n)| db(x / n.max(1e-15)).clamp(-10.0, 35.0))
        .collect();
    mean(&snr)
}

/// At 48 kHz, its rate; the cost is its own, without the way there and back.
fn nnnoiseless(beam: &[f32]) -> (Vec<f32>, f64) {
    let wide = resample_all(beam, SPEECH_RATE, DEVICE_RATE).expect("both rates are usual");
    let mut state = DenoiseState::new();
    let mut block = [0.0; DenoiseState::FRAME_SIZE];
    let mut out = Vec::with_capacity(wide.len());
    let mut cost = 0.0;
    for chunk in wide.chunks_exact(DenoiseState::FRAME_SIZE) {
        let scaled: Vec<f32> = chunk.iter().map(|s| s * 32_768.0).collect();
        cost += cpu::of(|| state.process_frame(&mut block, &scaled)).1;
        out.extend(block.iter().map(|s| s / 32_768.0));
    }
    (resample_all(&out, DEVICE_RATE, SPEECH_RATE).expect("both rates are usual"), cost)
}

fn noise_suppression() -> sonora::Config {
    let level = sonora::config::NoiseSuppressionLevel::High;
    let noise_suppression = Some(sonora::config::NoiseSuppression { level, ..Default::default() });
    sonora::Config { noise_suppression, ..sonora::Config::default() }
}

pub(crate) fn sonora(beam: &[f32], config: sonora::Config) -> (Vec<f32>, f64) {
    let stream = sonora::StreamConfig::new(16_000, 1);
    let mut processing = sonora::AudioProcessing::builder()
        .config(config)
        .capture_config(stream)
        .render_config(stream)
        .build();
    let mut block = [0_i16; BLOCK];
    let mut out = Vec::with_capacity(beam.len());
    let mut cost = 0.0;
    for chunk in beam.chunks_exact(BLOCK) {
        let samples: Vec<i16> = chunk.iter().map(|s| to_i16(*s)).collect();
        cost += cpu::of(|| processing.process_capture_i16(&samples, &mut block).expect("10 ms")).1;
        out.extend(block.iter().map(|s| f32::from(*s) / 32_768.0));
    }
    (out, cost)
}

/// Level of the active parts, dB below full scale.
pub(crate) fn active_dbfs(x: &[f32]) -> f64 {
    20.0 * f64::from(active_rms(x, 16_000)).max(1e-9).log10()
}
