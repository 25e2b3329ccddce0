//! The input log: one line per input, enough to repeat a meeting bit for bit (`prim replay`).
//!
//! The first line names the format, the core that wrote it ([`CORE`]) and the configuration, each further line is a time and an [`Input`]. The log holds
//! speech: it is written only while [`Meeting::may_record`](crate::Meeting::may_record) and erased with the meeting.
//! Timeouts are inputs too: what happened at a deadline depends on when the shell came to it.
//!
//! ```
//! use prim_ids::MonoTime;
//! use prim_meeting::{Input, MeetingConfig, log};
//! let step = log::Step::Input { input: Input::ButtonPressed };
//! let line = log::line(MonoTime::from_millis(1_200), &step);
//! assert_eq!(line, "1200 Input { input= ButtonPressed }");
//! assert_eq!(log::read_line(&line), Ok((MonoTime::from_millis(1_200), step)));
//! ```

use prim_ids::MonoTime;

use crate::code::{Coded, ReadError, Reader, Writer, from_text, to_text};
use crate::{Input, Meeting, MeetingConfig, Output, Snapshot};

/// Names the format; another number is another format, also of the snapshots in it.
const HEAD: &str = "prim-meeting-log-2";

/// How the core behaves, as a number: the same inputs give the same outputs in cores of the same number.
///
/// **When to raise it:** by one in each change that makes the core say, write or do anything else than before on the same
/// inputs. The sums of all scenarios' transcripts are kept under this number (`hil-tests/scenarios/scripts/CORE`); a test
/// fails when one of them changes and this number does not.
pub const CORE: u32 = 8;

/// One thing that was done to the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// [`Meeting::handle_input`](crate::Meeting::handle_input).
    Input {
        /// With this.
        input: Input,
    },
    /// [`Meeting::handle_timeout`](crate::Meeting::handle_timeout).
    Timeout,
    /// [`Meeting::restore`](crate::Meeting::restore) with the log's configuration: how a log begins whose meeting was
    /// already running.
    Restore {
        /// From this.
        snapshot: Box<Snapshot>,
    },
}

impl Coded for Step {
    fn write(&self, to: &mut Writer) {
        match self {
            Self::Input { input } => {
                to.word("Input");
                to.word("{");
                to.field("input", input);
                to.word("}");
            }
            Self::Timeout => to.word("Timeout"),
            Self::Restore { snapshot } => {
                to.word("Restore");
                to.word("{");
                to.field("snapshot", snapshot.as_ref());
                to.word("}");
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        let step = match from.word()? {
            "Timeout" => return Ok(Self::Timeout),
            "Input" => {
                from.expect("{")?;
                Self::Input { input: from.field("input")? }
            }
            "Restore" => {
                from.expect("{")?;
                Self::Restore { snapshot: Box::new(from.field("snapshot")?) }
            }
            _ => return Err(from.wrong("Input, Timeout or Restore")),
        };
        from.expect("}")?;
        Ok(step)
    }
}

/// The first line.
#[must_use]
pub fn head(config: &MeetingConfig) -> String {
    format!("{HEAD} core {CORE} {}", to_text(config))
}

/// One further line.
#[must_use]
pub fn line(now: MonoTime, step: &Step) -> String {
    format!("{} {}", now.as_millis(), to_text(step))
}

/// An output as one line, for transcripts and to compare replays.
#[must_use]
pub fn output_line(output: &Output) -> String {
    to_text(output)
}

/// Why a log could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadLogError {
    /// It is no log, or of another version.
    #[error(
        "read the log's first line: it is no {HEAD}; the log was made by another version or is another file"
    )]
    Head,
    /// The configuration in the first line is not whole.
    #[error("read the configuration in the log's first line")]
    Config {
        /// Where.
        #[source]
        source: ReadError,
    },
    /// A line is not whole.
    #[error("read line {line} of the log: it was cut or changed; the lines before it can be replayed")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Where.
        #[source]
        source: ReadError,
    },
}

/// Cuts the first line into the number of the core that wrote it and the configuration.
fn head_parts(line: &str) -> Option<(u32, &str)> {
    let (core, config) = line.strip_prefix(HEAD)?.strip_prefix(" core ")?.split_once(' ')?;
    Some((core.parse().ok()?, config))
}

/// Which core wrote the log ([`CORE`] of its time), from its first line. None where it is no log.
#[must_use]
pub fn written_by(head: &str) -> Option<u32> {
    head_parts(head).map(|(core, _)| core)
}

/// Reads the first line.
///
/// # Errors
/// When it is no log of this version.
pub fn read_head(line: &str) -> Result<MeetingConfig, ReadLogError> {
    let (_, config) = head_parts(line).ok_or(ReadLogError::Head)?;
    from_text(config).map_err(|source| ReadLogError::Config { source })
}

/// Reads a further line.
///
/// # Errors
/// When it is not whole.
pub fn read_line(line: &str) -> Result<(MonoTime, Step), ReadError> {
    let Stamped { at, step } = from_text(line)?;
    Ok((at, step))
}

struct Stamped {
    at: MonoTime,
    step: Step,
}

impl Coded for Stamped {
    fn write(&self, to: &mut Writer) {
        self.at.write(to);
        self.step.write(to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        Ok(Self { at: Coded::read(from)?, step: Coded::read(from)? })
    }
}

/// Repeats a whole log and returns each output with the time of the step that made it.
///
/// # Errors
/// When a line cannot be read.
pub fn replay(text: &str) -> Result<Vec<(MonoTime, Output)>, ReadLogError> {
    let mut lines = text.lines().enumerate();
    let config = read_head(lines.next().map_or("", |(_, line)| line))?;
    let mut meeting = Meeting::new(config.clone());
    let mut outputs = Vec::new();
    for (at, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let (now, step) = read_line(line).map_err(|source| ReadLogError::Line { line: at + 1, source })?;
        match step {
            Step::Input { input } => meeting.handle_input(now, input),
            Step::Timeout => meeting.handle_timeout(now),
            Step::Restore { snapshot } => meeting = Meeting::restore(config.clone(), *snapshot, now),
        }
        outputs.extend(std::iter::from_fn(|| meeting.poll_output()).map(|output| (now, output)));
    }
    Ok(outputs)
}
