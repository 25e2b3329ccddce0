//! Making an organisation, a workspace, users and devices; running it twice changes nothing.

use prim_ids::{DeviceName, OrgId, OrgName, UserId, WorkspaceId};
use prim_proto::PublicKey;
use sqlx::{Acquire as _, Row as _};

use crate::clock;
use crate::db::{ConnectError, Database, Role};
use crate::fault::Fault;

/// The longest name of an organisation, a workspace or a person, in characters; the columns hold no more.
const LONGEST_NAME: usize = 200;
/// The longest e-mail address (RFC 5321).
const LONGEST_EMAIL: usize = 254;
const ROLES: [&str; 4] = ["owner", "manager", "member", "guest"];

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
    /// A value that cannot stand in the database; nothing was asked of it.
    #[error("seed {what} {value:?}: {why}")]
    Value {
        /// What it is.
        what: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it, and what would do.
        why: String,
    },
    /// The database said no.
    #[error("seed {what}")]
    Refused {
        /// What was being made.
        what: String,
        /// Why.
        #[source]
        source: Fault,
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

impl Seed {
    fn check(&self) -> Result<(), SeedError> {
        name("the organisation's name for people", &self.org_display_name)?;
        name("the workspace", &self.workspace)?;
        for (email, display_name, role) in &self.users {
            name("a user's name", display_name)?;
            let halves: Vec<&str> = email.split('@').collect();
            let whole = halves.len() == 2 && halves.iter().all(|half| !half.is_empty());
            if !whole || email.contains(char::is_whitespace) || email.chars().count() > LONGEST_EMAIL {
                let why = format!("want one such as ana@example.org, {LONGEST_EMAIL} characters at most");
                return Err(SeedError::Value { what: "a user's e-mail address", value: email.clone(), why });
            }
            if !ROLES.contains(&role.as_str()) {
                let why = format!("want one of {}", ROLES.join(", "));
                return Err(SeedError::Value { what: "a user's role", value: role.clone(), why });
            }
        }
        Ok(())
    }
}

fn name(what: &'static str, value: &str) -> Result<(), SeedError> {
    let why = if value.trim().is_empty() {
        format!("it is empty; use 1 to {LONGEST_NAME} characters")
    } else if value.chars().count() > LONGEST_NAME {
        format!("it is too long; use 1 to {LONGEST_NAME} characters")
    } else if value.chars().any(char::is_control) {
        "it holds a line break or another control character; leave that out".to_owned()
    } else {
        return Ok(());
    };
    Err(SeedError::Value { what, value: value.chars().take(LONGEST_NAME).collect(), why })
}

/// Makes what is missing, in one transaction.
///
/// # Errors
/// When a value cannot stand there, the database refuses, or a device is enrolled with another key.
pub async fn seed(database: &Database, seed: &Seed) -> Result<Seeded, SeedError> {
    seed.check()?;
    let mut connection =
        database.connect(Role::Owner).await.map_err(|source| SeedError::Connect { source })?;
    let refused = |what: &str| {
        let what = what.to_owned();
        move |error: sqlx::Error| SeedError::Refused { what, source: error.into() }
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
        .map_err(refused("a user"))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(workspace: &str, user: (&str, &str, &str)) -> String {
        let seed = Seed {
            org: "acme".parse().unwrap(),
            org_display_name: "Acme".to_owned(),
            workspace: workspace.to_owned(),
            users: vec![(user.0.to_owned(), user.1.to_owned(), user.2.to_owned())],
            devices: Vec::new(),
        };
        seed.check().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_value_that_cannot_stand_in_a_column_is_named_before_the_database_is_asked() {
        let ana = ("ana@example.org", "Ana", "owner");
        assert_eq!(checked("Main", ana), "");
        assert!(checked("", ana).contains("the workspace \"\": it is empty"));
        assert!(checked(&"x".repeat(201), ana).contains("too long; use 1 to 200"));
        assert!(checked("Main", ("ana@example.org", "A\nB", "owner")).contains("line break"));
        assert!(checked("Main", ("ana@b@c", "Ana", "owner")).contains("want one such as"));
        assert!(checked("Main", ("@example.org", "Ana", "owner")).contains("e-mail address"));
        assert!(
            checked("Main", ("ana@example.org", "Ana", "boss")).contains("owner, manager, member, guest")
        );
    }
}
