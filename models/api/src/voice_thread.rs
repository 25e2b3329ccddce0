//! An embedding on a thread of its own, behind a bounded queue: the caller never waits for it.
//!
//! **When the queue is full** a turn is not taken: whoever asked goes by what else is known. **When the engine does not
//! answer** within [`VoiceLimits::answer`] nothing more is taken until it does. **What is forgotten** is answered never,
//! also when the engine is at work on it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{EmbedError, LONGEST_TURN, SegmentId, SpeakerEmbedding, Voiceprint};

/// The bounds of a [`VoiceThread`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoiceLimits {
    /// Turns that may wait: 640 KB of sound each at most.
    pub waiting: usize,
    /// How long one turn may take.
    pub answer: Duration,
}

impl Default for VoiceLimits {
    /// Four turns: more is said in no second. Two seconds: ten of speech take a tenth of one on a desk.
    fn default() -> Self {
        Self { waiting: 4, answer: Duration::from_secs(2) }
    }
}

/// What became of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It waits its turn.
    Taken,
    /// Too many wait already.
    Full,
    /// The engine stalls, or is gone.
    Stalled,
}

/// Runs a [`SpeakerEmbedding`] on its own thread.
pub struct VoiceThread {
    shared: Arc<Shared>,
    limits: VoiceLimits,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    turns: VecDeque<(SegmentId, Vec<f32>)>,
    prints: VecDeque<(SegmentId, Result<Voiceprint, EmbedError>)>,
    generation: u64,
    busy_since: Option<Instant>,
    closing: bool,
    gone: bool,
}

impl std::fmt::Debug for VoiceThread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoiceThread").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Shared {
    /// A panic on either side leaves plain data behind: the lock stays usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl VoiceThread {
    /// Moves `engine` to a new thread.
    ///
    /// # Errors
    /// [`EmbedError::Engine`] when the system gives no thread.
    pub fn spawn(engine: Box<dyn SpeakerEmbedding>, limits: VoiceLimits) -> Result<Self, EmbedError> {
        let shared = Arc::<Shared>::default();
        let theirs = Departure(Arc::clone(&shared));
        std::thread::Builder::new()
            .name("prim-voices".to_owned())
            .spawn(move || run(engine, &theirs.0))
            .map_err(|e| EmbedError::Engine { why: format!("the system gives no thread: {e}") })?;
        Ok(Self { shared, limits })
    }

    /// Asks whose voice `sound` is, as [`SpeakerEmbedding::embed`] takes it.
    pub fn ask(&self, turn: SegmentId, mut sound: Vec<f32>) -> Asked {
        let mut state = self.shared.lock();
        if state.gone || state.busy_since.is_some_and(|since| since.elapsed() > self.limits.answer) {
            return Asked::Stalled;
        }
        if state.turns.len() >= self.limits.waiting {
            return Asked::Full;
        }
        sound.truncate(LONGEST_TURN);
        state.turns.push_back((turn, sound));
        drop(state);
        self.shared.wake.notify_one();
        Asked::Taken
    }

    /// The next answer, oldest first.
    pub fn poll(&self) -> Option<(SegmentId, Result<Voiceprint, EmbedError>)> {
        self.shared.lock().prints.pop_front()
    }

    /// Forgets all turns and answers, the one at work included.
    pub fn forget(&self) {
        let mut state = self.shared.lock();
        state.generation += 1;
        state.turns.clear();
        state.prints.clear();
    }
}

impl Drop for VoiceThread {
    /// Does not wait: a stalled engine must not stall the shutdown.
    fn drop(&mut self) {
        self.forget();
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
    }
}

/// However the thread ends, a panic in the engine included, the caller learns of it.
struct Departure(Arc<Shared>);

impl Drop for Departure {
    fn drop(&mut self) {
        self.0.lock().gone = true;
    }
}

fn run(mut engine: Box<dyn SpeakerEmbedding>, shared: &Shared) {
    let mut state = shared.lock();
    while !state.closing {
        let Some((turn, sound)) = state.turns.pop_front() else {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        state.busy_since = Some(Instant::now());
        let asked = state.generation;
        drop(state);
        let print = engine.embed(&sound);
        state = shared.lock();
        state.busy_since = None;
        if state.generation == asked {
            state.prints.push_back((turn, print));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SHORTEST_TURN;
    use crate::fakes::{FakeEmbedding, Gate, ScriptedTurn};

    fn thread(script: impl IntoIterator<Item = ScriptedTurn>, answer: Duration) -> VoiceThread {
        let limits = VoiceLimits { waiting: 2, answer };
        VoiceThread::spawn(Box::new(FakeEmbedding::new(script)), limits).unwrap()
    }

    fn ask(thread: &VoiceThread, turn: u64) -> Asked {
        thread.ask(SegmentId(turn), vec![0.1; SHORTEST_TURN])
    }

    fn answer(thread: &VoiceThread) -> (u64, Option<Voiceprint>) {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Some((turn, print)) = thread.poll() {
                return (turn.0, print.ok());
            }
            std::thread::yield_now();
        }
        panic!("no answer");
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn answers_come_in_the_order_of_the_questions_and_a_failed_turn_does_not_stop_the_next() {
        let thread = thread([ScriptedTurn::Fails, ScriptedTurn::Person(1)], LONG);
        ask(&thread, 1);
        ask(&thread, 2);
        assert_eq!(answer(&thread), (1, None));
        assert_eq!(answer(&thread), (2, FakeEmbedding::person(1)));
    }

    #[test]
    fn a_full_queue_takes_no_more_and_a_stalled_engine_nothing_until_it_answers() {
        let gate = Gate::closed();
        let thread = thread([ScriptedTurn::StallAt(gate.clone(), 0)], LONG);
        ask(&thread, 1);
        gate.wait_for_arrival();
        assert_eq!([2, 3, 4].map(|n| ask(&thread, n)), [Asked::Taken, Asked::Taken, Asked::Full]);
        gate.open();
        assert_eq!(answer(&thread).0, 1);

        let gate = Gate::closed();
        let thread = self::thread([ScriptedTurn::StallAt(gate.clone(), 0)], Duration::ZERO);
        ask(&thread, 1);
        gate.wait_for_arrival();
        assert_eq!(ask(&thread, 2), Asked::Stalled);
        gate.open();
        assert_eq!(answer(&thread).0, 1);
        assert_eq!(ask(&thread, 3), Asked::Taken);
    }

    #[test]
    fn what_is_forgotten_is_never_answered_not_even_the_turn_at_work() {
        let gate = Gate::closed();
        let thread = thread([ScriptedTurn::StallAt(gate.clone(), 0), ScriptedTurn::Person(2)], LONG);
        ask(&thread, 1);
        gate.wait_for_arrival();
        ask(&thread, 2);
        thread.forget();
        ask(&thread, 3);
        gate.open();
        assert_eq!(answer(&thread), (3, FakeEmbedding::person(2)));
    }

    #[test]
    fn an_engine_that_panics_is_gone_and_nobody_waits_for_it() {
        struct Broken;
        impl SpeakerEmbedding for Broken {
            fn embed(&mut self, _: &[f32]) -> Result<Voiceprint, EmbedError> {
                panic!("as the test wants");
            }
        }
        let thread = VoiceThread::spawn(Box::new(Broken), VoiceLimits::default()).unwrap();
        ask(&thread, 1);
        let until = Instant::now() + Duration::from_secs(20);
        while ask(&thread, 2) != Asked::Stalled {
            assert!(Instant::now() < until, "it is still taken for there");
            std::thread::yield_now();
        }
    }
}
