//! The thread's side: what is given to the disk, and what is seen of the disk meanwhile.

use std::sync::mpsc::Sender;

use prim_ids::Stream;
use prim_proto::witness::{Line, Step};
use prim_proto::{self as proto, Draft};
use prim_spool::{AppendError, Condition, Encoded, Looked, LossReason, Moment, Slot};

use super::{Counts, Job, Stored, WriterParts, Written, count};
use crate::alive::Sign;
use crate::clock;
use crate::disk::{DiskReport, DiskState};
use crate::replay::ReplayFile;

pub(super) struct Scribe {
    parts: WriterParts,
    tell: Sender<Written>,
    replay: ReplayFile,
    /// Records were refused, and there is no reason yet to think that the next will not be.
    fault: Option<DiskState>,
    looked: Option<Looked>,
    told: Option<DiskState>,
    /// What was given and is neither on disk nor named by a loss record.
    lost: Counts,
    lost_for: LossReason,
}

impl Scribe {
    pub(super) fn new(parts: WriterParts, tell: Sender<Written>) -> Self {
        Self {
            parts,
            tell,
            replay: ReplayFile::default(),
            fault: None,
            looked: None,
            told: None,
            lost: Counts::default(),
            lost_for: LossReason::DiskFault,
        }
    }

    pub(super) fn work(&mut self, job: Job) {
        let written = match job {
            Job::Batch { ticket, batch } => {
                batch.replay.into_iter().for_each(|op| self.replay.carry_out(op));
                self.admit_lost();
                let stored = self.store(batch.drafts, batch.state.as_deref());
                if self.told != Some(self.disk()) {
                    // How much is free; that a record was refused is told in any case.
                    self.see(false);
                    self.tell_disk();
                }
                Written::Batch { through: ticket, stored }
            }
            Job::Lost(counts) => {
                self.lose(counts, LossReason::DiskFault);
                self.admit_lost();
                return;
            }
            Job::Depth => {
                self.look();
                let sign = Sign::now(self.parts.boot);
                if let Some(alive) = &mut self.parts.alive {
                    alive.keep(&sign);
                }
                let rows = self.parts.store.spool().depth().ok().map(|depth| depth.rows);
                Written::Depth { rows }
            }
            Job::Erase(erasure) => {
                self.replay.close();
                let WriterParts { store, witness, boot, grew, .. } = &self.parts;
                erasure.carry_out(store.spool(), witness.as_deref(), *boot);
                return grew(Stream::Audit);
            }
            Job::Flush(done) => {
                let _ = done.send(());
                return;
            }
        };
        self.tell(written);
    }

    fn tell(&self, written: Written) {
        let _ = self.tell.send(written);
        self.parts.inbox.wake();
    }

    fn now(&self) -> Moment {
        Moment { boot: self.parts.boot, at: clock::mono_now() }
    }

    fn all_grew(&self) {
        Stream::ALL.into_iter().for_each(&self.parts.grew);
    }

    fn disk(&self) -> DiskState {
        let seen = self.looked.as_ref().map_or(DiskState::Works, DiskState::of);
        self.fault.unwrap_or(seen)
    }

    /// Looks at the disk, and tells when it is another than before.
    pub(super) fn look(&mut self) {
        self.see(true);
        if self.fault.is_none() {
            self.admit_lost();
        }
        self.tell_disk();
    }

    /// `heals`: a fault is over when what is seen says so.
    fn see(&mut self, heals: bool) {
        let prove = heals && matches!(self.fault, Some(DiskState::Unwritable(_)));
        match self.parts.store.spool().look(self.now(), prove) {
            Ok(looked) => {
                let still = self.fault.filter(|fault| !heals || goes_on(*fault, &looked));
                let over = std::mem::replace(&mut self.fault, still).is_some() && still.is_none();
                self.looked = Some(looked);
                if over || looked.admitted {
                    self.all_grew();
                }
            }
            Err(error) => {
                self.fault = Some(DiskState::Unwritable(error.why()));
            }
        }
    }

    fn tell_disk(&mut self) {
        let state = self.disk();
        if self.told.replace(state) != Some(state) {
            self.tell(Written::Disk(DiskReport {
                state,
                free_bytes: self.looked.and_then(|looked| looked.free_bytes),
                reserve_bytes: self.looked.map_or(0, |looked| looked.reserve_bytes),
                reserve_fault: self.looked.and_then(|looked| looked.reserve_fault),
            }));
        }
    }

    fn lose(&mut self, counts: Counts, reason: LossReason) {
        self.lost_for = reason;
        for (stream, more) in counts {
            *self.lost.entry(stream).or_default() += more;
        }
    }

    /// Puts on record what is lost; while that finds no room either it is tried again later.
    fn admit_lost(&mut self) {
        if self.lost.is_empty() {
            return;
        }
        let lost: Vec<(Stream, u64)> = self.lost.iter().map(|(stream, count)| (*stream, *count)).collect();
        if matches!(self.parts.store.spool().lose(self.now(), &lost, self.lost_for), Ok(true)) {
            self.lost.clear();
            let records: u64 = lost.iter().map(|(_, count)| count).sum();
            tracing::warn!(lost.records = records, "records could not be written; loss records name them");
            self.all_grew();
        }
    }

    /// The witness is told of each record before its commit and after it.
    fn store(&mut self, drafts: Vec<Draft>, state: Option<&str>) -> Stored {
        if drafts.is_empty() {
            return Stored::Nothing;
        }
        let now = self.now();
        let WriterParts { store, grew, witness, .. } = &self.parts;
        let streams: Vec<Stream> = drafts.iter().map(|d| d.stream).collect();
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        let mut seen: Vec<Line> = Vec::new();
        let mut make = |i: usize, slot: Slot| {
            let draft = drafts[i].take().expect("each slot is made once");
            let meeting = draft.meeting;
            let placed = draft.place(slot.epoch, slot.seq, proto::Hash(slot.prev));
            if let Some(witness) = witness {
                let place = (slot.stream, slot.epoch, slot.seq);
                seen.push(Line { step: Step::Placed, place, hash: placed.hash });
                if seen.len() == streams.len() {
                    witness.note(seen.iter().copied());
                }
            }
            Encoded {
                bytes: placed.raw.into_bytes(),
                erasable: placed.erasables.to_json().map(String::into_bytes),
                hash: placed.hash.0,
                meeting,
            }
        };
        let stored = store.append(now, &streams, state.map(str::as_bytes), &mut make);
        let error = match stored {
            Ok(()) => {
                if let Some(witness) = witness {
                    witness.note(seen.into_iter().map(|line| Line { step: Step::Kept, ..line }));
                }
                streams.into_iter().for_each(grew);
                let refusing = store.spool().is_refusing();
                // Where only small records find room it goes on: nobody is told of each.
                let room = !matches!(store.spool().condition(), Condition::Reserve | Condition::Full);
                let fits = !matches!(self.fault, Some(DiskState::AuditAlone | DiskState::Full));
                if !refusing && (room || fits) && self.fault.take().is_some() {
                    // Records that admit what was refused may have been written on any stream.
                    self.all_grew();
                }
                return Stored::All { refusing };
            }
            Err(error) => error,
        };
        let (fault, reason, audit_kept) = match &error {
            AppendError::DiskFull { audit_kept: true, .. } if self.fault != Some(DiskState::Full) => {
                (DiskState::AuditAlone, LossReason::DiskFull, true)
            }
            AppendError::DiskFull { audit_kept, .. } => (DiskState::Full, LossReason::DiskFull, *audit_kept),
            AppendError::OverQuota { audit_kept, .. } => {
                (DiskState::OverQuota, LossReason::QuotaBytes, *audit_kept)
            }
            AppendError::Sqlite { .. } => (DiskState::Unwritable(error.why()), LossReason::DiskFault, false),
        };
        if audit_kept {
            if let Some(witness) = witness {
                let audit = seen.into_iter().filter(|line| line.place.0 == Stream::Audit);
                witness.note(audit.map(|line| Line { step: Step::Kept, ..line }));
            }
            grew(Stream::Audit);
        } else {
            // It has no numbers that a loss record could name, and gets them when that can be written.
            let mut counts = Counts::default();
            count(&mut counts, streams);
            self.lose(counts, reason);
        }
        if self.fault.replace(fault).is_none() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                spool.audit_kept = audit_kept,
                "a record could not be stored; nothing that depends on it will be heard"
            );
        }
        if audit_kept { Stored::AuditAlone } else { Stored::Failed }
    }
}

/// Whether `fault` may be expected to meet the next record too.
fn goes_on(fault: DiskState, looked: &Looked) -> bool {
    match fault {
        DiskState::AuditAlone | DiskState::Full => {
            matches!(looked.condition, Condition::Reserve | Condition::Full)
        }
        DiskState::OverQuota => looked.refusing,
        // The look has written.
        DiskState::Unwritable(_) => false,
        DiskState::Works | DiskState::FillsUp | DiskState::Tight | DiskState::Silent | DiskState::Overrun => {
            false
        }
    }
}
