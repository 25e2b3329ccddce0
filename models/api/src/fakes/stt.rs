//! A recogniser that hears what the script says: one sentence per segment, a word every 200 ms.

use std::collections::VecDeque;
use std::time::Duration;

use prim_audio::SampleTime;

use super::Gate;
use crate::{
    Command, Final, Keyphrase, Partial, Pressure, SegmentId, Stt, SttContext, SttError, SttEvent, Word,
    place_words,
};

/// Samples per scripted word: 200 ms at 16 kHz.
const SAMPLES_PER_WORD: u64 = 3_200;

/// What goes wrong with a [`FakeStt`]. Blocks count from 0 in each segment.
#[derive(Debug, Clone)]
pub enum SttFault {
    /// Every block takes this long.
    Slow {
        /// The time of one block.
        per_block: Duration,
    },
    /// The block waits for the gate.
    StallAt {
        /// The block.
        block: u64,
        /// Opens when the stall ends.
        until: Gate,
    },
    /// The block fails, once.
    FailOnce {
        /// The block.
        block: u64,
    },
    /// Ended segments never get their final.
    NoFinal,
}

/// See the module. A sentence that begins with `prim` gives a keyphrase, and a command with the words behind it.
#[derive(Debug, Default)]
pub struct FakeStt {
    script: VecDeque<String>,
    fault: Option<SttFault>,
    segment: Option<Heard>,
    events: VecDeque<SttEvent>,
}

#[derive(Debug)]
struct Heard {
    id: SegmentId,
    began: SampleTime,
    next: SampleTime,
    blocks: u64,
    sentence: Vec<String>,
    told: usize,
}

impl FakeStt {
    /// Hears nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next segment without a sentence yet holds this one.
    #[must_use]
    pub fn saying(mut self, sentence: &str) -> Self {
        self.script.push_back(sentence.to_owned());
        self
    }

    /// The same recogniser with a fault.
    #[must_use]
    pub fn with_fault(mut self, fault: SttFault) -> Self {
        self.fault = Some(fault);
        self
    }

    fn misbehave(&mut self, block: u64) -> Result<(), SttError> {
        match &self.fault {
            None | Some(SttFault::NoFinal) => {}
            Some(SttFault::Slow { per_block }) => std::thread::sleep(*per_block),
            Some(SttFault::StallAt { block: at, until }) if *at == block => until.wait(),
            Some(SttFault::FailOnce { block: at }) if *at == block => {
                self.fault = None;
                return Err(SttError::Engine { engine: "fake", why: "told to fail".to_owned() });
            }
            Some(SttFault::StallAt { .. } | SttFault::FailOnce { .. }) => {}
        }
        Ok(())
    }
}

impl Heard {
    fn words(&self, count: usize) -> (String, Vec<Word>) {
        let mut words: Vec<Word> = self
            .sentence
            .iter()
            .take(count)
            .zip(0_u64..)
            .map(|(text, i)| Word {
                text: text.clone(),
                start: SampleTime(self.began.0 + i * SAMPLES_PER_WORD),
                end: SampleTime(self.began.0 + (i + 1) * SAMPLES_PER_WORD),
                confidence: 1.0,
                chars: 0..0,
            })
            .collect();
        (place_words(&mut words), words)
    }

    fn to_prim(&self) -> bool {
        self.sentence.first().is_some_and(|w| w.trim_end_matches(',').eq_ignore_ascii_case("prim"))
    }
}

impl Stt for FakeStt {
    fn start(&mut self, _context: &SttContext) -> Result<(), SttError> {
        Ok(())
    }

    fn begin_segment(&mut self, segment: SegmentId, at: SampleTime) -> Result<(), SttError> {
        if self.segment.is_some() {
            return Err(SttError::OutOfOrder { what: "begin a segment inside another" });
        }
        let sentence = self.script.pop_front().unwrap_or_default();
        self.segment = Some(Heard {
            id: segment,
            began: at,
            next: at,
            blocks: 0,
            sentence: sentence.split_whitespace().map(String::from).collect(),
            told: 0,
        });
        Ok(())
    }

    fn accept(&mut self, samples: &[i16], at: SampleTime) -> Result<Pressure, SttError> {
        let Some(block) = self.segment.as_ref().map(|s| s.blocks) else {
            return Err(SttError::OutOfOrder { what: "accept samples outside a segment" });
        };
        self.misbehave(block)?;
        if let Some(heard) = &mut self.segment {
            heard.blocks += 1;
            heard.next = SampleTime(at.0 + samples.len() as u64);
            let elapsed = heard.next.0.saturating_sub(heard.began.0);
            let count =
                usize::try_from(elapsed / SAMPLES_PER_WORD).unwrap_or(usize::MAX).min(heard.sentence.len());
            if count > heard.told {
                if heard.told == 0 && heard.to_prim() {
                    let end = SampleTime(heard.began.0 + SAMPLES_PER_WORD);
                    self.events.push_back(SttEvent::Keyphrase(Keyphrase {
                        segment: heard.id,
                        start: heard.began,
                        end,
                    }));
                }
                let (stable, _) = heard.words(heard.told);
                let (text, words) = heard.words(count);
                heard.told = count;
                let stable_chars = stable.chars().count();
                self.events.push_back(SttEvent::Partial(Partial {
                    segment: heard.id,
                    text,
                    stable_chars,
                    words,
                }));
            }
        }
        Ok(Pressure::Easy)
    }

    fn end_segment(&mut self) -> Result<(), SttError> {
        let Some(heard) = self.segment.take() else {
            return Err(SttError::OutOfOrder { what: "end a segment that was not begun" });
        };
        if matches!(self.fault, Some(SttFault::NoFinal)) {
            return Ok(());
        }
        if heard.to_prim() && heard.sentence.len() > 1 {
            let text = heard.sentence.get(1..).unwrap_or_default().join(" ").to_lowercase();
            let (at, ended, followed) = (heard.began, heard.next, false);
            self.events.push_back(SttEvent::Command(Command {
                segment: heard.id,
                text,
                at,
                ended,
                followed,
                confidence: 1.0,
            }));
        }
        let (text, words) = heard.words(heard.sentence.len());
        self.events.push_back(SttEvent::Final(Final {
            segment: heard.id,
            text,
            words,
            started: heard.began,
            ended: heard.next,
            lost: Duration::ZERO,
        }));
        Ok(())
    }

    fn abandon(&mut self) {
        self.segment = None;
        self.events.clear();
    }

    fn poll(&mut self) -> Option<SttEvent> {
        self.events.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prim_audio::SPEECH_BLOCK;

    #[test]
    fn the_script_is_heard_word_by_word() {
        let mut stt = FakeStt::new().saying("Prim, stop");
        stt.begin_segment(SegmentId(1), SampleTime(100)).unwrap();
        for block in 0..50 {
            stt.accept(&[0; SPEECH_BLOCK], SampleTime(100 + block * 160)).unwrap();
        }
        stt.end_segment().unwrap();
        let kinds: Vec<_> = std::iter::from_fn(|| stt.poll())
            .map(|e| match e {
                SttEvent::Partial(p) => p.text,
                SttEvent::Final(f) => format!("final {}", f.text),
                SttEvent::Keyphrase(_) => "keyphrase".to_owned(),
                SttEvent::Command(c) => format!("command {}", c.text),
                SttEvent::Behind { .. } | SttEvent::CaughtUp | SttEvent::Failed { .. } => "other".to_owned(),
            })
            .collect();
        assert_eq!(kinds, ["keyphrase", "Prim,", "Prim, stop", "command stop", "final Prim, stop"]);
    }
}
