//! The thread that writes: records with the state they led to, the replay log, erasures, in the order given. Whoever
//! gives never waits for the disk; what came of it is told through the inbox.
//!
//! # When the disk is slow
//!
//! [`QUEUE`] batches wait, each to be committed on its own. What comes then gathers in the last of them: its records go
//! into one transaction with the newest state, so that a crash still leaves all or none of an input, in order. Inputs are
//! served as before; what must be on record before it is heard waits. Beyond [`GATHERED`] records in that last batch
//! there is no room: what comes is refused and counted, and loss records name it as soon as the disk answers.

mod scribe;

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use prim_ids::{BootId, Stream};
use prim_proto::Draft;
use prim_spool::{AppendError, Encoded, Moment, Slot, Spool};

use self::scribe::Scribe;
use crate::alive::AliveFile;
use crate::disk::DiskReport;
use crate::erase::Erasure;
use crate::inbox::Inbox;
use crate::mouth::lock;
use crate::replay::Op;
use crate::witness::Witness;

/// Batches that wait, each with its own state of the meeting: half a minute of a lively one.
const QUEUE: usize = 64;
/// Records in the last batch when the queue is full: about 10 MB, and hours of a meeting whose disk hangs.
pub(crate) const GATHERED: usize = 10_000;

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
    AuditAlone,
    /// No record of it is on disk.
    Failed,
}

/// What the writer tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    /// A batch was dealt with.
    Batch { through: Ticket, stored: Stored },
    /// So many records wait for the gateway; `None` when they could not be counted.
    Depth { rows: Option<u64> },
    /// The disk is another than before, as far as the writer sees it. Told first of all.
    Disk(DiskReport),
}

/// How many records of each stream.
type Counts = BTreeMap<Stream, u64>;

fn count(counts: &mut Counts, streams: impl IntoIterator<Item = Stream>) {
    streams.into_iter().for_each(|stream| *counts.entry(stream).or_default() += 1);
}

/// The disk does not answer: so many records were given and are not known to be on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DiskSilent {
    pub(crate) records: u64,
}

enum Job {
    Batch {
        ticket: Ticket,
        batch: Batch,
    },
    /// These found no room in memory, in this place of the order.
    Lost(Counts),
    Erase(Box<Erasure>),
    Depth,
    Flush(SyncSender<()>),
}

impl Job {
    fn records(&self) -> u64 {
        match self {
            Self::Batch { batch, .. } => batch.drafts.len() as u64,
            Self::Lost(counts) => counts.values().sum(),
            Self::Erase(_) => 1,
            Self::Depth | Self::Flush(_) => 0,
        }
    }
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// Records in the job that is being done.
    at_work: u64,
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
            let job = jobs.waiting.pop_front();
            jobs.at_work = job.as_ref().map_or(0, Job::records);
            if job.is_some() {
                return job;
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

    fn silent(&self) -> DiskSilent {
        let jobs = lock(&self.jobs);
        DiskSilent { records: jobs.at_work + jobs.waiting.iter().map(Job::records).sum::<u64>() }
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
    /// Where the daemon's life shows between records.
    pub(crate) alive: Option<AliveFile>,
    pub(crate) inbox: Inbox,
}

/// The meeting's handle. Only [`flush`](Self::flush) and [`stop`](Self::stop) wait, and no longer than they are told.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    written: Receiver<Written>,
    given: Ticket,
    done: Ticket,
    depth_asked: bool,
    /// Nothing is ever sent: it breaks off when the thread is gone.
    left: Receiver<()>,
}

impl Writer {
    pub(crate) fn start(parts: WriterParts) -> std::io::Result<Self> {
        let queue: Arc<Queue> = Arc::default();
        let (tell, written) = channel();
        let (leaving, left) = sync_channel(0);
        let theirs = Leaving(Arc::clone(&queue));
        let mut scribe = Scribe::new(parts, tell);
        std::thread::Builder::new().name("prim-writer".into()).spawn(move || {
            // Dropped last, when everything else of the thread's is gone.
            let _leaving = leaving;
            scribe.look();
            while let Some(job) = theirs.0.pop() {
                scribe.work(job);
            }
            drop(scribe);
            drop(theirs);
        })?;
        Ok(Self { queue, written, given: 0, done: 0, depth_asked: false, left })
    }

    /// Whether there is room for it.
    pub(crate) fn give(&mut self, batch: Batch) -> bool {
        let mut jobs = lock(&self.queue.jobs);
        if jobs.closed {
            return false;
        }
        if jobs.waiting.len() >= QUEUE {
            let streams = batch.drafts.iter().map(|draft| draft.stream);
            match jobs.waiting.back_mut() {
                Some(Job::Batch { batch: last, .. })
                    if last.drafts.len() + batch.drafts.len() <= GATHERED =>
                {
                    last.take_in(batch);
                    return true;
                }
                Some(Job::Batch { .. }) => {
                    let mut lost = Counts::default();
                    count(&mut lost, streams);
                    jobs.waiting.push_back(Job::Lost(lost));
                    return false;
                }
                Some(Job::Lost(lost)) => {
                    count(lost, streams);
                    return false;
                }
                // What belongs behind these cannot be gathered before them; there are few.
                Some(Job::Erase(_) | Job::Depth | Job::Flush(_)) | None => {}
            }
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
            Written::Disk(_) => {}
        }
        Some(written)
    }

    /// Waits until everything that was given is dealt with, no longer than `limit`.
    pub(crate) fn flush(&self, limit: Duration) -> Result<(), DiskSilent> {
        let (done, wait) = sync_channel(1);
        self.queue.push(Job::Flush(done));
        match wait.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
            Err(RecvTimeoutError::Timeout) => Err(self.queue.silent()),
        }
    }

    /// Deals with what was given, and ends. A thread that does not come back from the disk within `limit` is left to it.
    pub(crate) fn stop(self, limit: Duration) -> Result<(), DiskSilent> {
        self.queue.close();
        match self.left.recv_timeout(limit) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Ok(()),
            Err(RecvTimeoutError::Timeout) => Err(self.queue.silent()),
        }
    }
}
