//! `prim-measure`: computes every promised figure of a meeting from what the room recorded, what an observer saw and
//! what Postgres holds; never from times that the device wrote down.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use prim_hil_sim::measure::{self, Answer, Figures, Inputs, Tip};
use prim_hil_sim::record::{self, Recording};
use prim_ids::{EpochId, Stream};
use serde_json::{Value, json};

/// Measures a recorded meeting. Exits with 0 when nothing was wrong, 2 when something promised did not happen (the
/// summary says what), 1 when it could not be measured. Missed latencies alone are no error: they are printed.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The folder that `prim-room` recorded into.
    #[arg(long, value_name = "DIR")]
    record: PathBuf,
    /// The observer's log: one live event a line, with the time it arrived as `seen_ms`.
    #[arg(long, value_name = "FILE")]
    live: Option<PathBuf>,
    /// A superuser's login to the gateway's database.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Which meeting; the newest when absent.
    #[arg(long, value_name = "ULID")]
    meeting_id: Option<String>,
    /// The device's spool, after the device has ended: its heads say what was spooled.
    #[arg(long, value_name = "FILE")]
    spool: Option<PathBuf>,
    /// Figures of the device's process that only its watcher can take, as a JSON object: they join the summary.
    #[arg(long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// Where to write the summary.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "prim-measure: failed to {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let recording = Recording::read(&arguments.record)?;
    let partials = match &arguments.live {
        Some(path) => partials(path)?,
        None => Vec::new(),
    };
    let rows = match &arguments.database_url {
        None => None,
        Some(url) => {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().context("start")?;
            Some(runtime.block_on(measure::read_rows(url, arguments.meeting_id.as_deref()))?)
        }
    };
    let tips = arguments.spool.as_deref().map(tips).transpose()?;
    let mut figures = measure::measure(&Inputs {
        recording: &recording,
        partials: &partials,
        rows: rows.as_ref(),
        tips: tips.as_deref(),
    });
    if let Some(path) = &arguments.process {
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        let more: serde_json::Map<String, Value> =
            serde_json::from_str(&text).with_context(|| format!("understand {}", path.display()))?;
        figures.json.extend(more);
    }
    if let Some(rows) = &rows {
        figures.json.insert("meeting".into(), json!(rows.meeting));
    }
    let summary = summary(&figures);
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&summary).context("write the summary")?;
        std::fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))?;
    }
    print(&figures).context("print the table")?;
    Ok(figures.problems.is_empty())
}

fn summary(figures: &Figures) -> Value {
    let promises: Vec<Value> = figures
        .promises
        .iter()
        .map(|(name, value, limit, n)| {
            json!({ "name": name, "value": value, "limit": limit, "n": n, "verdict": verdict(*value, *limit) })
        })
        .collect();
    let mut all = figures.json.clone();
    all.insert("promises".into(), json!(promises));
    all.insert("problems".into(), json!(figures.problems));
    Value::Object(all)
}

fn verdict(value: Option<f64>, limit: f64) -> &'static str {
    match value {
        Some(v) if v <= limit => "met",
        Some(_) => "missed",
        None => "not measured",
    }
}

fn print(figures: &Figures) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:<38} {:>10} {:>10} {:>5}", "measured (p95 unless it is a rate)", "value", "limit", "n")?;
    for (name, value, limit, n) in &figures.promises {
        let shown = value
            .map_or_else(|| "-".into(), |v| if *limit < 1.0 { format!("{v:.3}") } else { format!("{v:.0}") });
        let few = if *n < 30 && *limit >= 1.0 { " (a p95 needs 30 events)" } else { "" };
        writeln!(out, "{name:<38} {shown:>10} {limit:>10} {n:>5}  {}{few}", verdict(*value, *limit))?;
    }
    let lag = |key: &str| figures.json.get(key).and_then(Value::as_u64).unwrap_or(0) as f64 / 1000.0;
    writeln!(
        out,
        "this machine's scheduling lag: p50 {:.1} ms, p95 {:.1} ms, p99 {:.1} ms, worst {:.1} ms",
        lag("room_lag_us_p50"),
        lag("room_lag_us_p95"),
        lag("room_lag_us_p99"),
        lag("room_lag_us_max"),
    )?;
    for problem in &figures.problems {
        writeln!(out, "wrong: {problem}")?;
    }
    Ok(())
}

/// The partials in an observer's log.
fn partials(path: &Path) -> anyhow::Result<Vec<Answer>> {
    let lines: Vec<Value> = record::lines(path)?;
    let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    Ok(lines
        .iter()
        .filter(|v| text(v, "kind") == "partial" && !text(v, "text").trim().is_empty())
        .filter_map(|v| {
            let seen_ms = v.get("seen_ms").and_then(Value::as_f64)?;
            Some(Answer { seen_ms, utterance: text(v, "utterance"), remote: text(v, "ear") == "remote" })
        })
        .collect())
}

/// Where each stream of a spool ends.
fn tips(path: &Path) -> anyhow::Result<Vec<Tip>> {
    anyhow::ensure!(path.is_file(), "open the spool {}: there is no such file", path.display());
    let no_loss: prim_spool::WriteLoss = Box::new(|_, _, _| prim_spool::Encoded {
        bytes: Vec::new(),
        erasable: None,
        hash: [0; 32],
        meeting: None,
    });
    let limits = prim_spool::Limits { reserve_bytes: 0, ..prim_spool::Limits::default() };
    let spool = prim_spool::Spool::open(path, limits, EpochId::from_u128(0), no_loss)
        .context("open the spool; has primd ended?")?;
    Ok(Stream::ALL
        .into_iter()
        .map(|stream| {
            let tip = spool.tip(stream);
            Tip {
                stream: stream.as_str().to_owned(),
                epoch: spool.epoch().to_string(),
                seq: tip.seq,
                hash: tip.hash.to_vec(),
            }
        })
        .collect())
}
