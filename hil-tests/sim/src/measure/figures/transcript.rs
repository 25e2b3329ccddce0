//! The words: how close the transcript is to what was said.

use serde_json::json;

use super::super::rows::{Rows, Utterance};
use super::super::words::{normalise, word_errors};
use super::{Figures, Spoken, WORST_WER, rate};

pub(super) fn transcript(f: &mut Figures, rows: &Rows, spoken: &[Spoken<'_>]) {
    let (mut errors, mut words, mut held_errors, mut held_words) = (0, 0, 0, 0);
    let mut by_ear = Vec::new();
    for remote in [false, true] {
        let mut said = Vec::new();
        let mut held = Vec::new();
        for line in spoken.iter().filter(|l| !l.said.unheard && l.said.bearing_deg.is_none() == remote) {
            let w = normalise(&line.said.text);
            held.extend(std::iter::repeat_n(line.said.held_out, w.len()));
            said.extend(w);
        }
        let heard: Vec<String> =
            rows.utterances.iter().filter(|u| u.remote == remote).flat_map(|u| normalise(&u.text)).collect();
        let e = word_errors(&said, &heard);
        errors += e.total();
        words += said.len();
        by_ear.push((e.total(), said.len()));
        for (n, held) in e.per_word.iter().zip(held) {
            if held {
                held_errors += n;
                held_words += 1;
            }
        }
    }
    f.put("wer", json!(rate(errors, words)));
    f.put("wer_n", json!(words));
    f.put("wer_held_out", json!(rate(held_errors, held_words)));
    f.put("wer_held_out_n", json!(held_words));
    f.put("wer_room", json!(rate(by_ear[0].0, by_ear[0].1)));
    f.put("wer_remote", json!(rate(by_ear[1].0, by_ear[1].1)));
    if let Some(wer) = rate(errors, words) {
        f.promises.push(("word error rate", Some(wer), WORST_WER, words));
        if wer > WORST_WER {
            f.problems.push(format!("the word error rate is {wer}, above {WORST_WER:.2}"));
        }
    }

    f.put("utterances_of_nobody", json!(of_nobody(&rows.utterances, spoken)));
}

/// Utterances that no line of a person touches, give or take half a second: Prim's own voice, or noise, taken for words.
fn of_nobody(utterances: &[Utterance], spoken: &[Spoken<'_>]) -> usize {
    const NEARLY_MS: f64 = 500.0;
    let touches = |u: &Utterance, l: &Spoken<'_>| {
        u.started_ms < l.off_ms + NEARLY_MS && l.on_ms - NEARLY_MS < u.ended_ms
    };
    utterances.iter().filter(|u| !spoken.iter().any(|l| touches(u, l))).count()
}

#[cfg(test)]
mod tests {
    use super::super::made::{Made, near, number};

    #[test]
    fn words_bearings_and_mute_are_judged_by_what_was_stored() {
        let mut m = Made::new();
        m.says(0, 1_000, 2_000, "The chairs come next week.");
        m.says(0, 5_000, 1_000, "Nobody may know this.").unheard = true;
        m.says(1, 8_000, 1_000, "Send the list.").held_out = true;
        m.stored(1_050.0, 1_900.0, Some(41.0), "the chair come next week");
        m.stored(8_000.0, 1_000.0, None, "send a list");
        let f = m.figures(&[]);
        near(&f, "wer", 2.0 / 8.0, 0.001);
        near(&f, "wer_held_out", 1.0 / 3.0, 0.001);
        near(&f, "bearing_error_deg_p50", 6.0, 0.01);
        near(&f, "utterances_heard_while_muted", 0.0, 0.0);
        m.stored(5_100.0, 800.0, Some(35.0), "nobody may know");
        let f = m.figures(&[]);
        near(&f, "utterances_heard_while_muted", 1.0, 0.0);
        assert!(number(&f, "wer") > 0.5, "what should not have been heard is inserted words");
    }

    #[test]
    fn words_stored_while_no_person_spoke_are_nobodys() {
        let mut m = Made::new();
        m.says(0, 1_000, 1_000, "The chairs come next week.");
        m.stored(1_100.0, 1_200.0, Some(41.0), "the chairs come next week");
        near(&m.figures(&[]), "utterances_of_nobody", 0.0, 0.0);
        m.stored(4_000.0, 300.0, None, "they");
        near(&m.figures(&[]), "utterances_of_nobody", 1.0, 0.0);
    }
}
