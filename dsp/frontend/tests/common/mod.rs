//! A compact room for measuring the front end: image sources, four microphones, a speaker, synthetic voices.
//! The product's simulator is `prim-hal-sim`; this one stays below it so that `prim-dsp` depends on nothing above.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![allow(unreachable_pub, reason = "shared by test binaries as a module")]

use std::f32::consts::PI;

use prim_audio::DEVICE_BLOCK;
use prim_dsp::{Frontend, FrontendBlock, FrontendConfig};
use realfft::RealFftPlanner;

pub const RATE: usize = 48_000;
pub const RING_MM: [[f32; 3]; 4] = [[35.0, 0.0, 0.0], [0.0, 35.0, 0.0], [-35.0, 0.0, 0.0], [0.0, -35.0, 0.0]];
const C: f32 = 343.0;

pub struct Room {
    pub size: [f32; 3],
    pub rt60: f32,
    /// Centre of the array.
    pub array: [f32; 3],
    pub mics_mm: Vec<[f32; 3]>,
}

impl Room {
    /// A huddle room with the array on its table.
    pub fn huddle(rt60: f32) -> Self {
        Self { size: [4.6, 3.7, 2.6], rt60, array: [2.2, 1.75, 0.8], mics_mm: RING_MM.to_vec() }
    }

    /// A point at `bearing` degrees and `distance` metres from the array's centre, `up` metres above it.
    pub fn at(&self, bearing: f32, distance: f32, up: f32) -> [f32; 3] {
        let (s, c) = bearing.to_radians().sin_cos();
        [self.array[0] + distance * c, self.array[1] + distance * s, self.array[2] + up]
    }

    /// Impulse responses from `source` to each microphone at 48 kHz.
    pub fn responses(&self, source: [f32; 3]) -> Vec<Vec<f32>> {
        let [lx, ly, lz] = self.size;
        let surface = 2.0 * (lx * ly + ly * lz + lx * lz);
        // Eyring.
        let absorption = 1.0 - (-0.161 * lx * ly * lz / (surface * self.rt60)).exp();
        let reflect = (1.0 - absorption).sqrt();
        let length = (self.rt60 * 1.1 * RATE as f32) as usize + 600;
        let reach = length as f32 / RATE as f32 * C;
        let n = self.size.map(|l| (reach / (2.0 * l)).ceil() as i32);
        let mics: Vec<[f32; 3]> =
            self.mics_mm.iter().map(|m| [0, 1, 2].map(|k| self.array[k] + m[k] / 1000.0)).collect();
        let mut out = vec![vec![0.0_f32; length]; mics.len()];
        for ix in -n[0]..=n[0] {
            for iy in -n[1]..=n[1] {
                for iz in -n[2]..=n[2] {
                    for corner in 0..8 {
                        let flip = [corner & 1, (corner >> 1) & 1, corner >> 2];
                        let cell = [ix, iy, iz];
                        let image: [f32; 3] = [0, 1, 2].map(|k| {
                            2.0 * cell[k] as f32 * self.size[k]
                                + if flip[k] == 1 { -source[k] } else { source[k] }
                        });
                        let order: i32 = (0..3).map(|k| cell[k].abs() + (cell[k] - flip[k]).abs()).sum();
                        let gain = reflect.powi(order);
                        if gain < 1e-4 {
                            continue;
                        }
                        for (h, m) in out.iter_mut().zip(&mics) {
                            let d = (0..3).map(|k| (image[k] - m[k]).powi(2)).sum::<f32>().sqrt().max(0.02);
                            add_fractional(h, d / C * RATE as f32, gain / d);
                        }
                    }
                }
            }
        }
        out
    }
}

/// Adds an impulse at a fractional place: 16 points of a windowed sinc.
fn add_fractional(h: &mut [f32], at: f32, gain: f32) {
    let whole = at.floor() as i64;
    if whole < 8 || whole + 9 >= h.len() as i64 {
        return;
    }
    let part = at - whole as f32;
    for k in -7_i64..=8 {
        let x = k as f32 - part;
        let sinc = if x.abs() < 1e-5 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let window = 0.5 + 0.5 * (PI * x / 8.5).cos();
        h[(whole + k) as usize] += gain * sinc * window;
    }
}

/// Linear convolution, as long as `x`.
pub fn convolve(x: &[f32], h: &[f32]) -> Vec<f32> {
    let n = (x.len() + h.len()).next_power_of_two();
    let mut planner = RealFftPlanner::<f32>::new();
    let (fwd, inv) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
    let spectrum = |s: &[f32]| {
        let mut b = vec![0.0; n];
        b[..s.len()].copy_from_slice(s);
        let mut f = fwd.make_output_vec();
        fwd.process(&mut b, &mut f).unwrap();
        f
    };
    let (mut a, b) = (spectrum(x), spectrum(h));
    for (p, q) in a.iter_mut().zip(&b) {
        *p *= q / n as f32;
    }
    a[0].im = 0.0;
    let last = a.len() - 1;
    a[last].im = 0.0;
    let mut y = vec![0.0; n];
    inv.process(&mut a, &mut y).unwrap();
    y.truncate(x.len());
    y
}

/// Sound of one source at every microphone, planar.
pub fn place(room: &Room, source: [f32; 3], dry: &[f32]) -> Vec<Vec<f32>> {
    room.responses(source).iter().map(|h| convolve(dry, h)).collect()
}

pub fn rms(x: &[f32]) -> f32 {
    (x.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / x.len().max(1) as f64).sqrt() as f32
}

pub fn db(ratio: f32) -> f32 {
    20.0 * ratio.max(1e-9).log10()
}

/// Level of the parts that are within 20 dB of the loudest 100 ms.
pub fn active_rms(x: &[f32]) -> f32 {
    let levels: Vec<f32> = x.chunks(RATE / 10).map(rms).collect();
    let top = levels.iter().copied().fold(0.0, f32::max);
    let loud: Vec<f32> = levels.into_iter().filter(|l| *l > top / 10.0).collect();
    (loud.iter().map(|l| l * l).sum::<f32>() / loud.len().max(1) as f32).sqrt()
}

pub fn scale(x: &mut [Vec<f32>], g: f32) {
    x.iter_mut().flatten().for_each(|s| *s *= g);
}

pub fn add(a: &mut [Vec<f32>], b: &[Vec<f32>]) {
    for (a, b) in a.iter_mut().zip(b) {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
    }
}

pub struct Noise(pub u64);

impl Noise {
    /// −1..1.
    pub fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
    /// About normal, unit variance.
    pub fn gauss(&mut self) -> f32 {
        (0..6).map(|_| self.next()).sum::<f32>() / 2.0_f32.sqrt()
    }
}

/// Independent noise of `level` rms in every microphone.
pub fn add_noise(mics: &mut [Vec<f32>], level: f32, seed: u64) {
    for (c, m) in mics.iter_mut().enumerate() {
        let mut n = Noise(seed + 77 * (c as u64 + 1));
        m.iter_mut().for_each(|s| *s += level * n.gauss());
    }
}

/// A synthetic talker at 48 kHz: glottal pulses through three formants in syllables, with fricatives and pauses.
pub fn voice(seed: u64, seconds: f32, f0: f32) -> Vec<f32> {
    let mut n = Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for _ in 0..8 {
        n.next();
    }
    let total = (seconds * RATE as f32) as usize;
    let vowels: [[f32; 3]; 6] = [
        [700.0, 1200.0, 2500.0],
        [300.0, 2200.0, 3000.0],
        [500.0, 1800.0, 2500.0],
        [350.0, 800.0, 2400.0],
        [550.0, 900.0, 2600.0],
        [450.0, 1500.0, 2500.0],
    ];
    let mut out = Vec::with_capacity(total);
    let mut phase = 0.0_f32;
    while out.len() < total {
        let syllables = 4 + ((n.next() + 1.0) * 4.0) as usize;
        let mut pitch = f0 * (1.1 + 0.1 * n.next());
        for _ in 0..syllables {
            if n.next() > -0.2 {
                let len = (RATE as f32 * (0.06 + 0.03 * n.next())) as usize;
                let (mut a, mut b) = (0.0, 0.0);
                for i in 0..len {
                    let white = n.next();
                    let hp = white - a;
                    a = white;
                    b = 0.5 * b + 0.5 * hp;
                    let env = (PI * i as f32 / len as f32).sin();
                    out.push(0.12 * env * b);
                }
            }
            let v = vowels[((n.next() + 1.0) * 2.99) as usize];
            let len = (RATE as f32 * (0.16 + 0.06 * n.next())) as usize;
            let mut state = [[0.0_f32; 2]; 3];
            for i in 0..len {
                phase += pitch * (1.0 - 0.1 * i as f32 / len as f32) / RATE as f32;
                let pulse = if phase >= 1.0 {
                    phase -= 1.0;
                    1.0
                } else {
                    0.0
                };
                let excite = pulse + 0.002 * n.next();
                let mut y = 0.0;
                for (k, s) in state.iter_mut().enumerate() {
                    let r = (-PI * (60.0 + 40.0 * k as f32) / RATE as f32).exp();
                    let w = 2.0 * PI * v[k] / RATE as f32;
                    let x = excite + 2.0 * r * w.cos() * s[0] - r * r * s[1];
                    s[1] = s[0];
                    s[0] = x;
                    y += x * w.sin() * [1.0, 0.5, 0.25][k];
                }
                let t = i as f32 / len as f32;
                out.push(y * 0.5 * (PI * t).sin().powf(0.6));
            }
            pitch *= 0.97 + 0.03 * n.next();
        }
        let pause = (RATE as f32 * (0.25 + 0.15 * n.next())) as usize;
        out.extend(std::iter::repeat_n(0.0, pause));
    }
    out.truncate(total);
    // Pulses all of one sign carry an offset that no mouth has.
    for _ in 0..2 {
        let (mut x, mut y) = (0.0, 0.0);
        for s in &mut out {
            y = 0.988 * (y + *s - x);
            x = *s;
            *s = y;
        }
    }
    let peak = out.iter().fold(1e-9_f32, |m, s| m.max(s.abs()));
    let g = (0.1 / rms(&out).max(1e-9)).min(0.7 / peak);
    out.iter_mut().for_each(|s| *s *= g);
    out
}

pub fn to_i16(x: f32) -> i16 {
    (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// What the front end made of a recording.
#[derive(Default)]
pub struct Heard {
    pub recogniser: Vec<f32>,
    pub voice: Vec<f32>,
    pub near: Vec<f32>,
    pub blocks: Vec<FrontendBlock>,
}

/// Runs planar microphones and a reference through a new front end.
pub fn hear(config: &FrontendConfig, mics: &[Vec<f32>], reference: &[f32]) -> Heard {
    let mut f = Frontend::new(config).unwrap();
    let mut heard = Heard::default();
    let mut out = FrontendBlock::default();
    let n = mics.len();
    let mut mic = vec![0_i16; n * DEVICE_BLOCK];
    let mut speaker = [0_i16; DEVICE_BLOCK];
    for b in 0..mics[0].len() / DEVICE_BLOCK {
        for i in 0..DEVICE_BLOCK {
            let t = b * DEVICE_BLOCK + i;
            for c in 0..n {
                mic[i * n + c] = to_i16(mics[c][t]);
            }
            speaker[i] = to_i16(reference.get(t).copied().unwrap_or(0.0));
        }
        f.process(&mic, &speaker, &mut out).unwrap();
        heard.recogniser.extend_from_slice(&out.recogniser);
        heard.voice.extend_from_slice(&out.voice);
        heard.near.extend_from_slice(&out.near);
        heard.blocks.push(out);
    }
    heard
}

/// Scale-invariant signal-to-distortion ratio of `y` against `x`, best alignment within `reach` samples, dB.
pub fn si_sdr(y: &[f32], x: &[f32], reach: usize) -> f32 {
    let n = y.len().min(x.len()) - reach;
    (0..reach)
        .map(|lag| {
            let (mut xy, mut xx, mut yy) = (0.0_f64, 1e-12_f64, 1e-12_f64);
            for i in 0..n {
                let (a, b) = (f64::from(x[i]), f64::from(y[i + lag]));
                xy += a * b;
                xx += a * a;
                yy += b * b;
            }
            let fit = xy * xy / (xx * yy);
            (10.0 * (fit / (1.0 - fit).max(1e-12)).log10()) as f32
        })
        .fold(f32::MIN, f32::max)
}
