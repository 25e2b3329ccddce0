//! `gateway.toml`: every key, its default and what it is for.
//!
//! Order: the defaults below → the file → environment variables `PRIM_GATEWAY_<SECTION>_<KEY>` (for keys outside
//! a section `PRIM_GATEWAY_<KEY>`). The database's URL comes from `DATABASE_URL` or from a file, never from here.

mod read;

use std::net::SocketAddr;
use std::path::PathBuf;

use prim_ids::InstanceName;
use prim_settings::{Key, Unit, path, reads_as, text, whole, yes_or_no};
use serde::Deserialize;

pub use read::ReadConfigError;

/// Every key, in the order of `gateway.example.toml`.
const KEYS: &[Key] = &[
    text(
        "instance",
        "1 to 40 of a-z, 0-9 and '-', beginning with a letter",
        reads_as::<InstanceName>,
        "\"gw-1\"",
    )
    .always(),
    path("database.url_file", "\"/etc/prim/database-url\""),
    // Ingest, worker and health need one connection each.
    whole("database.pool", 3, 1000, Unit::Of("connections"), "10"),
    whole("database.statement_timeout_ms", 1, 86_400_000, Unit::Milliseconds, "10000"),
    yes_or_no("database.allow_unverified_tls", "false"),
    text("broker.host", "a host name or an address", |host| !host.contains(['/', ' ']), "\"127.0.0.1\""),
    whole("broker.port", 1, 65_535, Unit::None, "8883"),
    path("broker.ca", "\"/etc/prim/ca.pem\"").in_section(),
    path("broker.cert", "\"/etc/prim/gateway.pem\"").in_section(),
    path("broker.key", "\"/etc/prim/gateway.key.pem\"").in_section(),
    text("http.listen", "a loopback address and a port", reads_as::<SocketAddr>, "\"127.0.0.1:9600\""),
    path("store.folder", "\"/var/lib/prim/objects\"").in_section(),
    path("audit.key", "\"/etc/prim/gateway-audit.key.pem\"").in_section(),
    whole("ingest.window", 1, 1000, Unit::Of("batches"), "64"),
    // One whole batch must fit.
    whole("ingest.group_rows", prim_proto::MAX_BATCH_ROWS as u64, 1_000_000, Unit::Of("records"), "8000"),
    whole("ingest.rejected_per_minute", 0, 1_000_000, Unit::Of("payloads"), "30"),
    whole("worker.poll_ms", 1, 86_400_000, Unit::Milliseconds, "1000"),
    whole("worker.quiet_ms", 0, 86_400_000, Unit::Milliseconds, "2000"),
];

/// The whole configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// This copy's name: its certificate's name is `gateway/<instance>`. Example: `instance = "gw-1"`.
    pub instance: InstanceName,
    /// Postgres.
    #[serde(default)]
    pub database: Database,
    /// The broker. Needed by `serve` and `ingest`.
    pub broker: Option<Broker>,
    /// The page for machines: `/health`, `/metrics`.
    #[serde(default)]
    pub http: Http,
    /// Where artifacts go. Needed by `serve` and `worker`.
    pub store: Option<Store>,
    /// The gateway's audit key. Needed by `serve`, `ingest` and `export`.
    pub audit: Option<Audit>,
    /// Taking batches.
    #[serde(default)]
    pub ingest: Ingest,
    /// Making artifacts.
    #[serde(default)]
    pub worker: Worker,
}

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// A file holding the URL, instead of the variable `DATABASE_URL`.
    pub url_file: Option<PathBuf>,
    /// Connections at most, all parts together. Default 10 (REQUIREMENTS G34).
    pub pool: u32,
    /// A statement that runs longer is cancelled. Default 10000 (G34).
    pub statement_timeout_ms: u32,
    /// Allows a server beyond this machine whose certificate is not verified. Default false (1.Z.22).
    pub allow_unverified_tls: bool,
}

impl Default for Database {
    fn default() -> Self {
        Self { url_file: None, pool: 10, statement_timeout_ms: 10_000, allow_unverified_tls: false }
    }
}

/// `[broker]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broker {
    /// Host name as in the broker's certificate. Default `127.0.0.1`.
    #[serde(default = "loopback")]
    pub host: String,
    /// Port. Default 8883.
    #[serde(default = "mqtts")]
    pub port: u16,
    /// The authority's certificate, PEM.
    pub ca: PathBuf,
    /// Our certificate, PEM, named `gateway/<instance>`.
    pub cert: PathBuf,
    /// Our key, PEM, readable by this user only.
    pub key: PathBuf,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address and port. Default `127.0.0.1:9600`; port 0 takes a free one and says which.
    pub listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9600)) }
    }
}

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// A folder of this machine. It is made when missing.
    pub folder: PathBuf,
}

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// An Ed25519 key, PKCS#8 PEM, readable by this user only.
    pub key: PathBuf,
}

/// `[ingest]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// Batches under way at once, from the broker to the commit. Default 64: with batches of at most 256 KiB the
    /// memory for them stays under 32 MiB.
    pub window: u16,
    /// Records in one transaction at most. Default 8000.
    pub group_rows: usize,
    /// Rejected payloads kept per device and minute; the rest is counted only. Default 30.
    pub rejected_per_minute: u32,
}

impl Default for Ingest {
    fn default() -> Self {
        Self { window: 64, group_rows: 8000, rejected_per_minute: 30 }
    }
}

/// `[worker]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Worker {
    /// How often to look for ended meetings. Default 1000.
    pub poll_ms: u64,
    /// An ended meeting's files are made when nothing arrived for it this long. Default 2000. What arrives
    /// later still makes them anew.
    pub quiet_ms: u64,
}

impl Default for Worker {
    fn default() -> Self {
        Self { poll_ms: 1000, quiet_ms: 2000 }
    }
}

fn loopback() -> String {
    "127.0.0.1".to_owned()
}

fn mqtts() -> u16 {
    8883
}

#[cfg(test)]
mod tests;
