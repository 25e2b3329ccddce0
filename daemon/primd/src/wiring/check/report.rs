//! What a check found: a line each, read from left to right, without columns or signs.

use std::fmt;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// All is well.
    Ok,
    /// It starts, and somebody should know.
    Warn,
    /// It does not start, or without something that the configuration asks for.
    Error,
}

/// A thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave it is.
    pub level: Level,
    /// The file, and the key that names it.
    pub place: String,
    /// What it is, or what is wrong and what to do.
    pub what: String,
    /// Why that matters; empty when all is well.
    pub matters: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        write!(f, "{level}: {}: {}.", self.place, self.what.trim_end_matches('.'))?;
        if self.matters.is_empty() { Ok(()) } else { write!(f, " {}.", self.matters) }
    }
}

/// Everything that was looked at, in the order of the configuration. Shown as a line each and a last one that sums up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    findings: Vec<Finding>,
}

impl Report {
    /// Whether nothing stands in the way of a start with all that the configuration asks for.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.count(Level::Error) == 0
    }

    /// One by one.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter()
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    pub(super) fn ok(&mut self, place: &str, what: impl fmt::Display) {
        self.add(Level::Ok, place, what, "");
    }

    pub(super) fn warn(&mut self, place: &str, what: impl fmt::Display, matters: &'static str) {
        self.add(Level::Warn, place, what, matters);
    }

    pub(super) fn error(&mut self, place: &str, what: impl fmt::Display, matters: &'static str) {
        self.add(Level::Error, place, what, matters);
    }

    fn add(&mut self, level: Level, place: &str, what: impl fmt::Display, matters: &'static str) {
        self.findings.push(Finding {
            level,
            place: place.to_owned(),
            what: spoken(&what.to_string()),
            matters,
        });
    }
}

/// On one line, without the drawing of the place that TOML's errors bring along: it is no help to who listens.
fn spoken(text: &str) -> String {
    let drawn =
        |line: &&str| !line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    text.lines().filter(drawn).map(str::trim).collect::<Vec<_>>().join(": ")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        let counted = |n: usize, what: &str| match n {
            0 => format!("no {what}s"),
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        let (errors, warnings) = (self.count(Level::Error), self.count(Level::Warn));
        let verdict = if errors == 0 { "primd can start with this" } else { "mend the errors first" };
        writeln!(f, "{}, {}: {verdict}.", counted(errors, "error"), counted(warnings, "warning"))
    }
}
