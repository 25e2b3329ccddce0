//! A voice with a memory: phrases synthesised once are played from the cache, within its bound of bytes.

use std::collections::BTreeMap;

use prim_audio::{Frames, SampleRate};

use crate::{Flow, Spoken, Tts, TtsError};

/// Chunks from the cache have this many frames: 20 ms at 16 kHz, so that a stop is honoured as quickly as in
/// live synthesis.
const CHUNK_FRAMES: usize = 320;

/// Wraps a [`Tts`]: least recently used phrases leave first when the bound is reached; a phrase larger than the
/// whole bound is spoken but not kept.
pub struct Cached<T> {
    voice: T,
    limit_bytes: usize,
    held_bytes: usize,
    clock: u64,
    phrases: BTreeMap<String, Phrase>,
    usage: CacheUse,
}

struct Phrase {
    samples: Vec<i16>,
    used: u64,
}

/// How well the cache serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheUse {
    /// Clauses played from memory.
    pub hits: u64,
    /// Clauses that were synthesised.
    pub misses: u64,
    /// Phrases dropped for room.
    pub evicted: u64,
}

impl<T> std::fmt::Debug for Cached<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The phrases themselves are private: they may hold names.
        f.debug_struct("Cached")
            .field("phrases", &self.phrases.len())
            .field("held_bytes", &self.held_bytes)
            .field("limit_bytes", &self.limit_bytes)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

impl<T: Tts> Cached<T> {
    /// `voice` with at most `limit_bytes` of samples and text kept.
    pub fn new(voice: T, limit_bytes: usize) -> Self {
        Self {
            voice,
            limit_bytes,
            held_bytes: 0,
            clock: 0,
            phrases: BTreeMap::new(),
            usage: CacheUse::default(),
        }
    }

    /// Hits, misses and evictions so far.
    #[must_use]
    pub fn usage(&self) -> CacheUse {
        self.usage
    }

    /// Bytes held; never above the bound.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    fn keep(&mut self, clause: &str, samples: Vec<i16>) {
        let cost = cost_bytes(clause, &samples);
        if cost > self.limit_bytes {
            return;
        }
        while self.held_bytes + cost > self.limit_bytes {
            let Some(oldest) = self.phrases.iter().min_by_key(|(_, p)| p.used).map(|(k, _)| k.clone()) else {
                break;
            };
            if let Some(gone) = self.phrases.remove(&oldest) {
                self.held_bytes -= cost_bytes(&oldest, &gone.samples);
                self.usage.evicted += 1;
            }
        }
        self.held_bytes += cost;
        self.phrases.insert(clause.to_owned(), Phrase { samples, used: self.clock });
    }
}

fn cost_bytes(clause: &str, samples: &[i16]) -> usize {
    clause.len() + size_of_val(samples)
}

impl<T: Tts> Tts for Cached<T> {
    fn rate(&self) -> SampleRate {
        self.voice.rate()
    }

    fn synthesise(&mut self, clause: &str, sink: &mut dyn FnMut(&[i16]) -> Flow) -> Result<Spoken, TtsError> {
        self.clock += 1;
        if let Some(phrase) = self.phrases.get_mut(clause) {
            phrase.used = self.clock;
            self.usage.hits += 1;
            return Ok(play(&phrase.samples, sink));
        }
        self.usage.misses += 1;
        let mut samples = Vec::new();
        let spoken = self.voice.synthesise(clause, &mut |chunk| {
            samples.extend_from_slice(chunk);
            sink(chunk)
        })?;
        if spoken.complete {
            self.keep(clause, samples);
        }
        Ok(spoken)
    }

    fn prepare(&mut self, clause: &str) -> Result<Spoken, TtsError> {
        if let Some(phrase) = self.phrases.get_mut(clause) {
            self.clock += 1;
            phrase.used = self.clock;
            return Ok(Spoken { frames: Frames(phrase.samples.len() as u64), complete: true, cached: true });
        }
        self.synthesise(clause, &mut |_| Flow::Continue)
    }
}

fn play(samples: &[i16], sink: &mut dyn FnMut(&[i16]) -> Flow) -> Spoken {
    let mut frames = 0;
    for chunk in samples.chunks(CHUNK_FRAMES) {
        frames += chunk.len() as u64;
        if sink(chunk) == Flow::Stop {
            let complete = frames == samples.len() as u64;
            return Spoken { frames: Frames(frames), complete, cached: true };
        }
    }
    Spoken { frames: Frames(frames), complete: true, cached: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::FakeTts;
    use proptest::prelude::*;

    fn collect(tts: &mut dyn Tts, clause: &str) -> (Vec<i16>, Spoken) {
        let mut samples = Vec::new();
        let spoken = tts
            .synthesise(clause, &mut |c| {
                samples.extend_from_slice(c);
                Flow::Continue
            })
            .unwrap();
        (samples, spoken)
    }

    #[test]
    fn the_second_time_comes_from_memory_and_sounds_the_same() {
        let mut tts = Cached::new(FakeTts::new(), 1 << 20);
        let (first, a) = collect(&mut tts, "two minutes left");
        let (second, b) = collect(&mut tts, "two minutes left");
        assert_eq!(first, second);
        assert!(!a.cached && b.cached && b.complete);
        assert_eq!(a.frames, b.frames);
        assert_eq!(tts.usage(), CacheUse { hits: 1, misses: 1, evicted: 0 });
    }

    #[test]
    fn a_stop_ends_a_cached_phrase_at_the_next_chunk() {
        let mut tts = Cached::new(FakeTts::new(), 1 << 20);
        let whole = tts.prepare("five minutes left for this item").unwrap();
        let spoken = tts.synthesise("five minutes left for this item", &mut |_| Flow::Stop).unwrap();
        assert!(spoken.cached && !spoken.complete);
        assert_eq!(spoken.frames, Frames(CHUNK_FRAMES as u64));
        assert!(whole.frames > spoken.frames);
    }

    #[test]
    fn a_phrase_that_was_stopped_is_not_kept() {
        let mut tts = Cached::new(FakeTts::new(), 1 << 20);
        let spoken = tts.synthesise("never finished by anyone", &mut |_| Flow::Stop).unwrap();
        assert!(!spoken.complete);
        assert_eq!(tts.held_bytes(), 0);
    }

    #[test]
    fn the_least_recently_used_phrase_leaves_first() {
        let mut probe = Cached::new(FakeTts::new(), usize::MAX);
        let one = {
            probe.prepare("aaaa").unwrap();
            probe.held_bytes()
        };
        let mut tts = Cached::new(FakeTts::new(), 2 * one);
        tts.prepare("aaaa").unwrap();
        tts.prepare("bbbb").unwrap();
        tts.prepare("aaaa").unwrap();
        tts.prepare("cccc").unwrap();
        assert!(tts.prepare("aaaa").unwrap().cached);
        assert!(!tts.prepare("bbbb").unwrap().cached);
    }

    proptest! {
        #[test]
        fn the_cache_never_holds_more_than_its_bound(
            phrases in prop::collection::vec("[a-d]{1,6}", 1..40),
            limit in 0_usize..60_000,
        ) {
            let mut tts = Cached::new(FakeTts::new(), limit);
            for phrase in &phrases {
                tts.prepare(phrase).unwrap();
                prop_assert!(tts.held_bytes() <= limit);
            }
        }
    }
}
