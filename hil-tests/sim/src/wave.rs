//! People's recordings as the room plays them, and judging where speech begins and ends in them.

use std::path::Path;

use prim_audio::DEVICE_RATE;
use prim_hal_sim::resample;
use prim_wave::PlayError;

/// What of a file's own frames is brought to the room's rate at once; it bounds the memory that a long one needs.
const PIECE_S: u32 = 10;
/// The resampler looks at 24 zero crossings, at the lower of the two rates, to each side.
const REACH_CROSSINGS: u32 = 32;

/// Reads a wave of any rate, channel count and depth: mono (channels averaged) at 48 kHz in −1.0..=1.0, or a little beyond
/// where the file goes beyond.
///
/// # Errors
/// Names the file, what is wrong and what to do.
pub fn read(path: &Path) -> Result<Vec<f32>, PlayError> {
    let facts = prim_wave::judge(path)?;
    // A float file that was scaled to whole numbers keeps its shape; elsewhere only a fault is louder than this.
    let most = if facts.scaled_otherwise { 65_536.0 } else { 4.0 };
    let mut wave = prim_wave::open(path)?;
    let mut out = Pieces::new(facts.format.rate_hz);
    let mut block = Vec::new();
    loop {
        block.clear();
        let more = wave.read_block(&mut block).map_err(|why| PlayError { path: path.to_owned(), why })?;
        if more == 0 {
            return Ok(out.finish());
        }
        block.iter_mut().for_each(|s| *s = s.clamp(-most, most));
        out.push(&block);
    }
}

/// Brings sound to the room's rate piece by piece, as if in one.
#[derive(Debug)]
struct Pieces {
    rate_hz: u32,
    /// Both whole numbers of the resampler's periods, in frames of the file.
    piece: usize,
    reach: usize,
    /// What is not yet done, and before it what the next piece's beginning reaches back to.
    waiting: Vec<f32>,
    before: usize,
    out: Vec<f32>,
}

impl Pieces {
    fn new(rate_hz: u32) -> Self {
        let device = DEVICE_RATE.hz();
        let period = rate_hz / gcd(rate_hz, device);
        let in_periods = |frames: u32| frames.div_ceil(period) as usize * period as usize;
        let reach = in_periods(REACH_CROSSINGS * rate_hz.div_ceil(device));
        let piece = in_periods(rate_hz * PIECE_S).max(reach);
        Self { rate_hz, piece, reach, waiting: Vec::new(), before: 0, out: Vec::new() }
    }

    fn push(&mut self, sound: &[f32]) {
        self.waiting.extend_from_slice(sound);
        while self.waiting.len() >= self.before + self.piece + self.reach {
            self.one(self.piece);
            let done = (self.before + self.piece).saturating_sub(self.reach);
            self.waiting.drain(..done);
            self.before = self.reach;
        }
    }

    /// The next `frames` of the file, which all that waits surrounds.
    fn one(&mut self, frames: usize) {
        let device = DEVICE_RATE.hz();
        let there = |frames: usize| {
            let frames = frames as u64 * u64::from(device);
            usize::try_from(frames.div_ceil(u64::from(self.rate_hz))).unwrap_or(usize::MAX)
        };
        let (from, to) = (there(self.before), there(self.before + frames));
        let end = (self.before + frames + self.reach).min(self.waiting.len());
        let sound = resample(&self.waiting[..end], self.rate_hz, device);
        self.out.extend(sound.iter().take(to).skip(from));
    }

    fn finish(mut self) -> Vec<f32> {
        let rest = self.waiting.len() - self.before;
        self.one(rest);
        self.out
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// 5 ms at 48 kHz: the grain in which beginnings and ends are found.
const GRAIN: usize = 240;
/// Speech is what lies within 32 dB of the loudest 5 ms: below it are breath, noise and a synthesiser's tails.
const BELOW_PEAK: f32 = 0.000_63;
/// Below this (−70 dBFS) nothing is speech.
const FLOOR: f32 = 1e-7;

fn powers(sound: &[f32]) -> Vec<f32> {
    sound.chunks(GRAIN).map(|g| g.iter().map(|s| s * s).sum::<f32>() / g.len() as f32).collect()
}

/// The first and the last frame (exclusive) of speech in a dry recording, to 5 ms.
#[must_use]
pub fn speech_span(sound: &[f32]) -> Option<(usize, usize)> {
    let powers = powers(sound);
    let threshold = (powers.iter().copied().fold(0.0, f32::max) * BELOW_PEAK).max(FLOOR);
    let first = powers.iter().position(|p| *p >= threshold)?;
    let last = powers.iter().rposition(|p| *p >= threshold)?;
    Some((first * GRAIN, ((last + 1) * GRAIN).min(sound.len())))
}

/// The level of the active part (ITU-T P.56 in spirit: pauses do not count), as an amplitude.
#[must_use]
pub fn active_rms(sound: &[f32]) -> f32 {
    let powers = powers(sound);
    let threshold = (powers.iter().copied().fold(0.0, f32::max) * 0.01).max(FLOOR);
    let (n, sum) =
        powers.iter().filter(|p| **p >= threshold).fold((0_u32, 0.0), |(n, sum), p| (n + 1, sum + p));
    if n == 0 { 0.0 } else { (sum / n as f32).sqrt() }
}

/// Brings a recording to a talker's level in the room, without overloading.
#[must_use]
pub fn at_talker_level(mut sound: Vec<f32>) -> Vec<f32> {
    let rms = active_rms(&sound);
    let peak = sound.iter().fold(0.0_f32, |m, s| m.max(s.abs()));
    if rms > 0.0 {
        let gain = (prim_hal_sim::RoomSim::talker_rms() / rms).min(0.8 / peak);
        sound.iter_mut().for_each(|s| *s *= gain);
    }
    sound
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn write(
        spec: hound::WavSpec,
        frames: usize,
        value: impl Fn(usize) -> f32,
    ) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.wav");
        let mut out = hound::WavWriter::create(&path, spec).unwrap();
        for n in 0..frames {
            for _ in 0..spec.channels {
                match spec.sample_format {
                    hound::SampleFormat::Float => out.write_sample(value(n)).unwrap(),
                    hound::SampleFormat::Int => {
                        let full = (1_i64 << (spec.bits_per_sample - 1)) as f32;
                        out.write_sample((value(n) * (full - 1.0)) as i32).unwrap();
                    }
                }
            }
        }
        out.finalize().unwrap();
        (folder, path)
    }

    #[test]
    fn any_rate_channel_count_and_depth_becomes_the_same_sound() {
        use hound::SampleFormat::{Float, Int};
        for (sample_rate, channels, bits_per_sample, sample_format) in [
            (44_100, 2, 24, Int),
            (8_000, 1, 8, Int),
            (96_000, 6, 32, Int),
            (22_050, 1, 16, Int),
            (48_000, 2, 32, Float),
        ] {
            let spec = hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format };
            let tone = |n: usize| 0.5 * (std::f32::consts::TAU * 440.0 * n as f32 / sample_rate as f32).sin();
            let (_folder, path) = write(spec, sample_rate as usize / 4, tone);
            let sound = read(&path).unwrap();
            assert!((sound.len() as i64 - 12_000).abs() <= 1, "{spec:?}: {} frames", sound.len());
            let rms = active_rms(&sound);
            assert!((rms - 0.5 / 2.0_f32.sqrt()).abs() < 0.02, "{spec:?}: {rms}");
        }
    }

    #[test]
    fn a_long_file_done_in_pieces_sounds_as_if_done_in_one() {
        for rate in [8_000, 11_025, 44_100, 47_999, 48_000, 96_000, 192_000] {
            let noise: Vec<f32> =
                (0..rate as usize * 23).map(|n| ((n * 7919) % 1999) as f32 / 1000.0 - 1.0).collect();
            let mut pieces = Pieces::new(rate);
            noise.chunks(8191).for_each(|block| pieces.push(block));
            let (got, want) = (pieces.finish(), resample(&noise, rate, 48_000));
            assert_eq!(got.len(), want.len(), "{rate} Hz");
            let worst = got.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
            assert!(worst < 1e-4, "{rate} Hz: {worst}");
        }
    }

    #[test]
    fn floats_that_were_scaled_to_whole_numbers_keep_their_shape() {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        let tone = |n: usize| (n as f32 * 0.1).sin();
        let (_folder, path) = write(spec, 48_000, |n| 20_000.0 * tone(n));
        let scaled = at_talker_level(read(&path).unwrap());
        let usual = at_talker_level((0..48_000).map(tone).collect());
        let worst = scaled.iter().zip(&usual).map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        assert!(worst < 1e-4, "{worst}");
        // One broken sample does not make the rest silent.
        let (_folder, path) = write(spec, 48_000, |n| if n == 77 { 1e30 } else { 0.5 * tone(n) });
        let broken = at_talker_level(read(&path).unwrap());
        assert!(broken[1000..].iter().any(|s| s.abs() > 0.05));
    }

    #[test]
    fn speech_is_found_within_ten_milliseconds_of_where_it_is() {
        let (from, to) = (4800 + 77, 24_000 + 133);
        let sound: Vec<f32> = (0..48_000)
            .map(|n| {
                let hiss = 0.000_5 * (((n * 7919) % 199) as f32 / 100.0 - 1.0);
                if (from..to).contains(&n) { 0.2 * (n as f32 * 0.1).sin() + hiss } else { hiss }
            })
            .collect();
        let (first, last) = speech_span(&sound).unwrap();
        assert!(first.abs_diff(from) <= 480 && last.abs_diff(to) <= 480, "{first}..{last}");
        assert!(speech_span(&[0.0; 4800]).is_none());
    }

    #[test]
    fn a_recording_is_brought_to_a_talkers_level() {
        let sound = at_talker_level((0..48_000).map(|n| 0.9 * (n as f32 * 0.1).sin()).collect());
        assert!((active_rms(&sound) / prim_hal_sim::RoomSim::talker_rms() - 1.0).abs() < 0.01);
    }
}
