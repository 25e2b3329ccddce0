//! The engine: three searches over one segment, events out.

use std::collections::VecDeque;
use std::time::Duration;

use prim_audio::SampleTime;
use prim_models::{
    Command, Effort, Final, Keyphrase, Partial, Pressure, SegmentId, Stt, SttContext, SttError, SttEvent,
    Word,
};

use crate::Model;
use crate::command::CommandDecoder;
use crate::decoder::DecoderError;
use crate::dictation::{self, Stability};
use crate::grammar;
use crate::letters::{distance, sounds};
use crate::recogniser::Recogniser;
use crate::second_pass::{SecondPass, Work};
use crate::segment::{FRAME, Segment};
use crate::spotter::{Spotted, Spotter};
use crate::vocabulary::Vocabulary;

const ENGINE: &str = "pocketsphinx";

/// Samples between two looks at the hypothesis: 60 ms, an eighth of the promised first partial (DESIGN section 9).
const LOOK_EVERY: usize = 6 * FRAME as usize;

/// Largest block the decoder gets at once, whatever the caller gives: one second.
const LARGEST_BLOCK: usize = 16_000;

/// See the crate.
pub struct PocketSphinx {
    model: Model,
    live: Recogniser,
    spotter: Spotter,
    command: Option<CommandDecoder>,
    second: SecondPass,
    vocabulary: Vocabulary,
    effort: Effort,
    open: Option<Open>,
    events: VecDeque<SttEvent>,
}

/// The open segment.
struct Open {
    segment: Segment,
    unseen: usize,
    spotted: Vec<Spotted>,
    told: Vec<Word>,
    text: String,
    stability: Stability,
}

impl std::fmt::Debug for PocketSphinx {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PocketSphinx")
            .field("model", &self.model)
            .field("segment", &self.open.as_ref().map(|o| o.segment.id))
            .field("effort", &self.effort)
            .finish_non_exhaustive()
    }
}

fn failed(error: &DecoderError) -> SttError {
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        why = format!("{why}: {source}");
        cause = source.source();
    }
    SttError::Engine { engine: ENGINE, why }
}

impl PocketSphinx {
    /// Loads the model twice, for the live and the second pass: about two seconds and 310 MiB.
    ///
    /// # Errors
    /// [`SttError::Engine`] names what does not load.
    pub fn open(model: &Model) -> Result<Self, SttError> {
        Ok(Self {
            model: model.clone(),
            live: Recogniser::live(model).map_err(|e| failed(&e))?,
            spotter: Spotter::open(model).map_err(|e| failed(&e))?,
            command: None,
            second: SecondPass::spawn(model).map_err(|e| failed(&e))?,
            vocabulary: Vocabulary::default(),
            effort: Effort::Full,
            open: None,
            events: VecDeque::new(),
        })
    }

    /// Feeds one block and looks at what it brought, when it is time.
    fn hear(&mut self, samples: &[i16]) -> Result<(), DecoderError> {
        self.live.feed(samples)?;
        let Some(open) = &mut self.open else { return Ok(()) };
        open.unseen += samples.len();
        if open.unseen >= LOOK_EVERY {
            open.unseen = 0;
            self.spot(false)?;
            self.tell_partial();
        }
        Ok(())
    }

    fn spot(&mut self, ended: bool) -> Result<(), DecoderError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        for name in self.spotter.scan(&open.segment.samples, ended)? {
            let known = |s: &Spotted| s.first <= name.last && name.first <= s.last;
            if open.spotted.iter().any(known) {
                continue;
            }
            open.spotted.push(name);
            let times = open.segment.times();
            self.events.push_back(SttEvent::Keyphrase(Keyphrase {
                segment: open.segment.id,
                start: times.of_frame(name.first),
                end: times.of_frame(name.last + 1),
            }));
        }
        Ok(())
    }

    fn tell_partial(&mut self) {
        let Some(open) = &mut self.open else { return };
        let heard = self.live.hypothesis();
        let live = &mut self.live;
        let (_, mut words) =
            dictation::words(&heard, &open.spotted, open.segment.times(), &self.vocabulary, |w| {
                live.pronunciation(w)
            });
        let stable = open.stability.update(&mut words, &open.told);
        let text = prim_models::place_words(&mut words);
        if text == open.text || words.is_empty() {
            return;
        }
        let stable_chars = stable.checked_sub(1).and_then(|last| words.get(last)).map_or(0, |w| w.chars.end);
        open.told.clone_from(&words);
        open.text.clone_from(&text);
        self.events.push_back(SttEvent::Partial(Partial {
            segment: open.segment.id,
            text,
            stable_chars,
            words,
        }));
    }

    /// What stands behind the first name, as a command.
    fn tell_command(&mut self, open: &Open, words: &[Word]) -> Result<(), DecoderError> {
        let (Some(decoder), Some(name)) = (&mut self.command, open.spotted.first()) else { return Ok(()) };
        let Some(said) = decoder.decode(&open.segment.samples, *name)? else { return Ok(()) };
        let times = open.segment.times();
        let (at, ended) = (times.of_frame(name.first), times.of_frame(said.last + 1));
        let behind = times.of_frame(name.last);
        // How far the dictation, which knows nothing of the grammar, heard the same sounds.
        let mut phones = |words: &mut dyn Iterator<Item = &str>| {
            words
                .flat_map(|w| {
                    let plain = w.to_lowercase();
                    let phones = self.live.pronunciation(&plain).unwrap_or_else(|| sounds(&plain));
                    phones.split(' ').map(String::from).collect::<Vec<_>>()
                })
                .collect::<Vec<_>>()
        };
        let a = phones(&mut said.words.iter().map(String::as_str));
        let heard = words.iter().filter(|w| w.end > behind && w.start < ended && w.text != "Prim");
        let b = phones(&mut heard.map(|w| w.text.as_str()));
        let refs = |v: &[String]| v.iter().map(String::clone).collect::<Vec<_>>();
        let (a, b) = (refs(&a), refs(&b));
        let apart = distance(
            &a.iter().map(String::as_str).collect::<Vec<_>>(),
            &b.iter().map(String::as_str).collect::<Vec<_>>(),
        );
        self.events.push_back(SttEvent::Command(Command {
            segment: open.segment.id,
            text: said.words.join(" "),
            at,
            ended,
            followed: said.followed,
            confidence: 1.0 - apart,
        }));
        Ok(())
    }

    /// After a failure the segment is gone and the decoders are at rest.
    fn give_up(&mut self, error: &DecoderError) -> SttError {
        self.open = None;
        self.live.end();
        failed(error)
    }
}

impl Stt for PocketSphinx {
    fn start(&mut self, context: &SttContext) -> Result<(), SttError> {
        if self.open.is_some() {
            return Err(SttError::OutOfOrder { what: "start a meeting inside a segment" });
        }
        let commands = context
            .commands()
            .map(grammar::wrap)
            .transpose()
            .map_err(|why| SttError::Grammar { engine: ENGINE, why })?;
        let command = match &commands {
            Some(commands) => Some(
                CommandDecoder::open(&self.model, commands, &mut self.live)
                    .map_err(|e| SttError::Grammar { engine: ENGINE, why: e.to_string() })?,
            ),
            None => None,
        };
        let phrases = commands.map(|commands| commands.phrases).unwrap_or_default();
        let vocabulary = Vocabulary::of(context).with_commands(phrases);
        self.live.learn(&vocabulary).map_err(|e| failed(&e))?;
        self.second.learn(&vocabulary)?;
        self.command = command;
        self.vocabulary = vocabulary;
        Ok(())
    }

    fn begin_segment(&mut self, segment: SegmentId, at: SampleTime) -> Result<(), SttError> {
        if self.open.is_some() {
            return Err(SttError::OutOfOrder { what: "begin a segment inside another" });
        }
        self.live.begin().map_err(|e| failed(&e))?;
        self.spotter.reset();
        self.open = Some(Open {
            segment: Segment::new(segment, at),
            unseen: 0,
            spotted: Vec::new(),
            told: Vec::new(),
            text: String::new(),
            stability: Stability::default(),
        });
        Ok(())
    }

    fn accept(&mut self, samples: &[i16], at: SampleTime) -> Result<Pressure, SttError> {
        let Some(open) = &mut self.open else {
            return Err(SttError::OutOfOrder { what: "accept samples outside a segment" });
        };
        open.segment.push(samples, at);
        for block in samples.chunks(LARGEST_BLOCK) {
            self.hear(block).map_err(|e| self.give_up(&e))?;
        }
        Ok(Pressure::Easy)
    }

    fn end_segment(&mut self) -> Result<(), SttError> {
        if self.open.is_none() {
            return Err(SttError::OutOfOrder { what: "end a segment that was not begun" });
        }
        self.live.end();
        self.spot(true).map_err(|e| self.give_up(&e))?;
        let Some(open) = self.open.take() else { return Ok(()) };
        let heard = self.live.hypothesis();
        let times = open.segment.times().clone();
        let live = &mut self.live;
        let (text, words) =
            dictation::words(&heard, &open.spotted, &times, &self.vocabulary, |w| live.pronunciation(w));
        self.tell_command(&open, &words).map_err(|e| failed(&e))?;
        let (started, ended) = (times.start(), times.end());
        let first = Final { segment: open.segment.id, text, words, started, ended, lost: Duration::ZERO };
        let skip = self.effort == Effort::Reduced || !open.segment.whole || open.segment.samples.is_empty();
        self.second.submit(Work { samples: open.segment.samples, times, spotted: open.spotted, first }, skip);
        Ok(())
    }

    fn abandon(&mut self) {
        self.live.end();
        self.open = None;
        self.events.clear();
        self.second.abandon();
    }

    fn poll(&mut self) -> Option<SttEvent> {
        self.events.pop_front().or_else(|| self.second.poll().map(SttEvent::Final))
    }

    fn set_effort(&mut self, effort: Effort) {
        self.effort = effort;
    }
}
