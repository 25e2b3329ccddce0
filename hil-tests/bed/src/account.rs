//! As whom the servers run: Postgres refuses root, and root should not run a broker either.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use crate::StartError;

/// An account to run a server as; `None` inside means: as the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account(Option<(u32, u32)>);

impl Account {
    /// The caller's own account, or `nobody` when the caller is root.
    #[must_use]
    pub fn unprivileged() -> Self {
        if !geteuid().is_root() {
            return Self(None);
        }
        let nobody = User::from_name("nobody").ok().flatten();
        Self(Some(nobody.map_or((65_534, 65_534), |user| (user.uid.as_raw(), user.gid.as_raw()))))
    }

    /// The caller's own account, for programs that do not refuse root.
    #[must_use]
    pub fn caller() -> Self {
        Self(None)
    }

    pub(crate) fn ids(self) -> Option<(u32, u32)> {
        self.0
    }

    /// Makes `folder` and gives it to the account, for its eyes only.
    pub(crate) fn own_folder(self, folder: &Path) -> Result<(), StartError> {
        let prepare = |source| StartError::Prepare { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(prepare)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).map_err(prepare)?;
        self.give(folder).map_err(prepare)?;
        self.check_way_to(folder)
    }

    /// Gives a file or folder, and all below it, to the account.
    pub(crate) fn give(self, path: &Path) -> io::Result<()> {
        let Some((uid, gid)) = self.0 else { return Ok(()) };
        let mut waiting: Vec<PathBuf> = vec![path.to_owned()];
        while let Some(path) = waiting.pop() {
            chown(&path, Some(uid), Some(gid))?;
            if path.symlink_metadata()?.is_dir() {
                for entry in std::fs::read_dir(&path)? {
                    waiting.push(entry?.path());
                }
            }
        }
        Ok(())
    }

    fn check_way_to(self, folder: &Path) -> Result<(), StartError> {
        let Some((uid, _)) = self.0 else { return Ok(()) };
        let prepare = |source| StartError::Prepare { path: folder.to_owned(), source };
        let whole = folder.canonicalize().map_err(prepare)?;
        for step in whole.ancestors().skip(1) {
            let facts = step.metadata().map_err(prepare)?;
            let enters = if facts.uid() == uid { facts.mode() & 0o100 } else { facts.mode() & 0o001 };
            if enters == 0 {
                return Err(StartError::Closed { path: step.to_owned() });
            }
        }
        Ok(())
    }
}

/// A temporary folder that an unprivileged server may enter, removed on drop.
///
/// # Errors
/// When it cannot be made.
pub fn folder() -> io::Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("prim-bed-").tempdir_in("/var/tmp")?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}
