//! Making an organisation, a workspace, users and devices; running it twice changes nothing.

use prim_ids::{DeviceName, OrgId, OrgName, UserId, WorkspaceId};
use prim_proto::PublicKey;
use sqlx::{Acquire as _, Row as _};

use crate::clock;
use crate::db::{ConnectError, Database, Role};

/// What should be there.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The organisation's name in topics.
    pub org: OrgName,
    /// Its name for people.
    pub org_display_name: String,
    /// A workspace.
    pub workspace: String,
    /// Users: e-mail, display name, role. They get no password: none of ours is a default.
    pub users: Vec<(String, String, String)>,
    /// Devices with the public half of their audit key.
    pub devices: Vec<(DeviceName, PublicKey)>,
}

/// What was found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded {
    /// The organisation's id.
    pub org_id: String,
    /// The workspace's id.
    pub workspace_id: String,
    /// Ids of the devices, in the order given.
    pub device_ids: Vec<String>,
}

/// Why nothing was seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// No database.
    #[error("reach the database to seed it")]
    Connect {
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// The database said no.
    #[error("seed {what}")]
    Refused {
        /// What was being made.
        what: String,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// Another key is enrolled.
    #[error(
        "seed device {device}: another audit key is enrolled for it; keys change only by a rotation that the old \
         key signs, so give it the key it had, or enrol a device under another name"
    )]
    OtherKey {
        /// The device.
        device: DeviceName,
    },
}

/// Makes what is missing, in one transaction.
///
/// # Errors
/// When the database refuses, or a device is enrolled with another key.
pub async fn seed(database: &Database, seed: &Seed) -> Result<Seeded, SeedError> {
    let mut connection =
        database.connect(Role::Owner).await.map_err(|source| SeedError::Connect { source })?;
    let refused = |what: &str| {
        let what = what.to_owned();
        move |source| SeedError::Refused { what, source }
    };
    let mut tx = connection.begin().await.map_err(refused("anything"))?;
    let (now, random) = (clock::now(), || rand::random::<u128>());
    let org_id: String = sqlx::query(
        "WITH made AS (INSERT INTO organisations (id, name, display_name) VALUES ($1, $2, $3)
                       ON CONFLICT (name) DO NOTHING RETURNING id)
         SELECT id FROM made UNION ALL SELECT id FROM organisations WHERE name = $2 LIMIT 1",
    )
    .bind(OrgId::from_parts(now, random()).to_string())
    .bind(seed.org.as_str())
    .bind(&seed.org_display_name)
    .fetch_one(&mut *tx)
    .await
    .and_then(|row| row.try_get(0))
    .map_err(refused("the organisation"))?;
    let workspace_id: String = sqlx::query(
        "WITH made AS (INSERT INTO workspaces (org_id, id, name) VALUES ($1, $2, $3)
                       ON CONFLICT (org_id, name) DO NOTHING RETURNING id)
         SELECT id FROM made UNION ALL SELECT id FROM workspaces WHERE org_id = $1 AND name = $3 LIMIT 1",
    )
    .bind(&org_id)
    .bind(WorkspaceId::from_parts(now, random()).to_string())
    .bind(&seed.workspace)
    .fetch_one(&mut *tx)
    .await
    .and_then(|row| row.try_get(0))
    .map_err(refused("the workspace"))?;
    for (email, name, role) in &seed.users {
        sqlx::query(
            "INSERT INTO users (org_id, id, email, display_name, role) VALUES ($1, $2, lower($3), $4, $5)
             ON CONFLICT (org_id, email) DO NOTHING",
        )
        .bind(&org_id)
        .bind(UserId::from_parts(now, random()).to_string())
        .bind(email)
        .bind(name)
        .bind(role)
        .execute(&mut *tx)
        .await
        .map_err(refused("a user; the role must be owner, manager, member or guest"))?;
    }
    let mut device_ids = Vec::with_capacity(seed.devices.len());
    for (device, key) in &seed.devices {
        let what = format!("device {device}");
        let id: String = sqlx::query(
            "WITH made AS (INSERT INTO devices (org_id, id, name) VALUES ($1, $2, $3)
                           ON CONFLICT (org_id, name) DO NOTHING RETURNING id)
             SELECT id FROM made UNION ALL SELECT id FROM devices WHERE org_id = $1 AND name = $3 LIMIT 1",
        )
        .bind(&org_id)
        .bind(prim_ids::RecordId::from_parts(now, random()).to_string())
        .bind(device.as_str())
        .fetch_one(&mut *tx)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(refused(&what))?;
        let known: Vec<Vec<u8>> =
            sqlx::query_scalar("SELECT public_key FROM device_keys WHERE device_id = $1")
                .bind(&id)
                .fetch_all(&mut *tx)
                .await
                .map_err(refused(&what))?;
        if known.is_empty() {
            sqlx::query(
                "INSERT INTO device_keys (org_id, device_id, public_key, position) VALUES ($1, $2, $3, 0)",
            )
            .bind(&org_id)
            .bind(&id)
            .bind(&key.to_bytes()[..])
            .execute(&mut *tx)
            .await
            .map_err(refused(&what))?;
        } else if !known.iter().any(|known| known[..] == key.to_bytes()) {
            return Err(SeedError::OtherKey { device: device.clone() });
        }
        device_ids.push(id);
    }
    tx.commit().await.map_err(refused("anything"))?;
    Ok(Seeded { org_id, workspace_id, device_ids })
}
