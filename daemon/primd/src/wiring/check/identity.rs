//! Whether the broker will let this device in, as far as that shows without asking it.

use std::path::Path;

use prim_identity::{
    CheckCertificateError, CheckKeyError, Role, certificate_faults, check_authority, load_key_of, valid_until,
};
use prim_ids::WallTime;

use super::report::Report;
use super::{MUTE_LINK, at, cannot};
use crate::certificate::{DAY_MS, SOON_DAYS};
use crate::config::{BrokerConfig, DeviceConfig};

const NO_TRUST: &str =
    "Without it this device believes no broker: nothing leaves it, and records pile up on it";
const STOLEN: &str = "Whoever can read it can pass as this device";
/// primd reads all three at its start, and stops when one is no certificate or key at all.
const NOT_EVEN: &str = "primd does not start without all three of ca, cert and key";

pub(super) fn look_at_broker(
    broker: &BrokerConfig,
    device: &DeviceConfig,
    now: WallTime,
    report: &mut Report,
) {
    let ca = look_at_authority(&broker.ca, now, report);
    let owner = Role::Device { org: device.org.clone(), device: device.name.clone() };
    let place = at(&broker.cert, "[broker] cert");
    let certificate = read(&broker.cert, &place, report);
    if let Some(certificate) = &certificate {
        look_at_certificate(certificate, ca.as_deref(), &owner, now, &place, report);
    }
    let place = at(&broker.key, "[broker] key");
    // Without a certificate it is only asked whether it is a key.
    match load_key_of(certificate.as_deref().unwrap_or_default(), &broker.key) {
        Ok(_) if certificate.is_some() => {
            report.ok(&place, "the certificate's key; only its owner may read it")
        }
        Ok(_) => report.ok(&place, "a key that only its owner may read"),
        Err(error @ CheckKeyError::OpenToOthers { .. }) => report.error(&place, cannot(&error), STOLEN),
        Err(
            error @ (CheckKeyError::Read { .. }
            | CheckKeyError::NotAKey { .. }
            | CheckKeyError::OtherCertificate { .. }),
        ) => report.error(&place, cannot(&error), NOT_EVEN),
    }
}

fn look_at_authority(path: &Path, now: WallTime, report: &mut Report) -> Option<String> {
    let place = at(path, "[broker] ca");
    let text = read(path, &place, report)?;
    match check_authority(&text, now) {
        Ok(()) => report.ok(&place, "the certificate of an authority"),
        Err(error) => report.error(&place, cannot(&error), NO_TRUST),
    }
    Some(text)
}

fn look_at_certificate(
    certificate: &str,
    ca: Option<&str>,
    owner: &Role,
    now: WallTime,
    place: &str,
    report: &mut Report,
) {
    let faults = certificate_faults(certificate, ca, owner, now);
    for fault in &faults {
        let is_none = matches!(fault, CheckCertificateError::NotACertificate { .. });
        report.error(place, cannot(fault), if is_none { NOT_EVEN } else { MUTE_LINK });
    }
    let Ok(until) = valid_until(certificate) else { return };
    if !faults.is_empty() {
        return;
    }
    let days_left = (until.unix_millis() - now.unix_millis()) / DAY_MS;
    if days_left < SOON_DAYS {
        let what = format!(
            "it expires in {days_left} days; have a new one issued and put it there: it is taken without a restart"
        );
        report.warn(place, what, "After that the broker refuses this device, and everything stays on it");
    } else {
        report.ok(place, format!("the certificate of {owner}; it holds for {days_left} days"));
    }
}

fn read(path: &Path, place: &str, report: &mut Report) -> Option<String> {
    match std::fs::read(path) {
        // What is no text is no PEM either, and is called so where it is parsed.
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) => {
            let what = format!(
                "cannot be read ({error}); check the path, and that the user who runs primd may read it"
            );
            report.error(place, what, NOT_EVEN);
            None
        }
    }
}
