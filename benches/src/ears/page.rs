//! Rows for people: a page of all, a line of one.
use std::fmt::Write as _;

use super::rows::Row;

const HEAD: &str = "# The ears beside their peers\n\nWritten by `cargo xtask bench ears`; do not edit. Seeded image-source rooms, flite's voices, one thread, CPU time.\nGoals stand in `budgets.toml`; what each row measures stands in the file of its stage under `ears/`.\n";

const NOT_MEASURED: &str = "could not be measured";

/// The page `benches/README.md`: a table for each stage, in the order of `rows`.
#[must_use]
pub fn page(rows: &[Row]) -> String {
    let mut out = String::from(HEAD);
    let mut stage = "";
    for row in rows {
        if row.stage != stage {
            stage = &row.stage;
            let _ = write!(
                out,
                "\n## {stage}\n\n{}\n\n| id | what | ours | peer | ratio | goal | met |\n|---|---|---|---|---|---|---|\n",
                measured(row)
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
            "| {} | {} | {} | {peer} | {ratio} | {goal} | {met} |",
            row.id,
            row.what,
            row.ours.map_or_else(|| NOT_MEASURED.to_owned(), |ours| format!("{} {}", number(ours), row.unit))
        );
    }
    out
}

/// When and on what the stage of `row` was measured.
fn measured(row: &Row) -> String {
    match (&row.day, &row.commit) {
        (Some(day), Some(commit)) => format!("measured {day} on {commit}"),
        (Some(day), None) => format!("measured {day}, on what is not recorded"),
        (None, _) => "measured: not recorded".to_owned(),
    }
}

/// One row while it is measured.
#[must_use]
pub fn line(row: &Row) -> String {
    let mut out = match row.ours {
        Some(ours) => format!("{:34} {:>8} {:14}", row.id, number(ours), row.unit),
        None => format!("{:34} {NOT_MEASURED:23}", row.id),
    };
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

fn number(x: f64) -> String {
    if x.abs() >= 100.0 {
        format!("{x:.0}")
    } else if x.abs() >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stage;
    use super::super::rows::tests::row;
    use super::*;

    #[test]
    fn what_could_not_be_measured_is_told_and_not_taken_for_kept() {
        let row = Row { ours: None, goal: Some("≤ 60".to_owned()), ..row(Stage::Echo, "echo_cpu_8", 1.0) };
        assert!(line(&row).ends_with("could not be measured  ; goal ≤ 60: not judged"), "{}", line(&row));
        let page = page(&[row]);
        assert!(
            page.contains("| echo_cpu_8 | what it is | could not be measured | – | – | ≤ 60 | – |"),
            "{page}"
        );
    }

    #[test]
    fn each_stage_says_once_when_and_on_what_it_was_measured() {
        let told = |id| Row {
            commit: Some("abc1234".to_owned()),
            day: Some("2026-11-28".to_owned()),
            ..row(Stage::Who, id, 1.0)
        };
        let page = page(&[row(Stage::Echo, "a", 1.0), told("b"), told("c")]);
        assert!(page.contains("## echo\n\nmeasured: not recorded\n\n| id |"), "{page}");
        assert!(page.contains("## who\n\nmeasured 2026-11-28 on abc1234\n\n| id |"), "{page}");
        assert_eq!(page.matches("measured").count(), 2);
    }
}
