//! A dictation decoder with the meeting's words mixed in.

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

pub(crate) struct Recogniser {
    decoder: Decoder,
    main: LanguageModel,
    // Dropped after the decoder that uses it.
    mixed: Option<LanguageModel>,
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
        )
    }

    /// For finals: default beams, and the best path through the lattice, which also gives confidences.
    pub(crate) fn careful(model: &Model) -> Result<Self, DecoderError> {
        Self::open(model, settings(model).with("bestpath", "yes"))
    }

    fn open(model: &Model, settings: Settings) -> Result<Self, DecoderError> {
        let mut decoder = Decoder::open(&settings)?;
        let main = decoder.read_language_model(&model.language)?;
        let mut this = Self { decoder, main, mixed: None };
        this.learn(&Vocabulary::of(&prim_models::SttContext::default()))?;
        Ok(this)
    }

    /// Makes the meeting's words likely, instead of the former meeting's.
    pub(crate) fn learn(&mut self, vocabulary: &Vocabulary) -> Result<(), DecoderError> {
        for word in vocabulary.words() {
            if self.decoder.pronunciation(word).is_none() {
                let phones = if word == PRIM { PRIM_SOUNDS.to_owned() } else { sounds(word) };
                self.decoder.add_word(word, &phones, false)?;
            }
        }
        // The library tells the format by the file's name.
        let mut file = tempfile::Builder::new().suffix(".lm").tempfile().map_err(DecoderError::Temporary)?;
        file.write_all(vocabulary.arpa().as_bytes()).map_err(DecoderError::Temporary)?;
        let meeting = self.decoder.read_language_model(file.path())?;
        let weights = [(1.0 - MEETING_SHARE).powf(LANGUAGE_WEIGHT), MEETING_SHARE.powf(LANGUAGE_WEIGHT)];
        let mixed = self.decoder.interpolate(&self.main, &meeting, weights)?;
        self.decoder.use_language_model(&mixed)?;
        self.mixed = Some(mixed);
        Ok(())
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
    pub(crate) fn decode(&mut self, samples: &[i16]) -> Result<Vec<Heard>, DecoderError> {
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
