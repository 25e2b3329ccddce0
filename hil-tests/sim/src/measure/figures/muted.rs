//! Under mute nothing is shown and nothing is stored.

use serde_json::json;

use super::super::rows::Rows;
use super::inputs::Answer;
use super::{Figures, Spoken, overlap};

/// Half a word is a word: while people speak under mute, the live feed shows none.
pub(super) fn shown_muted(f: &mut Figures, partials: &[Answer], spoken: &[Spoken<'_>]) {
    let under = |at: f64| spoken.iter().any(|l| l.said.unheard && at > l.on_ms && at < l.off_ms);
    let shown = partials.iter().filter(|partial| under(partial.seen_ms)).count();
    f.put("partials_shown_while_muted", json!(shown));
    if shown > 0 {
        f.problems.push(format!("{shown} half heard words were shown from under mute"));
    }
}

pub(super) fn stored_muted(f: &mut Figures, rows: &Rows, spoken: &[Spoken<'_>]) {
    let muted: Vec<&Spoken<'_>> = spoken.iter().filter(|l| l.said.unheard).collect();
    let heard_muted = rows
        .utterances
        .iter()
        .filter(|u| muted.iter().any(|l| !u.remote && overlap(u, l) > 200.0 && !u.text.trim().is_empty()))
        .count();
    f.put("utterances_heard_while_muted", json!(heard_muted));
    if heard_muted > 0 {
        f.problems.push(format!("{heard_muted} utterances were stored from under mute"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{Made, START_NS, near};
    use super::*;

    #[test]
    fn half_a_word_shown_while_people_speak_under_mute_is_wrong() {
        let mut m = Made::new();
        m.says(0, 1_000, 1_000, "The chairs come next week.");
        m.says(0, 5_000, 1_000, "Nobody may know this.").unheard = true;
        let partial =
            |ms: f64| Answer { seen_ms: START_NS as f64 / 1e6 + ms, utterance: "A".into(), remote: false };
        let f = m.figures(&[partial(1_500.0)]);
        near(&f, "partials_shown_while_muted", 0.0, 0.0);
        let f = m.figures(&[partial(1_500.0), partial(5_600.0)]);
        near(&f, "partials_shown_while_muted", 1.0, 0.0);
        assert!(f.problems.iter().any(|p| p.contains("from under mute")), "{:?}", f.problems);
    }
}
