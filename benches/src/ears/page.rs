//! Rows for people: a page of all, a line of one.
use std::fmt::Write as _;

use super::rows::Row;

const HEAD: &str = "# The ears beside their peers\n\nWritten by `cargo xtask bench ears`; do not edit. Seeded image-source rooms, flite's voices, one thread, CPU time.\nGoals stand in `budgets.toml`; what each row measures stands in the file of its stage under `ears/`.\n";

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

/// One row while it is measured.
#[must_use]
pub fn line(row: &Row) -> String {
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

fn number(x: f64) -> String {
    if x.abs() >= 100.0 {
        format!("{x:.0}")
    } else if x.abs() >= 10.0 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}
