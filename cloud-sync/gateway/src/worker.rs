//! Makes a meeting's files when it has ended, and again when something arrives late.
//!
//! A meeting counts what arrives for it; its files carry the count they were made at. So the work is found by a
//! comparison, doing it twice gives the same bytes, and a crash between file and row only does it again. An
//! advisory lock per meeting keeps two workers from doing the same at the same time.

mod load;
mod minutes;
mod render;
mod voices;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use sha2::{Digest as _, Sha256};
use sqlx::{PgPool, Row as _};
use tokio::sync::watch;

pub use load::{Item, Line, Meeting, Person, Task, Thing, Voice};
pub use render::{Artifact, render};

use crate::complaint::Complaint;
use crate::config::Worker;
use crate::db::{Database, Role};
use crate::fault::{Fault, causes};

/// A whole meeting is made within this, or tried again.
const MAKE_LIMIT: Duration = Duration::from_secs(60);
/// The question which meetings are due.
const DUE_LIMIT: Duration = Duration::from_secs(10);
/// A meeting that fails is left alone for this long, so that it does not starve the others.
const FAILED_PAUSE: Duration = Duration::from_secs(30);

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// The folder cannot be made.
    #[error("make the folder {}: check store.folder and its permissions", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The library refuses it.
    #[error("use the folder {}", folder.display())]
    Refused {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

/// A meeting's files were not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Postgres.
    #[error("read or mark the meeting")]
    Database {
        /// Why.
        #[source]
        source: Fault,
    },
    /// The store.
    #[error("put {name} into the store: look at the disk under store.folder and its owner")]
    Put {
        /// Which file.
        name: &'static str,
        /// Why.
        #[source]
        source: object_store::Error,
    },
}

impl From<sqlx::Error> for MakeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database { source: error.into() }
    }
}

/// Opens a folder of this machine as the store, making it when missing.
///
/// # Errors
/// When it cannot be made or used.
pub fn open_store(folder: &Path) -> Result<Arc<dyn ObjectStore>, OpenStoreError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| OpenStoreError::Folder { folder: folder.to_owned(), source })?;
    let store = LocalFileSystem::new_with_prefix(folder)
        .map_err(|source| OpenStoreError::Refused { folder: folder.to_owned(), source })?;
    Ok(Arc::new(store))
}

/// Looks for ended meetings until `stop`.
pub async fn work(
    database: Database,
    store: Arc<dyn ObjectStore>,
    config: Worker,
    mut stop: watch::Receiver<bool>,
) {
    let pool = database.pool(Role::Worker, 2);
    let mut complaint = Complaint::default();
    let mut failed: Vec<(String, std::time::Instant)> = Vec::new();
    loop {
        failed.retain(|(_, at)| at.elapsed() < FAILED_PAUSE);
        match tokio::time::timeout(DUE_LIMIT, due(&pool, config.quiet_ms)).await {
            Ok(Ok(meetings)) => {
                if complaint.is_over() {
                    tracing::info!("Postgres answers the worker again");
                }
                for (org_id, meeting_id) in meetings {
                    if *stop.borrow() {
                        return;
                    }
                    if failed.iter().any(|(id, _)| *id == meeting_id) {
                        continue;
                    }
                    let made =
                        tokio::time::timeout(MAKE_LIMIT, make(&pool, store.as_ref(), &org_id, &meeting_id));
                    match made.await {
                        Ok(Ok(true)) => {
                            metrics::counter!("prim_worker_meetings_total").increment(1);
                            tracing::info!(meeting.id = meeting_id, "artifacts made");
                        }
                        Ok(Ok(false)) => {}
                        Ok(Err(error)) => {
                            not_made(&org_id, &meeting_id, &causes(&error));
                            failed.push((meeting_id, std::time::Instant::now()));
                        }
                        Err(_) => {
                            let why = format!(
                                "neither Postgres nor the store was done within {} s; look at the load of both",
                                MAKE_LIMIT.as_secs()
                            );
                            not_made(&org_id, &meeting_id, &why);
                            failed.push((meeting_id, std::time::Instant::now()));
                        }
                    }
                }
            }
            Ok(Err(error)) => {
                // The pool tells only that it waited; a connection of one's own tells for what.
                let why = match database.connect(Role::Worker).await {
                    Err(error) => causes(&error),
                    Ok(_) => Fault::from(error).to_string(),
                };
                complain(&mut complaint, &why);
            }
            Err(_) => complain(&mut complaint, &format!("no answer within {} s", DUE_LIMIT.as_secs())),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(config.poll_ms)) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn not_made(org_id: &str, meeting_id: &str, why: &str) {
    metrics::counter!("prim_worker_failures_total").increment(1);
    tracing::error!(
        org.id = org_id,
        meeting.id = meeting_id,
        why,
        again_in_s = FAILED_PAUSE.as_secs(),
        "the files of meeting {meeting_id} are not made ({why}); what was there before stays, and it is tried again"
    );
}

fn complain(complaint: &mut Complaint, why: &str) {
    metrics::counter!("prim_postgres_failures_total").increment(1);
    if complaint.is_due(why, std::time::Instant::now()) {
        tracing::warn!(
            why,
            "no files of meetings are made: Postgres does not do its part ({why}); meetings wait, trying again"
        );
    }
}

/// Ended meetings whose files are older than what arrived, quiet for a while; the longest waiting first.
async fn due(pool: &PgPool, quiet_ms: u64) -> Result<Vec<(String, String)>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT org_id, id FROM meetings
         WHERE artifacts_at_change < changes AND ended_at IS NOT NULL
           AND changed_at < now() - make_interval(secs => $1::float8 / 1000)
         ORDER BY changed_at LIMIT 20",
    )
    .bind(i64::try_from(quiet_ms).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await?;
    rows.iter().map(|row| Ok((row.try_get("org_id")?, row.try_get("id")?))).collect()
}

/// Makes one meeting's files; `false` when another worker is at it or they are made already.
///
/// # Errors
/// When Postgres or the store refuses; nothing is marked as made then.
pub async fn make(
    pool: &PgPool,
    store: &dyn ObjectStore,
    org_id: &str,
    meeting_id: &str,
) -> Result<bool, MakeError> {
    let mut tx = pool.begin().await?;
    let ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))")
        .bind(format!("artifacts/{org_id}/{meeting_id}"))
        .fetch_one(&mut *tx)
        .await?;
    if !ours {
        return Ok(false);
    }
    let Some((meeting, changes)) = load::meeting(&mut tx, org_id, meeting_id).await? else {
        return Ok(false);
    };
    for Artifact { name, kind, mime, bytes } in render(&meeting) {
        let key = Key::from(format!("{}/{meeting_id}/{name}", meeting.org));
        let hash = Sha256::digest(&bytes);
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        store.put(&key, PutPayload::from(bytes)).await.map_err(|source| MakeError::Put { name, source })?;
        sqlx::query(
            "INSERT INTO artifacts (org_id, meeting_id, kind, name, uri, mime, size_bytes, content_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
             ON CONFLICT (org_id, meeting_id, name) DO UPDATE SET uri = excluded.uri,
                 size_bytes = excluded.size_bytes, content_hash = excluded.content_hash
             WHERE artifacts.content_hash <> excluded.content_hash",
        )
        .bind(org_id)
        .bind(meeting_id)
        .bind(kind)
        .bind(name)
        .bind(key.as_ref())
        .bind(mime)
        .bind(size)
        .bind(&hash[..])
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(
        "UPDATE meetings SET artifacts_at_change = $3 WHERE org_id = $1 AND id = $2 AND artifacts_at_change < $3",
    )
    .bind(org_id)
    .bind(meeting_id)
    .bind(changes)
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}
