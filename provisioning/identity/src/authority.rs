//! The certificate authority and the certificates it issues.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prim_ids::{DeviceName, InstanceName, OrgName, WallTime};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::OffsetDateTime;

use crate::check::is_self_issued;
use crate::files::{WriteFileError, write_private, write_public};

/// From when until when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub from: WallTime,
    /// Last moment.
    pub until: WallTime,
}

impl Validity {
    /// `days` long, and begun five minutes before `now`, so that a clock a little behind still accepts it.
    #[must_use]
    pub fn days_from(now: WallTime, days: u32) -> Self {
        let millis = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
        let slack = millis(Duration::from_secs(300));
        let length = millis(Duration::from_secs(u64::from(days) * 86_400));
        Self {
            from: WallTime::from_unix_millis(now.unix_millis() - slack),
            until: WallTime::from_unix_millis(now.unix_millis() + length),
        }
    }
}

/// A certificate that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// A name that belongs to the gateways' own topics.
    #[error(
        "issue a certificate for organisation \"gateway\": the name is reserved for gateways; choose another"
    )]
    ReservedName,
    /// A time that no certificate can carry.
    #[error("issue a certificate: its validity is not a time between the years 1 and 9999; check the clock")]
    Time,
    /// The library refused.
    #[error("issue a certificate for {name}")]
    Make {
        /// The common name.
        name: String,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}

/// An authority that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum LoadAuthorityError {
    /// A file cannot be read.
    #[error("read {}: check the path and that this user may read it", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The files are not a certificate and its key.
    #[error("use the authority in {}: ca.pem and ca.key.pem are not a certificate and its key", folder.display())]
    NotAnAuthority {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
}

/// A certificate and its key, as PEM. `Debug` shows neither.
#[derive(Clone)]
pub struct Identity {
    /// The common name.
    pub name: String,
    /// The certificate, and behind it that of the authority that issued it, when that is not a root.
    pub certificate_pem: String,
    /// The secret key, PKCS#8.
    pub key_pem: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where an identity was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFiles {
    /// The certificate, 0644.
    pub certificate: PathBuf,
    /// The key, 0600.
    pub key: PathBuf,
}

impl Identity {
    /// Writes `<stem>.pem` (0644) and `<stem>.key.pem` (0600) into `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<IdentityFiles, WriteFileError> {
        let files = IdentityFiles {
            certificate: folder.join(format!("{stem}.pem")),
            key: folder.join(format!("{stem}.key.pem")),
        };
        write_private(&files.key, &self.key_pem)?;
        write_public(&files.certificate, &self.certificate_pem)?;
        Ok(files)
    }
}

/// The certificate authority of one installation: alone, or one that stands between a root and what is issued.
pub struct Authority {
    certificate_pem: String,
    /// What everything it issues carries along, so that whoever trusts the root alone finds the way up: the certificate of an
    /// authority below a root, else nothing.
    between_pem: String,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

impl Authority {
    /// A new authority, which issues by itself. `name` is for people; nothing depends on it.
    ///
    /// # Errors
    /// When the validity is no time.
    pub fn create(name: &str, validity: Validity) -> Result<Self, IssueError> {
        Self::make(name, validity, 0, None)
    }

    /// A new root, whose key can lie in a safe: the authorities below it ([`create_below`](Self::create_below)) issue.
    ///
    /// # Errors
    /// When the validity is no time.
    pub fn create_root(name: &str, validity: Validity) -> Result<Self, IssueError> {
        Self::make(name, validity, 1, None)
    }

    /// A new authority below this root.
    ///
    /// # Errors
    /// When the validity is no time.
    pub fn create_below(&self, name: &str, validity: Validity) -> Result<Self, IssueError> {
        Self::make(name, validity, 0, Some(self))
    }

    /// With room for `levels` authorities below it.
    fn make(name: &str, validity: Validity, levels: u8, above: Option<&Self>) -> Result<Self, IssueError> {
        let common_name = format!("{name} Prim device authority");
        let make = |source| IssueError::Make { name: common_name.clone(), source };
        let key = KeyPair::generate().map_err(make)?;
        let mut params = named(&common_name, validity)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(levels));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let (certificate_pem, between_pem) = match above {
            None => (params.self_signed(&key).map_err(make)?.pem(), String::new()),
            Some(above) => {
                params.use_authority_key_identifier_extension = true;
                let pem = params.signed_by(&key, &above.issuer).map_err(make)?.pem();
                (pem.clone(), pem)
            }
        };
        let key_pem = key.serialize_pem();
        Ok(Self { certificate_pem, between_pem, key_pem, issuer: Issuer::new(params, key) })
    }

    /// Writes `ca.pem` (0644) and `ca.key.pem` (0600) into `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<IdentityFiles, WriteFileError> {
        let files = IdentityFiles { certificate: folder.join("ca.pem"), key: folder.join("ca.key.pem") };
        write_private(&files.key, &self.key_pem)?;
        write_public(&files.certificate, &self.certificate_pem)?;
        Ok(files)
    }

    /// Reads what [`Authority::write`] wrote.
    ///
    /// # Errors
    /// When the files are missing or not an authority.
    pub fn load(folder: &Path) -> Result<Self, LoadAuthorityError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|source| LoadAuthorityError::Read { path, source })
        };
        let (certificate_pem, key_pem) = (read("ca.pem")?, read("ca.key.pem")?);
        let issuer = KeyPair::from_pem(&key_pem)
            .and_then(|key| Issuer::from_ca_cert_pem(&certificate_pem, key))
            .map_err(|source| LoadAuthorityError::NotAnAuthority { folder: folder.to_owned(), source })?;
        let between_pem =
            if is_self_issued(&certificate_pem) { String::new() } else { certificate_pem.clone() };
        Ok(Self { certificate_pem, between_pem, key_pem, issuer })
    }

    /// The authority's certificate: what every other party must trust, when it is a root.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The broker's certificate, for the host names and addresses under which it is reached.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn issue_broker(&self, reached_as: &[&str], validity: Validity) -> Result<Identity, IssueError> {
        let names: Vec<String> = reached_as.iter().map(|&n| n.to_owned()).collect();
        let mut params = named("broker", validity)?;
        params.subject_alt_names = CertificateParams::new(names)
            .map_err(|source| IssueError::Make { name: "broker".to_owned(), source })?
            .subject_alt_names;
        self.issue("broker", params, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A gateway's certificate: `CN = gateway/<instance>`.
    ///
    /// # Errors
    /// When the validity is no time.
    pub fn issue_gateway(&self, instance: &InstanceName, validity: Validity) -> Result<Identity, IssueError> {
        let name = format!("gateway/{instance}");
        self.issue(&name, named(&name, validity)?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// A device's certificate: `CN = <org>/<device>`.
    ///
    /// # Errors
    /// When the organisation is called `gateway` or the validity is no time.
    pub fn issue_device(
        &self,
        org: &OrgName,
        device: &DeviceName,
        validity: Validity,
    ) -> Result<Identity, IssueError> {
        if org.as_str() == "gateway" {
            return Err(IssueError::ReservedName);
        }
        let name = format!("{org}/{device}");
        self.issue(&name, named(&name, validity)?, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn issue(
        &self,
        name: &str,
        mut params: CertificateParams,
        usage: ExtendedKeyUsagePurpose,
    ) -> Result<Identity, IssueError> {
        params.extended_key_usages = vec![usage];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let make = |source| IssueError::Make { name: name.to_owned(), source };
        let key = KeyPair::generate().map_err(make)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(make)?;
        Ok(Identity {
            name: name.to_owned(),
            certificate_pem: format!("{}{}", certificate.pem(), self.between_pem),
            key_pem: key.serialize_pem(),
        })
    }
}

fn named(common_name: &str, validity: Validity) -> Result<CertificateParams, IssueError> {
    let time = |at: WallTime| {
        OffsetDateTime::from_unix_timestamp(at.unix_millis().div_euclid(1000)).map_err(|_| IssueError::Time)
    };
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = time(validity.from)?;
    params.not_after = time(validity.until)?;
    Ok(params)
}
