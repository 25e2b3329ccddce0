//! The data folder: one daemon a folder, the spool and the witness in it, and this boot's name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use prim_ids::{BootId, EpochId, Stream};
use prim_proto::Reading;
use prim_spool::{Limits, Spool};

use crate::clock;
use crate::config::PrimConfig;
use crate::ledger::Identity;
use crate::witness::Witness;

/// Left in the folder when the button ordered a reset; the next start deletes what was recorded before.
pub(super) const RESET_MARK: &str = "reset-ordered";
/// The outbox; SQLite and the spool put files beside it whose names begin with this one.
pub(super) const SPOOL_FILE: &str = "spool.sqlite";
/// When the daemon was last alive; a reset deletes it with the spool.
pub(super) const ALIVE_FILE: &str = "spool.sqlite.alive";
/// The replay logs.
pub(super) const REPLAY_FOLDER: &str = "replay";
/// Held by the daemon that runs on the folder; it stays through a reset.
const LOCK_FILE: &str = "lock";

/// One daemon a folder; and a reset ordered before the last stop is carried out here, before anything is opened.
pub(super) fn claim_folder(folder: &Path) -> anyhow::Result<File> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!("make the data folder {}; set [device].data_dir to one this user may write", folder.display())
    })?;
    let lock = File::create(folder.join(LOCK_FILE)).with_context(|| {
        format!("write into {}; set [device].data_dir to a folder this user may write", folder.display())
    })?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            bail!("use the data folder {}: another primd runs on it; stop that one first", folder.display())
        }
        Err(TryLockError::Error(error)) => return Err(error).context("lock the data folder"),
    }
    if folder.join(RESET_MARK).exists() {
        reset(folder).with_context(|| {
            format!(
                "carry out the factory reset of {}; make what is in it deletable by this user and start again: it goes on \
                 where it stopped",
                folder.display()
            )
        })?;
    }
    Ok(lock)
}

/// Whether a daemon runs with `folder`. The lock is asked for beside others and given back at once; nothing is made.
pub(super) fn is_claimed(folder: &Path) -> bool {
    let Ok(lock) = File::open(folder.join(LOCK_FILE)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Orders a reset that survives a power cut from here on.
pub(super) fn order_reset(folder: &Path) -> io::Result<()> {
    File::create(folder.join(RESET_MARK))?.sync_all()?;
    File::open(folder)?.sync_all()
}

/// Deletes what primd itself made in `folder`; the mark goes last, so that what a power cut left half done is finished at
/// the next start. What others put there stays (keys, models, a witness; or everything, when the folder was never meant):
/// it is none of the meetings'.
fn reset(folder: &Path) -> io::Result<()> {
    let (mut deleted, mut kept) = (0_u64, 0_u64);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name == RESET_MARK || name == LOCK_FILE {
            continue;
        }
        if name == REPLAY_FOLDER {
            // A link is removed and not followed.
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
            deleted += 1;
        } else if name.starts_with(SPOOL_FILE) {
            fs::remove_file(entry.path())?;
            deleted += 1;
        } else {
            kept += 1;
        }
    }
    File::open(folder)?.sync_all()?;
    fs::remove_file(folder.join(RESET_MARK))?;
    File::open(folder)?.sync_all()?;
    tracing::warn!(
        reset.folder = %folder.display(),
        reset.deleted = deleted,
        reset.kept = kept,
        "the factory reset is carried out: records, replay logs and the kept meeting are deleted; what primd did not make \
         there was kept"
    );
    Ok(())
}

/// This boot, as the kernel names it.
pub(super) fn read_boot_id() -> anyhow::Result<BootId> {
    const PATH: &str = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(PATH).with_context(|| format!("read the boot's id from {PATH}"))?;
    let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
    let n =
        u128::from_str_radix(&hex, 16).with_context(|| format!("read the boot's id from {PATH}: no UUID"))?;
    Ok(BootId::from_u128(n))
}

pub(super) fn open_witness(path: &Path) -> anyhow::Result<Arc<Witness>> {
    let opened = Witness::open(path).with_context(|| {
        format!(
            "open the witness file {}; set [device].witness to a file this user may write",
            path.display()
        )
    })?;
    Ok(Arc::new(opened))
}

pub(super) fn open_spool(
    config: &PrimConfig,
    identity: &Identity,
    witness: Option<Arc<Witness>>,
) -> anyhow::Result<Spool> {
    let limits = Limits { max_bytes: config.device.spool_max_mib << 20, ..Limits::default() };
    let fresh = EpochId::from_parts(clock::wall_now(), rand::random());
    let write_loss = crate::losses::writer(identity.clone(), witness);
    let folder = &config.device.data_dir;
    let spool = Spool::open(&folder.join(SPOOL_FILE), limits, fresh, write_loss)?;
    refuse_others(&spool, identity, folder)?;
    Ok(spool)
}

/// A copied folder or a changed name: the gateway would take the records that wait there for a forgery.
fn refuse_others(spool: &Spool, identity: &Identity, folder: &Path) -> anyhow::Result<()> {
    for stream in Stream::ALL {
        let Some(row) = spool.read(stream, 1, 1)?.into_iter().next() else { continue };
        let Ok(Reading::Known(record)) = Reading::of(&String::from_utf8_lossy(&row.bytes)) else { continue };
        if (&record.org, &record.device) != (&identity.org, &identity.device) {
            bail!(
                "use the data folder {}: records of the device {}/{} wait in it, and this is {}/{}; name this device's own \
                 folder in [device] data_dir, or let that device send them first (its name in [device], its certificate, its \
                 audit key)",
                folder.display(),
                record.org,
                record.device,
                identity.org,
                identity.device
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A data folder after a meeting, in which a reset was ordered.
    fn ordered() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for file in ["spool.sqlite", "spool.sqlite-wal", "spool.sqlite-shm", "spool.sqlite.reserve"] {
            fs::write(at(file), "x").unwrap();
        }
        fs::create_dir(at("replay")).unwrap();
        fs::write(at("replay/01J.replay"), "x").unwrap();
        order_reset(folder.path()).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_reset_deletes_what_was_recorded_and_is_carried_out_once() {
        let folder = ordered();
        drop(claim_folder(folder.path()).unwrap());
        assert_eq!(names(folder.path()), ["lock"]);
        fs::write(folder.path().join("spool.sqlite"), "a new life").unwrap();
        drop(claim_folder(folder.path()).unwrap());
        assert_eq!(names(folder.path()), ["lock", "spool.sqlite"]);
    }

    #[test]
    fn a_folder_in_which_another_devices_records_wait_is_refused_until_they_are_sent() {
        use prim_ids::MonoTime;
        use prim_proto::{Audit, Body, Erasables, Hash};
        let identity = |device: &str| Identity {
            org: "acme".parse().unwrap(),
            device: device.parse().unwrap(),
            boot: BootId::from_u128(1),
        };
        let folder = tempfile::tempdir().unwrap();
        let write_loss = crate::losses::writer(identity("huddle-9"), None);
        let file = folder.path().join(SPOOL_FILE);
        let spool = Spool::open(&file, Limits::default(), EpochId::from_u128(7), write_loss).unwrap();
        let moment = prim_spool::Moment { boot: BootId::from_u128(1), at: MonoTime::ZERO };
        let body = Body::Audit(Audit::Daemon { state: crate::ledger::code("started") });
        let draft = crate::ledger::Ledger::new(identity("huddle-9")).draft(
            MonoTime::ZERO,
            body,
            Erasables::default(),
        );
        let appended = spool.append(moment, Stream::Audit, |slot| {
            let placed = draft.place(slot.epoch, slot.seq, Hash(slot.prev));
            let bytes = placed.raw.into_bytes();
            prim_spool::Encoded { bytes, erasable: None, hash: placed.hash.0, meeting: None }
        });
        refuse_others(&spool, &identity("huddle-9"), folder.path()).unwrap();
        let error = refuse_others(&spool, &identity("huddle-2"), folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("records of the device acme/huddle-9 wait in it, and this is acme/huddle-2"),
            "{error}"
        );
        spool.acknowledge(Stream::Audit, EpochId::from_u128(7), appended.unwrap().seq).unwrap();
        refuse_others(&spool, &identity("huddle-2"), folder.path()).unwrap();
    }

    #[test]
    fn a_reset_leaves_what_others_put_into_the_folder_and_follows_no_link_out_of_it() {
        let folder = ordered();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join("precious"), "x").unwrap();
        fs::write(folder.path().join("audit.key.pem"), "x").unwrap();
        fs::create_dir(folder.path().join("models")).unwrap();
        fs::remove_dir_all(folder.path().join("replay")).unwrap();
        symlink(elsewhere.path(), folder.path().join("replay")).unwrap();
        drop(claim_folder(folder.path()).unwrap());
        assert_eq!(names(folder.path()), ["audit.key.pem", "lock", "models"]);
        assert_eq!(names(elsewhere.path()), ["precious"]);
    }

    #[test]
    fn a_folder_that_a_daemon_runs_on_is_not_reset_under_it() {
        let folder = ordered();
        fs::remove_file(folder.path().join(RESET_MARK)).unwrap();
        let running = claim_folder(folder.path()).unwrap();
        order_reset(folder.path()).unwrap();
        let before = names(folder.path());
        let error = claim_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("another primd runs on it"), "{error}");
        assert_eq!(names(folder.path()), before);
        drop(running);
        drop(claim_folder(folder.path()).unwrap());
        assert_eq!(names(folder.path()), ["lock"]);
    }

    #[test]
    fn a_reset_that_was_cut_off_is_finished_at_the_next_start() {
        let folder = ordered();
        // The cut came after some files; and one that cannot be deleted stops it with the mark in place.
        fs::remove_file(folder.path().join("spool.sqlite")).unwrap();
        let stuck = folder.path().join("spool.sqlite.damaged-1");
        fs::create_dir(&stuck).unwrap();
        let error = format!("{:#}", claim_folder(folder.path()).unwrap_err());
        assert!(error.contains("carry out the factory reset") && error.contains("start again"), "{error}");
        assert!(folder.path().join(RESET_MARK).exists());
        fs::remove_dir(stuck).unwrap();
        drop(claim_folder(folder.path()).unwrap());
        assert_eq!(names(folder.path()), ["lock"]);
    }
}
