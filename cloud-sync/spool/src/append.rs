//! Appending: places, one transaction, and what happens when there is no room.

use prim_ids::Stream;
use rusqlite::{ErrorCode, TransactionBehavior};

use crate::spool::{Inner, is_full};
use crate::store::{self, Head, OpenLoss, index};
use crate::{Appended, Encoded, Loss, LossReason, Moment, Slot, Tip};

/// How much device time may pass before the age counter is saved.
const SAVE_ON_TIME_MS: u64 = 60 * 1000;

/// Why a record was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// No room on the disk.
    #[error("append to {stream}: the disk is full; free some space, records of this stream are being lost")]
    DiskFull {
        /// The stream.
        stream: Stream,
        /// The audit records of the same call, if any, and the state with them, are on disk all the same.
        audit_kept: bool,
    },
    /// Audit alone fills the limit, and audit is never dropped for other streams.
    #[error("append to {stream}: unsent audit fills the spool's limit; restore the link to the gateway")]
    OverQuota {
        /// The stream.
        stream: Stream,
        /// The audit records of the same call, if any, and the state with them, are on disk all the same.
        audit_kept: bool,
    },
    /// SQLite says no.
    #[error("append to the spool")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

impl AppendError {
    /// Why, in a few words for a person.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match self {
            Self::DiskFull { .. } => "the disk is full",
            Self::OverQuota { .. } => "unsent audit fills it",
            Self::Sqlite { source } => why(source),
        }
    }
}

/// What SQLite's word means for a person.
pub(crate) fn why(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::ReadOnly) => "its file system is read-only",
        Some(ErrorCode::SystemIoFailure) => "the disk reports errors",
        Some(ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => "access to it is denied",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "it is damaged",
        Some(ErrorCode::DiskFull) => "the disk is full",
        _ => "SQLite refuses",
    }
}

/// Records with their places, before they are committed.
#[derive(Default)]
struct Placed {
    slots: Vec<Slot>,
    records: Vec<Encoded>,
    heads: [Head; 6],
    /// The open losses of these streams become these.
    losses: Vec<(Stream, Vec<OpenLoss>)>,
}

impl Inner {
    pub(crate) fn append_many(
        &mut self,
        now: Moment,
        streams: &[Stream],
        state: Option<&[u8]>,
        make: impl FnMut(usize, Slot) -> Encoded,
    ) -> Result<Vec<Appended>, AppendError> {
        let Some(stream) =
            streams.iter().copied().find(|s| *s != Stream::Audit).or_else(|| streams.first().copied())
        else {
            return Ok(Vec::new());
        };
        let audit_only = stream == Stream::Audit;
        self.count_time(now);
        if self.page_cap.is_some() && self.on.on_ms >= self.retry_reserve_at {
            self.take_reserve_back().map_err(|source| AppendError::Sqlite { source })?;
        }
        match self.keep_limits(now) {
            // A full disk must not keep audit out: the drop is tried again when the append itself fails.
            Err(error) if !is_full(&error) => return Err(AppendError::Sqlite { source: error }),
            Ok(()) | Err(_) => {}
        }
        let placed = self.place(streams, make);
        if !audit_only && self.bytes() > self.limits.max_bytes {
            let audit_kept = self.refuse(placed, state, LossReason::QuotaBytes)?;
            return Err(AppendError::OverQuota { stream, audit_kept });
        }
        let mut stored = self.store(&placed, state, audit_only);
        if stored.as_ref().is_err_and(is_full) {
            self.find_space().map_err(|source| AppendError::Sqlite { source })?;
            stored = self.store(&placed, state, audit_only);
        }
        match stored {
            Ok(()) => {
                self.heads = placed.heads;
                self.full &= !audit_only;
                self.refusing &= audit_only;
                Ok(placed
                    .slots
                    .iter()
                    .zip(&placed.records)
                    .map(|(slot, r)| Appended { seq: slot.seq, hash: r.hash })
                    .collect())
            }
            Err(source) if is_full(&source) && audit_only => {
                self.full = true;
                self.refused += streams.len() as u64;
                Err(AppendError::DiskFull { stream, audit_kept: false })
            }
            Err(source) if is_full(&source) => {
                let audit_kept = self.refuse(placed, state, LossReason::DiskFull)?;
                Err(AppendError::DiskFull { stream, audit_kept })
            }
            Err(source) => Err(AppendError::Sqlite { source }),
        }
    }

    fn place(&self, streams: &[Stream], mut make: impl FnMut(usize, Slot) -> Encoded) -> Placed {
        let mut placed = Placed { heads: self.heads, ..Placed::default() };
        for (i, stream) in streams.iter().copied().enumerate() {
            let head = &mut placed.heads[index(stream)];
            let slot = Slot { stream, epoch: self.epoch, seq: head.tip.seq + 1, prev: head.tip.hash };
            let record = make(i, slot);
            head.tip = Tip { seq: slot.seq, hash: record.hash };
            head.rows += 1;
            head.bytes += store::size(&record);
            placed.slots.push(slot);
            placed.records.push(record);
        }
        placed
    }

    fn store(&mut self, placed: &Placed, state: Option<&[u8]>, audit_only: bool) -> rusqlite::Result<()> {
        if let Some(cap) = self.page_cap {
            let pages = if audit_only { i64::from(u32::MAX) - 1 } else { cap };
            self.limit_pages(pages)?;
        }
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for (slot, record) in placed.slots.iter().zip(&placed.records) {
            store::insert(&tx, slot.stream, slot.seq, &slot.prev, self.on.on_ms, record)?;
        }
        for stream in Stream::ALL {
            let tip = placed.heads[index(stream)].tip;
            if tip != self.heads[index(stream)].tip {
                store::save_tip(&tx, stream, tip)?;
            }
        }
        for (stream, losses) in &placed.losses {
            store::save_losses(&tx, *stream, losses)?;
        }
        if let Some(state) = state {
            store::save_state(&tx, state)?;
        }
        let save_time = self.on.on_ms.saturating_sub(self.saved_on_ms) >= SAVE_ON_TIME_MS;
        if save_time {
            store::save_on_time(&tx, self.on)?;
        }
        tx.commit()?;
        if save_time {
            self.saved_on_ms = self.on.on_ms;
        }
        Ok(())
    }

    /// There is no room for all of `placed`: audit among it is kept, and the others count as appended and dropped at
    /// once, so that a loss record will name them. Whether that could be stored.
    fn refuse(
        &mut self,
        mut placed: Placed,
        state: Option<&[u8]>,
        reason: LossReason,
    ) -> Result<bool, AppendError> {
        self.refusing = true;
        let all = placed.slots.len() as u64;
        let mut kept = Placed { heads: placed.heads, ..Placed::default() };
        let mut losses = self.losses.clone();
        for (slot, record) in placed.slots.drain(..).zip(placed.records.drain(..)) {
            if slot.stream == Stream::Audit {
                kept.slots.push(slot);
                kept.records.push(record);
                continue;
            }
            let (from, to) = (slot.seq, slot.seq);
            let loss = Loss { from, to, reason, before: slot.prev, last: record.hash };
            lengthen(&mut losses[index(slot.stream)], loss);
            let head = &mut kept.heads[index(slot.stream)];
            head.rows -= 1;
            head.bytes -= store::size(&record);
        }
        self.refused += all - kept.slots.len() as u64;
        let stored = self.store_with_losses(kept, losses, state)?;
        if let Err(kept) = stored {
            self.refused += kept;
        }
        Ok(stored.is_ok())
    }

    /// Uses numbers for records that never came here, so that a loss record names them as soon as there is room. Nothing of
    /// them was hashed: the chain goes on from where it was. Whether that could be stored.
    pub(crate) fn lose(
        &mut self,
        now: Moment,
        lost: &[(Stream, u64)],
        reason: LossReason,
    ) -> Result<bool, AppendError> {
        self.count_time(now);
        let mut kept = Placed { heads: self.heads, ..Placed::default() };
        let mut losses = self.losses.clone();
        for &(stream, count) in lost.iter().filter(|(_, count)| *count > 0) {
            let tip = &mut kept.heads[index(stream)].tip;
            let (from, to) = (tip.seq + 1, tip.seq + count);
            tip.seq = to;
            lengthen(&mut losses[index(stream)], Loss { from, to, reason, before: tip.hash, last: tip.hash });
        }
        let stored = self.store_with_losses(kept, losses, None)?.is_ok();
        if stored {
            match self.admit_losses(now) {
                Err(source) if !is_full(&source) => return Err(AppendError::Sqlite { source }),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(stored)
    }

    /// As audit, into the reserve if need be. Where even that is full: how many records are not kept.
    fn store_with_losses(
        &mut self,
        mut kept: Placed,
        losses: [Vec<OpenLoss>; 6],
        state: Option<&[u8]>,
    ) -> Result<Result<(), u64>, AppendError> {
        kept.losses = Stream::ALL
            .into_iter()
            .filter(|s| losses[index(*s)] != self.losses[index(*s)])
            .map(|s| (s, losses[index(s)].clone()))
            .collect();
        let mut stored = self.store(&kept, state, true);
        if stored.as_ref().is_err_and(is_full) {
            self.find_space().map_err(|source| AppendError::Sqlite { source })?;
            stored = self.store(&kept, state, true);
        }
        match stored {
            Ok(()) => {
                self.heads = kept.heads;
                self.losses = losses;
                Ok(Ok(()))
            }
            Err(source) if is_full(&source) => {
                self.full = true;
                Ok(Err(kept.slots.len() as u64))
            }
            Err(source) => Err(AppendError::Sqlite { source }),
        }
    }

    /// The disk is full: give the reserve to audit, and drop what may be dropped.
    fn find_space(&mut self) -> rusqlite::Result<()> {
        if self.page_cap.is_none() {
            self.reserve.give_to_audit();
            self.cap_pages()?;
        }
        // With the reserve the WAL can be moved into the file and cut, so that its space serves again.
        self.shrink()?;
        let free = (self.bytes() / 10).max(1);
        match self.drop_oldest(LossReason::DiskFull, free) {
            // Even deleting needs a little space; the append that follows says how it is.
            Err(error) if !is_full(&error) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

/// `loss` follows on what was lost last, or stands alone.
fn lengthen(open: &mut Vec<OpenLoss>, loss: Loss) {
    match open.last_mut() {
        Some(OpenLoss { loss: last, row: None }) if last.to + 1 == loss.from => {
            *last = Loss { from: last.from, before: last.before, ..loss };
        }
        Some(_) | None => open.push(OpenLoss { loss, row: None }),
    }
}
