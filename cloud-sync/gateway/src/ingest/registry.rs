//! Which devices there are, remembered for a few seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prim_proto::{DeviceAddress, PublicKey};
use sqlx::{PgConnection, Row as _};

use super::read::Device;

/// A device that was struck off stops within this time.
const FRESH: Duration = Duration::from_secs(10);
/// A device that is not there is asked for again after this time.
const FRESH_ABSENT: Duration = Duration::from_secs(2);
/// Entries at most; beyond it everything is forgotten and asked anew.
const MOST: usize = 20_000;

/// The registry's cache.
#[derive(Debug, Default)]
pub struct Registry {
    known: HashMap<DeviceAddress, (Instant, Option<Arc<Device>>)>,
}

impl Registry {
    /// The device, from memory while that is fresh.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn get(
        &mut self,
        connection: &mut PgConnection,
        address: &DeviceAddress,
    ) -> Result<Option<Arc<Device>>, sqlx::Error> {
        if let Some((at, device)) = self.known.get(address) {
            let fresh = if device.is_some() { FRESH } else { FRESH_ABSENT };
            if at.elapsed() < fresh {
                return Ok(device.clone());
            }
        }
        self.load(connection, address).await
    }

    /// The device as it is now.
    ///
    /// # Errors
    /// When the database cannot say.
    pub async fn load(
        &mut self,
        connection: &mut PgConnection,
        address: &DeviceAddress,
    ) -> Result<Option<Arc<Device>>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT d.org_id, d.id, d.active AND o.active AS active,
                    array(SELECT k.public_key FROM device_keys k
                          WHERE k.device_id = d.id AND k.retired_at IS NULL) AS keys
             FROM devices d JOIN organisations o ON o.id = d.org_id WHERE o.name = $1 AND d.name = $2",
        )
        .bind(address.org.as_str())
        .bind(address.device.as_str())
        .fetch_optional(connection)
        .await?;
        let device = match row {
            None => None,
            Some(row) => {
                let keys: Vec<Vec<u8>> = row.try_get("keys")?;
                let keys =
                    keys.iter().filter_map(|key| PublicKey::from_bytes(key.as_slice().try_into().ok()?));
                Some(Arc::new(Device {
                    address: address.clone(),
                    org_id: row.try_get("org_id")?,
                    id: row.try_get("id")?,
                    active: row.try_get("active")?,
                    keys: keys.collect(),
                }))
            }
        };
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(address.clone(), (Instant::now(), device.clone()));
        Ok(device)
    }
}
