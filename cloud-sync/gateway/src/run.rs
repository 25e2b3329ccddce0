//! The parts of a running gateway, started in order and stopped in order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use prim_identity::{
    CheckCertificateError, CheckKeyError, Role as CertificateRole, check_certificate, load_key_of,
};
use prim_proto::AuditKey;
use tokio::sync::{mpsc, watch};

use crate::clock;
use crate::config::{Broker, Config};
use crate::db::Database;
use crate::health::Health;
use crate::http;
use crate::ingest::{self, LinkSettings, LinkState, Store};
use crate::numbers;
use crate::worker;

/// A certificate that ends within this many days is told of at the start.
const SOON_DAYS: i64 = 14;

/// Which parts run in this process. `/health` and `/metrics` always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Take batches.
    pub ingest: bool,
    /// Make artifacts.
    pub worker: bool,
}

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A section this part needs.
    #[error("start {part}: gateway.toml has no section [{section}]; add it as in gateway.example.toml")]
    Section {
        /// Which part.
        part: &'static str,
        /// Which section.
        section: &'static str,
    },
    /// A file this part needs.
    #[error("read {key} = {}: check the path and that this user may read it", path.display())]
    File {
        /// Which key names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate cannot be used.
    #[error("use the certificate broker.cert")]
    Certificate {
        /// Why, and what to do.
        #[source]
        source: CheckCertificateError,
    },
    /// The certificate's key cannot be used.
    #[error("use the key broker.key")]
    Key {
        /// Why, and what to do.
        #[source]
        source: CheckKeyError,
    },
    /// The certificate is another's.
    #[error(
        "use the certificate broker.cert: it is for {found}, and this copy is gateway/{instance}; set instance, or name the right certificate"
    )]
    OthersCertificate {
        /// Whose it is.
        found: String,
        /// Who we are.
        instance: String,
    },
    /// The audit key cannot be used.
    #[error("use the key audit.key")]
    AuditKey {
        /// Why, and what to do.
        #[source]
        source: prim_identity::LoadAuditKeyError,
    },
    /// The port.
    #[error("open the page for machines")]
    Listen {
        /// Why, and what to do.
        #[source]
        source: http::ListenError,
    },
    /// The folder for artifacts.
    #[error("open the store")]
    Store {
        /// Why, and what to do.
        #[source]
        source: worker::OpenStoreError,
    },
    /// The numbers' recorder.
    #[error("record metrics")]
    Metrics {
        /// Why.
        #[source]
        source: metrics_exporter_prometheus::BuildError,
    },
}

/// Runs until `stop`, then lets what is under way finish (ten seconds at most).
///
/// # Errors
/// Before anything runs: what is wrong, and what to do.
pub async fn run(
    config: Config,
    database: Database,
    parts: Parts,
    stop: watch::Receiver<bool>,
) -> Result<(), StartError> {
    let listener = http::listen(config.http.listen).await.map_err(|source| StartError::Listen { source })?;
    let address = listener.local_addr().unwrap_or(config.http.listen);
    let metrics = numbers::install().map_err(|source| StartError::Metrics { source })?;
    // Before anything runs: what is wrong with it is told alone.
    let store = if parts.worker {
        let store = config.store.as_ref().ok_or(StartError::Section { part: "worker", section: "store" })?;
        Some(worker::open_store(&store.folder).map_err(|source| StartError::Store { source })?)
    } else {
        None
    };
    let mut tasks: Tasks = Vec::new();
    let broker = if parts.ingest {
        let (link_state, mut ingest_tasks) = start_ingest(&config, &database, &stop)?;
        tasks.append(&mut ingest_tasks);
        Some(link_state)
    } else {
        None
    };
    if let Some(store) = store {
        let work = worker::work(database.clone(), store, config.worker.clone(), stop.clone());
        tasks.push(("making the files of meetings", tokio::spawn(work)));
    }
    let health = Health::new(database.clone(), broker);
    tracing::info!(http.listen = %address, instance = %config.instance, ingest = parts.ingest, worker = parts.worker, "gateway started");
    http::serve(listener, health, metrics, stop).await;
    let by = tokio::time::Instant::now() + Duration::from_secs(10);
    for (what, task) in tasks {
        if tokio::time::timeout_at(by, task).await.is_err() {
            tracing::warn!(
                instance = %config.instance,
                part = what,
                "{what} did not finish within 10 s of the stop; what it had not acknowledged is done again at the next start"
            );
        }
    }
    tracing::info!("gateway stopped");
    Ok(())
}

/// Each with what it does, for the log.
type Tasks = Vec<(&'static str, tokio::task::JoinHandle<()>)>;

fn start_ingest(
    config: &Config,
    database: &Database,
    stop: &watch::Receiver<bool>,
) -> Result<(watch::Receiver<LinkState>, Tasks), StartError> {
    let broker = config.broker.as_ref().ok_or(StartError::Section { part: "ingest", section: "broker" })?;
    let key = audit_key(config, "ingest")?;
    let settings = link_settings(config, broker)?;
    // Presence says "no" until the database has answered once.
    let (takes_sender, takes) = watch::channel(false);
    let window = settings.window;
    // The link closes last: what is under way when the stop comes still gets its acknowledgement.
    let (close_sender, close) = watch::channel(false);
    let (link, link_task) = ingest::hold_link(settings, takes, close);
    let (sender, receiver) = mpsc::channel(1);
    let most = (config.ingest.group_rows / prim_proto::MAX_BATCH_ROWS).clamp(1, usize::from(window));
    let prepare = tokio::spawn(ingest::prepare(database.clone(), most, link.incoming, sender, stop.clone()));
    let store = Store::new(database.clone(), config.instance.clone(), key);
    let (instance, mailbox, stop) = (config.instance.clone(), link.mailbox, stop.clone());
    let rejected = config.ingest.rejected_per_minute;
    let deliver = tokio::spawn(async move {
        ingest::deliver(store, instance, rejected, mailbox, receiver, takes_sender, stop.clone()).await;
        let mut stop = stop;
        let _ = stop.wait_for(|stop| *stop).await;
        close_sender.send_replace(true);
        // Until the link has gone, it must be able to read the channel.
        close_sender.closed().await;
    });
    Ok((
        link.state,
        vec![
            ("looking devices up", prepare),
            ("storing batches", deliver),
            ("the link to the broker", link_task),
        ],
    ))
}

/// The gateway's audit key, as `part` needs it.
///
/// # Errors
/// When it is not configured or cannot be read.
pub fn audit_key(config: &Config, part: &'static str) -> Result<AuditKey, StartError> {
    let audit = config.audit.as_ref().ok_or(StartError::Section { part, section: "audit" })?;
    let key = prim_identity::AuditKey::load(&audit.key).map_err(|source| StartError::AuditKey { source })?;
    Ok(AuditKey::from(key.signing().clone()))
}

fn link_settings(config: &Config, broker: &Broker) -> Result<LinkSettings, StartError> {
    let read = |key, path: &Path| {
        std::fs::read(path).map_err(|source| StartError::File { key, path: path.to_owned(), source })
    };
    let (ca, certificate) = (read("broker.ca", &broker.ca)?, read("broker.cert", &broker.cert)?);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let facts = check_certificate(&text(&certificate), &text(&ca), clock::now())
        .map_err(|source| StartError::Certificate { source })?;
    let found = match facts.role {
        CertificateRole::Gateway { instance } if instance == config.instance => None,
        CertificateRole::Gateway { instance } => Some(format!("gateway/{instance}")),
        CertificateRole::Device { org, device } => Some(format!("device {org}/{device}")),
        CertificateRole::Server { name } => Some(name),
    };
    if let Some(found) = found {
        return Err(StartError::OthersCertificate { found, instance: config.instance.to_string() });
    }
    let key = load_key_of(&text(&certificate), &broker.key).map_err(|source| StartError::Key { source })?;
    let days_left = (facts.until.unix_millis() - clock::now().unix_millis()) / 86_400_000;
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits for ever")]
    let until_s = (facts.until.unix_millis() / 1000) as f64;
    metrics::gauge!("prim_broker_certificate_expiry_timestamp_seconds").set(until_s);
    if days_left < SOON_DAYS {
        tracing::warn!(
            days_left,
            instance = %config.instance,
            certificate = %broker.cert.display(),
            "the gateway's certificate expires in {days_left} days, and then no batch is taken: issue a new one, put it at \
             broker.cert and start the gateway again"
        );
    }
    Ok(LinkSettings {
        host: broker.host.clone(),
        port: broker.port,
        ca,
        certificate,
        key: key.into_bytes(),
        valid_until: facts.until,
        instance: config.instance.clone(),
        window: config.ingest.window,
    })
}
