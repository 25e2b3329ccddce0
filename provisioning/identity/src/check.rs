//! Checking a certificate before it is used, so that a person reads the reason instead of a TLS alert.

use prim_ids::{DeviceName, InstanceName, OrgName, WallTime};
use x509_parser::prelude::{FromDer, X509Certificate, parse_x509_pem};

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
    /// The authority itself is out of its time.
    #[error("trust the authority {name}: it is outside its validity; make a new authority and issue again")]
    AuthorityOutOfTime {
        /// The authority's common name.
        name: String,
    },
}

/// Checks that `certificate_pem` was issued by `authority_pem` and holds at `now`.
///
/// # Errors
/// See [`CheckCertificateError`]; each says what to do.
pub fn check_certificate(
    certificate_pem: &str,
    authority_pem: &str,
    now: WallTime,
) -> Result<CertificateFacts, CheckCertificateError> {
    let own_der = der(certificate_pem, "own")?;
    let authority_der = der(authority_pem, "authority's")?;
    let own = parse(&own_der, "own")?;
    let authority = parse(&authority_der, "authority's")?;
    let name = common_name(&own);
    if !authority.is_ca() || own.verify_signature(Some(authority.public_key())).is_err() {
        return Err(CheckCertificateError::WrongAuthority { name });
    }
    let now_s = now.unix_millis().div_euclid(1000);
    let (from, until) = (own.validity().not_before.timestamp(), own.validity().not_after.timestamp());
    if now_s > until {
        return Err(CheckCertificateError::Expired { name, days_ago: (now_s - until) / 86_400 });
    }
    if now_s < from {
        return Err(CheckCertificateError::NotYetValid { name, seconds: from - now_s });
    }
    let times = authority.validity();
    if now_s > times.not_after.timestamp() || now_s < times.not_before.timestamp() {
        return Err(CheckCertificateError::AuthorityOutOfTime { name: common_name(&authority) });
    }
    let serial = own.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect();
    let wall = |seconds: i64| WallTime::from_unix_millis(seconds.saturating_mul(1000));
    Ok(CertificateFacts { role: role(&name), serial, from: wall(from), until: wall(until) })
}

/// Until when `certificate_pem` holds, whether that has passed or not.
///
/// # Errors
/// The text is no certificate.
pub fn valid_until(certificate_pem: &str) -> Result<WallTime, CheckCertificateError> {
    let der = der(certificate_pem, "own")?;
    let seconds = parse(&der, "own")?.validity().not_after.timestamp();
    Ok(WallTime::from_unix_millis(seconds.saturating_mul(1000)))
}

fn der(pem: &str, which: &'static str) -> Result<Vec<u8>, CheckCertificateError> {
    match parse_x509_pem(pem.as_bytes()) {
        Ok((_, pem)) if pem.label == "CERTIFICATE" => Ok(pem.contents),
        Ok(_) | Err(_) => Err(CheckCertificateError::NotACertificate { which }),
    }
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
            let _ = X509Certificate::from_der(&bytes);
        }
    }
}
