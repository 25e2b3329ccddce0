//! What the tests share: records that know their own place, a small generator, a check of the chain.

// Each test binary uses its own part of this module.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use prim_ids::{BootId, EpochId, MeetingId, MonoTime, Stream};
use prim_spool::{Encoded, Limits, Moment, Slot, Spool, StoredRow, WriteLoss};

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same test.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let n = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        n ^ (n >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    pub(crate) fn stream(&mut self) -> Stream {
        Stream::ALL[self.below(6) as usize]
    }
}

/// Not a cryptographic hash, but one that differs: the spool never looks into it.
pub(crate) fn link(prev: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (i, part) in out.chunks_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (i, prev, bytes).hash(&mut hasher);
        part.copy_from_slice(&hasher.finish().to_be_bytes());
    }
    out
}

/// `<stream> <epoch> <seq> <text>`, linked.
pub(crate) fn encode(slot: Slot, text: &str) -> Encoded {
    let bytes = format!("{} {} {} {text}", slot.stream, slot.epoch, slot.seq).into_bytes();
    Encoded { hash: link(&slot.prev, &bytes), bytes, erasable: None, meeting: None }
}

pub(crate) fn encode_private(slot: Slot, text: &str, meeting: MeetingId, words: &str) -> Encoded {
    Encoded { erasable: Some(words.as_bytes().to_vec()), meeting: Some(meeting), ..encode(slot, text) }
}

pub(crate) fn write_loss() -> WriteLoss {
    Box::new(|_, slot, loss| encode(slot, &format!("lost {} {} {:?}", loss.from, loss.to, loss.reason)))
}

pub(crate) fn moment(ms: u64) -> Moment {
    Moment { boot: BootId::from_u128(1), at: MonoTime::from_millis(ms) }
}

pub(crate) fn epoch() -> EpochId {
    EpochId::from_u128(0xABC)
}

pub(crate) fn roomy() -> Limits {
    Limits { reserve_bytes: 4096, ..Limits::default() }
}

/// All rows of a stream, after checking that each links to the one before, across losses too.
pub(crate) fn rows(spool: &Spool, stream: Stream) -> Vec<StoredRow> {
    let rows = spool.read(stream, 1, usize::MAX >> 1).expect("reading works");
    let mut before: Option<&StoredRow> = None;
    for row in &rows {
        assert_eq!(row.hash, link(&row.prev, &row.bytes), "{stream} {}: the hash fits the bytes", row.seq);
        assert!(
            row.bytes.starts_with(format!("{stream} {} {} ", spool.epoch(), row.seq).as_bytes()),
            "{stream} {}: the record knows its place",
            row.seq
        );
        if let Some(before) = before {
            assert_eq!(row.seq, before.seq + 1, "{stream}: no number is missing");
            assert_eq!(row.prev, before.hash, "{stream} {}: the link holds", row.seq);
        }
        before = Some(row);
    }
    let tip = spool.tip(stream);
    if let Some(last) = before {
        assert_eq!((tip.seq, tip.hash), (last.seq, last.hash), "{stream}: the head is the last record");
    }
    rows
}

/// What the producer was told is safe: stream → number → bytes.
#[derive(Debug, Default)]
pub(crate) struct Told(pub(crate) BTreeMap<(Stream, u64), Vec<u8>>);

impl Told {
    pub(crate) fn note(&mut self, stream: Stream, seq: u64, bytes: &[u8]) {
        self.0.insert((stream, seq), bytes.to_vec());
    }

    /// Acknowledged by the gateway: the spool may forget it.
    pub(crate) fn forget_through(&mut self, stream: Stream, through: u64) {
        self.0.retain(|(s, seq), _| *s != stream || *seq > through);
    }

    /// What the producer was told and the spool no longer has.
    pub(crate) fn missing_in(&self, spool: &Spool) -> Vec<(Stream, u64)> {
        let mut there = BTreeMap::new();
        for stream in Stream::ALL {
            for row in rows(spool, stream) {
                there.insert((stream, row.seq), row.bytes);
            }
        }
        self.0
            .iter()
            .filter(|(place, bytes)| there.get(place) != Some(bytes))
            .map(|(place, _)| *place)
            .collect()
    }
}
