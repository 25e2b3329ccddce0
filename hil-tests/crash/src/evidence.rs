//! What each witness says, as values: gathered once everything has come to rest.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use prim_ids::{EpochId, Stream};
use prim_proto::Hash;
use prim_proto::witness::{Place, Witness};
use prim_spool::{Encoded, Limits, Spool, Tip};

use crate::ears::Ring;
use crate::stage::Stage;

/// A row of `records`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) hash: Hash,
    pub(crate) status: String,
    pub(crate) raw: String,
}

/// Everything the judge looks at.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) witness: Witness,
    /// The spool's life.
    pub(crate) epoch: EpochId,
    /// How far each stream of the spool reaches.
    pub(crate) tips: BTreeMap<Stream, Tip>,
    /// Records that were not sent.
    pub(crate) unsent: u64,
    /// In the order of stream, epoch, number.
    pub(crate) rows: Vec<Row>,
    pub(crate) cursors: BTreeMap<(Stream, EpochId), (u64, Hash)>,
    /// Tables that must be empty, and how many rows they have.
    pub(crate) unwanted: Vec<(&'static str, u64)>,
    /// What `prim audit verify` said of each stream's export.
    pub(crate) verified: Vec<(Stream, Option<String>)>,
    pub(crate) rings: Vec<Ring>,
}

/// What the spool says of itself after its owner has stopped.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    pub(crate) epoch: EpochId,
    pub(crate) tips: BTreeMap<Stream, Tip>,
    pub(crate) unsent: u64,
}

impl Outbox {
    pub(crate) fn read(stage: &Stage) -> anyhow::Result<Self> {
        let nothing = Encoded { bytes: Vec::new(), erasable: None, hash: [0; 32], meeting: None };
        let spool = Spool::open(
            &stage.spool(),
            Limits::default(),
            EpochId::from_u128(0),
            Box::new(move |_, _, _| nothing.clone()),
        )?;
        let tips = Stream::ALL.into_iter().map(|stream| (stream, spool.tip(stream))).collect();
        Ok(Self { epoch: spool.epoch(), tips, unsent: spool.depth()?.rows })
    }
}

/// What the witness file says now.
pub(crate) fn read_witness(stage: &Stage) -> anyhow::Result<Witness> {
    let path = stage.witness();
    let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(Witness::read(&text)?)
}

/// How many records are in the table.
pub(crate) fn count_rows(stage: &Stage) -> anyhow::Result<u64> {
    Ok(stage.sql("SELECT count(*) FROM records")?.parse()?)
}

pub(crate) fn read_rows(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let text = stage.sql(
        "SELECT c.stream, c.epoch, r.seq, encode(r.hash, 'hex'), r.status, r.raw
         FROM records r JOIN cursors c ON c.id = r.cursor_id ORDER BY 1, 2, 3",
    )?;
    text.lines().map(row).collect()
}

fn row(line: &str) -> anyhow::Result<Row> {
    let [stream, epoch, seq, hash, status, raw] = line.splitn(6, '|').collect::<Vec<_>>()[..] else {
        bail!("read a row of the table: {line:?}");
    };
    Ok(Row {
        place: (stream.parse()?, epoch.parse()?, seq.parse()?),
        hash: hash.parse()?,
        status: status.to_owned(),
        raw: raw.to_owned(),
    })
}

pub(crate) fn read_cursors(stage: &Stage) -> anyhow::Result<BTreeMap<(Stream, EpochId), (u64, Hash)>> {
    let text = stage.sql("SELECT stream, epoch, seq, encode(hash, 'hex') FROM cursors")?;
    text.lines()
        .map(|line| {
            let [stream, epoch, seq, hash] = line.split('|').collect::<Vec<_>>()[..] else {
                bail!("read a cursor: {line:?}");
            };
            Ok(((stream.parse()?, epoch.parse()?), (seq.parse()?, hash.parse()?)))
        })
        .collect()
}

pub(crate) fn count_unwanted(stage: &Stage) -> anyhow::Result<Vec<(&'static str, u64)>> {
    ["quarantine", "rejected", "holes"]
        .into_iter()
        .map(|table| Ok((table, stage.sql(&format!("SELECT count(*) FROM {table}"))?.parse()?)))
        .collect()
}
