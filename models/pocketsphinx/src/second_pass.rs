//! The second pass on its own thread: finals come a little later and much better, and the live pass never waits.
//!
//! **When it falls behind** (more than [`QUEUE`] segments wait) or does not answer within [`LIMIT`], the first
//! pass's words stand. Finals leave in the order of their segments.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

use prim_models::{Final, SttError};

use crate::Model;
use crate::decoder::{DecoderError, Heard};
use crate::dictation;
use crate::recogniser::{Recogniser, Talk};
use crate::segment::Times;
use crate::spotter::Spotted;
use crate::vocabulary::Vocabulary;

/// Segments that may wait: at two talkers a second pass of a fifth of real time never has more.
const QUEUE: usize = 4;

/// How long a final may take before the first pass's words stand. Commands do not wait for it.
const LIMIT: Duration = Duration::from_secs(8);

/// Who calls Prim does it in the first words, pre-roll included: 1.5 s. Behind more words it is seldom the name.
const OPENING_FRAMES: u64 = 150;

pub(crate) struct Work {
    pub(crate) samples: Vec<i16>,
    pub(crate) times: Times,
    pub(crate) spotted: Vec<Spotted>,
    /// The first pass's result.
    pub(crate) first: Final,
}

enum Job {
    Learn(Box<Vocabulary>),
    Decode(u64, Box<Work>),
}

pub(crate) struct SecondPass {
    jobs: SyncSender<Job>,
    results: Receiver<(u64, Final)>,
    pending: VecDeque<Pending>,
    next: u64,
}

struct Pending {
    number: u64,
    since: Instant,
    first: Final,
    /// Nothing better will come, or it has come.
    settled: bool,
}

impl SecondPass {
    pub(crate) fn spawn(model: &Model) -> Result<Self, DecoderError> {
        let recogniser = Recogniser::careful(model)?;
        let (jobs, todo) = sync_channel(QUEUE);
        let (done, results) = channel();
        std::thread::Builder::new()
            .name("prim-stt-final".to_owned())
            .spawn(move || run(recogniser, &todo, &done))
            .map_err(DecoderError::Temporary)?;
        Ok(Self { jobs, results, pending: VecDeque::new(), next: 0 })
    }

    /// Waits for a place in the queue: contexts change between segments.
    pub(crate) fn learn(&self, vocabulary: &Vocabulary) -> Result<(), SttError> {
        self.jobs.send(Job::Learn(Box::new(vocabulary.clone()))).map_err(|_| SttError::Engine {
            engine: "pocketsphinx",
            why: "its second pass has died; open it again".to_owned(),
        })
    }

    /// Takes a segment; `skip` when there is no time for a second pass.
    pub(crate) fn submit(&mut self, work: Work, skip: bool) {
        self.next += 1;
        let first = work.first.clone();
        let settled = skip
            || match self.jobs.try_send(Job::Decode(self.next, Box::new(work))) {
                Ok(()) => false,
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => true,
            };
        self.pending.push_back(Pending { number: self.next, since: Instant::now(), first, settled });
    }

    /// Forgets what was not told.
    pub(crate) fn abandon(&mut self) {
        self.pending.clear();
    }

    /// The next final, in the order of the segments.
    pub(crate) fn poll(&mut self) -> Option<Final> {
        loop {
            match self.results.try_recv() {
                Ok((number, better)) => {
                    if let Some(pending) = self.pending.iter_mut().find(|p| p.number == number && !p.settled)
                    {
                        pending.first = better;
                        pending.settled = true;
                    }
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    self.pending.iter_mut().for_each(|p| p.settled = true);
                    break;
                }
            }
        }
        let ready = |p: &Pending| p.settled || p.since.elapsed() > LIMIT;
        if self.pending.front().is_some_and(ready) { self.pending.pop_front().map(|p| p.first) } else { None }
    }
}

fn run(mut recogniser: Recogniser, todo: &Receiver<Job>, done: &Sender<(u64, Final)>) {
    let mut vocabulary = Vocabulary::default();
    while let Ok(job) = todo.recv() {
        match job {
            Job::Learn(new) => {
                // A vocabulary the library refuses was refused by the live pass first, which told the caller.
                if recogniser.learn(&new).is_ok() {
                    vocabulary = *new;
                }
            }
            Job::Decode(number, work) => {
                let Work { samples, times, spotted, first } = *work;
                let called = spotted.first().is_some_and(|name| name.first <= OPENING_FRAMES);
                let talk = if called { Talk::Addressed } else { Talk::Ordinary };
                let heard = recogniser.decode(&samples, talk).unwrap_or_default();
                let better = better(&heard, &spotted, &times, &vocabulary, &mut recogniser, first);
                if done.send((number, better)).is_err() {
                    return;
                }
            }
        }
    }
}

/// The second pass's words, or the first's when the second understood nothing.
fn better(
    heard: &[Heard],
    spotted: &[Spotted],
    times: &Times,
    vocabulary: &Vocabulary,
    recogniser: &mut Recogniser,
    first: Final,
) -> Final {
    if heard.is_empty() {
        return first;
    }
    let (text, words) =
        dictation::words(heard, spotted, times, vocabulary, |word| recogniser.pronunciation(word));
    Final { text, words, ..first }
}
