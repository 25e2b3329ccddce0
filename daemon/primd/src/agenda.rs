//! `meeting.toml`: what is known of a meeting before it begins. Titles and names, nothing that is said in it.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A planned meeting.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeetingPlan {
    /// What it is called.
    pub title: String,
    /// Its id, when a calendar gave one; a new one otherwise.
    pub id: Option<prim_ids::MeetingId>,
    /// How Prim may behave.
    #[serde(default)]
    pub mode: Mode,
    /// Where the ding may sound.
    #[serde(default)]
    pub ding: DingPlace,
    /// How consent to recording stands at the start.
    #[serde(default)]
    pub consent: Consent,
    /// The agenda, in order.
    #[serde(default)]
    pub agenda: Vec<PlannedItem>,
    /// Who is expected.
    #[serde(default)]
    pub people: Vec<PlannedPerson>,
}

/// The policy mode, as people write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Only writes.
    CoachOnly,
    /// Answers direct questions.
    #[default]
    AnswerOnAsk,
    /// Also asks for the floor when a timebox ends.
    ProactiveTimekeeper,
}

/// Where the ding sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DingPlace {
    /// For everyone.
    #[default]
    Room,
    /// For the host alone.
    HostOnly,
    /// Never.
    Off,
}

/// How consent to recording is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Consent {
    /// Everybody invited agreed beforehand.
    Given,
    /// Nothing is kept until each person present has said yes.
    #[default]
    AskEveryone,
    /// Nothing is kept.
    Never,
}

/// One line of the agenda.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedItem {
    /// What it is about.
    pub title: String,
    /// Its timebox, in seconds.
    pub planned_s: u32,
}

/// One expected person.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedPerson {
    /// How others call them.
    pub name: String,
    /// In the room or on the line.
    #[serde(default, rename = "where")]
    pub place: Place,
    /// Whether they run the meeting.
    #[serde(default)]
    pub host: bool,
    /// Their id, when known.
    pub id: Option<prim_ids::ParticipantId>,
}

/// Where a person sits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// At the table.
    #[default]
    Room,
    /// On a meeting platform.
    Remote,
}

/// Why the plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadPlanError {
    /// The file cannot be read.
    #[error("read the meeting plan {}; give its path with --meeting", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not valid.
    #[error("understand the meeting plan {}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line, key and what is wrong with it.
        why: String,
    },
}

/// Reads `path`.
///
/// # Errors
/// [`ReadPlanError`].
pub fn read(path: &Path) -> Result<MeetingPlan, ReadPlanError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ReadPlanError::Unreadable { path: path.to_owned(), source })?;
    let plan: MeetingPlan = toml::from_str(&text).map_err(|e| ReadPlanError::Invalid {
        path: path.to_owned(),
        why: e.to_string().trim().to_owned(),
    })?;
    if let Some(item) = plan.agenda.iter().find(|i| !(5..=86_400).contains(&i.planned_s)) {
        return Err(ReadPlanError::Invalid {
            path: path.to_owned(),
            why: format!(
                "the timebox of {:?} is {} s; it must lie between 5 s and a day",
                item.title, item.planned_s
            ),
        });
    }
    Ok(plan)
}
