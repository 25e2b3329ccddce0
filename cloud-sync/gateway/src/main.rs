//! `prim-gateway`: reads its arguments and configuration, then hands over to the library.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use prim_gateway::config::Config;
use prim_gateway::db::Database;
use prim_gateway::export::{Wish, export};
use prim_gateway::fault::causes;
use prim_gateway::run::{Parts, audit_key, run};
use prim_gateway::{migrate, seed};
use prim_ids::{DeviceName, EpochId, MeetingId, OrgName, Stream};
use prim_proto::DeviceAddress;
use std::io::Write as _;
use tokio::sync::watch;

const EXAMPLES: &str = "\
A configuration with every key stands in cloud-sync/gateway/gateway.example.toml.

First time:
  prim-gateway migrate up
  prim-gateway seed --org acme --workspace main --device room-1=audit.pub.pem
  prim-gateway serve

For an auditor, who checks it with `prim audit verify`:
  prim-gateway export --device acme/room-1 --out audit.jsonl

Exit codes: 0 done, 1 it failed (standard error says what, why and what to do), 2 the command line is wrong.";

/// Takes what room devices send, stores it exactly once, makes the meeting's files.
///
/// The database's URL comes from the environment variable `DATABASE_URL`, or from the file that `database.url_file` names.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
struct Arguments {
    /// The configuration file.
    #[arg(
        long,
        value_name = "FILE",
        env = "PRIM_GATEWAY_CONFIG",
        default_value = "gateway.toml",
        global = true
    )]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything: /health and /metrics, ingest, worker.
    Serve {
        /// Without taking batches.
        #[arg(long)]
        no_ingest: bool,
        /// Without making the files of ended meetings.
        #[arg(long)]
        no_worker: bool,
    },
    /// Take batches only.
    Ingest,
    /// Make the files of ended meetings only.
    Worker,
    /// Bring the database's schema up to date, take steps back, or show where it stands.
    Migrate {
        #[command(subcommand)]
        direction: Direction,
    },
    /// Make an organisation, a workspace, users and devices; again is harmless.
    Seed {
        /// The organisation's name in topics.
        #[arg(long)]
        org: OrgName,
        /// Its name for people; the same when not given.
        #[arg(long, value_name = "NAME")]
        org_display_name: Option<String>,
        /// The workspace.
        #[arg(long, default_value = "Main")]
        workspace: String,
        /// A user, as `role:email:name` with role owner, manager, member or guest. May be repeated.
        #[arg(long = "user", value_name = "ROLE:EMAIL:NAME")]
        users: Vec<String>,
        /// A device, as `name=FILE` with its public audit key in PEM. May be repeated.
        #[arg(long = "device", value_name = "NAME=FILE")]
        devices: Vec<String>,
    },
    /// Write a chain to a file for `prim audit verify`.
    Export {
        /// The audit around this meeting.
        #[arg(long, conflicts_with = "device")]
        meeting: Option<MeetingId>,
        /// A stream of this device.
        #[arg(long, value_name = "ORG/DEVICE", required_unless_present = "meeting")]
        device: Option<DeviceAddress>,
        /// Which stream of the device.
        #[arg(long, default_value = "audit", requires = "device")]
        stream: Stream,
        /// Which life of its spool; the latest when not given.
        #[arg(long, requires = "device")]
        epoch: Option<EpochId>,
        /// The file to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Direction {
    /// Run what is missing.
    Up,
    /// Take back every step above the one named; 0 takes back all, and the data with it.
    Down {
        /// The last step to keep.
        #[arg(long, value_name = "STEP", allow_negative_numbers = true)]
        to: i64,
    },
    /// Show which steps the database has.
    Status,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("PRIM_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn,rumqttc=error")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        // A log that nobody reads any more is no reason to stop: telling of it there would panic.
        .log_internal_errors(false)
        .init();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the operating system gives no threads");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(carry_out(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "prim-gateway: {}", causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::read(&arguments.config, std::env::vars())?;
    let url = config.database_url(std::env::var("DATABASE_URL").ok())?;
    let database = Database::new(&url, config.database.statement_timeout_ms)?;
    match arguments.command {
        Command::Serve { no_ingest, no_worker } => {
            serve(config, database, Parts { ingest: !no_ingest, worker: !no_worker }).await
        }
        Command::Ingest => serve(config, database, Parts { ingest: true, worker: false }).await,
        Command::Worker => serve(config, database, Parts { ingest: false, worker: true }).await,
        Command::Migrate { direction } => migrate(&database, direction).await,
        Command::Seed { org, org_display_name, workspace, users, devices } => {
            let seed = seed::Seed {
                org_display_name: org_display_name.unwrap_or_else(|| org.to_string()),
                org,
                workspace,
                users: users.iter().map(|text| user(text)).collect::<anyhow::Result<_>>()?,
                devices: devices.iter().map(|text| device(text)).collect::<anyhow::Result<_>>()?,
            };
            let made = seed::seed(&database, &seed).await?;
            say(&format!("organisation {}\nworkspace {}", made.org_id, made.workspace_id))
        }
        Command::Export { meeting, device, stream, epoch, out } => {
            let wish = match (meeting, device) {
                (Some(meeting), _) => Wish::Meeting(meeting),
                (None, Some(device)) => Wish::Device { device, stream, epoch },
                (None, None) => anyhow::bail!("name what to export: --meeting or --device"),
            };
            let key = audit_key(&config, "export")?;
            let done = export(&database, &wish, &config.instance, &key, &out).await?;
            say(&format!("{} records, {} to {}, in {}", done.records, done.from, done.to, out.display()))
        }
    }
}

async fn serve(config: Config, database: Database, parts: Parts) -> anyhow::Result<()> {
    let (stop_sender, stop) = watch::channel(false);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("listen for SIGTERM")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("asked to stop: finishing what is under way");
        stop_sender.send_replace(true);
        stop_sender.closed().await;
    });
    Ok(run(config, database, parts, stop).await?)
}

async fn migrate(database: &Database, direction: Direction) -> anyhow::Result<()> {
    match direction {
        Direction::Up => migrate::up(database).await?,
        Direction::Down { to } => {
            let taken_back = migrate::down(database, to).await?;
            let said = if taken_back.is_empty() {
                format!("nothing to take back: the database stands at step {to}")
            } else {
                format!("took back {}", taken_back.join(", "))
            };
            say(&said)?;
        }
        Direction::Status => {}
    }
    let steps = migrate::status(database).await?;
    let lines: Vec<String> = steps
        .iter()
        .map(|step| format!("{} {}", if step.applied { "applied" } else { "missing" }, step.name))
        .collect();
    say(&lines.join("\n"))
}

fn user(text: &str) -> anyhow::Result<(String, String, String)> {
    let mut parts = text.splitn(3, ':').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(role), Some(email), Some(name)) if email.contains('@') => Ok((email, name, role)),
        _ => anyhow::bail!("read --user {text:?}: want role:email:name, such as owner:ana@example.org:Ana"),
    }
}

fn device(text: &str) -> anyhow::Result<(DeviceName, prim_proto::PublicKey)> {
    let (name, file) = text
        .split_once('=')
        .with_context(|| format!("read --device {text:?}: want name=FILE, such as huddle-1=audit.pub.pem"))?;
    let name = name.parse().with_context(|| format!("read --device {text:?}"))?;
    let key = prim_identity::load_public_key(&PathBuf::from(file))
        .with_context(|| format!("read --device {text:?}"))?;
    Ok((name, key.into()))
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("write to the terminal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_of_the_help_is_a_command() {
        let examples: Vec<&str> =
            EXAMPLES.lines().map(str::trim).filter(|line| line.starts_with("prim-gateway ")).collect();
        assert_eq!(examples.len(), 4);
        for example in examples {
            let parsed = Arguments::try_parse_from(example.split_whitespace());
            assert!(parsed.is_ok(), "{example}: {parsed:?}");
        }
    }
}
