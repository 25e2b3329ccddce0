//! `prim.toml`: read, checked and turned into validated values without touching hardware or ports.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use prim_ids::{DeviceName, OrgName};
use prim_settings::{Key, Unit, WrongSettings, one_of, path, reads_as, text, whole};
use serde::Deserialize;

/// Every key, in the order of `prim.example.toml`.
pub const KEYS: &[Key] = &[
    text("device.org", A_NAME, reads_as::<OrgName>, "\"acme\"").always(),
    text("device.name", A_NAME, reads_as::<DeviceName>, "\"huddle-2\"").always(),
    path("device.data_dir", "\"/var/lib/prim\"").always(),
    path("device.audit_key", "\"/etc/prim/audit.key.pem\"").always(),
    whole("device.spool_max_mib", 8, 1 << 20, Unit::Mebibytes, "512"),
    path("device.witness", "\"/media/auditor/witness\""),
    one_of("hal.kind", &["sim"], "\"sim\"").always(),
    path("hal.socket", "\"/run/prim/room.sock\"").in_section(),
    path("hal.board", "\"/etc/prim/board.toml\""),
    path("adapter.loopback.socket", "\"/run/prim/loopback.sock\"").in_section(),
    text(
        "broker.host",
        "a host name or an address",
        |host| !host.contains(['/', ' ']),
        "\"mqtt.example.org\"",
    )
    .in_section(),
    whole("broker.port", 1, 65_535, Unit::None, "8883").in_section(),
    path("broker.ca", "\"/etc/prim/ca.pem\"").in_section(),
    path("broker.cert", "\"/etc/prim/device.pem\"").in_section(),
    path("broker.key", "\"/etc/prim/device.key.pem\"").in_section(),
    text("speech.recogniser", A_MODEL, |_| true, "\"pocketsphinx-en-us\""),
    text("speech.voice", A_MODEL, |_| true, "\"flite-slt\""),
    one_of("speech.vad", &["auto", "silero", "earshot", "webrtc"], "\"auto\""),
    path("speech.voiceprints", "\"/var/lib/prim/models/speakers.onnx\""),
    path("speech.models_dir", "\"/var/lib/prim/models\""),
    path("speech.onnx_runtime", "\"/usr/lib/libonnxruntime.so\""),
    whole("speech.endpoint_ms", 200, 3000, Unit::Milliseconds, "500"),
    path("status.socket", "\"/run/prim/status.sock\"").in_section(),
    text("http.listen", A_LOOPBACK, is_loopback, "\"127.0.0.1:9610\""),
];

const A_NAME: &str = "1 to 40 of a-z, 0-9 and '-', beginning with a letter";
const A_LOOPBACK: &str =
    "a loopback address and a port (the page has no login, so this machine alone may read it)";

fn is_loopback(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok_and(|listen| listen.ip().is_loopback())
}

const A_MODEL: &str = "a model's name (`prim models list` shows all) or none";

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
    /// What tells speech from other sound.
    pub vad: VadChoice,
    /// A speaker network, by which the room's voices are told apart beside their direction. What it gives of a voice is
    /// biometric data: see the example. None when absent, and none is embedded.
    pub voiceprints: Option<PathBuf>,
    /// Where `prim models pull` puts models: `/var/lib/prim/models`.
    pub models_dir: PathBuf,
    /// The file `libonnxruntime.so`, 1.24 or newer, for models that are networks; looked for in the usual places when
    /// absent, and only when such a model is opened.
    pub onnx_runtime: Option<PathBuf>,
    /// Silence after which a stretch of speech has ended, in milliseconds.
    pub endpoint_ms: u32,
}

impl Default for SpeechConfig {
    fn default() -> Self {
        Self {
            recogniser: ModelChoice::Named("pocketsphinx-en-us".to_owned()),
            voice: ModelChoice::Named("flite-slt".to_owned()),
            vad: VadChoice::Auto,
            voiceprints: None,
            models_dir: PathBuf::from("/var/lib/prim/models"),
            onnx_runtime: None,
            endpoint_ms: 500,
        }
    }
}

/// A speech detector. Which is the better one is measured (`vad_auc` of benches/README.md): Silero, then earshot, then
/// WebRTC's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VadChoice {
    /// Silero where its network is in the model folder, else earshot.
    Auto,
    /// A network run by ONNX Runtime; where it cannot be, earshot.
    Silero,
    /// A small network inside the daemon.
    Earshot,
    /// WebRTC's detector, inside the daemon.
    Webrtc,
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
    /// The file is not TOML.
    #[error("understand the configuration {}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        why: String,
    },
    /// Keys are unknown, missing, or have values that do not fit.
    #[error("use the configuration {}: {wrong}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Which keys, what is wrong with each, and what is accepted.
        wrong: WrongSettings,
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
    let not_toml = |error: toml::de::Error| ReadConfigError::Invalid {
        path: path.to_owned(),
        why: error.to_string().trim().to_owned(),
    };
    let table: toml::Table = text.parse().map_err(not_toml)?;
    prim_settings::check(&table, KEYS, text)
        .map_err(|wrong| ReadConfigError::Wrong { path: path.to_owned(), wrong })?;
    toml::from_str(text).map_err(not_toml)
}

#[cfg(test)]
pub(crate) mod example;
#[cfg(test)]
mod tests;
