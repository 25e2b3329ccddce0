//! The demo's data folder: what lies where, what a fresh run forgets, and that two demos do not share one.
use std::ffi::OsStr;
use std::fs::{File, Permissions, TryLockError};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::outside::{self, Sockets};
use crate::checkout;

/// Below it stand the servers of data folders that others cannot enter.
const OUTSIDE: &str = "/var/tmp";
/// Shows that a folder is ours to empty; outside, it names the data folder that the servers belong to.
const MARK: &str = ".prim-demo";
/// What one run leaves behind; the voices of the script are kept, they cost time and never change.
const OF_A_RUN: [&str; 10] =
    ["keys", "device", "record", "objects", "logs", "config", "export", "pg", "mosquitto", BARE];
/// What the second device, without models, and its broker need while they run.
const BARE: &str = "bare";
const VOICES: &str = "voices";

/// What of the last run stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Past {
    /// Forgotten, but for the voices.
    Fresh,
    /// Gone on with: same keys, database, spool.
    Kept,
    /// Forgotten entirely.
    Reset,
}

/// The folder, held by a lock as long as this value lives.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    servers: PathBuf,
    sockets: Sockets,
    _locks: (File, Option<File>),
}

impl Folder {
    /// Take the folder into use; the default one when none is named.
    pub(crate) fn open(named: Option<&Path>, past: Past) -> anyhow::Result<Self> {
        let root = named.map_or_else(default_root, Path::to_path_buf);
        make(&root, 0o711)?;
        let root = root.canonicalize().with_context(|| format!("find {}", root.display()))?;
        let servers = servers_of(&root);
        Self::take(root, servers, &std::env::temp_dir(), past)
    }

    /// `servers` is the data folder itself, or one outside that belongs to it.
    fn take(root: PathBuf, servers: PathBuf, temporary: &Path, past: Past) -> anyhow::Result<Self> {
        let lock = claim(&root)?;
        let outside = if servers == root { None } else { Some(claim_outside(&servers, &root)?) };
        match past {
            Past::Kept => {}
            Past::Fresh => forget(&[&root, &servers], &OF_A_RUN)?,
            Past::Reset => {
                forget(&[&root, &servers], &OF_A_RUN)?;
                forget(&[&root], &[VOICES])?;
            }
        }
        // Old measurements would pass for new ones.
        forget(&[&root], &["record", "logs", "export"])?;
        forget(&[&root, &servers], &[BARE])?;
        // A socket's path may have 107 bytes; a checkout's may have more.
        let sockets = Sockets::open(temporary)?;
        let folder = Self { root, servers, sockets, _locks: (lock, outside) };
        for private in ["keys", "device", "record", "objects", "logs", "config", "export", VOICES] {
            make(&folder.root.join(private), 0o700)?;
        }
        Ok(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    pub(crate) fn record(&self) -> PathBuf {
        self.path("record")
    }

    /// Where Postgres and the broker live: they run as another account, which must be able to enter.
    pub(crate) fn servers(&self) -> &Path {
        &self.servers
    }

    /// As [`servers`](Self::servers), for the broker of the device without models.
    pub(crate) fn bare_servers(&self) -> anyhow::Result<PathBuf> {
        let folder = self.servers.join(BARE);
        make(&folder, 0o711)?;
        Ok(folder)
    }

    /// A folder of the device without models, made when it is not there.
    pub(crate) fn bare(&self, name: &str) -> anyhow::Result<PathBuf> {
        make(&self.root.join(BARE), 0o711)?;
        let folder = self.root.join(BARE).join(name);
        make(&folder, 0o700)?;
        Ok(folder)
    }

    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.sockets.path().join(name)
    }
}

/// What the last demo left, to be looked at: nothing of it is forgotten.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) servers: PathBuf,
    /// Held so that no demo takes the folder meanwhile; `None` when one runs there right now.
    pub(crate) lock: Option<File>,
}

impl Left {
    /// Nothing is made and nothing changed when no demo was there.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Self> {
        let root = named.map_or_else(default_root, Path::to_path_buf);
        ensure!(
            root.join(MARK).is_file(),
            "no demo has left anything in {}: run `cargo xtask demo` first, or name its folder with --data",
            root.display()
        );
        let root = root.canonicalize().with_context(|| format!("find {}", root.display()))?;
        let lock = try_claim(&root)?;
        Ok(Self { servers: servers_of(&root), lock })
    }
}

/// `cargo xtask clean`.
pub(crate) fn clean() -> anyhow::Result<()> {
    for root in [default_root(), latency_root()] {
        if let Ok(whole) = root.canonicalize() {
            drop(claim(&whole)?);
            remove(&servers_of(&whole))?;
            remove(&whole)?;
        }
    }
    forsaken(Path::new(OUTSIDE)).iter().try_for_each(|folder| remove(folder))
}

/// Remove the folder if it is there, and say so.
fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
        crate::say::good(format_args!("removed {}", folder.display()));
    }
    Ok(())
}

/// The servers' folders in `base` whose data folder has gone.
fn forsaken(base: &Path) -> Vec<PathBuf> {
    let gone = |folder: &PathBuf| {
        let whose = std::fs::read(folder.join(MARK)).unwrap_or_default();
        !whose.is_empty() && !Path::new(OsStr::from_bytes(&whose)).exists()
    };
    outside::all_in(base).into_iter().filter(gone).collect()
}

fn default_root() -> PathBuf {
    checkout::root().join(".prim").join("demo")
}

/// The data folder of `bench latency`.
pub(super) fn latency_root() -> PathBuf {
    checkout::root().join(".prim").join("latency")
}

/// Where Postgres and the broker of a data folder live.
fn servers_of(root: &Path) -> PathBuf {
    if others_can_enter(root) { root.to_owned() } else { outside::of(Path::new(OUTSIDE), root) }
}

/// Lock the servers' folder of this data folder, made when it is not there.
fn claim_outside(servers: &Path, root: &Path) -> anyhow::Result<File> {
    make(servers, 0o711)?;
    outside::ensure_ours(servers)?;
    let lock = claim(servers)?;
    let mark = servers.join(MARK);
    std::fs::write(&mark, root.as_os_str().as_bytes())
        .with_context(|| format!("write {}", mark.display()))?;
    Ok(lock)
}

/// Lock the folder, and make sure that it is one of ours: a demo empties what it works in.
fn claim(root: &Path) -> anyhow::Result<File> {
    try_claim(root)?.with_context(|| {
        format!("another demo runs in {}: stop it, or name another folder with --data", root.display())
    })
}

/// `None` when another demo holds it.
fn try_claim(root: &Path) -> anyhow::Result<Option<File>> {
    let mark = root.join(MARK);
    let empty =
        std::fs::read_dir(root).with_context(|| format!("look into {}", root.display()))?.next().is_none();
    ensure!(
        empty || mark.is_file(),
        "{} holds other things: a demo empties its data folder, so name an empty or a new one",
        root.display()
    );
    let lock = File::options().create(true).append(true).open(&mark);
    let lock = lock.with_context(|| format!("open {}", mark.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", mark.display())),
    }
}

fn forget(roots: &[&Path], names: &[&str]) -> anyhow::Result<()> {
    for path in roots.iter().flat_map(|root| names.iter().map(|name| root.join(name))) {
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn make(path: &Path, mode: u32) -> anyhow::Result<()> {
    let new = !path.exists();
    std::fs::create_dir_all(path).with_context(|| format!("make the folder {}", path.display()))?;
    if new {
        std::fs::set_permissions(path, Permissions::from_mode(mode))
            .with_context(|| format!("set who may enter {}", path.display()))?;
    }
    Ok(())
}

/// Root's servers run as nobody, who must be able to walk down to the folder.
fn others_can_enter(root: &Path) -> bool {
    !nix::unistd::geteuid().is_root()
        || root
            .ancestors()
            .all(|step| step.metadata().is_ok_and(|facts| facts.permissions().mode() & 0o001 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(root: &Path, past: Past) -> anyhow::Result<Folder> {
        Folder::take(root.to_owned(), root.to_owned(), &std::env::temp_dir(), past)
    }

    #[test]
    fn a_folder_with_other_things_is_not_emptied() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("thesis.txt"), "years").unwrap();
        let error = inside(folder.path(), Past::Reset).unwrap_err();
        assert!(error.to_string().contains("holds other things"), "{error}");
        assert!(folder.path().join("thesis.txt").exists());
    }

    #[test]
    fn two_demos_do_not_share_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = inside(folder.path(), Past::Fresh).unwrap();
        let error = inside(folder.path(), Past::Fresh).unwrap_err();
        assert!(error.to_string().contains("another demo"), "{error}");
        drop(first);
        inside(folder.path(), Past::Fresh).unwrap();
    }

    #[test]
    fn a_fresh_run_keeps_the_voices_and_a_reset_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let open = |past| inside(folder.path(), past).unwrap();
        let first = open(Past::Fresh);
        for name in ["voices/a.wav", "device/spool.db", "record/live.jsonl"] {
            std::fs::write(first.path(name), "x").unwrap();
        }
        let has = |folder: &Folder, name: &str| folder.path(name).exists();
        drop(first);
        let kept = open(Past::Kept);
        assert!(has(&kept, "device/spool.db") && !has(&kept, "record/live.jsonl"));
        drop(kept);
        let fresh = open(Past::Fresh);
        assert!(has(&fresh, "voices/a.wav") && !has(&fresh, "device/spool.db"));
        drop(fresh);
        assert!(!has(&open(Past::Reset), "voices/a.wav"));
    }

    #[test]
    fn two_demos_in_two_folders_that_others_cannot_enter_leave_each_others_servers_alone() {
        let base = tempfile::tempdir().unwrap();
        let open = |name: &str, past| {
            let root = base.path().join(name);
            make(&root, 0o700).unwrap();
            let servers = outside::of(base.path(), &root);
            Folder::take(root, servers, &std::env::temp_dir(), past)
        };
        let first = open("a", Past::Fresh).unwrap();
        std::fs::create_dir_all(first.servers().join("pg/data")).unwrap();
        let second = open("b", Past::Reset).unwrap();
        assert_ne!(first.servers(), second.servers());
        assert!(first.servers().join("pg/data").exists(), "the second demo took the first one's Postgres");
        let again = open("a", Past::Fresh).unwrap_err();
        assert!(again.to_string().contains("another demo"), "{again}");
        assert!(first.servers().join("pg/data").exists());
        drop(first);
        let kept = open("a", Past::Kept).unwrap();
        assert!(kept.servers().join("pg/data").exists(), "it is the same folder the next time");
        drop(kept);
        assert!(!open("a", Past::Fresh).unwrap().servers().join("pg").exists());
    }

    #[test]
    fn servers_of_a_data_folder_that_has_gone_are_forsaken_and_no_others() {
        let base = tempfile::tempdir().unwrap();
        let servers = |name: &str| {
            let root = base.path().join(name);
            make(&root, 0o700).unwrap();
            let servers = outside::of(base.path(), &root);
            drop(claim_outside(&servers, &root).unwrap());
            servers
        };
        let (_there, gone) = (servers("a"), servers("b"));
        std::fs::create_dir(base.path().join("prim-demo-without-mark")).unwrap();
        std::fs::remove_dir(base.path().join("b")).unwrap();
        assert_eq!(forsaken(base.path()), [gone]);
    }

    #[test]
    fn what_a_demo_left_is_found_also_while_it_runs_and_a_folder_without_one_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let absent = folder.path().join("absent");
        let error = Left::find(Some(&absent)).unwrap_err();
        assert!(error.to_string().contains("cargo xtask demo"), "{error}");
        assert!(!absent.exists());
        let running = inside(folder.path(), Past::Fresh).unwrap();
        assert!(Left::find(Some(folder.path())).unwrap().lock.is_none());
        std::fs::write(running.path("record/live.jsonl"), "x").unwrap();
        drop(running);
        let left = Left::find(Some(folder.path())).unwrap();
        assert!(left.lock.is_some() && folder.path().join("record/live.jsonl").exists());
        assert!(inside(folder.path(), Past::Fresh).is_err(), "nobody forgets what is being looked at");
    }
}
