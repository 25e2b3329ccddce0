//! Impulse responses of a shoebox by image sources (Allen and Berkley 1979), at 48 kHz with fractional delays.
//!
//! All six walls absorb alike and independently of frequency. Images past the first reflections are displaced by up
//! to 8 cm (De Sena et al. 2015), the same for every microphone, because a perfect box rings with sweeps that no room
//! has. The walls' reflection is found by bisection, so that the reverberation time measured by Schroeder's
//! integration is the one asked for; Sabine's formula alone misses it by a third in rooms this dry.

use prim_audio::DEVICE_RATE;

use super::noise::mix;
use super::spec::Point;

/// Metres per second at 20 °C.
pub(super) const SOUND_M_S: f64 = 343.0;
/// Taps of the fractional delay; a Hann-windowed sinc of this length is flat within 0.1 dB up to 20 kHz.
const TAPS: usize = 32;
/// Steps between two frames: 81 ns, 0.03 mm of sound's way.
const FRACTIONS: usize = 256;
/// Images from this many reflections on are displaced.
const JITTER_FROM: u32 = 2;
const JITTER_M: f64 = 0.08;

/// One microphone's answer to an impulse at a source; amplitude 1 is the direct sound at one metre.
#[derive(Debug, Clone, PartialEq)]
pub struct ImpulseResponse {
    /// At 48 kHz, from the moment of the impulse.
    pub taps: Vec<f32>,
}

/// One image of a source: where it is, and how often its sound met a wall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Image {
    at: Point,
    bounces: u32,
}

fn frames_per_second() -> f64 {
    f64::from(DEVICE_RATE.hz())
}

fn distance(a: Point, b: Point) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// Every image of `source` whose sound arrives at `ear` within `seconds`.
pub(super) fn images(size: Point, source: Point, ear: Point, seconds: f64, seed: u64) -> Vec<Image> {
    let reach = seconds * SOUND_M_S;
    let axis = |i: usize| {
        let n = (reach / (2.0 * size[i])).ceil() as i64 + 1;
        (-n..=n)
            .flat_map(|k| {
                [false, true].map(|mirrored| {
                    let at = 2.0 * k as f64 * size[i] + if mirrored { -source[i] } else { source[i] };
                    let bounces = if mirrored {
                        (k - 1).unsigned_abs() + k.unsigned_abs()
                    } else {
                        2 * k.unsigned_abs()
                    };
                    (at, u32::try_from(bounces).unwrap_or(u32::MAX))
                })
            })
            .filter(|(at, _)| (at - ear[i]).abs() <= reach)
            .collect::<Vec<_>>()
    };
    let (xs, ys, zs) = (axis(0), axis(1), axis(2));
    let mut out = Vec::new();
    let mut count = seed;
    for &(x, nx) in &xs {
        for &(y, ny) in &ys {
            let flat = (x - ear[0]).powi(2) + (y - ear[1]).powi(2);
            if flat > reach * reach {
                continue;
            }
            for &(z, nz) in &zs {
                if flat + (z - ear[2]).powi(2) > reach * reach {
                    continue;
                }
                let bounces = nx + ny + nz;
                count = count.wrapping_add(1);
                let mut at = [x, y, z];
                if bounces >= JITTER_FROM {
                    let r = mix(count);
                    for (i, v) in at.iter_mut().enumerate() {
                        *v += JITTER_M * (f64::from((r >> (16 * i)) as u16) / 32_768.0 - 1.0);
                    }
                }
                out.push(Image { at, bounces });
            }
        }
    }
    out
}

/// The reflection per wall (of amplitude) at which the reverberation time measured at `ear` is `rt60_s`.
pub(super) fn reflection_for(size: Point, source: Point, ear: Point, rt60_s: f64, seed: u64) -> f64 {
    let images = images(size, source, ear, rt60_s * 1.2, seed);
    let heard: Vec<(usize, f64, i32)> = images
        .iter()
        .map(|i| {
            let d = distance(i.at, ear).max(0.05);
            ((d / SOUND_M_S * 1000.0) as usize, 1.0 / (d * d), i32::try_from(i.bounces).unwrap_or(i32::MAX))
        })
        .collect();
    // Energy per millisecond is fine enough to measure a decay of tenths of a second.
    let rt60_of = |reflection: f64| {
        let mut energy = vec![0.0; (rt60_s * 1.2 * 1000.0) as usize + 2];
        for &(ms, e, bounces) in &heard {
            if let Some(slot) = energy.get_mut(ms) {
                *slot += e * (reflection * reflection).powi(bounces);
            }
        }
        decay_s(&energy, 1000.0).unwrap_or(10.0)
    };
    let (mut low, mut high) = (0.01, 0.999);
    for _ in 0..24 {
        let middle = 0.5 * (low + high);
        if rt60_of(middle) < rt60_s { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// What `ear` hears of an impulse at the source of `images`.
pub(super) fn response(
    images: &[Image],
    ear: Point,
    reflection: f64,
    seconds: f64,
    kernel: &DelayKernel,
) -> ImpulseResponse {
    let frames = (seconds * frames_per_second()) as usize;
    let mut taps = vec![0.0_f32; frames + TAPS];
    let gains: Vec<f64> = (0..=images.iter().map(|i| i.bounces).max().unwrap_or(0))
        .map(|n| reflection.powi(i32::try_from(n).unwrap_or(i32::MAX)))
        .collect();
    for image in images {
        let d = distance(image.at, ear).max(0.02);
        let delay = d / SOUND_M_S * frames_per_second();
        let whole = delay.floor();
        let fraction = ((delay - whole) * FRACTIONS as f64) as usize;
        let gain = (gains[image.bounces as usize] / d) as f32;
        // The kernel's middle lies at TAPS / 2 - 1, so that much is taken off the delay.
        let Some(start) = (whole as usize).checked_sub(TAPS / 2 - 1) else { continue };
        let Some(out) = taps.get_mut(start..start + TAPS) else { continue };
        for (t, k) in out.iter_mut().zip(&kernel.0[fraction.min(FRACTIONS - 1)]) {
            *t += gain * k;
        }
    }
    taps.truncate(frames);
    remove_offset(&mut taps);
    let fade = frames / 20;
    for (i, t) in taps.iter_mut().rev().take(fade).enumerate() {
        *t *= i as f32 / fade as f32;
    }
    ImpulseResponse { taps }
}

/// Walls that only reflect with a positive sign add up to an offset no microphone hears: 40 Hz high-pass.
fn remove_offset(taps: &mut [f32]) {
    let keep = (1.0 - 2.0 * std::f64::consts::PI * 40.0 / frames_per_second()) as f32;
    let (mut before_in, mut before_out) = (0.0, 0.0);
    for t in taps {
        let out = *t - before_in + keep * before_out;
        before_in = *t;
        before_out = out;
        *t = out;
    }
}

/// Windowed sinc kernels for every fraction of a frame.
pub(super) struct DelayKernel(Vec<[f32; TAPS]>);

impl DelayKernel {
    pub(super) fn new() -> Self {
        let row = |f: usize| {
            let fraction = f as f64 / FRACTIONS as f64;
            std::array::from_fn(|i| {
                let t = i as f64 - (TAPS / 2 - 1) as f64 - fraction;
                let sinc = if t.abs() < 1e-9 {
                    1.0
                } else {
                    (std::f64::consts::PI * t).sin() / (std::f64::consts::PI * t)
                };
                let window = 0.5 + 0.5 * (2.0 * std::f64::consts::PI * t / TAPS as f64).cos();
                (sinc * window) as f32
            })
        };
        Self((0..FRACTIONS).map(row).collect())
    }
}

/// The reverberation time of a response by Schroeder's backward integration: a line through −5 to −25 dB, times three
/// (T20 of ISO 3382).
#[must_use]
pub fn measured_rt60_s(response: &ImpulseResponse) -> Option<f64> {
    let energy: Vec<f64> = response.taps.iter().map(|&t| f64::from(t) * f64::from(t)).collect();
    decay_s(&energy, frames_per_second())
}

fn decay_s(energy: &[f64], per_second: f64) -> Option<f64> {
    let total: f64 = energy.iter().sum();
    let mut left = total;
    // Least squares over the points between -5 and -25 dB.
    let (mut n, mut st, mut sl, mut stt, mut stl) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (i, e) in energy.iter().enumerate() {
        let level = 10.0 * (left / total).log10();
        if level < -25.0 {
            break;
        }
        if level <= -5.0 {
            let t = i as f64 / per_second;
            n += 1.0;
            st += t;
            sl += level;
            stt += t * t;
            stl += t * level;
        }
        left -= e;
    }
    let slope = (n * stl - st * sl) / (n * stt - st * st);
    (n >= 2.0 && slope < 0.0).then(|| -60.0 / slope)
}
