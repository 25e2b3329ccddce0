//! Where a speech may be cut, and how much of it fits.

use std::time::Duration;

/// Longest clause in words: about four seconds of flite's voice (170 words a minute), so that even the first one fits
/// into the seven-second cap.
const CLAUSE_WORDS: usize = 12;

/// Characters a voice says in a second, on the quick side. Only bounds what is sent to synthesis; the cap itself is
/// held with the real lengths.
const QUICK_CHARS_PER_SECOND: u64 = 24;

/// Cuts `text` into clauses at sentence ends, semicolons, colons and commas, and within very long runs of words.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut clauses: Vec<String> = Vec::new();
    let mut clause: Vec<&str> = Vec::new();
    for word in text.split_whitespace() {
        clause.push(word);
        let strong = word.ends_with(['.', '?', '!', ';']);
        let weak = word.ends_with([',', ':']) && clause.len() >= 4;
        if strong || weak || clause.len() >= CLAUSE_WORDS {
            clauses.push(clause.join(" "));
            clause.clear();
        }
    }
    if !clause.is_empty() {
        clauses.push(clause.join(" "));
    }
    clauses
}

/// Splits what is worth synthesising from what cannot fit into `cap` in any voice.
pub(crate) fn worth_synthesising(clauses: Vec<String>, cap: Duration) -> (Vec<String>, String) {
    let limit =
        u64::try_from(cap.as_millis()).unwrap_or(u64::MAX).saturating_mul(QUICK_CHARS_PER_SECOND) / 1000;
    let mut chars = 0;
    let fits = clauses
        .iter()
        .take_while(|clause| {
            chars += clause.chars().count() as u64;
            chars <= limit
        })
        .count()
        .max(1)
        .min(clauses.len());
    let rest = clauses[fits..].join(" ");
    (clauses.into_iter().take(fits).collect(), rest)
}

/// How many clauses fit into `cap`, and how long they are together.
pub(crate) fn fit(lengths_ms: &[u32], cap: Duration) -> (usize, u64) {
    let cap = u64::try_from(cap.as_millis()).unwrap_or(u64::MAX);
    let mut total = 0;
    for (count, length) in lengths_ms.iter().enumerate() {
        let longer = total + u64::from(*length);
        if longer > cap {
            return (count, total);
        }
        total = longer;
    }
    (lengths_ms.len(), total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_where_a_speaker_would_breathe() {
        assert_eq!(
            split("Budget has used its 2 minutes. Shall we go on with Hiring?"),
            ["Budget has used its 2 minutes.", "Shall we go on with Hiring?"]
        );
        assert_eq!(split("One, two, three"), ["One, two, three"]);
        assert_eq!(split("  "), Vec::<String>::new());
    }

    #[test]
    fn no_clause_is_longer_than_twelve_words_and_no_word_is_lost() {
        let text = "word ".repeat(50);
        let clauses = split(&text);
        assert!(clauses.iter().all(|clause| clause.split(' ').count() <= 12));
        assert_eq!(clauses.join(" "), text.trim());
    }

    #[test]
    fn the_cap_cuts_at_a_clause() {
        let cap = Duration::from_secs(7);
        assert_eq!(fit(&[3_000, 3_000, 2_000], cap), (2, 6_000));
        assert_eq!(fit(&[8_000], cap), (0, 0));
        assert_eq!(fit(&[], cap), (0, 0));
        assert_eq!(fit(&[7_000], cap), (1, 7_000));
    }
}
