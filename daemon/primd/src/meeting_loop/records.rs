//! Records: all of one input with the state they lead to, in one transaction, before anything that follows is heard.

use prim_ids::MeetingId;
use prim_meeting::{Entry, Input, Meeting, MeetingConfig, Peripheral, PeripheralState, Snapshot};
use prim_proto::witness::{Line, Step};
use prim_proto::{self as proto, Draft};
use prim_spool::{AppendError, Encoded, Moment, Slot};

use super::MeetingLoop;
use crate::clock;
use crate::erase::{MeetingToErase, Outcome, Places};
use crate::ledger::Ledger;

impl MeetingLoop {
    /// All or none of `records`, with the state of the meeting behind them, in one transaction; they are on disk when
    /// this returns `true`.
    pub(super) fn write_down(&mut self, records: &[Entry]) -> bool {
        if records.is_empty() {
            return true;
        }
        let drafts: Vec<Draft> = records.iter().flat_map(|entry| self.ledger.drafts(entry)).collect();
        let state = saved(&self.ledger, &self.meeting);
        self.append(drafts, Some(&state))
    }

    /// `state`: what a restarted daemon goes on from. Records that do not come from the core leave it as it is.
    pub(super) fn append(&mut self, drafts: Vec<Draft>, state: Option<&str>) -> bool {
        if drafts.is_empty() {
            return true;
        }
        let streams: Vec<_> = drafts.iter().map(|d| d.stream).collect();
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        let now = Moment { boot: self.boot, at: clock::mono_now() };
        let mut seen: Vec<Line> = Vec::new();
        let make = |i: usize, slot: Slot| {
            let draft = drafts[i].take().expect("each slot is made once");
            let meeting = draft.meeting;
            let placed = draft.place(slot.epoch, slot.seq, proto::Hash(slot.prev));
            if let Some(witness) = &self.witness {
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
        let stored = match state {
            Some(state) => self.spool.append_with_state(now, &streams, state.as_bytes(), make),
            None => self.spool.append_many(now, &streams, make),
        };
        match stored {
            Ok(_) => {
                if let Some(witness) = &self.witness {
                    witness.note(seen.into_iter().map(|line| Line { step: Step::Kept, ..line }));
                }
                for stream in streams {
                    (self.spool_grew)(stream);
                }
                // Audit still finds room where nothing else does: that is no recovery.
                if !self.spool.is_refusing() {
                    self.disk(None);
                }
                true
            }
            Err(error) => {
                let (reason, audit_kept) = match error {
                    AppendError::DiskFull { audit_kept, .. } => {
                        ("the disk is full: free some space", audit_kept)
                    }
                    AppendError::OverQuota { audit_kept, .. } => {
                        ("unsent audit fills the spool: restore the link to the gateway", audit_kept)
                    }
                    AppendError::Sqlite { .. } => ("the spool cannot be written", false),
                };
                if self.state.disk_up {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        spool.audit_kept = audit_kept,
                        "a record could not be stored; nothing that depends on it will be heard"
                    );
                }
                if audit_kept {
                    // What was heard or done is in the audit; of the rest it is on record that it is lost.
                    if let Some(witness) = &self.witness {
                        let audit = seen.into_iter().filter(|line| line.place.0 == prim_ids::Stream::Audit);
                        witness.note(audit.map(|line| Line { step: Step::Kept, ..line }));
                    }
                    (self.spool_grew)(prim_ids::Stream::Audit);
                }
                self.disk(Some(reason));
                audit_kept
            }
        }
    }

    /// What was said in `meeting`, which has ended, goes: payloads, replay log and kept state.
    pub(super) fn erase(&mut self, meeting: MeetingId) -> Outcome {
        let order = MeetingToErase {
            meeting,
            running: self.meeting.meeting(),
            boot: self.boot,
            places: Places {
                spool: &self.spool,
                replay: self.replay.folder(),
                witness: self.witness.as_ref(),
            },
            state: saved(&self.ledger, &self.meeting),
            ledger: &mut self.ledger,
        };
        let outcome = order.carry_out();
        (self.spool_grew)(prim_ids::Stream::Audit);
        outcome
    }

    /// Reports a change of the disk's state once.
    pub(super) fn disk(&mut self, broken: Option<&str>) {
        if self.state.disk_up == broken.is_none() {
            return;
        }
        self.state.disk_up = broken.is_none();
        if broken.is_none() {
            // Records that admit what was refused may have been written on any stream.
            prim_ids::Stream::ALL.into_iter().for_each(|stream| (self.spool_grew)(stream));
        }
        let state = match broken {
            None => PeripheralState::Up,
            Some(reason) => PeripheralState::Absent { reason: reason.to_owned() },
        };
        self.degraded("disk", &state);
        self.state.pending.push_back(Input::PeripheralChanged { which: Peripheral::Disk, state });
    }
}

/// What a restarted daemon goes on from: a line of the ledger's, a line of the core's.
fn saved(ledger: &Ledger, meeting: &Meeting) -> String {
    format!("{}\n{}", ledger.memo(clock::mono_now()), meeting.snapshot().to_text())
}

/// From what was saved; `None` when it is nothing of ours.
pub(crate) fn resume(saved: &str, ledger: &mut Ledger, config: MeetingConfig) -> Option<Meeting> {
    let (memo, snapshot) = saved.split_once('\n')?;
    let snapshot = Snapshot::from_text(snapshot).ok()?;
    let now = clock::mono_now();
    ledger.recall(now, memo)?;
    Some(Meeting::restore(config, snapshot, now))
}
