//! Tables and heads: what one transaction reads and writes.

use prim_ids::{BootId, MeetingId, Stream};
use rusqlite::{Connection, Row, Transaction, params};

use crate::{Encoded, Loss, LossReason, StoredRow, Tip};

/// The version of the tables; kept in SQLite's `user_version`.
pub(crate) const TABLES_VERSION: i64 = 2;

/// What SQLite needs beside a record's own bytes: key, two hashes, meeting, headers.
const ROW_OVERHEAD_BYTES: u64 = 128;

pub(crate) const TABLES: &str = "
CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch BLOB NOT NULL,
    boot BLOB,
    boot_at_ms INTEGER NOT NULL DEFAULT 0,
    on_ms INTEGER NOT NULL DEFAULT 0
);
-- The head stays when its records go. hash is that of record seq.
CREATE TABLE heads (
    stream INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL
);
-- id: the stream's code in the high byte, the number below. on_ms: how long the device had been on.
CREATE TABLE records (
    id INTEGER PRIMARY KEY,
    prev BLOB NOT NULL,
    hash BLOB NOT NULL,
    meeting BLOB,
    on_ms INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    erasable BLOB
);
-- Losses that nobody has acknowledged. row: the number of the record that admits it, null until written.
CREATE TABLE losses (
    stream INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    hash_before BLOB NOT NULL,
    hash_last BLOB NOT NULL,
    row INTEGER,
    PRIMARY KEY (stream, first)
);
";

/// What version 2 has and version 1 lacks: where the caller's records left it.
pub(crate) const STATE_TABLE: &str =
    "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL);";

/// What is known of a stream without asking SQLite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) tip: Tip,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Default for Head {
    fn default() -> Self {
        Self { tip: Tip { seq: 0, hash: [0; 32] }, rows: 0, bytes: 0 }
    }
}

/// The stream's code in keys and tables.
pub(crate) const fn code(stream: Stream) -> i64 {
    match stream {
        Stream::Audit => 1,
        Stream::Note => 2,
        Stream::Utterance => 3,
        Stream::Event => 4,
        Stream::Usage => 5,
        Stream::Metric => 6,
    }
}

/// The stream's place in arrays of six.
pub(crate) fn index(stream: Stream) -> usize {
    usize::try_from(code(stream) - 1).expect("codes are 1 to 6")
}

const SEQ_BITS: u32 = 56;

fn key(stream: Stream, seq: u64) -> i64 {
    (code(stream) << SEQ_BITS) | int(seq.min((1 << SEQ_BITS) - 1))
}

/// The numbers in SQLite are signed; ours stay far below.
pub(crate) fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn nat(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn seq_of(id: i64) -> u64 {
    nat(id & ((1 << SEQ_BITS) - 1))
}

/// What a record counts for in the limit.
pub(crate) fn size(record: &Encoded) -> u64 {
    let bytes = record.bytes.len() + record.erasable.as_ref().map_or(0, Vec::len);
    bytes as u64 + ROW_OVERHEAD_BYTES
}

pub(crate) fn load_heads(conn: &Connection) -> rusqlite::Result<[Head; 6]> {
    let mut heads = [Head::default(); 6];
    for stream in Stream::ALL {
        let head = &mut heads[index(stream)];
        let mut tip = conn.prepare("SELECT seq, hash FROM heads WHERE stream = ?1")?;
        let mut rows = tip.query(params![code(stream)])?;
        if let Some(row) = rows.next()? {
            head.tip = Tip { seq: nat(row.get(0)?), hash: row.get(1)? };
        }
        let sums = "SELECT count(*), coalesce(sum(length(bytes) + coalesce(length(erasable), 0) + ?3), 0)
                    FROM records WHERE id BETWEEN ?1 AND ?2";
        let range = params![key(stream, 0), key(stream, u64::MAX), int(ROW_OVERHEAD_BYTES)];
        (head.rows, head.bytes) =
            conn.query_row(sums, range, |row| Ok((nat(row.get(0)?), nat(row.get(1)?))))?;
    }
    Ok(heads)
}

pub(crate) fn insert(
    tx: &Transaction<'_>,
    stream: Stream,
    seq: u64,
    prev: &[u8; 32],
    on_ms: u64,
    record: &Encoded,
) -> rusqlite::Result<()> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO records (id, prev, hash, meeting, on_ms, bytes, erasable) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let meeting = record.meeting.map(|id| id.as_u128().to_be_bytes());
    statement.execute(params![
        key(stream, seq),
        prev,
        record.hash,
        meeting,
        int(on_ms),
        record.bytes,
        record.erasable
    ])?;
    Ok(())
}

pub(crate) fn save_tip(tx: &Transaction<'_>, stream: Stream, tip: Tip) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO heads (stream, seq, hash) VALUES (?1, ?2, ?3)")?
        .execute(params![code(stream), int(tip.seq), tip.hash])
        .map(|_| ())
}

pub(crate) fn read(
    conn: &Connection,
    stream: Stream,
    from: u64,
    max: usize,
) -> rusqlite::Result<Vec<StoredRow>> {
    conn.prepare_cached(
        "SELECT id, prev, hash, bytes, erasable, meeting FROM records WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
    )?
    .query_map(params![key(stream, from), key(stream, u64::MAX), int(max as u64)], stored_row)?
    .collect()
}

fn stored_row(row: &Row<'_>) -> rusqlite::Result<StoredRow> {
    let meeting: Option<[u8; 16]> = row.get(5)?;
    Ok(StoredRow {
        seq: seq_of(row.get(0)?),
        prev: row.get(1)?,
        hash: row.get(2)?,
        bytes: row.get(3)?,
        erasable: row.get(4)?,
        meeting: meeting.map(|id| MeetingId::from_u128(u128::from_be_bytes(id))),
    })
}

pub(crate) fn first_seq(conn: &Connection, stream: Stream) -> rusqlite::Result<Option<u64>> {
    let id: Option<i64> = conn
        .prepare_cached("SELECT min(id) FROM records WHERE id BETWEEN ?1 AND ?2")?
        .query_row(params![key(stream, 0), key(stream, u64::MAX)], |row| row.get(0))?;
    Ok(id.map(seq_of))
}

/// Deletes the records of `stream` through `through`; how many and how large they were.
pub(crate) fn delete_through(
    tx: &Transaction<'_>,
    stream: Stream,
    through: u64,
) -> rusqlite::Result<(u64, u64)> {
    let range = (key(stream, 0), key(stream, through));
    let (rows, bytes): (i64, i64) = tx
        .prepare_cached(
            "SELECT count(*), coalesce(sum(length(bytes) + coalesce(length(erasable), 0) + ?3), 0)
             FROM records WHERE id BETWEEN ?1 AND ?2",
        )?
        .query_row(params![range.0, range.1, int(ROW_OVERHEAD_BYTES)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    tx.prepare_cached("DELETE FROM records WHERE id BETWEEN ?1 AND ?2")?
        .execute(params![range.0, range.1])?;
    Ok((nat(rows), nat(bytes)))
}

/// The oldest records of `stream`: number, link, hash, size, age mark.
pub(crate) struct Oldest {
    pub(crate) seq: u64,
    pub(crate) prev: [u8; 32],
    pub(crate) hash: [u8; 32],
    pub(crate) bytes: u64,
    pub(crate) on_ms: u64,
}

/// Walks the oldest records of `stream` while `more` says so.
pub(crate) fn walk_oldest(
    conn: &Connection,
    stream: Stream,
    mut more: impl FnMut(Oldest) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT id, prev, hash, length(bytes) + coalesce(length(erasable), 0), on_ms
         FROM records WHERE id BETWEEN ?1 AND ?2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![key(stream, 0), key(stream, u64::MAX)])?;
    while let Some(row) = rows.next()? {
        let oldest = Oldest {
            seq: seq_of(row.get(0)?),
            prev: row.get(1)?,
            hash: row.get(2)?,
            bytes: nat(row.get(3)?) + ROW_OVERHEAD_BYTES,
            on_ms: nat(row.get(4)?),
        };
        if !more(oldest) {
            break;
        }
    }
    Ok(())
}

/// A loss that nobody has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenLoss {
    pub(crate) loss: Loss,
    /// The record that admits it.
    pub(crate) row: Option<u64>,
}

pub(crate) fn load_losses(conn: &Connection, stream: Stream) -> rusqlite::Result<Vec<OpenLoss>> {
    conn.prepare_cached(
        "SELECT first, last, reason, hash_before, hash_last, row FROM losses WHERE stream = ?1 ORDER BY first",
    )?
    .query_map(params![code(stream)], |row| {
        let reason = match row.get(2)? {
            1i64 => LossReason::QuotaBytes,
            2 => LossReason::QuotaAge,
            4 => LossReason::DiskFault,
            _ => LossReason::DiskFull,
        };
        let (from, to) = (nat(row.get(0)?), nat(row.get(1)?));
        let loss = Loss { from, to, reason, before: row.get(3)?, last: row.get(4)? };
        Ok(OpenLoss { loss, row: row.get::<_, Option<i64>>(5)?.map(nat) })
    })?
    .collect()
}

pub(crate) fn save_losses(tx: &Transaction<'_>, stream: Stream, losses: &[OpenLoss]) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM losses WHERE stream = ?1")?.execute(params![code(stream)])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO losses (stream, first, last, reason, hash_before, hash_last, row) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for OpenLoss { loss, row } in losses {
        let reason = match loss.reason {
            LossReason::QuotaBytes => 1i64,
            LossReason::QuotaAge => 2,
            LossReason::DiskFull => 3,
            LossReason::DiskFault => 4,
        };
        insert.execute(params![
            code(stream),
            int(loss.from),
            int(loss.to),
            reason,
            loss.before,
            loss.last,
            row.map(int)
        ])?;
    }
    Ok(())
}

pub(crate) fn load_state(conn: &Connection) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut statement = conn.prepare_cached("SELECT bytes FROM state")?;
    let mut rows = statement.query([])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

pub(crate) fn save_state(conn: &Connection, state: &[u8]) -> rusqlite::Result<()> {
    conn.prepare_cached("INSERT OR REPLACE INTO state (one, bytes) VALUES (1, ?1)")?
        .execute(params![state])
        .map(|_| ())
}

pub(crate) fn forget_state(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM state", []).map(|_| ())
}

/// How long the device has been on in this spool's life, from monotonic clocks alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnTime {
    pub(crate) boot: Option<BootId>,
    pub(crate) boot_at_ms: u64,
    pub(crate) on_ms: u64,
}

pub(crate) fn load_on_time(conn: &Connection) -> rusqlite::Result<OnTime> {
    conn.query_row("SELECT boot, boot_at_ms, on_ms FROM meta", [], |row| {
        let boot: Option<[u8; 16]> = row.get(0)?;
        Ok(OnTime {
            boot: boot.map(|id| BootId::from_u128(u128::from_be_bytes(id))),
            boot_at_ms: nat(row.get(1)?),
            on_ms: nat(row.get(2)?),
        })
    })
}

pub(crate) fn save_on_time(conn: &Connection, on: OnTime) -> rusqlite::Result<()> {
    let boot = on.boot.map(|id| id.as_u128().to_be_bytes());
    conn.prepare_cached("UPDATE meta SET boot = ?1, boot_at_ms = ?2, on_ms = ?3")?
        .execute(params![boot, int(on.boot_at_ms), int(on.on_ms)])
        .map(|_| ())
}

/// Sets the erasable values of `meeting` to nothing; how many and how large they were per stream.
pub(crate) fn erase(tx: &Transaction<'_>, meeting: MeetingId) -> rusqlite::Result<[(u64, u64); 6]> {
    let meeting = meeting.as_u128().to_be_bytes();
    let mut erased = [(0, 0); 6];
    for stream in Stream::ALL {
        let range = params![key(stream, 0), key(stream, u64::MAX), meeting];
        erased[index(stream)] = tx
            .prepare_cached(
                "SELECT count(*), coalesce(sum(length(erasable)), 0) FROM records
                 WHERE id BETWEEN ?1 AND ?2 AND meeting = ?3 AND erasable IS NOT NULL",
            )?
            .query_row(range, |row| Ok((nat(row.get(0)?), nat(row.get(1)?))))?;
    }
    tx.prepare_cached("UPDATE records SET erasable = NULL WHERE meeting = ?1 AND erasable IS NOT NULL")?
        .execute(params![meeting])?;
    Ok(erased)
}
