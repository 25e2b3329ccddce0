//! Who is who in the demo: an authority of its own, certificates for broker, gateway and device, and audit keys.
//! Made once per fresh run; none of it is for use elsewhere.
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use prim_identity::{AuditKey, Authority, Identity, Validity};
use prim_ids::{DeviceName, InstanceName, OrgName, WallTime};

/// Longer than anybody keeps a demo's data.
const VALID_DAYS: u32 = 30;

/// The names and files the other programs are given.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) org: OrgName,
    pub(crate) device: DeviceName,
    pub(crate) instance: InstanceName,
    pub(crate) ca_pem: String,
    pub(crate) broker: Identity,
    folder: PathBuf,
}

impl Keys {
    /// Load what the last run left, or make it.
    pub(crate) fn ready(folder: &Path) -> anyhow::Result<Self> {
        let (org, instance): (OrgName, InstanceName) = (name("demo")?, name("gw-1")?);
        let validity = Validity::days_from(now(), VALID_DAYS);
        let device_file = folder.join("device-name");
        let known = std::fs::read_to_string(&device_file).ok();
        let (authority, device) = if let Some(known) = known {
            (Authority::load(folder).context("read the last run's authority")?, name(known.trim())?)
        } else {
            // A name of its own for each fresh device: in a database that others fill, an old one has an old key.
            let device: DeviceName = name(&format!("huddle-{}", now().unix_millis() / 1000))?;
            let authority = Authority::create("Demo", validity).context("make the authority")?;
            authority.write(folder).context("write the authority")?;
            authority
                .issue_device(&org, &device, validity)
                .context("issue the device's certificate")?
                .write(folder, "device")?;
            authority
                .issue_gateway(&instance, validity)
                .context("issue the gateway's certificate")?
                .write(folder, "gateway")?;
            AuditKey::generate().write(folder, "device-audit")?;
            AuditKey::generate().write(folder, "gateway-audit")?;
            std::fs::write(&device_file, device.as_str()).context("write the device's name")?;
            (authority, device)
        };
        let broker = authority
            .issue_broker(&["localhost", "127.0.0.1"], validity)
            .context("issue the broker's certificate")?;
        let ca_pem = authority.certificate_pem().to_owned();
        Ok(Self { org, device, instance, ca_pem, broker, folder: folder.to_owned() })
    }

    /// `ca.pem`, `device.pem`, `device.key.pem`, `device-audit.pub.pem`, …
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

fn name<T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>>(
    text: &str,
) -> anyhow::Result<T> {
    text.parse().with_context(|| format!("use the name {text:?}"))
}

fn now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let first = Keys::ready(folder.path()).unwrap();
        let again = Keys::ready(folder.path()).unwrap();
        assert_eq!((&first.device, &first.ca_pem), (&again.device, &again.ca_pem));
        for name in
            ["device.pem", "device.key.pem", "gateway.pem", "device-audit.pub.pem", "gateway-audit.key.pem"]
        {
            assert!(again.file(name).is_file(), "{name}");
        }
    }
}
