//! What `--check` looks at: both files and everything they name, all of it in one go. Nothing is loaded, changed or
//! left behind; no hardware is touched, and the port is held for a moment only.

mod files;
mod identity;
mod report;

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;

use prim_dsp::Frontend;
use prim_identity::AuditKey;
use prim_models::Kind;
use prim_models_onnx::{Runtime, Voiceprints};

use self::files::{Writable, folder_for_file, socket_to_make, socket_to_reach, writable};
pub use self::report::{Finding, Level, Report};
use super::folder::{RESET_MARK, SPOOL_FILE, is_claimed};
use super::hardware::{frontend_config, read_board};
use super::speech::{SILERO, open_models};
use crate::agenda::{self, ReadPlanError};
use crate::clock;
use crate::config::{self, HalConfig, PrimConfig, ReadConfigError, SpeechConfig, VadChoice};
use crate::http::{self, ServeHttpError};

const STOPS: &str = "primd does not start like this";
const MUTE_LINK: &str =
    "While it is so, the broker refuses this device: nothing leaves it, and records pile up on it";

/// Looks at the configuration, at the meeting plan when there is one, and at all that they name.
#[must_use]
pub fn check(config: &Path, plan: Option<&Path>) -> Report {
    let mut report = Report::default();
    let place = config.display().to_string();
    match config::read(config) {
        Ok(read) => {
            report.ok(&place, "every setting is known and fits");
            let relative: Vec<&str> =
                paths(&read).into_iter().filter(|(_, path)| path.is_relative()).map(|(key, _)| key).collect();
            if !relative.is_empty() {
                let keys = relative.join(", ");
                let what = format!(
                    "not a whole path from / on: {keys}; write it whole if primd is started elsewhere"
                );
                report.warn(&place, what, "It is looked for below the folder that primd is started in");
            }
            look_at_device(&read, &mut report);
        }
        Err(error) => {
            match &error {
                ReadConfigError::Wrong { wrong, .. } => {
                    wrong.iter().for_each(|wrong| report.error(&place, wrong, STOPS));
                }
                ReadConfigError::Unreadable { .. } | ReadConfigError::Invalid { .. } => {
                    report.error(&place, cannot(&error), STOPS);
                }
            }
            report.warn(&place, "the files it names were not looked at", "Mend it first, then check again");
        }
    }
    if let Some(plan) = plan {
        look_at_plan(plan, &mut report);
    }
    report
}

fn look_at_plan(path: &Path, report: &mut Report) {
    let place = path.display().to_string();
    match agenda::read(path) {
        Ok(_) => report.ok(&place, "the meeting plan can be used"),
        Err(ReadPlanError::Wrong { wrong, .. }) => {
            wrong.iter().for_each(|wrong| report.error(&place, wrong, STOPS));
        }
        Err(error @ (ReadPlanError::Unreadable { .. } | ReadPlanError::Invalid { .. })) => {
            report.error(&place, cannot(&error), STOPS);
        }
    }
}

/// Everything that the configuration names.
pub(super) fn look_at_device(config: &PrimConfig, report: &mut Report) {
    let runs = is_claimed(&config.device.data_dir);
    look_at_data(config, runs, report);
    let place = at(&config.device.audit_key, "[device] audit_key");
    match AuditKey::load(&config.device.audit_key) {
        Ok(_) => report.ok(&place, "an Ed25519 key that only its owner may read"),
        Err(error) => report.error(&place, cannot(&error), STOPS),
    }
    if let Some(witness) = &config.device.witness {
        look_at_witness(witness, &config.device.data_dir, report);
    }
    look_at_hardware(&config.hal, report);
    if let Some(loopback) = &config.adapter.loopback {
        let place = at(&loopback.socket, "[adapter.loopback] socket");
        match socket_to_reach(&loopback.socket) {
            Ok(true) => report.ok(&place, "a socket; the platform is joined when something answers there"),
            Ok(false) => report.ok(&place, "nothing there yet; the platform is joined when it comes"),
            Err(why) => report.error(&place, why, "The meeting platform is never joined like this"),
        }
    }
    match &config.broker {
        Some(broker) => identity::look_at_broker(broker, &config.device, clock::wall_now(), report),
        None => report.ok("[broker]", "not configured, so every record stays on this device"),
    }
    look_at_models(&config.speech, report);
    look_at_port(config.http.listen, runs, report);
    if let Some(status) = &config.status {
        let place = at(&status.socket, "[status] socket");
        match socket_to_make(&status.socket) {
            Ok(()) => report.ok(&place, "can be made"),
            Err(why) => report.error(&place, why, STOPS),
        }
    }
}

/// `runs`: a primd runs with the folder.
fn look_at_data(config: &PrimConfig, runs: bool, report: &mut Report) {
    let folder = &config.device.data_dir;
    let place = at(folder, "[device] data_dir");
    if runs {
        let what = "another primd runs with this folder; port and folder are judged as taken by it. If that is this device's \
                    own primd, all is well; else name another folder here, or stop that one";
        report.warn(&place, what, "A second primd does not start beside it with the same folder");
    }
    match writable(folder) {
        Ok(Writable::Yes { mode }) => {
            report.ok(&place, "a folder that can be written");
            if mode & 0o077 != 0 {
                let what = format!("others may look into it (mode {mode:o}); run `chmod 700` on it");
                report.warn(
                    &place,
                    what,
                    "What people say lies in it until it is sent, and in its replay logs",
                );
            }
            let spool = folder.join(SPOOL_FILE);
            if let Some(why) = files::unopenable(&spool) {
                let matters = "The records in it cannot be reached, and primd does not start like this";
                report.error(&at(&spool, "[device] data_dir"), why, matters);
            }
        }
        Ok(Writable::ToBeMade) => report.ok(&place, "not there yet; it can be made"),
        Err(why) => report.error(&place, why, STOPS),
    }
    if folder.join(RESET_MARK).exists() {
        let what = "a factory reset was ordered here, and the next start carries it out; remove the file reset-ordered in \
                    it if that must not be";
        report.warn(&place, what, "Every record that was not sent is deleted by it");
    }
    if let Some(why) = files::others_folder(folder) {
        report.warn(&place, why, "A check by root sees less than the daemon's own user meets");
    }
}

/// By whom a port is taken cannot be known; a primd that runs with the folder has its own.
fn look_at_port(listen: SocketAddr, runs: bool, report: &mut Report) {
    let place = format!("{listen} ([http] listen)");
    match http::listen(listen) {
        Ok(_) => report.ok(&place, "free"),
        Err(ServeHttpError::Busy { .. }) if runs => {
            report.ok(&place, "taken, presumably by the primd that runs with this folder");
        }
        Err(ServeHttpError::Busy { .. }) => {
            let what = "another program listens there; stop it (`ss -ltnp` run as root says which), or set [http] listen to a \
                        free port";
            report.error(&place, what, STOPS);
        }
        Err(ServeHttpError::Listen { source, .. }) => {
            let what = format!(
                "primd may not listen there ({source}); set [http] listen to 127.0.0.1 with a free port above 1023"
            );
            report.error(&place, what, STOPS);
        }
    }
}

fn look_at_witness(witness: &Path, data: &Path, report: &mut Report) {
    let place = at(witness, "[device] witness");
    match folder_for_file(witness) {
        Ok(()) => report.ok(&place, "can be written"),
        Err(why) => report.error(&place, why, STOPS),
    }
    if witness.starts_with(data) {
        let what = "it lies in the data folder; name a file elsewhere, best on another medium";
        report.warn(&place, what, "A witness shows what was lost only if it is not lost with the rest");
    }
}

fn look_at_hardware(hal: &HalConfig, report: &mut Report) {
    let HalConfig::Sim { socket, board } = hal;
    let place = at(socket, "[hal] socket");
    match socket_to_reach(socket) {
        Ok(true) => report.ok(&place, "a socket"),
        Ok(false) => report.warn(
            &place,
            "nothing there now; start the room's hardware (for the simulator: its room program), or correct the path",
            "primd waits 20 s for it and then gives up",
        ),
        Err(why) => report.error(&place, why, STOPS),
    }
    let Some(file) = board else { return };
    let place = at(file, "[hal] board");
    let opened = read_board(Some(file)).and_then(|board| {
        Frontend::new(&frontend_config(&board))?;
        Ok(board)
    });
    match opened {
        Ok(board) => {
            let mics = board.mic.channels();
            report.ok(&place, format!("describes the board {:?} with {mics} microphones", board.name));
        }
        Err(error) => {
            let why = format!(
                "cannot {error:#}; name a board's description, or leave the key out for the built-in one"
            );
            report.error(&place, why, STOPS);
        }
    }
}

fn look_at_models(speech: &SpeechConfig, report: &mut Report) {
    const NO_TEXT: &str =
        "Without a recogniser there is no text: the floor goes by button, nothing is written down";
    const NO_VOICE: &str = "Without a voice Prim never speaks: its answers become cards";
    let models = match open_models(speech) {
        Ok(models) => models,
        Err(error) => return report.error("[speech]", format!("cannot {error:#}"), STOPS),
    };
    for (key, name, kind, matters) in [
        ("[speech] recogniser", speech.recogniser.name(), Kind::Stt, NO_TEXT),
        ("[speech] voice", speech.voice.name(), Kind::Tts, NO_VOICE),
    ] {
        let Some(name) = name else {
            report.ok(key, "switched off by the configuration");
            continue;
        };
        match models.check(name, kind) {
            Ok(()) => report.ok(key, format!("{name}: its files are there")),
            Err(error) => report.error(key, cannot(&error), matters),
        }
    }
    let wanted = match speech.vad {
        VadChoice::Silero => true,
        VadChoice::Auto => models.is_here(SILERO, Kind::Vad),
        VadChoice::Earshot | VadChoice::Webrtc => false,
    };
    const WORSE: &str = "earshot tells speech from other sound instead, a little worse";
    const BEARING: &str = "The room's voices are told apart by their direction alone";
    match wanted.then(|| models.check(SILERO, Kind::Vad)) {
        None => report.ok("[speech] vad", "inside the daemon"),
        Some(Ok(())) => report.ok("[speech] vad", "silero: its files are there"),
        Some(Err(error)) => report.error("[speech] vad", cannot(&error), WORSE),
    }
    if let Some(network) = &speech.voiceprints {
        let place = at(network, "[speech] voiceprints");
        match try_voiceprints(speech, network) {
            Ok(_) if speech.recogniser.name().is_none() => {
                report.ok(&place, "not used: no words are recognised that could be somebody's");
            }
            Ok(found) => report.ok(
                &place,
                format!("{found}; voices are compared in memory, within a meeting, and never written down"),
            ),
            Err(why) => report.error(&place, why, BEARING),
        }
    }
    const BOTH: &str = "earshot tells speech from other sound instead, and the room's voices are told apart by their direction alone";
    let matters = match (wanted, speech.voiceprints.is_some()) {
        (false, false) => return,
        (true, false) => WORSE,
        (false, true) => BEARING,
        (true, true) => BOTH,
    };
    let library = speech.onnx_runtime.clone().map_or_else(prim_models_onnx::find_runtime, Ok);
    match library {
        Ok(library) if library.is_file() => {
            report.ok(&at(&library, "[speech] onnx_runtime"), "a file; it is loaded when primd starts");
        }
        Ok(library) => report.error(&at(&library, "[speech] onnx_runtime"), "there is no such file", matters),
        Err(error) => report.error("[speech] onnx_runtime", cannot(&error), matters),
    }
}

/// What is found where the network should be, or what is wrong with it.
fn try_voiceprints(speech: &SpeechConfig, network: &Path) -> Result<&'static str, String> {
    if !network.is_file() {
        return Err("there is no such file; put the network there or leave the key out".to_owned());
    }
    let library = speech.onnx_runtime.clone().map_or_else(prim_models_onnx::find_runtime, Ok);
    match library.and_then(|library| Runtime::load(&library)) {
        Ok(runtime) => match Voiceprints::open(&runtime, network) {
            Ok(_) => Ok("a speaker network"),
            Err(error) => Err(cannot(&error)),
        },
        Err(_) => match File::open(network) {
            Ok(_) => Ok("a file, not tried for want of ONNX Runtime"),
            Err(error) => Err(format!("cannot read it: {error}; let primd read it or leave the key out")),
        },
    }
}

/// Every path in the configuration.
fn paths(config: &PrimConfig) -> Vec<(&'static str, &Path)> {
    let HalConfig::Sim { socket, board } = &config.hal;
    let mut paths: Vec<(&'static str, &Path)> = vec![
        ("[device] data_dir", &config.device.data_dir),
        ("[device] audit_key", &config.device.audit_key),
        ("[hal] socket", socket),
    ];
    let optional = [
        ("[device] witness", config.device.witness.as_deref()),
        ("[hal] board", board.as_deref()),
        ("[speech] onnx_runtime", config.speech.onnx_runtime.as_deref()),
        ("[speech] voiceprints", config.speech.voiceprints.as_deref()),
        (
            "[adapter.loopback] socket",
            config.adapter.loopback.as_ref().map(|loopback| loopback.socket.as_path()),
        ),
        ("[status] socket", config.status.as_ref().map(|status| status.socket.as_path())),
    ];
    paths.extend(optional.into_iter().filter_map(|(key, path)| Some((key, path?))));
    if let Some(broker) = &config.broker {
        paths.extend([
            ("[broker] ca", broker.ca.as_path()),
            ("[broker] cert", broker.cert.as_path()),
            ("[broker] key", broker.key.as_path()),
        ]);
    }
    paths
}

/// A file with the key that names it.
fn at(path: &Path, key: &str) -> String {
    format!("{} ({key})", path.display())
}

/// Our errors are fragments that finish "failed to"; the causes belong to them.
fn cannot(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = format!("cannot {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests;
