//! `prim doctor`: what of this device works, in plain words.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use serde::Deserialize;

use crate::Outcome;
use crate::fetch;

/// A health page on the same machine answers within milliseconds; this is for a device under load.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// No health page is longer.
const MAX_PAGE_BYTES: u64 = 1 << 20;

/// Where the daemon serves its page when its configuration does not say.
const DEFAULT_URL: &str = "http://127.0.0.1:9610";

const HELP: &str = "Examples:
  prim doctor                                    asks where /etc/prim/prim.toml says, else http://127.0.0.1:9610
  prim doctor --config prim.toml
  prim doctor --url http://127.0.0.1:9610

Exit status: 0 everything works, 1 something is missing or works worse, 2 the daemon does not answer.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// Where the daemon serves its health page.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The daemon's configuration, to learn that address from.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
}

/// The daemon's health page; what this program does not know is shown as it is.
#[derive(Debug, Deserialize)]
struct Health {
    status: String,
    microphones: Option<String>,
    detector: Option<String>,
    voiceprints: Option<String>,
    recogniser: Option<String>,
    voice: Option<String>,
    speaker: Option<String>,
    light: Option<String>,
    button: Option<String>,
    disk: Option<String>,
    link: Option<Link>,
    certificate: Option<String>,
    #[serde(default)]
    reasons: BTreeMap<String, String>,
    spool: Option<SpoolHealth>,
    #[serde(default)]
    adapters: Vec<Adapter>,
}

#[derive(Debug, Deserialize)]
struct Link {
    broker: String,
    gateway: String,
    why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct SpoolHealth {
    condition: String,
    records: u64,
    bytes: u64,
    would_drop_first: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Adapter {
    name: String,
    #[serde(default)]
    state: Option<String>,
    why: Option<String>,
    #[serde(default)]
    capabilities: Vec<(String, String)>,
}

pub(crate) fn run(args: &DoctorArgs, out: &mut impl Write) -> anyhow::Result<Outcome> {
    let installed = Path::new("/etc/prim/prim.toml");
    let base = match (&args.url, &args.config) {
        (Some(url), _) => url.trim_end_matches('/').to_owned(),
        (None, Some(config)) => url_from(config)?,
        (None, None) if installed.exists() => url_from(installed)?,
        (None, None) => DEFAULT_URL.to_owned(),
    };
    let page = fetch::page(&format!("{base}/health"), TIME_LIMIT, MAX_PAGE_BYTES).with_context(|| {
        format!("ask the daemon at {base}: is primd running? see `systemctl status primd`; name its configuration with --config when \
             it is not /etc/prim/prim.toml")
    })?;
    let health: Health =
        serde_json::from_str(&page).with_context(|| format!("{base}/health is no health page of primd"))?;
    write!(out, "{}", describe(&health))?;
    Ok(if health.status == "ok" { Outcome::Holds } else { Outcome::Fails })
}

fn url_from(config: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(config).with_context(|| {
        format!(
            "read the daemon's configuration {}: name it with --config, or the daemon with --url",
            config.display()
        )
    })?;
    let table: toml::Table = text.parse().with_context(|| format!("read {}", config.display()))?;
    let listen = table.get("http").and_then(|http| http.get("listen")).and_then(toml::Value::as_str);
    Ok(listen.map_or_else(|| DEFAULT_URL.to_owned(), |listen| format!("http://{listen}")))
}

fn describe(health: &Health) -> String {
    let mut lines = vec![match health.status.as_str() {
        "ok" => "Everything works.".to_owned(),
        "starting" => "Prim is starting: it waits for the room's hardware or loads its models; its log says what is missing.".to_owned(),
        _ => "Something is missing or works worse; the meeting goes on without it.".to_owned(),
    }];
    let mut part = |mark: bool, name: &str, words: String| {
        lines.push(format!("  {} {name:<12} {words}", if mark { "ok" } else { "--" }));
    };
    // What the daemon knows of why it is so, and what to do.
    let why = |name: &str| health.reasons.get(name).map(|why| format!(" ({why})")).unwrap_or_default();
    if let Some(state) = &health.microphones {
        let words = match state.as_str() {
            "up" => "sound is coming in".to_owned(),
            "silent" => "no sound for two seconds: check the cable and the mute switch".to_owned(),
            other => other.to_owned(),
        };
        part(state == "up", "microphones", words + &why("microphones"));
    }
    if let Some(name) = &health.detector {
        let words = format!("{name} tells speech from other sound");
        part(!health.reasons.contains_key("detector"), "detector", words + &why("detector"));
    }
    if let Some(state) = health.voiceprints.as_ref().filter(|state| *state != "off") {
        let words = up_or(
            state,
            "the room's voices are compared, in memory only",
            "voices are told apart by direction",
        );
        part(state == "up", "voiceprints", words + &why("voiceprints"));
    }
    if let Some(state) = &health.recogniser {
        let missing = "no text: floor by button and panel, timeboxes go on";
        let off = "switched off ([speech] recogniser): floor by button and panel, timeboxes";
        let words = up_off_or(state, "turns speech into text", off, missing);
        part(works(state), "recogniser", words + &why("recogniser"));
    }
    if let Some(state) = &health.voice {
        let missing = "cannot speak: answers become cards";
        let off = "switched off ([speech] voice): answers become cards";
        part(works(state), "voice", up_off_or(state, "can speak", off, missing) + &why("voice"));
    }
    for (name, state, up, missing) in [
        ("speaker", &health.speaker, "can be heard", "Prim stays silent: answers become cards"),
        ("light", &health.light, "shows how the floor is", "dark: banner and screen show it"),
        ("button", &health.button, "answers", "the floor goes by voice and panel"),
        ("disk", &health.disk, "takes records", "free some space, or see what is wrong with it"),
    ] {
        let Some(state) = state else { continue };
        part(state == "up", name, up_or(state, up, missing) + &why(name));
    }
    if let Some(link) = &health.link {
        let why = link.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        let broker = match link.broker.as_str() {
            "none" => "no [broker] is configured: everything stays on this device".to_owned(),
            state => up_or(state, "connected", "not connected: everything is kept here and sent later"),
        };
        let is_well = matches!(link.broker.as_str(), "up" | "none") && link.why.is_none();
        part(is_well, "broker", broker + &why);
        if link.broker != "none" {
            let missing = "nobody takes our records: they are kept here";
            part(link.gateway == "up", "gateway", up_or(&link.gateway, "takes our records", missing));
        }
    }
    // Without a broker there is nothing to show it to.
    if let Some(state) = health.certificate.as_ref().filter(|state| *state != "none") {
        let words = match health.reasons.get("certificate") {
            None => "the broker lets this device in with it".to_owned(),
            Some(why) => why.clone(),
        };
        part(matches!(state.as_str(), "up" | "expires_soon"), "certificate", words);
    }
    if let Some(spool) = &health.spool {
        part(spool.condition == "ok", "spool", describe_spool(spool));
    }
    for adapter in &health.adapters {
        let state = match (adapter.state.as_deref(), &adapter.why) {
            (None | Some("up"), _) => String::new(),
            (Some(state), None) => format!(" {state};"),
            (Some(state), Some(why)) => format!(" {state} ({why});"),
        };
        lines.push(format!("  adapter {}:{state}", adapter.name));
        for (capability, words) in &adapter.capabilities {
            lines.push(format!("     {capability}: {words}"));
        }
    }
    lines.join("\n") + "\n"
}

fn describe_spool(spool: &SpoolHealth) -> String {
    let waiting = format!("{} records wait ({} kB)", spool.records, spool.bytes.div_ceil(1000));
    let next = spool.would_drop_first.as_ref();
    match spool.condition.as_str() {
        "ok" => waiting,
        "dropping" => {
            format!("{waiting}; the limit was reached, oldest {} records go", next.map_or("", |s| s))
        }
        "reserve" => format!("{waiting}; the disk is full: only audit is still recorded, free some space"),
        "full" => format!(
            "{waiting}; the disk is full and its reserve used up: nothing is recorded, free some space"
        ),
        other => format!("{waiting}; {other}"),
    }
}

/// Switched off on purpose is no fault.
fn works(state: &str) -> bool {
    matches!(state, "up" | "off")
}

fn up_off_or(state: &str, up: &str, off: &str, otherwise: &str) -> String {
    if state == "off" { off.to_owned() } else { up_or(state, up, otherwise) }
}

fn up_or(state: &str, up: &str, otherwise: &str) -> String {
    match state {
        "up" => up.to_owned(),
        "down" | "missing" => otherwise.to_owned(),
        other => format!("{other}: {otherwise}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_with_everything_missing_says_what_still_works() {
        let health: Health = serde_json::from_str(
            r#"{"status":"degraded","microphones":"silent","recogniser":"missing","voice":"missing","detector":"earshot","voiceprints":"missing",
                "link":{"broker":"down","gateway":"down","why":"connection refused"},
                "certificate":"expired","reasons":{"speaker":"unplugged","detector":"earshot in its place: cannot open model silero",
                "voiceprints":"cannot read the speaker network","recogniser":"cannot open model ears: /ears.bin is missing; apt-get install ears","voice":"cannot open model bass","certificate":"it expired 3 days ago: have a new one issued"},
                "spool":{"condition":"reserve","records":12,"bytes":3400,"would_drop_first":"metric"},
                "speaker":"missing","light":"up","button":"up","disk":"degraded",
                "adapters":[{"name":"loopback","state":"down","why":"nobody listens","capabilities":[["speak","yes, as itself"]]}],"later":1}"#,
        )
        .unwrap();
        let text = describe(&health);
        for words in [
            "check the cable",
            "floor by button",
            "-- recogniser   no text: floor by button and panel, timeboxes go on (cannot open model ears: /ears.bin is missing; apt-get install ears)",
            "answers become cards (cannot open model bass)",
            "sent later (connection refused)",
            "only audit",
            "-- certificate  it expired 3 days ago",
            "-- detector     earshot tells speech from other sound (earshot in its place: cannot open model silero)",
            "-- voiceprints  voices are told apart by direction (cannot read the speaker network)",
            "-- speaker      Prim stays silent: answers become cards (unplugged)",
            "ok light",
            "-- disk         degraded: free some space",
            "adapter loopback: down (nobody listens)",
            "     speak: yes, as itself",
        ] {
            assert!(text.contains(words), "{words:?} is not in:\n{text}");
        }
    }

    #[test]
    fn a_broker_that_is_connected_and_refuses_what_is_sent_is_not_well() {
        let health: Health = serde_json::from_str(
            r#"{"status":"degraded","link":{"broker":"up","gateway":"up","problem":"not_authorized","why":"the broker forbids it"}}"#,
        )
        .unwrap();
        assert!(
            describe(&health).contains("-- broker       connected (the broker forbids it)"),
            "{}",
            describe(&health)
        );
    }
}
