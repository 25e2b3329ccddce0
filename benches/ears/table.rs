//! What the stages measured, judged as it comes and written after each stage.
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use prim_benches::ears::Stage;
use prim_benches::ears::origin;
use prim_benches::ears::output::{Output, OutputError};
use prim_benches::ears::page::{line, page};
use prim_benches::ears::rows::{Row, json, merged};
use prim_benches::ears::tally::{Tally, without_row};
use prim_benches::{Budget, Shortfall, budgets, note};

pub(crate) struct Table {
    /// Of this run.
    rows: Vec<Row>,
    /// Of the file that was named.
    before: Vec<Row>,
    budgets: BTreeMap<String, Budget>,
    begun: Vec<Stage>,
    commit: Option<String>,
    /// When the stage began that is measured.
    day: String,
    json: Option<Output>,
    page: Option<Output>,
}

/// A peer's figure with its name; `None` when it could not be measured.
pub(crate) type Peer<'a> = Option<(&'a str, f64)>;

impl Table {
    /// With the files that shall be written, and the rows that stand in the first: the whole may be measured stage by
    /// stage.
    pub(crate) fn open(json: Option<&Path>, page: Option<&Path>) -> Result<Self, OutputError> {
        let json = json.map(Output::judge).transpose()?;
        let page = page.map(Output::judge).transpose()?;
        let before = json.as_ref().map(Output::rows).transpose()?.unwrap_or_default();
        Ok(Self {
            rows: Vec::new(),
            before,
            budgets: budgets(),
            begun: Vec::new(),
            commit: origin::commit(),
            day: origin::day(),
            json,
            page,
        })
    }

    pub(crate) fn begin(&mut self, stage: Stage) {
        self.begun.push(stage);
        self.day = origin::day();
        let _ = writeln!(std::io::stdout(), "{}", stage.name());
    }

    /// One figure. When `budgets.toml` has a promise of this name, it is judged.
    pub(crate) fn row(&mut self, id: &str, what: &str, unit: &str, ours: f64, peer: Peer<'_>) {
        self.push(id, what, unit, Some(ours), peer);
    }

    /// What a part costs that cannot run by itself: the whole with it less the whole without it. Nothing costs nothing
    /// or less: then the noise of the two measurements is larger than what is between them.
    pub(crate) fn part(&mut self, id: &str, what: &str, unit: &str, ours: f64, peer: Peer<'_>) {
        self.push(id, what, unit, Some(ours).filter(|cost| *cost > 0.0), peer);
    }

    fn push(&mut self, id: &str, what: &str, unit: &str, ours: Option<f64>, peer: Peer<'_>) {
        let budget = self.budgets.get(id);
        let figure = peer.map(|p| p.1);
        let met = budget.and_then(|b| b.kept(ours?, figure));
        let row = Row {
            id: id.to_owned(),
            stage: self.begun.last().map_or("", |stage| stage.name()).to_owned(),
            what: what.to_owned(),
            unit: unit.to_owned(),
            ours,
            peer: figure,
            peer_name: peer.map(|p| p.0.to_owned()),
            ratio: figure.filter(|p| *p != 0.0 && unit != "dB").and_then(|p| Some(ours? / p)),
            goal: budget.map(Budget::goal),
            met,
            commit: self.commit.clone(),
            day: Some(self.day.clone()),
        };
        let _ = writeln!(std::io::stdout(), "  {}", line(&row));
        match row.met {
            Some(false) => note(Shortfall::Missed, id),
            None if budget.is_some() => note(Shortfall::NotJudged, id),
            Some(true) | None => {}
        }
        self.rows.push(row);
    }

    /// The stage is measured: writes what was asked for, the page only when no stage is missing in it.
    pub(crate) fn end(&self) -> Result<(), OutputError> {
        let rows = merged(&self.before, &self.rows);
        if let Some(output) = &self.json {
            output.replace(&json(&rows))?;
        }
        match &self.page {
            Some(output) if self.whole(&rows) => output.replace(&page(&rows)),
            _ => Ok(()),
        }
    }

    /// A stage that ran may have no row, where the recordings it needs are missing.
    fn whole(&self, rows: &[Row]) -> bool {
        let known = |s: &Stage| self.begun.contains(s) || rows.iter().any(|r| r.stage == s.name());
        Stage::ALL.iter().all(known)
    }

    /// The last word. Whether the whole is known and a promise has no row all the same: then something is wrong with
    /// the bench or with `budgets.toml`.
    pub(crate) fn tell(&self) -> Result<(), String> {
        let rows = merged(&self.before, &self.rows);
        let _ = writeln!(std::io::stdout(), "{}", Tally::of(&rows));
        let missing = without_row(&rows, &self.budgets);
        if missing.is_empty() || !self.whole(&rows) {
            return Ok(());
        }
        Err(format!("promised in budgets.toml and not measured by any stage: {}", missing.join(", ")))
    }
}
