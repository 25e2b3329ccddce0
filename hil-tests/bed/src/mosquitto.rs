//! A Mosquitto with mutual TLS, and a small world of certificates to go with it.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use nix::sys::signal::Signal;
use prim_identity::{
    Authority, Broker, BrokerFiles, Identity, IssueError, Validity, write_private, write_public,
};
use prim_ids::{InstanceName, WallTime};

use crate::StartError;
use crate::account::Account;
use crate::process::{Guarded, find, free_port, last_words};

const PROGRAM: &str = "mosquitto";
const START_LIMIT: Duration = Duration::from_secs(20);

/// An authority and a broker's identity for loopback, valid for a month from now.
#[derive(Debug)]
pub struct World {
    /// Issues further certificates.
    pub authority: Authority,
    /// The broker's.
    pub broker: Identity,
    /// For further certificates.
    pub validity: Validity,
}

impl World {
    /// A new one.
    ///
    /// # Errors
    /// When the machine's clock shows no usable time.
    pub fn create() -> Result<Self, IssueError> {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = WallTime::from_unix_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
        let validity = Validity::days_from(now, 30);
        let authority = Authority::create("Test bed", validity)?;
        let broker = authority.issue_broker(&["localhost", "127.0.0.1"], validity)?;
        Ok(Self { authority, broker, validity })
    }
}

/// How to start it.
#[derive(Debug, Clone)]
pub struct MosquittoOptions {
    /// The port; a free one when `None`.
    pub port: Option<u16>,
    /// The authority's certificate.
    pub ca_pem: String,
    /// The broker's certificate and key.
    pub identity: Identity,
    /// The gateways that may read what devices send.
    pub gateways: Vec<InstanceName>,
    /// The largest packet.
    pub max_packet_bytes: u32,
}

impl MosquittoOptions {
    /// For `world`, with the gateways named, packets of at most 2 MiB, on a free port.
    #[must_use]
    pub fn of(world: &World, gateways: &[InstanceName]) -> Self {
        Self {
            port: None,
            ca_pem: world.authority.certificate_pem().to_owned(),
            identity: world.broker.clone(),
            gateways: gateways.to_vec(),
            max_packet_bytes: 2 << 20,
        }
    }
}

/// A running (or stopped, or killed) broker.
#[derive(Debug)]
pub struct Mosquitto {
    program: PathBuf,
    account: Account,
    folder: PathBuf,
    port: u16,
    process: Option<Guarded>,
}

impl Mosquitto {
    /// Starts a broker whose files lie in `folder/mosquitto`.
    ///
    /// # Errors
    /// When the program is missing, the folder is closed to its account, or it does not come up.
    pub fn start(folder: &Path, options: &MosquittoOptions) -> Result<Self, StartError> {
        let mut last = None;
        for _ in 0..if options.port.is_some() { 1 } else { 5 } {
            let mut broker = Self::prepare(folder, options)?;
            match broker.restart() {
                Ok(()) => return Ok(broker),
                Err(error) => last = Some(error),
            }
        }
        Err(last.expect("at least one attempt was made"))
    }

    fn prepare(folder: &Path, options: &MosquittoOptions) -> Result<Self, StartError> {
        let program = program()?;
        let account = Account::unprivileged();
        let folder = folder.join("mosquitto");
        account.own_folder(&folder)?;
        let files = BrokerFiles::in_folder(&folder);
        let port = options.port.unwrap_or_else(free_port);
        let broker = Broker {
            listen: Ipv4Addr::LOCALHOST.into(),
            port,
            gateways: options.gateways.clone(),
            files: files.clone(),
            max_packet_bytes: options.max_packet_bytes,
        };
        let prepare = |source| StartError::Prepare { path: folder.clone(), source };
        let write = || {
            write_public(&files.ca, &options.ca_pem)?;
            write_public(&files.certificate, &options.identity.certificate_pem)?;
            write_private(&files.key, &options.identity.key_pem)?;
            write_private(&files.access_list, &broker.access_list())?;
            write_public(&folder.join("mosquitto.conf"), &broker.config())
        };
        write().map_err(|error| prepare(std::io::Error::other(error)))?;
        std::fs::create_dir_all(&files.data).map_err(prepare)?;
        account.give(&folder).map_err(prepare)?;
        Ok(Self { program, account, folder, port, process: None })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process's id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Guarded::pid)
    }

    /// Starts it again on the same port, with what it had saved.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn restart(&mut self) -> Result<(), StartError> {
        self.stop();
        let log = self.folder.join("mosquitto.log");
        let prepare = |source| StartError::Prepare { path: log.clone(), source };
        std::fs::File::options().create(true).append(true).open(&log).map_err(prepare)?;
        self.account.give(&log).map_err(prepare)?;
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).arg("-c").arg(self.folder.join("mosquitto.conf"));
        let mut process =
            Guarded::spawn(&mut command, self.account, &log, Signal::SIGTERM).map_err(prepare)?;
        let limit = Instant::now() + START_LIMIT;
        let failed = |what: String| StartError::Failed { program: PROGRAM, what, log: last_words(&log) };
        while TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, self.port).into(), Duration::from_secs(1))
            .is_err()
        {
            if let Some(status) = process.status() {
                return Err(failed(format!("it ended at once ({status}) on port {}", self.port)));
            }
            if Instant::now() > limit {
                return Err(failed(format!("no answer within {} s", START_LIMIT.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // The port may be another program's: ours must still be alive when it answers.
        if let Some(status) = process.status() {
            return Err(failed(format!("it ended at once ({status}); port {} is another's", self.port)));
        }
        self.process = Some(process);
        Ok(())
    }

    /// Stops it in good order; it saves what it retains.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop();
        }
    }

    /// SIGKILL.
    pub fn kill_group(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill_group();
        }
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.stop();
    }
}

fn program() -> Result<PathBuf, StartError> {
    let named = std::env::var_os("PRIM_MOSQUITTO_BIN").filter(|value| !value.is_empty()).map(PathBuf::from);
    let folders = match named {
        Some(program) if program.is_file() => return Ok(program),
        Some(program) => vec![program],
        None => ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"].map(PathBuf::from).to_vec(),
    };
    find(&folders, PROGRAM).map(|folder| folder.join(PROGRAM)).ok_or_else(|| StartError::Missing {
        program: PROGRAM,
        looked: folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", "),
    })
}
