//! Checking a certificate before it is used, so that a person reads the reason instead of a TLS alert.

use std::fmt;

use prim_ids::{DeviceName, InstanceName, OrgName, WallTime};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Whose certificate it is, by its common name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// `<org>/<device>`.
    Device {
        /// The organisation.
        org: OrgName,
        /// The device.
        device: DeviceName,
    },
    /// `gateway/<instance>`.
    Gateway {
        /// The instance.
        instance: InstanceName,
    },
    /// Any other name: a broker.
    Server {
        /// The common name.
        name: String,
    },
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device { org, device } => write!(f, "the device {org}/{device}"),
            Self::Gateway { instance } => write!(f, "the gateway {instance}"),
            Self::Server { name } => write!(f, "\"{name}\", which is neither a device nor a gateway"),
        }
    }
}

/// What a valid certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Whose it is.
    pub role: Role,
    /// The serial number, hexadecimal.
    pub serial: String,
    /// From when.
    pub from: WallTime,
    /// Until when.
    pub until: WallTime,
}

/// Why a certificate cannot be used, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckCertificateError {
    /// The text is no certificate.
    #[error("read the {which} certificate: it is not a PEM certificate; check the file")]
    NotACertificate {
        /// "own" or "authority's".
        which: &'static str,
    },
    /// Issued by someone else.
    #[error(
        "use certificate {name}: it was not issued by the given authority; use the ca.pem that belongs to it, \
         or have a certificate issued by this authority"
    )]
    WrongAuthority {
        /// The common name.
        name: String,
    },
    /// Too late.
    #[error(
        "use certificate {name}: it expired {days_ago} days ago; issue a new one, or set the clock right"
    )]
    Expired {
        /// The common name.
        name: String,
        /// How long ago.
        days_ago: i64,
    },
    /// Too early.
    #[error("use certificate {name}: it is not valid for another {seconds} s; wait, or set the clock right")]
    NotYetValid {
        /// The common name.
        name: String,
        /// How long to wait.
        seconds: i64,
    },
    /// Another's, though it may be valid.
    #[error(
        "use certificate {name}: it is that of {found}, and this is {wanted}; the broker goes by the name in it, so use \
         the certificate issued for this one, with its own key, or correct the name in the configuration"
    )]
    OthersCertificate {
        /// The common name.
        name: String,
        /// Whose it is.
        found: Box<Role>,
        /// Whose it should be.
        wanted: Box<Role>,
    },
    /// A broker does not take it from a client.
    #[error(
        "use certificate {name}: it was issued for servers, not for clients; have one issued whose extended key usage is \
         clientAuth"
    )]
    NotForClients {
        /// The common name.
        name: String,
    },
    /// What should be an authority is somebody's certificate.
    #[error("trust the authority {name}: it may not issue certificates; name the authority's own (ca.pem)")]
    NotAnAuthority {
        /// Its common name.
        name: String,
    },
    /// The authority itself is out of its time.
    #[error("trust the authority {name}: it is outside its validity; make a new authority and issue again")]
    AuthorityOutOfTime {
        /// The authority's common name.
        name: String,
    },
}

/// Checks that `certificate_pem` was issued by (one of) `authority_pem` and holds at `now`.
///
/// # Errors
/// See [`CheckCertificateError`]; each says what to do.
pub fn check_certificate(
    certificate_pem: &str,
    authority_pem: &str,
    now: WallTime,
) -> Result<CertificateFacts, CheckCertificateError> {
    let own_der = first(certificate_pem, "own")?;
    let own = parse(&own_der, "own")?;
    let authorities = ders(authority_pem, "authority's")?;
    let fault = issuing_fault(&own, &authorities)?.or_else(|| time_fault(&own, now));
    fault.map_or_else(|| check_authority(authority_pem, now), Err)?;
    let wall = |seconds: i64| WallTime::from_unix_millis(seconds.saturating_mul(1000));
    Ok(CertificateFacts {
        role: role(&common_name(&own)),
        serial: own.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        from: wall(own.validity().not_before.timestamp()),
        until: wall(own.validity().not_after.timestamp()),
    })
}

/// Everything that keeps `owner` from being let in by a broker with `certificate_pem` at `now`. Without an authority
/// it is not asked who issued it; what is wrong with the authority itself, [`check_authority`] says.
#[must_use]
pub fn certificate_faults(
    certificate_pem: &str,
    authority_pem: Option<&str>,
    owner: &Role,
    now: WallTime,
) -> Vec<CheckCertificateError> {
    let look = || -> Result<Vec<CheckCertificateError>, CheckCertificateError> {
        let own_der = first(certificate_pem, "own")?;
        let own = parse(&own_der, "own")?;
        let name = common_name(&own);
        let found = role(&name);
        let mut faults = Vec::new();
        if found != *owner {
            let (found, wanted) = (Box::new(found), Box::new(owner.clone()));
            faults.push(CheckCertificateError::OthersCertificate { name, found, wanted });
        } else if !is_for_clients(&own) {
            faults.push(CheckCertificateError::NotForClients { name });
        }
        if let Some(authorities) = authority_pem.and_then(|pem| ders(pem, "authority's").ok()) {
            faults.extend(issuing_fault(&own, &authorities)?);
        }
        faults.extend(time_fault(&own, now));
        Ok(faults)
    };
    look().unwrap_or_else(|fault| vec![fault])
}

/// Checks that every certificate in `authority_pem` is one of an authority, and that one of them holds at `now`.
///
/// # Errors
/// See [`CheckCertificateError`]; each says what to do.
pub fn check_authority(authority_pem: &str, now: WallTime) -> Result<(), CheckCertificateError> {
    let now_s = now.unix_millis().div_euclid(1000);
    let mut past = None;
    let mut holds = false;
    for der in ders(authority_pem, "authority's")? {
        let authority = parse(&der, "authority's")?;
        let name = common_name(&authority);
        let times = authority.validity();
        if !authority.is_ca() {
            return Err(CheckCertificateError::NotAnAuthority { name });
        } else if (times.not_before.timestamp()..=times.not_after.timestamp()).contains(&now_s) {
            holds = true;
        } else {
            past = Some(CheckCertificateError::AuthorityOutOfTime { name });
        }
    }
    past.filter(|_| !holds).map_or(Ok(()), Err)
}

fn issuing_fault(
    own: &X509Certificate<'_>,
    authorities: &[Vec<u8>],
) -> Result<Option<CheckCertificateError>, CheckCertificateError> {
    for der in authorities {
        let authority = parse(der, "authority's")?;
        if authority.is_ca() && own.verify_signature(Some(authority.public_key())).is_ok() {
            return Ok(None);
        }
    }
    Ok(Some(CheckCertificateError::WrongAuthority { name: common_name(own) }))
}

fn time_fault(own: &X509Certificate<'_>, now: WallTime) -> Option<CheckCertificateError> {
    let name = common_name(own);
    let now_s = now.unix_millis().div_euclid(1000);
    let (from, until) = (own.validity().not_before.timestamp(), own.validity().not_after.timestamp());
    if now_s > until {
        Some(CheckCertificateError::Expired { name, days_ago: (now_s - until) / 86_400 })
    } else if now_s < from {
        Some(CheckCertificateError::NotYetValid { name, seconds: from - now_s })
    } else {
        None
    }
}

/// Without the extension it is for everything.
fn is_for_clients(own: &X509Certificate<'_>) -> bool {
    match own.extended_key_usage() {
        Ok(Some(usage)) => usage.value.any || usage.value.client_auth,
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Until when `certificate_pem` holds, whether that has passed or not.
///
/// # Errors
/// The text is no certificate.
pub fn valid_until(certificate_pem: &str) -> Result<WallTime, CheckCertificateError> {
    let der = first(certificate_pem, "own")?;
    let seconds = parse(&der, "own")?.validity().not_after.timestamp();
    Ok(WallTime::from_unix_millis(seconds.saturating_mul(1000)))
}

fn first(pem: &str, which: &'static str) -> Result<Vec<u8>, CheckCertificateError> {
    Ok(ders(pem, which)?.swap_remove(0))
}

/// Every certificate in `pem`, at least one.
fn ders(pem: &str, which: &'static str) -> Result<Vec<Vec<u8>>, CheckCertificateError> {
    let not_one = || CheckCertificateError::NotACertificate { which };
    let blocks: Result<Vec<Pem>, _> = Pem::iter_from_buffer(pem.as_bytes()).collect();
    let blocks = blocks.map_err(|_| not_one())?;
    let found: Vec<Vec<u8>> =
        blocks.into_iter().filter(|pem| pem.label == "CERTIFICATE").map(|pem| pem.contents).collect();
    if found.is_empty() { Err(not_one()) } else { Ok(found) }
}

fn parse<'a>(der: &'a [u8], which: &'static str) -> Result<X509Certificate<'a>, CheckCertificateError> {
    X509Certificate::from_der(der)
        .map(|(_, certificate)| certificate)
        .map_err(|_| CheckCertificateError::NotACertificate { which })
}

pub(crate) fn common_name(certificate: &X509Certificate<'_>) -> String {
    certificate
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .unwrap_or("without a name")
        .to_owned()
}

fn role(common_name: &str) -> Role {
    let server = || Role::Server { name: common_name.to_owned() };
    let Some((org, device)) = common_name.split_once('/') else { return server() };
    if org == "gateway" {
        return device.parse().map_or_else(|_| server(), |instance| Role::Gateway { instance });
    }
    match (org.parse(), device.parse()) {
        (Ok(org), Ok(device)) => Role::Device { org, device },
        (Err(_), _) | (_, Err(_)) => server(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Authority, Validity};

    const DAY_MS: i64 = 86_400_000;
    const NOW: WallTime = WallTime::from_unix_millis(1_790_000_000_000);

    fn at(days: i64) -> WallTime {
        WallTime::from_unix_millis(NOW.unix_millis() + days * DAY_MS)
    }

    fn world() -> (Authority, crate::Identity) {
        let authority = Authority::create("Test", Validity::days_from(NOW, 365)).unwrap();
        let device = authority
            .issue_device(
                &"acme".parse().unwrap(),
                &"huddle-1".parse().unwrap(),
                Validity::days_from(NOW, 90),
            )
            .unwrap();
        (authority, device)
    }

    #[test]
    fn a_device_certificate_names_organisation_and_device() {
        let (authority, device) = world();
        let facts = check_certificate(&device.certificate_pem, authority.certificate_pem(), NOW).unwrap();
        let org = "acme".parse().unwrap();
        assert_eq!(facts.role, Role::Device { org, device: "huddle-1".parse().unwrap() });
    }

    #[test]
    fn a_gateway_certificate_names_its_instance() {
        let (authority, _) = world();
        let made = authority.issue_gateway(&"gw-1".parse().unwrap(), Validity::days_from(NOW, 1)).unwrap();
        let facts = check_certificate(&made.certificate_pem, authority.certificate_pem(), NOW).unwrap();
        assert_eq!(facts.role, Role::Gateway { instance: "gw-1".parse().unwrap() });
    }

    #[test]
    fn a_device_of_an_organisation_called_gateway_is_refused() {
        let (authority, _) = world();
        let made = authority.issue_device(
            &"gateway".parse().unwrap(),
            &"gw-1".parse().unwrap(),
            Validity::days_from(NOW, 1),
        );
        assert!(matches!(made, Err(crate::IssueError::ReservedName)));
    }

    #[test]
    fn an_expired_certificate_says_so_and_what_to_do() {
        let (authority, device) = world();
        let error =
            check_certificate(&device.certificate_pem, authority.certificate_pem(), at(93)).unwrap_err();
        assert_eq!(error, CheckCertificateError::Expired { name: "acme/huddle-1".into(), days_ago: 3 });
        assert!(error.to_string().contains("issue a new one"), "{error}");
    }

    #[test]
    fn the_end_of_a_certificate_can_be_read_after_it_too() {
        let (_, device) = world();
        assert_eq!(valid_until(&device.certificate_pem), Ok(at(90)));
        assert!(valid_until("none").is_err());
    }

    #[test]
    fn a_certificate_from_tomorrow_is_not_yet_valid() {
        let (authority, device) = world();
        let error =
            check_certificate(&device.certificate_pem, authority.certificate_pem(), at(-1)).unwrap_err();
        assert!(matches!(error, CheckCertificateError::NotYetValid { seconds: 86_100, .. }), "{error:?}");
    }

    #[test]
    fn a_certificate_of_another_authority_is_named_as_such() {
        let (_, device) = world();
        let (other, _) = world();
        let error = check_certificate(&device.certificate_pem, other.certificate_pem(), NOW).unwrap_err();
        assert_eq!(error, CheckCertificateError::WrongAuthority { name: "acme/huddle-1".into() });
    }

    #[test]
    fn every_fault_of_a_certificate_is_named_at_once() {
        let (authority, device) = world();
        let ca = authority.certificate_pem();
        let one = Role::Device { org: "acme".parse().unwrap(), device: "huddle-1".parse().unwrap() };
        let two = Role::Device { org: "acme".parse().unwrap(), device: "huddle-2".parse().unwrap() };
        assert_eq!(certificate_faults(&device.certificate_pem, Some(ca), &one, NOW), []);
        let (other, _) = world();
        let faults = certificate_faults(&device.certificate_pem, Some(other.certificate_pem()), &two, at(93));
        let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(text.len(), 3, "{text:?}");
        assert!(text[0].contains("that of the device acme/huddle-1, and this is the device acme/huddle-2"));
        assert!(text[1].contains("not issued by the given authority"), "{text:?}");
        assert!(text[2].contains("expired 3 days ago"), "{text:?}");
    }

    #[test]
    fn the_certificate_of_a_gateway_or_a_broker_is_not_a_devices() {
        let (authority, device) = world();
        let ca = authority.certificate_pem();
        let owner = role(&device.name);
        let validity = Validity::days_from(NOW, 1);
        let gateway = authority.issue_gateway(&"gw-1".parse().unwrap(), validity).unwrap();
        let text = certificate_faults(&gateway.certificate_pem, Some(ca), &owner, NOW)[0].to_string();
        assert!(text.contains("that of the gateway gw-1"), "{text}");
        let broker = authority.issue_broker(&["localhost"], validity).unwrap();
        let text = certificate_faults(&broker.certificate_pem, Some(ca), &owner, NOW)[0].to_string();
        assert!(text.contains("neither a device nor a gateway"), "{text}");
        let fault = &certificate_faults(&broker.certificate_pem, Some(ca), &role("broker"), NOW)[0];
        assert!(matches!(fault, CheckCertificateError::NotForClients { .. }), "{fault}");
    }

    #[test]
    fn an_old_and_a_new_authority_may_stand_in_one_file_and_a_device_is_none() {
        let (old, _) = world();
        let (new, device) = world();
        let both = format!("{}{}", old.certificate_pem(), new.certificate_pem());
        check_certificate(&device.certificate_pem, &both, NOW).unwrap();
        let error = check_authority(&device.certificate_pem, NOW).unwrap_err();
        assert_eq!(error, CheckCertificateError::NotAnAuthority { name: "acme/huddle-1".into() });
        let past = Authority::create("Old", Validity::days_from(at(-10), 5)).unwrap();
        check_authority(&format!("{}{}", past.certificate_pem(), new.certificate_pem()), NOW).unwrap();
    }

    #[test]
    fn an_authority_past_its_time_is_not_trusted() {
        let authority = Authority::create("Old", Validity::days_from(at(-10), 5)).unwrap();
        let made = authority.issue_broker(&["localhost"], Validity::days_from(NOW, 90)).unwrap();
        let error = check_certificate(&made.certificate_pem, authority.certificate_pem(), NOW).unwrap_err();
        assert!(matches!(error, CheckCertificateError::AuthorityOutOfTime { .. }), "{error:?}");
    }

    #[test]
    fn an_authority_reads_back_and_issues_what_verifies() {
        let folder = tempfile::tempdir().unwrap();
        let (authority, _) = world();
        authority.write(folder.path()).unwrap();
        let again = Authority::load(folder.path()).unwrap();
        let made = again.issue_broker(&["localhost", "127.0.0.1"], Validity::days_from(NOW, 90)).unwrap();
        let facts = check_certificate(&made.certificate_pem, authority.certificate_pem(), NOW).unwrap();
        assert_eq!(facts.role, Role::Server { name: "broker".into() });
    }

    proptest::proptest! {
        #[test]
        fn checking_anything_never_panics(text in ".{0,200}", bytes in proptest::collection::vec(0u8.., 0..200)) {
            let _ = check_certificate(&text, &text, NOW);
            let _ = certificate_faults(&text, Some(&text), &role("a/b"), NOW);
            let _ = X509Certificate::from_der(&bytes);
        }
    }
}
