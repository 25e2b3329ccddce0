//! `meeting.toml`: what is known of a meeting before it begins. Titles and names, nothing that is said in it.

use std::path::{Path, PathBuf};

use prim_proto::{Hash, link};
use prim_settings::{
    Key, Unit, WrongSetting, WrongSettings, line_of, one_of, reads_as, text, whole, yes_or_no,
};
use serde::Deserialize;

/// Every key, in the order of `meeting.example.toml`.
pub const KEYS: &[Key] = &[
    text("title", "what it is called", |_| true, "\"Weekly\"").always(),
    text("id", AN_ID, reads_as::<prim_ids::MeetingId>, "\"01JQZX3V9RK8D5T2M7N4B6C0FG\""),
    one_of("mode", &["coach-only", "answer-on-ask", "proactive-timekeeper"], "\"answer-on-ask\""),
    one_of("ding", &["room", "host-only", "off"], "\"room\""),
    one_of("consent", &["given", "ask-everyone", "never"], "\"ask-everyone\""),
    text("agenda[].title", "what it is about", |_| true, "\"Budget\"").in_section(),
    whole("agenda[].planned_s", 5, 86_400, Unit::Seconds, "600").in_section(),
    text("people[].name", "how others call them", |name| !name.trim().is_empty(), "\"Ana\"").in_section(),
    one_of("people[].where", &["room", "remote"], "\"room\""),
    yes_or_no("people[].host", "false"),
    text("people[].id", AN_ID, reads_as::<prim_ids::ParticipantId>, "\"01ARZ3NDEKTSV4RRFFQ69G5FAV\""),
];

const AN_ID: &str = "an id of 26 characters";

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

impl MeetingPlan {
    /// Tells this plan from any other: all of it counts, down to one person's seat.
    pub(crate) fn digest(&self) -> Hash {
        link(Hash::ZERO, format!("{self:?}").as_bytes())
    }
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
    /// The file is not TOML.
    #[error("understand the meeting plan {}: {why}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong with it.
        why: String,
    },
    /// Keys are unknown, missing, or have values that do not fit, or people cannot be told apart.
    #[error("use the meeting plan {}: {wrong}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Which keys, what is wrong with each, and what is accepted.
        wrong: WrongSettings,
    },
}

/// Reads `path`.
///
/// # Errors
/// [`ReadPlanError`].
pub fn read(path: &Path) -> Result<MeetingPlan, ReadPlanError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| ReadPlanError::Unreadable { path: path.to_owned(), source })?;
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<MeetingPlan, ReadPlanError> {
    let not_toml = |error: toml::de::Error| ReadPlanError::Invalid {
        path: path.to_owned(),
        why: error.to_string().trim().to_owned(),
    };
    let table: toml::Table = text.parse().map_err(not_toml)?;
    let wrong = |wrong| ReadPlanError::Wrong { path: path.to_owned(), wrong };
    let mut found = prim_settings::check(&table, KEYS, text)
        .map_or_else(|wrong| wrong.iter().cloned().collect(), |()| Vec::new());
    // As far as each person can be understood alone, whatever is wrong elsewhere.
    found.extend(mistakable(&people_of(&table), text));
    WrongSettings::none_of(found).map_err(wrong)?;
    toml::from_str(text).map_err(not_toml)
}

/// What there is of each person.
#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    name: Option<String>,
    id: Option<prim_ids::ParticipantId>,
}

fn people_of(table: &toml::Table) -> Vec<Known> {
    let people = table.get("people").and_then(toml::Value::as_array);
    let known = |person: &toml::Value| {
        let text = |key: &str| person.get(key).and_then(toml::Value::as_str);
        let name = text("name").map(as_heard).filter(|name| !name.is_empty());
        Known { name, id: text("id").and_then(|id| id.parse().ok()) }
    };
    people.into_iter().flatten().map(known).collect()
}

/// Who cannot be told apart by name or id, or would be taken for Prim. People are named by their number and line: the
/// error may reach a log, and a name must not.
fn mistakable(people: &[Known], text: &str) -> Vec<WrongSetting> {
    let line = |number: usize, key: &str| {
        line_of(text, "people[]", number, key).map(|line| format!(" (line {line})")).unwrap_or_default()
    };
    let mut wrong = Vec::new();
    for (number, person) in (1..).zip(people) {
        let mut tell = |key: &str, what: String, accepted: &str| {
            let place = format!("[[people]] number {number}: {key}{}", line(number, key));
            wrong.push(WrongSetting::WrongValue { place, what, accepted: accepted.to_owned() });
        };
        let earlier =
            |same: &dyn Fn(&Known) -> bool| people[..number - 1].iter().position(same).map(|index| index + 1);
        if person.name.as_deref() == Some("prim") {
            let accepted =
                "another name than Prim's own: who says it calls Prim, for example name = \"Prim Miller\"";
            tell("name", "is Prim's".to_owned(), accepted);
        } else if let Some(first) = earlier(&|other| person.name.is_some() && other.name == person.name) {
            let accepted = "a name that nobody else on the list has (capital letters are not told apart): what is said, \
                            agreed to and promised goes on record by it, for example name = \"Ana Silva\"";
            tell("name", format!("is the name of number {first}{} too", line(first, "name")), accepted);
        }
        if let Some(first) = earlier(&|other| person.id.is_some() && other.id == person.id) {
            let accepted = "each person's own id, or none";
            tell("id", format!("is the id of number {first}{} too", line(first, "id")), accepted);
        }
    }
    wrong
}

/// A name without what nobody hears.
fn as_heard(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::example::{assert_same_keys, uncommented};

    const EXAMPLE: &str = include_str!("../meeting.example.toml");

    fn fails_with(text: &str) -> String {
        parse(text, Path::new("monday.toml")).unwrap_err().to_string()
    }

    #[test]
    fn the_example_and_the_list_of_keys_and_what_is_read_are_the_same() {
        let plan = parse(EXAMPLE, Path::new("meeting.example.toml")).unwrap();
        let bare = parse("title = \"x\"", Path::new("x.toml")).unwrap();
        assert_eq!((plan.mode, plan.ding, plan.consent), (bare.mode, bare.ding, bare.consent));
        let whole = uncommented(EXAMPLE);
        assert!(parse(&whole, Path::new("meeting.example.toml")).unwrap().id.is_some());
        assert_same_keys::<MeetingPlan>(&whole, KEYS);
    }

    #[test]
    fn a_timebox_in_minutes_is_refused_with_its_seconds() {
        assert_eq!(
            fails_with("title = \"x\"\n[[agenda]]\ntitle = \"Budget\"\nplanned_s = \"10 min\"\n"),
            "use the meeting plan monday.toml: [[agenda]] number 1: planned_s = \"10 min\" (line 4) is text; accepted is \
             a whole number of seconds from 5 to 86400, without quotes and unit (10 min would be 600), for example \
             planned_s = 600"
        );
    }

    #[test]
    fn two_people_of_one_name_are_refused_by_number_and_line_and_their_name_is_not_told() {
        let two = "title = \"x\"\n[[people]]\nname = \"Ana\"\n[[people]]\nname = \"Ben\"\n[[people]]\nname = \" ANA\"\n";
        let said = fails_with(two);
        assert!(
            said.starts_with(
                "use the meeting plan monday.toml: [[people]] number 3: name (line 7) is the name of number 1 (line 3) too; \
                 accepted is a name that nobody else on the list has"
            ),
            "{said}"
        );
        assert!(!said.contains("ANA") && !said.contains("name = \"Ana\""), "{said}");
        parse(&two.replace(" ANA", "Ana Silva"), Path::new("monday.toml")).unwrap();
    }

    #[test]
    fn nobody_is_called_prim_or_has_anothers_id_and_all_that_is_told_at_once() {
        let id = "id = \"01ARZ3NDEKTSV4RRFFQ69G5FAV\"\n";
        let said = fails_with(&format!(
            "title = \"x\"\n[[people]]\nname = \"prim\"\n{id}[[people]]\nname = \"Ben\"\n{id}"
        ));
        assert!(
            said.contains("[[people]] number 1: name (line 3) is Prim's; accepted is another name"),
            "{said}"
        );
        assert!(
            said.contains("[[people]] number 2: id (line 7) is the id of number 1 (line 4) too"),
            "{said}"
        );
        parse("title = \"x\"\n[[people]]\nname = \"Joan Prim\"\n", Path::new("monday.toml")).unwrap();
    }

    #[test]
    fn a_wrong_consent_and_a_person_called_prim_and_a_name_twice_are_told_at_once() {
        let said = fails_with(
            "title = \"x\"\nconsent = \"maybe\"\n[[people]]\nname = \"Prim\"\n[[people]]\nname = \"Ana\"\nwhere = \"moon\"\n\
             [[people]]\nname = \"ana\"\n[[people]]\nwhere = \"room\"\n",
        );
        assert!(said.contains("5 settings do not fit"), "{said}");
        for part in [
            "consent = \"maybe\"",
            "where = \"moon\"",
            "number 1: name (line 4) is Prim's",
            "number 3: name (line 9) is the name of number 2 (line 6) too",
            "number 4",
        ] {
            assert!(said.contains(part), "{part} is missing: {said}");
        }
    }

    #[test]
    fn a_mode_that_is_none_is_refused_with_those_there_are() {
        assert_eq!(
            fails_with("title = \"x\"\nmode = \"quiet\"\n"),
            "use the meeting plan monday.toml: mode = \"quiet\" (line 2) does not fit; accepted is one of \"coach-only\", \
             \"answer-on-ask\", \"proactive-timekeeper\", for example mode = \"answer-on-ask\""
        );
    }
}
