//! Synthesis: text to samples, streamed, stoppable at every chunk.

use std::time::Duration;

use prim_audio::{Frames, SampleRate};

/// What the sink wants after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// More, please.
    Continue,
    /// Silence now: the engine returns without another chunk.
    Stop,
}

/// What was synthesised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spoken {
    /// Frames handed to the sink at [`Tts::rate`].
    pub frames: Frames,
    /// False when the sink stopped it: `frames` is then what was heard, not the length of the clause.
    pub complete: bool,
    /// True when nothing was synthesised: the samples came from a cache.
    pub cached: bool,
}

impl Spoken {
    /// The length in time at `rate`.
    #[must_use]
    pub fn duration(self, rate: SampleRate) -> Duration {
        Duration::from_micros(self.frames.0.saturating_mul(1_000_000) / u64::from(rate.hz()))
    }
}

/// What a synthesiser could not do.
#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    /// Nothing speakable in the text.
    #[error("speak a clause without a word in it: give text with letters or digits")]
    NothingToSay,
    /// The text is longer than the engine takes at once.
    #[error("speak a clause of {chars} characters: at most {limit} at once, cut it with clauses()")]
    TooLong {
        /// Characters given.
        chars: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// The engine failed.
    #[error("synthesise a clause with {engine}: {why}")]
    Engine {
        /// The engine's name.
        engine: &'static str,
        /// What it said; never the text.
        why: String,
    },
}

/// A voice.
pub trait Tts: Send {
    /// The rate of every chunk; constant for the life of the voice.
    fn rate(&self) -> SampleRate;

    /// Synthesises one clause and hands it over in chunks as soon as each exists.
    ///
    /// `sink` gets mono i16 at [`Tts::rate`], 1 to a few thousand frames each; when it answers [`Flow::Stop`]
    /// the call returns without calling it again. Runs on the caller's thread: never on an audio thread.
    ///
    /// # Errors
    /// [`TtsError`] when nothing can be said; chunks handed over before remain played.
    fn synthesise(&mut self, clause: &str, sink: &mut dyn FnMut(&[i16]) -> Flow) -> Result<Spoken, TtsError>;

    /// Makes the clause ready and tells how long it is. A voice with a cache ([`crate::Cached`]) keeps the samples.
    ///
    /// # Errors
    /// As [`Tts::synthesise`].
    fn prepare(&mut self, clause: &str) -> Result<Spoken, TtsError> {
        self.synthesise(clause, &mut |_| Flow::Continue)
    }
}
