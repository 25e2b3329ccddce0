//! The schema's steps, up and down.

use std::borrow::Cow;

use sqlx::migrate::{Migrate as _, Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqlSafeStr as _};

use crate::db::{ConnectError, Database};
use crate::fault::{Fault, causes};

macro_rules! steps {
    ($($version:literal $name:literal),+ $(,)?) => {
        &[$((
            $version,
            $name,
            include_str!(concat!("../migrations/", $name, ".up.sql")),
            include_str!(concat!("../migrations/", $name, ".down.sql")),
        )),+]
    };
}

/// Version, name, up, down.
const STEPS: &[(i64, &str, &str, &str)] =
    steps![1 "0001_tenants", 2 "0002_chains", 3 "0003_meetings", 4 "0004_views"];

/// A migration that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// No database.
    #[error("reach the database to migrate it")]
    Connect {
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// A step failed; the steps before it stay.
    #[error("migrate the database: {step}; it left nothing behind, the login must be able to make roles")]
    Step {
        /// Which.
        step: String,
        /// Why.
        #[source]
        source: Fault,
    },
    /// The steps do not fit the database's bookkeeping.
    #[error("migrate the database: {why}; use the program that migrated it last, or a newer one")]
    Unfit {
        /// In which way.
        why: String,
    },
    /// There is no such step to go back to.
    #[error("migrate the database down to step {target}: it stands at {at}; the steps are {steps}")]
    NoSuchStep {
        /// What was asked for.
        target: i64,
        /// The last step the database has.
        at: i64,
        /// What can be asked for.
        steps: String,
    },
    /// The database holds steps this program does not have, or the bookkeeping cannot be read.
    #[error("read which migrations the database has")]
    Status {
        /// Why.
        #[source]
        source: Fault,
    },
}

fn status_error(error: sqlx::Error) -> MigrateError {
    MigrateError::Status { source: error.into() }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library's enum grows; all others are of one kind")]
fn step_error(error: sqlx::migrate::MigrateError) -> MigrateError {
    use sqlx::migrate::MigrateError as Inner;
    let failed = |step, error: sqlx::Error| MigrateError::Step { step, source: error.into() };
    match error {
        Inner::Execute(error) => failed("a step failed".to_owned(), error),
        Inner::ExecuteMigration(error, version) => failed(format!("step {version} failed"), error),
        other => MigrateError::Unfit { why: causes(&other) },
    }
}

/// The last step this program knows.
#[must_use]
pub fn newest() -> i64 {
    STEPS.last().map_or(0, |step| step.0)
}

/// One step and whether the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub version: i64,
    /// Its name.
    pub name: &'static str,
    /// Whether it was run.
    pub applied: bool,
}

fn migrator() -> Migrator {
    let step = |version, name: &'static str, kind, sql: &'static str| {
        Migration::new(version, Cow::Borrowed(name), kind, sql.into_sql_str(), false)
    };
    let all = STEPS.iter().flat_map(|&(version, name, up, down)| {
        [
            step(version, name, MigrationType::ReversibleUp, up),
            step(version, name, MigrationType::ReversibleDown, down),
        ]
    });
    Migrator::with_migrations(all.collect())
}

/// Runs every step the database does not have.
///
/// # Errors
/// When a step fails, or a step already run was changed since.
pub async fn up(database: &Database) -> Result<(), MigrateError> {
    let mut connection =
        database.connect_as_login().await.map_err(|source| MigrateError::Connect { source })?;
    // The limits of everyday work are too short for a migration of a large table.
    connection.execute("SET statement_timeout = 0; SET lock_timeout = '30s'").await.map_err(status_error)?;
    migrator().run_direct(None, &mut connection, false).await.map_err(step_error)?;
    remember(&mut connection, newest()).await?;
    let _ = connection.close().await;
    Ok(())
}

/// Notes in the database how far it is and who brought it there.
async fn remember(connection: &mut PgConnection, step: i64) -> Result<(), MigrateError> {
    let build = format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    for (key, value) in [("build", build), ("migration", step.to_string())] {
        sqlx::query(
            "INSERT INTO infra_meta (key, value) VALUES ($1, $2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = now()
             WHERE infra_meta.value <> excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&mut *connection)
        .await
        .map_err(status_error)?;
    }
    Ok(())
}

/// Takes back every step above `target`; 0 takes back all, and the data with it. Gives back the names of what was
/// taken back, in that order.
///
/// # Errors
/// When the database does not stand at `target` or above, or a step fails.
pub async fn down(database: &Database, target: i64) -> Result<Vec<&'static str>, MigrateError> {
    let at = status(database).await?.iter().filter(|step| step.applied).map(|step| step.version).max();
    let at = at.unwrap_or(0);
    if !(0..=at).contains(&target) {
        let names: Vec<&str> = STEPS.iter().map(|step| step.1).collect();
        let steps = format!("0 (nothing left), {}", names.join(", "));
        return Err(MigrateError::NoSuchStep { target, at, steps });
    }
    let mut connection =
        database.connect_as_login().await.map_err(|source| MigrateError::Connect { source })?;
    let steps = migrator();
    let mut taken_back = Vec::new();
    connection.lock().await.map_err(step_error)?;
    let table = "_sqlx_migrations";
    connection.ensure_migrations_table(table).await.map_err(step_error)?;
    let applied = connection.list_applied_migrations(table).await.map_err(step_error)?;
    for migration in steps.iter().rev().filter(|m| m.migration_type.is_down_migration() && m.version > target)
    {
        if applied.iter().any(|done| done.version == migration.version) {
            connection.revert(table, migration).await.map_err(step_error)?;
            taken_back.extend(STEPS.iter().filter(|step| step.0 == migration.version).map(|step| step.1));
        }
    }
    connection.unlock().await.map_err(step_error)?;
    if target > 0 {
        remember(&mut connection, target).await?;
    }
    let _ = connection.close().await;
    Ok(taken_back)
}

/// Every step this program knows.
///
/// # Errors
/// When the database cannot be read.
pub async fn status(database: &Database) -> Result<Vec<Step>, MigrateError> {
    let mut connection =
        database.connect_as_login().await.map_err(|source| MigrateError::Connect { source })?;
    let there: bool = sqlx::query("SELECT to_regclass('_sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(status_error)?;
    let applied: Vec<i64> = if there {
        sqlx::query_scalar(AssertSqlSafe("SELECT version FROM _sqlx_migrations WHERE success"))
            .fetch_all(&mut connection)
            .await
            .map_err(status_error)?
    } else {
        Vec::new()
    };
    let _ = connection.close().await;
    Ok(STEPS
        .iter()
        .map(|&(version, name, ..)| Step { version, name, applied: applied.contains(&version) })
        .collect())
}
