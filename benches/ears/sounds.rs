//! Sounds of a room in which nobody speaks, the same for a seed on every machine, 48 kHz. The bench takes an hour of
//! them, a test of the front end a minute of each.
use std::f32::consts::TAU;

const RATE: usize = 48_000;

#[derive(Clone, Copy)]
pub(crate) enum Sound {
    Typing,
    Doors,
    Hum,
    Music,
    /// Not in the hour: music of another kind.
    Strings,
}

impl Sound {
    /// The kinds of the hour.
    pub(crate) const ALL: [Self; 4] = [Self::Typing, Self::Doors, Self::Hum, Self::Music];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Typing => "typing",
            Self::Doors => "doors",
            Self::Hum => "hum",
            Self::Music => "music",
            Self::Strings => "bowed strings",
        }
    }

    /// The loudest sample at a microphone.
    pub(crate) fn peak(self) -> f32 {
        match self {
            Self::Typing => 0.1,
            Self::Doors => 0.5,
            Self::Hum => 0.03,
            Self::Music | Self::Strings => 0.1,
        }
    }
}

/// Uniform in 0..1, of a sequence of its own.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.roll()
    }
}

pub(crate) fn sound(kind: Sound, seed: u64, frames: usize) -> Vec<f32> {
    let mut out = vec![0.0; frames];
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    for _ in 0..8 {
        dice.roll();
    }
    match kind {
        Sound::Typing => typing(&mut out, &mut dice),
        Sound::Doors => doors(&mut out, &mut dice),
        Sound::Hum => hum(&mut out, &mut dice),
        Sound::Music => music(&mut out, &mut dice),
        Sound::Strings => strings(&mut out, &mut dice),
    }
    out
}

/// Noise that decays in `decay_s` through a resonance at `hz`.
fn burst(out: &mut [f32], at: usize, level: f32, hz: f32, decay_s: f32, seed: u64) {
    let mut noise = Dice(seed | 1);
    let (r, w) = (0.985_f32, TAU * hz / RATE as f32);
    let (mut y1, mut y2) = (0.0_f32, 0.0_f32);
    for (n, slot) in out.iter_mut().skip(at).take((decay_s * 8.0 * RATE as f32) as usize).enumerate() {
        let x = 3.0 * (noise.roll() - 0.5) * (-(n as f32) / (decay_s * RATE as f32)).exp();
        let y = (1.0 - r) * x + 2.0 * r * w.cos() * y1 - r * r * y2;
        (y2, y1) = (y1, y);
        *slot += level * (y + 0.15 * x);
    }
}

/// Keys go down and come up again, in words with pauses between them.
fn typing(out: &mut [f32], dice: &mut Dice) {
    let mut at = 0.2;
    while ((at + 1.0) * RATE as f32) < out.len() as f32 {
        for _ in 0..2 + (dice.roll() * 8.0) as usize {
            let (hz, level) = (dice.between(1_500.0, 4_500.0), dice.between(0.4, 1.0));
            burst(out, (at * RATE as f32) as usize, level, hz, 0.004, dice.0);
            let up = at + dice.between(0.05, 0.1);
            burst(out, (up * RATE as f32) as usize, 0.4 * level, 1.3 * hz, 0.003, dice.0 ^ 1);
            at += dice.between(0.09, 0.26);
        }
        at += dice.between(0.1, 1.2);
    }
}

/// A latch, then the slam, every few seconds.
fn doors(out: &mut [f32], dice: &mut Dice) {
    let mut at = 1.0;
    while ((at + 2.0) * RATE as f32) < out.len() as f32 {
        burst(out, (at * RATE as f32) as usize, 0.3, dice.between(1_200.0, 2_500.0), 0.01, dice.0);
        let slam = at + dice.between(0.15, 0.5);
        let decay = dice.between(0.05, 0.15);
        burst(out, (slam * RATE as f32) as usize, 2.0, dice.between(60.0, 180.0), decay, dice.0 ^ 3);
        burst(out, (slam * RATE as f32) as usize, 0.6, dice.between(300.0, 700.0), 0.04, dice.0 ^ 5);
        at += dice.between(3.0, 9.0);
    }
}

/// The mains and its harmonics; the load changes now and then.
fn hum(out: &mut [f32], dice: &mut Dice) {
    let base = if dice.roll() < 0.5 { 50.0 } else { 60.0 };
    let levels: Vec<f32> = (0..16).map(|k| dice.between(0.2, 1.0) / (1.0 + k as f32)).collect();
    let (mut load, mut wanted) = (1.0_f32, 1.0_f32);
    for (n, slot) in out.iter_mut().enumerate() {
        if n % (4 * RATE) == 0 {
            wanted = dice.between(0.4, 1.0);
        }
        load += (wanted - load) * 1e-3;
        let t = n as f64 / RATE as f64;
        let sum: f32 = levels
            .iter()
            .enumerate()
            .map(|(k, level)| level * (TAU * ((base * (k + 1) as f64 * t).fract() as f32)).sin())
            .sum();
        *slot = load * sum;
    }
}

/// What a tune asks an instrument for.
enum Part {
    /// One of three notes for four beats.
    Chord,
    Melody,
    /// Every beat, behind its notes.
    Beat(usize),
}

/// Four chords and a melody above them; each part is played at a frame, with its pitch and the length of a beat.
fn tune(
    frames: usize,
    slowest_s: f32,
    dice: &mut Dice,
    mut play: impl FnMut(&mut Dice, Part, usize, f32, f32),
) {
    let beat_s = dice.between(0.4, slowest_s);
    let root = dice.between(110.0, 180.0);
    let step = |n: i32| 2.0_f32.powf(n as f32 / 12.0);
    let chords = [[0, 4, 7], [9, 12, 16], [5, 9, 12], [7, 11, 14]];
    let scale = [0, 2, 4, 7, 9, 12, 14, 16];
    let beats = (frames as f32 / RATE as f32 / beat_s) as usize;
    for beat in 0..beats.saturating_sub(4) {
        let at = (beat as f32 * beat_s * RATE as f32) as usize;
        if beat % 4 == 0 {
            for note in chords[beat / 4 % 4] {
                play(dice, Part::Chord, at, root * step(note), beat_s);
            }
        }
        if dice.roll() < 0.75 {
            let note = scale[(dice.roll() * 8.0) as usize % 8];
            play(dice, Part::Melody, at, 2.0 * root * step(note), beat_s);
        }
        play(dice, Part::Beat(beat), at, root, beat_s);
    }
}

/// Plucked chords and melody and a drum below, no voice.
fn music(out: &mut [f32], dice: &mut Dice) {
    tune(out.len(), 0.65, dice, |dice, part, at, hz, beat_s| match part {
        Part::Chord => pluck(out, at, 0.25, hz, 4.0 * beat_s, 1.2),
        Part::Melody => pluck(out, at, 0.3, hz, beat_s, 0.4),
        Part::Beat(beat) => {
            let (level, hz, decay) = if beat % 2 == 0 { (2.0, 70.0, 0.06) } else { (0.7, 1_800.0, 0.03) };
            burst(out, at, level, hz, decay, dice.0);
        }
    });
}

/// A string: harmonics that fall off and die away, the high ones first.
fn pluck(out: &mut [f32], at: usize, level: f32, hz: f32, length_s: f32, decay_s: f32) {
    for (n, slot) in out.iter_mut().skip(at).take((length_s * RATE as f32) as usize).enumerate() {
        let t = n as f32 / RATE as f32;
        let rise = (t / 0.005).min(1.0) * ((length_s - t) / 0.02).clamp(0.0, 1.0);
        let sum: f32 = (1..=6)
            .map(|k| {
                let k = k as f32;
                (TAU * (hz * k * t).fract()).sin() / k * (-t * k.sqrt() / decay_s).exp()
            })
            .sum();
        *slot += level * rise * sum;
    }
}

/// Sustained chords under a melody with vibrato.
fn strings(out: &mut [f32], dice: &mut Dice) {
    tune(out.len(), 0.7, dice, |dice, part, at, hz, beat_s| match part {
        Part::Chord => bow(out, at, 0.12, hz, 4.0 * beat_s, 0.002),
        Part::Melody => bow(out, at, 0.3, hz, beat_s * dice.between(0.9, 2.0), 0.01),
        Part::Beat(_) => {}
    });
}

/// Fifteen harmonics that swell and end, and waver six times a second by this share of their pitch.
fn bow(out: &mut [f32], at: usize, level: f32, hz: f32, length_s: f32, vibrato: f32) {
    let mut phase = 0.0_f32;
    for (n, slot) in out.iter_mut().skip(at).take((length_s * RATE as f32) as usize).enumerate() {
        let t = n as f32 / RATE as f32;
        phase = (phase + hz * (1.0 + vibrato * (TAU * 6.0 * t).sin()) / RATE as f32).fract();
        let swell = (t / 0.09).min(1.0) * ((length_s - t) / 0.1).clamp(0.0, 1.0);
        let sum: f32 =
            (1..=15).map(|k| (TAU * (phase * k as f32).fract()).sin() / (k as f32).powf(0.8)).sum();
        *slot += level * swell * sum;
    }
}
