//! What happens to each record of a batch: pure, decided against the locked cursor.
//!
//! A record that follows is appended. One that is there is a duplicate. The same number with another hash, or a
//! link to another predecessor, is quarantined. A gap is asked about once (nothing after it is taken, so the
//! acknowledgement repeats where the gateway stands); the device then sends what is missing, or, having lost it,
//! sends the same again, and the gap is admitted as a hole. A hole record in the same batch explains it at once.

use prim_proto::chain::{Gap, Tip};
use prim_proto::{ChainFields, Hash, Hole};

/// Where a stream stands, and the gap that was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The last stored record.
    pub tip: Tip,
    /// First and last missing number of a gap that was asked about.
    pub asked: Option<(u64, u64)>,
}

/// A record as far as the judgement needs it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its place.
    pub chain: &'a ChainFields,
    /// `link` over its predecessor and its bytes, as the reader computed it.
    pub hash: Hash,
    /// The loss it admits, if that is what it says.
    pub hole: Option<&'a Hole>,
}

/// What the tables know about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Nothing.
    Nothing,
    /// This very record, in `records` or in `quarantine`.
    Same,
    /// Another record.
    Other,
}

/// What happens to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Stored; the tip moves to it.
    Append,
    /// Stored after an admitted hole; the tip moves to it.
    AppendAfter(Gap),
    /// Stored inside a hole that was admitted before it came; the tip stays.
    Fill,
    /// Already there.
    Duplicate,
    /// The number is taken by another hash: quarantined.
    Conflict,
    /// Names another predecessor: quarantined, and the chain goes on from it with a hole in its place.
    Forked(Gap),
    /// Not taken: something before it is missing and was asked for.
    Waits,
}

/// The judgement on a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// One for each record, in order.
    pub fates: Vec<Fate>,
    /// Where the stream stands afterwards.
    pub standing: Standing,
}

/// Judges `batch`, whose records rise in number, against `standing`.
#[must_use]
pub fn judge(standing: Standing, batch: &[Candidate<'_>], known: impl Fn(u64, Hash) -> Known) -> Judgement {
    let mut now = standing;
    let mut fates = Vec::with_capacity(batch.len());
    for (index, record) in batch.iter().enumerate() {
        let fate = one(&mut now, *record, &batch[index..], &known);
        fates.push(fate);
        if fate == Fate::Waits {
            fates.resize(batch.len(), Fate::Waits);
            break;
        }
    }
    Judgement { fates, standing: now }
}

fn one(
    now: &mut Standing,
    record: Candidate<'_>,
    rest: &[Candidate<'_>],
    known: &impl Fn(u64, Hash) -> Known,
) -> Fate {
    // The same steps as `Tip::follow`, which would hash every record a second time.
    let (seq, hash, tip) = (record.chain.seq, record.hash, now.tip);
    let next = Tip { seq, hash, ..tip };
    if seq <= tip.seq {
        return match known(seq, hash) {
            Known::Same => Fate::Duplicate,
            Known::Other => Fate::Conflict,
            Known::Nothing => Fate::Fill,
        };
    }
    let gap = Gap { from: tip.seq + 1, to: seq - 1, before: tip.hash, last: record.chain.prev };
    let fate = if gap.from <= gap.to {
        let explained = rest.iter().any(|later| later.hole.is_some_and(|hole| gap.explained_by(hole)));
        if !explained && now.asked != Some((gap.from, gap.to)) {
            now.asked = Some((gap.from, gap.to));
            return Fate::Waits;
        }
        Fate::AppendAfter(gap)
    } else if record.chain.prev == tip.hash {
        Fate::Append
    } else {
        Fate::Forked(Gap { from: seq, to: seq, before: tip.hash, last: hash })
    };
    now.tip = next;
    now.asked = None;
    fate
}

#[cfg(test)]
mod tests;
