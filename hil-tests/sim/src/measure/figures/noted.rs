//! The minutes: what decisions and actions say, against what was said.
//!
//! A word may be misheard: that counts in `noted_wer`, is shown beside its goal, and fails nothing, because one sentence
//! that was misheard is a third of so few words (of many, the transcript's own rate tells). What people act on may be
//! missing, but not wrong: another owner or day than was said, something that nobody said, or something twice.

use prim_ids::{Day, WallTime};
use serde_json::json;

use super::super::rows::{NotedRow, Rows, Utterance};
use super::super::words::{normalise, word_errors};
use super::{Figures, Spoken, WORST_WER, overlap, own_recordings, rate};
use crate::record::{Recording, Said};
use crate::script::{Noted, NotedKind};

/// Less of a line may fall into its neighbour's utterance by the grain of what cuts them.
const INSIDE_MS: f64 = 200.0;

pub(super) fn noted(f: &mut Figures, r: &Recording, rows: &Rows, spoken: &[Spoken<'_>]) {
    let count = |kind| rows.noted.iter().filter(|row| row.kind == kind).count();
    f.put("decisions", json!(count(NotedKind::Decision)));
    f.put("actions", json!(count(NotedKind::Action)));
    if own_recordings(r) {
        return;
    }
    let Kept { rows: kept, twice, of_nobody } = kept(rows, spoken);
    f.put("noted_of_nobody", json!(of_nobody));
    if of_nobody > 0 {
        f.problems.push(format!("{of_nobody} decisions or actions are stored that nobody said"));
    }
    f.put("noted_twice", json!(twice));
    if twice > 0 {
        f.problems.push(format!("{twice} decisions or actions are stored once more than they were said"));
    }

    let (mut errors, mut words, mut missing) = (0, 0, 0);
    let (mut items, mut owners, mut days) = (Tally::default(), Tally::default(), Tally::default());
    for (said, wanted) in wanted(spoken) {
        let kind = wanted.kind.name();
        let row = kept.iter().find(|(from, _)| from.beat == said.beat).map(|(_, row)| *row);
        let title = normalise(&wanted.title);
        let stored = row.map(|row| normalise(&row.title)).unwrap_or_default();
        errors += word_errors(&title, &stored).total();
        words += title.len();
        let Some(row) = row else {
            missing += 1;
            f.problems.push(format!("the {kind} of beat {:?} is not stored", said.beat));
            continue;
        };
        if let Some(item) = &wanted.item {
            items.add(Some(item), row.item.as_ref());
        }
        if wanted.kind == NotedKind::Action {
            let owner = wanted.owner.map(|person| participant(r, person));
            // Whom the daemon knows under an id of its own nobody here can tell.
            if owner != Some(None) && owners.add(owner.flatten().as_ref(), row.owner.as_ref()) {
                f.problems
                    .push(format!("the {kind} of beat {:?} is another person's than was said", said.beat));
            }
            let due = wanted.due.and_then(|due| due.day(day_of(r, said)?));
            if days.add(due.as_ref(), row.due.as_ref()) {
                f.problems
                    .push(format!("the {kind} of beat {:?} is due on another day than was said", said.beat));
            }
        }
    }
    f.put("noted_missing", json!(missing));
    let rate = rate(errors, words);
    f.put("noted_wer", json!(rate));
    f.put("noted_wer_n", json!(words));
    if rate.is_some() {
        f.promises.push(("word error rate of what was noted", rate, WORST_WER, words));
    }
    items.put(f, "noted_items");
    owners.put(f, "action_owners");
    days.put(f, "action_due");
}

/// What people said that should be stored, once for each beat, however often it was said.
fn wanted<'a>(spoken: &[Spoken<'a>]) -> Vec<(&'a Said, &'a Noted)> {
    let mut wanted: Vec<(&Said, &Noted)> = Vec::new();
    for said in spoken.iter().map(|line| line.said).filter(|said| !said.unheard) {
        if let Some(noted) = &said.noted
            && wanted.iter().all(|(other, _)| other.beat != said.beat)
        {
            wanted.push((said, noted));
        }
    }
    wanted
}

/// Rows with the lines that they come from.
struct Kept<'a> {
    rows: Vec<(&'a Said, &'a NotedRow)>,
    twice: usize,
    of_nobody: usize,
}

fn kept<'a>(rows: &'a Rows, spoken: &[Spoken<'a>]) -> Kept<'a> {
    let mut kept = Kept { rows: Vec::new(), twice: 0, of_nobody: 0 };
    for row in &rows.noted {
        match line_of(row, &rows.utterances, spoken) {
            None => kept.of_nobody += 1,
            Some(said) if kept.rows.iter().any(|(other, _)| other.beat == said.beat) => kept.twice += 1,
            Some(said) => kept.rows.push((said, row)),
        }
    }
    kept
}

/// A row comes from the line of its kind that was spoken while its utterances were heard; the same utterance may hold
/// the end of somebody else's longer line.
fn line_of<'a>(row: &NotedRow, utterances: &[Utterance], spoken: &[Spoken<'a>]) -> Option<&'a Said> {
    let shared_ms = |line: &Spoken<'_>| {
        utterances
            .iter()
            .filter(|u| row.utterances.contains(&u.id) && u.remote == line.said.bearing_deg.is_none())
            .map(|u| overlap(u, line))
            .sum::<f64>()
    };
    spoken
        .iter()
        .filter(|line| {
            !line.said.unheard && line.said.noted.as_ref().is_some_and(|noted| noted.kind == row.kind)
        })
        .map(|line| (line.said, shared_ms(line)))
        .filter(|(_, ms)| *ms > INSIDE_MS)
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(said, _)| said)
}

/// Under which id the daemon knows a person.
fn participant(r: &Recording, person: usize) -> Option<String> {
    r.summary.people.get(person).and_then(|seat| seat.participant).map(|id| id.to_string())
}

/// The day on the room's wall when the line had been said.
fn day_of(r: &Recording, said: &Said) -> Option<Day> {
    let since_ms = i64::try_from(said.to / 48).ok()?;
    let wall = WallTime::from_unix_millis(r.summary.start_unix_ms.saturating_add(since_ms));
    Day::at(wall, r.summary.utc_offset_min)
}

/// How often something stands as it was said, is left out, or is something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Tally {
    right: usize,
    wrong: usize,
    none: usize,
}

impl Tally {
    /// Whether it is wrong.
    fn add<T: PartialEq>(&mut self, said: Option<&T>, stored: Option<&T>) -> bool {
        let wrong = stored.is_some() && said != stored;
        match (said == stored, wrong) {
            (true, _) => self.right += 1,
            (false, true) => self.wrong += 1,
            (false, false) => self.none += 1,
        }
        wrong
    }

    fn put(self, f: &mut Figures, what: &str) {
        f.put(&format!("{what}_right"), json!(self.right));
        f.put(&format!("{what}_wrong"), json!(self.wrong));
        f.put(&format!("{what}_none"), json!(self.none));
    }
}

#[cfg(test)]
mod tests;
