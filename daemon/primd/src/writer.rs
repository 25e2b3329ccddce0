//! The thread that writes: records with the state they led to, the replay log, erasures, in the order given. Whoever
//! gives never waits for the disk; what came of it is told through the inbox.
//!
//! # When the disk is slow
//!
//! [`QUEUE`] batches wait, each to be committed on its own. What comes then gathers in the last of them: its records go
//! into one transaction with the newest state, so that a crash still leaves all or none of an input, in order. Inputs are
//! served as before; what must be on record before it is heard waits. Beyond [`GATHERED`] records in that last batch
//! there is no room: they are refused as on a full disk.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use prim_ids::{BootId, Stream};
use prim_proto::witness::{Line, Step};
use prim_proto::{self as proto, Draft};
use prim_spool::{AppendError, Encoded, Moment, Slot, Spool};

use crate::clock;
use crate::erase::Erasure;
use crate::inbox::Inbox;
use crate::mouth::lock;
use crate::replay::{Op, ReplayFile};
use crate::witness::Witness;

/// Batches that wait, each with its own state of the meeting: half a minute of a lively one.
const QUEUE: usize = 64;
/// Records in the last batch when the queue is full: about 10 MB, and hours of a meeting whose disk hangs.
const GATHERED: usize = 10_000;

/// Everything given until then; numbers grow by one with each batch.
pub(crate) type Ticket = u64;

/// Where records go: the spool, and in tests one that can be held.
pub(crate) trait Store: Send {
    /// All or none of `streams`, with `state`, on disk when it returns; parted only as [`Spool::append_many`] says.
    fn append(
        &self,
        now: Moment,
        streams: &[Stream],
        state: Option<&[u8]>,
        make: &mut dyn FnMut(usize, Slot) -> Encoded,
    ) -> Result<(), AppendError>;

    /// For everything else.
    fn spool(&self) -> &Spool;
}

impl Store for Arc<Spool> {
    fn append(
        &self,
        now: Moment,
        streams: &[Stream],
        state: Option<&[u8]>,
        make: &mut dyn FnMut(usize, Slot) -> Encoded,
    ) -> Result<(), AppendError> {
        match state {
            Some(state) => self.append_with_state(now, streams, state, make),
            None => self.append_many(now, streams, make),
        }
        .map(|_| ())
    }

    fn spool(&self) -> &Spool {
        self
    }
}

/// What belongs together: all or none of it survives a crash.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) drafts: Vec<Draft>,
    /// What a restarted daemon goes on from. Records that do not come from the core leave it as it is.
    pub(crate) state: Option<String>,
    /// For the replay log, which is written before the records and promises less.
    pub(crate) replay: Vec<Op>,
}

impl Batch {
    fn take_in(&mut self, later: Self) {
        self.drafts.extend(later.drafts);
        if later.state.is_some() {
            self.state = later.state;
        }
        self.replay.extend(later.replay);
    }
}

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// There was no record in it.
    Nothing,
    /// It is on disk. `refusing`: audit still finds room where nothing else does; that is no recovery.
    All { refusing: bool },
    /// Its audit is on disk; of the rest it is on record that it is lost.
    AuditAlone { why: &'static str },
    /// No record of it is on disk.
    Failed { why: &'static str },
}

/// What the writer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// A batch was dealt with.
    Batch { through: Ticket, stored: Stored },
    /// So many records wait for the gateway; `None` when they could not be counted.
    Depth { rows: Option<u64> },
}

enum Job {
    Batch { ticket: Ticket, batch: Batch },
    Erase(Box<Erasure>),
    Depth,
    Flush(SyncSender<()>),
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    more: Condvar,
}

impl Queue {
    fn push(&self, job: Job) {
        let mut jobs = lock(&self.jobs);
        if !jobs.closed {
            jobs.waiting.push_back(job);
        }
        self.more.notify_one();
    }

    /// The next one; `None` when it was closed and nothing is left.
    fn pop(&self) -> Option<Job> {
        let mut jobs = lock(&self.jobs);
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                return Some(job);
            }
            if jobs.closed {
                return None;
            }
            jobs = self.more.wait(jobs).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn close(&self) {
        lock(&self.jobs).closed = true;
        self.more.notify_one();
    }
}

/// Nobody waits for a thread that is gone, however it went.
struct Leaving(Arc<Queue>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.close();
        lock(&self.0.jobs).waiting.clear();
    }
}

/// What the thread works with.
pub(crate) struct WriterParts {
    pub(crate) store: Box<dyn Store>,
    pub(crate) grew: Box<dyn Fn(Stream) + Send>,
    pub(crate) witness: Option<Arc<Witness>>,
    pub(crate) boot: BootId,
    pub(crate) inbox: Inbox,
}

/// The meeting's handle. Only [`flush`](Self::flush) and [`stop`](Self::stop) wait.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    written: Receiver<Written>,
    given: Ticket,
    done: Ticket,
    depth_asked: bool,
    thread: JoinHandle<()>,
}

impl Writer {
    pub(crate) fn start(parts: WriterParts) -> std::io::Result<Self> {
        let queue: Arc<Queue> = Arc::default();
        let (tell, written) = channel();
        let theirs = Leaving(Arc::clone(&queue));
        let mut scribe = Scribe { parts, tell, replay: ReplayFile::default(), failing: false };
        let thread = std::thread::Builder::new().name("prim-writer".into()).spawn(move || {
            while let Some(job) = theirs.0.pop() {
                scribe.work(job);
            }
        })?;
        Ok(Self { queue, written, given: 0, done: 0, depth_asked: false, thread })
    }

    /// Whether there is room for it.
    pub(crate) fn give(&mut self, batch: Batch) -> bool {
        let mut jobs = lock(&self.queue.jobs);
        if jobs.closed {
            return false;
        }
        if jobs.waiting.len() >= QUEUE
            && let Some(Job::Batch { batch: last, .. }) = jobs.waiting.back_mut()
        {
            let fits = last.drafts.len() + batch.drafts.len() <= GATHERED;
            if fits {
                last.take_in(batch);
            }
            return fits;
        }
        self.given += 1;
        jobs.waiting.push_back(Job::Batch { ticket: self.given, batch });
        self.queue.more.notify_one();
        true
    }

    /// The last batch of which it is not known what came of it.
    pub(crate) fn awaited(&self) -> Option<Ticket> {
        (self.done < self.given).then_some(self.given)
    }

    pub(crate) fn erase(&self, erasure: Erasure) {
        self.queue.push(Job::Erase(Box::new(erasure)));
    }

    /// Asks how many records wait, unless that is asked already.
    pub(crate) fn ask_depth(&mut self) {
        if !std::mem::replace(&mut self.depth_asked, true) {
            self.queue.push(Job::Depth);
        }
    }

    pub(crate) fn next_written(&mut self) -> Option<Written> {
        let written = self.written.try_recv().ok()?;
        match written {
            Written::Batch { through, .. } => self.done = through,
            Written::Depth { .. } => self.depth_asked = false,
        }
        Some(written)
    }

    /// Waits until everything that was given is dealt with.
    pub(crate) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        self.queue.push(Job::Flush(done));
        let _ = wait.recv();
    }

    /// Deals with what was given, and ends.
    pub(crate) fn stop(self) {
        self.queue.close();
        let _ = self.thread.join();
    }
}

/// The thread's side.
struct Scribe {
    parts: WriterParts,
    tell: Sender<Written>,
    replay: ReplayFile,
    /// Records were refused, and none but audit was stored since.
    failing: bool,
}

impl Scribe {
    fn work(&mut self, job: Job) {
        let written = match job {
            Job::Batch { ticket, batch } => {
                batch.replay.into_iter().for_each(|op| self.replay.carry_out(op));
                let stored = self.store(batch.drafts, batch.state.as_deref());
                Written::Batch { through: ticket, stored }
            }
            Job::Depth => {
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
        let _ = self.tell.send(written);
        self.parts.inbox.wake();
    }

    /// The witness is told of each record before its commit and after it.
    fn store(&mut self, drafts: Vec<Draft>, state: Option<&str>) -> Stored {
        if drafts.is_empty() {
            return Stored::Nothing;
        }
        let WriterParts { store, grew, witness, boot, .. } = &self.parts;
        let streams: Vec<Stream> = drafts.iter().map(|d| d.stream).collect();
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        let now = Moment { boot: *boot, at: clock::mono_now() };
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
        let (why, audit_kept) = match &stored {
            Ok(()) => {
                if let Some(witness) = witness {
                    witness.note(seen.into_iter().map(|line| Line { step: Step::Kept, ..line }));
                }
                streams.into_iter().for_each(grew);
                let refusing = store.spool().is_refusing();
                if !refusing && std::mem::take(&mut self.failing) {
                    // Records that admit what was refused may have been written on any stream.
                    Stream::ALL.into_iter().for_each(grew);
                }
                return Stored::All { refusing };
            }
            Err(AppendError::DiskFull { audit_kept, .. }) => {
                ("the disk is full: free some space", *audit_kept)
            }
            Err(AppendError::OverQuota { audit_kept, .. }) => {
                ("unsent audit fills the spool: restore the link to the gateway", *audit_kept)
            }
            Err(AppendError::Sqlite { .. }) => ("the spool cannot be written", false),
        };
        if let (Err(error), false) = (&stored, std::mem::replace(&mut self.failing, true)) {
            tracing::error!(
                error = error as &dyn std::error::Error,
                spool.audit_kept = audit_kept,
                "a record could not be stored; nothing that depends on it will be heard"
            );
        }
        if !audit_kept {
            return Stored::Failed { why };
        }
        if let Some(witness) = witness {
            let audit = seen.into_iter().filter(|line| line.place.0 == Stream::Audit);
            witness.note(audit.map(|line| Line { step: Step::Kept, ..line }));
        }
        grew(Stream::Audit);
        Stored::AuditAlone { why }
    }
}
