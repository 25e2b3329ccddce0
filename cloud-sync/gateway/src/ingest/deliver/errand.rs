//! The small transactions beside the batches: rejected payloads, a device's state.

use std::time::Duration;

use prim_ids::{EpochId, Stream};
use prim_proto::{Ack, MAX_BATCH_BYTES, State};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, Row as _};

use super::Delivery;
use crate::backoff::Backoff;
use crate::ingest::read::{Device, Refusal, names_its_meetings};
use crate::ingest::store::{CommitError, SET_ASIDE_LOCK};

/// An errand that takes longer is given up and tried again.
const ERRAND_LIMIT: Duration = Duration::from_secs(20);

/// A small transaction beside the batches.
pub(super) enum Errand<'a> {
    State {
        device: &'a Device,
        state: &'a State,
    },
    Rejected {
        keep: bool,
        device: Option<&'a Device>,
        sender: Option<(&'a Device, Stream)>,
        topic: &'a str,
        payload: &'a [u8],
        refusal: &'a Refusal,
    },
}

/// What it brought.
#[derive(Default)]
pub(super) struct Done {
    pub(super) acks: Vec<Ack>,
    pub(super) through: u64,
}

impl Delivery {
    /// Runs an errand until it works; `None` when told to stop. A refused value counts as done: nothing can be stored.
    pub(super) async fn run(&mut self, errand: &Errand<'_>) -> Option<Done> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        loop {
            match tokio::time::timeout(ERRAND_LIMIT, self.attempt(errand)).await {
                Ok(Ok(done)) => {
                    self.database_is(true);
                    return Some(done);
                }
                Ok(Err(CommitError::Poison { .. })) => {
                    // It was Postgres who refused it.
                    self.database_is(true);
                    self.store.disconnect();
                    return Some(Done::default());
                }
                Ok(Err(error @ CommitError::Away { .. })) => self.database_away(&error),
                Err(_) => self.database_away(&CommitError::silent(ERRAND_LIMIT)),
            }
            if !self.pause(&mut backoff).await {
                return None;
            }
        }
    }

    async fn attempt(&mut self, errand: &Errand<'_>) -> Result<Done, CommitError> {
        match errand {
            Errand::State { device, state } => {
                let acks = self.note_state(device, state).await?;
                Ok(Done { acks, through: 0 })
            }
            Errand::Rejected { keep, device, sender, topic, payload, refusal } => {
                if *keep {
                    self.keep_rejected(*device, topic, payload, refusal).await?;
                }
                let through = match (sender, refusal.claim) {
                    (Some((device, stream)), Some(claim)) => {
                        self.standing(device, *stream, claim.epoch).await?
                    }
                    (Some(_) | None, _) => 0,
                };
                Ok(Done { acks: Vec::new(), through })
            }
        }
    }

    async fn keep_rejected(
        &mut self,
        device: Option<&Device>,
        topic: &str,
        payload: &[u8],
        refusal: &Refusal,
    ) -> Result<(), CommitError> {
        let mut tx = self.store.connection().await?.begin().await?;
        // Words of a meeting that was erased are not kept, however they come: only that something came. Nor are words whose
        // meeting cannot be read, once a meeting of their device is erased, or when no device is known to erase them.
        let names_meetings = names_its_meetings(payload);
        sqlx::query(SET_ASIDE_LOCK).execute(&mut *tx).await?;
        let topic: String = topic.replace('\0', "").chars().take(300).collect();
        sqlx::query(
            "INSERT INTO rejected (org_id, topic, reason, detail, payload, payload_bytes, payload_hash, names_meetings)
             SELECT $1::text, $2, $3, CASE WHEN gone THEN '' ELSE $4 END,
                 CASE WHEN gone THEN ''::bytea ELSE $5::bytea END, $6, $7, $8
             FROM (SELECT EXISTS (SELECT FROM meetings WHERE erased_at IS NOT NULL
                 AND (org_id = $1::text OR $1::text IS NULL)
                 AND (position(convert_to(id, 'UTF8') IN $5::bytea) > 0 OR (NOT $8 AND device_id = $9::text)))
                 OR (NOT $8 AND $9::text IS NULL) AS gone) AS known
             ON CONFLICT (topic, payload_hash) DO UPDATE SET count = rejected.count + 1, last_received_at = now()",
        )
        .bind(device.map(|device| device.org_id.clone()))
        .bind(topic)
        .bind(refusal.reason)
        .bind(&refusal.detail)
        .bind(&payload[..payload.len().min(MAX_BATCH_BYTES)])
        .bind(i64::try_from(payload.len()).unwrap_or(i64::MAX))
        .bind(&Sha256::digest(payload)[..])
        .bind(names_meetings)
        .bind(device.map(|device| device.id.clone()))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// How far a stream is stored.
    async fn standing(
        &mut self,
        device: &Device,
        stream: Stream,
        epoch: EpochId,
    ) -> Result<u64, CommitError> {
        let connection = self.store.connection().await?;
        let seq: Option<i64> =
            sqlx::query_scalar("SELECT seq FROM cursors WHERE device_id = $1 AND stream = $2 AND epoch = $3")
                .bind(&device.id)
                .bind(stream.as_str())
                .bind(epoch.to_string())
                .fetch_optional(connection)
                .await?;
        Ok(seq.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(0))
    }

    /// Remembers the state and gathers the acknowledgements to repeat: the latest life of each stream.
    async fn note_state(&mut self, device: &Device, state: &State) -> Result<Vec<Ack>, CommitError> {
        let instance = self.instance.clone();
        let connection = self.store.connection().await?;
        sqlx::query(
            "UPDATE devices SET online = $2, session = $3, last_seen_at = now()
             WHERE id = $1 AND ($2 OR session <= $3)",
        )
        .bind(&device.id)
        .bind(state.online)
        .bind(i64::try_from(state.session).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
        if !state.online {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(
            "SELECT DISTINCT ON (stream) stream, epoch, seq FROM cursors WHERE device_id = $1
             ORDER BY stream, updated_at DESC",
        )
        .bind(&device.id)
        .fetch_all(connection)
        .await?;
        let mut acks = Vec::with_capacity(rows.len());
        for row in rows {
            let (stream, epoch): (&str, &str) = (row.try_get("stream")?, row.try_get("epoch")?);
            let (Ok(stream), Ok(epoch)) = (stream.parse(), epoch.parse()) else { continue };
            let through_seq = u64::try_from(row.try_get::<i64, _>("seq")?).unwrap_or(0);
            acks.push(Ack {
                v: 1,
                stream,
                epoch,
                through_seq,
                rejected: Vec::new(),
                gateway: instance.clone(),
            });
        }
        Ok(acks)
    }
}
