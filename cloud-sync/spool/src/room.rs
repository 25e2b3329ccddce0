//! Making room: which records go first, and how the loss is admitted.

use prim_ids::Stream;
use rusqlite::TransactionBehavior;

use crate::spool::Inner;
use crate::store::{self, OpenLoss, index};
use crate::{Loss, LossReason, Moment, Slot, Tip};

/// What is dropped first stands first. Audit is not here.
pub(crate) const DROP_ORDER: [Stream; 5] =
    [Stream::Metric, Stream::Usage, Stream::Event, Stream::Utterance, Stream::Note];

/// How much device time may pass between two looks at ages.
const AGE_CHECK_MS: u64 = 10 * 60 * 1000;

impl Inner {
    /// Keeps within the limits before the next append.
    pub(crate) fn keep_limits(&mut self, now: Moment) -> rusqlite::Result<()> {
        if self.bytes() > self.limits.max_bytes {
            // A tenth at once: one loss record for many records, not one each.
            let free = self.bytes() - self.limits.max_bytes / 10 * 9;
            self.drop_oldest(LossReason::QuotaBytes, free)?;
        }
        if self.on.on_ms.saturating_sub(self.ages_checked_ms) >= AGE_CHECK_MS {
            self.ages_checked_ms = self.on.on_ms;
            self.drop_old()?;
        }
        self.admit_losses(now)
    }

    /// The last record of another stream than audit found no room, and there is none yet.
    pub(crate) fn is_refusing(&self) -> bool {
        self.refusing && (self.page_cap.is_some() || self.bytes() > self.limits.max_bytes)
    }

    /// The stream whose oldest records would go next.
    pub(crate) fn next_to_drop(&self) -> Option<Stream> {
        // Records that only admit losses are not worth dropping: they would be written again.
        DROP_ORDER.into_iter().find(|stream| {
            let admitting = self.losses[index(*stream)].iter().filter(|loss| loss.row.is_some()).count();
            self.heads[index(*stream)].rows > admitting as u64
        })
    }

    /// Drops at least `free` bytes, as far as there is something to drop. Whether anything went.
    pub(crate) fn drop_oldest(&mut self, reason: LossReason, free: u64) -> rusqlite::Result<bool> {
        let mut freed = 0;
        while freed < free {
            let Some(stream) = self.next_to_drop() else { break };
            let wanted = free - freed;
            let mut taken = 0;
            let went = self.drop_while(stream, reason, |oldest| {
                let more = taken < wanted;
                taken += if more { oldest.bytes } else { 0 };
                more
            })?;
            if went == 0 {
                break;
            }
            freed += went;
        }
        Ok(freed > 0)
    }

    fn drop_old(&mut self) -> rusqlite::Result<()> {
        let max_age_ms = u64::try_from(self.limits.max_age.as_millis()).unwrap_or(u64::MAX);
        let Some(horizon) = self.on.on_ms.checked_sub(max_age_ms) else { return Ok(()) };
        for stream in DROP_ORDER {
            self.drop_while(stream, LossReason::QuotaAge, |oldest| oldest.on_ms < horizon)?;
        }
        Ok(())
    }

    /// Drops the oldest records of `stream` while `go` says so, and notes the loss in the same transaction.
    fn drop_while(
        &mut self,
        stream: Stream,
        reason: LossReason,
        mut go: impl FnMut(&store::Oldest) -> bool,
    ) -> rusqlite::Result<u64> {
        let mut span: Option<Loss> = None;
        store::walk_oldest(&self.conn, stream, |oldest| {
            let goes = go(&oldest);
            if goes {
                let (from, before) = span.map_or((oldest.seq, oldest.prev), |loss| (loss.from, loss.before));
                span = Some(Loss { from, to: oldest.seq, reason, before, last: oldest.hash });
            }
            goes
        })?;
        let Some(new) = span else { return Ok(0) };

        let losses = merge(&self.losses[index(stream)], new);
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (rows, bytes) = store::delete_through(&tx, stream, new.to)?;
        store::save_losses(&tx, stream, &losses)?;
        tx.commit()?;
        let head = &mut self.heads[index(stream)];
        head.rows = head.rows.saturating_sub(rows);
        head.bytes = head.bytes.saturating_sub(bytes);
        self.losses[index(stream)] = losses;
        Ok(bytes)
    }

    /// Writes the records that admit losses, where they are still missing.
    pub(crate) fn admit_losses(&mut self, now: Moment) -> rusqlite::Result<()> {
        if self.is_refusing() {
            // Each record refused would cost one that says so; one for all of them waits until there is room.
            return Ok(());
        }
        self.refusing = false;
        for stream in Stream::ALL {
            if self.losses[index(stream)].iter().all(|loss| loss.row.is_some()) {
                continue;
            }
            let mut losses = self.losses[index(stream)].clone();
            let mut head = self.heads[index(stream)];
            let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for open in losses.iter_mut().filter(|loss| loss.row.is_none()) {
                let slot = Slot { stream, epoch: self.epoch, seq: head.tip.seq + 1, prev: head.tip.hash };
                let record = (self.write_loss)(now, slot, open.loss);
                store::insert(&tx, stream, slot.seq, &slot.prev, self.on.on_ms, &record)?;
                open.row = Some(slot.seq);
                head.tip = Tip { seq: slot.seq, hash: record.hash };
                head.rows += 1;
                head.bytes += store::size(&record);
            }
            store::save_tip(&tx, stream, head.tip)?;
            store::save_losses(&tx, stream, &losses)?;
            tx.commit()?;
            self.heads[index(stream)] = head;
            self.losses[index(stream)] = losses;
        }
        Ok(())
    }
}

/// The open losses after `new`: those whose admitting record has just gone must be admitted again, neighbours
/// become one.
fn merge(open: &[OpenLoss], new: Loss) -> Vec<OpenLoss> {
    let (mut unwritten, mut kept): (Vec<OpenLoss>, Vec<OpenLoss>) =
        open.iter().partition(|loss| loss.row.is_none_or(|row| row <= new.to));
    unwritten.push(OpenLoss { loss: new, row: None });
    unwritten.sort_by_key(|open| open.loss.from);
    let mut merged: Vec<OpenLoss> = Vec::new();
    for OpenLoss { loss, .. } in unwritten {
        match merged.last_mut() {
            // A loss in the middle of what has gone now is part of it.
            Some(last) if loss.to <= last.loss.to => {}
            Some(last) if last.loss.to + 1 >= loss.from => {
                last.loss = Loss { to: loss.to, last: loss.last, reason: loss.reason, ..last.loss };
            }
            Some(_) | None => merged.push(OpenLoss { loss, row: None }),
        }
    }
    kept.append(&mut merged);
    kept.sort_by_key(|open| open.loss.from);
    kept
}
