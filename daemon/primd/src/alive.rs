//! When the daemon was last alive: kept with the meeting's state, and between records in a file of its own.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use prim_ids::{BootId, MonoTime, WallTime};

use crate::clock;

/// How often the file is written: short against the time after which a meeting does not go on.
const EVERY: Duration = Duration::from_secs(15);

/// A moment on every clock there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sign {
    pub(crate) boot: BootId,
    pub(crate) at: MonoTime,
    pub(crate) wall: WallTime,
    /// The wall clock is believed.
    pub(crate) synced: bool,
}

impl Sign {
    pub(crate) fn now(boot: BootId) -> Self {
        let (at, wall) = (clock::mono_now(), clock::wall_now());
        Self { boot, at, wall, synced: clock::wall_is_synchronised() }
    }

    /// The later one of two, where that is certain.
    pub(crate) fn or_later(self, other: Option<Self>) -> Self {
        other.filter(|other| other.boot == self.boot && other.at > self.at).unwrap_or(self)
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boot, at, wall, synced } = self;
        write!(f, "{boot} {} {} {synced}", at.as_millis(), wall.unix_millis())
    }
}

/// The text is not a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoSign;

impl FromStr for Sign {
    type Err = NoSign;

    fn from_str(text: &str) -> Result<Self, NoSign> {
        let [boot, at, wall, synced] = text.split(' ').collect::<Vec<_>>()[..] else { return Err(NoSign) };
        Ok(Self {
            boot: boot.parse().map_err(|_| NoSign)?,
            at: MonoTime::from_millis(at.parse().map_err(|_| NoSign)?),
            wall: WallTime::from_unix_millis(wall.parse().map_err(|_| NoSign)?),
            synced: synced.parse().map_err(|_| NoSign)?,
        })
    }
}

/// The file. A quiet meeting writes no records for a long time; this says that its daemon lived.
#[derive(Debug)]
pub(crate) struct AliveFile {
    path: PathBuf,
    written: Option<MonoTime>,
}

impl AliveFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, written: None }
    }

    /// What it says. A file that is not whole says nothing.
    pub(crate) fn read(&self) -> Option<Sign> {
        std::fs::read_to_string(&self.path).ok()?.trim_end_matches('\n').parse().ok()
    }

    /// Call about once a second. Not synced: after a power cut the last record's time counts.
    pub(crate) fn keep(&mut self, sign: &Sign) {
        if self.written.is_some_and(|written| sign.at < written + EVERY) {
            return;
        }
        self.written = Some(sign.at);
        if let Err(error) = std::fs::write(&self.path, format!("{sign}\n")) {
            tracing::debug!(error = &error as &dyn std::error::Error, "the sign of life was not written");
        }
    }
}
