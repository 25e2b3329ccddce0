//! Whether this copy can do its work, and if not, why.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use sqlx::PgConnection;
use tokio::sync::{Mutex, watch};

use crate::db::{Database, Role};
use crate::fault::causes;
use crate::ingest::LinkState;

/// How long a part may take to answer before it counts as down.
const LIMIT: Duration = Duration::from_secs(2);

/// The parts to ask.
#[derive(Debug, Clone)]
pub struct Health {
    database: Database,
    connection: Arc<Mutex<Option<PgConnection>>>,
    broker: Option<watch::Receiver<LinkState>>,
}

/// The answer, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `ok` or `failing`.
    pub status: &'static str,
    /// One for each part.
    pub checks: Vec<Check>,
}

/// How one part is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// `postgres` or `broker`.
    pub name: &'static str,
    /// Whether it works.
    pub ok: bool,
    /// Why not.
    pub reason: Option<String>,
}

impl Health {
    /// Postgres, and the broker where this copy needs one.
    #[must_use]
    pub fn new(database: Database, broker: Option<watch::Receiver<LinkState>>) -> Self {
        Self { database, connection: Arc::default(), broker }
    }

    /// Asks every part, each for two seconds at most.
    pub async fn report(&self) -> Report {
        let postgres = match tokio::time::timeout(LIMIT, self.ask_postgres()).await {
            Ok(reason) => reason,
            Err(_) => Some(format!("no answer within {} s", LIMIT.as_secs())),
        };
        let mut checks = vec![Check { name: "postgres", ok: postgres.is_none(), reason: postgres }];
        if let Some(broker) = &self.broker {
            let reason = match &*broker.borrow() {
                LinkState::Up => None,
                LinkState::Down(why) => Some(why.clone()),
            };
            checks.push(Check { name: "broker", ok: reason.is_none(), reason });
        }
        let status = if checks.iter().all(|check| check.ok) { "ok" } else { "failing" };
        Report { status, checks }
    }

    /// Why Postgres cannot be used; a connection that answers is kept for the next time.
    async fn ask_postgres(&self) -> Option<String> {
        let mut kept = self.connection.lock().await;
        if let Some(mut connection) = kept.take()
            && sqlx::query("SELECT 1 FROM infra_meta LIMIT 1").execute(&mut connection).await.is_ok()
        {
            *kept = Some(connection);
            return None;
        }
        match self.database.connect(Role::App).await {
            Ok(connection) => {
                *kept = Some(connection);
                None
            }
            Err(error) => Some(causes(&error)),
        }
    }
}
