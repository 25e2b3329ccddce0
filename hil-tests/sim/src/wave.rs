//! Reading any wave file, and judging where speech begins and ends in it.

use std::path::{Path, PathBuf};

use prim_audio::DEVICE_RATE;
use prim_hal_sim::resample;

/// Longer recordings are refused: a meeting of half an hour is 340 MB at the room's rate.
const LONGEST_S: f64 = 1800.0;

/// Why a file cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum ReadWaveError {
    /// It is not there, or not ours to read.
    #[error("play {path}: check the path and that this user may read it")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no wave file.
    #[error(
        "play {path}: it is no wave file that can be read; convert it, for example with `sox IN -b 16 OUT.wav`"
    )]
    NoWave {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        #[source]
        source: hound::Error,
    },
    /// It has no sound in it.
    #[error("play {path}: it has no samples; record it again or leave it out")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Nobody speaks in it.
    #[error("play {path}: it is silent from beginning to end; record it again or leave it out")]
    Silent {
        /// The file.
        path: PathBuf,
    },
    /// It is a wave file of a kind that cannot be played.
    #[error("play {path}: {why}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        why: String,
    },
}

/// Reads a wave of any rate, channel count and depth: mono (channels averaged) at 48 kHz in −1.0..=1.0.
///
/// # Errors
/// Names the file, what is wrong and what to do.
pub fn read(path: &Path) -> Result<Vec<f32>, ReadWaveError> {
    let no_wave = |source| ReadWaveError::NoWave { path: path.to_owned(), source };
    let unfit = |why: String| ReadWaveError::Unfit { path: path.to_owned(), why };
    let open = |source| ReadWaveError::Open { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(open)?;
    let facts = file.metadata().map_err(open)?;
    if facts.is_dir() {
        return Err(unfit("it is a folder; name the files in it".into()));
    }
    if facts.len() == 0 {
        return Err(unfit("the file is empty; record it again or leave it out".into()));
    }
    let mut reader = hound::WavReader::new(std::io::BufReader::new(file)).map_err(no_wave)?;
    let spec = reader.spec();
    if !(1_000..=768_000).contains(&spec.sample_rate) {
        return Err(unfit(format!("{} Hz is no sound rate; 1 to 768 kHz can be played", spec.sample_rate)));
    }
    if f64::from(reader.duration()) / f64::from(spec.sample_rate) > LONGEST_S {
        return Err(unfit("it is longer than 30 minutes; cut it".into()));
    }
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>().map_err(no_wave)?,
        hound::SampleFormat::Int => {
            let full = (1_i64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
            reader
                .samples::<i32>()
                .map(|s| s.map(|v| v as f32 / full))
                .collect::<Result<_, _>>()
                .map_err(no_wave)?
        }
    };
    let channels = usize::from(spec.channels.max(1));
    let mono: Vec<f32> = samples
        .chunks_exact(channels)
        .map(|frame| {
            let mean = frame.iter().sum::<f32>() / channels as f32;
            if mean.is_finite() { mean.clamp(-4.0, 4.0) } else { 0.0 }
        })
        .collect();
    if mono.is_empty() {
        return Err(ReadWaveError::Empty { path: path.to_owned() });
    }
    let out = resample(&mono, spec.sample_rate, DEVICE_RATE.hz());
    if speech_span(&out).is_none() {
        return Err(ReadWaveError::Silent { path: path.to_owned() });
    }
    Ok(out)
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
    fn a_file_that_cannot_be_played_says_which_why_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter.wav");
        std::fs::write(&path, b"Dear Prim, I am no wave file at all.").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("letter.wav") && error.contains("sox"), "{error}");

        std::fs::write(&path, b"").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("the file is empty"), "{error}");
        let error = read(&folder.path().join("none.wav")).unwrap_err();
        assert!(matches!(error, ReadWaveError::Open { .. }), "it is not there: {error}");
        let error = read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("it is a folder"), "{error}");

        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let (_folder, path) = write(spec, 0, |_| 0.0);
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("no samples") && error.contains("in.wav"), "{error}");
        let (_folder, path) = write(spec, 1600, |_| 0.0);
        assert!(matches!(read(&path), Err(ReadWaveError::Silent { .. })));
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
