//! The judgement against a naive model: a set of what was written, and a link that delivers it badly.

use std::collections::BTreeMap;

use prim_ids::{EpochId, Stream};
use prim_proto::{ChainFields, Hash, Hole, HoleReason, link};
use proptest::prelude::*;

use super::*;

fn epoch() -> EpochId {
    EpochId::from_u128(1)
}

#[derive(Clone, Debug)]
struct Written {
    chain: ChainFields,
    hash: Hash,
    hole: Option<Hole>,
}

impl Written {
    fn at(seq: u64, prev: Hash, what: &str, hole: Option<Hole>) -> Self {
        let raw = format!("{what} {seq}");
        let hash = link(prev, raw.as_bytes());
        Self { chain: ChainFields { v: 1, stream: Stream::Audit, epoch: epoch(), seq, prev }, hash, hole }
    }

    fn candidate(&self) -> Candidate<'_> {
        Candidate { chain: &self.chain, hash: self.hash, hole: self.hole.as_ref() }
    }
}

fn chain(length: u64) -> Vec<Written> {
    let mut prev = Hash::ZERO;
    (1..=length)
        .map(|seq| {
            let record = Written::at(seq, prev, "record", None);
            prev = record.hash;
            record
        })
        .collect()
}

/// The tables, kept naively.
#[derive(Default, Clone)]
struct Tables {
    records: BTreeMap<u64, Hash>,
    quarantine: Vec<(u64, Hash)>,
    holes: Vec<Gap>,
}

impl Tables {
    fn known(&self, seq: u64, hash: Hash) -> Known {
        if self.records.get(&seq) == Some(&hash) || self.quarantine.contains(&(seq, hash)) {
            Known::Same
        } else if self.records.contains_key(&seq) || self.quarantine.iter().any(|&(at, _)| at == seq) {
            Known::Other
        } else {
            Known::Nothing
        }
    }

    /// Takes a batch; the answer is where the stream stands.
    fn take(&mut self, standing: Standing, batch: &[Written]) -> Standing {
        let candidates: Vec<Candidate<'_>> = batch.iter().map(Written::candidate).collect();
        let judgement = judge(standing, &candidates, |seq, hash| self.known(seq, hash));
        assert_eq!(judgement.fates.len(), batch.len());
        for (record, fate) in batch.iter().zip(&judgement.fates) {
            let (seq, hash) = (record.chain.seq, record.hash);
            match fate {
                Fate::Append | Fate::Fill | Fate::AppendAfter(_) => {
                    assert_eq!(self.records.insert(seq, hash), None, "record {seq} is stored twice");
                    if let Fate::AppendAfter(gap) = fate {
                        self.holes.push(*gap);
                    }
                }
                Fate::Forked(gap) => {
                    self.quarantine.push((seq, hash));
                    self.holes.push(*gap);
                }
                Fate::Conflict => self.quarantine.push((seq, hash)),
                Fate::Duplicate | Fate::Waits => {}
            }
        }
        assert!(judgement.standing.tip.seq >= standing.tip.seq, "the acknowledgement went back");
        judgement.standing
    }
}

fn start() -> Standing {
    Standing { tip: Tip::start(Stream::Audit, epoch()), asked: None }
}

#[test]
fn a_second_delivery_stores_nothing_and_moves_nothing() {
    let all = chain(5);
    let mut tables = Tables::default();
    let standing = tables.take(start(), &all);
    assert_eq!(standing.tip.seq, 5);
    assert_eq!(tables.take(standing, &all), standing);
    assert_eq!(tables.records.len(), 5);
}

#[test]
fn a_gap_is_asked_about_before_it_is_admitted() {
    let all = chain(9);
    let mut tables = Tables::default();
    let standing = tables.take(start(), &all[..3]);
    let asked = tables.take(standing, &all[6..]);
    assert_eq!((asked.tip.seq, asked.asked), (3, Some((4, 6))));
    // The device has them after all.
    let filled = tables.take(asked, &all[3..]);
    assert_eq!((filled.tip.seq, filled.asked), (9, None));
    assert!(tables.holes.is_empty());
}

#[test]
fn a_gap_that_the_device_cannot_fill_becomes_a_hole() {
    let all = chain(9);
    let mut tables = Tables::default();
    let standing = tables.take(start(), &all[..3]);
    let asked = tables.take(standing, &all[6..]);
    let admitted = tables.take(asked, &all[6..]);
    assert_eq!(admitted.tip.seq, 9);
    assert_eq!(tables.holes.len(), 1);
    assert_eq!((tables.holes[0].from, tables.holes[0].to), (4, 6));
}

#[test]
fn a_hole_record_in_the_same_batch_explains_the_gap_at_once() {
    let mut all = chain(8);
    let hole =
        Hole { from: 4, to: 6, reason: HoleReason::QuotaBytes, before: all[2].hash, last: all[5].hash };
    all.push(Written::at(9, all[7].hash, "hole", Some(hole)));
    let mut tables = Tables::default();
    let standing = tables.take(start(), &all[..3]);
    assert_eq!(tables.take(standing, &all[6..]).tip.seq, 9);
}

#[test]
fn the_same_number_with_another_hash_is_quarantined_once() {
    let all = chain(4);
    let other = Written::at(3, all[1].hash, "forged", None);
    let mut tables = Tables::default();
    let standing = tables.take(start(), &all);
    let after = tables.take(standing, std::slice::from_ref(&other));
    assert_eq!(after, standing);
    tables.take(after, std::slice::from_ref(&other));
    assert_eq!(tables.quarantine, vec![(3, other.hash)]);
    assert_eq!(tables.records[&3], all[2].hash);
}

#[test]
fn a_fork_is_quarantined_and_the_stream_goes_on_behind_it() {
    let all = chain(3);
    let fork = Written::at(4, Hash([9; 32]), "fork", None);
    let next = Written::at(5, fork.hash, "after", None);
    let mut tables = Tables::default();
    let standing = tables.take(start(), &all);
    let standing = tables.take(standing, &[fork.clone(), next.clone()]);
    assert_eq!(standing.tip.seq, 5);
    assert_eq!(tables.quarantine, vec![(4, fork.hash)]);
    assert_eq!(tables.take(standing, &[fork, next]), standing);
    assert_eq!(tables.records.len(), 4);
}

proptest! {
    /// Whatever is delivered, in whatever order and how often: nothing is stored twice, nothing that was not
    /// written is stored, and below the tip everything is stored but the holes that were admitted.
    #[test]
    fn any_delivery_stores_what_was_written_once(
        length in 1u64..40,
        deliveries in prop::collection::vec((0usize..40, 1usize..12), 0..60),
        lost in prop::collection::btree_set(0usize..40, 0..8),
    ) {
        let all = chain(length);
        let mut tables = Tables::default();
        let mut standing = start();
        for (from, count) in deliveries {
            let batch: Vec<Written> = (from..(from + count).min(all.len()))
                .filter(|index| !lost.contains(index))
                .map(|index| all[index].clone())
                .collect();
            if !batch.is_empty() {
                standing = tables.take(standing, &batch);
            }
        }
        for (seq, hash) in &tables.records {
            prop_assert_eq!(all[usize::try_from(*seq).unwrap() - 1].hash, *hash);
        }
        for seq in 1..=standing.tip.seq {
            let admitted = tables.holes.iter().any(|gap| gap.from <= seq && seq <= gap.to);
            prop_assert!(tables.records.contains_key(&seq) || admitted, "{} is missing below the tip", seq);
        }
        prop_assert!(tables.quarantine.is_empty());
    }

    /// A device that resends from where the gateway stands, over a link that repeats, delays and drops, ends with
    /// everything stored and no hole: what the uplink does.
    #[test]
    fn a_device_that_resends_from_the_acknowledgement_loses_nothing(
        length in 1u64..60,
        luck in prop::collection::vec((any::<bool>(), any::<bool>(), 1usize..9), 1..200),
    ) {
        let all = chain(length);
        let mut tables = Tables::default();
        let mut standing = start();
        let mut late: Option<Vec<Written>> = None;
        for (arrives, repeated, count) in luck {
            let from = usize::try_from(standing.tip.seq).unwrap();
            let batch: Vec<Written> = all[from..(from + count).min(all.len())].to_vec();
            if batch.is_empty() {
                break;
            }
            if arrives {
                standing = tables.take(standing, &batch);
                if repeated {
                    standing = tables.take(standing, &batch);
                }
            }
            if let Some(old) = late.replace(batch) {
                standing = tables.take(standing, &old);
            }
        }
        let from = usize::try_from(standing.tip.seq).unwrap();
        if from < all.len() {
            standing = tables.take(standing, &all[from..]);
        }
        prop_assert_eq!(standing.tip.seq, length);
        prop_assert_eq!(tables.records.len() as u64, length);
        prop_assert!(tables.holes.is_empty() && tables.quarantine.is_empty());
    }

    /// Forks and forgeries among the true records: each number is in `records` at most once, and nothing is lost:
    /// every record that was not told to wait is in one table or the other.
    #[test]
    fn nothing_that_was_taken_is_lost(
        length in 2u64..30,
        deliveries in prop::collection::vec((0usize..30, 1usize..8, any::<bool>()), 1..40),
    ) {
        let all = chain(length);
        let mut tables = Tables::default();
        let mut standing = start();
        for (from, count, forged) in deliveries {
            let mut batch: Vec<Written> = all.iter().skip(from).take(count).cloned().collect();
            let Some(first) = batch.first_mut() else { continue };
            if forged {
                *first = Written::at(first.chain.seq, first.chain.prev, "forged", None);
            }
            standing = tables.take(standing, &batch);
            for record in batch.iter().filter(|record| record.chain.seq <= standing.tip.seq) {
                prop_assert_eq!(tables.known(record.chain.seq, record.hash), Known::Same);
            }
        }
    }
}
