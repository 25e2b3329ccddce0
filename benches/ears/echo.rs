//! Echo: Prim's own voice taken out of one microphone, beside WebRTC's canceller (sonora, its Rust port) and speexdsp.
//!
//! One microphone for all, so that no beam helps; the loudspeaker sits 27 cm away and is 10 dB louder than a person at
//! a metre; half of the scenes have a loudspeaker that distorts. Two outputs of ours: `recogniser` (linear) and `voice`
//! (suppressed). SI-SDR in double talk is judged against the same processor's output of the person alone.
mod cost;

use prim_dsp::FrontendConfig;
use prim_hal_sim::{ImpulseResponse, RoomSim};
use prim_models_flite::Voice;
use serde_json::json;

use crate::material::{
    BLOCK, RATE, add, add_noise, config, drift, hear, late, level, place, ring, room, talk, to_i16, to16,
};
use crate::peers::Peers;
use crate::score::{db, mean, power, si_sdr};
use crate::table::Table;

const PERSON: f32 = 0.025;
const OVER_DB: f32 = 10.0;
const LATENCY_MS: usize = 35;
const SECONDS: f64 = 26.0;
const HISS: f32 = 0.0002;

fn one_mic() -> FrontendConfig {
    FrontendConfig { dereverb: None, ..config(&ring(4, 35.0)[..1]) }
}

fn reference(voice: Voice) -> Vec<f32> {
    let mut x = vec![talk(voice, 0, 0.25, SECONDS)];
    level(&mut x, 0.1);
    x.swap_remove(0)
}

/// Half of the loudspeakers bend: a third harmonic about 35 dB down.
fn bend(x: &[f32]) -> Vec<f32> {
    x.iter().map(|s| (2.0 * s).tanh() / 2.0).collect()
}

/// The echo at the first microphone, as loud as it shall be; gives the gain that did it.
fn echo(sound: &[f32], response: &ImpulseResponse, gain: Option<f32>) -> (Vec<f32>, f32) {
    let mut mic = place(sound, std::slice::from_ref(response));
    let gain = match gain {
        Some(g) => {
            mic[0].iter_mut().for_each(|s| *s *= g);
            g
        }
        None => level(&mut mic, PERSON * 10_f32.powf(OVER_DB / 20.0)),
    };
    (late(&mic[0], LATENCY_MS), gain)
}

/// Outputs by processor at 16 kHz: recogniser, voice, sonora, speexdsp.
struct Outputs {
    ours: [Vec<f32>; 2],
    sonora: Vec<f32>,
    speex: Option<Vec<f32>>,
    delay_ms: Option<f32>,
}

fn all(mic: &[f32], reference: &[f32], peers: &Peers) -> Outputs {
    let heard = hear(&one_mic(), &[mic.to_vec()], reference);
    let (mic16, ref16) = (to16(mic), to16(reference));
    let speex = peers
        .ask("speex", &[mic16.clone(), ref16.clone()], json!({"tail": 3_200}))
        .and_then(|a| a.out.into_iter().next());
    Outputs {
        delay_ms: heard.blocks.last().and_then(|b| b.echo.delay_ms),
        ours: [heard.recogniser, heard.voice],
        sonora: sonora(&mic16, &ref16),
        speex,
    }
}

fn ours_only(mic: &[f32], reference: &[f32]) -> Outputs {
    let heard = hear(&one_mic(), &[mic.to_vec()], reference);
    Outputs {
        delay_ms: heard.blocks.last().and_then(|b| b.echo.delay_ms),
        ours: [heard.recogniser, heard.voice],
        sonora: Vec::new(),
        speex: None,
    }
}

fn canceller() -> sonora::AudioProcessing {
    let stream = sonora::StreamConfig::new(16_000, 1);
    let echo_canceller = Some(sonora::config::EchoCanceller::default());
    sonora::AudioProcessing::builder()
        .config(sonora::Config { echo_canceller, ..sonora::Config::default() })
        .capture_config(stream)
        .render_config(stream)
        .build()
}

fn sonora(mic: &[f32], reference: &[f32]) -> Vec<f32> {
    let mut processing = canceller();
    let (mut rendered, mut captured) = ([0_i16; BLOCK], [0_i16; BLOCK]);
    let mut out = Vec::with_capacity(mic.len());
    for (m, r) in mic.chunks_exact(BLOCK).zip(reference.chunks_exact(BLOCK)) {
        let r: Vec<i16> = r.iter().map(|s| to_i16(*s)).collect();
        let m: Vec<i16> = m.iter().map(|s| to_i16(*s)).collect();
        processing.process_render_i16(&r, &mut rendered).expect("10 ms");
        processing.process_capture_i16(&m, &mut captured).expect("10 ms");
        out.extend(captured.iter().map(|s| f32::from(*s) / 32_768.0));
    }
    out
}

/// How far `out` lies below the microphone from `from` to `to` seconds, dB.
fn erle(mic: &[f32], out: &[f32], from: f64, to: f64) -> f64 {
    let cut = |x: &[f32], rate: f64| {
        let end = ((to * rate) as usize).min(x.len());
        power(&x[((from * rate) as usize).min(end)..end])
    };
    db(cut(mic, 48e3) / cut(out, 16e3).max(1e-12))
}

fn scenes() -> Vec<(RoomSim, Voice, bool)> {
    [(0.3, Voice::Slt, false), (0.3, Voice::Rms, true), (0.5, Voice::Slt, true), (0.5, Voice::Rms, false)]
        .into_iter()
        .zip(1..)
        .map(|((rt60, voice, bent), seed)| (room(rt60, 1.0, &[140.0], &ring(4, 35.0), seed), voice, bent))
        .collect()
}

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let scenes = scenes();
    let (mut early, mut steady, mut double) = (Means::default(), Means::default(), Means::default());
    for (i, (room, voice, bent)) in scenes.iter().enumerate() {
        let prim = reference(*voice);
        let sound = if *bent { bend(&prim) } else { prim.clone() };
        let (mut mic, _) = echo(&sound, &room.loudspeaker_responses()[0], None);
        let mut dry = vec![0.0; 14 * RATE];
        dry.extend(talk([Voice::Awb, Voice::Kal16][i % 2], 5 + i, 0.2, SECONDS - 14.0));
        let mut near = place(&dry, &room.talker_responses(0)[..1]);
        level(&mut near, PERSON);
        let mut both = vec![mic.clone()];
        add(&mut both, &near);
        let hiss = |m: &mut Vec<f32>| {
            let mut one = [std::mem::take(m)];
            add_noise(&mut one, HISS, 5 + i as u64);
            [*m] = one;
        };
        hiss(&mut mic);
        hiss(&mut both[0]);
        hiss(&mut near[0]);
        let alone = all(&mic, &prim, peers);
        early.push(&alone, |out| erle(&mic, out, 1.0, 4.0));
        steady.push(&alone, |out| erle(&mic, out, 14.0, 24.0));
        let mixed = all(&both[0], &prim, peers);
        let truth = all(&near[0], &vec![0.0; prim.len()], peers);
        double.push_pair(&mixed, &truth, |out, truth| {
            let at = 15 * 16_000..25 * 16_000;
            si_sdr(&out[at.start..at.end + 8], &truth[at], 0..8)
        });
    }
    rows(table, "echo_early", "echo down at 1 to 4 s", &early);
    rows(table, "echo_steady", "echo down at 14 to 24 s", &steady);
    table.row(
        "double_talk",
        "SI-SDR of a person over Prim, recogniser's output",
        "dB",
        mean(&double.0[0]),
        double.speex(),
    );
    table.row("double_talk_voice", "the same, suppressed output", "dB", mean(&double.0[1]), double.sonora());
    changes(table, &scenes[0].0, peers);
    drifts(table, &scenes[0].0, peers);
    delays(table, &scenes[0].0);
    cost::run(table, peers);
}

/// Figures per processor over scenes.
#[derive(Default)]
struct Means([Vec<f64>; 4]);

impl Means {
    fn push(&mut self, o: &Outputs, figure: impl Fn(&[f32]) -> f64) {
        self.push_pair(o, o, |out, _| figure(out));
    }

    fn push_pair(&mut self, o: &Outputs, t: &Outputs, figure: impl Fn(&[f32], &[f32]) -> f64) {
        self.0[0].push(figure(&o.ours[0], &t.ours[0]));
        self.0[1].push(figure(&o.ours[1], &t.ours[1]));
        self.0[2].push(figure(&o.sonora, &t.sonora));
        if let (Some(o), Some(t)) = (&o.speex, &t.speex) {
            self.0[3].push(figure(o, t));
        }
    }

    fn sonora(&self) -> Option<(&'static str, f64)> {
        Some(("sonora AEC3", mean(&self.0[2])))
    }

    fn speex(&self) -> Option<(&'static str, f64)> {
        (!self.0[3].is_empty()).then(|| ("speexdsp", mean(&self.0[3])))
    }
}

fn rows(table: &mut Table, id: &str, what: &str, m: &Means) {
    table.row(id, &format!("{what}, suppressed output"), "dB", mean(&m.0[1]), m.sonora());
    table.row(
        &format!("{id}_linear"),
        &format!("{what}, recogniser's output"),
        "dB",
        mean(&m.0[0]),
        m.speex(),
    );
}

/// A cup is a reflection of its own, 10 dB below the direct sound; it moves at 12 s.
fn with_cup(r: &ImpulseResponse, frames_later: usize) -> ImpulseResponse {
    let mut taps = r.taps.clone();
    for (n, t) in r.taps.iter().enumerate() {
        if let Some(slot) = taps.get_mut(n + frames_later) {
            *slot += 0.3 * t;
        }
    }
    ImpulseResponse { taps }
}

/// Seconds from the change until the echo is 20 dB down again over 250 ms.
fn recovery(mic: &[f32], out: &[f32], at: f64, want: f64) -> f64 {
    (0..200)
        .map(|i| f64::from(i) * 0.05)
        .find(|t| erle(mic, out, at + t, at + t + 0.25) >= want)
        .unwrap_or(10.0)
}

fn changes(table: &mut Table, near: &RoomSim, peers: &Peers) {
    let prim = reference(Voice::Slt);
    let other = room(0.3, 1.0, &[140.0], &ring(4, 35.0)[1..2], 9);
    let response = &near.loudspeaker_responses()[0];
    let cup = [with_cup(response, 31), with_cup(response, 18)];
    let moved = [response.clone(), other.loudspeaker_responses()[0].clone()];
    for (id, what, pair) in [
        ("echo_recovery", "seconds to 20 dB after a cup moved, suppressed output", &cup),
        ("echo_recovery_device", "the same after the device itself moved", &moved),
    ] {
        let (before, gain) = echo(&prim, &pair[0], None);
        let (after, _) = echo(&prim, &pair[1], Some(gain));
        let at = 12 * RATE;
        let mut mic = vec![[&before[..at], &after[at..]].concat()];
        add_noise(&mut mic, HISS, 3);
        let o = all(&mic[0], &prim, peers);
        let r = |out: &[f32]| recovery(&mic[0], out, 12.0, 20.0);
        table.row(id, what, "s", r(&o.ours[1]), Some(("sonora AEC3", r(&o.sonora))));
        let speex = o.speex.as_deref().map(|s| ("speexdsp", r(s)));
        table.row(
            &format!("{id}_linear"),
            &format!("{what}, recogniser's output").replace(", suppressed output", ""),
            "s",
            r(&o.ours[0]),
            speex,
        );
    }
}

fn drifts(table: &mut Table, room: &RoomSim, peers: &Peers) {
    let prim = reference(Voice::Slt);
    let (mic, _) = echo(&prim, &room.loudspeaker_responses()[0], None);
    let mut m = Means::default();
    for ppm in [-200.0, 200.0] {
        let mut mic = vec![drift(&mic, ppm)];
        add_noise(&mut mic, HISS, 4);
        let o = all(&mic[0], &prim, peers);
        m.push(&o, |out| erle(&mic[0], out, 14.0, 24.0));
    }
    rows(table, "echo_drift", "echo down at 14 to 24 s with clocks ±200 ppm apart", &m);
}

fn delays(table: &mut Table, room: &RoomSim) {
    let prim = reference(Voice::Rms);
    let (mic, _) = echo(&prim, &room.loudspeaker_responses()[0], None);
    let flight = 0.27 / 343.0 * 1e3;
    let mut worst = 0.0_f64;
    for ms in [0, 60, 150, 230] {
        let mut mic = vec![late(&mic[..8 * RATE], ms)];
        add_noise(&mut mic, HISS, 4);
        let o = ours_only(&mic[0], &prim[..8 * RATE]);
        let want = (LATENCY_MS + ms) as f64 + flight;
        let off = o.delay_ms.map_or(1e3, |d| (f64::from(d) - want).abs());
        worst = worst.max(off);
    }
    table.row("echo_delay_found", "largest error of the delay found (35 to 265 ms)", "ms", worst, None);
}
