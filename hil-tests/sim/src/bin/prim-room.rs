//! `prim-room`: a simulated room with people in it, served to one device in real time.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use prim_hal_sim::RoomSpec;
use prim_hil_sim::record::Happened;
use prim_hil_sim::script::Script;
use prim_hil_sim::{room, voices, wave};
use prim_ids::ParticipantId;
use serde::Deserialize;

/// Plays a meeting script (or your own recordings) in a simulated room, in real time. Serves the device's hardware and
/// the remote people's platform on two Unix sockets, records everything, and prints one JSON line per event.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The meeting script; the demo's when absent.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Play these recordings instead of a script, one after the other, each from the next place in the room.
    ///
    /// Wave files of any rate, channel count and depth, A-law and µ-law included.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    wav: Vec<PathBuf>,
    /// The plan the daemon was given: where the participants' ids stand.
    #[arg(long, value_name = "FILE")]
    meeting: Option<PathBuf>,
    /// Where spoken lines are kept between runs.
    #[arg(long, value_name = "DIR", default_value = "voices")]
    voices: PathBuf,
    /// Where to record.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// The socket for the device.
    #[arg(long, value_name = "SOCKET")]
    hal: Option<PathBuf>,
    /// The socket for the remote people's platform.
    #[arg(long, value_name = "SOCKET")]
    loopback: Option<PathBuf>,
    /// Another room: rt60=0.4,distance=1.5,noise=25,echo=-9,seed=7
    #[arg(long, value_name = "KEY=VALUE,…", default_value = "")]
    room: RoomSpec,
    /// How long to wait for the device, and for its light to show that it listens, in seconds.
    #[arg(long, default_value_t = 120)]
    patience_s: u64,
    /// How long the room goes on after the script, in seconds.
    #[arg(long, default_value_t = 20)]
    linger_s: u64,
    /// Voice the script's people and end: nothing is played.
    #[arg(long)]
    voices_only: bool,
}

/// A voice that is being made is given up within this time; what then still hangs is left behind.
const GRACE: Duration = Duration::from_millis(500);

#[derive(Debug, Deserialize)]
struct Plan {
    #[serde(default)]
    people: Vec<Planned>,
}

#[derive(Debug, Deserialize)]
struct Planned {
    name: String,
    id: Option<ParticipantId>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "prim-room: failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    // Until the meeting is played there is nothing to finish, and reading may hang (a FIFO that nobody writes to).
    let preparing = Arc::new(AtomicBool::new(true));
    ctrlc::set_handler({
        let (stop, preparing) = (stop.clone(), preparing.clone());
        move || {
            stop.store(true, Ordering::Relaxed);
            if preparing.load(Ordering::Relaxed) {
                std::thread::sleep(GRACE);
            }
            if preparing.load(Ordering::Relaxed) {
                let _ = writeln!(std::io::stderr(), "prim-room: stopped before the meeting");
                std::process::exit(1);
            }
        }
    })
    .context("listen for Ctrl-C")?;

    let recordings = arguments.wav.iter().map(|path| wave::read(path)).collect::<Result<Vec<_>, _>>()?;
    let script = if recordings.is_empty() {
        let text = match &arguments.script {
            Some(path) => {
                std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?
            }
            None => include_str!("../../meetings/demo.meeting.toml").to_owned(),
        };
        Script::parse(&text)?
    } else {
        let seconds: Vec<f64> = recordings.iter().map(|w| w.len() as f64 / 48_000.0).collect();
        Script::for_waves(&seconds, &arguments.room.bearings_deg)
    };
    let live = std::io::stderr().is_terminal();
    let lines = voices::voice_all(&script, recordings, &arguments.voices, &stop, |done, all| {
        if live {
            let _ = write!(std::io::stderr(), "\rvoicing the people: {done} of {all}");
        }
    })?;
    if live {
        let _ = writeln!(std::io::stderr());
    }
    if arguments.voices_only {
        return Ok(());
    }
    let ids = match &arguments.meeting {
        None => fresh_ids(&script),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
            let plan: Plan =
                toml::from_str(&text).with_context(|| format!("understand the plan {}", path.display()))?;
            let id = |name: &str| plan.people.iter().find(|p| p.name == name).and_then(|p| p.id);
            script.people.iter().map(|p| id(&p.name)).collect()
        }
    };
    let options = room::Options {
        hal: arguments.hal.clone().context("serve a device: give the socket's path with --hal")?,
        loopback: arguments.loopback.clone(),
        record: arguments.record.clone().context("record the meeting: give a folder with --record")?,
        spec: arguments.room.clone(),
        patience: Duration::from_secs(arguments.patience_s),
        linger: Duration::from_secs(arguments.linger_s),
    };
    let mut emit = |happened: &Happened| {
        // Nobody may be reading; the record has it all.
        if let Ok(text) = serde_json::to_string(happened) {
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
    };
    preparing.store(false, Ordering::Relaxed);
    room::run(&options, script, lines, &ids, &stop, &mut emit)?;
    Ok(())
}

/// Ids for people whom no plan names: from the clock, so that two meetings never share one.
fn fresh_ids(script: &Script) -> Vec<Option<ParticipantId>> {
    let now = u128::from(prim_hal_sim::boot_nanos());
    (1_u128..).zip(&script.people).map(|(n, _)| Some(ParticipantId::from_u128((now << 40) | n))).collect()
}
