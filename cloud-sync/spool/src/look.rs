//! How much room there is on the disk, whoever fills it; shows before a record is refused, and when room returns.

use std::io;

use prim_ids::Stream;

use crate::append::why;
use crate::spool::{Inner, Spool, is_full};
use crate::store;
use crate::{AppendError, Condition, LossReason, Moment};

/// Below so many reserves of free space it is getting scarce. Four: with the default that is 64 MiB, days of meetings.
const LOW_RESERVES: u64 = 4;
/// And no longer above so many: who is near a bound does not change sides with each record.
const ENOUGH_RESERVES: u64 = 5;
/// The reserve is taken back when this part of it stays free beside: else the next records would cost it again.
/// With less than that there is as good as nothing.
const BESIDE: u64 = 16;
/// How much time passes between two attempts to take a reserve back for which there seems to be room.
const RETRY_MS: u64 = 60 * 1000;

/// How much of the disk is free, seen from the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Free {
    /// As good as nothing: less than a sixteenth of the reserve.
    Nothing,
    /// Less than four times the reserve.
    Little,
    /// Enough, or nobody knows.
    Enough,
}

impl Free {
    fn of(bytes: u64, reserve_bytes: u64, before: Self) -> Self {
        let (nothing, little) = match before {
            Self::Nothing => (reserve_bytes / BESIDE * 2, reserve_bytes.saturating_mul(ENOUGH_RESERVES)),
            Self::Little => (reserve_bytes / BESIDE, reserve_bytes.saturating_mul(ENOUGH_RESERVES)),
            Self::Enough => (reserve_bytes / BESIDE, reserve_bytes.saturating_mul(LOW_RESERVES)),
        };
        match bytes {
            bytes if bytes < nothing => Self::Nothing,
            bytes if bytes < little => Self::Little,
            _ => Self::Enough,
        }
    }
}

/// The disk at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// How the spool is doing.
    pub condition: Condition,
    /// Whether records of other streams than audit are refused: see [`Spool::is_refusing`].
    pub refusing: bool,
    /// Bytes that may still be written; `None` where the file system does not say.
    pub free_bytes: Option<u64>,
    /// Whether that is enough.
    pub free: Free,
    /// Bytes of the reserve that are there.
    pub reserve_bytes: u64,
    /// Why the reserve is not there, when it is not for want of room.
    pub reserve_fault: Option<io::ErrorKind>,
    /// Records that admit losses were written at this look.
    pub admitted: bool,
}

/// Why the spool could not be looked after.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// SQLite says no.
    #[error("write to the spool")]
    Sqlite {
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

impl LookError {
    /// Why, in a few words for a person.
    #[must_use]
    pub fn why(&self) -> &'static str {
        let Self::Sqlite { source } = self;
        why(source)
    }
}

impl Spool {
    /// Looks at the disk. When there is room again, the reserve is taken back and losses are admitted. `prove`: also write
    /// a little, to see whether a spool that could not be written can be written now.
    pub fn look(&self, now: Moment, prove: bool) -> Result<Looked, LookError> {
        let free_bytes = || {
            let stat = rustix::fs::statvfs(&self.folder).ok()?;
            Some(stat.f_bavail.saturating_mul(stat.f_frsize))
        };
        self.lock().look(now, free_bytes, prove).map_err(|source| LookError::Sqlite { source })
    }

    /// Admits records that never came here, `lost` of each stream: they get numbers, and a loss record names them as soon as
    /// there is room. Whether that is on disk; if not, nothing has changed, and it can be told again later.
    pub fn lose(&self, now: Moment, lost: &[(Stream, u64)], reason: LossReason) -> Result<bool, AppendError> {
        self.lock().lose(now, lost, reason)
    }
}

impl Inner {
    fn look(
        &mut self,
        now: Moment,
        free_bytes: impl Fn() -> Option<u64>,
        prove: bool,
    ) -> rusqlite::Result<Looked> {
        self.count_time(now);
        self.free_bytes = free_bytes();
        let admitted_before = self.admitted();
        if self.page_cap.is_some() && self.on.on_ms >= self.retry_look_at {
            let needed = self.reserve.missing_bytes() + self.limits.reserve_bytes / BESIDE;
            if self.free_bytes.is_some_and(|free| free >= needed) {
                self.take_reserve_back()?;
                self.free_bytes = free_bytes();
                if self.page_cap.is_some() {
                    self.retry_look_at = self.on.on_ms + RETRY_MS;
                }
            }
        }
        if self.page_cap.is_none() {
            match self.admit_losses(now) {
                Err(error) if !is_full(&error) => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        if prove {
            store::save_on_time(&self.conn, self.on)?;
        }
        self.free = self
            .free_bytes
            .map_or(Free::Enough, |bytes| Free::of(bytes, self.limits.reserve_bytes, self.free));
        Ok(Looked {
            condition: self.condition(),
            refusing: self.is_refusing(),
            free_bytes: self.free_bytes,
            free: self.free,
            reserve_bytes: self.reserve.held_bytes(),
            reserve_fault: self.reserve_fault,
            admitted: self.admitted() != admitted_before,
        })
    }

    /// Losses that a record admits.
    fn admitted(&self) -> usize {
        self.losses.iter().flatten().filter(|loss| loss.row.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_near_a_bound_does_not_change_sides_with_each_record() {
        use Free::{Enough, Little, Nothing};
        let turns = [
            (6400, Enough),
            (6399, Little),
            (6400, Little),
            (7999, Little),
            (8000, Enough),
            (7000, Enough),
            (100, Little),
            (99, Nothing),
            (199, Nothing),
            (200, Little),
            (100, Little),
        ];
        let mut free = Enough;
        for (bytes, then) in turns {
            free = Free::of(bytes, 1600, free);
            assert_eq!(free, then, "{bytes} free beside a reserve of 1600");
        }
        assert_eq!(Free::of(0, 0, Enough), Enough, "who keeps no reserve has no measure");
    }
}
