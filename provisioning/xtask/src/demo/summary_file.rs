//! The file of `--json`: judged before anything is built, filled beside its place, there only when it is whole.
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde_json::{Map, Value};
use tempfile::NamedTempFile;

/// A place that takes the summary.
#[derive(Debug)]
pub(crate) struct SummaryFile {
    named: PathBuf,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A file beside the one that was named, which takes its name in one step; removed when that does not happen.
    Beside { half: NamedTempFile, whole: PathBuf },
    /// A pipe or a device takes what is written.
    Straight(File),
}

impl SummaryFile {
    pub(crate) fn judge(named: &Path) -> anyhow::Result<Self> {
        let place = Place::find(named)
            .with_context(|| format!("use --json {}: name a file that can be written", named.display()))?;
        Ok(Self { named: named.to_owned(), place })
    }

    pub(crate) fn name(&self) -> &Path {
        &self.named
    }

    pub(crate) fn write(self, summary: &Map<String, Value>) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(summary).context("write the summary as JSON")? + "\n";
        let done = match self.place {
            Place::Straight(mut file) => file.write_all(text.as_bytes()),
            Place::Beside { mut half, whole } => half
                .write_all(text.as_bytes())
                .and_then(|()| half.persist(whole).map(drop).map_err(|error| error.error)),
        };
        done.with_context(|| format!("write the summary to {}", self.named.display()))
    }
}

impl Place {
    fn find(named: &Path) -> anyhow::Result<Self> {
        let whole = match named.canonicalize() {
            // A link stays a link: the file behind it is replaced.
            Ok(there) => {
                ensure!(!there.is_dir(), "it is a folder");
                let file = File::options().write(true).open(&there).context("open it")?;
                let stream = ["/dev", "/proc"].iter().any(|system| named.starts_with(system));
                if stream || !there.is_file() {
                    return Ok(Self::Straight(file));
                }
                there
            }
            Err(_) => named.to_owned(),
        };
        ensure!(whole.file_name().is_some(), "it names no file");
        let folder = whole.parent().filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        ensure!(folder.is_dir(), "there is no folder {}; make it first", folder.display());
        let half = tempfile::Builder::new()
            .prefix(".prim-summary-")
            // As any other file of the user: what their umask leaves of it.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .with_context(|| format!("make a file in {}", folder.display()))?;
        Ok(Self::Beside { half, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Map<String, Value> {
        Map::from_iter([("wer".to_owned(), 0.25.into())])
    }

    fn files_in(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_place_that_cannot_take_the_summary_is_refused_at_once_and_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let why = |named: &Path| format!("{:#}", SummaryFile::judge(named).unwrap_err());
        let lost = folder.path().join("absent/summary.json");
        let said = why(&lost);
        assert!(said.contains(&*lost.to_string_lossy()) && said.contains("there is no folder"), "{said}");
        assert!(why(folder.path()).contains("it is a folder"));
        let below_a_file = folder.path().join("file");
        std::fs::write(&below_a_file, "").unwrap();
        assert!(why(&below_a_file.join("summary.json")).contains("there is no folder"));
        assert!(why(Path::new("/proc/summary.json")).contains("make a file in /proc"));
        assert_eq!(files_in(folder.path()), 1, "judging leaves nothing");
    }

    #[test]
    fn the_file_is_there_when_it_is_whole_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.json");
        let judged = SummaryFile::judge(&file).unwrap();
        assert!(!file.exists());
        judged.write(&summary()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "{\n  \"wer\": 0.25\n}\n");
        assert_eq!(files_in(folder.path()), 1);
    }

    #[test]
    fn a_run_that_never_comes_to_its_summary_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("summary.json");
        std::fs::write(&file, "old").unwrap();
        drop(SummaryFile::judge(&file).unwrap());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(files_in(folder.path()), 1);
    }

    #[test]
    fn a_link_stays_and_a_device_is_written_to_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        SummaryFile::judge(&link).unwrap().write(&summary()).unwrap();
        assert!(link.is_symlink() && std::fs::read_to_string(&file).unwrap().contains("wer"));
        SummaryFile::judge(Path::new("/dev/null")).unwrap().write(&summary()).unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }
}
