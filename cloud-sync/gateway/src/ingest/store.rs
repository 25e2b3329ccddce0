//! One transaction for a group of batches: locked cursors, judgement, COPY, meaning, heads. All or nothing.

mod cursors;
mod erased;
mod owners;
mod write;

use std::time::Duration;

use prim_ids::{InstanceName, MeetingId};
use prim_proto::{Ack, AuditKey, Hash, Rejection};
use sqlx::{Connection as _, PgConnection};

use self::cursors::{key_of, lock_cursors, move_cursors, stored_hashes};
pub(super) use self::erased::SET_ASIDE_LOCK;
use self::erased::erased_meetings;
use self::owners::touch_meetings;
use self::write::{Plan, write_exceptions, write_heads, write_meaning, write_rows};
use super::judge::{Candidate, Fate, Judgement, Known, judge};
use super::read::{Checked, CheckedRow, Status};
use crate::clock;
use crate::db::{ConnectError, Database, Role};
use crate::fault::Fault;

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
        source: Fault,
    },
}

impl From<sqlx::Error> for CommitError {
    fn from(source: sqlx::Error) -> Self {
        // Classes 22 (data), 23 (constraint), 54 (limits): the same again will fail again.
        let source = Fault::from(source);
        let refused = source
            .answer()
            .and_then(|error| error.code())
            .is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)));
        if refused { Self::Poison { source } } else { Self::Away { source: Box::new(source) } }
    }
}

impl CommitError {
    /// Postgres said nothing for too long.
    pub(super) fn silent(limit: Duration) -> Self {
        Self::Away { source: format!("Postgres did not answer within {} s", limit.as_secs()).into() }
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
    /// Records stored as bytes only, for their meeting is another device's: number and meeting.
    pub others_meeting: Vec<(u64, MeetingId)>,
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
    key_checked: bool,
}

impl Store {
    /// A writer that connects when first used. `key` counter-signs heads.
    #[must_use]
    pub fn new(database: Database, instance: InstanceName, key: AuditKey) -> Self {
        Self { database, instance, key, connection: None, key_checked: false }
    }

    /// The connection, made when there is none.
    ///
    /// # Errors
    /// When Postgres is away.
    pub async fn connection(&mut self) -> Result<&mut PgConnection, CommitError> {
        if self.connection.is_none() {
            let mut fresh = self.database.connect(Role::Ingest).await?;
            sqlx::query("SELECT prim_make_partitions()").execute(&mut fresh).await?;
            if !self.key_checked {
                self.check_key(&mut fresh).await?;
            }
            self.connection = Some(fresh);
        }
        Ok(self.connection.as_mut().expect("it was just made"))
    }

    /// A device's key in the gateway's place would let either forge for the other.
    async fn check_key(&mut self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let device: Option<String> = sqlx::query_scalar(
            "SELECT o.name || '/' || d.name FROM device_keys k JOIN devices d ON d.id = k.device_id
             JOIN organisations o ON o.id = d.org_id WHERE k.public_key = $1 LIMIT 1",
        )
        .bind(&self.key.public().to_bytes()[..])
        .fetch_optional(connection)
        .await?;
        if let Some(device) = device {
            tracing::error!(
                device,
                instance = %self.instance,
                "audit.key is the key of the device {device}: either could forge for the other; make a key for the gateway \
                 alone and name it in gateway.toml"
            );
        }
        self.key_checked = true;
        Ok(())
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
            Err(_) => Err(CommitError::silent(COMMIT_LIMIT)),
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
            let here: Vec<Hash> = plan.added(cursor.id, seq);
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
    let owners = touch_meetings(&mut tx, group, &plan).await?;
    let erased = erased_meetings(&mut tx, group, &plan, &owners).await?;
    write_rows(&mut tx, group, &plan, (&owners, &erased), depth, received.unix_millis()).await?;
    write_exceptions(&mut tx, group, &plan, &erased).await?;
    write_meaning(&mut tx, group, &plan, (&owners, &erased), depth, received.unix_millis(), &mut done)
        .await?;
    write_heads(&mut tx, group, &plan, instance, key, received).await?;
    move_cursors(&mut tx, &cursors).await?;
    tx.commit().await?;
    for (committed, batch) in done.iter_mut().zip(group) {
        let cursor = cursors.get(&key_of(batch)).expect("every batch's cursor was locked");
        committed.ack.through_seq = cursor.standing.tip.seq;
    }
    Ok(done)
}

fn candidate(row: &CheckedRow) -> Candidate<'_> {
    Candidate { chain: &row.chain, hash: row.hash, hole: row.hole() }
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
        others_meeting: Vec::new(),
        rotated: false,
    }
}

fn number(seq: u64) -> i64 {
    i64::try_from(seq).expect("a batch with larger numbers was refused")
}
