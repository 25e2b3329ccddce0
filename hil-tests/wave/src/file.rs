//! A file on this machine, judged before anybody relies on it.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::Path;

use crate::{Format, PlayError, Wave, WaveError};

/// The longest that can be played, in seconds: an hour is 690 MB in the room's memory and 3.5 GB of its recording.
pub const LONGEST_S: u64 = 3600;
/// Below −70 dBFS nothing is speech.
const SILENCE: f32 = 0.000_316;
/// Speech needs what lies below 4 kHz.
const SPEECH_RATE_HZ: u32 = 8_000;

/// What a file holds that can be played.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// How it is stored.
    pub format: Format,
    /// How many frames are really there.
    pub frames: u64,
    /// What the person who plays it should know.
    pub notes: Vec<Note>,
    /// Its level says nothing: a float file that was scaled to whole numbers.
    pub scaled_otherwise: bool,
}

/// It can be played, but.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Note {
    /// Less is there than the header promises.
    CutShort {
        /// In seconds.
        promised_s: f64,
        /// In seconds.
        there_s: f64,
    },
    /// Some samples are no numbers.
    NotNumbers {
        /// How many.
        samples: u64,
    },
    /// Nothing can be heard.
    Silent,
    /// Too few samples a second for words.
    Slow {
        /// How many.
        rate_hz: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort { promised_s, there_s } => write!(
                f,
                "it is cut short: its header says {promised_s:.1} s, {there_s:.1} s are there; those are played"
            ),
            Self::NotNumbers { samples } => {
                write!(
                    f,
                    "{samples} of its samples are no numbers (NaN or infinite); they are played as silence"
                )
            }
            Self::Silent => f.write_str(
                "it is silent from beginning to end (its channels mixed); nothing will be heard of it",
            ),
            Self::Slow { rate_hz } => write!(
                f,
                "it has {rate_hz} samples a second; below {SPEECH_RATE_HZ} words can hardly be understood"
            ),
        }
    }
}

impl Facts {
    /// How long it plays.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.format.rate_hz)
    }
}

/// Opens a file whose sound can then be read block by block.
///
/// # Errors
/// Names the file, what is wrong and what to do.
pub fn open(path: &Path) -> Result<Wave<BufReader<File>>, PlayError> {
    opened(path).map_err(|why| PlayError { path: path.to_owned(), why })
}

fn opened(path: &Path) -> Result<Wave<BufReader<File>>, WaveError> {
    // Looked at before it is opened: to open a pipe may take for ever.
    let facts = std::fs::metadata(path).map_err(|error| {
        if error.kind() == ErrorKind::NotFound { WaveError::Missing } else { WaveError::Open(error) }
    })?;
    if facts.is_dir() {
        return Err(WaveError::Folder);
    }
    if !facts.is_file() {
        return Err(WaveError::NoFile);
    }
    let file = File::open(path).map_err(WaveError::Open)?;
    let wave = Wave::open(BufReader::new(file))?;
    // A header's length is believed only where the file is as long; so far no sound has been read.
    let there = facts.len() / wave.format().frame_bytes() as u64;
    let frames = wave.promised_frames().map_or(there, |promised| promised.min(there));
    let seconds = frames / u64::from(wave.format().rate_hz);
    if seconds > LONGEST_S {
        return Err(WaveError::TooLong { seconds, most_s: LONGEST_S });
    }
    Ok(wave)
}

/// Reads a file through, one block at a time, and says what it holds.
///
/// # Errors
/// Names the file, what is wrong and what to do.
pub fn judge(path: &Path) -> Result<Facts, PlayError> {
    let named = |why| PlayError { path: path.to_owned(), why };
    let mut wave = open(path)?;
    let mut block = Vec::new();
    while wave.read_block(&mut block).map_err(named)? > 0 {
        block.clear();
    }
    let (format, taken) = (*wave.format(), *wave.taken());
    if taken.frames == 0 {
        return Err(named(WaveError::NoSamples));
    }
    let seconds = |frames: u64| frames as f64 / f64::from(format.rate_hz);
    let mut notes = Vec::new();
    if let Some(promised) = wave.promised_frames().filter(|promised| *promised > taken.frames) {
        notes.push(Note::CutShort { promised_s: seconds(promised), there_s: seconds(taken.frames) });
    }
    if taken.not_numbers > 0 {
        notes.push(Note::NotNumbers { samples: taken.not_numbers });
    }
    if taken.peak < SILENCE && taken.beyond == 0 {
        notes.push(Note::Silent);
    }
    if format.rate_hz < SPEECH_RATE_HZ {
        notes.push(Note::Slow { rate_hz: format.rate_hz });
    }
    Ok(Facts { format, frames: taken.frames, notes, scaled_otherwise: taken.scaled_otherwise() })
}

#[cfg(test)]
mod tests;
