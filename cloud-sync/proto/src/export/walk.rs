//! Following an export's records and naming the first that does not fit.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Range, RecordLine, VerifyError};
use crate::chain::Gap;
use crate::record::check_erasables;
use crate::{Audit, Body, ChainFields, CounterSigned, Hash, Hole, Reading, Rotation, Sealed, link};

pub(super) struct Walk<'a> {
    range: &'a Range,
    last: u64,
    hash: Hash,
    /// Number and hash of each record, rising.
    pub(super) hashes: Vec<(u64, Hash)>,
    pub(super) gaps: Vec<Gap>,
    holes: Vec<Hole>,
    /// Handovers, with the number of the record that carries them.
    pub(super) rotations: Vec<(u64, Rotation)>,
    pub(super) erased: u64,
    pub(super) unknown: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(range: &'a Range) -> Self {
        Self {
            range,
            last: range.from.saturating_sub(1),
            hash: range.before,
            hashes: Vec::new(),
            gaps: Vec::new(),
            holes: Vec::new(),
            rotations: Vec::new(),
            erased: 0,
            unknown: 0,
        }
    }

    pub(super) fn take(&mut self, line: &RecordLine) -> Result<(), VerifyError> {
        let expected = self.last.saturating_add(1);
        let Ok(chain) = ChainFields::of(&line.r) else {
            return Err(VerifyError::ChangedByte { seq: expected });
        };
        if link(chain.prev, line.r.as_bytes()) != line.h {
            // A record that links to the one before it stands in its own place, whatever number it claims.
            let seq = if chain.prev == self.hash { expected } else { chain.seq };
            return Err(VerifyError::ChangedByte { seq });
        }
        if chain.stream != self.range.stream || chain.epoch != self.range.epoch {
            return Err(VerifyError::ForeignRow { seq: chain.seq });
        }
        self.place(&chain)?;
        self.read(line, &chain)?;
        self.last = chain.seq;
        self.hash = line.h;
        self.hashes.push((chain.seq, line.h));
        Ok(())
    }

    /// Checks the record's number and link against what came before.
    fn place(&mut self, chain: &ChainFields) -> Result<(), VerifyError> {
        let (seq, expected) = (chain.seq, self.last.saturating_add(1));
        if seq > self.range.to {
            return Err(VerifyError::AddedRow { seq, to: self.range.to });
        }
        if seq < expected {
            // It stands in a gap: what follows that gap came too early.
            let gap = self.gaps.iter().find(|gap| (gap.from..=gap.to).contains(&seq));
            return Err(gap.map_or(VerifyError::RepeatedRow { seq }, |gap| VerifyError::SwappedOrder {
                seq: gap.to + 1,
                expected: gap.from,
            }));
        }
        if seq > expected {
            self.gaps.push(Gap { from: expected, to: seq - 1, before: self.hash, last: chain.prev });
        } else if chain.prev != self.hash {
            // This record agrees with itself, so the one before is not the one it followed.
            return Err(VerifyError::ChangedByte {
                seq: if self.hashes.is_empty() { seq } else { self.last },
            });
        }
        Ok(())
    }

    fn read(&mut self, line: &RecordLine, chain: &ChainFields) -> Result<(), VerifyError> {
        let seq = chain.seq;
        match Reading::of(&line.r) {
            Ok(Reading::Known(record)) => {
                if record.org != self.range.org || record.device != self.range.device {
                    return Err(VerifyError::ForeignRow { seq });
                }
                match record.body {
                    Some(Body::Hole(hole)) => self.holes.push(hole),
                    Some(Body::Audit(Audit::KeyRotated { rotation })) => self.rotations.push((seq, rotation)),
                    Some(_) => {}
                    None => self.unknown += 1,
                }
            }
            // The device wrote it so, as its hash proves; what it means is not for this reader.
            Ok(Reading::Newer(_)) | Err(_) => self.unknown += 1,
        }
        check_erasables(&line.r, seq, &line.e).map_err(|_| VerifyError::ChangedValue { seq })?;
        self.erased += u64::from(sealed_fields(&line.r) > line.e.0.len());
        Ok(())
    }

    /// Checks the end of the chain and what is missing in it.
    pub(super) fn finish(&self, heads: &[CounterSigned]) -> Result<(), VerifyError> {
        let range = self.range;
        if let Some(gap) = self.gaps.iter().find(|gap| !self.holes.iter().any(|hole| gap.explained_by(hole)))
        {
            return Err(VerifyError::RemovedRow { seq: gap.from });
        }
        if self.last < range.to {
            return Err(VerifyError::CutTail { to: range.to, last: self.last });
        }
        for head in heads.iter().map(|head| &head.signed.head) {
            let hash =
                self.hashes.binary_search_by_key(&head.seq, |(seq, _)| *seq).map(|at| self.hashes[at].1);
            if head.seq > range.to {
                return Err(VerifyError::CutTail { to: head.seq, last: range.to });
            }
            if hash.is_ok_and(|hash| hash != head.hash) {
                return Err(VerifyError::RewrittenChain { seq: head.seq });
            }
        }
        if self.hash != range.head {
            return Err(VerifyError::ChangedByte { seq: range.to });
        }
        Ok(())
    }
}

/// How many erasable values the record was written with.
fn sealed_fields(raw: &str) -> usize {
    #[derive(Deserialize)]
    struct OnlyBody<'a> {
        #[serde(borrow)]
        body: std::collections::BTreeMap<String, &'a RawValue>,
    }
    let is_sealed = |value: &&RawValue| serde_json::from_str::<Sealed>(value.get()).is_ok();
    serde_json::from_str::<OnlyBody<'_>>(raw)
        .map_or(0, |only| only.body.into_values().filter(is_sealed).count())
}
