//! Whether this copy can do its work, and if not, why.

use std::time::Duration;

use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::watch;

use crate::ingest::LinkState;

/// How long a part may take to answer before it counts as down.
const LIMIT: Duration = Duration::from_secs(2);

/// The parts to ask.
#[derive(Debug, Clone)]
pub struct Health {
    /// Postgres.
    pub pool: PgPool,
    /// The broker, where this copy needs one.
    pub broker: Option<watch::Receiver<LinkState>>,
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
    /// Asks every part, each for two seconds at most.
    pub async fn report(&self) -> Report {
        let asked =
            tokio::time::timeout(LIMIT, sqlx::query("SELECT 1 FROM infra_meta LIMIT 1").execute(&self.pool));
        let postgres = match asked.await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
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
}
