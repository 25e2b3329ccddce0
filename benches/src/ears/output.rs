//! A file that is judged before hours of measuring and replaced whole: a run that is cut short leaves what was there.
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::rows::Row;

/// The named file cannot be used.
#[derive(Debug, Error)]
pub enum OutputError {
    /// It could not be written.
    #[error("write {path}: {why}; name a file that can be written", path = path.display())]
    Write {
        /// As it was named.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// It could not be read.
    #[error("read {path}: {why}; name a file that can be read", path = path.display())]
    Read {
        /// As it was named.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// There is something else in it.
    #[error("read the rows in {path}: {why}; it is left as it is: move it away or name another file", path = path.display())]
    NoRows {
        /// As it was named.
        path: PathBuf,
        /// Where it is no list of rows.
        #[source]
        why: serde_json::Error,
    },
}

/// A file to write.
#[derive(Debug)]
pub struct Output {
    named: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file beside this one takes its name in one step.
    Whole { whole: PathBuf, folder: PathBuf },
    /// A pipe or a device takes what is written.
    Straight,
}

impl Output {
    /// Sees that `named` can be written, and changes nothing.
    ///
    /// # Errors
    /// It cannot.
    pub fn judge(named: &Path) -> Result<Self, OutputError> {
        match Place::find(named) {
            Ok(place) => Ok(Self { named: named.to_owned(), place }),
            Err(why) => Err(OutputError::Write { path: named.to_owned(), why }),
        }
    }

    /// The rows that stand in it; none when it is not there or empty.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn rows(&self) -> Result<Vec<Row>, OutputError> {
        let Place::Whole { whole, .. } = &self.place else { return Ok(Vec::new()) };
        let text = match std::fs::read_to_string(whole) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(|why| OutputError::Read { path: self.named.clone(), why })?,
        };
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        serde_json::from_str(&text).map_err(|why| OutputError::NoRows { path: self.named.clone(), why })
    }

    /// Puts `text` in the place of all that was there.
    ///
    /// # Errors
    /// It cannot; what was there is still there.
    pub fn replace(&self, text: &str) -> Result<(), OutputError> {
        let done = match &self.place {
            Place::Straight => File::options()
                .write(true)
                .open(&self.named)
                .and_then(|mut file| file.write_all(text.as_bytes())),
            Place::Whole { whole, folder } => beside(folder).and_then(|mut half| {
                half.write_all(text.as_bytes())?;
                half.persist(whole).map(drop).map_err(|error| error.error)
            }),
        };
        done.map_err(|why| OutputError::Write { path: self.named.clone(), why })
    }
}

impl Place {
    fn find(named: &Path) -> io::Result<Self> {
        let whole = match named.canonicalize() {
            // A link stays a link: the file behind it is replaced.
            Ok(there) => {
                File::options().write(true).open(&there)?;
                if !there.is_file() {
                    return Ok(Self::Straight);
                }
                there
            }
            Err(_) => named.to_owned(),
        };
        let folder = whole.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new(".")).to_owned();
        if !folder.is_dir() {
            let why = format!("there is no folder {}; make it first", folder.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        beside(&folder)?;
        Ok(Self::Whole { whole, folder })
    }
}

fn beside(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    tempfile::Builder::new()
        .prefix(".prim-bench-")
        // As any other file of the user: what their umask leaves of it.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_written_is_refused_at_once_and_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let lost = folder.path().join("absent/rows.json");
        for path in [&lost, folder.path(), Path::new("/proc/rows.json")] {
            let said = Output::judge(path).unwrap_err().to_string();
            assert!(said.starts_with(&format!("write {}: ", path.display())), "{said}");
        }
        assert!(Output::judge(&lost).unwrap_err().to_string().contains("there is no folder"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "judging leaves nothing");
    }

    #[test]
    fn what_is_no_list_of_rows_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.json");
        std::fs::write(&path, "[{\"id\": \"echo_ea").unwrap();
        let said = Output::judge(&path).unwrap().rows().unwrap_err().to_string();
        assert!(said.contains(&*path.to_string_lossy()) && said.contains("line 1"), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[{\"id\": \"echo_ea");
    }

    #[test]
    fn nothing_there_or_nothing_in_it_is_no_row() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.json");
        assert!(Output::judge(&path).unwrap().rows().unwrap().is_empty());
        assert!(!path.exists());
        std::fs::write(&path, "\n").unwrap();
        assert!(Output::judge(&path).unwrap().rows().unwrap().is_empty());
    }

    #[test]
    fn it_is_replaced_whole_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.json");
        let output = Output::judge(&path).unwrap();
        output.replace("a longer text").unwrap();
        output.replace("[]\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "[]\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        Output::judge(Path::new("/dev/null")).unwrap().replace("[]\n").unwrap();
    }
}
