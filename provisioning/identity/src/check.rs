//! Checking a certificate before it is used, so that a person reads the reason instead of a TLS alert.

mod way;

use std::fmt;

use prim_ids::{DeviceName, InstanceName, OrgName, WallTime};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

use self::way::issuing_fault;

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
    /// The way up from it ends at an authority that is not at hand.
    #[error(
        "use certificate {name}: it leads to the authority \"{issuer}\", which is neither the given one nor in the file; if \
         that one stands below the given authority, put its certificate into the same file, behind {name}'s own \
         (`cat own.pem intermediate.pem`), else use the ca.pem that belongs to it"
    )]
    MissingIntermediate {
        /// The common name.
        name: String,
        /// Whose certificate is missing.
        issuer: String,
    },
    /// An authority on the way up from it must not have so many below it.
    #[error(
        "use certificate {name}: the authority \"{authority}\" may not have as many authorities below it as there are in the \
         file (its path length); have the certificate issued by it directly, or that authority made anew with room"
    )]
    TooManyBetween {
        /// The common name.
        name: String,
        /// Which authority forbids it.
        authority: String,
    },
    /// An authority on the way up from it is out of its time.
    #[error(
        "use certificate {name}: the authority \"{authority}\" in the same file is outside its validity; put its new \
         certificate there, or set the clock right"
    )]
    BetweenOutOfTime {
        /// The common name.
        name: String,
        /// Which authority.
        authority: String,
    },
    /// The first certificate in the file is that of an authority in it.
    #[error(
        "use the certificate file: the authority \"{authority}\" stands first in it; put the own certificate first and those \
         of authorities behind it"
    )]
    AuthorityFirst {
        /// Which authority.
        authority: String,
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

/// Checks that `certificate_pem` was issued by (one of) `authority_pem`, or by an authority that stands behind it in the same
/// file and leads there, and holds at `now`.
///
/// # Errors
/// See [`CheckCertificateError`]; each says what to do.
pub fn check_certificate(
    certificate_pem: &str,
    authority_pem: &str,
    now: WallTime,
) -> Result<CertificateFacts, CheckCertificateError> {
    let file = ders(certificate_pem, "own")?;
    let (own, others) = own_first(&file)?;
    let authorities = ders(authority_pem, "authority's")?;
    let fault = issuing_fault(&own, &others, &authorities, now)?.or_else(|| time_fault(&own, now));
    fault.map_or_else(|| check_authority(authority_pem, now), Err)?;
    Ok(CertificateFacts {
        role: role(&common_name(own.subject())),
        serial: own.raw_serial().iter().map(|byte| format!("{byte:02x}")).collect(),
        from: wall(own.validity().not_before.timestamp()),
        until: end(&own, &others),
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
        let file = ders(certificate_pem, "own")?;
        let (own, others) = own_first(&file)?;
        let name = common_name(own.subject());
        let found = role(&name);
        let mut faults = Vec::new();
        if found != *owner {
            let (found, wanted) = (Box::new(found), Box::new(owner.clone()));
            faults.push(CheckCertificateError::OthersCertificate { name, found, wanted });
        } else if !is_for_clients(&own) {
            faults.push(CheckCertificateError::NotForClients { name });
        }
        if let Some(authorities) = authority_pem.and_then(|pem| ders(pem, "authority's").ok()) {
            faults.extend(issuing_fault(&own, &others, &authorities, now)?);
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
    let mut past = None;
    let mut holds = false;
    for der in ders(authority_pem, "authority's")? {
        let authority = parse(&der, "authority's")?;
        let name = common_name(authority.subject());
        if !authority.is_ca() {
            return Err(CheckCertificateError::NotAnAuthority { name });
        } else if holds_at(&authority, now) {
            holds = true;
        } else {
            past = Some(CheckCertificateError::AuthorityOutOfTime { name });
        }
    }
    past.filter(|_| !holds).map_or(Ok(()), Err)
}

fn holds_at(certificate: &X509Certificate<'_>, now: WallTime) -> bool {
    let times = certificate.validity();
    let now_s = now.unix_millis().div_euclid(1000);
    (times.not_before.timestamp()..=times.not_after.timestamp()).contains(&now_s)
}

fn time_fault(own: &X509Certificate<'_>, now: WallTime) -> Option<CheckCertificateError> {
    let name = common_name(own.subject());
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

/// Until when `certificate_pem` holds, with the authorities that stand behind it in the file, whether that has passed or not.
///
/// # Errors
/// The text is no certificate.
pub fn valid_until(certificate_pem: &str) -> Result<WallTime, CheckCertificateError> {
    let file = ders(certificate_pem, "own")?;
    let (own, others) = own_first(&file)?;
    Ok(end(&own, &others))
}

fn end(own: &X509Certificate<'_>, others: &[X509Certificate<'_>]) -> WallTime {
    let ends = others.iter().chain([own]).map(|certificate| certificate.validity().not_after.timestamp());
    wall(ends.min().unwrap_or(0))
}

fn wall(seconds: i64) -> WallTime {
    WallTime::from_unix_millis(seconds.saturating_mul(1000))
}

/// Whether the first certificate in `pem` names itself as its issuer: a root.
pub(crate) fn is_self_issued(pem: &str) -> bool {
    ders(pem, "own").is_ok_and(|all| parse(&all[0], "own").is_ok_and(|one| one.issuer() == one.subject()))
}

/// The certificate of whoever shows the file, and what stands behind it.
fn own_first<'a>(
    file: &'a [Vec<u8>],
) -> Result<(X509Certificate<'a>, Vec<X509Certificate<'a>>), CheckCertificateError> {
    let mut all = file.iter().map(|der| parse(der, "own"));
    let own = all.next().unwrap_or(Err(CheckCertificateError::NotACertificate { which: "own" }))?;
    let others = all.collect::<Result<Vec<_>, _>>()?;
    if own.is_ca() && others.iter().any(|other| !other.is_ca()) {
        return Err(CheckCertificateError::AuthorityFirst { authority: common_name(own.subject()) });
    }
    Ok((own, others))
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

pub(crate) fn common_name(name: &X509Name<'_>) -> String {
    name.iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or("without a name").to_owned()
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
mod tests;
