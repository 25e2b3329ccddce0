//! What became of the promises: kept, missed, not judged, or without a row at all.
use std::collections::BTreeMap;
use std::fmt;

use super::rows::Row;
use crate::Budget;

/// Promises by what became of them, those that have a row.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    met: usize,
    missed: Vec<String>,
    not_judged: Vec<String>,
}

impl Tally {
    /// Of all `rows` that a promise stands behind.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let mut tally = Self::default();
        for row in rows.iter().filter(|row| row.goal.is_some()) {
            match row.met {
                Some(true) => tally.met += 1,
                Some(false) => tally.missed.push(row.id.clone()),
                None => tally.not_judged.push(row.id.clone()),
            }
        }
        tally
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} met, {} missed", self.met, self.missed.len())?;
        if !self.missed.is_empty() {
            write!(f, " ({})", self.missed.join(", "))?;
        }
        write!(f, ", {} not judged", self.not_judged.len())?;
        if !self.not_judged.is_empty() {
            write!(f, ": {}", self.not_judged.join(", "))?;
        }
        Ok(())
    }
}

/// What `budgets` promises of the bench `ears` and no row tells of.
#[must_use]
pub fn without_row<'a>(rows: &[Row], budgets: &'a BTreeMap<String, Budget>) -> Vec<&'a str> {
    let promised = budgets.iter().filter(|(_, budget)| budget.bench == "ears").map(|(name, _)| name.as_str());
    promised.filter(|name| !rows.iter().any(|row| row.id == *name)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Stage;
    use super::super::rows::tests::row;
    use super::*;

    fn judged(id: &str, met: Option<bool>) -> Row {
        Row { goal: Some("≤ 1".to_owned()), met, ..row(Stage::Echo, id, 1.0) }
    }

    #[test]
    fn promises_that_nobody_judged_are_named_beside_those_kept() {
        let mut rows = vec![row(Stage::Echo, "told only", 1.0), judged("a", Some(true))];
        assert_eq!(Tally::of(&rows).to_string(), "1 met, 0 missed, 0 not judged");
        rows.extend([judged("b", None), judged("c", None)]);
        assert_eq!(Tally::of(&rows).to_string(), "1 met, 0 missed, 2 not judged: b, c");
        rows.push(judged("d", Some(false)));
        assert_eq!(Tally::of(&rows).to_string(), "1 met, 1 missed (d), 2 not judged: b, c");
    }

    #[test]
    fn a_promise_of_the_ears_without_a_row_is_found() {
        let budgets = crate::budgets();
        let rows: Vec<Row> = budgets.keys().map(|id| row(Stage::Echo, id, 1.0)).collect();
        assert!(without_row(&rows, &budgets).is_empty());
        let fewer: Vec<Row> =
            rows.into_iter().filter(|row| row.id != "vad_auc" && row.id != "ingest").collect();
        assert_eq!(without_row(&fewer, &budgets), ["vad_auc"]);
    }
}
