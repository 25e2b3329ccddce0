//! Whether the key lines are the ones the gateway signed, and agree with the records that brought the keys.

use super::{KeyLine, Range, VerifyError};
use crate::{Hash, Rotation, Stream};

/// Each key counts from the record that brought it, where that record stands in the export; the first from 1 on.
pub(super) fn agree_with_records(
    range: &Range,
    lines: &[KeyLine],
    rotations: &[(u64, Rotation)],
) -> Result<(), VerifyError> {
    for line in lines {
        let (key, from_seq) = (line.key, line.from_seq);
        let belongs: Vec<u64> = match line.rotation {
            None => vec![1],
            // The other streams have no such records.
            Some(_) if range.stream != Stream::Audit => continue,
            Some(listed) => {
                rotations.iter().filter(|(_, rotation)| *rotation == listed).map(|(seq, _)| *seq).collect()
            }
        };
        match belongs.first() {
            Some(&first) if !belongs.contains(&from_seq) => {
                return Err(VerifyError::MovedKey { key, from_seq, belongs: first });
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Whether `lines` are those whose hashes the opening carries, all of them, in order.
pub(super) fn are_the_signed(signed: &[Hash], lines: &[KeyLine]) -> Result<(), VerifyError> {
    let found: Vec<Hash> = lines.iter().map(KeyLine::digest).collect();
    let Some(at) = (0..signed.len().max(found.len())).find(|&at| signed.get(at) != found.get(at)) else {
        return Ok(());
    };
    let number = at + 1;
    let count = signed.len();
    let sorted = |hashes: &[Hash]| {
        let mut hashes = hashes.to_vec();
        hashes.sort_unstable();
        hashes
    };
    Err(if found.len() < count {
        VerifyError::DroppedKey { number, signed: count }
    } else if found.len() > count {
        VerifyError::AddedKey { number, signed: count }
    } else if sorted(&found) == sorted(signed) {
        VerifyError::SwappedKeys { number }
    } else {
        VerifyError::ChangedKey { number }
    })
}
