//! A voice that hums: one tone per word, 60 ms per character.

use std::time::Duration;

use prim_audio::{Frames, SPEECH_RATE, SampleRate};

use super::Gate;
use crate::{Flow, Spoken, Tts, TtsError};

/// Frames per character: 60 ms at 16 kHz, the pace of an unhurried speaker.
const FRAMES_PER_CHAR: usize = 960;
const CHUNK_FRAMES: usize = 320;

/// What goes wrong with a [`FakeTts`].
#[derive(Debug, Clone)]
pub enum TtsFault {
    /// Every chunk takes this long.
    Slow {
        /// The time of one chunk.
        per_chunk: Duration,
    },
    /// The chunk of this index waits for the gate.
    StallAt {
        /// The chunk, from 0.
        chunk: usize,
        /// Opens when the stall ends.
        until: Gate,
    },
    /// Fails before the chunk of this index, every time.
    FailAt {
        /// The chunk, from 0.
        chunk: usize,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub struct FakeTts {
    fault: Option<TtsFault>,
}

impl FakeTts {
    /// A faultless voice.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same voice with a fault.
    #[must_use]
    pub fn with_fault(mut self, fault: TtsFault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn misbehave(&self, chunk: usize) -> Result<(), TtsError> {
        match &self.fault {
            None => {}
            Some(TtsFault::Slow { per_chunk }) => std::thread::sleep(*per_chunk),
            Some(TtsFault::StallAt { chunk: at, until }) if *at == chunk => until.wait(),
            Some(TtsFault::FailAt { chunk: at }) if *at == chunk => {
                return Err(TtsError::Engine { engine: "fake", why: "told to fail".to_owned() });
            }
            Some(TtsFault::StallAt { .. } | TtsFault::FailAt { .. }) => {}
        }
        Ok(())
    }
}

impl Tts for FakeTts {
    fn rate(&self) -> SampleRate {
        SPEECH_RATE
    }

    fn synthesise(&mut self, clause: &str, sink: &mut dyn FnMut(&[i16]) -> Flow) -> Result<Spoken, TtsError> {
        let chars = clause.chars().count();
        if !clause.chars().any(char::is_alphanumeric) {
            return Err(TtsError::NothingToSay);
        }
        let total = chars * FRAMES_PER_CHAR;
        let mut frames = 0;
        for index in 0..total.div_ceil(CHUNK_FRAMES) {
            self.misbehave(index)?;
            let chunk: Vec<i16> = (0..CHUNK_FRAMES.min(total - frames))
                .map(|i| {
                    let t = (frames + i) as f32 / SPEECH_RATE.hz() as f32;
                    ((t * 220.0 * std::f32::consts::TAU).sin() * 3000.0) as i16
                })
                .collect();
            frames += chunk.len();
            if sink(&chunk) == Flow::Stop {
                return Ok(Spoken {
                    frames: Frames(frames as u64),
                    complete: frames == total,
                    cached: false,
                });
            }
        }
        Ok(Spoken { frames: Frames(frames as u64), complete: true, cached: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_told_to_fail_fails_in_the_middle() {
        let mut tts = FakeTts::new().with_fault(TtsFault::FailAt { chunk: 2 });
        let mut chunks = 0;
        let outcome = tts.synthesise("never said in full", &mut |_| {
            chunks += 1;
            Flow::Continue
        });
        assert!(outcome.is_err());
        assert_eq!(chunks, 2);
    }

    #[test]
    fn punctuation_is_nothing_to_say() {
        assert!(matches!(FakeTts::new().prepare("..."), Err(TtsError::NothingToSay)));
    }
}
