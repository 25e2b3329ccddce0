//! The key that signs what a device (or the gateway) attests; apart from the TLS key.

use std::fmt;
use std::path::{Path, PathBuf};

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::der::zeroize::Zeroizing;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{SigningKey, VerifyingKey};
use rand::TryRngCore;

use crate::files::{WriteFileError, write_private, write_public};

/// A key file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadAuditKeyError {
    /// The file cannot be read.
    #[error("read audit key {}: check the path and that this user may read it", path.display())]
    Read {
        /// Where it was looked for.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error(
        "read audit key {what}: it is not an Ed25519 key in PKCS#8 PEM; make a new pair or name the right file"
    )]
    NotAKey {
        /// The file, or "text" when it came from elsewhere.
        what: String,
    },
    /// Others may read the secret.
    #[error("use audit key {}: others may read it (mode {mode:o}); run `chmod 600` on it", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
}

/// An Ed25519 pair. Its `Debug` shows the public half only.
#[derive(Clone)]
pub struct AuditKey(SigningKey);

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuditKey").field(&self.0.verifying_key()).finish()
    }
}

impl AuditKey {
    /// A new pair from the operating system's random source.
    ///
    /// # Panics
    /// When the operating system has no random numbers to give; nothing sensible can follow.
    #[must_use]
    pub fn generate() -> Self {
        let mut seed = [0; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut seed).expect("the operating system gives random numbers");
        Self(SigningKey::from_bytes(&seed))
    }

    /// The pair that grows from `seed`; for tests that must repeat.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&seed))
    }

    /// Reads the pair from a file that only its owner may read.
    ///
    /// # Errors
    /// When the file is missing, is no Ed25519 key, or is open to others.
    pub fn load(path: &Path) -> Result<Self, LoadAuditKeyError> {
        use std::os::unix::fs::PermissionsExt;
        let read = |source| LoadAuditKeyError::Read { path: path.to_owned(), source };
        let mode = std::fs::metadata(path).map_err(read)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(LoadAuditKeyError::OpenToOthers { path: path.to_owned(), mode });
        }
        let text = std::fs::read_to_string(path).map_err(read)?;
        SigningKey::from_pkcs8_pem(&text)
            .map(Self)
            .map_err(|_| LoadAuditKeyError::NotAKey { what: path.display().to_string() })
    }

    /// Writes `<stem>.key.pem` (0600) and `<stem>.pub.pem` (0644) into `folder`; gives back both paths.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<(PathBuf, PathBuf), WriteFileError> {
        let secret = self.to_pem();
        let secret_path = folder.join(format!("{stem}.key.pem"));
        let public_path = folder.join(format!("{stem}.pub.pem"));
        write_private(&secret_path, &secret)?;
        write_public(&public_path, &public_key_to_pem(&self.public()))?;
        Ok((secret_path, public_path))
    }

    fn to_pem(&self) -> Zeroizing<String> {
        self.0.to_pkcs8_pem(LineEnding::LF).expect("an Ed25519 key encodes")
    }

    /// The half to give away.
    #[must_use]
    pub fn public(&self) -> VerifyingKey {
        self.0.verifying_key()
    }

    /// The half that signs.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        &self.0
    }
}

/// The public key as SubjectPublicKeyInfo PEM.
///
/// # Panics
/// Never: an Ed25519 key always encodes.
#[must_use]
pub fn public_key_to_pem(key: &VerifyingKey) -> String {
    key.to_public_key_pem(LineEnding::LF).expect("an Ed25519 key encodes")
}

/// Reads a public key from PEM text.
///
/// # Errors
/// When the text is no Ed25519 public key.
pub fn public_key_from_pem(text: &str) -> Result<VerifyingKey, LoadAuditKeyError> {
    VerifyingKey::from_public_key_pem(text)
        .map_err(|_| LoadAuditKeyError::NotAKey { what: "from the given text".to_owned() })
}

/// Reads a public key from a PEM file.
///
/// # Errors
/// When the file is missing or holds something else.
pub fn load_public_key(path: &Path) -> Result<VerifyingKey, LoadAuditKeyError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| LoadAuditKeyError::Read { path: path.to_owned(), source })?;
    VerifyingKey::from_public_key_pem(&text)
        .map_err(|_| LoadAuditKeyError::NotAKey { what: path.display().to_string() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_pair_written_is_the_pair_read() {
        let folder = tempfile::tempdir().unwrap();
        let key = AuditKey::generate();
        let (secret, public) = key.write(folder.path(), "audit").unwrap();
        assert_eq!(AuditKey::load(&secret).unwrap().public(), key.public());
        assert_eq!(load_public_key(&public).unwrap(), key.public());
        assert_eq!(std::fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_secret_that_others_may_read_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let (secret, _) = AuditKey::generate().write(folder.path(), "audit").unwrap();
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(AuditKey::load(&secret).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn the_secret_never_shows_in_debug() {
        let key = AuditKey::from_seed([7; 32]);
        let shown = format!("{key:?}");
        assert!(!shown.contains("secret"), "{shown}");
        assert!(!shown.contains("7, 7, 7"), "{shown}");
    }

    proptest::proptest! {
        #[test]
        fn reading_a_public_key_from_anything_never_panics(text in ".{0,300}") {
            let _ = public_key_from_pem(&text);
            let framed = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
            let _ = public_key_from_pem(&framed);
        }
    }
}
