//! A database of one's own, and a device that writes what a device writes.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod device;

use prim_bed::{Postgres, PostgresOptions};
use prim_gateway::db::Database;
use prim_gateway::{migrate, seed};
use prim_proto::AuditKey;
use sqlx::PgConnection;

pub struct Bed {
    pub folder: tempfile::TempDir,
    pub postgres: Postgres,
    pub database: Database,
}

/// A server with an empty database, that may forget when killed.
pub fn empty() -> Bed {
    open(PostgresOptions::default())
}

fn open(options: PostgresOptions) -> Bed {
    let folder = prim_bed::folder().unwrap();
    let postgres = Postgres::start(folder.path(), &options).unwrap_or_else(|e| panic!("{e}: {e:?}"));
    let database = Database::new(&postgres.url(), 10_000).unwrap();
    Bed { folder, postgres, database }
}

/// A server with the schema, and two organisations with a device each, both called huddle-1.
pub async fn furnished() -> Bed {
    furnish(empty()).await
}

/// The same on a server that keeps what it committed through a kill.
pub async fn durable() -> Bed {
    furnish(open(PostgresOptions { durable: true, ..PostgresOptions::default() })).await
}

async fn furnish(bed: Bed) -> Bed {
    migrate::up(&bed.database).await.unwrap();
    for (org, key) in [("acme", 1), ("rival", 2)] {
        enrol(&bed.database, org, "huddle-1", &AuditKey::from_seed([key; 32])).await;
    }
    bed
}

pub async fn enrol(database: &Database, org: &str, device: &str, key: &AuditKey) -> seed::Seeded {
    let seed = seed::Seed {
        org: org.parse().unwrap(),
        org_display_name: org.to_uppercase(),
        workspace: "Main".to_owned(),
        users: vec![("ana@example.org".to_owned(), "Ana".to_owned(), "owner".to_owned())],
        devices: vec![(device.parse().unwrap(), key.public())],
    };
    seed::seed(database, &seed).await.unwrap()
}

impl Bed {
    /// As the login: sees everything.
    pub async fn admin(&self) -> PgConnection {
        self.database.connect_as_login().await.unwrap()
    }

    pub fn count(&self, what: &str) -> i64 {
        self.text(&format!("SELECT count(*) FROM {what}")).parse().unwrap()
    }

    pub fn text(&self, query: &str) -> String {
        self.postgres.sql("prim", query).unwrap_or_else(|e| panic!("{e}: {query}"))
    }
}
