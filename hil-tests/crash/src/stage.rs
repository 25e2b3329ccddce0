//! The four processes that are killed, and how each comes back.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use nix::sys::signal::Signal;
use prim_bed::{
    Account, Guarded, Mosquitto, MosquittoOptions, Postgres, PostgresOptions, World, free_port_pair,
};
use prim_identity::AuditKey;
use prim_ids::{DeviceName, InstanceName, OrgName, Stream};
use serde_json::json;

use crate::meeting;
use crate::wait::wait_for;

const ORG: &str = "crash";
const DEVICE: &str = "huddle-1";
const INSTANCE: &str = "gw-1";
/// Migrating, seeding, exporting, verifying: each is done within this time or hangs.
const TOOL_LIMIT: Duration = Duration::from_secs(60);

/// Who gets killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Victim {
    /// `primd`.
    Device,
    /// `prim-gateway`.
    Gateway,
    /// Mosquitto.
    Broker,
    /// Postgres, every process of it.
    Database,
}

impl Victim {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Device, Self::Gateway, Self::Broker, Self::Database];
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Device => "primd",
            Self::Gateway => "prim-gateway",
            Self::Broker => "mosquitto",
            Self::Database => "postgres",
        })
    }
}

/// A program that ended although nobody had killed it.
#[derive(Debug, Clone)]
pub(crate) struct Fell {
    pub(crate) who: Victim,
    pub(crate) how: ExitStatus,
    pub(crate) last_words: String,
}

/// All processes; dropped in this order, the device first, the database last.
#[derive(Debug)]
pub(crate) struct Stage {
    device: Option<Guarded>,
    gateway: Option<Guarded>,
    broker: Mosquitto,
    postgres: Postgres,
    programs: PathBuf,
    folder: PathBuf,
}

impl Stage {
    /// Starts everything but the device, which needs the room first.
    pub(crate) fn build(folder: &Path) -> anyhow::Result<Self> {
        for name in ["keys", "config", "logs", "device", "objects", "export"] {
            std::fs::create_dir_all(folder.join(name)).with_context(|| format!("make the folder {name}"))?;
        }
        let world = World::create()?;
        let keys = folder.join("keys");
        let (org, device, instance): (OrgName, DeviceName, InstanceName) =
            (ORG.parse()?, DEVICE.parse()?, INSTANCE.parse()?);
        world.authority.issue_device(&org, &device, world.validity)?.write(&keys, "device")?;
        world.authority.issue_gateway(&instance, world.validity)?.write(&keys, "gateway")?;
        AuditKey::generate().write(&keys, "device-audit")?;
        AuditKey::generate().write(&keys, "gateway-audit")?;
        prim_identity::write_public(&keys.join("ca.pem"), world.authority.certificate_pem())?;
        // A commit that Postgres has confirmed must be there after a kill.
        let options = PostgresOptions { durable: true, ..PostgresOptions::default() };
        let postgres = Postgres::start(folder, &options).context("start Postgres")?;
        let broker = Mosquitto::start(folder, &MosquittoOptions::of(&world, &[instance]))
            .context("start the broker")?;
        let mut stage = Self {
            device: None,
            gateway: None,
            broker,
            postgres,
            programs: programs()?,
            folder: folder.to_owned(),
        };
        stage.write_config()?;
        stage.tool("prim-gateway", &["migrate", "up"])?;
        let key = format!("{DEVICE}={}", keys.join("device-audit.pub.pem").display());
        stage.tool("prim-gateway", &["seed", "--org", ORG, "--device", &key])?;
        stage.start(Victim::Gateway)?;
        Ok(stage)
    }

    fn write_config(&self) -> anyhow::Result<()> {
        let file = |name: &str| self.folder.join("keys").join(name);
        let (gateway_port, device_port) = free_port_pair();
        let broker = |who: &str| {
            json!({
                "host": "localhost",
                "port": self.broker.port(),
                "ca": file("ca.pem"),
                "cert": file(&format!("{who}.pem")),
                "key": file(&format!("{who}.key.pem")),
            })
        };
        let gateway = json!({
            "instance": INSTANCE,
            "broker": broker("gateway"),
            "http": { "listen": format!("127.0.0.1:{gateway_port}") },
            "store": { "folder": self.folder.join("objects") },
            "audit": { "key": file("gateway-audit.key.pem") },
        });
        let device = json!({
            "device": {
                "org": ORG,
                "name": DEVICE,
                "data_dir": self.folder.join("device"),
                "audit_key": file("device-audit.key.pem"),
                "witness": self.witness(),
            },
            "hal": { "kind": "sim", "socket": self.hal() },
            "adapter": { "loopback": { "socket": self.loopback() } },
            "broker": broker("device"),
            "http": { "listen": format!("127.0.0.1:{device_port}") },
        });
        for (name, config) in [("gateway.toml", gateway), ("prim.toml", device)] {
            let text = toml::to_string(&config).with_context(|| format!("write {name} as TOML"))?;
            std::fs::write(self.folder.join("config").join(name), text)
                .with_context(|| format!("write {name}"))?;
        }
        meeting::write_plan(&self.folder.join("config").join("meeting.toml"))
    }

    /// The device's hardware.
    pub(crate) fn hal(&self) -> PathBuf {
        self.folder.join("hal.sock")
    }

    /// The meeting platform.
    pub(crate) fn loopback(&self) -> PathBuf {
        self.folder.join("loopback.sock")
    }

    /// The device's witness file.
    pub(crate) fn witness(&self) -> PathBuf {
        self.folder.join("witness")
    }

    /// The device's outbox.
    pub(crate) fn spool(&self) -> PathBuf {
        self.folder.join("device").join("spool.sqlite")
    }

    pub(crate) fn is_up(&self, who: Victim) -> bool {
        match who {
            Victim::Device => self.device.is_some(),
            Victim::Gateway => self.gateway.is_some(),
            Victim::Broker => self.broker.pid().is_some(),
            Victim::Database => self.postgres.pid().is_some(),
        }
    }

    /// SIGKILL, to Postgres and all its processes.
    pub(crate) fn kill(&mut self, who: Victim) {
        match who {
            Victim::Device => drop(self.device.take().map(|mut process| process.kill_group())),
            Victim::Gateway => drop(self.gateway.take().map(|mut process| process.kill_group())),
            Victim::Broker => self.broker.kill_group(),
            Victim::Database => self.postgres.kill_group(),
        }
    }

    /// Starts it again, on the same port and the same data.
    pub(crate) fn start(&mut self, who: Victim) -> anyhow::Result<()> {
        match who {
            Victim::Device => {
                let plan = self.folder.join("config").join("meeting.toml");
                self.device = Some(self.spawn("primd", &["--meeting".as_ref(), plan.as_os_str()])?);
            }
            Victim::Gateway => self.gateway = Some(self.spawn("prim-gateway", &["serve".as_ref()])?),
            Victim::Broker => self.broker.restart().context("start the broker again")?,
            Victim::Database => self.postgres.restart().context("start Postgres again")?,
        }
        Ok(())
    }

    /// The device without a meeting: it only sends what waits.
    pub(crate) fn start_idle_device(&mut self) -> anyhow::Result<()> {
        self.device = Some(self.spawn("primd", &[])?);
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let config = if program == "primd" { "prim.toml" } else { "gateway.toml" };
        let mut command = Command::new(self.programs.join(program));
        command.env("DATABASE_URL", self.postgres.url());
        if program != "prim" {
            command.arg("--config").arg(self.folder.join("config").join(config));
        }
        command
    }

    pub(crate) fn log(&self, program: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{program}.log"))
    }

    fn spawn(&self, program: &str, args: &[&std::ffi::OsStr]) -> anyhow::Result<Guarded> {
        let mut command = self.command(program);
        command.args(args);
        Guarded::spawn(&mut command, Account::caller(), &self.log(program), Signal::SIGTERM)
            .with_context(|| format!("start {program}"))
    }

    /// Runs a program to its end; fails with its last words.
    fn tool(&self, program: &str, args: &[&str]) -> anyhow::Result<()> {
        let log = self.log(&format!("{program}-{}", args.first().unwrap_or(&"run")));
        let mut command = self.command(program);
        command.args(args);
        let mut process = Guarded::spawn(&mut command, Account::caller(), &log, Signal::SIGTERM)
            .with_context(|| format!("start {program}"))?;
        let status = wait_for(&format!("the end of {program}"), TOOL_LIMIT, || Ok(process.status()))?;
        ensure!(status.success(), "{program} {} failed ({status}): {}", args.join(" "), last_words(&log));
        Ok(())
    }

    /// Orders a change of the device's audit key, as its owner does. The device does not run.
    pub(crate) fn rotate_key(&self) -> anyhow::Result<()> {
        self.tool("primd", &["rotate-key"])
    }

    /// Puts another key in the place of the device's audit key, and nothing on record.
    pub(crate) fn swap_key(&self) -> anyhow::Result<()> {
        let keys = self.folder.join("keys");
        let (secret, _) = AuditKey::generate().write(&keys, "other")?;
        std::fs::rename(secret, keys.join("device-audit.key.pem")).context("swap the device's audit key")
    }

    /// A program that runs no more although nobody killed it; it is taken down as killed.
    pub(crate) fn fell(&mut self) -> Option<Fell> {
        for (who, program, process) in [
            (Victim::Device, "primd", &mut self.device),
            (Victim::Gateway, "prim-gateway", &mut self.gateway),
        ] {
            if let Some(how) = process.as_mut().and_then(Guarded::status) {
                *process = None;
                let log = self.folder.join("logs").join(format!("{program}.log"));
                return Some(Fell { who, how, last_words: last_words(&log) });
            }
        }
        None
    }

    /// Asks the device to stop, and waits; how it ended.
    pub(crate) fn stop_device(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let Some(mut device) = self.device.take() else { bail!("stop primd: it does not run") };
        match device.stop() {
            Some(status) if status.success() => Ok(()),
            other => bail!(
                "primd, asked to stop, ended with {other:?} after {} ms: {}",
                begun.elapsed().as_millis(),
                last_words(&self.log("primd"))
            ),
        }
    }

    /// One statement, as the database's owner.
    pub(crate) fn sql(&self, statement: &str) -> anyhow::Result<String> {
        Ok(self.postgres.sql("prim", statement)?)
    }

    /// Exports a stream and has it verified; `Some` with the verifier's words when it does not hold.
    pub(crate) fn verify(&self, stream: Stream) -> anyhow::Result<Option<String>> {
        let out = self.folder.join("export").join(format!("{stream}.jsonl"));
        let name = out.to_string_lossy();
        let address = format!("{ORG}/{DEVICE}");
        let args = ["export", "--device", &address, "--stream", stream.as_str(), "--out", &name];
        self.tool("prim-gateway", &args)?;
        let key = |who: &str| self.folder.join("keys").join(format!("{who}-audit.pub.pem"));
        // The first key: after a change it is kept under this number, and its record leads to the later ones.
        let first = self.folder.join("keys/device-audit.1.pub.pem");
        let device = if first.is_file() { first } else { key("device") };
        let gateway = key("gateway");
        let (device, gateway) = (device.to_string_lossy(), gateway.to_string_lossy());
        let verified = self
            .tool("prim", &["audit", "verify", &name, "--device-key", &device, "--gateway-key", &gateway]);
        Ok(verified.err().map(|error| format!("{error:#}")))
    }
}

/// Where cargo puts the programs: beside the one that runs, or one folder up for a test.
fn programs() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("find this program")?;
    for folder in own.ancestors().skip(1).take(2) {
        if ["primd", "prim-gateway", "prim"].iter().all(|name| folder.join(name).is_file()) {
            return Ok(folder.to_owned());
        }
    }
    bail!(
        "find primd, prim-gateway and prim near {}: run `cargo build --workspace` first, or `cargo xtask crash`",
        own.display()
    )
}

fn last_words(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(4)..].join(" | ")
}
