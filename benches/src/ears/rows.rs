//! Rows `{id, ours, peer, ratio, goal, met}`: what a stage measured, and how it joins what was measured before.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Stage;

/// One figure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its name; the promise of that name in `budgets.toml` judges it.
    pub id: String,
    /// The name of its [`Stage`].
    pub stage: String,
    /// What was measured, in words.
    pub what: String,
    /// What is counted.
    pub unit: String,
    /// Our figure; `None` when it could not be measured.
    pub ours: Option<f64>,
    /// The peer's, where it could be measured.
    pub peer: Option<f64>,
    /// Who the peer is.
    pub peer_name: Option<String>,
    /// Ours divided by the peer's, where that says something.
    pub ratio: Option<f64>,
    /// The promise in words.
    pub goal: Option<String>,
    /// Whether it is kept; `None` without a promise or without the peer it is promised beside.
    pub met: Option<bool>,
    /// The version on which its stage was measured, `+` behind it when the tree was not what was committed.
    #[serde(default)]
    pub commit: Option<String>,
    /// The day in UTC on which its stage was measured, `2026-11-28`.
    #[serde(default)]
    pub day: Option<String>,
}

/// `before` with the rows `now` in the place of all rows of their stages, in the order of the stages. A stage that gave
/// no row now, since its recordings are missing, keeps those it had.
#[must_use]
pub fn merged(before: &[Row], now: &[Row]) -> Vec<Row> {
    let fresh: BTreeSet<&str> = now.iter().map(|row| row.stage.as_str()).collect();
    let kept = before.iter().filter(|row| !fresh.contains(row.stage.as_str()));
    let mut rows: Vec<Row> = now.iter().chain(kept).cloned().collect();
    let place = |row: &Row| Stage::ALL.iter().position(|stage| stage.name() == row.stage);
    // A stage that is no more stands last.
    rows.sort_by_key(|row| place(row).unwrap_or(usize::MAX));
    rows
}

/// The rows as they are written.
///
/// # Panics
/// Never: rows are plain.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    serde_json::to_string_pretty(rows).expect("rows are plain") + "\n"
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn row(stage: Stage, id: &str, ours: f64) -> Row {
        Row {
            id: id.to_owned(),
            stage: stage.name().to_owned(),
            what: "what it is".to_owned(),
            unit: "dB".to_owned(),
            ours: Some(ours),
            peer: None,
            peer_name: None,
            ratio: None,
            goal: None,
            met: None,
            commit: None,
            day: None,
        }
    }

    #[test]
    fn a_stage_measured_again_takes_the_place_of_all_its_rows() {
        let before = [row(Stage::Echo, "a", 1.0), row(Stage::Echo, "gone", 1.0), row(Stage::Who, "b", 2.0)];
        let now = [row(Stage::Who, "b", 3.0), row(Stage::Resample, "c", 4.0)];
        let names =
            |rows: &[Row]| rows.iter().map(|r| format!("{} {}", r.id, r.ours.unwrap())).collect::<Vec<_>>();
        assert_eq!(names(&merged(&before, &now)), ["c 4", "a 1", "gone 1", "b 3"]);
        assert_eq!(names(&merged(&before, &[row(Stage::Echo, "a", 5.0)])), ["a 5", "b 2"]);
        assert_eq!(merged(&before, &[]), before);
    }

    #[test]
    fn rows_of_before_they_told_when_and_on_what_are_read() {
        let text = r#"[{"id":"a","stage":"echo","what":"w","unit":"dB","ours":1.0,"peer":null,"peer_name":null,
            "ratio":null,"goal":null,"met":null}]"#;
        let read: Vec<Row> = serde_json::from_str(text).unwrap();
        assert_eq!((&read[0].commit, &read[0].day), (&None, &None));
    }

    #[test]
    fn rows_are_read_as_they_were_written() {
        let rows = [row(Stage::Echo, "a", 1.5)];
        let read: Vec<Row> = serde_json::from_str(&json(&rows)).unwrap();
        assert_eq!(read, rows);
    }
}
