//! Beam: what it gains without knowing anything, beside Souden's MVDR that knows target and noise exactly. RT60 0.6 s,
//! 8 microphones on 5 cm; SI-SDR against the reverberant voice where the beam listens (ours: the array's centre, through
//! the front end's `voice`, without noise reduction and gain, as one microphone would give it; the oracle: its first microphone).
use prim_dsp::FrontendConfig;
use prim_hal_sim::RoomSim;
use prim_models_flite::Voice;
use serde_json::json;

use crate::material::{add, add_noise, config, hear, level, place, ring, room, room_for_two, talk, to16};
use crate::peers::Peers;
use crate::score::{mean, si_sdr};
use crate::table::Table;

const LEVEL: f32 = 0.03;
const SECONDS: f64 = 8.0;
/// Samples at 16 kHz that are judged: 3 to 7 s.
const HEARD: std::ops::Range<usize> = 48_000..112_000;

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let bearings = [25.0_f32, 118.0, 204.0, 301.0];
    let room = room(0.6, 1.5, &bearings, &mics(), 5);
    for (id, what, interferer) in [
        ("beam_white", "gain on white noise as loud as the voice", false),
        ("beam_interferer", "gain on an interfering voice as loud", true),
    ] {
        let (mut gains, mut oracle) = (Vec::new(), Vec::new());
        for i in 0..4 {
            let voice = [Voice::Slt, Voice::Rms, Voice::Awb, Voice::Kal16][i];
            let target = first(&room, i, voice, i);
            let noise = if interferer {
                let other = [Voice::Rms, Voice::Slt, Voice::Kal16, Voice::Awb][i];
                second(&room, (i + 2) % 4, other, i + 6)
            } else {
                let mut noise = vec![vec![0.0; target[0].len()]; 9];
                add_noise(&mut noise, LEVEL, 60 + i as u64);
                noise
            };
            gains.push(gain(&target, &noise));
            oracle.extend(knowing(&target, &noise, peers));
        }
        let peer = (!oracle.is_empty()).then(|| ("MVDR that knows all", mean(&oracle)));
        table.row(id, what, "dB gained", mean(&gains), peer);
    }
    table.row("beam_interferer_elsewhere", "the same in eight other rooms", "dB gained", elsewhere(), None);
}

/// The array, and its centre.
fn mics() -> Vec<[f64; 3]> {
    let mut mics = ring(8, 50.0);
    mics.push([0.0; 3]);
    mics
}

/// A person from the first moment on.
fn first(room: &RoomSim, at: usize, voice: Voice, sentence: usize) -> Vec<Vec<f32>> {
    let mut mics = place(&talk(voice, sentence, 0.15, SECONDS), room.talker_responses(at));
    level(&mut mics, LEVEL);
    mics
}

/// Another, as loud, who joins after 2 s.
fn second(room: &RoomSim, at: usize, voice: Voice, sentence: usize) -> Vec<Vec<f32>> {
    let mut dry = vec![0.0; 96_000];
    dry.extend(talk(voice, sentence, 0.1, SECONDS - 2.0));
    let mut mics = place(&dry, room.talker_responses(at));
    level(&mut mics, LEVEL);
    mics
}

/// Eight other pairs of voices, each in a room of its own.
fn elsewhere() -> f64 {
    use Voice::{Awb, Kal16, Rms, Slt};
    let pairs = [
        (Slt, Awb),
        (Rms, Kal16),
        (Awb, Slt),
        (Kal16, Rms),
        (Slt, Kal16),
        (Awb, Rms),
        (Rms, Awb),
        (Kal16, Slt),
    ];
    let gains: Vec<f64> = pairs
        .into_iter()
        .enumerate()
        .map(|(i, (her, him))| {
            let (room, _) = room_for_two(i, &mics(), 700);
            gain(&first(&room, 0, her, 2 * i + 1), &second(&room, 1, him, 2 * i + 8))
        })
        .collect();
    mean(&gains)
}

/// What `voice` gains over one microphone at the centre.
fn gain(target: &[Vec<f32>], noise: &[Vec<f32>]) -> f64 {
    let board = |mics_mm: &[[f64; 3]]| FrontendConfig {
        dereverb: None,
        echo: false,
        noise: false,
        gain: false,
        ..config(mics_mm)
    };
    let mut mix = target.to_vec();
    add(&mut mix, noise);
    let one = |x: &[Vec<f32>]| hear(&board(&[[0.0; 3]]), &x[8..], &[]).voice;
    let (truth, single) = (one(target), one(&mix));
    let heard = hear(&board(&ring(8, 50.0)), &mix[..8], &[]);
    let late = HEARD.start..HEARD.end + 4;
    let before = si_sdr(&single[late.clone()], &truth[HEARD], 0..1);
    si_sdr(&heard.voice[late], &truth[HEARD], 0..3) - before
}

/// What an MVDR gains that knows both parts.
fn knowing(target: &[Vec<f32>], noise: &[Vec<f32>], peers: &Peers) -> Option<f64> {
    let t16: Vec<Vec<f32>> = target.iter().map(|m| to16(m)).collect();
    let mut mix = target[..1].to_vec();
    add(&mut mix, &noise[..1]);
    let raw = si_sdr(&to16(&mix[0])[HEARD.start..HEARD.end + 2], &t16[0][HEARD], 0..1);
    let both: Vec<Vec<f32>> = t16[..8].iter().cloned().chain(noise[..8].iter().map(|m| to16(m))).collect();
    let answer = peers.ask("souden", &both, json!({"mics": 8}))?;
    Some(si_sdr(&answer.out[0][HEARD.start..HEARD.end + 2], &t16[0][HEARD], 0..2) - raw)
}
