//! The meeting that is crashed into: who sits there, what they say, what Prim is told beforehand.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use prim_hil_sim::script::{Act, Script};
use prim_hil_sim::voices::{Line, voice_all};
use prim_ids::ParticipantId;
use serde_json::json;

/// The people and their lines, as `prim-room` reads them; here they are said in any order.
const SCRIPT: &str = include_str!("crash.meeting.toml");

/// A line and the talker who says it.
#[derive(Debug, Clone)]
pub(crate) struct Spoken {
    pub(crate) talker: usize,
    pub(crate) line: Line,
}

/// The remote person, whose hand goes up and down.
pub(crate) fn remote() -> (ParticipantId, &'static str) {
    (ParticipantId::from_u128(3), "Rosa")
}

/// Where the people of the room sit, and what they can say.
pub(crate) fn voices(folder: &Path) -> anyhow::Result<(Vec<f32>, Vec<Spoken>)> {
    let script = Script::parse(SCRIPT)?;
    let lines = voice_all(&script, Vec::new(), folder, &AtomicBool::new(false), |_, _| {})?;
    let bearings: Vec<f32> = script.people.iter().filter_map(|person| person.bearing_deg).collect();
    let spoken = script
        .beats
        .iter()
        .zip(lines)
        .filter(|(beat, _)| matches!(beat.act, Act::Say { .. }) && beat.who < bearings.len())
        .filter_map(|(beat, line)| Some(Spoken { talker: beat.who, line: line? }))
        .collect();
    Ok((bearings, spoken))
}

/// `meeting.toml` for `primd`.
pub(crate) fn write_plan(path: &Path) -> anyhow::Result<()> {
    let script = Script::parse(SCRIPT)?;
    let (remote_id, remote_name) = remote();
    let mut people: Vec<_> = (1_u128..)
        .zip(script.people.iter().filter(|person| person.bearing_deg.is_some()))
        .map(|(n, person)| {
            let id = ParticipantId::from_u128(n).to_string();
            json!({ "name": person.name, "where": "room", "host": person.host, "id": id })
        })
        .collect();
    people
        .push(json!({ "name": remote_name, "where": "remote", "host": false, "id": remote_id.to_string() }));
    // Short items: Prim itself wants the floor again and again.
    let agenda: Vec<_> =
        (1..=60).map(|n| json!({ "title": format!("Point {n}"), "planned_s": 15 })).collect();
    let plan = json!({
        "title": script.title,
        "mode": script.mode,
        "ding": script.ding,
        "consent": "given",
        "agenda": agenda,
        "people": people,
    });
    let text = toml::to_string(&plan).context("write the meeting's plan as TOML")?;
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
