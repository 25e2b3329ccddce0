//! `prim.toml`: read, checked and turned into validated values without touching hardware or ports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use prim_ids::{DeviceName, OrgName};
use serde::Deserialize;

/// Everything the daemon is told from outside. Unknown keys are errors: a typing mistake never becomes a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrimConfig {
    /// Who this device is.
    pub device: DeviceConfig,
    /// Where sound, light and button come from.
    pub hal: HalConfig,
    /// Meeting platforms to join beside the room.
    #[serde(default)]
    pub adapter: AdapterConfig,
    /// The MQTT broker; without it the device keeps everything in its spool.
    pub broker: Option<BrokerConfig>,
    /// Recogniser and voice.
    #[serde(default)]
    pub speech: SpeechConfig,
    /// The local socket that shows what happens in the room.
    pub status: Option<StatusConfig>,
    /// `/health` and `/metrics`.
    #[serde(default)]
    pub http: HttpConfig,
}

/// `[device]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceConfig {
    /// The organisation's name, as in the certificate: `acme`.
    pub org: OrgName,
    /// The device's name within it: `huddle-2`.
    pub name: DeviceName,
    /// Where the spool, the replay log and the epoch live: `/var/lib/prim`.
    pub data_dir: PathBuf,
    /// The Ed25519 key (PKCS#8 PEM) that signs batches and heads of the audit chain.
    pub audit_key: PathBuf,
    /// How much the spool may hold, in MiB.
    #[serde(default = "default_spool_mib")]
    pub spool_max_mib: u64,
    /// For an auditor: a file, best on another medium, that gets place and hash of every record before and after it is
    /// committed, synced each time: `/media/auditor/witness`. It holds nothing that anybody said. None when absent.
    pub witness: Option<PathBuf>,
}

fn default_spool_mib() -> u64 {
    512
}

/// `[hal]`: one kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum HalConfig {
    /// The simulated room, over a Unix socket.
    Sim {
        /// The room program's socket.
        socket: PathBuf,
        /// The board's description; the built-in simulated board when absent.
        board: Option<PathBuf>,
    },
}

/// `[adapter]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterConfig {
    /// A peer on this machine, over a Unix socket.
    pub loopback: Option<LoopbackConfig>,
}

/// `[adapter.loopback]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoopbackConfig {
    /// The peer's socket.
    pub socket: PathBuf,
}

/// `[broker]`: MQTT v5 over mutual TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrokerConfig {
    /// A name or address the broker's certificate is valid for.
    pub host: String,
    /// Usually 8883.
    pub port: u16,
    /// The certificate authority that signed the broker.
    pub ca: PathBuf,
    /// This device's certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `[speech]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeechConfig {
    /// The recogniser's name in the model manifest, or `none`: no text then; floor by button, timeboxes.
    pub recogniser: ModelChoice,
    /// The voice's name in the model manifest, or `none`: answers become cards then.
    pub voice: ModelChoice,
    /// Silence after which a stretch of speech has ended, in milliseconds.
    pub endpoint_ms: u32,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            recogniser: ModelChoice::Named("pocketsphinx-en-us".to_owned()),
            voice: ModelChoice::Named("flite-slt".to_owned()),
            endpoint_ms: 500,
        }
    }
}

/// A model, or none: the meeting then goes without what it would have done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum ModelChoice {
    /// Switched off, written `none`.
    None,
    /// By its name in the model manifest.
    Named(String),
}

impl ModelChoice {
    /// The model's name, unless it is switched off.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Named(name) => Some(name),
        }
    }
}

impl From<String> for ModelChoice {
    fn from(name: String) -> Self {
        if name == "none" { Self::None } else { Self::Named(name) }
    }
}

/// `[status]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusConfig {
    /// The socket's path; made with mode 0600, because what people say goes through it.
    pub socket: PathBuf,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Loopback only, until there is a login.
    pub listen: SocketAddr,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9610)) }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadConfigError {
    /// The file cannot be read.
    #[error("read the configuration {}; give its path with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not valid.
    #[error("understand the configuration {}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, key and what is wrong with it.
        why: String,
    },
    /// It would be reachable from the network without a login.
    #[error("listen on {listen}: [http].listen must be a loopback address such as 127.0.0.1:9610")]
    NotLoopback {
        /// The address asked for.
        listen: SocketAddr,
    },
    /// A value outside its range.
    #[error("use {key} = {value}: it must lie between {low} and {high} {unit}")]
    OutOfRange {
        /// The key, with its section.
        key: &'static str,
        /// What was given.
        value: u64,
        /// The smallest allowed.
        low: u64,
        /// The largest allowed.
        high: u64,
        /// The unit.
        unit: &'static str,
    },
}

/// Reads and checks `path`.
///
/// # Errors
/// [`ReadConfigError`], which names the file, the key, the reason and what to do.
pub fn read(path: &Path) -> Result<PrimConfig, ReadConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ReadConfigError::Unreadable { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// As [`read`], from text; `path` only names it in errors.
///
/// # Errors
/// As [`read`], but never `Unreadable`.
pub fn parse(text: &str, path: &Path) -> Result<PrimConfig, ReadConfigError> {
    let config: PrimConfig = toml::from_str(text).map_err(|e| ReadConfigError::Invalid {
        path: path.to_owned(),
        why: e.to_string().trim().to_owned(),
    })?;
    if !config.http.listen.ip().is_loopback() {
        return Err(ReadConfigError::NotLoopback { listen: config.http.listen });
    }
    within("speech.endpoint_ms", u64::from(config.speech.endpoint_ms), 200, 3000, "milliseconds")?;
    within("device.spool_max_mib", config.device.spool_max_mib, 8, 1 << 20, "MiB")?;
    Ok(config)
}

fn within(
    key: &'static str,
    value: u64,
    low: u64,
    high: u64,
    unit: &'static str,
) -> Result<(), ReadConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ReadConfigError::OutOfRange { key, value, low, high, unit })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        [device]
        org = "acme"
        name = "huddle-2"
        data_dir = "/var/lib/prim"
        audit_key = "/etc/prim/audit.pem"
        [hal]
        kind = "sim"
        socket = "/run/prim/room.sock"
    "#;

    fn fails_with(text: &str) -> String {
        parse(text, Path::new("prim.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_smallest_configuration_is_enough() {
        let config = parse(GOOD, Path::new("prim.toml")).unwrap();
        assert_eq!(config.speech.endpoint_ms, 500);
        assert!(config.broker.is_none());
    }

    #[test]
    fn recogniser_and_voice_can_be_switched_off() {
        let config = parse(&format!("{GOOD}\n[speech]\nrecogniser = \"none\"\n"), Path::new("prim.toml"));
        let speech = config.unwrap().speech;
        assert_eq!((speech.recogniser.name(), speech.voice.name()), (None, Some("flite-slt")));
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let said = fails_with(&format!("{GOOD}\n[speech]\nvoise = \"slt\"\n"));
        assert!(said.contains("voise") && said.contains("line"), "{said}");
    }

    #[test]
    fn a_wrong_unit_is_refused_with_the_range() {
        let said = fails_with(&format!("{GOOD}\n[speech]\nendpoint_ms = 1\n"));
        assert!(said.contains("200") && said.contains("milliseconds"), "{said}");
    }

    #[test]
    fn an_address_open_to_the_network_is_refused() {
        let said = fails_with(&format!("{GOOD}\n[http]\nlisten = \"0.0.0.0:9610\"\n"));
        assert!(said.contains("loopback"), "{said}");
    }
}
