//! One stream's way: what is acknowledged, what is in flight.

use std::time::Duration;

use prim_ids::{MonoTime, Stream};
use prim_proto::{Code, Rejection};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Quiet,
    /// The shell was asked for a batch; the spool reached to `head` by then.
    Reading {
        head: u64,
    },
    Flying {
        through: u64,
        resend_at: MonoTime,
    },
    /// Refused or failed: not before `until`.
    Resting {
        until: MonoTime,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Lane {
    pub(super) stream: Stream,
    /// The last number in the spool.
    pub(super) head: u64,
    /// Everything through here is done with.
    pub(super) acked: u64,
    pub(super) phase: Phase,
    /// Sendings of the batch in flight so far without an acknowledgement.
    tries: u32,
    /// The latest refusal that was told: from which record on, and why.
    told: Option<(u64, Code)>,
}

impl Lane {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, head: 0, acked: 0, phase: Phase::Quiet, tries: 0, told: None }
    }

    /// The first number of a batch to send now.
    pub(super) fn start(&mut self) -> Option<u64> {
        if self.phase != Phase::Quiet || self.head <= self.acked {
            return None;
        }
        self.phase = Phase::Reading { head: self.head };
        Some(self.acked + 1)
    }

    pub(super) fn nothing_to_send(&mut self) {
        if let Phase::Reading { head } = self.phase {
            // Everything the spool had when asked is gone: acknowledged in an earlier life.
            self.acked = self.acked.max(head);
            self.phase = Phase::Quiet;
        }
    }

    pub(super) fn sent(&mut self, now: MonoTime, through: u64, up: bool, first: Duration, most: Duration) {
        if !matches!(self.phase, Phase::Reading { .. }) {
            return;
        }
        if !up || through <= self.acked {
            self.phase = Phase::Quiet;
            return;
        }
        let limit = first.saturating_mul(1 << self.tries.min(16)).min(most);
        self.tries = self.tries.saturating_add(1);
        self.phase = Phase::Flying { through, resend_at: now + limit };
    }

    /// Did it say anything new?
    pub(super) fn acknowledged(&mut self, through: u64) -> bool {
        if through <= self.acked {
            return false;
        }
        self.acked = through;
        self.tries = 0;
        self.told = None;
        if matches!(self.phase, Phase::Flying { through: flying, .. } if flying <= through) {
            self.phase = Phase::Quiet;
        }
        true
    }

    /// What `rejection` says of records that no gateway has taken, the first time it says so: each repetition is
    /// refused again, and a batch that has grown meanwhile is no other refusal.
    pub(super) fn refused(&mut self, rejection: &Rejection) -> Option<Rejection> {
        let (from, to) = (rejection.from.max(self.acked + 1), rejection.to.min(self.head));
        let what = Some((from, rejection.reason.clone()));
        if from > to || self.told == what {
            return None;
        }
        self.told = what;
        Some(Rejection { from, to, reason: rejection.reason.clone() })
    }

    /// What was in flight must be sent again.
    pub(super) fn link_lost(&mut self) {
        match self.phase {
            Phase::Flying { .. } | Phase::Resting { .. } => {
                self.phase = Phase::Quiet;
                self.tries = 0;
            }
            Phase::Quiet | Phase::Reading { .. } => {}
        }
    }

    pub(super) fn timeout(&mut self, now: MonoTime) {
        match self.phase {
            Phase::Flying { resend_at: at, .. } | Phase::Resting { until: at } if now >= at => {
                self.phase = Phase::Quiet;
            }
            Phase::Flying { .. } | Phase::Resting { .. } | Phase::Quiet | Phase::Reading { .. } => {}
        }
    }

    pub(super) fn deadline(&self) -> Option<MonoTime> {
        match self.phase {
            Phase::Flying { resend_at: at, .. } | Phase::Resting { until: at } => Some(at),
            Phase::Quiet | Phase::Reading { .. } => None,
        }
    }
}
