//! The replay log's envelope: a version line, then one line per input, timeout and output of the core.
//!
//! The payloads are the core's own; this file only says where they begin. The log holds speech, so it is written
//! after consent only and erased with the meeting.
//!
//! ```text
//! prim-replay 1
//! c 0 <configuration>
//! i 1200 <input>
//! o 1200 <output>
//! t 7200
//! ```

use std::fmt;
use std::str::FromStr;

use prim_ids::MonoTime;

/// The first line of a replay log.
pub const VERSION_LINE: &str = "prim-replay 1";

/// What a line holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// How the core was set up.
    Config,
    /// What it was told.
    Input,
    /// That a deadline passed.
    Timeout,
    /// What it said.
    Output,
}

/// One line after the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it holds.
    pub kind: LineKind,
    /// The `now` it was said at.
    pub at: MonoTime,
    /// The core's own words for it: one line, may be empty.
    pub payload: String,
}

/// Why a line of a replay log cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadReplayError {
    /// The file does not begin with [`VERSION_LINE`].
    #[error("read the first line of a replay log: want {VERSION_LINE:?}, found {found:?}")]
    Version {
        /// What it begins with.
        found: String,
    },
    /// A line without kind or time.
    #[error("read a line of a replay log: want \"c|i|t|o <milliseconds> <payload>\"")]
    Line,
}

impl Line {
    /// A line; line ends in the payload become spaces, because they would end the line.
    #[must_use]
    pub fn new(kind: LineKind, at: MonoTime, payload: &str) -> Self {
        Self { kind, at, payload: payload.replace(['\n', '\r'], " ") }
    }
}

/// Checks the first line.
pub fn check_version(line: &str) -> Result<(), ReadReplayError> {
    if line == VERSION_LINE {
        Ok(())
    } else {
        Err(ReadReplayError::Version { found: line.chars().take(60).collect() })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = match self.kind {
            LineKind::Config => 'c',
            LineKind::Input => 'i',
            LineKind::Timeout => 't',
            LineKind::Output => 'o',
        };
        write!(f, "{letter} {} {}", self.at.as_millis(), self.payload)
    }
}

impl FromStr for Line {
    type Err = ReadReplayError;
    fn from_str(line: &str) -> Result<Self, ReadReplayError> {
        let mut parts = line.splitn(3, ' ');
        let kind = match parts.next() {
            Some("c") => LineKind::Config,
            Some("i") => LineKind::Input,
            Some("t") => LineKind::Timeout,
            Some("o") => LineKind::Output,
            Some(_) | None => return Err(ReadReplayError::Line),
        };
        let at = parts.next().and_then(|ms| ms.parse().ok()).ok_or(ReadReplayError::Line)?;
        let payload = parts.next().unwrap_or_default();
        Ok(Self { kind, at: MonoTime::from_millis(at), payload: payload.to_owned() })
    }
}
