//! Whether folders, files and sockets can be used by this user. Every answer that is no says why and what to do.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::SocketAddr;
use std::path::Path;

/// A folder that will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writable {
    /// It is there, with these permission bits.
    Yes { mode: u32 },
    /// It can be made.
    ToBeMade,
}

/// Whether files can be made in `folder`, which may itself still have to be made.
pub(super) fn writable(folder: &Path) -> Result<Writable, String> {
    let mut above = folder;
    loop {
        match fs::metadata(above) {
            Ok(found) if !found.is_dir() && above == folder => {
                return Err("it is no folder; name one, or move what lies there out of the way".to_owned());
            }
            Ok(found) if !found.is_dir() => {
                return Err(format!("it cannot be made: {} is no folder; name another", above.display()));
            }
            Ok(found) => {
                try_writing(above).map_err(|why| {
                    format!("nothing can be made in {} ({why}); give it to the user who runs primd (`chown`), or name another folder", above.display())
                })?;
                let mode = found.permissions().mode() & 0o777;
                return Ok(if above == folder { Writable::Yes { mode } } else { Writable::ToBeMade });
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let shown = above.display();
                return Err(format!(
                    "{shown} cannot be reached ({error}); give it to the user who runs primd (`chown`)"
                ));
            }
        }
        above = match above.parent() {
            None => return Err("there is no such place; name a folder that can be made".to_owned()),
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
        };
    }
}

/// Whether `file` can be written: it is a file that can be, or its folder is there and takes one.
pub(super) fn folder_for_file(file: &Path) -> Result<(), String> {
    match fs::metadata(file) {
        Ok(found) if found.is_dir() => Err("it is a folder; name a file in it".to_owned()),
        Ok(_) => unopenable(file).map_or(Ok(()), Err),
        Err(_) => folder_of(file),
    }
}

/// Why the file `path` is there and cannot be read and written.
pub(super) fn unopenable(path: &Path) -> Option<String> {
    match OpenOptions::new().read(true).append(true).open(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Some(format!(
            "it cannot be written ({error}); give it to the user who runs primd (`chown`), or make its medium writable"
        )),
        Ok(_) | Err(_) => None,
    }
}

/// Whether a socket that another program makes is there.
pub(super) fn socket_to_reach(path: &Path) -> Result<bool, String> {
    short_enough(path)?;
    match fs::metadata(path) {
        Ok(found) if found.file_type().is_socket() => Ok(true),
        Ok(_) => Err("it is no socket; name the one that the other program makes".to_owned()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(format!("it cannot be reached ({error}); let the user who runs primd into its folder"))
        }
    }
}

/// Whether a socket can be made there.
pub(super) fn socket_to_make(path: &Path) -> Result<(), String> {
    short_enough(path)?;
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        return Err("something that is no socket lies there, and primd would put its socket in that place; name another \
                    path"
            .to_owned());
    }
    folder_of(path)
}

/// When root checks the folder of a daemon that runs as somebody else.
pub(super) fn others_folder(folder: &Path) -> Option<String> {
    let mine = fs::metadata("/proc/self").ok()?.uid();
    let owner = fs::metadata(folder).ok()?.uid();
    (mine == 0 && owner != 0).then(|| {
        format!(
            "it belongs to the user with the number {owner}, and this check runs as root, who may do everything; run it \
             as that user too"
        )
    })
}

fn folder_of(path: &Path) -> Result<(), String> {
    let folder =
        path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    match writable(folder)? {
        Writable::Yes { .. } => Ok(()),
        Writable::ToBeMade => {
            Err(format!("its folder {} is not there; make it, or name another path", folder.display()))
        }
    }
}

/// The kernel takes 107 bytes.
fn short_enough(path: &Path) -> Result<(), String> {
    match SocketAddr::from_pathname(path) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "a socket's path may have 107 bytes, and this one has {}; name a shorter one",
            path.as_os_str().len()
        )),
    }
}

/// Only writing shows whether a folder takes files: permissions do not know of read-only media.
fn try_writing(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!(".primd-check-{}", std::process::id()));
    OpenOptions::new().write(true).create_new(true).open(&probe)?;
    fs::remove_file(&probe)
}
