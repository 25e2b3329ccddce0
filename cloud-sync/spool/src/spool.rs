//! The spool itself: append, read, acknowledge, erase.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use prim_ids::{EpochId, MeetingId, Stream};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::look::Free;
use crate::open::{self, Backing};
use crate::reserve::Reserve;
use crate::store::{self, Head, OnTime, OpenLoss, index};
use crate::{
    AppendError, Condition, Depth, Encoded, Limits, Loss, Moment, OpenSpoolError, Slot, StoredRow,
    StreamDepth, Tip,
};

/// Encodes a loss as a record of its stream. Given once, at opening, so that no drop goes unrecorded.
pub type WriteLoss = Box<dyn Fn(Moment, Slot, Loss) -> Encoded + Send>;

/// How much time passes between two attempts to take the reserve back.
const RETRY_RESERVE_MS: u64 = 60 * 1000;

/// The outbox. Share it between threads behind an `Arc`; calls wait for each other.
#[derive(Debug)]
pub struct Spool {
    epoch: EpochId,
    /// Where the files lie.
    pub(crate) folder: PathBuf,
    inner: Mutex<Inner>,
}

pub(crate) struct Inner {
    pub(crate) conn: Connection,
    pub(crate) epoch: EpochId,
    pub(crate) limits: Limits,
    pub(crate) heads: [Head; 6],
    pub(crate) losses: [Vec<OpenLoss>; 6],
    pub(crate) on: OnTime,
    pub(crate) ages_checked_ms: u64,
    pub(crate) write_loss: WriteLoss,
    pub(crate) saved_on_ms: u64,
    pub(crate) reserve: Reserve,
    /// Pages the file may have while the reserve is given away; only audit may go beyond.
    pub(crate) page_cap: Option<i64>,
    pub(crate) retry_reserve_at: u64,
    /// Why the reserve is not there, when it is not for want of room.
    pub(crate) reserve_fault: Option<io::ErrorKind>,
    /// A look found room for the reserve, and yet it could not be taken: when the next look may try.
    pub(crate) retry_look_at: u64,
    /// Free at the last look.
    pub(crate) free_bytes: Option<u64>,
    /// Whether that was enough.
    pub(crate) free: Free,
    pub(crate) full: bool,
    pub(crate) refused: u64,
    /// The last record of another stream than audit was refused: admitting such losses waits until there is room.
    pub(crate) refusing: bool,
}

/// What an append gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The record's number.
    pub seq: u64,
    /// Its hash.
    pub hash: [u8; 32],
}

/// Why records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadSpoolError {
    /// SQLite says no.
    #[error("read from the spool")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why an acknowledgement was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AcknowledgeError {
    /// It speaks of another life of this spool.
    #[error("acknowledge {stream}: the acknowledgement is for epoch {got}, this spool's is {ours}")]
    OtherEpoch {
        /// The stream.
        stream: Stream,
        /// The epoch acknowledged.
        got: EpochId,
        /// The spool's.
        ours: EpochId,
    },
    /// It speaks of records that do not exist.
    #[error("acknowledge {stream} through {through}: the last record is {head}")]
    BeyondHead {
        /// The stream.
        stream: Stream,
        /// The number acknowledged.
        through: u64,
        /// The last number.
        head: u64,
    },
    /// SQLite says no.
    #[error("delete acknowledged records")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

/// Why a meeting's payloads were not erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// SQLite says no.
    #[error("erase a meeting's payloads from the spool")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

impl Spool {
    /// Opens the spool at `path`, or makes it with `fresh` as its epoch.
    pub fn open(
        path: &Path,
        limits: Limits,
        fresh: EpochId,
        write_loss: WriteLoss,
    ) -> Result<Self, OpenSpoolError> {
        Self::open_on(path, limits, fresh, write_loss, Backing::default())
    }

    /// Opens the spool on another file layer.
    #[doc(hidden)]
    pub fn open_on(
        path: &Path,
        limits: Limits,
        fresh: EpochId,
        write_loss: WriteLoss,
        backing: Backing<'_>,
    ) -> Result<Self, OpenSpoolError> {
        let (conn, epoch) = open::open(path, backing, fresh, wal_pages(&limits))?;
        let sqlite = |source| OpenSpoolError::Sqlite { path: path.to_owned(), source };
        let heads = store::load_heads(&conn).map_err(sqlite)?;
        let mut losses: [Vec<OpenLoss>; 6] = Default::default();
        for stream in Stream::ALL {
            losses[index(stream)] = store::load_losses(&conn, stream).map_err(sqlite)?;
        }
        let on = store::load_on_time(&conn).map_err(sqlite)?;
        let mut inner = Inner {
            conn,
            epoch,
            limits,
            heads,
            losses,
            on,
            ages_checked_ms: on.on_ms,
            write_loss,
            saved_on_ms: on.on_ms,
            reserve: Reserve::beside(path, limits.reserve_bytes),
            page_cap: None,
            retry_reserve_at: 0,
            reserve_fault: None,
            retry_look_at: 0,
            free_bytes: None,
            free: Free::Enough,
            full: false,
            refused: 0,
            refusing: false,
        };
        // The first look tells whoever asks.
        if !inner.hold_reserve() {
            inner.cap_pages().map_err(sqlite)?;
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).to_owned();
        Ok(Self { epoch, folder, inner: Mutex::new(inner) })
    }

    /// This life of the spool.
    #[must_use]
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// Appends one record; on return it is on disk. `make` is told the record's place while the spool is locked.
    pub fn append(
        &self,
        now: Moment,
        stream: Stream,
        make: impl FnOnce(Slot) -> Encoded,
    ) -> Result<Appended, AppendError> {
        let mut make = Some(make);
        let made = self.append_many(now, &[stream], |_, slot| {
            let make = make.take().expect("one stream is encoded once");
            make(slot)
        })?;
        Ok(made[0])
    }

    /// Appends several records in one transaction: all or none. `make(i, slot)` encodes the i-th. Only when there is
    /// no room are they parted: then the audit among them is kept, and of the others it stays on record that they are lost
    /// (see [`AppendError`]).
    pub fn append_many(
        &self,
        now: Moment,
        streams: &[Stream],
        make: impl FnMut(usize, Slot) -> Encoded,
    ) -> Result<Vec<Appended>, AppendError> {
        self.lock().append_many(now, streams, None, make)
    }

    /// As [`append_many`](Self::append_many), and keeps `state` in the same transaction, in place of the last one: after
    /// a restart the caller finds itself exactly where its last record left it, neither before nor behind it.
    pub fn append_with_state(
        &self,
        now: Moment,
        streams: &[Stream],
        state: &[u8],
        make: impl FnMut(usize, Slot) -> Encoded,
    ) -> Result<Vec<Appended>, AppendError> {
        self.lock().append_many(now, streams, Some(state), make)
    }

    /// What was kept with the last [`append_with_state`](Self::append_with_state), until it was forgotten.
    pub fn state(&self) -> Result<Option<Vec<u8>>, ReadSpoolError> {
        store::load_state(&self.lock().conn).map_err(|source| ReadSpoolError::Sqlite { source })
    }

    /// Forgets the state: it may hold words, and is overwritten as records are.
    pub fn forget_state(&self) -> Result<(), EraseError> {
        self.lock().forget_state().map_err(|source| EraseError::Sqlite { source })
    }

    /// Up to `max_rows` records of `stream` with numbers from `from` on, in order.
    pub fn read(&self, stream: Stream, from: u64, max_rows: usize) -> Result<Vec<StoredRow>, ReadSpoolError> {
        store::read(&self.lock().conn, stream, from, max_rows)
            .map_err(|source| ReadSpoolError::Sqlite { source })
    }

    /// Deletes the records of `stream` through `through`; the tip stays. Returns how many went: none when it was
    /// acknowledged before.
    pub fn acknowledge(&self, stream: Stream, epoch: EpochId, through: u64) -> Result<u64, AcknowledgeError> {
        let mut inner = self.lock();
        if epoch != self.epoch {
            return Err(AcknowledgeError::OtherEpoch { stream, got: epoch, ours: self.epoch });
        }
        let head = inner.heads[index(stream)].tip.seq;
        if through > head {
            return Err(AcknowledgeError::BeyondHead { stream, through, head });
        }
        inner.acknowledge(stream, through).map_err(|source| AcknowledgeError::Sqlite { source })
    }

    /// How far `stream` reaches.
    #[must_use]
    pub fn tip(&self, stream: Stream) -> Tip {
        self.lock().heads[index(stream)].tip
    }

    /// How much waits.
    pub fn depth(&self) -> Result<Depth, ReadSpoolError> {
        depth_of(&self.lock())
    }

    /// As [`depth`](Self::depth); `None` when another thread keeps the spool for longer than `patience`: its disk does not
    /// answer.
    pub fn depth_within(&self, patience: Duration) -> Option<Result<Depth, ReadSpoolError>> {
        const STEP: Duration = Duration::from_millis(5);
        for _ in 0..=patience.as_millis() / STEP.as_millis() {
            match self.inner.try_lock() {
                Ok(inner) => return Some(depth_of(&inner)),
                Err(TryLockError::Poisoned(poisoned)) => return Some(depth_of(&poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => std::thread::sleep(STEP),
            }
        }
        None
    }

    /// How the spool is doing, without touching the disk.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.lock().condition()
    }

    /// Whether records of other streams than audit are refused, as far as is known: the last one found no room, and none
    /// was made since.
    #[must_use]
    pub fn is_refusing(&self) -> bool {
        self.lock().is_refusing()
    }

    /// Deletes every erasable payload of `meeting` and overwrites its bytes; the records stay. In the same transaction the
    /// audit record that says so is appended, which `make` encodes from how many records lost theirs; and `state`, if
    /// any, takes the last one's place, which may hold words too.
    pub fn erase_meeting(
        &self,
        now: Moment,
        meeting: MeetingId,
        state: Option<&[u8]>,
        make: impl FnOnce(u64, Slot) -> Encoded,
    ) -> Result<u64, EraseError> {
        self.lock().erase_meeting(now, meeting, state, make).map_err(|source| EraseError::Sqlite { source })
    }

    /// A caller's closure may have panicked under the lock; it runs before anything is changed.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) fn bytes(&self) -> u64 {
        self.heads.iter().map(|head| head.bytes).sum()
    }

    pub(crate) fn condition(&self) -> Condition {
        if self.full {
            Condition::Full
        } else if self.page_cap.is_some() {
            Condition::Reserve
        } else if self.losses.iter().any(|losses| !losses.is_empty()) {
            Condition::Dropping
        } else {
            Condition::Ok
        }
    }

    pub(crate) fn cap_pages(&mut self) -> rusqlite::Result<()> {
        self.page_cap = Some(self.conn.query_row("PRAGMA page_count", [], |row| row.get(0))?);
        self.retry_reserve_at = self.on.on_ms + RETRY_RESERVE_MS;
        Ok(())
    }

    /// `PRAGMA max_page_count` answers with a row, so it cannot be set by `pragma_update`.
    pub(crate) fn limit_pages(&self, pages: i64) -> rusqlite::Result<()> {
        self.conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
    }

    pub(crate) fn take_reserve_back(&mut self) -> rusqlite::Result<()> {
        self.retry_reserve_at = self.on.on_ms + RETRY_RESERVE_MS;
        self.shrink()?;
        if self.hold_reserve() {
            self.page_cap = None;
            self.full = false;
            self.limit_pages(i64::from(u32::MAX) - 1)?;
        }
        Ok(())
    }

    fn hold_reserve(&mut self) -> bool {
        let held = self.reserve.hold();
        let wants_room = |error: &io::Error| {
            matches!(
                error.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            )
        };
        self.reserve_fault = held.as_ref().err().filter(|error| !wants_room(error)).map(io::Error::kind);
        held.is_ok()
    }

    /// Gives free pages back to the file system and empties the WAL.
    pub(crate) fn shrink(&mut self) -> rusqlite::Result<()> {
        let run = |conn: &Connection| -> rusqlite::Result<()> {
            conn.prepare("PRAGMA incremental_vacuum")?.query([])?.next().map(|_| ())?;
            conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        };
        match run(&self.conn) {
            Err(error) if !is_full(&error) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn acknowledge(&mut self, stream: Stream, through: u64) -> rusqlite::Result<u64> {
        let rows = match self.delete_through(stream, through) {
            Err(error) if is_full(&error) => self.delete_in_steps(stream, through)?,
            deleted => deleted?,
        };
        if self.page_cap.is_some() && rows > 0 {
            self.retry_reserve_at = 0;
        }
        Ok(rows)
    }

    fn delete_through(&mut self, stream: Stream, through: u64) -> rusqlite::Result<u64> {
        let losses: Vec<OpenLoss> = self.losses[index(stream)]
            .iter()
            .copied()
            .filter(|loss| loss.row.is_none_or(|row| row > through))
            .collect();
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let (rows, bytes) = store::delete_through(&tx, stream, through)?;
        if losses.len() != self.losses[index(stream)].len() {
            store::save_losses(&tx, stream, &losses)?;
        }
        tx.commit()?;
        let head = &mut self.heads[index(stream)];
        head.rows = head.rows.saturating_sub(rows);
        head.bytes = head.bytes.saturating_sub(bytes);
        self.losses[index(stream)] = losses;
        Ok(rows)
    }

    /// On a full disk: the rest of the reserve pays for the WAL, a few records go at a time, and their pages are
    /// not overwritten, which would cost as much space again; they are given back to the file system instead.
    fn delete_in_steps(&mut self, stream: Stream, through: u64) -> rusqlite::Result<u64> {
        const ROWS: u64 = 32;
        if self.page_cap.is_none() {
            self.cap_pages()?;
        }
        self.reserve.shrink_to(0);
        self.shrink()?;
        self.conn.pragma_update(None, "secure_delete", "OFF")?;
        let deleted = self.delete_steps(stream, through, ROWS);
        self.conn.pragma_update(None, "secure_delete", "ON")?;
        deleted
    }

    fn delete_steps(&mut self, stream: Stream, through: u64, rows: u64) -> rusqlite::Result<u64> {
        let mut deleted = 0;
        while let Some(first) = store::first_seq(&self.conn, stream)?.filter(|first| *first <= through) {
            deleted += self.delete_through(stream, through.min(first + rows - 1))?;
            self.shrink()?;
        }
        Ok(deleted)
    }

    fn erase_meeting(
        &mut self,
        now: Moment,
        meeting: MeetingId,
        state: Option<&[u8]>,
        make: impl FnOnce(u64, Slot) -> Encoded,
    ) -> rusqlite::Result<u64> {
        self.count_time(now);
        let mut heads = self.heads;
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let erased = store::erase(&tx, meeting)?;
        for (head, (_, bytes)) in heads.iter_mut().zip(erased) {
            head.bytes = head.bytes.saturating_sub(bytes);
        }
        let records = erased.iter().map(|(rows, _)| rows).sum();
        let head = &mut heads[index(Stream::Audit)];
        let slot =
            Slot { stream: Stream::Audit, epoch: self.epoch, seq: head.tip.seq + 1, prev: head.tip.hash };
        let record = make(records, slot);
        store::insert(&tx, Stream::Audit, slot.seq, &slot.prev, self.on.on_ms, &record)?;
        head.tip = Tip { seq: slot.seq, hash: record.hash };
        head.rows += 1;
        head.bytes += store::size(&record);
        store::save_tip(&tx, Stream::Audit, head.tip)?;
        if let Some(state) = state {
            store::save_state(&tx, state)?;
        }
        tx.commit()?;
        self.heads = heads;
        // The WAL still holds the old pages until it is moved and cut.
        self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(records)
    }

    fn forget_state(&mut self) -> rusqlite::Result<()> {
        store::forget_state(&self.conn)?;
        // The WAL still holds the old pages until it is moved and cut.
        self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    /// Adds the monotonic time that passed since the last append.
    pub(crate) fn count_time(&mut self, now: Moment) {
        let at = now.at.as_millis();
        let passed = if self.on.boot == Some(now.boot) { at.saturating_sub(self.on.boot_at_ms) } else { at };
        self.on = OnTime {
            boot: Some(now.boot),
            boot_at_ms: if self.on.boot == Some(now.boot) { at.max(self.on.boot_at_ms) } else { at },
            on_ms: self.on.on_ms.saturating_add(passed),
        };
    }
}

fn depth_of(inner: &Inner) -> Result<Depth, ReadSpoolError> {
    let mut streams = Vec::with_capacity(Stream::ALL.len());
    for stream in Stream::ALL {
        let head = inner.heads[index(stream)];
        let first =
            store::first_seq(&inner.conn, stream).map_err(|source| ReadSpoolError::Sqlite { source })?;
        streams.push(StreamDepth { stream, rows: head.rows, bytes: head.bytes, first, head: head.tip.seq });
    }
    Ok(Depth {
        condition: inner.condition(),
        bytes: inner.bytes(),
        rows: inner.heads.iter().map(|head| head.rows).sum(),
        streams,
        next_to_drop: inner.next_to_drop(),
        refused: inner.refused,
        free_bytes: inner.free_bytes,
    })
}

/// The WAL is moved into the file at 4 MB, and before it is larger than a quarter of the reserve: moving it may need
/// as much space again, also on a full disk.
fn wal_pages(limits: &Limits) -> i64 {
    const PAGE_BYTES: u64 = 4096;
    i64::try_from((limits.reserve_bytes / 4 / PAGE_BYTES).clamp(16, 1000)).unwrap_or(1000)
}

pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("epoch", &self.epoch)
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}
