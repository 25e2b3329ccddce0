//! What a judged group writes: rows by COPY, exceptions, what the records mean.

use prim_ids::{InstanceName, Stream, WallTime};
use prim_proto::{Audit, AuditKey, Body, Erasables, Hash, Hole, HoleReason};
use sqlx::PgConnection;

use super::erased::{Erased, erases};
use super::owners::Owners;
use super::{Committed, Depth, number};
use crate::ingest::copy::{self, CopyBuffer, CopyRow};
use crate::ingest::judge::{Fate, Judgement};
use crate::ingest::project::{self, Context};
use crate::ingest::read::{Checked, CheckedRow, Status};

/// How much is handed to Postgres at a time.
const COPY_PIECE_BYTES: usize = 256 * 1024;

/// The things to write, collected while judging.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub(super) rows: Vec<(usize, i64, &'a CheckedRow)>,
    /// Cursor, number and hash of all that is stored or quarantined: looked through only for numbers met again.
    added: Vec<(i64, u64, Hash)>,
    pub(super) quarantine: Vec<(usize, i64, &'a CheckedRow, &'static str)>,
    pub(super) gaps: Vec<(usize, i64, prim_proto::chain::Gap, Option<&'static str>)>,
    pub(super) holes: Vec<(i64, u64, &'a Hole)>,
    pub(super) heads: Vec<(usize, i64)>,
}

impl<'a> Plan<'a> {
    /// What this very transaction stores under a number.
    pub(super) fn added(&self, cursor_id: i64, seq: u64) -> Vec<Hash> {
        let same = self.added.iter().filter(|(cursor, number, _)| *cursor == cursor_id && *number == seq);
        same.map(|(_, _, hash)| *hash).collect()
    }

    pub(super) fn take(&mut self, index: usize, cursor_id: i64, batch: &'a Checked, judgement: &Judgement) {
        for (row, fate) in batch.rows.iter().zip(&judgement.fates) {
            match fate {
                Fate::Duplicate | Fate::Waits => continue,
                Fate::Append | Fate::Fill => self.rows.push((index, cursor_id, row)),
                Fate::AppendAfter(gap) => {
                    self.gaps.push((index, cursor_id, *gap, None));
                    self.rows.push((index, cursor_id, row));
                }
                Fate::Conflict => self.quarantine.push((index, cursor_id, row, "hash_conflict")),
                Fate::Forked(gap) => {
                    self.gaps.push((index, cursor_id, *gap, Some("forked")));
                    self.quarantine.push((index, cursor_id, row, "forked"));
                }
            }
            self.added.push((cursor_id, row.chain.seq, row.hash));
            if let Some(hole) = row.hole() {
                self.holes.push((cursor_id, row.chain.seq, hole));
            }
        }
    }
}

pub(super) async fn write_rows(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
    (owners, erased): (&Owners, &Erased),
    depth: Depth,
    received_ms: i64,
) -> Result<(), sqlx::Error> {
    if plan.rows.is_empty() {
        return Ok(());
    }
    let mut copy = tx.copy_in_raw(copy::STATEMENT).await?;
    let mut buffer = CopyBuffer::default();
    for &(index, cursor_id, row) in &plan.rows {
        let device = &group[index].device;
        let meeting = row.meeting.map(|meeting| meeting.to_string());
        let erasable = if erased.has(device, row) { None } else { row.erasables.to_json() };
        let understood = depth == Depth::Full && !owners.are_others(device, row);
        let status = if understood { row.status } else { Status::Rejected };
        buffer.push(&CopyRow {
            cursor_id,
            seq: number(row.chain.seq),
            received_ms,
            org_id: &device.org_id,
            meeting_id: meeting.as_deref(),
            kind: &row.kind,
            status: status.as_str(),
            at_mono_ms: row.record.as_ref().map(|record| project::mono_ms(record.at)),
            at_wall_ms: row
                .record
                .as_ref()
                .and_then(|record| record.wall)
                .map(prim_ids::WallTime::unix_millis),
            hash: &row.hash.0,
            raw: &row.raw,
            erasable: erasable.as_deref(),
        });
        // In pieces, so that Postgres reads while we write.
        if buffer.len() >= COPY_PIECE_BYTES {
            copy.send(buffer.take()).await?;
        }
    }
    copy.send(buffer.finish()).await?;
    copy.finish().await?;
    Ok(())
}

/// Counter-signs the heads that everything below is now stored for.
pub(super) async fn write_heads(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
    instance: &InstanceName,
    key: &AuditKey,
    at: WallTime,
) -> Result<(), sqlx::Error> {
    if plan.heads.is_empty() {
        return Ok(());
    }
    let batches = || plan.heads.iter().map(|&(index, _)| &group[index]);
    let signed = |batch: &Checked| {
        let signed = batch.head.clone().counter_sign(instance.clone(), at, key);
        serde_json::to_string(&signed).expect("a head holds only strings and integers")
    };
    sqlx::query(
        "INSERT INTO heads (org_id, cursor_id, seq, hash, counter_signed)
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bytea[], $5::text[])
         ON CONFLICT DO NOTHING",
    )
    .bind(batches().map(|batch| batch.device.org_id.clone()).collect::<Vec<_>>())
    .bind(plan.heads.iter().map(|&(_, cursor_id)| cursor_id).collect::<Vec<_>>())
    .bind(batches().map(|batch| number(batch.head.head.seq)).collect::<Vec<_>>())
    .bind(batches().map(|batch| batch.head.head.hash.0.to_vec()).collect::<Vec<_>>())
    .bind(batches().map(signed).collect::<Vec<_>>())
    .execute(tx)
    .await
    .map(drop)
}

pub(super) async fn write_exceptions(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
    erased: &Erased,
) -> Result<(), sqlx::Error> {
    for &(index, cursor_id, row, reason) in &plan.quarantine {
        let device = &group[index].device;
        let erasable = if erased.has_set_aside(device, row) { None } else { row.erasables.to_json() };
        sqlx::query(
            "INSERT INTO quarantine (org_id, cursor_id, seq, hash, reason, raw, erasable, meeting_id)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(&device.org_id)
        .bind(cursor_id)
        .bind(number(row.chain.seq))
        .bind(&row.hash.0[..])
        .bind(reason)
        .bind(&row.raw)
        .bind(erasable)
        .bind(row.meeting.map(|meeting| meeting.to_string()))
        .execute(&mut *tx)
        .await?;
    }
    for &(index, cursor_id, gap, reason) in &plan.gaps {
        sqlx::query(
            "INSERT INTO holes (org_id, cursor_id, from_seq, to_seq, before_hash, last_hash, reason)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&group[index].device.org_id)
        .bind(cursor_id)
        .bind(number(gap.from))
        .bind(number(gap.to))
        .bind(&gap.before.0[..])
        .bind(&gap.last.0[..])
        .bind(reason)
        .execute(&mut *tx)
        .await?;
    }
    for &(cursor_id, seq, hole) in &plan.holes {
        let reason = match hole.reason {
            HoleReason::QuotaBytes => "quota_bytes",
            HoleReason::QuotaAge => "quota_age",
            HoleReason::DiskFull => "disk_full",
            HoleReason::DiskFault => "disk_fault",
            HoleReason::Damaged => "damaged",
        };
        sqlx::query(
            "UPDATE holes SET reason = $4, explained_by_seq = $5
             WHERE cursor_id = $1 AND from_seq >= $2 AND to_seq <= $3 AND reason IS NULL",
        )
        .bind(cursor_id)
        .bind(i64::try_from(hole.from).unwrap_or(i64::MAX))
        .bind(i64::try_from(hole.to).unwrap_or(i64::MAX))
        .bind(reason)
        .bind(number(seq))
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Writes what the records mean. At [`Depth::BytesOnly`] only what must never be missed is done: a changed key is followed,
/// an erasure is carried out.
pub(super) async fn write_meaning(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
    (owners, erased): (&Owners, &Erased),
    depth: Depth,
    received_ms: i64,
    done: &mut [Committed],
) -> Result<(), sqlx::Error> {
    let nothing = Erasables::default();
    for &(index, _, row) in &plan.rows {
        let batch = &group[index];
        let Some(record) = row.record.as_ref().filter(|_| row.status == Status::Accepted) else { continue };
        if let (Stream::Audit, Some(Body::Audit(Audit::KeyRotated { rotation }))) =
            (batch.stream, &record.body)
            && rotation.holds_for(&batch.device.address)
        {
            done[index].rotated |= rotate_key(tx, batch, row, rotation).await?;
        }
        let Some(meeting) = record.meeting else { continue };
        if owners.are_others(&batch.device, row) {
            done[index].others_meeting.push((row.chain.seq, meeting));
            continue;
        }
        let meeting = meeting.to_string();
        if depth == Depth::BytesOnly && !erases(row) {
            continue;
        }
        let gone = erased.has(&batch.device, row);
        let context = Context {
            org_id: &batch.device.org_id,
            device_id: &batch.device.id,
            meeting: &meeting,
            record,
            erasables: if gone { &nothing } else { &row.erasables },
            hash: &row.hash,
            at_ms: project::best_wall_ms(record, batch.sent, received_ms),
        };
        project::project(tx, &context).await?;
    }
    Ok(())
}

/// The new key takes the old one's place, if the old one is the current one and the new one was never used.
pub(super) async fn rotate_key(
    tx: &mut PgConnection,
    batch: &Checked,
    row: &CheckedRow,
    rotation: &prim_proto::Rotation,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "WITH old AS (UPDATE device_keys SET retired_at = now()
                      WHERE device_id = $1 AND public_key = $2 AND retired_at IS NULL
                          AND NOT EXISTS (SELECT FROM device_keys WHERE device_id = $1 AND public_key = $4)
                      RETURNING position)
         INSERT INTO device_keys (org_id, device_id, public_key, position, rotated_in_epoch, rotated_at_seq, rotation)
         SELECT $3, $1, $4, old.position + 1, $5, $6, $7::jsonb FROM old",
    )
    .bind(&batch.device.id)
    .bind(&rotation.old.to_bytes()[..])
    .bind(&batch.device.org_id)
    .bind(&rotation.new.to_bytes()[..])
    .bind(batch.epoch.to_string())
    .bind(number(row.chain.seq))
    .bind(serde_json::to_string(rotation).expect("a rotation is three strings"))
    .execute(tx)
    .await?;
    Ok(done.rows_affected() > 0)
}
