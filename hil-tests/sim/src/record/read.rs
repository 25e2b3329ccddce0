//! A recording read back.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Deserialize;

use super::{Happened, LAYOUT, RecordError, Said, Summary};

/// All that is sure of a `room.json` of any version.
#[derive(Debug, Deserialize)]
struct Layout {
    v: u32,
}

/// A finished recording, as the measuring program reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// `room.json`.
    pub summary: Summary,
    /// `truth.jsonl`.
    pub said: Vec<Said>,
    /// `events.jsonl`.
    pub happened: Vec<Happened>,
    /// `speaker.wav`, −1.0..=1.0.
    pub speaker: Vec<f32>,
    /// `truth.wav`, one vector per person.
    pub truth: Vec<Vec<f32>>,
}

impl Recording {
    /// Reads what the measuring needs.
    ///
    /// # Errors
    /// Names the file and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, RecordError> {
        let path = folder.join("room.json");
        let bad = |path: &Path, why: String| RecordError::Read { path: path.to_owned(), why };
        let text = std::fs::read(&path).map_err(|e| bad(&path, e.to_string()))?;
        let layout: Layout = serde_json::from_slice(&text).map_err(|e| bad(&path, e.to_string()))?;
        if layout.v != LAYOUT {
            return Err(RecordError::OtherLayout { path, v: layout.v });
        }
        let summary: Summary = serde_json::from_slice(&text).map_err(|e| bad(&path, e.to_string()))?;
        let mut speaker = channels(&folder.join("speaker.wav"))?;
        Ok(Self {
            summary,
            said: lines(&folder.join("truth.jsonl"))?,
            happened: lines(&folder.join("events.jsonl"))?,
            speaker: if speaker.is_empty() { Vec::new() } else { speaker.swap_remove(0) },
            truth: channels(&folder.join("truth.wav"))?,
        })
    }

    /// `CLOCK_BOOTTIME` in milliseconds at a frame.
    #[must_use]
    pub fn boot_ms(&self, frame: usize) -> f64 {
        self.summary.start_ns as f64 / 1e6 + frame as f64 / 48.0
    }
}

/// A file of JSON lines.
///
/// # Errors
/// Names the file and the line that is wrong.
pub fn lines<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<Vec<T>, RecordError> {
    let bad = |why: String| RecordError::Read { path: path.to_owned(), why };
    let file = File::open(path).map_err(|e| bad(e.to_string()))?;
    let mut out = Vec::new();
    for (n, text) in BufReader::new(file).lines().enumerate() {
        let text = text.map_err(|e| bad(e.to_string()))?;
        if !text.trim().is_empty() {
            out.push(serde_json::from_str(&text).map_err(|e| bad(format!("line {}: {e}", n + 1)))?);
        }
    }
    Ok(out)
}

/// A wave of 16 bits: its channels, and their samples interleaved.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn interleaved(path: &Path) -> Result<(usize, Vec<i16>), RecordError> {
    let bad = |e: hound::Error| RecordError::Read { path: path.to_owned(), why: e.to_string() };
    let mut reader = hound::WavReader::open(path).map_err(bad)?;
    let channels = usize::from(reader.spec().channels.max(1));
    Ok((channels, reader.samples::<i16>().collect::<Result<_, _>>().map_err(bad)?))
}

fn channels(path: &Path) -> Result<Vec<Vec<f32>>, RecordError> {
    let (count, samples) = interleaved(path)?;
    let one = |c: usize| samples.iter().skip(c).step_by(count).map(|s| f32::from(*s) / 32_768.0).collect();
    Ok((0..count).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_of_another_layout_is_refused_with_both_versions() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("room.json"), r#"{"v":1,"title":"old"}"#).unwrap();
        let error = Recording::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("version 1, this program reads 2") && error.contains("room.json"), "{error}");
    }
}
