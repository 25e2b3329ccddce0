//! Connections to Postgres, each wearing the role of its work.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::fault::Fault;
use crate::migrate;

/// How long an attempt to connect may take.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// As whom a connection works. The login is a member of the role and puts it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Owns every object: migrations, seeds.
    Owner,
    /// Serves people, one organisation at a time.
    App,
    /// Writes what devices send.
    Ingest,
    /// Makes artifacts, exports.
    Worker,
}

impl Role {
    /// The role's name in Postgres.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "prim_owner",
            Self::App => "prim_app",
            Self::Ingest => "prim_ingest",
            Self::Worker => "prim_worker",
        }
    }

    fn set(self) -> &'static str {
        match self {
            Self::Owner => "SET ROLE prim_owner",
            Self::App => "SET ROLE prim_app",
            Self::Ingest => "SET ROLE prim_ingest",
            Self::Worker => "SET ROLE prim_worker",
        }
    }
}

/// A database that cannot be reached or used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not there, or it refused.
    #[error("connect to Postgres")]
    Refused {
        /// Why, and what to do.
        #[source]
        source: Fault,
    },
    /// It did not answer in time.
    #[error(
        "connect to Postgres: no answer within {} s; check host and port in the database's URL, and what lies \
         between", CONNECT_LIMIT.as_secs()
    )]
    Silent,
    /// The roles are not there yet, or the login is no member.
    #[error("take the role {role}")]
    Role {
        /// Which role.
        role: &'static str,
        /// Why, and what to do.
        #[source]
        source: Fault,
    },
    /// The tables are not those this program was built for.
    #[error("use the database's schema")]
    Schema {
        /// Why, and what to do.
        #[source]
        source: Fault,
    },
    /// The same, and it says so itself.
    #[error(
        "use the database's schema: it stands at step {found}, this program needs {}; run `prim-gateway migrate up` \
         on this database",
        migrate::newest()
    )]
    OldSchema {
        /// The last step it has.
        found: i64,
    },
}

/// Where the database is and how connections behave.
#[derive(Debug, Clone)]
pub struct Database {
    options: PgConnectOptions,
}

impl Database {
    /// From a URL that [`crate::config::Config::database_url`] let pass.
    ///
    /// # Errors
    /// When the URL is none.
    pub fn new(url: &str, statement_timeout_ms: u32) -> Result<Self, crate::config::ReadConfigError> {
        let options: PgConnectOptions = url.parse().map_err(|_| crate::config::ReadConfigError::BadUrl)?;
        let options = options
            .application_name("prim-gateway")
            .options([
                ("statement_timeout", statement_timeout_ms.to_string()),
                ("lock_timeout", "5000".to_owned()),
                ("idle_in_transaction_session_timeout", "15000".to_owned()),
                ("timezone", "UTC".to_owned()),
            ])
            .log_statements(tracing::log::LevelFilter::Trace)
            .log_slow_statements(tracing::log::LevelFilter::Off, Duration::from_secs(1));
        Ok(Self { options })
    }

    /// One connection as `role`, to a database with the schema that this program needs.
    ///
    /// # Errors
    /// When the server is away, the role not granted, the schema missing or older.
    pub async fn connect(&self, role: Role) -> Result<PgConnection, ConnectError> {
        let mut connection = self.connect_as_login().await?;
        let refused = |source| ConnectError::Role { role: role.as_str(), source };
        connection.execute(role.set()).await.map_err(|error| refused(error.into()))?;
        let asked = sqlx::query_scalar("SELECT value FROM infra_meta WHERE key = 'migration'");
        let step: Option<String> = asked
            .fetch_optional(&mut connection)
            .await
            .map_err(|error| ConnectError::Schema { source: error.into() })?;
        let found = step.and_then(|step| step.parse().ok()).unwrap_or(0);
        // A newer schema is fine: it is changed in steps that the version before survives.
        if found < migrate::newest() { Err(ConnectError::OldSchema { found }) } else { Ok(connection) }
    }

    /// One connection as the login itself: only migrations need it, to make the roles.
    ///
    /// # Errors
    /// When the server is away.
    pub async fn connect_as_login(&self) -> Result<PgConnection, ConnectError> {
        tokio::time::timeout(CONNECT_LIMIT, self.options.connect())
            .await
            .map_err(|_| ConnectError::Silent)?
            .map_err(|error| ConnectError::Refused { source: error.into() })
    }

    /// A pool as `role` that connects when first used.
    #[must_use]
    pub fn pool(&self, role: Role, size: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(size)
            .min_connections(0)
            .acquire_timeout(CONNECT_LIMIT)
            .idle_timeout(Duration::from_secs(300))
            .after_connect(move |connection, _| {
                Box::pin(async move { connection.execute(role.set()).await.map(drop) })
            })
            .connect_lazy_with(self.options.clone())
    }
}
