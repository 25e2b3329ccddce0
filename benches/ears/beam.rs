//! Beam: what it gains without knowing anything, beside Souden's MVDR that knows target and noise exactly. RT60 0.6 s,
//! 8 microphones on 5 cm; SI-SDR against the reverberant voice where the beam listens (ours: the array's centre, through
//! the front end's `voice`, without noise reduction and gain, as one microphone would give it; the oracle: its first microphone).
use prim_dsp::FrontendConfig;
use prim_models_flite::Voice;
use serde_json::json;

use crate::material::{add, add_noise, config, hear, level, place, ring, room, talk, to16};
use crate::peers::Peers;
use crate::score::{mean, si_sdr};
use crate::table::Table;

const LEVEL: f32 = 0.03;
const SECONDS: f64 = 8.0;

pub(crate) fn run(table: &mut Table, peers: &Peers) {
    let ring8 = ring(8, 50.0);
    let mut with_centre = ring8.clone();
    with_centre.push([0.0; 3]);
    let bearings = [25.0_f32, 118.0, 204.0, 301.0];
    let room = room(0.6, 1.5, &bearings, &with_centre, 5);
    let board = FrontendConfig { dereverb: None, echo: false, noise: false, gain: false, ..config(&ring8) };
    for (id, what, interferer) in [
        ("beam_white", "gain on white noise as loud as the voice", false),
        ("beam_interferer", "gain on an interfering voice as loud", true),
    ] {
        let (mut gains, mut oracle) = (Vec::new(), Vec::new());
        for i in 0..4 {
            let voice = [Voice::Slt, Voice::Rms, Voice::Awb, Voice::Kal16][i];
            let mut target = place(&talk(voice, i, 0.15, SECONDS), room.talker_responses(i));
            level(&mut target, LEVEL);
            let mut noise = vec![vec![0.0; target[0].len()]; 9];
            if interferer {
                let other = [Voice::Rms, Voice::Slt, Voice::Kal16, Voice::Awb][i];
                // A person talks first, the other joins after 2 s.
                let mut dry = vec![0.0; 96_000];
                dry.extend(talk(other, i + 6, 0.1, SECONDS - 2.0));
                noise = place(&dry, room.talker_responses((i + 2) % 4));
                level(&mut noise, LEVEL);
            } else {
                add_noise(&mut noise, LEVEL, 60 + i as u64);
            }
            let mut mix = target.clone();
            add(&mut mix, &noise);
            let at = 3 * 16_000..7 * 16_000;
            let t16: Vec<Vec<f32>> = target.iter().map(|m| to16(m)).collect();
            let m16: Vec<Vec<f32>> = mix.iter().map(|m| to16(m)).collect();
            let raw = |c: usize| si_sdr(&m16[c][at.start..at.end + 2], &t16[c][at.clone()], 0..1);
            let centre = FrontendConfig {
                dereverb: None,
                echo: false,
                noise: false,
                gain: false,
                ..config(&[[0.0; 3]])
            };
            let one = |x: &[Vec<f32>]| hear(&centre, &x[8..], &[]).voice;
            let (truth, single) = (one(&target), one(&mix));
            let heard = hear(&board, &mix[..8], &[]);
            let late = at.start..at.end + 4;
            let before = si_sdr(&single[late.clone()], &truth[at.clone()], 0..1);
            gains.push(si_sdr(&heard.voice[late], &truth[at.clone()], 0..3) - before);
            let n16: Vec<Vec<f32>> = noise.iter().take(8).map(|m| to16(m)).collect();
            let both: Vec<Vec<f32>> = t16[..8].iter().chain(&n16).cloned().collect();
            if let Some(a) = peers.ask("souden", &both, json!({"mics": 8})) {
                let y = &a.out[0];
                oracle.push(si_sdr(&y[at.start..at.end + 2], &t16[0][at.clone()], 0..2) - raw(0));
            }
        }
        let peer = (!oracle.is_empty()).then(|| ("MVDR that knows all", mean(&oracle)));
        table.row(id, what, "dB gained", mean(&gains), peer);
    }
}
