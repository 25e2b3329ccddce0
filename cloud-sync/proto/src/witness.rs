//! The witness file: what a device put into its outbox, noted somewhere else, so that an auditor can hold the
//! gateway's table against something that never went over the wire.
//!
//! ```text
//! prim-witness 1
//! placed audit 01KB6Z3W7M0000000000000000 17 9f86d081…
//! kept audit 01KB6Z3W7M0000000000000000 17 9f86d081…
//! ```
//!
//! A record is `placed` when it has its number and hash and is about to be committed, and `kept` when the commit has
//! returned. A device that dies in between leaves `placed` alone; then the commit took place or it did not, and the
//! stream's next `placed` tells: it has the next number, or the same one again. So what the outbox ever held is,
//! for each number, **the last that was placed**; whether the very last record of a stream counts, its tip says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use prim_ids::{EpochId, Stream};

use crate::Hash;

/// The first line of a witness file.
pub const VERSION_LINE: &str = "prim-witness 1";

/// How far the record had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// About to be committed.
    Placed,
    /// Committed.
    Kept,
}

/// A record's place: stream, the spool's life, number.
pub type Place = (Stream, EpochId, u64);

/// One line after the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// How far the record had come.
    pub step: Step,
    /// Where it stands.
    pub place: Place,
    /// The link that the next record names.
    pub hash: Hash,
}

/// Why a witness file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadWitnessError {
    /// The file does not begin with [`VERSION_LINE`].
    #[error("read the first line of a witness file: want {VERSION_LINE:?}, found {found:?}")]
    Version {
        /// What it begins with.
        found: String,
    },
    /// A line that is none.
    #[error("read line {number} of a witness file: want \"placed|kept <stream> <epoch> <seq> <hash>\"")]
    Line {
        /// Counted from 1.
        number: usize,
    },
    /// A record was committed with another hash than it was placed with, or without having been placed.
    #[error(
        "read line {number} of a witness file: {stream} {seq} was kept, and what was placed there last is another"
    )]
    KeptAnother {
        /// Counted from 1.
        number: usize,
        /// The stream.
        stream: Stream,
        /// The number.
        seq: u64,
    },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self.step {
            Step::Placed => "placed",
            Step::Kept => "kept",
        };
        let (stream, epoch, seq) = self.place;
        write!(f, "{step} {stream} {epoch} {seq} {}", self.hash)
    }
}

impl FromStr for Line {
    type Err = ();
    fn from_str(line: &str) -> Result<Self, ()> {
        let [step, stream, epoch, seq, hash] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(());
        };
        let step = match step {
            "placed" => Step::Placed,
            "kept" => Step::Kept,
            _ => return Err(()),
        };
        let place =
            (stream.parse().map_err(|_| ())?, epoch.parse().map_err(|_| ())?, seq.parse().map_err(|_| ())?);
        Ok(Self { step, place, hash: hash.parse().map_err(|_| ())? })
    }
}

/// A witness file, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witness {
    /// For each place the last that was placed there.
    pub placed: BTreeMap<Place, Hash>,
    /// The places that are known to have been committed.
    pub kept: BTreeMap<Place, Hash>,
    /// How often a place was given anew: what had been placed there was never committed.
    pub again: u64,
}

impl Witness {
    /// Reads a whole file. A line that was cut by a power cut is followed by an empty one, and passed over; so is an
    /// unfinished last line.
    ///
    /// # Errors
    /// [`ReadWitnessError`].
    pub fn read(text: &str) -> Result<Self, ReadWitnessError> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut lines = (1..).zip(whole.split('\n')).peekable();
        match lines.next() {
            Some((_, VERSION_LINE)) => {}
            found => {
                let found = found.map_or("", |(_, line)| line).chars().take(60).collect();
                return Err(ReadWitnessError::Version { found });
            }
        }
        let mut witness = Self::default();
        while let Some((number, text)) = lines.next() {
            let Ok(line) = text.parse::<Line>() else {
                if text.is_empty() || lines.peek().is_some_and(|(_, next)| next.is_empty()) {
                    continue;
                }
                return Err(ReadWitnessError::Line { number });
            };
            witness.take(number, line)?;
        }
        Ok(witness)
    }

    fn take(&mut self, number: usize, line: Line) -> Result<(), ReadWitnessError> {
        match line.step {
            Step::Placed => {
                self.again += u64::from(self.placed.insert(line.place, line.hash).is_some());
            }
            Step::Kept => {
                let (stream, _, seq) = line.place;
                if self.placed.get(&line.place) != Some(&line.hash) {
                    return Err(ReadWitnessError::KeptAnother { number, stream, seq });
                }
                self.kept.insert(line.place, line.hash);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: Step, seq: u64, hash: u8) -> Line {
        Line { step, place: (Stream::Audit, EpochId::from_u128(5), seq), hash: Hash([hash; 32]) }
    }

    fn file(lines: &[Line]) -> String {
        lines.iter().fold(format!("{VERSION_LINE}\n"), |text, line| format!("{text}{line}\n"))
    }

    #[test]
    fn a_line_comes_back_as_it_was_written() {
        for line in [line(Step::Placed, 17, 3), line(Step::Kept, u64::MAX, 255)] {
            assert_eq!(line.to_string().parse(), Ok(line));
        }
    }

    #[test]
    fn a_number_that_is_placed_again_was_never_committed_before() {
        let text = file(&[
            line(Step::Placed, 1, 1),
            line(Step::Kept, 1, 1),
            line(Step::Placed, 2, 2),
            line(Step::Placed, 2, 9),
            line(Step::Kept, 2, 9),
            line(Step::Placed, 3, 4),
        ]);
        let witness = Witness::read(&text).unwrap();
        let hashes: Vec<u8> = witness.placed.values().map(|hash| hash.0[0]).collect();
        assert_eq!(hashes, [1, 9, 4]);
        assert_eq!((witness.kept.len(), witness.again), (2, 1));
    }

    #[test]
    fn what_is_kept_is_what_was_placed() {
        let text = file(&[line(Step::Placed, 1, 1), line(Step::Kept, 1, 2)]);
        let error = Witness::read(&text).unwrap_err();
        assert_eq!(error, ReadWitnessError::KeptAnother { number: 3, stream: Stream::Audit, seq: 1 });
    }

    #[test]
    fn a_cut_line_is_passed_over_only_where_a_cut_may_be() {
        let whole = file(&[line(Step::Placed, 1, 1)]);
        let read = Witness::read(&whole).unwrap();
        assert_eq!(Witness::read(&format!("{whole}placed aud")), Ok(read.clone()));
        assert_eq!(Witness::read(&format!("{whole}placed aud\n\n")), Ok(read));
        let error = Witness::read(&format!("{whole}placed aud\n{}\n", line(Step::Kept, 1, 1))).unwrap_err();
        assert_eq!(error, ReadWitnessError::Line { number: 3 });
        assert!(matches!(Witness::read("prim-witness 2\n"), Err(ReadWitnessError::Version { .. })));
    }
}
