//! From file and environment to a configuration that can be used, and the database's URL beside it.

use std::path::{Path, PathBuf};

use prim_settings::WrongSettings;

use super::{Config, KEYS};

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

    pub(super) fn parse(
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
