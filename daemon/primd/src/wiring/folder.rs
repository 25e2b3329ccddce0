//! The data folder: one daemon a folder, the spool and the witness in it, and this boot's name.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use prim_ids::{BootId, EpochId};
use prim_spool::{Limits, Spool};

use crate::clock;
use crate::config::PrimConfig;
use crate::ledger::Identity;
use crate::witness::Witness;

/// Left beside this file when the button ordered a reset; the next start begins with an empty folder.
pub(super) const RESET_MARK: &str = "reset-ordered";

/// One daemon a folder; and a reset ordered before the last stop is carried out here, before anything is opened.
pub(super) fn claim_folder(folder: &Path) -> anyhow::Result<File> {
    use std::os::unix::fs::DirBuilderExt;
    if folder.join(RESET_MARK).exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("empty {} for the factory reset", folder.display()))?;
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(|| {
        format!("make the data folder {}; set [device].data_dir to one this user may write", folder.display())
    })?;
    let lock = File::create(folder.join("lock")).with_context(|| {
        format!("write into {}; set [device].data_dir to a folder this user may write", folder.display())
    })?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("use the data folder {}: another primd runs on it; stop that one first", folder.display())
        }
        Err(TryLockError::Error(error)) => Err(error).context("lock the data folder"),
    }
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
    Ok(Spool::open(&config.device.data_dir.join("spool.sqlite"), limits, fresh, write_loss)?)
}
