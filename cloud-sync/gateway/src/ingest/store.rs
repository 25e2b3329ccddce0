//! One transaction for a group of batches: locked cursors, judgement, COPY, meaning, heads. All or nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use prim_ids::{InstanceName, Stream};
use prim_proto::chain::Tip;
use prim_proto::{Ack, Audit, AuditKey, Body, Erasables, Hash, Hole, HoleReason, Rejection};
use sqlx::{Connection as _, PgConnection, Row as _};

use super::copy::{self, CopyBuffer, CopyRow};
use super::judge::{Candidate, Fate, Judgement, Known, Standing, judge};
use super::project::{self, Context};
use super::read::{Checked, CheckedRow, Status};
use crate::clock;
use crate::db::{ConnectError, Database, Role};

/// A group that takes longer is given up and tried again: the server hangs, or is gone without a word.
const COMMIT_LIMIT: Duration = Duration::from_secs(20);

/// Why nothing of a group was stored.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Postgres is away, busy or full: try again later.
    #[error("store a group of batches: Postgres is away or busy; nothing was acknowledged")]
    Away {
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Postgres cannot take what is in it: try each batch alone.
    #[error("store a group of batches: Postgres refuses a value in it")]
    Poison {
        /// Which.
        #[source]
        source: sqlx::Error,
    },
}

impl From<sqlx::Error> for CommitError {
    fn from(source: sqlx::Error) -> Self {
        // Classes 22 (data), 23 (constraint), 54 (limits): the same again will fail again.
        let refused = source
            .as_database_error()
            .and_then(|error| error.code())
            .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)));
        if refused { Self::Poison { source } } else { Self::Away { source: Box::new(source) } }
    }
}

impl From<ConnectError> for CommitError {
    fn from(source: ConnectError) -> Self {
        Self::Away { source: Box::new(source) }
    }
}

/// What a committed batch is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// To send.
    pub ack: Ack,
    /// Records stored by it.
    pub stored: usize,
    /// Records that were there already.
    pub duplicates: usize,
    /// Records quarantined.
    pub quarantined: usize,
    /// Whether something before it is missing and was asked for.
    pub asks: bool,
    /// Whether it changed the device's audit key.
    pub rotated: bool,
}

/// Whether records are understood or only kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Stored, and what they mean beside them.
    Full,
    /// Stored as rejected: their meaning was what Postgres refused.
    BytesOnly,
}

/// The writer. One connection as `prim_ingest`, made anew after any error.
#[derive(Debug)]
pub struct Store {
    database: Database,
    instance: InstanceName,
    key: AuditKey,
    connection: Option<PgConnection>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct CursorKey<'a> {
    device: &'a str,
    stream: &'static str,
    epoch: prim_ids::EpochId,
}

#[derive(Debug, Clone, Copy)]
struct Cursor {
    id: i64,
    standing: Standing,
}

/// The things to write, collected while judging.
#[derive(Debug, Default)]
struct Plan<'a> {
    rows: Vec<(usize, i64, &'a CheckedRow)>,
    added: HashMap<(i64, u64), Vec<Hash>>,
    quarantine: Vec<(usize, i64, &'a CheckedRow, &'static str)>,
    gaps: Vec<(usize, i64, prim_proto::chain::Gap, Option<&'static str>)>,
    holes: Vec<(i64, u64, &'a Hole)>,
    heads: Vec<(usize, i64)>,
}

impl Store {
    /// A writer that connects when first used. `key` counter-signs heads.
    #[must_use]
    pub fn new(database: Database, instance: InstanceName, key: AuditKey) -> Self {
        Self { database, instance, key, connection: None }
    }

    /// The connection, made when there is none.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn connection(&mut self) -> Result<&mut PgConnection, CommitError> {
        if self.connection.is_none() {
            let mut fresh = self.database.connect(Role::Ingest).await?;
            sqlx::query("SELECT prim_make_partitions()").execute(&mut fresh).await?;
            self.connection = Some(fresh);
        }
        Ok(self.connection.as_mut().expect("it was just made"))
    }

    /// Drops the connection: what hangs on it is rolled back by the server.
    pub fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Stores `group` in one transaction and answers each batch, in order. After an error nothing is stored,
    /// or, when the connection broke during the commit, everything may be: trying again finds duplicates.
    ///
    /// # Errors
    /// See [`CommitError`].
    pub async fn commit(&mut self, group: &[Checked], depth: Depth) -> Result<Vec<Committed>, CommitError> {
        self.connection().await?;
        let mut connection = self.connection.take().expect("it was just made");
        let work = transact(&mut connection, group, depth, &self.instance, &self.key);
        match tokio::time::timeout(COMMIT_LIMIT, work).await {
            Ok(Ok(done)) => {
                self.connection = Some(connection);
                Ok(done)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(silent) => Err(CommitError::Away { source: Box::new(silent) }),
        }
    }
}

async fn transact(
    connection: &mut PgConnection,
    group: &[Checked],
    depth: Depth,
    instance: &InstanceName,
    key: &AuditKey,
) -> Result<Vec<Committed>, sqlx::Error> {
    let received = clock::now();
    let mut tx = connection.begin().await?;
    let mut cursors = lock_cursors(&mut tx, group).await?;
    let mut plan = Plan::default();
    let mut done = Vec::with_capacity(group.len());
    for (index, batch) in group.iter().enumerate() {
        let cursor = cursors.get_mut(&key_of(batch)).expect("every batch's cursor was locked");
        let before = cursor.standing.tip.seq;
        let stored = stored_hashes(&mut tx, cursor, batch).await?;
        let candidates: Vec<Candidate<'_>> = batch.rows.iter().map(candidate).collect();
        let judgement = judge(cursor.standing, &candidates, |seq, hash| {
            let here = plan.added.get(&(cursor.id, seq)).map_or(&[][..], Vec::as_slice);
            let there = stored.get(&seq).map_or(&[][..], Vec::as_slice);
            match (here.contains(&hash) || there.contains(&hash), here.is_empty() && there.is_empty()) {
                (true, _) => Known::Same,
                (false, true) => Known::Nothing,
                (false, false) => Known::Other,
            }
        });
        cursor.standing = judgement.standing;
        plan.take(index, cursor.id, batch, &judgement);
        let head = &batch.head.head;
        if judgement.standing.tip.seq > before && judgement.standing.tip.hash == head.hash {
            plan.heads.push((index, cursor.id));
        }
        done.push(summary(batch, &judgement, depth, instance));
    }
    let erased = touch_meetings(&mut tx, group, &plan).await?;
    write_rows(&mut tx, group, &plan, &erased, depth, received.unix_millis()).await?;
    write_exceptions(&mut tx, group, &plan).await?;
    if depth == Depth::Full {
        write_meaning(&mut tx, group, &plan, &erased, received.unix_millis(), &mut done).await?;
    }
    for &(index, cursor_id) in &plan.heads {
        let batch = &group[index];
        let signed = batch.head.clone().counter_sign(instance.clone(), received, key);
        sqlx::query(
            "INSERT INTO heads (org_id, cursor_id, seq, hash, counter_signed) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING",
        )
        .bind(&batch.device.org_id)
        .bind(cursor_id)
        .bind(number(batch.head.head.seq))
        .bind(&batch.head.head.hash.0[..])
        .bind(serde_json::to_string(&signed).expect("a head holds only strings and integers"))
        .execute(&mut *tx)
        .await?;
    }
    move_cursors(&mut tx, &cursors).await?;
    tx.commit().await?;
    for (committed, batch) in done.iter_mut().zip(group) {
        let cursor = cursors.get(&key_of(batch)).expect("every batch's cursor was locked");
        committed.ack.through_seq = cursor.standing.tip.seq;
    }
    Ok(done)
}

fn key_of(batch: &Checked) -> CursorKey<'_> {
    CursorKey { device: &batch.device.id, stream: batch.stream.as_str(), epoch: batch.epoch }
}

fn candidate(row: &CheckedRow) -> Candidate<'_> {
    Candidate { chain: &row.chain, raw: &row.raw, hash: row.hash, hole: row.hole() }
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).expect("a batch with larger numbers was refused")
}

async fn lock_cursors<'a>(
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

async fn read_cursors<'a>(
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
async fn stored_hashes(
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

impl<'a> Plan<'a> {
    fn take(&mut self, index: usize, cursor_id: i64, batch: &'a Checked, judgement: &Judgement) {
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
            self.added.entry((cursor_id, row.chain.seq)).or_default().push(row.hash);
            if let Some(hole) = row.hole() {
                self.holes.push((cursor_id, row.chain.seq, hole));
            }
        }
    }
}

fn summary(batch: &Checked, judgement: &Judgement, depth: Depth, instance: &InstanceName) -> Committed {
    let mut rejected: Vec<Rejection> = Vec::new();
    let count = |wanted: fn(&Fate) -> bool| judgement.fates.iter().filter(|fate| wanted(fate)).count();
    for (row, fate) in batch.rows.iter().zip(&judgement.fates) {
        let reason = match fate {
            Fate::Waits => continue,
            Fate::Conflict => "hash_conflict",
            Fate::Forked(_) => "forked",
            Fate::Append | Fate::AppendAfter(_) | Fate::Fill | Fate::Duplicate => match (row.status, depth) {
                (Status::Rejected, _) => "malformed",
                (Status::Accepted | Status::Parked, Depth::BytesOnly) => "refused_value",
                (Status::Accepted | Status::Parked, Depth::Full) => continue,
            },
        };
        let seq = row.chain.seq;
        let reason = reason.parse().expect("our reasons are codes");
        match rejected.last_mut() {
            Some(last) if last.to + 1 == seq && last.reason == reason => last.to = seq,
            Some(_) | None => rejected.push(Rejection { from: seq, to: seq, reason }),
        }
    }
    Committed {
        ack: Ack {
            v: 1,
            stream: batch.stream,
            epoch: batch.epoch,
            through_seq: judgement.standing.tip.seq,
            rejected,
            gateway: instance.clone(),
        },
        stored: count(|fate| matches!(fate, Fate::Append | Fate::AppendAfter(_) | Fate::Fill)),
        duplicates: count(|fate| matches!(fate, Fate::Duplicate)),
        quarantined: count(|fate| matches!(fate, Fate::Conflict | Fate::Forked(_))),
        asks: judgement.fates.contains(&Fate::Waits),
        rotated: false,
    }
}

/// Makes the meetings that rows name, counts the change, and answers which of them were erased.
async fn touch_meetings(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
) -> Result<BTreeSet<(String, String)>, sqlx::Error> {
    let mut named: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for &(index, _, row) in &plan.rows {
        let device = &group[index].device;
        if let Some(meeting) = row.record.as_ref().and_then(|record| record.meeting) {
            named.insert((&device.org_id, meeting.to_string()), &device.id);
        }
    }
    if named.is_empty() {
        return Ok(BTreeSet::new());
    }
    // In order of the key, so that two gateways never wait for each other.
    let rows = sqlx::query(
        "INSERT INTO meetings (org_id, id, device_id)
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
         ON CONFLICT (org_id, id) DO UPDATE SET changes = meetings.changes + 1, changed_at = now()
         RETURNING org_id, id, erased_at IS NOT NULL AS erased",
    )
    .bind(named.keys().map(|key| key.0.to_owned()).collect::<Vec<_>>())
    .bind(named.keys().map(|key| key.1.clone()).collect::<Vec<_>>())
    .bind(named.values().map(|device| (*device).to_owned()).collect::<Vec<_>>())
    .fetch_all(tx)
    .await?;
    let mut erased = BTreeSet::new();
    for row in rows {
        if row.try_get("erased")? {
            erased.insert((row.try_get("org_id")?, row.try_get("id")?));
        }
    }
    Ok(erased)
}

async fn write_rows(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
    erased: &BTreeSet<(String, String)>,
    depth: Depth,
    received_ms: i64,
) -> Result<(), sqlx::Error> {
    if plan.rows.is_empty() {
        return Ok(());
    }
    let mut buffer = CopyBuffer::default();
    for &(index, cursor_id, row) in &plan.rows {
        let device = &group[index].device;
        let meeting =
            row.record.as_ref().and_then(|record| record.meeting).map(|meeting| meeting.to_string());
        let gone = meeting.as_ref().is_some_and(|id| erased.contains(&(device.org_id.clone(), id.clone())));
        let erasable = if gone { None } else { row.erasables.to_json() };
        let status = if depth == Depth::BytesOnly { Status::Rejected } else { row.status };
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
    }
    let mut copy = tx.copy_in_raw(copy::STATEMENT).await?;
    copy.send(buffer.finish()).await?;
    copy.finish().await?;
    Ok(())
}

async fn write_exceptions(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
) -> Result<(), sqlx::Error> {
    for &(index, cursor_id, row, reason) in &plan.quarantine {
        sqlx::query(
            "INSERT INTO quarantine (org_id, cursor_id, seq, hash, reason, raw, erasable)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&group[index].device.org_id)
        .bind(cursor_id)
        .bind(number(row.chain.seq))
        .bind(&row.hash.0[..])
        .bind(reason)
        .bind(&row.raw)
        .bind(row.erasables.to_json())
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

async fn write_meaning(
    tx: &mut PgConnection,
    group: &[Checked],
    plan: &Plan<'_>,
    erased: &BTreeSet<(String, String)>,
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
        let Some(meeting) = record.meeting.map(|meeting| meeting.to_string()) else { continue };
        let gone = erased.contains(&(batch.device.org_id.clone(), meeting.clone()));
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

/// The new key takes the old one's place, if the old one is the current one.
async fn rotate_key(
    tx: &mut PgConnection,
    batch: &Checked,
    row: &CheckedRow,
    rotation: &prim_proto::Rotation,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "WITH old AS (UPDATE device_keys SET retired_at = now()
                      WHERE device_id = $1 AND public_key = $2 AND retired_at IS NULL RETURNING position)
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

async fn move_cursors(
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
