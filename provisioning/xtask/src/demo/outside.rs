//! What of a demo must stand outside its data folder: the servers of root, whose account cannot enter everywhere, in a
//! folder that belongs to that one data folder; and the sockets, whose paths must be short.
use std::fs::{File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

/// Every folder outside is named so, and some digits.
const PREFIX: &str = "prim-demo-";
/// Held by the demo that the sockets belong to, for as long as it lives.
const LOCK: &str = "lock";

/// Where the servers of this data folder stand when others cannot enter it: two data folders never share one.
/// `root` is canonical, `base` a folder that everybody may enter.
pub(crate) fn of(base: &Path, root: &Path) -> PathBuf {
    let mut hash = DefaultHasher::new();
    root.hash(&mut hash);
    base.join(format!("{PREFIX}{:016x}", hash.finish()))
}

/// Below a folder that everybody may write to, what has our name need not be ours.
pub(crate) fn ensure_ours(folder: &Path) -> anyhow::Result<()> {
    let ours = is_ours(folder).with_context(|| format!("look at {}", folder.display()))?;
    ensure!(ours, "{} is no folder of yours: remove it, or name another data folder", folder.display());
    Ok(())
}

/// A folder, no link to one, that this account made.
fn is_ours(folder: &Path) -> std::io::Result<bool> {
    let facts = folder.symlink_metadata()?;
    Ok(facts.is_dir() && facts.uid() == nix::unistd::geteuid().as_raw())
}

/// The folders in `base` that have our name and are ours.
pub(crate) fn all_in(base: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(base).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    named.map(|entry| entry.path()).filter(|path| is_ours(path).unwrap_or(false)).collect()
}

/// A folder for sockets: removed on drop, or by the next demo when this one was killed.
#[derive(Debug)]
pub(crate) struct Sockets {
    folder: tempfile::TempDir,
    _lock: File,
}

impl Sockets {
    /// Make one in `base`, and remove those of demos that are dead.
    pub(crate) fn open(base: &Path) -> anyhow::Result<Self> {
        sweep(base);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(base);
        let folder = folder.context("make a folder for sockets")?;
        // It has its name only once it is held: no other demo sees a lock that nobody holds yet.
        let fresh = folder.path().join("lock.new");
        let lock = File::create_new(&fresh).context("make the lock of the sockets")?;
        lock.try_lock().context("lock the folder for sockets")?;
        std::fs::rename(&fresh, folder.path().join(LOCK)).context("name the lock of the sockets")?;
        Ok(Self { folder, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Remove the socket folders whose lock nobody holds. What cannot be looked at or removed does no harm and stays.
fn sweep(base: &Path) {
    for folder in all_in(base) {
        let Ok(lock) = File::open(folder.join(LOCK)) else { continue };
        match lock.try_lock() {
            Ok(()) => drop(std::fs::remove_dir_all(&folder)),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_a_dead_demo_are_swept_and_those_of_a_living_one_and_other_folders_are_not() {
        let base = tempfile::tempdir().unwrap();
        let living = Sockets::open(base.path()).unwrap();
        // A kill leaves the folder and lets go of the lock.
        let dead = base.path().join("prim-demo-dead");
        std::fs::create_dir(&dead).unwrap();
        std::fs::write(dead.join(LOCK), "").unwrap();
        std::fs::write(dead.join("hal"), "").unwrap();
        let servers = of(base.path(), Path::new("/srv/demo"));
        std::fs::create_dir_all(servers.join("pg")).unwrap();
        let link = base.path().join("prim-demo-link");
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::write(elsewhere.path().join(LOCK), "").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();

        let next = Sockets::open(base.path()).unwrap();
        assert!(!dead.exists(), "nobody holds its lock");
        assert!(living.path().exists() && next.path().exists());
        assert!(servers.join("pg").exists(), "servers are no sockets");
        assert!(elsewhere.path().join(LOCK).exists(), "a link is not followed");
    }

    #[test]
    fn a_link_is_no_folder_of_ours() {
        let base = tempfile::tempdir().unwrap();
        let link = base.path().join("link");
        std::os::unix::fs::symlink(base.path(), &link).unwrap();
        ensure_ours(base.path()).unwrap();
        let error = ensure_ours(&link).unwrap_err();
        assert!(error.to_string().contains("no folder of yours"), "{error}");
    }
}
