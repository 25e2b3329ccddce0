//! Cutting text into clauses: the unit of synthesis, of the phrase cache and of the seven-second cap.

/// No clause is longer, except for a single word that is: about four seconds of speech at 15 characters a
/// second, so that a speech cap of seven seconds (DESIGN section 4) always holds at least one clause.
pub const MAX_CLAUSE_CHARS: usize = 60;

/// A comma cuts only behind this many characters: shorter clauses ("Ana,") sound chopped.
const MIN_SOFT_CHARS: usize = 18;

/// Words whose full stop does not end a sentence.
const ABBREVIATIONS: [&str; 8] = ["mr", "mrs", "ms", "dr", "st", "vs", "no", "approx"];

/// Cuts `text` into clauses: at sentence ends, at softer punctuation once a clause has some length, and between
/// words where a clause would grow beyond [`MAX_CLAUSE_CHARS`]. Joined with spaces the clauses hold the same
/// words in the same order; punctuation that stands alone is dropped.
#[must_use]
pub fn clauses(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut clause = String::new();
    for word in text.split_whitespace() {
        let len = clause.chars().count();
        if len > 0 && len + 1 + word.chars().count() > MAX_CLAUSE_CHARS {
            flush(&mut out, &mut clause);
        }
        if !clause.is_empty() {
            clause.push(' ');
        }
        clause.push_str(word);
        if ends_clause(word, clause.chars().count()) {
            flush(&mut out, &mut clause);
        }
    }
    flush(&mut out, &mut clause);
    out
}

fn flush(out: &mut Vec<String>, clause: &mut String) {
    let done = std::mem::take(clause);
    if done.chars().any(char::is_alphanumeric) {
        out.push(done);
    }
}

fn ends_clause(word: &str, so_far: usize) -> bool {
    let bare = word.trim_end_matches(['"', '\'', ')', ']', '”', '’', '»']);
    match bare.chars().last() {
        Some('.') => !is_abbreviation(bare),
        Some('!' | '?' | '…' | ';' | ':') => true,
        Some(',' | '–' | '—') => so_far >= MIN_SOFT_CHARS,
        Some(_) | None => false,
    }
}

fn is_abbreviation(word: &str) -> bool {
    let stem = word.trim_end_matches('.').to_lowercase();
    let mut letters = stem.chars();
    let initial = matches!((letters.next(), letters.next()), (Some(c), None) if c.is_alphabetic());
    initial || stem.contains('.') || ABBREVIATIONS.contains(&stem.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_sentence_end_cuts() {
        assert_eq!(clauses("Two minutes left. Shall we close?"), ["Two minutes left.", "Shall we close?"]);
    }

    #[test]
    fn a_comma_cuts_only_behind_some_text() {
        assert_eq!(
            clauses("Ana, the budget is open, and the venue is next."),
            ["Ana, the budget is open,", "and the venue is next."]
        );
    }

    #[test]
    fn numbers_times_and_titles_stay_whole() {
        assert_eq!(
            clauses("Dr. Lee has 3.5 minutes until 10:30 today."),
            ["Dr. Lee has 3.5 minutes until 10:30 today."]
        );
    }

    #[test]
    fn a_long_run_is_cut_between_words() {
        let text = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        let cut = clauses(text);
        assert_eq!(cut.len(), 2);
        assert!(cut.iter().all(|c| c.chars().count() <= MAX_CLAUSE_CHARS));
    }

    #[test]
    fn punctuation_alone_is_nothing_to_say() {
        assert!(clauses(" … — ? ").is_empty());
        assert_eq!(clauses("Wait ... done."), ["Wait ...", "done."]);
    }

    proptest! {
        #[test]
        fn clauses_keep_every_word_in_order(text in "\\PC{0,300}") {
            let words = |s: &str| {
                s.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).map(String::from).collect::<Vec<_>>()
            };
            prop_assert_eq!(words(&clauses(&text).join(" ")), words(&text));
        }

        #[test]
        fn no_clause_of_words_is_too_long(text in "([a-z]{1,12}[,.]? ){0,60}") {
            for clause in clauses(&text) {
                let spoken = clause.chars().filter(|c| c.is_alphanumeric() || *c == ' ').count();
                prop_assert!(spoken <= MAX_CLAUSE_CHARS);
            }
        }
    }
}
