//! `cargo xtask demo`: a meeting on this machine, from sound in a simulated room to rows in Postgres, and what was
//! promised of it held against what a separate program measured.
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde_json::{Map, Value};

use crate::setup::{self, Purpose, wheel};
use crate::{checkout, quality, say, stop};

mod after;
mod bare;
mod checks;
mod cues;
mod folder;
mod keys;
mod meeting;
mod outside;
mod plan;
mod process;
mod recordings;
pub(crate) mod rows;
mod screen;
mod stage;
mod summary_file;
mod table;
mod view;
mod watch;

use checks::Held;
use folder::{Folder, Past};
use keys::Keys;
use meeting::Hall;
use plan::Invitation;
use recordings::Recordings;
use stage::{RoomOptions, Stage};
use summary_file::SummaryFile;

/// The committed meeting of the demo.
const SCRIPT: &str = "hil-tests/sim/meetings/demo.meeting.toml";
/// The longer one that gathers enough events of each kind for a p95.
const LATENCY_SCRIPT: &str = "hil-tests/sim/meetings/latency.meeting.toml";
/// The programs the demo runs, as cargo packages.
const PROGRAMS: [&str; 4] = ["primd", "prim-gateway", "prim-cli", "prim-hil-sim"];
/// No script is longer (recordings bring a limit of their own); a meeting that is still on then has hung.
const MEETING_LIMIT: Duration = Duration::from_secs(45 * 60);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// End after the meeting; exit non-zero if anything promised did not happen.
    #[arg(long)]
    once: bool,
    /// Ask nothing.
    #[arg(long)]
    yes: bool,
    /// Write the measured summary to this file.
    ///
    /// A JSON object, every figure measured by another program than primd: mostly numbers by name, `null` where there was
    /// nothing to measure. Nested are `promises` (a list: of each promise its name, value, limit, number of events and
    /// verdict), `problems` and `broken_promises` (lists of what went wrong, in words). It is written when it is whole:
    /// a run that fails before leaves the file as it was.
    ///
    /// `primd_rss_mb` is the most memory that was resident (the kernel's VmHWM, in MiB) in a second run of the same primd in
    /// the same room with recogniser and voice switched off, after ten seconds of the meeting; `primd_rss_with_models_mb` is
    /// the same of the meeting's own primd, to the end of its sync.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Play these recordings into the room instead of the script, one after the other.
    ///
    /// Wave files of any rate, channel count and depth, A-law and µ-law too, an hour together at most. Each is read through
    /// before anything is installed or built. They make a meeting of their own, as long as they are (it runs in real time):
    /// one agenda item, nobody named, nobody remote; Prim answers when it is asked. By running this you consent for
    /// everybody who can be heard. At the end what was recorded is held against what was stored, and the transcript shown.
    ///
    /// Example: cargo xtask demo --once --wav standup.wav retro.wav
    #[arg(long, value_name = "FILE", num_args = 1..)]
    wav: Vec<PathBuf>,
    /// Go on with the last run's keys, database and spool.
    #[arg(long, conflicts_with = "reset")]
    keep: bool,
    /// Forget everything of earlier runs first, the people's voices included.
    #[arg(long)]
    reset: bool,
    /// Another room, for example `rt60=0.4,distance=1.5`.
    #[arg(long, value_name = "KEY=VALUE,…")]
    room: Option<String>,
    /// Have the device compare voices by this speaker network, as `[speech] voiceprints` does.
    #[arg(long, value_name = "FILE")]
    voiceprints: Option<PathBuf>,
    /// Another data folder than `.prim/demo`.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let held = match (options.wav.is_empty(), &options.room) {
        (false, _) => Held::Recordings,
        (true, Some(_)) => Held::OtherRoom,
        (true, None) => Held::Demo,
    };
    hold(options, &checkout::root().join(SCRIPT), held).map(drop)
}

/// `cargo xtask bench latency`: the same programs, a longer meeting, at least 30 events of each kind.
pub(crate) fn latency(yes: bool, strict: bool) -> anyhow::Result<()> {
    let target = checkout::root().join("target");
    std::fs::create_dir_all(&target).with_context(|| format!("make {}", target.display()))?;
    let options = Options {
        once: true,
        yes,
        json: Some(target.join("latency.json")),
        wav: Vec::new(),
        keep: false,
        reset: false,
        room: None,
        voiceprints: None,
        data: Some(folder::latency_root()),
    };
    let missed = hold(&options, &checkout::root().join(LATENCY_SCRIPT), Held::Latency)?;
    quality::judge(&missed.iter().map(String::as_str).collect::<Vec<_>>(), &[], strict)
}

pub(crate) fn clean() -> anyhow::Result<()> {
    folder::clean()
}

/// The file as the device finds it, whose folder is another.
fn network(file: &Path) -> anyhow::Result<PathBuf> {
    file.canonicalize().with_context(|| {
        format!("read the speaker network {}: name a file of ONNX in --voiceprints", file.display())
    })
}

/// The answer is the names of the promises that were missed.
fn hold(options: &Options, script: &Path, held: Held) -> anyhow::Result<Vec<String>> {
    let recordings = judge(options)?;
    let file = options.json.as_deref().map(SummaryFile::judge).transpose()?;
    let voiceprints = options.voiceprints.as_deref().map(network).transpose()?;
    let start = Instant::now();
    let ready = setup::ensure(Purpose::Demo, setup::Options { yes: options.yes })?;
    build(ready.postgres_bin.as_deref())?;
    let past = match (options.keep, options.reset) {
        (true, _) => Past::Kept,
        (_, true) => Past::Reset,
        (false, false) => Past::Fresh,
    };
    let folder = Folder::open(options.data.as_deref(), past)?;
    let keys = Keys::ready(&folder.path("keys"))?;
    let invitation = match &recordings {
        Some(recordings) => recordings.invitation(),
        None => Invitation::read(script)?,
    };
    let who = invitation.write_plan(&folder.path("config").join("meeting.toml"))?;
    let room = RoomOptions {
        script,
        room: options.room.as_deref(),
        waves: &options.wav,
        waves_s: recordings.as_ref().map_or(0.0, Recordings::seconds),
    };
    if let Some(recordings) = &recordings {
        let own = std::env::var_os("DATABASE_URL").is_some_and(|url| !url.is_empty());
        recordings.announce(&folder.path(""), own.then_some("the database in DATABASE_URL"));
    }
    let mut stage = Stage::build(&folder, &keys, &room, voiceprints.as_deref())?;
    say::good(format_args!(
        "everything runs after {:.0} s; the meeting begins",
        start.elapsed().as_secs_f64()
    ));
    if let Some(share) = overloaded() {
        say::bad(format_args!(
            "others use {:.0} % of this machine: what is heard and how fast will suffer",
            share * 100.0
        ));
    }
    let mut hall = Hall::enter(&folder, who, recordings.as_ref().map(Recordings::progress))?;
    let limit = recordings.as_ref().map_or(MEETING_LIMIT, Recordings::limit);
    hall.watch_meeting(&mut stage, limit)?;
    let mut outcome = after::gather(&mut stage, hall, &folder, &keys, &room)?;
    if recordings.is_some() {
        recordings::forget_unknowable(&mut outcome.summary);
    }
    let nothing = if recordings.is_some() { table::NOTHING } else { table::NOT_MEASURED };
    table::print(&outcome.summary, nothing);
    let broken = checks::print(&outcome, held);
    outcome.summary.insert("broken_promises".to_owned(), broken.clone().into());
    let unwritten = file.and_then(|file| keep(file, &outcome.summary).err());
    if recordings.is_some() {
        recordings::show_transcript(outcome.transcript.as_deref());
    }
    say::hint(format_args!("logs, recording, transcript and audit: {}", folder.path("").display()));
    let own = stage.has_own_postgres();
    if options.once {
        drop(stage);
        if own {
            say::hint(format_args!("the rows it wrote: {}", rows::command(options.data.as_deref())));
        }
        if !broken.is_empty() {
            bail!("{} of the things promised did not happen", broken.len());
        }
        return unwritten.map_or_else(|| Ok(table::missed(&outcome.summary)), Err);
    }
    say::line("The servers keep running for you to look around; Ctrl-C stops them.");
    say::hint(format_args!("DATABASE_URL={}", stage.database_url));
    if own {
        let command = rows::command(options.data.as_deref());
        say::hint(format_args!("the rows it wrote, now and when it has stopped: {command}"));
    }
    stop::until_pressed();
    unwritten.map_or_else(|| Ok(table::missed(&outcome.summary)), Err)
}

/// Write the summary. That it cannot be is told at once, and fails the run only when all else was shown.
fn keep(file: SummaryFile, summary: &Map<String, Value>) -> anyhow::Result<()> {
    let name = file.name().to_owned();
    match file.write(summary) {
        Ok(()) => say::good(format_args!("summary: {}", name.display())),
        Err(error) => {
            say::bad(format_args!("{error:#}"));
            bail!("the summary is not in {}", name.display());
        }
    }
    Ok(())
}

/// What was asked for is judged before anything is installed or built.
fn judge(options: &Options) -> anyhow::Result<Option<Recordings>> {
    if let Some(room) = &options.room {
        room.parse::<prim_hal_sim::RoomSpec>().context("use --room")?;
    }
    Recordings::judge(&options.wav)
}

/// How long the machine is watched before the meeting.
const LOOK: Duration = Duration::from_millis(700);
/// A meeting in real time wants a core of two; when others take more than this share it is not what it could be.
const CROWDED: f64 = 0.6;

/// The share of the cores that is taken at this moment, when that is too much. (The load average would still count the
/// build that has just ended.)
fn overloaded() -> Option<f64> {
    let before = cpu_times()?;
    std::thread::sleep(LOOK);
    let (busy, all) = cpu_times()?;
    let share = (busy - before.0) as f64 / (all - before.1).max(1) as f64;
    (share > CROWDED).then_some(share)
}

/// Busy and all ticks of all cores since boot, from `/proc/stat`: user, nice, system, idle, iowait, irq, …
fn cpu_times() -> Option<(u64, u64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|t| t.parse().ok()).collect();
    let all: u64 = ticks.iter().take(8).sum();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Some((all - idle, all))
}

/// Build what is not built; cargo shows its own progress.
fn build(postgres_bin: Option<&Path>) -> anyhow::Result<()> {
    stop::check()?;
    let mut cargo = checkout::cargo();
    cargo.args(["build", "--locked", "--bins"]);
    for program in PROGRAMS {
        cargo.args(["--package", program]);
    }
    if let Some(bin) = postgres_bin {
        cargo.env(wheel::BIN_VARIABLE, bin);
    }
    say::step("build");
    let status = cargo.status().context("start cargo")?;
    stop::check()?;
    ensure!(status.success(), "the programs do not build: cargo's own words are above");
    Ok(())
}
