//! Rows `{id, ours, peer, ratio, goal, met}`, the page made of them, and the same as JSON.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;

use prim_benches::{Budget, budgets, note_missed};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Row {
    id: String,
    stage: String,
    what: String,
    unit: String,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<String>,
    ratio: Option<f64>,
    goal: Option<String>,
    met: Option<bool>,
}

pub(crate) struct Table {
    rows: Vec<Row>,
    budgets: BTreeMap<String, Budget>,
    stage: &'static str,
    begun: Vec<&'static str>,
}

impl Default for Table {
    fn default() -> Self {
        Self { rows: Vec::new(), budgets: budgets(), stage: "", begun: Vec::new() }
    }
}

/// A peer's figure with its name; `None` when it could not be measured.
pub(crate) type Peer<'a> = Option<(&'a str, f64)>;

impl Table {
    pub(crate) fn begin(&mut self, stage: &'static str) {
        self.stage = stage;
        self.begun.push(stage);
        let _ = writeln!(std::io::stdout(), "{stage}");
    }

    /// One figure. When `budgets.toml` has a promise of this name, it is judged.
    pub(crate) fn row(&mut self, id: &str, what: &str, unit: &str, ours: f64, peer: Peer<'_>) {
        let budget = self.budgets.get(id);
        let figure = peer.map(|p| p.1);
        let met = budget.and_then(|b| b.kept(ours, figure));
        let row = Row {
            id: id.to_owned(),
            stage: self.stage.to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            ours,
            peer: figure,
            peer_name: peer.map(|p| p.0.to_owned()),
            ratio: figure.filter(|p| *p != 0.0 && unit != "dB").map(|p| ours / p),
            goal: budget.map(Budget::goal),
            met,
        };
        let _ = writeln!(std::io::stdout(), "  {}", line(&row));
        if row.met == Some(false) {
            note_missed(&row.id);
        }
        self.rows.push(row);
    }

    /// Writes what was asked for. Rows of stages that were not measured now are kept from `json`, if it is there: the
    /// whole may be measured stage by stage. The page is written only when no stage of `stages` is missing.
    pub(crate) fn write(&mut self, json: Option<&str>, page: Option<&str>, stages: &[&str]) {
        if let Some(path) = json {
            let before = std::fs::read_to_string(path).unwrap_or_default();
            let before: Vec<Row> = serde_json::from_str(&before).unwrap_or_default();
            let now: Vec<String> = self.rows.iter().map(|r| r.stage.clone()).collect();
            self.rows.extend(before.into_iter().filter(|r| !now.contains(&r.stage)));
            self.rows.sort_by_key(|r| stages.iter().position(|s| *s == r.stage));
            let text = serde_json::to_string_pretty(&self.rows).expect("rows are plain");
            std::fs::write(path, text + "\n").expect("the named file can be written");
        }
        // A stage that ran may have no row, where the recordings it needs are missing.
        let known = |s: &&str| self.begun.contains(s) || self.rows.iter().any(|r| r.stage == **s);
        let whole = stages.iter().all(known);
        if let Some(path) = page.filter(|_| whole) {
            std::fs::write(path, self.page()).expect("the page can be written");
        }
        let judged: Vec<bool> = self.rows.iter().filter_map(|r| r.met).collect();
        let kept = judged.iter().filter(|m| **m).count();
        let _ = writeln!(std::io::stdout(), "{kept} of {} goals met", judged.len());
    }

    fn page(&self) -> String {
        let mut out = String::from(HEAD);
        let mut stage = "";
        for row in &self.rows {
            if row.stage != stage {
                stage = &row.stage;
                let _ = write!(
                    out,
                    "\n## {stage}\n\n| id | what | ours | peer | ratio | goal | met |\n|---|---|---|---|---|---|---|\n"
                );
            }
            let peer = match (row.peer, &row.peer_name) {
                (Some(p), Some(name)) => format!("{} ({name})", number(p)),
                _ => "–".to_owned(),
            };
            let ratio = row.ratio.map_or_else(|| "–".to_owned(), |r| format!("{r:.2}"));
            let goal = row.goal.as_deref().unwrap_or("–");
            let met = match row.met {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "–",
            };
            let _ = writeln!(
                out,
                "| {} | {} | {} {} | {peer} | {ratio} | {goal} | {met} |",
                row.id,
                row.what,
                number(row.ours),
                row.unit
            );
        }
        out
    }
}

const HEAD: &str = "# The ears beside their peers\n\nWritten by `cargo xtask bench ears`; do not edit. Seeded image-source rooms, flite's voices, one thread, CPU time.\nGoals stand in `budgets.toml`; what each row measures stands in the file of its stage under `ears/`.\n";

fn number(x: f64) -> String {
    if x.abs() >= 100.0 {
        format!("{x:.0}")
    } else if x.abs() >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}

fn line(row: &Row) -> String {
    let mut out = format!("{:34} {:>8} {:14}", row.id, number(row.ours), row.unit);
    if let (Some(p), Some(name)) = (row.peer, &row.peer_name) {
        let _ = write!(out, " {name} {}", number(p));
    }
    if let Some(goal) = &row.goal {
        let verdict = match row.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not judged",
        };
        let _ = write!(out, "; goal {goal}: {verdict}");
    }
    out
}
