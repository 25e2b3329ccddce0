//! Opening: locks, tables, epoch, heads.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prim_ids::EpochId;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior, params};

use crate::Tip;
use crate::store::{self, STATE_TABLE, TABLES, TABLES_VERSION};

/// Why the spool cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenSpoolError {
    /// The file cannot be made or reached.
    #[error("open the spool {}: check that its folder exists and belongs to this user", path.display())]
    File {
        /// Where.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error("open the spool {}: another process holds it; is the daemon already running?", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// No room on the disk.
    #[error("open the spool {}: the disk is full; free some space", path.display())]
    DiskFull {
        /// Where.
        path: PathBuf,
    },
    /// The file is no spool, or broken beyond reading.
    #[error("open the spool {}: it is damaged; set it aside, and a new epoch begins", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
    },
    /// Written by a newer version of this program.
    #[error("open the spool {}: its tables have version {version}, this program knows {TABLES_VERSION}; update it", path.display())]
    Newer {
        /// Where.
        path: PathBuf,
        /// Its version.
        version: i64,
    },
    /// SQLite says no.
    #[error("open the spool {}", path.display())]
    Sqlite {
        /// Where.
        path: PathBuf,
        /// What it says.
        #[source]
        source: rusqlite::Error,
    },
}

/// What lies under SQLite. Tests put a file layer there that forgets; everyone else takes the default.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Backing<'a> {
    /// The name of a registered SQLite VFS.
    pub vfs: Option<&'a str>,
    /// Do not sync: only to prove that the tests notice.
    pub unsynced: bool,
}

/// Moves a damaged spool out of the way, beside itself; returns where to. Opening then begins a new epoch.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let beside = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let free = (1..=1000).map(|n| beside(&format!(".damaged-{n}"))).find(|to| !to.exists());
    let to =
        free.ok_or_else(|| io::Error::other("a thousand damaged spools lie here already: look into them"))?;
    std::fs::rename(path, &to)?;
    match std::fs::rename(beside("-wal"), {
        let mut wal = to.as_os_str().to_owned();
        wal.push("-wal");
        wal
    }) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(to),
    }
}

pub(crate) fn open(
    path: &Path,
    backing: Backing<'_>,
    fresh: EpochId,
    wal_pages: i64,
) -> Result<(Connection, EpochId), OpenSpoolError> {
    if backing.vfs.is_none() {
        make_private(path).map_err(|source| OpenSpoolError::File { path: path.to_owned(), source })?;
    }
    connect(path, backing, fresh, wal_pages).map_err(|error| match error {
        Failed::Newer(version) => OpenSpoolError::Newer { path: path.to_owned(), version },
        Failed::Damaged => OpenSpoolError::Damaged { path: path.to_owned() },
        Failed::Sqlite(source) => match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                OpenSpoolError::InUse { path: path.to_owned() }
            }
            Some(ErrorCode::DiskFull) => OpenSpoolError::DiskFull { path: path.to_owned() },
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                OpenSpoolError::Damaged { path: path.to_owned() }
            }
            _ => OpenSpoolError::Sqlite { path: path.to_owned(), source },
        },
    })
}

/// Makes the file with mode 0600 (SQLite gives the WAL the same), and its entry in the folder lasting.
fn make_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?.sync_all()?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}

enum Failed {
    Sqlite(rusqlite::Error),
    Newer(i64),
    Damaged,
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn connect(
    path: &Path,
    backing: Backing<'_>,
    fresh: EpochId,
    wal_pages: i64,
) -> Result<(Connection, EpochId), Failed> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let mut conn = match backing.vfs {
        None => Connection::open_with_flags(path, flags)?,
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
    };
    // Long enough for a daemon that is just going down; whoever stays is named.
    conn.busy_timeout(Duration::from_secs(1))?;
    // EXCLUSIVE before WAL: no shared memory, and a second process is refused.
    conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    conn.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Failed::Damaged);
    }
    conn.pragma_update(None, "synchronous", if backing.unsynced { "OFF" } else { "FULL" })?;
    // Erased words are overwritten, not only unlinked.
    conn.pragma_update(None, "secure_delete", "ON")?;
    conn.pragma_update(None, "wal_autocheckpoint", wal_pages)?;
    conn.pragma_update(None, "journal_size_limit", 8 << 20)?;

    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = tx.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if version > TABLES_VERSION {
        return Err(Failed::Newer(version));
    }
    if tables == 0 {
        tx.execute_batch(TABLES)?;
        tx.execute_batch(STATE_TABLE)?;
        tx.execute("INSERT INTO meta (one, epoch) VALUES (1, ?1)", params![fresh.as_u128().to_be_bytes()])?;
        tx.pragma_update(None, "user_version", TABLES_VERSION)?;
    } else if version == 1 {
        tx.execute_batch(STATE_TABLE)?;
        tx.pragma_update(None, "user_version", TABLES_VERSION)?;
    } else if version != TABLES_VERSION {
        return Err(Failed::Damaged);
    }
    let epoch: [u8; 16] = tx.query_row("SELECT epoch FROM meta", [], |row| row.get(0))?;
    tx.commit()?;
    check_heads(&conn)?;
    Ok((conn, EpochId::from_u128(u128::from_be_bytes(epoch))))
}

/// The last stored record of each stream must be the one its head names.
fn check_heads(conn: &Connection) -> Result<(), Failed> {
    let heads = store::load_heads(conn)?;
    for stream in prim_ids::Stream::ALL {
        let head = heads[store::index(stream)];
        let last = store::read(conn, stream, head.tip.seq, 2)?;
        let fits = match last.as_slice() {
            // The last numbers may have been lost, and no record says so yet.
            [] => head.rows == 0 || ends_in_loss(conn, stream, head.tip)?,
            [row] => row.seq == head.tip.seq && row.hash == head.tip.hash,
            [..] => false,
        };
        if !fits {
            return Err(Failed::Damaged);
        }
    }
    Ok(())
}

fn ends_in_loss(conn: &Connection, stream: prim_ids::Stream, tip: Tip) -> rusqlite::Result<bool> {
    let losses = store::load_losses(conn, stream)?;
    Ok(losses
        .last()
        .is_some_and(|open| open.row.is_none() && (open.loss.to, open.loss.last) == (tip.seq, tip.hash)))
}
