//! Recognition: samples in, events out. The same shape for an engine in this process and for a hosted one.

use std::ops::Range;
use std::time::Duration;

use prim_audio::SampleTime;

use crate::SttContext;

/// A stretch of speech, numbered by the caller (the segmenter); every event names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u64);

/// One recognised word.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// As it stands in the text.
    pub text: String,
    /// Its first sample, 16 kHz, in the stream's sample time.
    pub start: SampleTime,
    /// One past its last sample; `start < end`, and words never overlap.
    pub end: SampleTime,
    /// The engine's belief, `0.0..=1.0`; not comparable between engines.
    pub confidence: f32,
    /// Where it stands in the text, in characters (Unicode scalar values), not bytes.
    pub chars: Range<usize>,
}

/// Words so far: a guess that is replaced by the next one of the same segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Partial {
    /// The segment.
    pub segment: SegmentId,
    /// All words so far, separated by one space.
    pub text: String,
    /// The first `stable_chars` characters will stand in every later partial of this segment.
    pub stable_chars: usize,
    /// The words with their times.
    pub words: Vec<Word>,
}

impl Partial {
    /// What was said within `span`, as [`Final::within`] has it; the words that are sure of those that stay.
    #[must_use]
    pub fn within(mut self, span: Range<SampleTime>) -> Self {
        let before = self.words.len();
        let mut sure = self.words.iter().filter(|word| word.chars.end <= self.stable_chars).count();
        let mut at = 0;
        self.words.retain(|word| {
            let stays = said_within(word, &span);
            sure -= usize::from(!stays && at < sure);
            at += usize::from(stays);
            stays
        });
        if self.words.len() < before {
            self.text = place_words(&mut self.words);
            self.stable_chars = self.words[..sure].last().map_or(0, |word| word.chars.end);
        }
        self
    }
}

/// A word belongs where its middle lies.
fn said_within(word: &Word, span: &Range<SampleTime>) -> bool {
    span.contains(&SampleTime(word.start.0.midpoint(word.end.0)))
}

/// The words of a finished segment: exactly one for every segment that was ended and did not fail.
#[derive(Debug, Clone, PartialEq)]
pub struct Final {
    /// The segment.
    pub segment: SegmentId,
    /// All words, separated by one space; empty when nothing was understood.
    pub text: String,
    /// The words with their times.
    pub words: Vec<Word>,
    /// The segment's first sample.
    pub started: SampleTime,
    /// One past the segment's last sample.
    pub ended: SampleTime,
    /// Audio of this segment that the engine never saw because it fell behind.
    pub lost: Duration,
}

impl Final {
    /// What was said within `span`. A word belongs where its middle lies: parts of one stretch share no word and lose
    /// none. Where no word stands outside, the text stays as the engine wrote it.
    #[must_use]
    pub fn within(mut self, span: Range<SampleTime>) -> Self {
        let before = self.words.len();
        self.words.retain(|word| said_within(word, &span));
        if self.words.len() < before {
            self.text = place_words(&mut self.words);
        }
        self
    }
}

/// The wake word was heard, before any text of it is certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyphrase {
    /// The segment.
    pub segment: SegmentId,
    /// Its first sample.
    pub start: SampleTime,
    /// One past its last sample.
    pub end: SampleTime,
}

/// A sentence of the command grammar, spoken behind the keyphrase.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// The segment.
    pub segment: SegmentId,
    /// The words as the grammar writes them, lower case, without the keyphrase.
    pub text: String,
    /// Where the keyphrase began.
    pub at: SampleTime,
    /// One past the command's last sample.
    pub ended: SampleTime,
    /// Other speech follows the command's words: the content of a note, or a sentence that only begins like a
    /// command.
    pub followed: bool,
    /// The engine's belief, `0.0..=1.0`.
    pub confidence: f32,
}

/// What a recogniser has to say.
#[derive(Debug, Clone, PartialEq)]
pub enum SttEvent {
    /// Words so far.
    Partial(Partial),
    /// The words of a finished segment.
    Final(Final),
    /// The wake word.
    Keyphrase(Keyphrase),
    /// A command; comes before its segment's [`Final`], and at most once per keyphrase.
    Command(Command),
    /// The engine takes longer than speech lasts; partials come late.
    Behind {
        /// Audio waiting.
        backlog: Duration,
    },
    /// The backlog is gone.
    CaughtUp,
    /// The engine failed and gives nothing more for this segment; the next one may work.
    Failed {
        /// The segment.
        segment: SegmentId,
        /// Why; never the text.
        why: String,
    },
}

/// Whether the engine keeps up, answered to every block so that a caller can slow down or spare work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressure {
    /// The engine keeps up.
    Easy,
    /// Audio waits; nothing is lost yet. Callers spare what they can (second passes, partials of other ears).
    Behind {
        /// Audio waiting.
        backlog: Duration,
    },
    /// The block was dropped and counted in [`Final::lost`].
    Dropped,
}

/// How hard the engine works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Effort {
    /// Everything it can: second pass included.
    #[default]
    Full,
    /// Only what is needed to keep up.
    Reduced,
}

/// What a recogniser could not do.
#[derive(Debug, thiserror::Error)]
pub enum SttError {
    /// Samples without a segment, or a segment inside another.
    #[error("{what}: a segment is begun, fed and ended in that order")]
    OutOfOrder {
        /// The call.
        what: &'static str,
    },
    /// The command grammar is not understood by the engine.
    #[error("load the command grammar into {engine}: {why}")]
    Grammar {
        /// The engine.
        engine: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The engine failed.
    #[error("recognise speech with {engine}: {why}")]
    Engine {
        /// The engine.
        engine: &'static str,
        /// What it said; never the text.
        why: String,
    },
    /// The engine's thread has gone, or does not answer within its time limit.
    #[error(
        "recognise speech: the engine has not answered for {waited_ms} ms; it is given up, open it again"
    )]
    Gone {
        /// How long it was waited for.
        waited_ms: u64,
    },
}

/// A streaming recogniser for one ear. 16 kHz mono i16.
///
/// Order: [`start`](Stt::start) once per meeting (again when names or titles change, between segments); then for
/// each stretch of speech [`begin_segment`](Stt::begin_segment), [`accept`](Stt::accept) block by block,
/// [`end_segment`](Stt::end_segment). Drain [`poll`](Stt::poll) after every call; a [`Final`] may come later than
/// `end_segment` and may arrive while the next segment runs.
pub trait Stt: Send {
    /// Tells the titles, names and commands that are likely to be said.
    ///
    /// # Errors
    /// [`SttError::Grammar`] for a command grammar the engine cannot read; the former context stays in force.
    fn start(&mut self, context: &SttContext) -> Result<(), SttError>;

    /// Speech begins; `at` is the sample time of the first sample that will be given.
    ///
    /// # Errors
    /// [`SttError::OutOfOrder`] when a segment is open.
    fn begin_segment(&mut self, segment: SegmentId, at: SampleTime) -> Result<(), SttError>;

    /// The next samples of the open segment, usually 160 (10 ms). A jump of `at` is a hole, not silence.
    ///
    /// # Errors
    /// [`SttError::OutOfOrder`] when no segment is open.
    fn accept(&mut self, samples: &[i16], at: SampleTime) -> Result<Pressure, SttError>;

    /// Speech has ended: the [`Final`] follows.
    ///
    /// # Errors
    /// [`SttError::OutOfOrder`] when no segment is open.
    fn end_segment(&mut self) -> Result<(), SttError>;

    /// Forgets the open segment and everything not yet polled: nobody may know what was said (mute, consent).
    fn abandon(&mut self);

    /// The next event, oldest first.
    fn poll(&mut self) -> Option<SttEvent>;

    /// Works less hard while others need the processor; engines without a choice ignore it.
    fn set_effort(&mut self, effort: Effort) {
        let _ = effort;
    }
}

/// Joins words with one space and sets each word's [`Word::chars`]: the text and its offsets agree by construction.
#[must_use]
pub fn place_words(words: &mut [Word]) -> String {
    let mut text = String::new();
    let mut at = 0;
    for word in words {
        if !text.is_empty() {
            text.push(' ');
            at += 1;
        }
        text.push_str(&word.text);
        let len = word.text.chars().count();
        word.chars = at..at + len;
        at += len;
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn two_parts_of_a_stretch_share_no_word_and_lose_none(
            lengths in prop::collection::vec((0_u64..3_000, 1_u64..5_000), 0..12),
            cut in 0_u64..60_000,
            sure in any::<prop::sample::Index>(),
        ) {
            let mut at = 0;
            let mut words: Vec<Word> = lengths
                .iter()
                .enumerate()
                .map(|(i, (gap, len))| {
                    let start = at + gap;
                    at = start + len;
                    Word {
                        text: format!("w{i}"),
                        start: SampleTime(start),
                        end: SampleTime(at),
                        confidence: 1.0,
                        chars: 0..0,
                    }
                })
                .collect();
            let text = place_words(&mut words);
            let whole = Final {
                segment: SegmentId(1),
                text: text.clone(),
                words,
                started: SampleTime(0),
                ended: SampleTime(at),
                lost: Duration::ZERO,
            };
            let spans = || [SampleTime(0)..SampleTime(cut), SampleTime(cut)..SampleTime(u64::MAX)];
            let parts = spans().map(|span| whole.clone().within(span));
            let joined = parts.iter().map(|p| p.text.as_str()).filter(|t| !t.is_empty()).collect::<Vec<_>>();
            prop_assert_eq!(joined.join(" "), text.as_str());
            for part in &parts {
                for word in &part.words {
                    let slice: String =
                        part.text.chars().skip(word.chars.start).take(word.chars.len()).collect();
                    prop_assert_eq!(&slice, &word.text);
                }
            }
            // So far the same is said of it, and what was sure is sure in either part.
            let stable = whole.words.get(..sure.index(whole.words.len() + 1));
            let stable_chars = stable.and_then(<[Word]>::last).map_or(0, |word| word.chars.end);
            let so_far = Partial { segment: SegmentId(1), text, stable_chars, words: whole.words.clone() };
            let mut words = 0;
            for (span, part) in spans().into_iter().zip(&parts) {
                let now = so_far.clone().within(span);
                prop_assert_eq!((&now.text, &now.words), (&part.text, &part.words));
                let sure: String = now.text.chars().take(now.stable_chars).collect();
                words += sure.split_whitespace().count();
            }
            prop_assert_eq!(words, stable.map_or(0, <[Word]>::len));
        }
    }
}
