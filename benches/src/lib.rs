//! What the benches share: a timer that reports the middle of several rounds, and the promises to judge it by.
//!
//! **What.** Each bench measures one thing, beside a peer in the same run where there is one, and says whether the
//! promise of `budgets.toml` is met. **Who calls it.** `cargo xtask bench`. **What it never does.** It never fails
//! because a promise is missed on a busy machine: it says so and by how much, and notes it for `bench --strict`,
//! which does; it fails when it cannot measure.
pub mod der;
pub mod ears;

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// One promise.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The bench that measures it.
    pub bench: String,
    /// Its name in the demo's summary, for what only a whole meeting can measure (`_p50`, `_p95`, `_n` follow the name of
    /// a time, which is counted in ms).
    pub figure: Option<String>,
    /// The largest figure that keeps it.
    pub at_most: Option<f64>,
    /// The smallest figure that keeps it.
    pub at_least: Option<f64>,
    /// What is counted.
    pub unit: String,
    /// Where the promise comes from.
    pub source: String,
    /// What it is measured beside.
    pub against: Option<String>,
    /// What the bound is on, when it is not the figure itself: what divides or is taken from it is the peer's figure.
    pub compare: Option<Compare>,
}

/// How a figure is set beside its peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compare {
    /// Ours divided by the peer's.
    Ratio,
    /// Ours less the peer's.
    Difference,
}

impl Budget {
    /// Whether `ours` keeps the promise; `None` when it is a promise beside a peer and the peer was not measured.
    #[must_use]
    pub fn kept(&self, ours: f64, peer: Option<f64>) -> Option<bool> {
        let figure = match self.compare {
            None => ours,
            Some(Compare::Ratio) => ours / peer?,
            Some(Compare::Difference) => ours - peer?,
        };
        // A figure that is no number keeps nothing.
        Some(
            self.at_most.is_none_or(|most| figure <= most)
                && self.at_least.is_none_or(|least| figure >= least),
        )
    }

    /// The promise in words.
    #[must_use]
    pub fn goal(&self) -> String {
        let (word, bound) = match (self.at_most, self.at_least) {
            (Some(most), _) => ("≤", most),
            (None, least) => ("≥", least.unwrap_or_default()),
        };
        match self.compare {
            None => format!("{word} {bound}"),
            Some(Compare::Ratio) => format!("{word} {bound} × the peer"),
            Some(Compare::Difference) => format!("{word} the peer {bound:+}"),
        }
    }
}

/// Every promise by name.
///
/// # Panics
///
/// When `budgets.toml` is not readable: then there is nothing to judge by.
#[must_use]
pub fn budgets() -> BTreeMap<String, Budget> {
    toml::from_str(include_str!("../budgets.toml")).expect("budgets.toml holds promises only")
}

/// Every bench by the name it is asked for: the targets of this package, and `latency`, which the demo's long meeting is.
pub const BENCHES: [&str; 6] = ["front_end", "core_steps", "spool_appends", "ingest", "ears", "latency"];

/// The middle time of an odd number of rounds of `work`, after one that only warms up.
pub fn median(rounds: usize, mut work: impl FnMut()) -> Duration {
    work();
    let mut times: Vec<Duration> = (0..rounds.max(1))
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Say what was measured, and whether it keeps the promise `name`.
///
/// # Panics
///
/// When nothing was promised under that name.
pub fn report(name: &str, figure: f64, detail: &str) {
    let budgets = budgets();
    let budget = budgets.get(name).expect("each bench reports a promise of budgets.toml");
    let kept = budget.kept(figure, None).unwrap_or_default();
    let promise = match (budget.at_most, budget.at_least) {
        (Some(most), _) => format!("at most {most}"),
        (None, Some(least)) => format!("at least {least}"),
        (None, None) => "nothing".to_owned(),
    };
    let mut out = std::io::stdout().lock();
    let verdict = if kept { "met" } else { "MISSED" };
    let _ = writeln!(out, "{name}: {figure:.2} {}; promised {promise}: {verdict}", budget.unit);
    let _ = writeln!(out, "    {detail}");
    if !kept {
        note(Shortfall::Missed, name);
    }
}

/// Names the file that gathers the promises that were not kept, one a line.
pub const MISSED_VARIABLE: &str = "PRIM_BENCH_MISSED";

/// How a promise was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortfall {
    /// The figure does not keep it.
    Missed,
    /// There is no figure, or no peer's that it is promised beside.
    NotJudged,
}

impl Shortfall {
    const fn word(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::NotJudged => "not-judged",
        }
    }

    /// The promises that are noted so in `text`, the file that gathers them.
    #[must_use]
    pub fn names(self, text: &str) -> Vec<&str> {
        let noted = text.lines().filter_map(|line| line.split_once(' '));
        noted.filter(|(word, _)| *word == self.word()).map(|(_, name)| name).collect()
    }
}

/// Note that the promise `name` was not kept, where somebody gathers that.
///
/// # Panics
///
/// When the file cannot be written: the promise would look kept.
pub fn note(shortfall: Shortfall, name: &str) {
    if let Some(path) = std::env::var_os(MISSED_VARIABLE) {
        let file = std::fs::File::options().create(true).append(true).open(path);
        file.and_then(|mut file| writeln!(file, "{} {name}", shortfall.word()))
            .expect("the file of promises that were not kept can be written");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_promise_says_how_much_and_why() {
        for (name, budget) in budgets() {
            assert!(budget.at_most.is_some() != budget.at_least.is_some(), "{name}: one bound, not two");
            assert!(!budget.unit.is_empty() && !budget.source.is_empty(), "{name}: unit and source");
        }
    }

    #[test]
    fn every_promise_names_a_bench_that_can_be_asked_for_and_every_bench_has_one() {
        let promised: BTreeSet<String> = budgets().into_values().map(|budget| budget.bench).collect();
        assert_eq!(promised, BENCHES.map(str::to_owned).into());
    }

    #[test]
    fn what_was_missed_and_what_was_not_judged_are_told_apart() {
        let text = "missed beam\nnot-judged vad\nmissed echo\n";
        assert_eq!(Shortfall::Missed.names(text), ["beam", "echo"]);
        assert_eq!(Shortfall::NotJudged.names(text), ["vad"]);
    }

    #[test]
    fn the_middle_of_the_rounds_is_not_moved_by_one_slow_round() {
        let mut round = 0;
        let middle = median(5, || {
            round += 1;
            std::thread::sleep(Duration::from_millis(if round == 3 { 60 } else { 2 }));
        });
        assert!(middle < Duration::from_millis(40));
    }
}
