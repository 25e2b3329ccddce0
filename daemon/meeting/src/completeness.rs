//! Whether what somebody has said so far wants more: how long to wait for them in silence.

use crate::intents::{Heard, read};
use crate::words::{is_prim, tokens};

/// What the words so far promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// A whole command or question to Prim.
    Finished,
    /// The last word wants another one: "and", "the", "because", a hesitation.
    WantsMore,
    /// Neither can be told.
    Unknown,
}

/// No sentence ends with these, whoever it is for.
const JOINING: [&str; 21] = [
    "and", "or", "but", "because", "if", "than", "the", "a", "an", "my", "our", "your", "their", "um", "uh",
    "er", "erm", "although", "unless", "every", "whether",
];

/// A statement rarely ends with these, a question often does ("what is this for").
const LEANING: [&str; 19] = [
    "to", "of", "for", "with", "from", "at", "in", "on", "by", "about", "into", "is", "are", "was", "were",
    "will", "would", "should", "so",
];

/// A question that ends with these has hardly been asked yet; other talk often ends so.
const UNASKED: [&str; 24] = [
    "i", "we", "you", "he", "she", "they", "it", "that", "what", "when", "where", "which", "who", "how",
    "can", "could", "do", "did", "does", "have", "has", "had", "not", "this",
];

/// So many words behind the name are a question that may be whole.
const WHOLE_QUESTION: usize = 5;

/// The shortest silence that ends what is finished: by then the recogniser has said the last word.
const SHORTEST_MS: u64 = 300;
/// The longest that is waited for more, unless the setting itself is longer.
const LONGEST_MS: u64 = 1_200;

/// Reads the recogniser's words so far.
#[must_use]
pub fn completeness(text: &str) -> Completeness {
    let last = text.rsplit(|c: char| !c.is_alphanumeric() && c != '\'').find(|word| !word.is_empty());
    let Some(last) = last.map(str::to_lowercase) else { return Completeness::Unknown };
    let words = tokens(text);
    let behind = words.iter().rposition(|token| is_prim(&token.word)).map(|at| words.len() - at - 1);
    let joining = JOINING.contains(&last.as_str());
    let leaning = LEANING.contains(&last.as_str());
    let Some(behind) = behind.filter(|behind| *behind > 0) else {
        return if joining || leaning { Completeness::WantsMore } else { Completeness::Unknown };
    };
    // A weak recogniser hears a small word in the noise behind a question: who asked must not wait for that.
    let before = text.get(..words.iter().rev().nth(1).map_or(0, |token| token.end)).unwrap_or_default();
    let whole = |heard: &Heard| match heard {
        Heard::Command(_) => true,
        Heard::Question => behind >= WHOLE_QUESTION && !UNASKED.contains(&last.as_str()),
        Heard::NameOnly | Heard::Content(..) | Heard::Unclear => false,
    };
    match (whole(&read(text)), joining, leaning) {
        (true, false, false) => Completeness::Finished,
        (_, true, _) if !whole(&read(before)) => Completeness::WantsMore,
        (false, false, true) if matches!(read(text), Heard::Content(..)) => Completeness::WantsMore,
        (_, _, _) => Completeness::Unknown,
    }
}

impl Completeness {
    /// The silence that ends a stretch of speech, where the setting says `endpoint_ms`: three fifths of it, not below
    /// 300 ms, when all has been said; twice as long, not above 1200 ms, when a word is to come.
    #[must_use]
    pub fn patience_ms(self, endpoint_ms: u64) -> u64 {
        match self {
            Self::Finished => (endpoint_ms * 3 / 5).max(SHORTEST_MS).min(endpoint_ms),
            Self::WantsMore => endpoint_ms.saturating_mul(2).min(LONGEST_MS).max(endpoint_ms),
            Self::Unknown => endpoint_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(expected: Completeness, texts: &[&str]) {
        for text in texts {
            assert_eq!(completeness(text), expected, "{text}");
        }
    }

    #[test]
    fn a_whole_command_or_question_to_prim_is_finished() {
        all(
            Completeness::Finished,
            &[
                "prim how much time is left",
                "hey prim what did we decide",
                "prim what are the open actions",
                "Prim, stop.",
                "prim what did the customer say yesterday",
            ],
        );
    }

    #[test]
    fn a_last_word_that_joins_wants_more() {
        all(
            Completeness::WantsMore,
            &[
                "we move the launch and",
                "i think the",
                "because",
                "so we should um",
                "let us talk to",
                "prim note that the",
            ],
        );
    }

    #[test]
    fn talk_that_may_go_on_or_not_is_left_to_the_setting() {
        all(
            Completeness::Unknown,
            &[
                "",
                "prim",
                "we agreed to hire two more people",
                "prim how much",
                "prim what is",
                "prim what is this for",
                "prim what do you think we",
                "prim can you tell us what",
                "i think that we can do it",
            ],
        );
    }

    #[test]
    fn a_small_word_heard_in_the_noise_behind_a_command_makes_nobody_wait() {
        all(Completeness::Unknown, &["prim how much time is left the", "prim what did we decide a"]);
    }

    #[test]
    fn what_is_to_be_written_down_is_never_cut_short() {
        for text in ["prim note that we ship on friday", "prim we decided to hire two people"] {
            assert_ne!(completeness(text), Completeness::Finished, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_it_and_patience_stays_within_its_bounds(text in "\\PC{0,80}", endpoint in 200_u64..=3_000) {
            let said = completeness(&text);
            let patience = said.patience_ms(endpoint);
            match said {
                Completeness::Finished => prop_assert!(patience <= endpoint && patience >= endpoint.min(300)),
                Completeness::WantsMore => prop_assert!(patience >= endpoint && patience <= endpoint.max(1_200)),
                Completeness::Unknown => prop_assert_eq!(patience, endpoint),
            }
        }

        #[test]
        fn words_of_talk_are_never_finished_without_the_name(text in "[a-o ]{0,60}") {
            prop_assert_ne!(completeness(&text), Completeness::Finished);
        }

        #[test]
        fn and_at_the_end_of_talk_always_wants_more(text in "[a-o ]{0,60}") {
            prop_assert_eq!(completeness(&format!("{text} and")), Completeness::WantsMore);
        }
    }
}
