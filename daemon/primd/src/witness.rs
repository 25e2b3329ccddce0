//! The auditor's second list: every record's place and hash, in a file of the auditor's choice, before and after it is
//! committed to the spool. Nothing in the daemon reads it.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Mutex;

use prim_proto::witness::{Line, VERSION_LINE};

use crate::mouth::lock;

/// Writes the witness file; each note is on disk when it returns.
#[derive(Debug)]
pub(crate) struct Witness(Mutex<File>);

impl Witness {
    /// Goes on with the file at `path`, or makes it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        let begin = match file.seek(SeekFrom::End(0))? {
            0 => format!("{VERSION_LINE}\n"),
            _ if ends_whole(&mut file)? => String::new(),
            // A power cut left half a line: an empty one after it says so.
            _ => "\n\n".to_owned(),
        };
        file.write_all(begin.as_bytes())?;
        file.sync_all()?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(Self(Mutex::new(file)))
    }

    /// The record is made in any case: a witness that cannot write is reported, and the audit goes on without it.
    pub(crate) fn note(&self, lines: impl IntoIterator<Item = Line>) {
        let mut text = String::new();
        for line in lines {
            let _ = writeln!(text, "{line}");
        }
        let mut file = lock(&self.0);
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the witness file cannot be written; the audit goes on without it"
            );
        }
    }
}

fn ends_whole(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use prim_ids::{EpochId, Stream};
    use prim_proto::Hash;
    use prim_proto::witness::Step;

    use super::*;

    #[test]
    fn a_file_is_gone_on_with_also_after_half_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("witness");
        let line = |seq| Line {
            step: Step::Placed,
            place: (Stream::Note, EpochId::from_u128(1), seq),
            hash: Hash([7; 32]),
        };
        Witness::open(&path).unwrap().note([line(1), line(2)]);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
        Witness::open(&path).unwrap().note([line(2)]);
        Witness::open(&path).unwrap().note([line(3)]);
        let text = std::fs::read_to_string(&path).unwrap();
        let read = prim_proto::witness::Witness::read(&text).unwrap();
        assert_eq!(read.placed.keys().map(|(_, _, seq)| *seq).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
