//! What the room program says while it plays: read from its record as it grows. Only what concerns this program is
//! understood (the link to cut, the end of the script); the rest is for `prim-measure`.
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Something for us to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cue {
    /// Cut or mend the cable to the broker.
    Link { cut: bool },
    /// The script is over.
    ScriptOver,
    /// A device has connected.
    Connected,
    /// A person did something again, because nothing came of it.
    Repeat,
    /// The room begins to play this one of the user's recordings, counted from 0.
    Plays { wave: usize },
}

#[derive(Debug, Deserialize)]
struct Line {
    what: What,
}

#[derive(Debug, Deserialize)]
struct What {
    kind: String,
    #[serde(default)]
    cut: bool,
    #[serde(default)]
    beat: String,
}

/// Follows the file; it need not exist yet.
#[derive(Debug)]
pub(crate) struct Cues {
    path: PathBuf,
    reader: Option<BufReader<File>>,
    half: String,
}

impl Cues {
    pub(crate) fn follow(path: &Path) -> Self {
        Self { path: path.to_owned(), reader: None, half: String::new() }
    }

    /// What was said since the last call.
    pub(crate) fn fresh(&mut self) -> Vec<Cue> {
        if self.reader.is_none() {
            self.reader = File::open(&self.path).ok().map(BufReader::new);
        }
        let mut cues = Vec::new();
        let Some(reader) = &mut self.reader else { return cues };
        // A line may be half written: what there is of it waits for the rest.
        while reader.read_line(&mut self.half).is_ok_and(|count| count > 0) && self.half.ends_with('\n') {
            cues.extend(understand(&self.half));
            self.half.clear();
        }
        cues
    }
}

fn understand(line: &str) -> Option<Cue> {
    let what = serde_json::from_str::<Line>(line).ok()?.what;
    match what.kind.as_str() {
        "link" => Some(Cue::Link { cut: what.cut }),
        "ended" => Some(Cue::ScriptOver),
        "connected" => Some(Cue::Connected),
        "repeat" => Some(Cue::Repeat),
        "speaks" => {
            let number: usize = what.beat.strip_prefix("recording ")?.parse().ok()?;
            Some(Cue::Plays { wave: number.checked_sub(1)? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn cues_are_read_as_they_are_written_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut cues = Cues::follow(&path);
        assert_eq!(cues.fresh(), []);
        let mut file = File::create(&path).unwrap();
        file.write_all(
            b"{\"boot_ms\":1.5,\"sample\":0,\"what\":{\"kind\":\"ready\"}}\n{\"boot_ms\":2.0,\"sam",
        )
        .unwrap();
        assert_eq!(cues.fresh(), []);
        file.write_all(b"ple\":1,\"what\":{\"kind\":\"link\",\"cut\":true}}\n").unwrap();
        assert_eq!(cues.fresh(), [Cue::Link { cut: true }]);
        file.write_all(
            b"{\"boot_ms\":2.5,\"sample\":1,\"what\":{\"kind\":\"speaks\",\"name\":\"place 2\",\"beat\":\"recording 2\"}}\n",
        )
        .unwrap();
        assert_eq!(cues.fresh(), [Cue::Plays { wave: 1 }]);
        file.write_all(b"{\"boot_ms\":3.0,\"sample\":2,\"what\":{\"kind\":\"ended\"}}\n").unwrap();
        assert_eq!(cues.fresh(), [Cue::ScriptOver]);
        assert_eq!(cues.fresh(), []);
    }
}
