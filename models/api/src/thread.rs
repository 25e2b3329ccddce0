//! A recogniser on a thread of its own, behind a bounded queue: the caller never waits for it.
//!
//! **When the queue is full** the incoming block is dropped, answered [`Pressure::Dropped`] and counted in the
//! segment's [`Final::lost`](crate::Final); begin, end and abandon are never dropped. **When the engine does not
//! answer** within [`ThreadLimits::answer`] the calls fail with [`SttError::Gone`] and the caller opens another.
//! **When nobody polls**, a newer partial replaces the older one of its segment.

use std::collections::VecDeque;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use prim_audio::{SPEECH_RATE, SampleTime};

use crate::{Effort, Pressure, SegmentId, Stt, SttContext, SttError, SttEvent};

mod worker;

/// The bounds of a [`SttThread`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThreadLimits {
    /// Audio that may wait before blocks are dropped.
    pub backlog: Duration,
    /// Audio waiting from which the engine counts as behind.
    pub behind: Duration,
    /// How long one call into the engine may take before it is given up.
    pub answer: Duration,
    /// How long a change of context may take: it rebuilds dictionaries.
    pub start: Duration,
}

impl Default for ThreadLimits {
    /// Eight seconds of audio (256 KiB); behind from half a second, the promised time of a first partial (DESIGN
    /// section 9); five seconds for one call and twenty for a context on a slow board.
    fn default() -> Self {
        Self {
            backlog: Duration::from_secs(8),
            behind: Duration::from_millis(500),
            answer: Duration::from_secs(5),
            start: Duration::from_secs(20),
        }
    }
}

/// Runs any [`Stt`] on its own thread and is one itself.
pub struct SttThread {
    shared: Arc<Shared>,
    limits: ThreadLimits,
    open: Option<SegmentId>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    waiting: Duration,
    events: VecDeque<SttEvent>,
    lost: VecDeque<(SegmentId, Duration)>,
    generation: u64,
    busy_since: Option<Instant>,
    behind: bool,
    effort: Effort,
    closing: bool,
}

enum Job {
    Start(Box<SttContext>, SyncSender<Result<(), SttError>>),
    Begin(SegmentId, SampleTime),
    Audio(Vec<i16>, SampleTime),
    End,
    Abandon,
    Effort(Effort),
}

impl std::fmt::Debug for SttThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SttThread")
            .field("open", &self.open)
            .field("backlog", &self.backlog())
            .finish_non_exhaustive()
    }
}

fn length(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 1_000_000 / u64::from(SPEECH_RATE.hz()))
}

impl SttThread {
    /// Moves `engine` to a new thread.
    ///
    /// # Errors
    /// [`SttError::Engine`] when the system gives no thread.
    pub fn spawn(engine: Box<dyn Stt>, limits: ThreadLimits) -> Result<Self, SttError> {
        let shared = Arc::new(Shared { state: Mutex::default(), wake: Condvar::new() });
        let theirs = Arc::clone(&shared);
        let worker = std::thread::Builder::new()
            .name("prim-stt".to_owned())
            .spawn(move || worker::run(engine, &theirs, limits))
            .map_err(|e| SttError::Engine { engine: "thread", why: e.to_string() })?;
        Ok(Self { shared, limits, open: None, worker: Some(worker) })
    }

    /// Audio waiting to be recognised.
    #[must_use]
    pub fn backlog(&self) -> Duration {
        self.state().waiting
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    fn push(&self, job: Job) -> Result<(), SttError> {
        let mut state = self.state();
        self.check_alive(&state)?;
        state.jobs.push_back(job);
        drop(state);
        self.shared.wake.notify_one();
        Ok(())
    }

    fn check_alive(&self, state: &State) -> Result<(), SttError> {
        let waited = state.busy_since.map_or(Duration::ZERO, |since| since.elapsed());
        let died = self.worker.as_ref().is_none_or(JoinHandle::is_finished);
        let limit = match state.jobs.front() {
            Some(Job::Start(..)) => self.limits.start,
            Some(Job::Begin(..) | Job::Audio(..) | Job::End | Job::Abandon | Job::Effort(_)) | None => {
                self.limits.answer
            }
        };
        if died || waited > limit {
            return Err(SttError::Gone { waited_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX) });
        }
        Ok(())
    }
}

impl Shared {
    /// A panic on either side leaves plain data behind: the lock stays usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Stt for SttThread {
    fn start(&mut self, context: &SttContext) -> Result<(), SttError> {
        let (tell, told) = sync_channel(1);
        self.push(Job::Start(Box::new(context.clone()), tell))?;
        match told.recv_timeout(self.limits.start) {
            Ok(answer) => answer,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                let waited_ms = u64::try_from(self.limits.start.as_millis()).unwrap_or(u64::MAX);
                Err(SttError::Gone { waited_ms })
            }
        }
    }

    fn begin_segment(&mut self, segment: SegmentId, at: SampleTime) -> Result<(), SttError> {
        if self.open.is_some() {
            return Err(SttError::OutOfOrder { what: "begin a segment inside another" });
        }
        self.push(Job::Begin(segment, at))?;
        self.open = Some(segment);
        Ok(())
    }

    fn accept(&mut self, samples: &[i16], at: SampleTime) -> Result<Pressure, SttError> {
        let Some(segment) = self.open else {
            return Err(SttError::OutOfOrder { what: "accept samples outside a segment" });
        };
        let mut state = self.state();
        self.check_alive(&state)?;
        let backlog = state.waiting + length(samples.len());
        if backlog > self.limits.backlog {
            match state.lost.iter_mut().find(|(s, _)| *s == segment) {
                Some((_, lost)) => *lost += length(samples.len()),
                None => state.lost.push_back((segment, length(samples.len()))),
            }
            return Ok(Pressure::Dropped);
        }
        state.waiting = backlog;
        state.jobs.push_back(Job::Audio(samples.to_vec(), at));
        if backlog > self.limits.behind && !state.behind {
            state.behind = true;
            state.events.push_back(SttEvent::Behind { backlog });
            let spare = Job::Effort(Effort::Reduced);
            state.jobs.push_front(spare);
        }
        let behind = state.behind;
        drop(state);
        self.shared.wake.notify_one();
        Ok(if behind { Pressure::Behind { backlog } } else { Pressure::Easy })
    }

    fn end_segment(&mut self) -> Result<(), SttError> {
        if self.open.take().is_none() {
            return Err(SttError::OutOfOrder { what: "end a segment that was not begun" });
        }
        self.push(Job::End)
    }

    fn abandon(&mut self) {
        self.open = None;
        let mut state = self.state();
        state.generation += 1;
        state.jobs.retain(|job| match job {
            Job::Start(..) | Job::Effort(_) => true,
            Job::Begin(..) | Job::Audio(..) | Job::End | Job::Abandon => false,
        });
        state.waiting = Duration::ZERO;
        state.events.clear();
        state.lost.clear();
        state.jobs.push_back(Job::Abandon);
        drop(state);
        self.shared.wake.notify_one();
    }

    fn poll(&mut self) -> Option<SttEvent> {
        self.state().events.pop_front()
    }

    fn set_effort(&mut self, effort: Effort) {
        let mut state = self.state();
        state.effort = effort;
        let now = if state.behind { Effort::Reduced } else { effort };
        state.jobs.push_back(Job::Effort(now));
        drop(state);
        self.shared.wake.notify_one();
    }
}

impl Drop for SttThread {
    /// Waits at most for the time limit of one call: a stalled engine must not stall the shutdown.
    fn drop(&mut self) {
        {
            let mut state = self.state();
            state.closing = true;
            state.jobs.clear();
        }
        self.shared.wake.notify_one();
        let until = Instant::now() + self.limits.answer;
        if let Some(worker) = self.worker.take() {
            while !worker.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(2));
            }
            if worker.is_finished() {
                let _ = worker.join();
            }
        }
    }
}

#[cfg(test)]
mod tests;
