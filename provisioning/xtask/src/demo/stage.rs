//! Everything the meeting needs, started in the order in which one needs the other, stopped in the opposite one.
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use prim_bed::{Mosquitto, MosquittoOptions, Postgres, PostgresOptions, free_port};
use serde_json::json;

use super::folder::Folder;
use super::keys::Keys;
use super::process::Gauge;
use crate::proxy::Proxy;
use crate::supervise::{Launch, Running};
use crate::{checkout, http, say, stop};

/// Above the largest batch a device may send (256 KiB); beyond it the broker closes the connection.
const MAX_PACKET_BYTES: u32 = 2 << 20;
/// Its name in the embedded server.
pub(crate) const DATABASE: &str = "prim";

/// The running demo. Fields are dropped in this order: the device first, the database last.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) device: Option<Running>,
    pub(crate) gauge: Gauge,
    pub(crate) room: Running,
    pub(crate) proxy: Proxy,
    pub(crate) gateway: Running,
    _broker: Mosquitto,
    postgres: Option<Postgres>,
    pub(crate) database_url: String,
}

/// What the room is told.
#[derive(Debug)]
pub(crate) struct RoomOptions<'a> {
    pub(crate) script: &'a Path,
    pub(crate) room: Option<&'a str>,
    pub(crate) waves: &'a [PathBuf],
    /// Their sound, in seconds.
    pub(crate) waves_s: f64,
}

impl RoomOptions<'_> {
    /// Before the room opens its sockets it voices the script, or reads an hour of recordings within a minute or two.
    fn patience(&self) -> Duration {
        Duration::from_secs(120) + Duration::from_secs_f64(self.waves_s / 10.0)
    }
}

impl Stage {
    /// The device compares voices by the network `voiceprints`, if there is one.
    pub(crate) fn build(
        folder: &Folder,
        keys: &Keys,
        options: &RoomOptions<'_>,
        voiceprints: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let (postgres, database_url) = database(folder)?;
        say::step("Mosquitto: mutual TLS, an access list by certificate");
        let broker = start_broker(folder.servers(), keys)?;
        let gateway = gateway(folder, keys, &database_url, broker.port())?;
        let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, broker.port())))?;
        say::step(if options.waves.is_empty() {
            "the room: voicing the people (the first time takes a moment)"
        } else {
            "the room: reading the recordings"
        });
        let mut room = launch_room(folder, "room", options)
            .arg("--hal")
            .arg(folder.socket("hal"))
            .arg("--loopback")
            .arg(folder.socket("loopback"))
            .arg("--record")
            .arg(folder.record())
            // After the script the device still syncs; it is the device that leaves.
            .args(["--linger-s", "120"])
            .start(&folder.logs())?;
        await_room(&mut room, options, [folder.socket("hal"), folder.socket("loopback")])?;
        say::step("primd: gets frames, edges and the loopback; nothing else of the room");
        let mut config = device_config(keys, proxy.port(), free_port());
        config["hal"]["socket"] = json!(folder.socket("hal"));
        config["adapter"]["loopback"]["socket"] = json!(folder.socket("loopback"));
        config["device"]["data_dir"] = json!(folder.path("device"));
        config["status"] = json!({ "socket": folder.socket("status") });
        if let Some(network) = voiceprints {
            config["speech"] = json!({ "voiceprints": network });
        }
        let device = start_device(folder, "primd", &config)?;
        let gauge = Gauge::start(device.pid());
        Ok(Self {
            device: Some(device),
            gauge,
            room,
            proxy,
            gateway,
            _broker: broker,
            postgres,
            database_url,
        })
    }

    /// Not the user's server in `DATABASE_URL`.
    pub(crate) fn has_own_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Fails, with the end of its log, when one of the programs has ended unasked.
    pub(crate) fn still_stands(&mut self) -> anyhow::Result<()> {
        self.gateway.still_runs()?;
        self.device.as_mut().map_or(Ok(()), Running::still_runs)
    }
}

/// How the embedded server is started, by a demo and by whoever looks at what it left.
pub(crate) fn postgres_options() -> PostgresOptions {
    PostgresOptions { port: None, durable: true, database: DATABASE.to_owned() }
}

fn database(folder: &Folder) -> anyhow::Result<(Option<Postgres>, String)> {
    if let Some(url) = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) {
        say::step("Postgres: the server in DATABASE_URL");
        return Ok((None, url));
    }
    say::step("Postgres: an embedded server, unprivileged, on a free port");
    let postgres = Postgres::start(folder.servers(), &postgres_options()).context("start Postgres")?;
    let url = postgres.url();
    Ok((Some(postgres), url))
}

fn gateway(folder: &Folder, keys: &Keys, database_url: &str, broker_port: u16) -> anyhow::Result<Running> {
    say::step("prim-gateway: migrate, seed, serve");
    let http_port = free_port();
    let config = folder.path("config").join("gateway.toml");
    let text = json!({
        "instance": keys.instance.as_str(),
        "broker": {
            "host": "localhost",
            "port": broker_port,
            "ca": keys.file("ca.pem"),
            "cert": keys.file("gateway.pem"),
            "key": keys.file("gateway.key.pem"),
        },
        "http": { "listen": format!("127.0.0.1:{http_port}") },
        "store": { "folder": folder.path("objects") },
        "audit": { "key": keys.file("gateway-audit.key.pem") },
    });
    write_toml(&config, &text)?;
    let launch = |name: &str, verb: &str| {
        Launch::new(name, checkout::built("prim-gateway"))
            .arg(verb)
            .arg("--config")
            .arg(&config)
            .env("DATABASE_URL", database_url)
    };
    let logs = folder.logs();
    launch("gateway-migrate", "migrate").arg("up").run(&logs, Duration::from_secs(60))?;
    launch("gateway-seed", "seed")
        .args(["--org", keys.org.as_str(), "--device"])
        .arg(format!("{}={}", keys.device, keys.file("device-audit.pub.pem").display()))
        .run(&logs, Duration::from_secs(30))?;
    let mut running = launch("gateway", "serve").start(&logs)?;
    healthy("prim-gateway", http_port, &mut running)?;
    Ok(running)
}

/// The room program, told who is there and what they say.
pub(crate) fn launch_room(folder: &Folder, name: &str, options: &RoomOptions<'_>) -> Launch {
    let mut launch = Launch::new(name, checkout::built("prim-room"))
        .arg("--voices")
        .arg(folder.path("voices"))
        .arg("--meeting")
        .arg(folder.path("config").join("meeting.toml"));
    if options.waves.is_empty() {
        launch = launch.arg("--script").arg(options.script);
    }
    if let Some(room) = options.room {
        launch = launch.arg("--room").arg(room);
    }
    for wave in options.waves {
        launch = launch.arg("--wav").arg(wave);
    }
    launch
}

pub(crate) fn await_room(
    room: &mut Running,
    options: &RoomOptions<'_>,
    sockets: [PathBuf; 2],
) -> anyhow::Result<()> {
    stop::wait_for("the room's sockets", options.patience(), || {
        room.still_runs()?;
        Ok(sockets.iter().all(|socket| socket.exists()).then_some(()))
    })
}

/// The device's configuration, but for the room it is in and where it keeps its data.
pub(crate) fn device_config(keys: &Keys, broker_port: u16, http_port: u16) -> serde_json::Value {
    json!({
        "device": {
            "org": keys.org.as_str(),
            "name": keys.device.as_str(),
            "audit_key": keys.file("device-audit.key.pem"),
        },
        "hal": { "kind": "sim" },
        "broker": {
            "host": "localhost",
            "port": broker_port,
            "ca": keys.file("ca.pem"),
            "cert": keys.file("device.pem"),
            "key": keys.file("device.key.pem"),
        },
        "http": { "listen": format!("127.0.0.1:{http_port}") },
    })
}

pub(crate) fn start_device(
    folder: &Folder,
    name: &str,
    config: &serde_json::Value,
) -> anyhow::Result<Running> {
    let file = folder.path("config").join(format!("{name}.toml"));
    write_toml(&file, config)?;
    Launch::new(name, checkout::built("primd"))
        .arg("--config")
        .arg(&file)
        .arg("--meeting")
        .arg(folder.path("config").join("meeting.toml"))
        .start(&folder.logs())
}

/// The demo's broker: mutual TLS, an access list by certificate.
pub(crate) fn start_broker(folder: &Path, keys: &Keys) -> anyhow::Result<Mosquitto> {
    let options = MosquittoOptions {
        port: None,
        ca_pem: keys.ca_pem.clone(),
        identity: keys.broker.clone(),
        gateways: vec![keys.instance.clone()],
        max_packet_bytes: MAX_PACKET_BYTES,
    };
    Mosquitto::start(folder, &options).context("start the broker")
}

pub(crate) fn healthy(name: &str, port: u16, running: &mut Running) -> anyhow::Result<()> {
    become_well(name, running, || http::is_ok(port, "/health"))
}

/// The same for who is well in another way.
pub(crate) fn become_well(name: &str, running: &mut Running, well: impl Fn() -> bool) -> anyhow::Result<()> {
    stop::wait_for(&format!("{name} in good health"), Duration::from_secs(30), || {
        running.still_runs()?;
        Ok(well().then_some(()))
    })
    .or_else(|error| if stop::pressed() { Err(error) } else { running.fail("is not in good health") })
}

fn write_toml(path: &Path, value: &serde_json::Value) -> anyhow::Result<()> {
    let text = toml::to_string(value).with_context(|| format!("write {} as TOML", path.display()))?;
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
