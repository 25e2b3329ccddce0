//! What Prim is told before the meeting: titles, timeboxes, names. The rest of the script it never sees, and of
//! recordings only how long they are.
use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use prim_ids::ParticipantId;
use serde::{Deserialize, Serialize};

/// The part of a meeting script that an invitation would hold.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Invitation {
    title: String,
    mode: String,
    ding: String,
    agenda: Vec<Item>,
    people: Vec<Invited>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
struct Item {
    title: String,
    planned_s: u32,
}

#[derive(Debug, Clone, Deserialize)]
struct Invited {
    name: String,
    #[serde(rename = "where")]
    place: String,
    #[serde(default)]
    host: bool,
}

/// `meeting.toml` as `primd` reads it.
#[derive(Debug, Serialize)]
struct Plan<'a> {
    title: &'a str,
    mode: &'a str,
    ding: &'a str,
    /// The people of the demo were asked beforehand: they are voices. For those in recordings it is given by whoever runs
    /// this, who is told so.
    consent: &'static str,
    agenda: &'a [Item],
    people: Vec<Person<'a>>,
}

#[derive(Debug, Serialize)]
struct Person<'a> {
    name: &'a str,
    #[serde(rename = "where")]
    place: &'a str,
    host: bool,
    id: String,
}

impl Invitation {
    pub(crate) fn read(script: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(script)
            .with_context(|| format!("read the meeting script {}", script.display()))?;
        toml::from_str(&text).with_context(|| format!("understand the meeting script {}", script.display()))
    }

    /// For recordings: an item of whole minutes in which all of them fit. Who speaks in them nobody knows, nobody is
    /// remote, and Prim speaks when it is asked.
    pub(crate) fn for_recordings(seconds: f64) -> Self {
        let title = "Your recordings".to_owned();
        // An hour at most: `as` has nothing to cut off.
        let planned_s = (seconds / 60.0).ceil().max(1.0) as u32 * 60;
        Self {
            title: title.clone(),
            mode: "answer-on-ask".to_owned(),
            ding: "room".to_owned(),
            agenda: vec![Item { title, planned_s }],
            people: Vec::new(),
        }
    }

    /// Write the plan; the answer says who is who, for the terminal.
    pub(crate) fn write_plan(&self, path: &Path) -> anyhow::Result<BTreeMap<ParticipantId, String>> {
        let mut who = BTreeMap::new();
        let mut people = Vec::new();
        for (number, person) in (1_u128..).zip(&self.people) {
            // The numbers need only differ from each other within this meeting.
            let id = ParticipantId::from_u128((u128::from(super::watch::boot_ms()) << 80) | number);
            who.insert(id, person.name.clone());
            people.push(Person {
                name: &person.name,
                place: &person.place,
                host: person.host,
                id: id.to_string(),
            });
        }
        let Self { title, mode, ding, agenda, .. } = self;
        let plan = Plan { title, mode, ding, consent: "given", agenda, people };
        let text = toml::to_string(&plan).context("write the meeting's plan as TOML")?;
        std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_of_recordings_knows_their_length_and_nobody_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let plan = folder.path().join("meeting.toml");
        let who = Invitation::for_recordings(61.0).write_plan(&plan).unwrap();
        let text = std::fs::read_to_string(plan).unwrap();
        let plan: toml::Table = toml::from_str(&text).unwrap();
        assert!(who.is_empty() && plan["people"].as_array().unwrap().is_empty(), "{text}");
        assert_eq!(plan["agenda"][0]["planned_s"].as_integer(), Some(120), "{text}");
        assert_eq!(plan["agenda"].as_array().unwrap().len(), 1);
        assert_eq!((plan["mode"].as_str(), plan["consent"].as_str()), (Some("answer-on-ask"), Some("given")));
    }

    #[test]
    fn the_plan_holds_titles_and_names_and_nothing_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let script = crate::checkout::root().join(super::super::SCRIPT);
        let plan = folder.path().join("meeting.toml");
        let who = Invitation::read(&script).unwrap().write_plan(&plan).unwrap();
        let text = std::fs::read_to_string(plan).unwrap();
        assert!(who.values().all(|name| text.contains(name.as_str())));
        assert!(!text.contains("say") && !text.contains("beat") && !text.contains("voice"), "{text}");
    }
}
