//! Checking that a TLS key is the certificate's, before a handshake fails for a reason nobody can read.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData};
use x509_parser::prelude::{FromDer, X509Certificate, parse_x509_pem};

/// Why a key cannot be used with a certificate, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CheckKeyError {
    /// The file cannot be read.
    #[error("read key {}: check the path and that this user may read it", path.display())]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Others may read the secret.
    #[error("use key {}: others may read it (mode {mode:o}); run `chmod 600` on it", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds something else.
    #[error(
        "read key {}: it is no private key in PKCS#8 PEM; name the right file, or convert the key with \
         `openssl pkcs8 -topk8 -nocrypt`", path.display()
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// It belongs to another certificate.
    #[error("use key {}: it is not the key of certificate {name}; name the two that were made together", path.display())]
    OtherCertificate {
        /// The key's file.
        path: PathBuf,
        /// The certificate's common name.
        name: String,
    },
}

/// Reads the key in `path` and checks that it is the one of `certificate_pem` and that only its owner may read it.
///
/// # Errors
/// See [`CheckKeyError`]; each says what to do.
pub fn load_key_of(certificate_pem: &str, path: &Path) -> Result<String, CheckKeyError> {
    let read = |source| CheckKeyError::Read { path: path.to_owned(), source };
    let mode = std::fs::metadata(path).map_err(read)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(CheckKeyError::OpenToOthers { path: path.to_owned(), mode });
    }
    let bytes = std::fs::read(path).map_err(read)?;
    let not_a_key = || CheckKeyError::NotAKey { path: path.to_owned() };
    let text = String::from_utf8(bytes).map_err(|_| not_a_key())?;
    let key = KeyPair::from_pem(&text).map_err(|_| not_a_key())?;
    match whose(certificate_pem) {
        Some((name, public)) if public != key.der_bytes() => {
            Err(CheckKeyError::OtherCertificate { path: path.to_owned(), name })
        }
        // What is no certificate at all is `check_certificate`'s business.
        Some(_) | None => Ok(text),
    }
}

fn whose(certificate_pem: &str) -> Option<(String, Vec<u8>)> {
    let (_, pem) = parse_x509_pem(certificate_pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&pem.contents).ok()?;
    let public = certificate.public_key().subject_public_key.data.to_vec();
    Some((crate::check::common_name(certificate.subject()), public))
}

#[cfg(test)]
mod tests {
    use prim_ids::WallTime;

    use super::*;
    use crate::{Authority, Identity, Validity, write_private, write_public};

    fn two() -> (Identity, Identity, tempfile::TempDir) {
        let validity = Validity::days_from(WallTime::from_unix_millis(1_790_000_000_000), 30);
        let authority = Authority::create("Test", validity).unwrap();
        let gateway = |name: &str| authority.issue_gateway(&name.parse().unwrap(), validity).unwrap();
        (gateway("gw-1"), gateway("gw-2"), tempfile::tempdir().unwrap())
    }

    #[test]
    fn a_key_is_used_with_its_own_certificate_only() {
        let (one, two, folder) = two();
        let path = folder.path().join("gateway.key.pem");
        write_private(&path, &one.key_pem).unwrap();
        assert_eq!(load_key_of(&one.certificate_pem, &path).unwrap(), one.key_pem);
        let text = load_key_of(&two.certificate_pem, &path).unwrap_err().to_string();
        assert!(text.contains("not the key of certificate gateway/gw-2"), "{text}");
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_none_is_refused() {
        let (one, _, folder) = two();
        let path = folder.path().join("gateway.key.pem");
        assert!(matches!(load_key_of(&one.certificate_pem, &path), Err(CheckKeyError::Read { .. })));
        write_public(&path, &one.key_pem).unwrap();
        assert!(matches!(load_key_of(&one.certificate_pem, &path), Err(CheckKeyError::OpenToOthers { .. })));
        write_private(&path, &one.certificate_pem).unwrap();
        let text = load_key_of(&one.certificate_pem, &path).unwrap_err().to_string();
        assert!(text.contains("openssl pkcs8"), "{text}");
    }
}
