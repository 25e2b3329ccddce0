//! Writing keys and certificates to disk.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("write {}: check that its folder can be made and written by this user", path.display())]
pub struct WriteFileError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Writes a secret: mode 0600 from its first byte on, whole or not at all.
///
/// # Errors
/// When the folder cannot be made or the file not written.
pub fn write_private(path: &Path, text: &str) -> Result<(), WriteFileError> {
    write(path, text, 0o600)
}

/// Writes what anyone may read: mode 0644, whole or not at all.
///
/// # Errors
/// When the folder cannot be made or the file not written.
pub fn write_public(path: &Path, text: &str) -> Result<(), WriteFileError> {
    write(path, text, 0o644)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), WriteFileError> {
    let attempt = || -> io::Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let fresh = PathBuf::from(name);
        match fs::remove_file(&fresh) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    attempt().map_err(|source| WriteFileError { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_readable_by_its_owner_only_even_over_an_open_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/key.pem");
        write_public(&path, "old").unwrap();
        write_private(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = write_private(Path::new("/proc/no/key.pem"), "x").unwrap_err();
        assert!(error.to_string().contains("/proc/no/key.pem"), "{error}");
    }
}
