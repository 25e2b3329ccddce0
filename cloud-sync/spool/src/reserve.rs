//! Disk space set aside for audit: a file of zeros that is cut to nothing when the disk is full.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    pub(crate) fn beside(spool: &Path, bytes: u64) -> Self {
        let mut name = spool.as_os_str().to_owned();
        name.push(".reserve");
        Self { path: PathBuf::from(name), bytes }
    }

    /// Whether the whole reserve is there.
    pub(crate) fn is_held(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|meta| meta.len() == self.bytes)
    }

    /// Bytes of it that are there.
    pub(crate) fn held_bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |meta| meta.len())
    }

    /// Bytes that are missing.
    pub(crate) fn missing_bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.held_bytes())
    }

    /// Takes the space, or none of it.
    pub(crate) fn hold(&self) -> io::Result<()> {
        if self.is_held() {
            return Ok(());
        }
        let held = self.write_zeros();
        if held.is_err() {
            self.shrink_to(0);
        }
        held
    }

    fn write_zeros(&self) -> io::Result<()> {
        const CHUNK: usize = 64 * 1024;
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&self.path)?;
        let zeros = [0; CHUNK];
        let mut left = self.bytes;
        while left > 0 {
            let n = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            file.write_all(&zeros[..n])?;
            left -= n as u64;
        }
        file.sync_all()
    }

    /// Keeps at most `left` bytes and gives the rest back; whether that was any.
    pub(crate) fn shrink_to(&self, left: u64) -> bool {
        let had = std::fs::metadata(&self.path).is_ok_and(|meta| meta.len() > left);
        let cut = |file: File| file.set_len(left).and_then(|()| file.sync_all());
        had && OpenOptions::new().write(true).open(&self.path).and_then(cut).is_ok()
    }

    /// Gives half of the space to audit; the other half stays for deleting, which needs some space too.
    pub(crate) fn give_to_audit(&self) -> bool {
        self.shrink_to(self.bytes / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_that_was_taken_can_be_given_back_and_taken_again() {
        let folder = tempfile::tempdir().unwrap();
        let reserve = Reserve::beside(&folder.path().join("spool.db"), 100_000);
        assert!(!reserve.is_held());
        assert!(!reserve.shrink_to(0), "there is nothing to give yet");
        reserve.hold().unwrap();
        assert!(reserve.is_held());
        assert!(reserve.shrink_to(0));
        assert!(!reserve.is_held());
        reserve.hold().unwrap();
        assert!(reserve.is_held());
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_leaves_no_half_reserve() {
        let reserve = Reserve::beside(Path::new("/nonexistent/spool.db"), 10);
        assert!(reserve.hold().is_err());
        assert!(!reserve.is_held());
    }
}
