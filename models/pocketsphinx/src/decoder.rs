//! One PocketSphinx decoder, safely: opened with settings, fed, asked, freed on drop.
//!
//! This module, [`crate::language_model`] and [`crate::ffi`] hold all unsafe code of the crate. Invariant: the raw
//! pointers are non-null, owned by exactly one [`Decoder`], and used from one thread at a time (`&mut self`).
#![expect(unsafe_code, reason = "the engine is a C library")]

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr::{self, NonNull};

use crate::ffi;
use crate::language_model::LanguageModel;

/// What a decoder could not do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecoderError {
    /// The model did not load.
    #[error(
        "load the acoustic model {path} and its dictionary: PocketSphinx refuses them; reinstall pocketsphinx-en-us"
    )]
    Open {
        /// The acoustic model.
        path: String,
    },
    /// A text holds a NUL byte.
    #[error("hand a text with a NUL byte to PocketSphinx: remove it")]
    Nul,
    /// A call failed.
    #[error("{what}: PocketSphinx refuses")]
    Refused {
        /// The call.
        what: &'static str,
    },
    /// A file for the engine could not be written.
    #[error("write a temporary file for PocketSphinx")]
    Temporary(#[source] std::io::Error),
}

/// Options by their names in the manual, without the dash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings(Vec<(&'static str, String)>);

impl Settings {
    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.retain(|(n, _)| *n != name);
        self.0.push((name, value.to_string()));
        self
    }

    fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(n, _)| *n == name).map_or("", |(_, v)| v.as_str())
    }
}

/// A word of a hypothesis. Frames are 10 ms from the start of the utterance; `last` is inclusive.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Heard {
    pub(crate) word: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// Posterior where the engine has a lattice, else 1.
    pub(crate) probability: f32,
}

pub(crate) struct Decoder {
    raw: NonNull<ffi::ps_decoder_t>,
    config: NonNull<ffi::config_t>,
    running: bool,
}

// SAFETY: a decoder has no thread affinity: it keeps all state behind its own pointer, and the library's only global,
// the log callback, is set once to nothing. It is not Sync: every use takes `&mut self`.
unsafe impl Send for Decoder {}

fn text(s: &str) -> Result<CString, DecoderError> {
    CString::new(s).map_err(|_| DecoderError::Nul)
}

impl Decoder {
    pub(crate) fn open(settings: &Settings) -> Result<Self, DecoderError> {
        let refused = || DecoderError::Open { path: settings.get("hmm").to_owned() };
        // SAFETY: clearing callback (of the process) and stream (of this thread, where opening prints its settings)
        // is allowed at any time; the library then logs nothing.
        unsafe {
            ffi::err_set_callback(None, ptr::null_mut());
            ffi::err_set_logfp(ptr::null_mut());
        }
        let config = config(settings)?.ok_or_else(refused)?;
        // SAFETY: `config` is valid; `ps_init` keeps its own reference or copy.
        match NonNull::new(unsafe { ffi::ps_init(config.as_ptr()) }) {
            Some(raw) => Ok(Self { raw, config, running: false }),
            None => {
                // SAFETY: `config` is valid and not used again.
                unsafe { ffi::free_config(config.as_ptr()) };
                Err(refused())
            }
        }
    }

    /// Adds a word with its pronunciation; `rebuild` after the last one of a batch.
    pub(crate) fn add_word(&mut self, word: &str, phones: &str, rebuild: bool) -> Result<(), DecoderError> {
        let (word, phones) = (text(word)?, text(phones)?);
        // SAFETY: both strings outlive the call, which copies them.
        let id = unsafe {
            ffi::ps_add_word(self.raw.as_ptr(), word.as_ptr(), phones.as_ptr(), i32::from(rebuild))
        };
        if id < 0 { Err(DecoderError::Refused { what: "add a word to the dictionary" }) } else { Ok(()) }
    }

    /// The pronunciation of a word of the dictionary.
    pub(crate) fn pronunciation(&mut self, word: &str) -> Option<String> {
        let word = text(word).ok()?;
        // SAFETY: the string outlives the call; the result is null or a string allocated for us by malloc.
        unsafe {
            let phones = NonNull::new(ffi::ps_lookup_word(self.raw.as_ptr(), word.as_ptr()))?;
            let copy = CStr::from_ptr(phones.as_ptr()).to_string_lossy().into_owned();
            ffi::free(phones.as_ptr().cast());
            Some(copy)
        }
    }

    /// Loads a statistical model of this decoder's kind from a file.
    pub(crate) fn read_language_model(&mut self, path: &Path) -> Result<LanguageModel, DecoderError> {
        let path = text(&path.display().to_string())?;
        // SAFETY: decoder and configuration are valid; the model belongs to the returned value.
        unsafe {
            let lmath = ffi::ps_get_logmath(self.raw.as_ptr());
            LanguageModel::own(ffi::ngram_model_read(
                self.config.as_ptr(),
                path.as_ptr(),
                ffi::NGRAM_AUTO,
                lmath,
            ))
        }
    }

    /// Interpolates `main` with `extra`; see [`LanguageModel`].
    pub(crate) fn interpolate(
        &mut self,
        main: &LanguageModel,
        extra: &LanguageModel,
        weights: [f32; 2],
    ) -> Result<LanguageModel, DecoderError> {
        // SAFETY: the configuration is valid and outlives the call.
        unsafe { LanguageModel::interpolated(self.config.as_ptr(), main, extra, weights) }
    }

    /// Makes dictation with `model` a search of this name, which replaces one of before. It takes the time of opening a
    /// decoder; [`Self::search`] takes none.
    pub(crate) fn add_language_model(
        &mut self,
        name: &'static CStr,
        model: &LanguageModel,
    ) -> Result<(), DecoderError> {
        // SAFETY: the name is static and copied; the search takes its own reference to the model.
        let failed = unsafe { ffi::add_lm(self.raw.as_ptr(), name.as_ptr(), model.raw()) != 0 };
        if failed { Err(DecoderError::Refused { what: "use a language model" }) } else { Ok(()) }
    }

    /// Makes a search that was added the active one; not inside an utterance.
    pub(crate) fn search(&mut self, name: &'static CStr) -> Result<(), DecoderError> {
        // SAFETY: the decoder is valid, the name is static.
        let failed = unsafe { ffi::activate_search(self.raw.as_ptr(), name.as_ptr()) != 0 };
        if failed { Err(DecoderError::Refused { what: "change the search" }) } else { Ok(()) }
    }

    /// Makes spotting of the phrases in `file` (`phrase /threshold/` per line) the active search.
    pub(crate) fn use_keyphrases(&mut self, file: &Path) -> Result<(), DecoderError> {
        let (name, file) = (c"spotter", text(&file.display().to_string())?);
        // SAFETY: both strings outlive the calls, which copy them.
        let failed = unsafe {
            ffi::add_kws(self.raw.as_ptr(), name.as_ptr(), file.as_ptr()) != 0
                || ffi::activate_search(self.raw.as_ptr(), name.as_ptr()) != 0
        };
        if failed { Err(DecoderError::Refused { what: "use keyphrases" }) } else { Ok(()) }
    }

    /// Makes a JSGF grammar the active search.
    pub(crate) fn use_grammar(&mut self, jsgf: &str) -> Result<(), DecoderError> {
        let (name, jsgf) = (c"command", text(jsgf)?);
        // SAFETY: both strings outlive the calls, which copy them.
        let failed = unsafe {
            ffi::add_jsgf(self.raw.as_ptr(), name.as_ptr(), jsgf.as_ptr()) != 0
                || ffi::activate_search(self.raw.as_ptr(), name.as_ptr()) != 0
        };
        if failed { Err(DecoderError::Refused { what: "use a grammar" }) } else { Ok(()) }
    }

    /// Begins an utterance; a running one is ended first.
    pub(crate) fn begin(&mut self) -> Result<(), DecoderError> {
        self.end();
        // SAFETY: the decoder is valid and no utterance is running. A new stream makes frames count from this
        // utterance's start; else they count from the first utterance's.
        let failed = unsafe {
            ffi::ps_start_stream(self.raw.as_ptr()) < 0 || ffi::ps_start_utt(self.raw.as_ptr()) < 0
        };
        if failed {
            return Err(DecoderError::Refused { what: "begin an utterance" });
        }
        self.running = true;
        Ok(())
    }

    /// Feeds 16 kHz mono samples; `whole` when they are the entire utterance (batch normalisation).
    pub(crate) fn feed(&mut self, samples: &[i16], whole: bool) -> Result<(), DecoderError> {
        if !self.running {
            return Err(DecoderError::Refused { what: "feed an utterance that was not begun" });
        }
        if samples.is_empty() {
            return Ok(());
        }
        // SAFETY: pointer and length describe `samples`; an utterance is running.
        let frames = unsafe {
            ffi::ps_process_raw(self.raw.as_ptr(), samples.as_ptr(), samples.len(), 0, i32::from(whole))
        };
        if frames < 0 { Err(DecoderError::Refused { what: "feed an utterance" }) } else { Ok(()) }
    }

    /// Ends the utterance, if one is running; the hypothesis stays.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.running) {
            // SAFETY: an utterance is running. A failure means no frames: the hypothesis is then empty.
            unsafe { ffi::ps_end_utt(self.raw.as_ptr()) };
        }
    }

    /// The best hypothesis so far, silences and noises included.
    pub(crate) fn hypothesis(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        // SAFETY: the decoder is valid; an iterator is used until `ps_seg_next` frees it and returns null. The word
        // is owned by the decoder's dictionary and copied at once.
        unsafe {
            if ffi::ps_get_hyp(self.raw.as_ptr(), ptr::null_mut()).is_null() {
                return heard;
            }
            let lmath = ffi::ps_get_logmath(self.raw.as_ptr());
            let mut seg = ffi::ps_seg_iter(self.raw.as_ptr());
            while !seg.is_null() {
                let (mut first, mut last, mut scores) = (0, 0, [0_i32; 3]);
                ffi::ps_seg_frames(seg, &raw mut first, &raw mut last);
                let [acoustic, language, backoff] = &mut scores;
                let log = ffi::ps_seg_prob(seg, acoustic, language, backoff);
                let word = ffi::ps_seg_word(seg);
                if !word.is_null() {
                    heard.push(Heard {
                        word: CStr::from_ptr(word).to_string_lossy().into_owned(),
                        first: u64::try_from(first).unwrap_or(0),
                        last: u64::try_from(last).unwrap_or(0),
                        probability: (ffi::logmath_exp(lmath, log) as f32).clamp(0.0, 1.0),
                    });
                }
                seg = ffi::ps_seg_next(seg);
            }
        }
        heard
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.end();
        // SAFETY: both pointers are owned and not used again; the decoder holds its own reference to the
        // configuration, so the order does not matter.
        unsafe {
            ffi::ps_free(self.raw.as_ptr());
            ffi::free_config(self.config.as_ptr());
        }
    }
}

#[cfg(not(sphinx5))]
fn config(settings: &Settings) -> Result<Option<NonNull<ffi::config_t>>, DecoderError> {
    let mut words = Vec::new();
    for (name, value) in &settings.0 {
        words.push(text(&format!("-{name}"))?);
        words.push(text(value)?);
    }
    let mut argv: Vec<_> = words.iter().map(|w| w.as_ptr().cast_mut()).collect();
    let argc = i32::try_from(argv.len()).unwrap_or(i32::MAX);
    // SAFETY: `argv` holds `argc` pointers to strings that outlive the call, which copies them and writes to none.
    Ok(NonNull::new(unsafe {
        ffi::cmd_ln_parse_r(ptr::null_mut(), ffi::ps_args(), argc, argv.as_mut_ptr(), 1)
    }))
}

#[cfg(sphinx5)]
fn config(settings: &Settings) -> Result<Option<NonNull<ffi::config_t>>, DecoderError> {
    // Release 5 has no silence removal in its front end and knows no switch for it.
    let fields: Vec<String> = settings
        .0
        .iter()
        .filter(|(name, _)| *name != "remove_silence")
        .map(|(name, value)| {
            let value = match value.as_str() {
                "yes" => "true".to_owned(),
                "no" => "false".to_owned(),
                other if other.parse::<f64>().is_ok() => other.to_owned(),
                other => format!("\"{}\"", other.replace('\\', "\\\\").replace('"', "\\\"")),
            };
            format!("\"{name}\": {value}")
        })
        .collect();
    let json = text(&format!("{{{}}}", fields.join(", ")))?;
    // SAFETY: the string outlives the call, which copies it; null asks for a new configuration.
    Ok(NonNull::new(unsafe { ffi::ps_config_parse_json(ptr::null_mut(), json.as_ptr()) }))
}
