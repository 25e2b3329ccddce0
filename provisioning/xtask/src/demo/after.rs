//! After the meeting: wait for the last records and the files, stop the device and the room, export the audit, have
//! it verified, and have a separate program compute every figure.
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use prim_ids::MonoTime;
use prim_proto::export::Line;
use prim_proto::{Audit, Body, Reading};
use serde_json::Value;

use super::bare::Bare;
use super::folder::Folder;
use super::keys::Keys;
use super::meeting::{Hall, Seen};
use super::stage::{RoomOptions, Stage};
use crate::stop::Interrupted;
use crate::supervise::{Launch, Running, tail};
use crate::{checkout, say};

/// Records of the meeting's last seconds arrive within this time, and the files are made.
const DRAIN_LIMIT: Duration = Duration::from_secs(60);
/// The room writes its waves' headers and leaves.
const ROOM_LIMIT: Duration = Duration::from_secs(30);
/// Three minutes of five waves take a few seconds to measure.
const MEASURE_LIMIT: Duration = Duration::from_secs(600);
/// The device's outbox, in its data folder.
const SPOOL: &str = "spool.sqlite";
const TRANSCRIPT: &str = "transcript.md";
/// What the worker makes of a meeting.
const ARTIFACTS: [&str; 4] = [TRANSCRIPT, "transcript.vtt", "transcript.srt", "summary.json"];

/// All that the checks and the table look at.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) seen: Seen,
    /// The audit as it came out of Postgres.
    pub(crate) audit: Vec<(MonoTime, Audit)>,
    /// What `prim-measure` computed.
    pub(crate) summary: serde_json::Map<String, Value>,
    /// Nothing waited in the spool any more.
    pub(crate) drained: bool,
    /// Files that are not in the object store.
    pub(crate) missing_artifacts: Vec<&'static str>,
    /// The transcript as people read it.
    pub(crate) transcript: Option<PathBuf>,
    /// `None` when the chain verified, else what `prim audit verify` said.
    pub(crate) chain_broken: Option<String>,
    /// The room's script ran to its end and its recording is whole.
    pub(crate) room_ok: bool,
    /// The device left with exit code 0.
    pub(crate) device_ok: bool,
}

pub(crate) fn gather(
    stage: &mut Stage,
    mut hall: Hall,
    folder: &Folder,
    keys: &Keys,
    room: &RoomOptions<'_>,
) -> anyhow::Result<Outcome> {
    say::step("waiting for the last records and the meeting's files");
    let objects = folder.path("objects");
    let drained = hall
        .watch_until(stage, DRAIN_LIMIT, |view| view.drained() && missing_artifacts(&objects).is_empty())?;
    let mut figures = stage.gauge.figures();
    let device_ok =
        stage.device.take().is_none_or(|mut device| device.stop().is_some_and(|end| end.success()));
    let room_ok = crate::stop::wait_for("the end of the room program", ROOM_LIMIT, || Ok(stage.room.ended()))
        .is_ok_and(|end| end.success());
    say::step("primd once more, without models, for its memory; meanwhile exporting and verifying the audit");
    let bare = Bare::start(folder, keys, room);
    let export = export(stage, folder, keys)?;
    let chain_broken = verify(folder, keys, &export)?;
    match bare.and_then(Bare::peak_rss_mb) {
        Ok(peak) => drop(figures.insert("primd_rss_mb".to_owned(), peak.into())),
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => say::bad(format_args!("primd's memory without models is not measured: {error:#}")),
    }
    let process = folder.path("export").join("process.json");
    std::fs::write(&process, Value::Object(figures).to_string()).context("write the process's figures")?;
    say::step("measuring, from the room's recording");
    let summary = measure(stage, folder, &process, MEASURE_LIMIT + Duration::from_secs_f64(room.waves_s))?;
    Ok(Outcome {
        seen: hall.leave(),
        audit: read_audit(&export)?,
        summary,
        drained,
        missing_artifacts: missing_artifacts(&objects),
        transcript: files_below(&objects).into_iter().find(|file| file.ends_with(TRANSCRIPT)),
        chain_broken,
        room_ok,
        device_ok,
    })
}

/// The names that no file below the folder has.
fn missing_artifacts(objects: &Path) -> Vec<&'static str> {
    let found = files_below(objects);
    ARTIFACTS.into_iter().filter(|name| !found.iter().any(|file| file.ends_with(name))).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

fn export(stage: &Stage, folder: &Folder, keys: &Keys) -> anyhow::Result<PathBuf> {
    let file = folder.path("export").join("audit.jsonl");
    Launch::new("gateway-export", checkout::built("prim-gateway"))
        .arg("export")
        .arg("--config")
        .arg(folder.path("config").join("gateway.toml"))
        .arg("--device")
        .arg(format!("{}/{}", keys.org, keys.device))
        .args(["--stream", "audit", "--out"])
        .arg(&file)
        .env("DATABASE_URL", &stage.database_url)
        .run(&folder.logs(), Duration::from_secs(60))?;
    Ok(file)
}

/// `Some` with the verifier's last words when the chain does not hold.
fn verify(folder: &Folder, keys: &Keys, export: &Path) -> anyhow::Result<Option<String>> {
    let (running, status): (Running, _) = Launch::new("audit-verify", checkout::built("prim"))
        .args(["audit", "verify"])
        .arg(export)
        .arg("--device-key")
        .arg(keys.file("device-audit.pub.pem"))
        .arg("--gateway-key")
        .arg(keys.file("gateway-audit.pub.pem"))
        .finish(&folder.logs(), Duration::from_secs(60))?;
    Ok((!status.success()).then(|| tail(running.log(), 3).join(" ")))
}

/// Exit code 2 means that it measured and something was wrong: the summary's `problems` say what.
fn measure(
    stage: &Stage,
    folder: &Folder,
    process: &Path,
    limit: Duration,
) -> anyhow::Result<serde_json::Map<String, Value>> {
    let out = folder.path("export").join("summary.json");
    let (running, status) = Launch::new("measure", checkout::built("prim-measure"))
        .arg("--record")
        .arg(folder.record())
        .arg("--live")
        .arg(folder.record().join("live.jsonl"))
        .arg("--spool")
        .arg(folder.path("device").join(SPOOL))
        .arg("--process")
        .arg(process)
        .arg("--json")
        .arg(&out)
        .env("DATABASE_URL", &stage.database_url)
        .finish(&folder.logs(), limit)?;
    if !matches!(status.code(), Some(0 | 2)) {
        return running.fail("could not measure");
    }
    let text = std::fs::read(&out).with_context(|| format!("read {}", out.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("understand {}", out.display()))
}

/// The audit's records in their order; the export's chain was verified before.
fn read_audit(export: &Path) -> anyhow::Result<Vec<(MonoTime, Audit)>> {
    let text = std::fs::read_to_string(export).with_context(|| format!("read {}", export.display()))?;
    let mut audit = Vec::new();
    for line in text.lines().skip(1) {
        let Line::Record(stored) = serde_json::from_str(line).context("read a line of the export")? else {
            continue;
        };
        if let Reading::Known(record) = Reading::of(&stored.r).context("read a record of the export")?
            && let Some(Body::Audit(entry)) = record.body
        {
            audit.push((record.at, entry));
        }
    }
    Ok(audit)
}
