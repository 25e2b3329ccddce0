//! A dictation decoder with the meeting's words mixed in.

use std::ffi::CStr;
use std::io::Write as _;

use crate::Model;
use crate::decoder::{Decoder, DecoderError, Heard, Settings};
use crate::language_model::LanguageModel;
use crate::letters::sounds;
use crate::vocabulary::{PRIM, PRIM_SOUNDS, Vocabulary};

/// The engine's own language weight: every probability of a model is raised to it, before models are mixed.
const LANGUAGE_WEIGHT: f32 = 6.5;

/// The share of the meeting's words in the mixture. Agenda words become likely, others stay likelier; twice as much
/// puts titles into ordinary sentences.
const MEETING_SHARE: f32 = 0.08;

/// The share where the name was heard first: commands become likely. On fourteen such lines across a room of RT60 0.4 s
/// 0.23 of the words were wrong, with 0.1 it was 0.26.
const ADDRESSED_SHARE: f32 = 0.3;

/// To whom a segment was said, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talk {
    /// To people.
    Ordinary,
    /// The name was heard in it: a command may follow.
    Addressed,
}

impl Talk {
    /// The search that expects it.
    fn search(self) -> &'static CStr {
        match self {
            Self::Ordinary => c"dictation",
            Self::Addressed => c"addressed",
        }
    }
}

pub(crate) struct Recogniser {
    decoder: Decoder,
    main: LanguageModel,
    /// What it can be asked to expect.
    talks: &'static [Talk],
    // Dropped after the decoder that uses them.
    mixed: Vec<LanguageModel>,
}

impl Recogniser {
    /// For partials: one narrow pass as the sound comes. The beams cost half of the default ones and are wrong a
    /// little more often.
    pub(crate) fn live(model: &Model) -> Result<Self, DecoderError> {
        Self::open(
            model,
            settings(model)
                .with("bestpath", "no")
                .with("beam", "1e-42")
                .with("pbeam", "1e-42")
                .with("wbeam", "1e-26")
                .with("maxhmmpf", 6_000),
            &[Talk::Ordinary],
        )
    }

    /// For finals: default beams, and the best path through the lattice, which also gives confidences.
    pub(crate) fn careful(model: &Model) -> Result<Self, DecoderError> {
        Self::open(model, settings(model).with("bestpath", "yes"), &[Talk::Ordinary, Talk::Addressed])
    }

    fn open(model: &Model, settings: Settings, talks: &'static [Talk]) -> Result<Self, DecoderError> {
        let mut decoder = Decoder::open(&settings)?;
        let main = decoder.read_language_model(&model.language)?;
        let mut this = Self { decoder, main, talks, mixed: Vec::new() };
        this.learn(&Vocabulary::of(&prim_models::SttContext::default()))?;
        Ok(this)
    }

    /// Makes the meeting's words likely, instead of the former meeting's.
    pub(crate) fn learn(&mut self, vocabulary: &Vocabulary) -> Result<(), DecoderError> {
        for word in vocabulary.addressed().words() {
            if self.decoder.pronunciation(word).is_none() {
                let phones = if word == PRIM { PRIM_SOUNDS.to_owned() } else { sounds(word) };
                self.decoder.add_word(word, &phones, false)?;
            }
        }
        let mut mixed = Vec::new();
        for talk in self.talks {
            let model = match talk {
                Talk::Ordinary => self.mixture(&vocabulary.arpa(), MEETING_SHARE)?,
                Talk::Addressed => self.mixture(&vocabulary.addressed().arpa(), ADDRESSED_SHARE)?,
            };
            self.decoder.add_language_model(talk.search(), &model)?;
            mixed.push(model);
        }
        self.mixed = mixed;
        self.decoder.search(Talk::Ordinary.search())
    }

    /// The package's model with `arpa` as a `share` of it.
    fn mixture(&mut self, arpa: &str, share: f32) -> Result<LanguageModel, DecoderError> {
        // The library tells the format by the file's name.
        let mut file = tempfile::Builder::new().suffix(".lm").tempfile().map_err(DecoderError::Temporary)?;
        file.write_all(arpa.as_bytes()).map_err(DecoderError::Temporary)?;
        let small = self.decoder.read_language_model(file.path())?;
        let weights = [(1.0 - share).powf(LANGUAGE_WEIGHT), share.powf(LANGUAGE_WEIGHT)];
        self.decoder.interpolate(&self.main, &small, weights)
    }

    pub(crate) fn begin(&mut self) -> Result<(), DecoderError> {
        self.decoder.begin()
    }

    pub(crate) fn feed(&mut self, samples: &[i16]) -> Result<(), DecoderError> {
        self.decoder.feed(samples, false)
    }

    pub(crate) fn end(&mut self) {
        self.decoder.end();
    }

    pub(crate) fn hypothesis(&mut self) -> Vec<Heard> {
        self.decoder.hypothesis()
    }

    /// Decodes a whole segment, normalised by its own mean.
    pub(crate) fn decode(&mut self, samples: &[i16], talk: Talk) -> Result<Vec<Heard>, DecoderError> {
        self.decoder.search(talk.search())?;
        self.decoder.begin()?;
        self.decoder.feed(samples, true)?;
        self.decoder.end();
        Ok(self.decoder.hypothesis())
    }

    pub(crate) fn pronunciation(&mut self, word: &str) -> Option<String> {
        self.decoder.pronunciation(word)
    }
}

/// Noise removal stays on: without it 39 words in 100 are wrong in the simulated room instead of 29. Silence removal
/// is off: our segmenter cuts, and removed frames would shift the times. The flat second search is off: it costs a
/// quarter more and gains nothing there (29 with it, 27 without).
fn settings(model: &Model) -> Settings {
    Settings::default()
        .with("hmm", model.acoustic.display())
        .with("dict", model.dictionary.display())
        .with("remove_noise", "yes")
        .with("remove_silence", "no")
        .with("fwdflat", "no")
        .with("lw", LANGUAGE_WEIGHT)
}
