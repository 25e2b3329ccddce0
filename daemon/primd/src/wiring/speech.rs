//! Recogniser and voice by name; the room works without either.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use prim_meeting::{PeripheralState, grammar_jsgf};
use prim_models::{
    Kind, Manifest, ModelRegistry, Stt, SttContext, SttThread, ThreadLimits, Tts, Vad, VoiceLimits,
    VoiceThread,
};
use prim_models_onnx::{Runtime, Voiceprints, find_runtime};

use super::timed::Timed;
use crate::agenda::MeetingPlan;
use crate::config::{ModelChoice, SpeechConfig, VadChoice};

pub(super) fn open_models(speech: &SpeechConfig) -> anyhow::Result<ModelRegistry> {
    let manifest =
        Manifest::parse(prim_models::BUILT_IN_MANIFEST).context("read the built-in model manifest")?;
    let mut registry = ModelRegistry::new(manifest).with_store(&speech.models_dir);
    registry.register_vad("earshot", |_| Ok(Box::new(prim_models_earshot::Earshot::new())));
    prim_models_webrtc_vad::register(&mut registry);
    prim_models_onnx::register(&mut registry, speech.onnx_runtime.clone());
    prim_models_pocketsphinx::register(&mut registry);
    prim_models_flite::register(&mut registry);
    Ok(registry)
}

pub(super) fn speech_context(plan: Option<&MeetingPlan>) -> anyhow::Result<SttContext> {
    let titles = plan.iter().flat_map(|p| p.agenda.iter().map(|i| i.title.clone()));
    let names = plan.iter().flat_map(|p| p.people.iter().map(|p| p.name.clone()));
    Ok(SttContext::new(titles, names)?.with_commands(grammar_jsgf()))
}

/// What came of opening a model that the configuration may switch off.
pub(super) struct Opened<T: ?Sized> {
    pub(super) model: Option<Box<T>>,
    /// For the core, the health page and the audit: why there is none.
    pub(super) state: PeripheralState,
}

impl<T: ?Sized> Opened<T> {
    fn of(opened: Option<anyhow::Result<Box<T>>>, otherwise: &str) -> Self {
        let absent = |reason: String| PeripheralState::Absent { reason };
        match opened {
            Some(Ok(model)) => Self { model: Some(model), state: PeripheralState::Up },
            Some(Err(error)) => {
                tracing::error!("failed to {error:#}; {otherwise}");
                Self { model: None, state: absent(format!("cannot {error:#}")) }
            }
            None => {
                Self { model: None, state: absent("the configuration switches it off ([speech])".to_owned()) }
            }
        }
    }
}

/// A recogniser on its own thread; without one, or with none wanted, the room still has button, panel and timeboxes.
pub(super) fn open_stt(
    models: &ModelRegistry,
    choice: &ModelChoice,
    context: &SttContext,
) -> Opened<dyn Stt> {
    let open = |name| -> anyhow::Result<Box<dyn Stt>> {
        let engine = models.open_stt(name)?;
        let mut stt = SttThread::spawn(Box::new(Timed(engine)), ThreadLimits::default())?;
        stt.start(context)?;
        Ok(Box::new(stt))
    };
    Opened::of(choice.name().map(open), "there is no recogniser: button, panel and timeboxes work")
}

pub(super) fn open_voice(models: &ModelRegistry, choice: &ModelChoice) -> Opened<dyn Tts> {
    let open = |name| Ok(models.open_tts(name)?);
    Opened::of(choice.name().map(open), "there is no voice: answers become cards")
}

/// The detector that the device's ears use: one model, opened once for each ear.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Detector {
    pub(super) name: &'static str,
    /// Why it is not the one that was wanted.
    pub(super) instead: Option<String>,
}

impl Detector {
    /// What `choice` means on this device. Tried here, so that what cannot be opened is known before anyone speaks.
    pub(super) fn choose(models: &ModelRegistry, choice: VadChoice) -> Self {
        let name = match choice {
            VadChoice::Earshot => EARSHOT,
            VadChoice::Webrtc => "webrtc",
            VadChoice::Silero => SILERO,
            // Its network is on this device only where somebody put it.
            VadChoice::Auto if models.is_here(SILERO, Kind::Vad) => SILERO,
            VadChoice::Auto => EARSHOT,
        };
        match models.open_vad(name) {
            Ok(_) => {
                tracing::info!(speech.vad = name, "speech is told from other sound by this detector");
                Self { name, instead: None }
            }
            Err(error) => {
                let error = anyhow::Error::new(error);
                tracing::warn!("failed to {error:#}; {EARSHOT} tells speech from other sound instead");
                Self { name: EARSHOT, instead: Some(format!("{EARSHOT} in its place: cannot {error:#}")) }
            }
        }
    }

    pub(super) fn open(&self, models: &ModelRegistry) -> anyhow::Result<Box<dyn Vad>> {
        Ok(models.open_vad(self.name)?)
    }
}

/// What compares the room's voices, if the configuration names a network.
pub(super) struct Voices {
    pub(super) network: Option<VoiceThread>,
    /// For the health page: `up`, `off` or `missing`, and why.
    pub(super) state: (&'static str, Option<String>),
    /// Set while the network does not answer.
    pub(super) stall: Arc<AtomicBool>,
}

/// The speaker network on its own thread; without one, voices are told apart by their direction. Where no words are
/// `recognised` there is nothing that could be somebody's, and no print is taken.
pub(super) fn open_voiceprints(speech: &SpeechConfig, recognised: bool) -> Voices {
    let stall = Arc::default();
    let Some(path) = speech.voiceprints.as_ref().filter(|_| recognised) else {
        return Voices { network: None, state: ("off", None), stall };
    };
    let open = || -> anyhow::Result<VoiceThread> {
        let runtime = Runtime::load(&speech.onnx_runtime.clone().map_or_else(find_runtime, Ok)?)?;
        let network = Voiceprints::open(&runtime, path)?;
        Ok(VoiceThread::spawn(Box::new(network), VoiceLimits::default())?)
    };
    match open() {
        Ok(network) => {
            tracing::info!(
                "the room's voices are compared by voiceprints, within a meeting and in memory only"
            );
            Voices { network: Some(network), state: ("up", None), stall }
        }
        Err(error) => {
            tracing::error!("failed to {error:#}; voices are told apart by their direction");
            Voices { network: None, state: ("missing", Some(format!("cannot {error:#}"))), stall }
        }
    }
}

const EARSHOT: &str = "earshot";
pub(super) const SILERO: &str = "silero";

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [[model]]
        name = "ears"
        kind = "stt"
        engine = "pocketsphinx"
        version = "1"
        licence = "MIT"
        rate_hz = 16000
        source = { debian = "pocketsphinx-en-us" }
        files = [{ role = "language", path = "/nowhere/en-us.lm.bin" }]
        budget = { memory_mb = 1, cpu_percent = 1 }
    "#;

    fn reason(state: &PeripheralState) -> &str {
        match state {
            PeripheralState::Absent { reason } => reason,
            PeripheralState::Up | PeripheralState::Degraded { .. } => panic!("it is there: {state:?}"),
        }
    }

    #[test]
    fn a_missing_recogniser_is_told_with_the_file_and_the_package_and_a_missing_voice_with_its_name() {
        let models = ModelRegistry::new(Manifest::parse(MANIFEST).unwrap());
        let choice = ModelChoice::Named("ears".to_owned());
        let mut models_with = models;
        prim_models_pocketsphinx::register(&mut models_with);
        let ears = open_stt(&models_with, &choice, &SttContext::default());
        assert!(ears.model.is_none());
        assert_eq!(
            reason(&ears.state),
            "cannot open model ears: /nowhere/en-us.lm.bin is missing; install Debian package pocketsphinx-en-us: \
             apt-get install pocketsphinx-en-us"
        );
        let voice = open_voice(&models_with, &ModelChoice::Named("bass".to_owned()));
        assert!(reason(&voice.state).starts_with("cannot open model bass"), "{:?}", voice.state);
    }

    /// The built-in models with an empty model folder and a runtime that is not there.
    fn without_silero(folder: &std::path::Path) -> ModelRegistry {
        let speech = SpeechConfig {
            models_dir: folder.to_owned(),
            onnx_runtime: Some(folder.join("libonnxruntime.so")),
            ..SpeechConfig::default()
        };
        open_models(&speech).unwrap()
    }

    #[test]
    fn the_best_detector_that_is_there_is_taken_and_one_that_is_wanted_and_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let models = without_silero(folder.path());
        let name = |choice| Detector::choose(&models, choice);
        assert_eq!(name(VadChoice::Auto), Detector { name: "earshot", instead: None });
        assert_eq!(name(VadChoice::Earshot), Detector { name: "earshot", instead: None });
        assert_eq!(name(VadChoice::Webrtc), Detector { name: "webrtc", instead: None });
        let fallen = name(VadChoice::Silero);
        assert_eq!(fallen.name, "earshot");
        let why = fallen.instead.unwrap();
        assert!(
            why.starts_with("earshot in its place: cannot open model silero") && why.contains("fetch it"),
            "{why}"
        );
        assert_eq!(Detector { name: fallen.name, instead: None }.open(&models).unwrap().frame_len(), 256);
    }

    #[test]
    fn a_damaged_network_is_told_where_auto_would_take_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("silero")).unwrap();
        std::fs::write(folder.path().join("silero/silero_vad.onnx"), b"cut off").unwrap();
        let fallen = Detector::choose(&without_silero(folder.path()), VadChoice::Auto);
        assert!(fallen.name == "earshot" && fallen.instead.unwrap().contains("sha256"));
    }

    #[test]
    fn a_speaker_network_is_off_until_it_is_named_and_told_where_it_cannot_be_opened() {
        let off = open_voiceprints(&SpeechConfig::default(), true);
        assert!(off.network.is_none() && off.state == ("off", None));
        let folder = tempfile::tempdir().unwrap();
        let speech = SpeechConfig {
            voiceprints: Some(folder.path().join("speakers.onnx")),
            onnx_runtime: Some(folder.path().join("libonnxruntime.so")),
            ..SpeechConfig::default()
        };
        let deaf = open_voiceprints(&speech, false);
        assert_eq!(deaf.state, ("off", None), "nobody's words, nobody's voice");
        let missing = open_voiceprints(&speech, true);
        assert!(missing.network.is_none() && missing.state.0 == "missing");
        let why = missing.state.1.unwrap();
        assert!(
            why.starts_with("cannot load ONNX Runtime") && why.contains("[speech] onnx_runtime"),
            "{why}"
        );
    }

    #[test]
    fn a_model_that_is_switched_off_says_by_what() {
        let models = ModelRegistry::new(Manifest::parse(MANIFEST).unwrap());
        assert!(reason(&open_voice(&models, &ModelChoice::None).state).contains("[speech]"));
    }
}
