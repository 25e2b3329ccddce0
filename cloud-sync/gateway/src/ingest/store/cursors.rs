//! The cursors of a group: locked, read, moved. Their row locks are what makes "exactly once" cheap.

use std::collections::{BTreeMap, HashMap};

use prim_proto::Hash;
use prim_proto::chain::Tip;
use sqlx::{PgConnection, Row as _};

use super::number;
use crate::ingest::judge::Standing;
use crate::ingest::read::Checked;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct CursorKey<'a> {
    pub(super) device: &'a str,
    pub(super) stream: &'static str,
    pub(super) epoch: prim_ids::EpochId,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    pub(super) id: i64,
    pub(super) standing: Standing,
}

pub(super) fn key_of(batch: &Checked) -> CursorKey<'_> {
    CursorKey { device: &batch.device.id, stream: batch.stream.as_str(), epoch: batch.epoch }
}

pub(super) async fn lock_cursors<'a>(
    tx: &mut PgConnection,
    group: &'a [Checked],
) -> Result<BTreeMap<CursorKey<'a>, Cursor>, sqlx::Error> {
    let wanted: BTreeMap<CursorKey<'a>, &'a Checked> =
        group.iter().map(|batch| (key_of(batch), batch)).collect();
    let mut found = read_cursors(tx, &wanted).await?;
    if found.len() < wanted.len() {
        sqlx::query(
            "INSERT INTO cursors (org_id, device_id, stream, epoch)
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) ON CONFLICT DO NOTHING",
        )
        .bind(wanted.values().map(|batch| batch.device.org_id.clone()).collect::<Vec<_>>())
        .bind(wanted.keys().map(|key| key.device.to_owned()).collect::<Vec<_>>())
        .bind(wanted.keys().map(|key| key.stream.to_owned()).collect::<Vec<_>>())
        .bind(wanted.keys().map(|key| key.epoch.to_string()).collect::<Vec<_>>())
        .execute(&mut *tx)
        .await?;
        found = read_cursors(tx, &wanted).await?;
    }
    Ok(found)
}

pub(super) async fn read_cursors<'a>(
    tx: &mut PgConnection,
    wanted: &BTreeMap<CursorKey<'a>, &'a Checked>,
) -> Result<BTreeMap<CursorKey<'a>, Cursor>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT c.id, c.device_id, c.stream, c.epoch, c.seq, c.hash, c.asked_from, c.asked_to FROM cursors c
         WHERE (c.device_id, c.stream, c.epoch) IN (SELECT * FROM unnest($1::text[], $2::text[], $3::text[]))
         ORDER BY c.id FOR UPDATE",
    )
    .bind(wanted.keys().map(|key| key.device.to_owned()).collect::<Vec<_>>())
    .bind(wanted.keys().map(|key| key.stream.to_owned()).collect::<Vec<_>>())
    .bind(wanted.keys().map(|key| key.epoch.to_string()).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    let mut found = BTreeMap::new();
    for row in rows {
        let (device, stream, epoch): (&str, &str, &str) =
            (row.try_get("device_id")?, row.try_get("stream")?, row.try_get("epoch")?);
        let Some((&key, batch)) = wanted
            .iter()
            .find(|(key, _)| key.device == device && key.stream == stream && key.epoch.to_string() == epoch)
        else {
            continue;
        };
        let hash: Vec<u8> = row.try_get("hash")?;
        let hash = Hash(hash.try_into().map_err(|_| sqlx::Error::RowNotFound)?);
        let seq = u64::try_from(row.try_get::<i64, _>("seq")?).unwrap_or(0);
        let ends: (Option<i64>, Option<i64>) = (row.try_get("asked_from")?, row.try_get("asked_to")?);
        let asked = match ends {
            (Some(from), Some(to)) => {
                Some((u64::try_from(from).unwrap_or(0), u64::try_from(to).unwrap_or(0)))
            }
            (Some(_) | None, _) => None,
        };
        let tip = Tip { stream: batch.stream, epoch: batch.epoch, seq, hash };
        found.insert(key, Cursor { id: row.try_get("id")?, standing: Standing { tip, asked } });
    }
    Ok(found)
}

/// What the tables hold under the numbers of `batch` that lie at or below the tip.
pub(super) async fn stored_hashes(
    tx: &mut PgConnection,
    cursor: &Cursor,
    batch: &Checked,
) -> Result<HashMap<u64, Vec<Hash>>, sqlx::Error> {
    let mut stored: HashMap<u64, Vec<Hash>> = HashMap::new();
    let first = batch.rows.first().map_or(0, |row| row.chain.seq);
    if first > cursor.standing.tip.seq {
        return Ok(stored);
    }
    let last = batch.rows.last().map_or(0, |row| row.chain.seq);
    let rows = sqlx::query(
        "SELECT seq, hash FROM records WHERE cursor_id = $1 AND seq BETWEEN $2 AND $3
         UNION ALL SELECT seq, hash FROM quarantine WHERE cursor_id = $1 AND seq BETWEEN $2 AND $3",
    )
    .bind(cursor.id)
    .bind(number(first))
    .bind(number(last))
    .fetch_all(tx)
    .await?;
    for row in rows {
        let hash: Vec<u8> = row.try_get("hash")?;
        if let (Ok(seq), Ok(hash)) = (u64::try_from(row.try_get::<i64, _>("seq")?), hash.try_into()) {
            stored.entry(seq).or_default().push(Hash(hash));
        }
    }
    Ok(stored)
}

pub(super) async fn move_cursors(
    tx: &mut PgConnection,
    cursors: &BTreeMap<CursorKey<'_>, Cursor>,
) -> Result<(), sqlx::Error> {
    let all: Vec<&Cursor> = cursors.values().collect();
    let end = |pick: fn((u64, u64)) -> u64| -> Vec<Option<i64>> {
        all.iter().map(|cursor| cursor.standing.asked.map(|asked| number(pick(asked)))).collect()
    };
    sqlx::query(
        "UPDATE cursors c SET seq = u.seq, hash = u.hash, asked_from = u.asked_from, asked_to = u.asked_to,
             updated_at = now()
         FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[])
             AS u(id, seq, hash, asked_from, asked_to) WHERE c.id = u.id",
    )
    .bind(all.iter().map(|cursor| cursor.id).collect::<Vec<_>>())
    .bind(all.iter().map(|cursor| number(cursor.standing.tip.seq)).collect::<Vec<_>>())
    .bind(all.iter().map(|cursor| cursor.standing.tip.hash.0.to_vec()).collect::<Vec<_>>())
    .bind(end(|asked| asked.0))
    .bind(end(|asked| asked.1))
    .execute(tx)
    .await
    .map(drop)
}
