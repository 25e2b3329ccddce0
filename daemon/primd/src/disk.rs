//! How the disk under the records is: what the writer sees of it, and what people are told.

use std::io;

use prim_meeting::PeripheralState;
use prim_spool::{Condition, Free, Looked};

/// How the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskState {
    /// It takes records.
    Works,
    /// It does, and there is little room left.
    FillsUp,
    /// Only the audit is sure of room; nothing was refused yet.
    Tight,
    /// The audit goes into the reserve, everything else is refused.
    AuditAlone,
    /// Audit that no gateway takes fills the spool.
    OverQuota,
    /// Nothing finds room.
    Full,
    /// The spool cannot be written, and why.
    Unwritable(&'static str),
    /// A record waits for it, and for long.
    Silent,
    /// It does not answer, and no more records find room in memory.
    Overrun,
}

impl DiskState {
    /// When no record was refused since.
    pub(crate) fn of(looked: &Looked) -> Self {
        match (looked.condition, looked.free) {
            (Condition::Full, _) => Self::Full,
            (Condition::Reserve, _) | (Condition::Ok | Condition::Dropping, Free::Nothing) => Self::Tight,
            (Condition::Ok | Condition::Dropping, Free::Little) => Self::FillsUp,
            (Condition::Ok | Condition::Dropping, Free::Enough) => Self::Works,
        }
    }

    /// As the core, panels, `/health` and the audit are told: why first, then what to do.
    pub(crate) fn peripheral(self) -> PeripheralState {
        let degraded = |reason: &str| PeripheralState::Degraded { reason: reason.to_owned() };
        let absent = |reason: &str| PeripheralState::Absent { reason: reason.to_owned() };
        match self {
            Self::Works => PeripheralState::Up,
            Self::FillsUp => degraded("the disk is filling up: free some space"),
            Self::Tight => degraded("the disk is full, only audit is sure of room: free some space"),
            Self::AuditAlone => absent("the disk is full, only audit is kept: free some space"),
            Self::OverQuota => absent("unsent audit fills the spool: restore the link to the gateway"),
            Self::Full => absent("the disk and its reserve are full, nothing is kept: free some space"),
            Self::Unwritable(why) => {
                PeripheralState::Absent { reason: format!("the spool cannot be written: {why}") }
            }
            Self::Silent => absent("the disk does not answer"),
            Self::Overrun => absent("the disk does not answer; no more records find room in memory"),
        }
    }
}

/// What the writer tells of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DiskReport {
    pub(crate) state: DiskState,
    pub(crate) free_bytes: Option<u64>,
    pub(crate) reserve_bytes: u64,
    /// Why the reserve is not there, when it is not for want of room.
    pub(crate) reserve_fault: Option<io::ErrorKind>,
}

impl DiskReport {
    /// One line for each change; none for a disk that works from the start.
    pub(crate) fn log(&self, before: Option<DiskState>) {
        let reserve_fault = self.reserve_fault.map(|kind| kind.to_string());
        match self.state.peripheral() {
            PeripheralState::Up if before.is_none() => {}
            PeripheralState::Up => tracing::info!(
                disk.free_bytes = self.free_bytes,
                disk.reserve_bytes = self.reserve_bytes,
                "the disk takes records again, and the reserve for the audit is held"
            ),
            PeripheralState::Degraded { reason } | PeripheralState::Absent { reason } => tracing::warn!(
                disk.free_bytes = self.free_bytes,
                disk.reserve_bytes = self.reserve_bytes,
                disk.reserve_fault = reserve_fault,
                "{reason}"
            ),
        }
    }
}
