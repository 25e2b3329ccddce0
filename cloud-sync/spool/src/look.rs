//! How much room there is on the disk, whoever fills it; shows before a record is refused, and when room returns.

use std::io;

use prim_ids::Stream;

use crate::append::why;
use crate::spool::{Inner, Spool, is_full};
use crate::store;
use crate::{AppendError, Condition, LossReason, Moment};

/// Below so many reserves of free space the disk is low. Four: with the default that is 64 MiB, days of meetings.
const LOW_RESERVES: u64 = 4;
/// And it is low no longer above so many: who is near the bound does not change sides with each record.
const ENOUGH_RESERVES: u64 = 5;
/// How much time passes between two attempts to take a reserve back for which there seems to be room.
const RETRY_MS: u64 = 60 * 1000;

/// The disk at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// How the spool is doing.
    pub condition: Condition,
    /// Whether records of other streams than audit are refused: see [`Spool::is_refusing`].
    pub refusing: bool,
    /// Bytes that may still be written; `None` where the file system does not say.
    pub free_bytes: Option<u64>,
    /// Less than four times the reserve is free.
    pub low: bool,
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
        let stat = rustix::fs::statvfs(&self.folder).ok();
        let free_bytes = stat.map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        self.lock().look(now, free_bytes, prove).map_err(|source| LookError::Sqlite { source })
    }

    /// Admits records that never came here, `lost` of each stream: they get numbers, and a loss record names them as soon as
    /// there is room. Whether that is on disk; if not, nothing has changed, and it can be told again later.
    pub fn lose(&self, now: Moment, lost: &[(Stream, u64)], reason: LossReason) -> Result<bool, AppendError> {
        self.lock().lose(now, lost, reason)
    }
}

impl Inner {
    fn look(&mut self, now: Moment, free_bytes: Option<u64>, prove: bool) -> rusqlite::Result<Looked> {
        self.count_time(now);
        self.free_bytes = free_bytes;
        self.low = free_bytes.is_some_and(|free| is_low(self.low, free, self.limits.reserve_bytes));
        let admitted_before = self.admitted();
        if self.page_cap.is_some() && self.on.on_ms >= self.retry_look_at {
            let needed = self.reserve.missing_bytes() + self.limits.reserve_bytes / 4;
            if free_bytes.is_some_and(|free| free >= needed) {
                self.take_reserve_back()?;
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
        Ok(Looked {
            condition: self.condition(),
            refusing: self.is_refusing(),
            free_bytes,
            low: self.low,
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

fn is_low(was_low: bool, free_bytes: u64, reserve_bytes: u64) -> bool {
    let reserves = if was_low { ENOUGH_RESERVES } else { LOW_RESERVES };
    free_bytes < reserve_bytes.saturating_mul(reserves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_low_below_four_reserves_and_no_longer_from_five_on() {
        let turns = [(400, false), (399, true), (400, true), (499, true), (500, false), (450, false)];
        let mut low = false;
        for (free, then) in turns {
            low = is_low(low, free, 100);
            assert_eq!(low, then, "{free} of 100 free");
        }
    }
}
