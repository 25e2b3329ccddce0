//! The thread's side: one job after the other, events out.

use std::time::{Duration, Instant};

use super::{Job, Shared, State, ThreadLimits, length};
use crate::{Effort, SegmentId, Stt, SttError, SttEvent};

/// While a final is outstanding the engine is asked this often: a second pass runs on a thread of the engine's.
const ASK_AGAIN: Duration = Duration::from_millis(10);

struct Worker {
    engine: Box<dyn Stt>,
    current: Option<SegmentId>,
    /// The current segment failed: skip its samples.
    skipping: bool,
    owed_finals: usize,
}

pub(super) fn run(engine: Box<dyn Stt>, shared: &Shared, limits: ThreadLimits) {
    let mut worker = Worker { engine, current: None, skipping: false, owed_finals: 0 };
    while let Some((job, generation)) = next_job(shared, worker.owed_finals > 0) {
        let failure = job.and_then(|job| worker.carry_out(job));
        let mut events: Vec<SttEvent> = failure.into_iter().collect();
        while let Some(event) = worker.engine.poll() {
            events.push(event);
        }
        worker.publish(&mut shared.lock(), generation, events, limits);
    }
}

/// The next job and the generation it belongs to; no job when it is time to ask the engine again.
fn next_job(shared: &Shared, owed: bool) -> Option<(Option<Job>, u64)> {
    let mut state = shared.lock();
    state.busy_since = None;
    loop {
        if state.closing {
            return None;
        }
        if let Some(job) = state.jobs.pop_front() {
            if let Job::Audio(samples, _) = &job {
                state.waiting = state.waiting.saturating_sub(length(samples.len()));
            }
            state.busy_since = Some(Instant::now());
            return Some((Some(job), state.generation));
        }
        if owed {
            let (again, _) =
                shared.wake.wait_timeout(state, ASK_AGAIN).unwrap_or_else(std::sync::PoisonError::into_inner);
            state = again;
            if state.jobs.is_empty() && !state.closing {
                return Some((None, state.generation));
            }
        } else {
            state = shared.wake.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }
}

impl Worker {
    fn carry_out(&mut self, job: Job) -> Option<SttEvent> {
        let outcome = match job {
            Job::Start(context, tell) => {
                // The caller may have stopped waiting: then nobody wants the answer.
                let _ = tell.try_send(self.engine.start(&context));
                Ok(())
            }
            Job::Begin(segment, at) => {
                self.current = Some(segment);
                self.skipping = false;
                self.engine.begin_segment(segment, at)
            }
            Job::Audio(_, _) | Job::End if self.skipping => Ok(()),
            Job::Audio(samples, at) => self.engine.accept(&samples, at).map(drop),
            Job::End => {
                self.owed_finals += 1;
                self.engine.end_segment()
            }
            Job::Abandon => {
                self.engine.abandon();
                self.current = None;
                self.owed_finals = 0;
                Ok(())
            }
            Job::Effort(effort) => {
                self.engine.set_effort(effort);
                Ok(())
            }
        };
        outcome.err().and_then(|error| self.fail(&error))
    }

    fn fail(&mut self, error: &SttError) -> Option<SttEvent> {
        self.skipping = true;
        self.engine.abandon();
        self.owed_finals = 0;
        self.current.take().map(|segment| SttEvent::Failed { segment, why: error.to_string() })
    }

    fn publish(&mut self, state: &mut State, generation: u64, events: Vec<SttEvent>, limits: ThreadLimits) {
        if generation != state.generation {
            return;
        }
        for mut event in events {
            match &mut event {
                SttEvent::Final(done) => {
                    self.owed_finals = self.owed_finals.saturating_sub(1);
                    if let Some(i) = state.lost.iter().position(|(s, _)| *s == done.segment) {
                        done.lost += state.lost.remove(i).map_or(Duration::ZERO, |(_, lost)| lost);
                    }
                }
                SttEvent::Partial(new) => {
                    let same =
                        |e: &SttEvent| matches!(e, SttEvent::Partial(old) if old.segment == new.segment);
                    state.events.retain(|e| !same(e));
                }
                SttEvent::Failed { segment, .. } => {
                    let segment = *segment;
                    state.lost.retain(|(s, _)| *s != segment);
                }
                SttEvent::Keyphrase(_)
                | SttEvent::Command(_)
                | SttEvent::Behind { .. }
                | SttEvent::CaughtUp => {}
            }
            state.events.push_back(event);
        }
        if state.behind && state.waiting < limits.behind / 4 {
            state.behind = false;
            state.events.push_back(SttEvent::CaughtUp);
            let wished = if state.effort == Effort::Full { Effort::Full } else { Effort::Reduced };
            state.jobs.push_back(Job::Effort(wished));
        }
    }
}
