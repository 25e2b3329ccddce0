//! `gateway.toml`: every key, its default and what it is for.
//!
//! Order: the defaults below → the file → environment variables `PRIM_GATEWAY_<SECTION>_<KEY>` (for keys outside
//! a section `PRIM_GATEWAY_<KEY>`). The database's URL comes from `DATABASE_URL` or from a file, never from here.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use prim_ids::InstanceName;
use prim_settings::{Key, Unit, WrongSettings, path, reads_as, text, whole, yes_or_no};
use serde::Deserialize;

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
    /// The file is not TOML; the source names the line.
    #[error("understand the configuration {}: write it as the line below needs it", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: toml::de::Error,
    },
    /// Keys are unknown, missing, or have values that do not fit.
    #[error("use the configuration {}{}: {wrong}", path.display(), over_it(variables))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The variables of the environment that stand over it.
        variables: Vec<String>,
        /// Which keys, what is wrong with each, and what is accepted.
        wrong: WrongSettings,
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
        let file: toml::Table = toml::from_str(text).map_err(parse)?;
        let mut table = file.clone();
        let variables = overlay(&mut table, environment);
        // The file's lines say nothing of what the environment put over them.
        let lines = if variables.is_empty() { text } else { "" };
        prim_settings::check(&table, KEYS, lines).map_err(|wrong| ReadConfigError::Wrong {
            path: path.to_owned(),
            variables,
            wrong,
        })?;
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

fn over_it(variables: &[String]) -> String {
    if variables.is_empty() { String::new() } else { format!(" with {} over it", variables.join(", ")) }
}

/// Puts `PRIM_GATEWAY_HTTP_LISTEN` over `http.listen`, `PRIM_GATEWAY_INSTANCE` over `instance`, and so on; says which
/// variables it found.
fn overlay(table: &mut toml::Table, environment: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    const SECTIONS: [&str; 7] = ["database", "broker", "http", "store", "audit", "ingest", "worker"];
    let mut found = Vec::new();
    for (name, text) in environment {
        let Some(rest) = name.strip_prefix("PRIM_GATEWAY_") else { continue };
        let rest = rest.to_ascii_lowercase();
        if rest == "config" {
            continue;
        }
        found.push(name.clone());
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
    found
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

    fn fails_with(text: &str, environment: &[(&str, &str)]) -> String {
        chain(&parse(text, environment).unwrap_err())
    }

    #[test]
    fn the_example_file_shows_every_key_and_every_key_is_read() {
        let example: toml::Table =
            include_str!("../gateway.example.toml").replace("# url_file", "url_file").parse().unwrap();
        for key in KEYS {
            let found = key
                .name
                .split('.')
                .try_fold(toml::Value::Table(example.clone()), |at, step| at.get(step).cloned());
            assert!(found.is_some(), "the example does not show {}", key.name);
        }
        assert!(example.clone().try_into::<Config>().is_ok());
        for section in ["", "database", "broker", "http", "store", "audit", "ingest", "worker"] {
            let mut stray = example.clone();
            match stray.get_mut(section).and_then(toml::Value::as_table_mut) {
                Some(inner) => drop(inner.insert("zz".to_owned(), 1.into())),
                None => drop(stray.insert("zz".to_owned(), 1.into())),
            }
            let said = stray.try_into::<Config>().unwrap_err().to_string();
            let known = said.lines().next().and_then(|line| line.split_once("expected ")).unwrap().1;
            for name in known.split('`').skip(1).step_by(2) {
                let full = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
                let below = format!("{full}.");
                let listed = KEYS.iter().any(|key| key.name == full || key.name.starts_with(&below));
                assert!(listed, "{full} is read and not listed");
            }
        }
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line_and_what_is_allowed() {
        assert_eq!(
            fails_with("instance = \"gw-1\"\n[http]\nlisen = \"127.0.0.1:1\"\n", &[]),
            "use the configuration gateway.toml: [http] lisen (line 3) is no key, did you mean listen?; [http] takes listen"
        );
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_with_what_is_accepted() {
        assert_eq!(
            fails_with("instance = \"gw-1\"\n[worker]\nquiet_ms = \"5 s\"\n", &[]),
            "use the configuration gateway.toml: [worker] quiet_ms = \"5 s\" (line 3) is text; accepted is a whole number \
             of milliseconds from 0 to 86400000, without quotes and unit (5 s would be 5000), for example quiet_ms = 2000"
        );
        assert_eq!(
            fails_with("instance = \"gw-1\"\n[database]\npool = 2\n", &[]),
            "use the configuration gateway.toml: [database] pool = 2 (line 3) is out of range; accepted is a whole number \
             of connections from 3 to 1000, for example pool = 10"
        );
        assert_eq!(
            fails_with("instance = \"Gateway 1\"", &[]),
            "use the configuration gateway.toml: instance = \"Gateway 1\" (line 1) does not fit; accepted is 1 to 40 of \
             a-z, 0-9 and '-', beginning with a letter, in quotes, for example instance = \"gw-1\""
        );
    }

    #[test]
    fn what_the_environment_got_wrong_is_told_with_the_variable() {
        assert_eq!(
            fails_with("instance = \"gw-1\"", &[("PRIM_GATEWAY_HTTP_LISEN", "x")]),
            "use the configuration gateway.toml with PRIM_GATEWAY_HTTP_LISEN over it: [http] lisen is no key, did you mean \
             listen?; [http] takes listen"
        );
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
