//! The second task: transactions and answers. Nothing is answered before its commit, and a group is tried again
//! until it is in: Postgres may be away for days, the window is full then, and the devices keep what they have.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use prim_ids::{EpochId, InstanceName, Stream};
use prim_proto::{Ack, DeviceAddress, MAX_BATCH_BYTES, Rejection, State, Topic};
use sha2::{Digest as _, Sha256};
use sqlx::Row as _;
use tokio::sync::{mpsc, watch};

use super::mqtt::{Mailbox, Receipt};
use super::prepare::Prepared;
use super::read::{Checked, Device, Refusal};
use super::store::{CommitError, Committed, Depth, Store};
use crate::backoff::Backoff;

/// Delivers until the channel ends or `stop`. `takes_batches` is told whether Postgres takes what we bring.
pub async fn deliver(
    store: Store,
    instance: InstanceName,
    rejected_per_minute: u32,
    mailbox: Mailbox,
    mut groups: mpsc::Receiver<Vec<Prepared>>,
    takes_batches: watch::Sender<bool>,
    stop: watch::Receiver<bool>,
) {
    let limit = RejectedLimit { per_minute: rejected_per_minute, seen: HashMap::new() };
    let mut work = Delivery { store, instance, limit, mailbox, takes_batches, stop };
    if !work.wait_for_database().await {
        return;
    }
    while let Some(group) = groups.recv().await {
        if !work.group(group).await {
            return;
        }
    }
}

struct Delivery {
    store: Store,
    instance: InstanceName,
    limit: RejectedLimit,
    mailbox: Mailbox,
    takes_batches: watch::Sender<bool>,
    stop: watch::Receiver<bool>,
}

type Batch = (Checked, Bytes, Receipt);

impl Delivery {
    async fn wait_for_database(&mut self) -> bool {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        loop {
            match self.store.connection().await {
                Ok(_) => {
                    self.database_is(true);
                    return true;
                }
                Err(error) => self.database_away(&error),
            }
            if !self.pause(&mut backoff).await {
                return false;
            }
        }
    }

    /// Delivers one group; `false` when told to stop before it was in.
    async fn group(&mut self, group: Vec<Prepared>) -> bool {
        let mut batches: Vec<Batch> = Vec::with_capacity(group.len());
        let mut others = Vec::new();
        for prepared in group {
            match prepared {
                Prepared::Batch(checked, payload, receipt) => batches.push((*checked, payload, receipt)),
                Prepared::Refused { .. } | Prepared::State(..) => others.push(prepared),
            }
        }
        if !batches.is_empty() && !self.batches(batches).await {
            return false;
        }
        for other in others {
            if !self.other(other).await {
                return false;
            }
        }
        true
    }

    async fn batches(&mut self, batches: Vec<Batch>) -> bool {
        let (checked, rest): (Vec<Checked>, Vec<(Bytes, Receipt)>) =
            batches.into_iter().map(|(checked, payload, receipt)| (checked, (payload, receipt))).unzip();
        match self.commit_patiently(&checked, Depth::Full).await {
            Some(Ok(done)) => {
                for ((committed, batch), (_, receipt)) in done.into_iter().zip(&checked).zip(rest) {
                    self.answer(&batch.device.address, committed).await;
                    receipt.settle().await;
                }
                true
            }
            // Something in the group is indigestible: each alone, so that the others do not suffer.
            Some(Err(())) => {
                for (batch, (payload, receipt)) in checked.into_iter().zip(rest) {
                    if !self.alone(batch, payload, receipt).await {
                        return false;
                    }
                }
                true
            }
            None => false,
        }
    }

    /// One batch alone: whole, else its bytes only, else as a rejected payload.
    async fn alone(&mut self, batch: Checked, payload: Bytes, receipt: Receipt) -> bool {
        for depth in [Depth::Full, Depth::BytesOnly] {
            match self.commit_patiently(std::slice::from_ref(&batch), depth).await {
                Some(Ok(done)) => {
                    for committed in done {
                        self.answer(&batch.device.address, committed).await;
                    }
                    receipt.settle().await;
                    return true;
                }
                Some(Err(())) => {}
                None => return false,
            }
        }
        let topic = Topic::Up { from: batch.device.address.clone(), stream: batch.stream }.to_string();
        let refusal = Refusal { reason: "refused_value", detail: String::new(), claim: None };
        self.other(Prepared::Refused {
            device: Some(batch.device),
            stream: Some(batch.stream),
            topic,
            payload,
            refusal,
            receipt,
        })
        .await
    }

    /// Commits, trying again while Postgres is away. `Err`: Postgres refuses a value. `None`: told to stop.
    async fn commit_patiently(
        &mut self,
        group: &[Checked],
        depth: Depth,
    ) -> Option<Result<Vec<Committed>, ()>> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        loop {
            let begun = Instant::now();
            match self.store.commit(group, depth).await {
                Ok(done) => {
                    self.database_is(true);
                    metrics::histogram!("prim_ingest_commit_seconds").record(begun.elapsed().as_secs_f64());
                    return Some(Ok(done));
                }
                Err(CommitError::Poison { source }) => {
                    // The code and the table name no speech; the server's message might.
                    let database = source.as_database_error();
                    let code = database.and_then(|error| error.code()).unwrap_or_default().into_owned();
                    let table = database.and_then(|error| error.table()).unwrap_or_default().to_owned();
                    tracing::error!(
                        postgres.code = code,
                        postgres.table = table,
                        "a value was refused by Postgres"
                    );
                    metrics::counter!("prim_ingest_refused_values_total").increment(1);
                    return Some(Err(()));
                }
                Err(error @ CommitError::Away { .. }) => self.database_away(&error),
            }
            if !self.pause(&mut backoff).await {
                return None;
            }
        }
    }

    async fn answer(&self, device: &DeviceAddress, committed: Committed) {
        let Committed { ack, stored, duplicates, quarantined, asks, .. } = committed;
        let count = |fate: &'static str, n: usize| {
            metrics::counter!("prim_ingest_records_total", "fate" => fate).increment(n as u64);
        };
        count("stored", stored);
        count("duplicate", duplicates);
        count("quarantined", quarantined);
        if quarantined > 0 {
            tracing::error!(
                device = %device, stream = %ack.stream, records = quarantined,
                "records were quarantined: the device's chain forked, or somebody forged; see table quarantine"
            );
        }
        if asks {
            metrics::counter!("prim_ingest_gaps_asked_total").increment(1);
        }
        metrics::counter!("prim_ingest_batches_total").increment(1);
        self.mailbox.publish(&Topic::Ack(device.clone()), ack.encode()).await;
    }

    async fn other(&mut self, other: Prepared) -> bool {
        match other {
            Prepared::State(device, state, receipt) => {
                let Some(done) = self.run(&Errand::State { device: &device, state: &state }).await else {
                    return false;
                };
                for ack in done.acks {
                    self.mailbox.publish(&Topic::Ack(device.address.clone()), ack.encode()).await;
                }
                receipt.settle().await;
                true
            }
            Prepared::Refused { device, stream, topic, payload, refusal, receipt } => {
                metrics::counter!("prim_ingest_rejected_total", "reason" => refusal.reason).increment(1);
                tracing::warn!(
                    topic,
                    reason = refusal.reason,
                    payload.bytes = payload.len(),
                    "payload rejected"
                );
                let keep = self.limit.allows(&topic);
                let sender = device.as_deref().zip(stream);
                let errand = Errand::Rejected {
                    keep,
                    device: device.as_deref(),
                    sender,
                    topic: &topic,
                    payload: &payload,
                    refusal: &refusal,
                };
                let Some(done) = self.run(&errand).await else { return false };
                if let (Some(device), Some(stream), Some(claim)) = (device, stream, refusal.claim) {
                    let reason = refusal.reason.parse().expect("our reasons are codes");
                    let ack = Ack {
                        v: 1,
                        stream,
                        epoch: claim.epoch,
                        // Nothing of an unproven payload moves the cursor: a forger must not make a spool forget.
                        through_seq: done.through,
                        rejected: vec![Rejection { from: claim.from, to: claim.to, reason }],
                        gateway: self.instance.clone(),
                    };
                    self.mailbox.publish(&Topic::Ack(device.address.clone()), ack.encode()).await;
                }
                receipt.settle().await;
                true
            }
            Prepared::Batch(..) => true,
        }
    }

    /// Runs an errand until it works; `None` when told to stop. A refused value counts as done: nothing can be stored.
    async fn run(&mut self, errand: &Errand<'_>) -> Option<Done> {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        loop {
            match tokio::time::timeout(Duration::from_secs(20), self.attempt(errand)).await {
                Ok(Ok(done)) => return Some(done),
                Ok(Err(CommitError::Poison { .. })) => {
                    self.store.disconnect();
                    return Some(Done::default());
                }
                Ok(Err(error @ CommitError::Away { .. })) => self.database_away(&error),
                Err(silent) => self.database_away(&CommitError::Away { source: Box::new(silent) }),
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
        let connection = self.store.connection().await?;
        let topic: String = topic.replace('\0', "").chars().take(300).collect();
        sqlx::query(
            "INSERT INTO rejected (org_id, topic, reason, detail, payload, payload_bytes, payload_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (topic, payload_hash) DO UPDATE SET count = rejected.count + 1, last_received_at = now()",
        )
        .bind(device.map(|device| device.org_id.clone()))
        .bind(topic)
        .bind(refusal.reason)
        .bind(&refusal.detail)
        .bind(&payload[..payload.len().min(MAX_BATCH_BYTES)])
        .bind(i64::try_from(payload.len()).unwrap_or(i64::MAX))
        .bind(&Sha256::digest(payload)[..])
        .execute(connection)
        .await?;
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

    fn database_is(&self, up: bool) {
        metrics::gauge!("prim_database_up").set(f64::from(u8::from(up)));
        self.takes_batches.send_if_modified(|takes| std::mem::replace(takes, up) != up);
    }

    fn database_away(&mut self, error: &CommitError) {
        self.store.disconnect();
        if *self.takes_batches.borrow() {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            tracing::warn!(cause, "Postgres is away or busy: nothing is acknowledged, trying again");
        }
        self.database_is(false);
    }

    /// Waits before another attempt; `false` when told to stop.
    async fn pause(&mut self, backoff: &mut Backoff) -> bool {
        tokio::select! {
            () = tokio::time::sleep(backoff.next_wait()) => true,
            _ = self.stop.wait_for(|stop| *stop) => false,
        }
    }
}

/// A small transaction beside the batches.
enum Errand<'a> {
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
struct Done {
    acks: Vec<Ack>,
    through: u64,
}

/// How many rejected payloads of one sender are kept: a broken device must not fill the disk.
struct RejectedLimit {
    per_minute: u32,
    seen: HashMap<String, (Instant, u32)>,
}

impl RejectedLimit {
    fn allows(&mut self, topic: &str) -> bool {
        // The device, or for topics that name none the topic itself.
        let sender: String = topic.splitn(5, '/').take(4).collect::<Vec<_>>().join("/");
        if self.seen.len() > 10_000 {
            self.seen.clear();
        }
        let entry = self.seen.entry(sender).or_insert_with(|| (Instant::now(), 0));
        if entry.0.elapsed() > Duration::from_secs(60) {
            *entry = (Instant::now(), 0);
        }
        entry.1 += 1;
        if entry.1 > self.per_minute {
            metrics::counter!("prim_ingest_rejected_not_kept_total").increment(1);
        }
        entry.1 <= self.per_minute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_device_fills_its_own_allowance_only() {
        let mut limit = RejectedLimit { per_minute: 2, seen: HashMap::new() };
        assert!(limit.allows("prim/1/acme/a/up/audit"));
        assert!(limit.allows("prim/1/acme/a/up/note"));
        assert!(!limit.allows("prim/1/acme/a/up/audit"));
        assert!(limit.allows("prim/1/acme/b/up/audit"));
    }
}
