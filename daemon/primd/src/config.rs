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

/// The example with what it shows commented out (`# key = value`, nothing else on the line) switched on.
#[cfg(test)]
pub(crate) fn uncommented(example: &str) -> String {
    let shown = |line: &str| {
        let key = line.strip_prefix("# ")?.split_once(" = ")?.0;
        key.chars().all(|c| c.is_ascii_lowercase() || c == '_').then(|| line[2..].to_owned())
    };
    example.lines().map(|line| shown(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

/// Every key is in the example, and serde knows no key in any of its sections that is not in the list.
#[cfg(test)]
pub(crate) fn assert_same_keys<T: serde::de::DeserializeOwned + std::fmt::Debug>(
    example: &str,
    keys: &[Key],
) {
    let table: toml::Table = example.parse().expect("the example is TOML");
    for key in keys {
        let mut at = Some(&toml::Value::Table(table.clone())).cloned();
        for step in key.name.split('.') {
            at = at.and_then(|value| match step.strip_suffix("[]") {
                Some(step) => value.get(step)?.get(0).cloned(),
                None => value.get(step).cloned(),
            });
        }
        assert!(at.is_some(), "the example does not show {}", key.name);
        let (section, _) = key.parts();
        let stray = match section {
            "" => format!("zz = 1\n{example}"),
            section => {
                let header = match section.strip_suffix("[]") {
                    Some(section) => format!("[[{section}]]\n"),
                    None => format!("[{section}]\n"),
                };
                example.replacen(&header, &format!("{header}zz = 1\n"), 1)
            }
        };
        let said = toml::from_str::<T>(&stray).expect_err("zz is no key").to_string();
        let known = said.split_once("expected ").expect("serde lists what it knows").1;
        for name in known.split('`').skip(1).step_by(2) {
            let full = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
            let listed = keys.iter().any(|key| {
                key.name == full
                    || key.name.starts_with(&format!("{full}."))
                    || key.name.starts_with(&format!("{full}[]."))
            });
            assert!(listed || full == "hal.kind", "{full} is read and not listed: {said}");
        }
    }
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
    fn an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() {
        assert_eq!(
            fails_with(&format!("{GOOD}\n[speech]\nvoise = \"slt\"\n")),
            "use the configuration prim.toml: [speech] voise (line 12) is no key, did you mean voice?; [speech] takes \
             recogniser, voice, vad, voiceprints, models_dir, onnx_runtime, endpoint_ms"
        );
    }

    #[test]
    fn a_wrong_unit_is_refused_with_the_number_that_was_meant() {
        assert_eq!(
            fails_with(&format!("{GOOD}\n[speech]\nendpoint_ms = \"0.5 s\"\n")),
            "use the configuration prim.toml: [speech] endpoint_ms = \"0.5 s\" (line 12) is text; accepted is a whole \
             number of milliseconds from 200 to 3000, without quotes and unit (0.5 s would be 500), for example \
             endpoint_ms = 500"
        );
        assert_eq!(
            fails_with(&format!("{GOOD}\n[speech]\nendpoint_ms = 1\n")),
            "use the configuration prim.toml: [speech] endpoint_ms = 1 (line 12) is out of range; accepted is a whole \
             number of milliseconds from 200 to 3000, for example endpoint_ms = 500"
        );
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_certificate_is_refused_with_the_letters_that_can() {
        assert_eq!(
            fails_with(&GOOD.replace("acme", "Acme Ltd")),
            "use the configuration prim.toml: [device] org = \"Acme Ltd\" (line 3) does not fit; accepted is 1 to 40 of \
             a-z, 0-9 and '-', beginning with a letter, in quotes, for example org = \"acme\""
        );
    }

    #[test]
    fn an_empty_file_names_everything_to_write() {
        let said = fails_with("");
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "use the configuration prim.toml: 5 settings do not fit");
        assert_eq!(
            lines[1],
            "  [device] org is missing; accepted is 1 to 40 of a-z, 0-9 and '-', beginning with a letter, in quotes, for \
             example org = \"acme\""
        );
        for (line, key) in lines[2..].iter().zip(["name", "data_dir", "audit_key", "kind"]) {
            assert!(line.contains(&format!("] {key} is missing; accepted is")), "{line}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_told_with_the_line() {
        let said = fails_with(&format!("{GOOD}\n[speech\n"));
        assert!(
            said.starts_with("understand the configuration prim.toml: TOML parse error at line 11"),
            "{said}"
        );
    }

    const EXAMPLE: &str = include_str!("../prim.example.toml");

    #[test]
    fn the_example_is_accepted_as_it_stands_and_shows_the_defaults() {
        let example = parse(EXAMPLE, Path::new("prim.example.toml")).unwrap();
        let bare = parse(GOOD, Path::new("prim.toml")).unwrap();
        assert_eq!(format!("{:?}", example.speech), format!("{:?}", bare.speech));
        assert_eq!(example.http.listen, bare.http.listen);
        assert_eq!(example.device.spool_max_mib, bare.device.spool_max_mib);
        assert_eq!(example.device.witness, None);
    }

    #[test]
    fn the_example_and_the_list_of_keys_and_what_is_read_are_the_same() {
        let whole = uncommented(EXAMPLE);
        parse(&whole, Path::new("prim.example.toml")).unwrap();
        assert_same_keys::<PrimConfig>(&whole, KEYS);
    }

    #[test]
    fn an_address_open_to_the_network_is_refused() {
        let said = fails_with(&format!("{GOOD}\n[http]\nlisten = \"0.0.0.0:9610\"\n"));
        assert!(said.contains("loopback address") && said.contains("no login"), "{said}");
    }
}
