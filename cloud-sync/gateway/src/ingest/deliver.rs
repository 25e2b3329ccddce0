//! The second task: transactions and answers. Nothing is answered before its commit, and a group is tried again
//! until it is in: Postgres may be away for days, the window is full then, and the devices keep what they have.

mod errand;
mod limit;
mod repeats;
mod tell;

use std::time::{Duration, Instant};

use bytes::Bytes;
use prim_ids::InstanceName;
use prim_proto::{Ack, Rejection, Topic};
use tokio::sync::{mpsc, watch};

use self::errand::Errand;
use self::limit::RejectedLimit;
use self::repeats::Repeats;
use super::mqtt::{Mailbox, Receipt};
use super::prepare::Prepared;
use super::read::{Checked, Refusal};
use super::store::{CommitError, Committed, Depth, Store};
use crate::backoff::Backoff;
use crate::complaint::Complaint;
use crate::fault::causes;

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
    let limit = RejectedLimit::new(rejected_per_minute);
    let complaint = Complaint::default();
    let repeats = Repeats::default();
    let mut work = Delivery { store, instance, limit, repeats, mailbox, takes_batches, stop, complaint };
    work.until_the_end(&mut groups).await;
    work.repeats.rest().iter().for_each(tell::held_back);
}

struct Delivery {
    store: Store,
    instance: InstanceName,
    limit: RejectedLimit,
    repeats: Repeats,
    mailbox: Mailbox,
    takes_batches: watch::Sender<bool>,
    stop: watch::Receiver<bool>,
    complaint: Complaint,
}

type Batch = (Checked, Bytes, Receipt);

impl Delivery {
    async fn until_the_end(&mut self, groups: &mut mpsc::Receiver<Vec<Prepared>>) {
        if !self.wait_for_database().await {
            return;
        }
        loop {
            self.repeats.due(Instant::now()).iter().for_each(tell::held_back);
            let due = self.repeats.next_due();
            tokio::select! {
                group = groups.recv() => {
                    let Some(group) = group else { return };
                    if !self.group(group).await {
                        return;
                    }
                }
                () = at(due) => {}
            }
        }
    }

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
                    self.answer(batch, committed).await;
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
                        self.answer(&batch, committed).await;
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
                    tell::refused_value(&mut self.repeats, group, depth, &source);
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

    async fn answer(&mut self, batch: &Checked, committed: Committed) {
        tell::committed(&mut self.repeats, batch, &committed);
        let Committed { ack, stored, duplicates, quarantined, asks, others_meeting, .. } = committed;
        let count = |fate: &'static str, n: usize| {
            metrics::counter!("prim_ingest_records_total", "fate" => fate).increment(n as u64);
        };
        count("stored", stored);
        count("duplicate", duplicates);
        count("quarantined", quarantined);
        metrics::counter!("prim_ingest_others_meeting_total").increment(others_meeting.len() as u64);
        if asks {
            metrics::counter!("prim_ingest_gaps_asked_total").increment(1);
        }
        metrics::counter!("prim_ingest_batches_total").increment(1);
        self.mailbox.publish(&Topic::Ack(batch.device.address.clone()), ack.encode()).await;
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
                let keep = self.limit.allows(&topic, Instant::now());
                tell::refused(&mut self.repeats, &topic, &refusal, payload.len(), keep);
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
                    // What is stored already was taken from another payload: this one's refusal is not theirs.
                    let from = claim.from.max(done.through.saturating_add(1));
                    let refused = (from <= claim.to).then_some(Rejection { from, to: claim.to, reason });
                    let ack = Ack {
                        v: 1,
                        stream,
                        epoch: claim.epoch,
                        // Nothing of an unproven payload moves the cursor: a forger must not make a spool forget.
                        through_seq: done.through,
                        rejected: refused.into_iter().collect(),
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

    fn database_is(&mut self, up: bool) {
        if up && self.complaint.is_over() {
            tracing::info!("Postgres takes batches again");
        }
        metrics::gauge!("prim_database_up").set(f64::from(u8::from(up)));
        self.takes_batches.send_if_modified(|takes| std::mem::replace(takes, up) != up);
    }

    fn database_away(&mut self, error: &CommitError) {
        self.store.disconnect();
        metrics::counter!("prim_postgres_failures_total").increment(1);
        let why = std::error::Error::source(error).map(causes).unwrap_or_default();
        if self.complaint.is_due(&why, Instant::now()) {
            tracing::warn!(
                instance = %self.instance,
                why,
                "no batches are taken: Postgres does not do its part ({why}); they stay on the devices, trying again"
            );
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

/// At that moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
