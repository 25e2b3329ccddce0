//! Recogniser and voice by name; the room works without either.

use anyhow::Context;
use prim_meeting::grammar_jsgf;
use prim_models::{Manifest, ModelRegistry, Stt, SttContext, SttThread, ThreadLimits, Tts};

use super::timed::Timed;
use crate::agenda::MeetingPlan;
use crate::config::ModelChoice;

pub(super) fn open_models() -> anyhow::Result<ModelRegistry> {
    let manifest =
        Manifest::parse(prim_models::BUILT_IN_MANIFEST).context("read the built-in model manifest")?;
    let mut registry = ModelRegistry::new(manifest);
    registry.register_vad("earshot", |_| Ok(Box::new(prim_models_earshot::Earshot::new())));
    prim_models_pocketsphinx::register(&mut registry);
    prim_models_flite::register(&mut registry);
    Ok(registry)
}

pub(super) fn speech_context(plan: Option<&MeetingPlan>) -> anyhow::Result<SttContext> {
    let titles = plan.iter().flat_map(|p| p.agenda.iter().map(|i| i.title.clone()));
    let names = plan.iter().flat_map(|p| p.people.iter().map(|p| p.name.clone()));
    Ok(SttContext::new(titles, names)?.with_commands(grammar_jsgf()))
}

/// A recogniser on its own thread; without one, or with none wanted, the room still has button, panel and timeboxes.
pub(super) fn open_stt(
    models: &ModelRegistry,
    choice: &ModelChoice,
    context: &SttContext,
) -> Option<Box<dyn Stt>> {
    let name = choice.name()?;
    let opened = models
        .open_stt(name)
        .map_err(anyhow::Error::from)
        .and_then(|engine| Ok(SttThread::spawn(Box::new(Timed(engine)), ThreadLimits::default())?))
        .and_then(|mut stt| {
            stt.start(context)?;
            Ok(stt)
        });
    match opened {
        Ok(stt) => Some(Box::new(stt)),
        Err(error) => {
            tracing::error!("no recogniser: {error:#}; button, panel and timeboxes work");
            None
        }
    }
}

pub(super) fn open_voice(models: &ModelRegistry, choice: &ModelChoice) -> Option<Box<dyn Tts>> {
    models
        .open_tts(choice.name()?)
        .inspect_err(|error| {
            tracing::error!(error = error as &dyn std::error::Error, "no voice; answers become cards");
        })
        .ok()
}
