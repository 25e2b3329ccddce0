//! Records: all of one input with the state they lead to, in one transaction, before anything that follows is heard.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use prim_ids::{MeetingId, MonoTime};
use prim_meeting::{Input, Meeting, Output, Peripheral, PeripheralState};
use prim_proto::{Draft, Erasables, LiveEvent};

use super::waiting::Later;
use super::{MeetingLoop, entries};
use crate::clock;
use crate::disk::{DiskReport, DiskState};
use crate::erase::{self, Erasure, Outcome};
use crate::ledger::Ledger;
use crate::writer::{Batch, Stored, Written};

/// A ding that waited longer for its record stays unheard: the silence it was meant for may be another one. Within the
/// two seconds that the core gives a speech to begin.
const DING_PATIENCE: Duration = Duration::from_millis(1500);
/// A disk on which a record waits for so long does not answer: cards that stall take a few seconds.
const DISK_PATIENCE: Duration = Duration::from_secs(10);

impl MeetingLoop {
    /// Gives the records among `outputs` to the writer, with the state of the meeting behind them, and what the replay log
    /// has to say. Whether it takes them.
    pub(super) fn write_down(&mut self, outputs: &[Output]) -> bool {
        let drafts: Vec<Draft> = entries(outputs).flat_map(|entry| self.ledger.drafts(entry)).collect();
        let state = (!drafts.is_empty()).then(|| saved(&self.ledger, &self.meeting));
        let replay = self.replay.take_ops();
        self.give_to_writer(Batch { drafts, state, replay })
    }

    /// Records that do not come from the core.
    pub(super) fn append(&mut self, drafts: Vec<Draft>) {
        self.give_to_writer(Batch { drafts, ..Batch::default() });
    }

    fn give_to_writer(&mut self, batch: Batch) -> bool {
        if batch.drafts.is_empty() && batch.replay.is_empty() {
            return true;
        }
        let taken = self.writer.give(batch);
        if !taken {
            self.state.waiting.hush();
            self.found_disk(DiskState::Overrun);
        }
        taken
    }

    /// Does `what` as soon as everything that was recorded is on disk; at once when it is.
    pub(super) fn then(&mut self, what: Later) {
        let now = clock::mono_now();
        match self.writer.awaited() {
            Some(ticket) => self.state.waiting.push(ticket, now, what),
            None => self.carry_out_later(now, now, what),
        }
    }

    /// Takes what the writer told, and does what waited for it.
    pub(super) fn take_written(&mut self, now: MonoTime) {
        while let Some(written) = self.writer.next_written() {
            match written {
                Written::Depth { rows } => {
                    if let Some(rows) = rows {
                        self.tell_depth(rows);
                    }
                }
                Written::Batch { through, stored } => {
                    match stored {
                        Stored::Nothing | Stored::All { .. } | Stored::AuditAlone => {}
                        // Also what waits for later records: it follows from what is not on record.
                        Stored::Failed => self.state.waiting.hush(),
                    }
                    // It answers.
                    if let (Some(DiskState::Silent | DiskState::Overrun), Some(seen)) =
                        (self.state.disk, self.state.disk_seen)
                    {
                        self.disk(seen);
                    }
                    while let Some((ordered, what)) = self.state.waiting.next(through) {
                        self.carry_out_later(now, ordered, what);
                    }
                }
                Written::Disk(report) => {
                    self.state.disk_seen = Some(report);
                    self.disk(report);
                }
            }
        }
    }

    fn carry_out_later(&mut self, now: MonoTime, ordered: MonoTime, what: Later) {
        match what {
            Later::Order(Output::Ding { .. }) if now > ordered + DING_PATIENCE => {
                tracing::warn!("a ding was left out: the disk took too long to put its intent on record");
            }
            Later::Order(order) => self.carry_out(order),
            Later::Banner { about, text } => self.banner(about, Some(&text)),
            Later::Tell(entry) => self.tell(&entry),
            Later::MeetingOver(meeting) => self.live.meeting_over(meeting),
        }
    }

    fn tell_depth(&mut self, queued: u64) {
        let link_up = self.state.link_was_up.unwrap_or_default();
        let sync = (queued, link_up);
        if self.state.last_sync.replace(sync) != Some(sync) {
            self.live.send(&LiveEvent::Sync { at_ms: clock::mono_now(), queued, link_up });
        }
    }

    /// What was said in `meeting`, which has ended, goes: payloads, replay log and kept state.
    pub(super) fn erase(&mut self, meeting: MeetingId, answer: SyncSender<Outcome>) {
        if let Some(running) = self.meeting.meeting() {
            let _ = answer.send(erase::refusal(running, meeting));
            return;
        }
        let record = self.ledger.draft(clock::mono_now(), erase::erased(0), Erasables::default());
        self.writer.erase(Erasure {
            meeting,
            replay: self.replay.folder().to_owned(),
            record,
            state: saved(&self.ledger, &self.meeting),
            answer,
        });
    }

    /// A disk that hangs tells nothing: it shows in what waits.
    pub(super) fn look_at_disk(&mut self, now: MonoTime) {
        if self.state.waiting.since().is_some_and(|since| now > since + DISK_PATIENCE) {
            self.found_disk(DiskState::Silent);
        }
    }

    /// What shows without the writer's word.
    fn found_disk(&mut self, state: DiskState) {
        let none = DiskReport { state, free_bytes: None, reserve_bytes: 0, reserve_fault: None };
        self.disk(DiskReport { state, ..self.state.disk_seen.unwrap_or(none) });
    }

    /// Reports a change of the disk's state once.
    fn disk(&mut self, report: DiskReport) {
        let before = self.state.disk.replace(report.state);
        if before == Some(report.state) {
            return;
        }
        report.log(before);
        let state = report.state.peripheral();
        if before.is_some() || state != PeripheralState::Up {
            self.degraded("disk", &state);
        }
        self.state.pending.push_back(Input::PeripheralChanged { which: Peripheral::Disk, state });
    }
}

/// What a restarted daemon goes on from: a line of the ledger's, a line of the core's.
fn saved(ledger: &Ledger, meeting: &Meeting) -> String {
    format!("{}\n{}", ledger.memo(clock::mono_now()), meeting.snapshot().to_text())
}
