//! What `--check` looks at beyond the two files: the models, keys and certificates that they name.

use anyhow::Context;
use prim_identity::{AuditKey, check_certificate, load_key_of};
use prim_models::Kind;

use super::speech::open_models;
use crate::clock;
use crate::config::{BrokerConfig, PrimConfig, SpeechConfig};

/// Whether everything that the configuration names is there and holds today; nothing is loaded, no port is touched.
///
/// # Errors
/// The first that is not, with what to do.
pub fn check(config: &PrimConfig) -> anyhow::Result<()> {
    AuditKey::load(&config.device.audit_key).context("check the audit key ([device] audit_key)")?;
    if let Some(broker) = &config.broker {
        check_broker(broker)?;
    }
    check_models(&config.speech)
}

fn check_broker(broker: &BrokerConfig) -> anyhow::Result<()> {
    let read = |path: &std::path::Path, field: &str| {
        std::fs::read_to_string(path).with_context(|| format!("read {} ([broker] {field})", path.display()))
    };
    let certificate = read(&broker.cert, "cert")?;
    check_certificate(&certificate, &read(&broker.ca, "ca")?, clock::wall_now())
        .with_context(|| format!("check {} ([broker] cert)", broker.cert.display()))?;
    load_key_of(&certificate, &broker.key)?;
    Ok(())
}

fn check_models(speech: &SpeechConfig) -> anyhow::Result<()> {
    let models = open_models()?;
    if let Some(name) = speech.recogniser.name() {
        models.check(name, Kind::Stt).context("check the recogniser ([speech] recogniser)")?;
    }
    if let Some(name) = speech.voice.name() {
        models.check(name, Kind::Tts).context("check the voice ([speech] voice)")?;
    }
    Ok(())
}
