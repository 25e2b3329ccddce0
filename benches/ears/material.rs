//! Rooms, voices and noise: the same on every machine and in every run.
use std::f64::consts::{PI, TAU};

use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, SPEECH_RATE};
use prim_dsp::{Frontend, FrontendBlock, FrontendConfig, resample_all};
use prim_hal::Board;
use prim_hal_sim::{ImpulseResponse, RoomSim, RoomSpec};
use prim_models::{Flow, Tts};
use prim_models_flite::{Flite, Voice};
use realfft::RealFftPlanner;

use crate::score::active_rms;

pub(crate) const RATE: usize = 48_000;
/// Delay of the front end in samples at 16 kHz is asked of it; blocks are 10 ms.
pub(crate) const BLOCK: usize = 160;

pub(crate) const SENTENCES: [&str; 15] = [
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

/// One sentence, dry, 48 kHz.
pub(crate) fn say(voice: Voice, text: &str) -> Vec<f32> {
    let mut flite = Flite::open(voice).expect("Debian's flite has this voice");
    let mut samples = Vec::new();
    flite
        .synthesise(text, &mut |chunk| {
            samples.extend(chunk.iter().map(|s| f32::from(*s) / 32_768.0));
            Flow::Continue
        })
        .expect("a plain sentence can be said");
    resample_all(&samples, SPEECH_RATE, DEVICE_RATE).expect("both rates are usual")
}

/// Sentences from number `first` on, `gap_s` apart, exactly `seconds` long, 48 kHz.
pub(crate) fn talk(voice: Voice, first: usize, gap_s: f64, seconds: f64) -> Vec<f32> {
    let total = (seconds * RATE as f64) as usize;
    let mut out = Vec::with_capacity(total);
    for text in SENTENCES.iter().cycle().skip(first) {
        if out.len() >= total {
            break;
        }
        out.extend(say(voice, text));
        out.extend(vec![0.0; (gap_s * RATE as f64) as usize]);
    }
    out.truncate(total);
    out
}

/// A ring of `n` microphones of `radius_mm`.
pub(crate) fn ring(n: usize, radius_mm: f64) -> Vec<[f64; 3]> {
    (0..n)
        .map(|i| {
            let (s, c) = (TAU * i as f64 / n as f64).sin_cos();
            [radius_mm * c, radius_mm * s, 0.0]
        })
        .collect()
}

/// The front end's view of the same ring.
pub(crate) fn config(mics_mm: &[[f64; 3]]) -> FrontendConfig {
    let mics: Vec<[f32; 3]> = mics_mm.iter().map(|p| p.map(|v| v as f32)).collect();
    FrontendConfig::new(&mics)
}

/// A room of the product's simulator with `mics` and people at `bearings`.
pub(crate) fn room(rt60_s: f64, distance_m: f64, bearings: &[f32], mics: &[[f64; 3]], seed: u64) -> RoomSim {
    let spec = RoomSpec { rt60_s, distance_m, bearings_deg: bearings.to_vec(), seed, ..RoomSpec::default() };
    let mut board = Board::builtin("sim-huddle").expect("it ships with Prim");
    board.mic.positions_mm = mics.to_vec();
    RoomSim::new(&spec, &board).expect("everybody sits inside")
}

/// One of a sequence of rooms with two people, and their bearings: 0.5 to 0.7 s, 1.2 to 1.8 m, 45° and more apart.
pub(crate) fn room_for_two(number: usize, mics: &[[f64; 3]], seed: u64) -> (RoomSim, [f32; 2]) {
    // Steps of the golden angle and of another one, so that nothing repeats.
    let first = (137.5 * number as f32 + 20.0).rem_euclid(360.0);
    let apart = 45.0 + (101.7 * number as f32).rem_euclid(270.0);
    let bearings = [first, (first + apart).rem_euclid(360.0)];
    let (rt60_s, distance_m) = ([0.6, 0.5, 0.7][number % 3], [1.5, 1.2, 1.8][number / 3 % 3]);
    (room(rt60_s, distance_m, &bearings, mics, seed + number as u64), bearings)
}

/// `dry` through each response.
pub(crate) fn place(dry: &[f32], responses: &[ImpulseResponse]) -> Vec<Vec<f32>> {
    responses.iter().map(|r| convolve(dry, &r.taps)).collect()
}

/// Linear convolution, as long as `x`.
pub(crate) fn convolve(x: &[f32], h: &[f32]) -> Vec<f32> {
    let n = (x.len() + h.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (fwd, inv) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
    let spectrum = |s: &[f32]| {
        let mut b = vec![0.0; n];
        b[..s.len()].copy_from_slice(s);
        let mut f = fwd.make_output_vec();
        fwd.process(&mut b, &mut f).expect("lengths fit");
        f
    };
    let (mut a, b) = (spectrum(x), spectrum(h));
    for (p, q) in a.iter_mut().zip(&b) {
        *p *= q / n as f32;
    }
    let last = a.len() - 1;
    (a[0].im, a[last].im) = (0.0, 0.0);
    let mut y = vec![0.0; n];
    inv.process(&mut a, &mut y).expect("lengths fit");
    y.truncate(x.len());
    y
}

pub(crate) fn scale(x: &mut [Vec<f32>], gain: f32) {
    x.iter_mut().flatten().for_each(|s| *s *= gain);
}

/// Brings the active level of the first channel to `rms`; gives the gain.
pub(crate) fn level(x: &mut [Vec<f32>], rms: f32) -> f32 {
    let gain = rms / active_rms(&x[0], RATE).max(1e-9);
    scale(x, gain);
    gain
}

pub(crate) fn add(a: &mut [Vec<f32>], b: &[Vec<f32>]) {
    for (a, b) in a.iter_mut().zip(b) {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    }
}

/// About normal, unit variance, from a sequence of its own.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f32 {
        (0..4)
            .map(|_| {
                self.0 =
                    self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (self.0 >> 40) as f32 / (1 << 24) as f32 - 0.5
            })
            .sum::<f32>()
            * 3.0_f32.sqrt()
    }
}

/// Independent noise in each microphone whose part below 8 kHz has the level `rms`.
pub(crate) fn add_noise(mics: &mut [Vec<f32>], rms: f32, seed: u64) {
    for (c, m) in mics.iter_mut().enumerate() {
        let mut noise = Noise(seed.wrapping_mul(7_919).wrapping_add(c as u64 + 1));
        m.iter_mut().for_each(|s| *s += rms * 3.0_f32.sqrt() * noise.next());
    }
}

/// The same sound by a clock that is `ppm` faster: windowed sinc of 32 points.
pub(crate) fn drift(x: &[f32], ppm: f64) -> Vec<f32> {
    (0..x.len())
        .map(|n| {
            let at = n as f64 * (1.0 + ppm * 1e-6);
            let whole = at.floor() as i64;
            (-15..=16_i64)
                .map(|k| {
                    let d = at - (whole + k) as f64;
                    let sinc = if d.abs() < 1e-9 { 1.0 } else { (PI * d).sin() / (PI * d) };
                    let sample = usize::try_from(whole + k).ok().and_then(|i| x.get(i)).copied();
                    f64::from(sample.unwrap_or(0.0)) * sinc * (0.5 + 0.5 * (PI * d / 17.0).cos())
                })
                .sum::<f64>() as f32
        })
        .collect()
}

pub(crate) fn to16(x: &[f32]) -> Vec<f32> {
    resample_all(x, DEVICE_RATE, SPEECH_RATE).expect("both rates are usual")
}

pub(crate) fn late(x: &[f32], ms: usize) -> Vec<f32> {
    let n = RATE * ms / 1000;
    [vec![0.0; n], x[..x.len().saturating_sub(n)].to_vec()].concat()
}

pub(crate) fn to_i16(x: f32) -> i16 {
    (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// What the front end made of a recording.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) recogniser: Vec<f32>,
    pub(crate) voice: Vec<f32>,
    pub(crate) near: Vec<f32>,
    pub(crate) blocks: Vec<FrontendBlock>,
    /// Seconds of CPU.
    pub(crate) cost: f64,
    /// The same by block.
    pub(crate) costs: Vec<f64>,
    /// Samples at 16 kHz that the outputs are late.
    pub(crate) delay: usize,
}

/// Planar microphones and what the speaker played through a new front end.
pub(crate) fn hear(config: &FrontendConfig, mics: &[Vec<f32>], reference: &[f32]) -> Heard {
    let mut frontend = Frontend::new(config).expect("the board fits");
    let mut heard =
        Heard { delay: (frontend.delay().as_secs_f64() * 16e3).round() as usize, ..Heard::default() };
    let n = mics.len();
    let mut mic = vec![0_i16; n * DEVICE_BLOCK];
    let mut speaker = [0_i16; DEVICE_BLOCK];
    for b in 0..mics[0].len() / DEVICE_BLOCK {
        for (i, s) in speaker.iter_mut().enumerate() {
            let t = b * DEVICE_BLOCK + i;
            for (slot, m) in mic[i * n..(i + 1) * n].iter_mut().zip(mics) {
                *slot = to_i16(m[t]);
            }
            *s = to_i16(reference.get(t).copied().unwrap_or(0.0));
        }
        let mut out = FrontendBlock::default();
        let ((), cost) =
            crate::cpu::of(|| frontend.process(&mic, &speaker, &mut out).expect("the shape fits"));
        heard.cost += cost;
        heard.costs.push(cost);
        heard.recogniser.extend_from_slice(&out.recogniser);
        heard.voice.extend_from_slice(&out.voice);
        heard.near.extend_from_slice(&out.near);
        heard.blocks.push(out);
    }
    heard
}
