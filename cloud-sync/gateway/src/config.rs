//! `gateway.toml`: every key, its default and what it is for.
//!
//! Order: the defaults below → the file → environment variables `PRIM_GATEWAY_<SECTION>_<KEY>` (for keys outside
//! a section `PRIM_GATEWAY_<KEY>`). The database's URL comes from `DATABASE_URL` or from a file, never from here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use prim_ids::InstanceName;
use serde::Deserialize;

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

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadConfigError {
    /// The file cannot be read.
    #[error("read the configuration {}: name the file with --config", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A key is unknown, missing or of the wrong kind; the source names it, its line and what is allowed.
    #[error("understand the configuration {}: correct the key named below", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Which key and why.
        #[source]
        source: toml::de::Error,
    },
    /// A value that cannot work.
    #[error("use configuration key {key}: {why}")]
    Value {
        /// The key.
        key: &'static str,
        /// Why, and what to do.
        why: String,
    },
    /// No database was named.
    #[error("find the database: set DATABASE_URL, or database.url_file to a file that holds the URL")]
    NoDatabase,
    /// The database is far away and unprotected.
    #[error(
        "use the database at {host}: it is on another machine and its certificate is not verified; add \
         ?sslmode=verify-full&sslrootcert=<file> to the URL, or set database.allow_unverified_tls = true"
    )]
    Unverified {
        /// Where it is.
        host: String,
    },
    /// The URL is none. (It is not shown: it holds a password.)
    #[error("understand the database's URL: want postgres://user:password@host:port/database")]
    BadUrl,
    /// The URL is of something else.
    #[error(
        "use the database's URL: it begins with {scheme}://, and only Postgres will do: \
         postgres://user:password@host:port/database"
    )]
    NotPostgres {
        /// What it begins with.
        scheme: String,
    },
}

impl Config {
    /// Reads the file and the environment.
    ///
    /// # Errors
    /// Each names the key or file and says what to do.
    pub fn read(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ReadConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ReadConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path, environment)
    }

    fn parse(
        text: &str,
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ReadConfigError> {
        let parse = |source| ReadConfigError::Parse { path: path.to_owned(), source };
        // The file alone first: its errors then carry line numbers.
        let file: toml::Table = toml::from_str(text).map_err(parse)?;
        let mut table = file.clone();
        overlay(&mut table, environment);
        let config: Self = if table == file {
            toml::from_str(text).map_err(parse)?
        } else {
            table.try_into().map_err(parse)?
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ReadConfigError> {
        let wrong = |key, why: &str| Err(ReadConfigError::Value { key, why: why.to_owned() });
        if !self.http.listen.ip().is_loopback() {
            return wrong(
                "http.listen",
                "/health and /metrics have no login, so they listen on this machine only; use a loopback address such \
                 as 127.0.0.1:9600, and a reverse proxy with authentication before it for readers elsewhere",
            );
        }
        if self.database.pool < 3 {
            return wrong(
                "database.pool",
                "ingest, worker and health need one connection each; use 3 or more",
            );
        }
        if !(1..=1000).contains(&self.ingest.window) {
            return wrong("ingest.window", "use 1 to 1000 batches");
        }
        if self.ingest.group_rows < prim_proto::MAX_BATCH_ROWS {
            return wrong("ingest.group_rows", "one whole batch must fit; use 500 or more");
        }
        if self.worker.poll_ms == 0 {
            return wrong("worker.poll_ms", "use 1 millisecond or more");
        }
        Ok(())
    }

    /// The database's URL: from the file named in the configuration, else `from_environment`.
    ///
    /// # Errors
    /// When there is none, or it leads to another machine without verified TLS.
    pub fn database_url(&self, from_environment: Option<String>) -> Result<String, ReadConfigError> {
        let url = match &self.database.url_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|source| ReadConfigError::Read { path: path.clone(), source })?
                .trim()
                .to_owned(),
            None => from_environment.filter(|url| !url.is_empty()).ok_or(ReadConfigError::NoDatabase)?,
        };
        // The library takes any scheme for its own.
        match url.split_once("://") {
            Some(("postgres" | "postgresql", _)) => {}
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                return Err(ReadConfigError::NotPostgres { scheme: scheme.to_owned() });
            }
            Some(_) | None => return Err(ReadConfigError::BadUrl),
        }
        let options: sqlx::postgres::PgConnectOptions = url.parse().map_err(|_| ReadConfigError::BadUrl)?;
        let host = options.get_host();
        let near = host.starts_with('/')
            || host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let verified = matches!(options.get_ssl_mode(), sqlx::postgres::PgSslMode::VerifyFull);
        if near || verified || self.database.allow_unverified_tls {
            Ok(url)
        } else {
            Err(ReadConfigError::Unverified { host: host.to_owned() })
        }
    }
}

/// Puts `PRIM_GATEWAY_HTTP_LISTEN` over `http.listen`, `PRIM_GATEWAY_INSTANCE` over `instance`, and so on.
fn overlay(table: &mut toml::Table, environment: impl IntoIterator<Item = (String, String)>) {
    const SECTIONS: [&str; 7] = ["database", "broker", "http", "store", "audit", "ingest", "worker"];
    for (name, text) in environment {
        let Some(rest) = name.strip_prefix("PRIM_GATEWAY_") else { continue };
        let rest = rest.to_ascii_lowercase();
        if rest == "config" {
            continue;
        }
        let value = match (text.parse::<i64>(), text.parse::<bool>()) {
            (Ok(number), _) => toml::Value::Integer(number),
            (Err(_), Ok(yes)) => toml::Value::Boolean(yes),
            (Err(_), Err(_)) => toml::Value::String(text),
        };
        let section = SECTIONS
            .iter()
            .find_map(|section| Some((*section, rest.strip_prefix(section)?.strip_prefix('_')?)));
        match section {
            Some((section, key)) => {
                let inner = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
                if let toml::Value::Table(inner) = inner {
                    inner.insert(key.to_owned(), value);
                }
            }
            None => {
                table.insert(rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ReadConfigError> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Config::parse(text, Path::new("gateway.toml"), environment)
    }

    fn chain(error: &dyn std::error::Error) -> String {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        text
    }

    #[test]
    fn the_shortest_file_gets_the_documented_defaults() {
        let config = parse("instance = \"gw-1\"", &[]).unwrap();
        assert_eq!(config.http.listen.to_string(), "127.0.0.1:9600");
        assert_eq!(config.database.pool, 10);
        assert!(config.broker.is_none());
    }

    #[test]
    fn the_example_file_shows_every_default() {
        let example = parse(include_str!("../gateway.example.toml"), &[]).unwrap();
        let bare = parse("instance = \"gw-1\"", &[]).unwrap();
        assert_eq!(format!("{:?}", example.database), format!("{:?}", bare.database));
        assert_eq!(format!("{:?}", example.ingest), format!("{:?}", bare.ingest));
        assert_eq!(format!("{:?}", example.worker), format!("{:?}", bare.worker));
        assert_eq!(example.http.listen, bare.http.listen);
        let broker = example.broker.unwrap();
        assert_eq!((broker.host.as_str(), broker.port), ("127.0.0.1", 8883));
        assert!(example.store.is_some() && example.audit.is_some());
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_what_is_allowed() {
        let error = parse("instance = \"gw-1\"\n[http]\nlisen = \"127.0.0.1:1\"\n", &[]).unwrap_err();
        let text = chain(&error);
        assert!(text.contains("lisen") && text.contains("listen") && text.contains("line 3"), "{text}");
    }

    #[test]
    fn a_wrong_kind_of_value_is_named() {
        let text = chain(&parse("instance = \"gw-1\"\n[database]\npool = \"many\"\n", &[]).unwrap_err());
        assert!(text.contains("pool"), "{text}");
        let text = chain(&parse("instance = \"Gateway 1\"", &[]).unwrap_err());
        assert!(text.contains("a-z"), "{text}");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let over = [
            ("PRIM_GATEWAY_HTTP_LISTEN", "127.0.0.1:7"),
            ("PRIM_GATEWAY_WORKER_QUIET_MS", "5"),
            ("HOME", "/"),
        ];
        let config = parse("instance = \"gw-1\"", &over).unwrap();
        assert_eq!(config.http.listen.port(), 7);
        assert_eq!(config.worker.quiet_ms, 5);
        let text = chain(&parse("instance = \"gw-1\"", &[("PRIM_GATEWAY_HTTP_LISEN", "x")]).unwrap_err());
        assert!(text.contains("lisen"), "{text}");
    }

    #[test]
    fn a_page_that_others_could_reach_is_refused_with_what_to_do() {
        for listen in ["0.0.0.0:9600", "[::]:9600", "192.168.1.2:9600"] {
            let error = parse("instance = \"gw-1\"", &[("PRIM_GATEWAY_HTTP_LISTEN", listen)]).unwrap_err();
            let text = error.to_string();
            assert!(
                text.contains("http.listen") && text.contains("reverse proxy with authentication"),
                "{text}"
            );
        }
        assert!(parse("instance = \"gw-1\"\n[http]\nlisten = \"[::1]:0\"", &[]).is_ok());
    }

    #[test]
    fn a_far_database_needs_verified_tls() {
        let config = parse("instance = \"gw-1\"", &[]).unwrap();
        let url = |url: &str| config.database_url(Some(url.to_owned()));
        assert!(url("postgres://me@127.0.0.1/prim").is_ok());
        assert!(url("postgres://me@db.example.org/prim?sslmode=verify-full").is_ok());
        assert!(matches!(url("postgres://me@db.example.org/prim"), Err(ReadConfigError::Unverified { .. })));
        let secret = url("postgres//:hunter2").unwrap_err().to_string();
        assert!(!secret.contains("hunter2"), "{secret}");
        let other = url("mysql://root:hunter2@localhost/prim").unwrap_err().to_string();
        assert!(other.contains("mysql://, and only Postgres") && !other.contains("hunter2"), "{other}");
        assert!(matches!(config.database_url(None), Err(ReadConfigError::NoDatabase)));
    }
}
