//! Verifying an export, line by line: what it proves, or the name of what is wrong and where.

use std::io::BufRead;

use prim_ids::WallTime;

use super::keys::Reign;
use super::lines::{Lines, MAX_LINE_BYTES};
use super::walk::Walk;
use super::{KeyLine, Line, Opening, Range, VerifyError, heads as head_lines, listed};
use crate::{CounterSigned, KeySet};

/// What a verified export proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The chain and its range.
    pub range: Range,
    /// How many records it holds.
    pub records: u64,
    /// How many of them have lost a value to erasure, or never had one of theirs exported.
    pub erased: u64,
    /// How many have a version or kind this reader does not know; their bytes are proven all the same.
    pub unknown: u64,
    /// Sequence numbers that the device itself says were lost.
    pub lost: Vec<(u64, u64)>,
    /// Heads that the device signed inside the range.
    pub heads: u64,
    /// Handovers from one key to the next inside the range.
    pub rotations: u64,
}

/// Verifies an export with nothing but public keys.
///
/// Proven by an `Ok`: the gateway of the first line signed this range at its time; the records in it are the ones
/// the device wrote, unchanged, complete but for what the device itself declares lost, and in order; each key took
/// over from the one before with its consent; every value still there is the one attested.
/// Not proven: that what was recorded is true, nor anything after the range's end.
pub fn verify(reader: impl BufRead, keys: &KeySet) -> Result<Report, VerifyError> {
    let mut lines = Lines::of(reader);
    let (opening, text) = read_opening(&mut lines)?;
    let range = &opening.export;
    if !keys.trusts_gateway(&range.gateway, &opening.key) {
        let (gateway, key) = (range.gateway.clone(), opening.key);
        return Err(if keys.names_a_gateway() {
            VerifyError::ForeignGateway { gateway, key }
        } else {
            VerifyError::NoGatewayKey { gateway, key }
        });
    }
    if !opening.holds() || opening.encode().as_bytes() != text {
        return Err(VerifyError::ChangedRange);
    }

    let mut walk = Walk::new(range);
    let mut history: Vec<KeyLine> = Vec::new();
    let mut heads: Vec<CounterSigned> = Vec::new();
    let mut records = false;
    while let Some((number, line)) = read_line(&mut lines)? {
        match line {
            Line::Key(_) if records || !heads.is_empty() => {
                return Err(VerifyError::MisplacedLine { line: number });
            }
            Line::Head(_) if records => return Err(VerifyError::MisplacedLine { line: number }),
            Line::Key(key) => history.push(key),
            Line::Head(head) => heads.push(head),
            Line::Record(record) => {
                records = true;
                walk.take(&record)?;
            }
        }
    }
    walk.finish(&heads)?;
    listed::agree_with_records(range, &history, &walk.rotations)?;
    listed::are_the_signed(&range.keys, &history)?;
    head_lines::are_the_signed(range.heads, &heads)?;
    Reign::of(range, history, &walk.rotations, keys, opening.key)?.check_heads(range, &heads, keys)?;
    Ok(Report {
        records: walk.hashes.len() as u64,
        erased: walk.erased,
        unknown: walk.unknown,
        lost: walk.gaps.iter().map(|gap| (gap.from, gap.to)).collect(),
        heads: heads.len() as u64,
        rotations: walk.rotations.len() as u64,
        range: opening.export,
    })
}

impl Report {
    /// The moment the gateway signed the range.
    #[must_use]
    pub fn as_of(&self) -> WallTime {
        self.range.at_wall_ms
    }
}

/// The next line after the signed opening: what no gateway writes is not a bad file there, but a changed one.
fn read_line(lines: &mut Lines<impl BufRead>) -> Result<Option<(u64, Line)>, VerifyError> {
    let (number, text) = match lines.next() {
        Ok(Some(next)) => next,
        Ok(None) => return Ok(None),
        Err(VerifyError::LineTooLong { line }) => {
            return Err(VerifyError::ChangedLine { line, byte: MAX_LINE_BYTES + 1 });
        }
        Err(error) => return Err(error),
    };
    let changed = |byte: usize| VerifyError::ChangedLine { line: number, byte: byte as u64 };
    // The reader counts from 1, but says 0 of a line that is empty.
    let line: Line = serde_json::from_slice(&text).map_err(|error| changed(error.column().max(1)))?;
    let written = line.encode();
    if written.as_bytes() == text {
        return Ok(Some((number, line)));
    }
    let same = written.bytes().zip(&text).take_while(|(written, read)| written == *read).count();
    Err(changed(same + 1))
}

/// The opening, and its bytes.
fn read_opening(lines: &mut Lines<impl BufRead>) -> Result<(Opening, Vec<u8>), VerifyError> {
    #[derive(serde::Deserialize)]
    struct Outer {
        export: Version,
    }
    #[derive(serde::Deserialize)]
    struct Version {
        v: u32,
    }
    let (line, text) = lines.next()?.ok_or(VerifyError::Empty)?;
    let malformed = |source| VerifyError::Malformed { line, source };
    let outer: Outer = serde_json::from_slice(&text).map_err(malformed)?;
    if outer.export.v != 1 {
        return Err(VerifyError::Newer { v: outer.export.v });
    }
    let opening = serde_json::from_slice(&text).map_err(malformed)?;
    Ok((opening, text))
}
