//! Simulated meetings: who speaks when is known, and the microphones hear it in a room.
use prim_benches::der::Span;
use prim_dsp::FrontendConfig;
use prim_models_flite::Voice;

use crate::material::{
    Heard, Noise, RATE, SENTENCES, add, add_noise, config, hear, level, place, ring, room, say,
};
use crate::score::{db, power};

/// Who sits where, in which room, and how long they talk.
pub(crate) struct Plan {
    pub(crate) bearings: &'static [f32],
    pub(crate) rt60_s: f64,
    pub(crate) distance_m: f64,
    /// The room's noise below a person's voice.
    pub(crate) noise_db: f32,
    pub(crate) seconds: f64,
    pub(crate) seed: u64,
    /// The first two change seats when half of it is over; nobody talks meanwhile.
    pub(crate) swap: bool,
}

/// What was said and what the front end made of it.
pub(crate) struct Recording {
    pub(crate) spoken: Vec<Span>,
    pub(crate) heard: Heard,
}

/// People's voices: flite has four, spoken a little quicker or slower than they are, so pitch and pace differ.
const VOICES: [(Voice, f64); 5] =
    [(Voice::Slt, 1.0), (Voice::Rms, 1.0), (Voice::Awb, 1.05), (Voice::Slt, 0.9), (Voice::Rms, 1.1)];
const LEVEL: f32 = 0.03;
/// So long it takes to change seats.
const MOVE_S: f64 = 6.0;
/// A shorter silence within a sentence belongs to it.
const PAUSE_S: f64 = 0.3;

fn uniform(noise: &mut Noise, from: f64, to: f64) -> f64 {
    noise.next();
    from + (to - from) * (noise.0 >> 40) as f64 / f64::from(1_u32 << 24)
}

/// One sentence, `pace` times as fast and as high, without the silence around it.
fn sentence(voice: Voice, pace: f64, text: &str) -> Vec<f32> {
    let plain = say(voice, text);
    let length = (plain.len() as f64 / pace) as usize;
    let quick: Vec<f32> = (0..length.saturating_sub(1))
        .map(|n| {
            let at = n as f64 * pace;
            let (whole, part) = (at as usize, (at.fract()) as f32);
            let next = plain.get(whole + 1).copied().unwrap_or(0.0);
            plain.get(whole).map_or(0.0, |here| here + part * (next - here))
        })
        .collect();
    let spans = voiced(&quick);
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return quick };
    quick[(first.0 * RATE as f64) as usize..((last.1 * RATE as f64) as usize).min(quick.len())].to_vec()
}

/// From when to when there is a voice, in seconds; short pauses included.
fn voiced(dry: &[f32]) -> Vec<(f64, f64)> {
    let levels: Vec<f64> = dry.chunks(RATE / 100).map(|b| db(power(b) + 1e-12)).collect();
    let top = levels.iter().copied().fold(f64::MIN, f64::max);
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for (i, _) in levels.iter().enumerate().filter(|(_, level)| **level > top - 35.0) {
        let (from, to) = (i as f64 / 100.0, (i + 1) as f64 / 100.0);
        match spans.last_mut() {
            Some(last) if from - last.1 < PAUSE_S => last.1 = to,
            _ => spans.push((from, to)),
        }
    }
    spans
}

/// Holds the meeting and listens to it. The share of the time with a voice in which two speak comes with it.
pub(crate) fn hold(plan: &Plan) -> (Recording, f64) {
    let people = plan.bearings.len();
    let total = (plan.seconds * RATE as f64) as usize;
    // By seat.
    let mut dry = vec![vec![0.0_f32; total]; people];
    let mut spoken = Vec::new();
    let mut noise = Noise(plan.seed.wrapping_mul(0x9e37_79b9).wrapping_add(12_345));
    // Everybody begins once, so that a short meeting has as many people as it says; then by chance.
    let (mut at, mut last, mut turn, mut number) = (0.8, usize::MAX, 0, plan.seed as usize);
    let mut moved = false;
    'meeting: loop {
        if plan.swap && !moved && at > plan.seconds / 2.0 {
            (moved, at) = (true, at + MOVE_S);
        }
        let who = if turn < people || people == 1 {
            turn % people
        } else {
            (last + 1 + uniform(&mut noise, 0.0, (people - 1) as f64) as usize) % people
        };
        (last, turn) = (who, turn + 1);
        let sentences = 1 + uniform(&mut noise, 0.0, 2.4) as usize;
        for _ in 0..sentences {
            let (voice, pace) = VOICES[who % VOICES.len()];
            let x = sentence(voice, pace, SENTENCES[number % SENTENCES.len()]);
            number += 4;
            let from = (at * RATE as f64) as usize;
            if from + x.len() > total {
                break 'meeting;
            }
            spoken.extend(voiced(&x).iter().map(|(a, b)| Span {
                from_s: at + a,
                to_s: at + b,
                who: Some(who),
            }));
            let gain = uniform(&mut noise, 0.8, 1.25) as f32;
            let seat = if moved && who < 2 { 1 - who } else { who };
            dry[seat][from..from + x.len()].iter_mut().zip(&x).for_each(|(d, s)| *d += gain * s);
            at += x.len() as f64 / RATE as f64 + uniform(&mut noise, 0.05, 0.4);
        }
        // The next one begins before this one is done, or after a short silence.
        let early = uniform(&mut noise, 0.0, 1.0) < 0.4 && people > 1;
        at += if early { -uniform(&mut noise, 0.6, 1.8) } else { uniform(&mut noise, 0.0, 0.7) };
    }
    let room = room(plan.rt60_s, plan.distance_m, plan.bearings, &ring(4, 35.0), plan.seed);
    let mut mics = vec![vec![0.0; total]; 4];
    for (seat, dry) in dry.iter().enumerate() {
        let mut theirs = place(dry, room.talker_responses(seat));
        level(&mut theirs, LEVEL);
        add(&mut mics, &theirs);
    }
    add_noise(&mut mics, LEVEL * 10_f32.powf(-plan.noise_db / 20.0), plan.seed);
    // Dereverberation is for the recogniser alone: neither the detector nor the bearing hears it.
    let heard = hear(&FrontendConfig { dereverb: None, ..config(&ring(4, 35.0)) }, &mics, &[]);
    let share = overlap(&spoken);
    (Recording { spoken, heard }, share)
}

fn overlap(spoken: &[Span]) -> f64 {
    let end = spoken.iter().map(|s| s.to_s).fold(0.0, f64::max);
    let (mut one, mut two) = (0.0, 0.0);
    for step in 0..(end * 100.0) as usize {
        let t = step as f64 / 100.0;
        match spoken.iter().filter(|s| s.from_s <= t && t < s.to_s).count() {
            0 => {}
            1 => one += 1.0,
            _ => two += 1.0,
        }
    }
    two / f64::max(one + two, 1.0)
}
