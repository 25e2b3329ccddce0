//! The meeting's own words: what titles and names add to dictionary and language model, and how they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use prim_models::SttContext;

use crate::letters::spelled;

/// How Prim's name sounds. "Prim" and "prim" share the spelling `prim` in every model here.
pub(crate) const PRIM: &str = "prim";
pub(crate) const PRIM_SOUNDS: &str = "P R IH M";

/// Words and sequences that this meeting makes likely.
#[derive(Debug, Default, Clone)]
pub(crate) struct Vocabulary {
    /// Spelling in the models to spelling for people, for names only: titles are written in lower case.
    display: BTreeMap<String, String>,
    sequences: Vec<Vec<String>>,
    /// What people say to Prim, behind its name.
    commands: Vec<Vec<String>>,
}

impl Vocabulary {
    pub(crate) fn of(context: &SttContext) -> Self {
        let mut display = BTreeMap::from([(PRIM.to_owned(), "Prim".to_owned())]);
        for part in context.names().iter().flat_map(|n| words_of(n)) {
            if let Some(plain) = spelled(&part) {
                display.insert(plain, part.trim_matches(|c: char| !c.is_alphanumeric()).to_owned());
            }
        }
        let sequence = |phrase: &String| words_of(phrase).filter_map(|w| spelled(&w)).collect::<Vec<_>>();
        let sequences = context
            .titles()
            .iter()
            .chain(context.names())
            .map(sequence)
            .filter(|s| !s.is_empty())
            .chain([vec![PRIM.to_owned()]])
            .collect();
        Self { display, sequences, commands: Vec::new() }
    }

    /// Where `commands` may follow the name.
    pub(crate) fn with_commands(self, commands: Vec<Vec<String>>) -> Self {
        Self { commands, ..self }
    }

    /// With what people say to Prim behind its name.
    pub(crate) fn addressed(&self) -> Self {
        let behind_name = |command: &Vec<String>| [vec![PRIM.to_owned()], command.clone()].concat();
        let sequences = self.sequences.iter().cloned().chain(self.commands.iter().map(behind_name)).collect();
        Self { sequences, ..self.clone() }
    }

    /// Every word, once.
    pub(crate) fn words(&self) -> BTreeSet<&str> {
        self.sequences.iter().flatten().map(String::as_str).collect()
    }

    /// A recognised word as people write it.
    pub(crate) fn written(&self, word: &str) -> String {
        if let Some(shown) = self.display.get(word) {
            return shown.clone();
        }
        if let Some(stem) = word.strip_suffix("'s")
            && let Some(shown) = self.display.get(stem)
        {
            return format!("{shown}'s");
        }
        match word {
            "i" | "i'm" | "i'll" | "i've" | "i'd" => word.replacen('i', "I", 1),
            other => other.to_owned(),
        }
    }

    /// A small bigram model in the ARPA format: every word may follow every word, words of one phrase follow each
    /// other eagerly. Probabilities are log10; a phrase follows itself with 0.6, the rest backs off.
    pub(crate) fn arpa(&self) -> String {
        let words = self.words();
        let share = -((words.len() + 2) as f32).log10();
        let mut pairs: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        let mut firsts: BTreeMap<&str, u32> = BTreeMap::new();
        for sequence in &self.sequences {
            for pair in sequence.windows(2) {
                if let [a, b] = pair {
                    *pairs.entry((a, b)).or_default() += 1;
                    *firsts.entry(a).or_default() += 1;
                }
            }
        }
        pairs.insert(("<s>", PRIM), 1);
        firsts.insert("<s>", 1);
        let mut text =
            format!("\\data\\\nngram 1={}\nngram 2={}\n\n\\1-grams:\n", words.len() + 2, pairs.len());
        let backoff = |word: &str| if firsts.contains_key(word) { 0.4_f32.log10() } else { 0.0 };
        let _ = writeln!(text, "-99 <s> {:.4}\n{share:.4} </s> 0", backoff("<s>"));
        for word in &words {
            let _ = writeln!(text, "{share:.4} {word} {:.4}", backoff(word));
        }
        text.push_str("\n\\2-grams:\n");
        for ((a, b), count) in &pairs {
            let of = firsts.get(a).copied().unwrap_or(1);
            let _ = writeln!(text, "{:.4} {a} {b}", (0.6 * *count as f32 / of as f32).log10());
        }
        text.push_str("\n\\end\\\n");
        text
    }
}

fn words_of(phrase: &str) -> impl Iterator<Item = String> + '_ {
    phrase.split(|c: char| c.is_whitespace() || matches!(c, '-' | '/' | ',' | ';' | '&')).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary() -> Vocabulary {
        Vocabulary::of(
            &SttContext::new(["Budget review", "Venue & catering"], ["Ana Sokolová", "Ben"]).unwrap(),
        )
    }

    #[test]
    fn names_keep_their_spelling_and_titles_do_not_shout() {
        let v = vocabulary();
        assert_eq!(v.written("sokolova"), "Sokolová");
        assert_eq!(v.written("ben's"), "Ben's");
        assert_eq!(v.written("budget"), "budget");
        assert_eq!(v.written("i'm"), "I'm");
        assert_eq!(v.written("prim"), "Prim");
    }

    #[test]
    fn the_small_model_counts_what_it_lists() {
        let arpa = vocabulary().arpa();
        let (head, rest) = arpa.split_once("\\1-grams:").unwrap();
        let (ones, twos) = rest.split_once("\\2-grams:").unwrap();
        let lines = |s: &str| s.lines().filter(|l| l.starts_with('-')).count();
        assert!(head.contains(&format!("ngram 1={}", lines(ones))), "{arpa}");
        assert!(head.contains(&format!("ngram 2={}", lines(twos))), "{arpa}");
        assert!(arpa.contains("budget review"));
        assert!(arpa.contains("<s> prim"));
    }

    #[test]
    fn commands_are_expected_behind_the_name_where_it_was_heard_and_nowhere_else() {
        let v = vocabulary().with_commands(vec![vec!["next".into(), "item".into()]]);
        assert!(!v.arpa().contains("next"));
        let addressed = v.addressed().arpa();
        assert!(addressed.contains("prim next") && addressed.contains("next item"), "{addressed}");
    }

    #[test]
    fn titles_that_cannot_be_spelled_are_left_out() {
        let v = Vocabulary::of(&SttContext::new(["Q3 東京", "--"], Vec::<String>::new()).unwrap());
        assert_eq!(v.words().into_iter().collect::<Vec<_>>(), ["prim"]);
    }
}
