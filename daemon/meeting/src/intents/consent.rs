//! Yes and no to being written down. A yes is read only word by word; a no is heard in doubt.

use crate::Command;
use crate::words::{Token, alike, tokens};

/// The words that help texts and the recogniser's grammar know. The first phrase of each is the one that is shown.
pub(super) const PHRASES: &[(Command, &[&str])] = &[
    (
        Command::Agree,
        &[
            "i agree",
            "i consent",
            "you may record me",
            "you may write it down",
            "you may write down what i say",
        ],
    ),
    (
        Command::AgreeForAll,
        &[
            "we all agree",
            "we agree",
            "everybody agrees",
            "everyone agrees",
            "we all consent",
            "we consent",
            "you may record",
            "you may record us",
        ],
    ),
    (
        Command::Refuse,
        &[
            "do not record",
            "do not record me",
            "do not record us",
            "do not write it down",
            "no recording",
            "stop recording",
            "i do not agree",
            "we do not agree",
            "i object",
        ],
    ),
    (Command::TakeBack, &["i take my objection back", "i take back my objection", "i withdraw my objection"]),
];

/// May stand in front of a yes.
const LEADS: &[&str] =
    &["yes", "yeah", "ok", "okay", "sure", "alright", "right", "fine", "well", "of", "course"];

/// May stand behind a yes and change nothing of it.
const TAILS: &[&str] = &[
    "thanks",
    "thank",
    "you",
    "too",
    "to",
    "that",
    "this",
    "it",
    "with",
    "the",
    "recording",
    "being",
    "recorded",
    "what",
    "we",
    "say",
    "of",
    "course",
    "everything",
    "is",
    "said",
];

/// Longer sentences are talk, not answers.
const ANSWER_WORDS: usize = 10;

/// The answer that words addressed to Prim hold, its name left out.
pub(super) fn read(words: &[Token]) -> Option<Command> {
    if whole(Command::TakeBack, words) {
        return Some(Command::TakeBack);
    }
    if refuses(words) {
        return Some(Command::Refuse);
    }
    [Command::Agree, Command::AgreeForAll].into_iter().find(|command| whole(*command, words))
}

/// The words are one of the command's phrases, from the first to the last.
fn whole(command: Command, words: &[Token]) -> bool {
    let lead = words.iter().take_while(|word| LEADS.contains(&word.word.as_str())).count();
    let words = &words[lead..];
    let phrases = PHRASES.iter().filter(|(of, _)| *of == command).flat_map(|(_, phrases)| *phrases);
    let mut phrases = phrases.map(|phrase| tokens(phrase));
    phrases.any(|phrase| {
        let same = |(said, expected): (&Token, &Token)| alike(&said.word, &expected.word);
        words.len() >= phrase.len()
            && words.iter().zip(&phrase).all(same)
            && words[phrase.len()..].iter().all(|word| TAILS.contains(&word.word.as_str()))
    })
}

fn is(word: &str, any: &[&str]) -> bool {
    any.contains(&word)
}

/// What recording is called; misheard words count.
fn is_topic(words: &[Token]) -> bool {
    let named = |word: &str| {
        ["agree", "agreed", "consent", "record", "recording", "recorded", "permission"]
            .iter()
            .any(|topic| alike(topic, word))
    };
    let has = |any: &[&str]| words.iter().any(|word| is(&word.word, any));
    words.iter().any(|word| named(&word.word)) || (has(&["write", "writing", "written"]) && has(&["down"]))
}

/// A no: any refusing word in a short sentence about agreement or recording that is no question.
fn refuses(words: &[Token]) -> bool {
    const QUESTIONS: &[&str] =
        &["what", "when", "where", "which", "who", "why", "how", "is", "are", "was", "were", "did", "does"];
    const HELPERS: &[&str] = &["do", "would", "should", "must", "may", "can", "could", "will", "shall"];
    /// What the embedded recogniser makes of "not" behind a helper.
    const NEARLY_NOT: &[&str] = &["now", "know", "knot", "note", "nut", "nor"];
    if words.len() > ANSWER_WORDS || words.first().is_none_or(|first| is(&first.word, QUESTIONS)) {
        return false;
    }
    let has = |any: &[&str]| words.iter().any(|word| is(&word.word, any));
    let no = has(&["no", "not", "dont", "cant", "cannot", "wont", "never", "without", "nobody", "stop"]);
    let objects = has(&["object", "objection", "refuse", "disagree"]);
    if objects && has(&["back", "withdraw", "lift"]) {
        // A lifted no that was misheard is no second one.
        return false;
    }
    if objects && words.len() <= 6 {
        // "No objection" is neither: whoever agrees has the words for it.
        return !no;
    }
    let nearly = words.windows(2).any(|two| is(&two[0].word, HELPERS) && is(&two[1].word, NEARLY_NOT));
    (no || nearly || objects) && is_topic(words)
}

/// A no that needs no name: it begins with words that can hardly mean anything else.
pub(super) fn refuses_unaddressed(words: &[Token]) -> bool {
    const BEGINNINGS: &[&str] = &[
        "do not record",
        "dont record",
        "no recording",
        "stop recording",
        "i do not want to be recorded",
        "i dont want to be recorded",
        "i object to being recorded",
        "i object to the recording",
        "i do not agree to be recorded",
        "i do not agree to the recording",
    ];
    BEGINNINGS.iter().any(|beginning| {
        let beginning = tokens(beginning);
        let same = |(said, expected): (&Token, &Token)| said.word == expected.word;
        words.len() >= beginning.len()
            && words.len() <= beginning.len() + 3
            && words.iter().zip(&beginning).all(same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Option<Command> {
        read(&tokens(text))
    }

    #[test]
    fn a_yes_is_read_only_when_nothing_else_is_said() {
        for (text, command) in [
            ("I agree", Command::Agree),
            ("yes, I agree to the recording", Command::Agree),
            ("we all agree", Command::AgreeForAll),
            ("okay everybody agrees with that", Command::AgreeForAll),
            ("you may record what we say", Command::AgreeForAll),
        ] {
            assert_eq!(heard(text), Some(command), "{text}");
        }
        for text in [
            "I agree that the room is too small",
            "we do now all agree",
            "we go agree",
            "they agree",
            "I think we agree",
            "do you agree",
            "you may speak",
            "yes",
            "I have no objection",
        ] {
            assert!(!matches!(heard(text), Some(Command::Agree | Command::AgreeForAll)), "{text}");
        }
    }

    #[test]
    fn a_no_is_heard_in_doubt() {
        for text in [
            "do not record",
            "please do not record this",
            "don't record me",
            "do now record me",
            "no recording please",
            "stop recording",
            "I don't agree",
            "we cannot agree to this",
            "I would not consent to that",
            "I object",
            "I disagree",
            "you may not record",
            "do not write this down",
            "never record me",
        ] {
            assert_eq!(heard(text), Some(Command::Refuse), "{text}");
        }
        for text in ["why did we not agree", "we do not want the terrace", "not now", "no thanks", "stop"]
            .into_iter()
            .chain(["i think my objection back", "i withdrew my objections back"])
        {
            assert_eq!(heard(text), None, "{text}");
        }
    }

    #[test]
    fn every_yes_with_a_not_anywhere_in_it_is_no_yes() {
        for (_, phrases) in &PHRASES[..2] {
            for phrase in *phrases {
                let words: Vec<&str> = phrase.split(' ').collect();
                for at in 0..=words.len() {
                    for not in ["not", "don't", "never", "can not", "do not", "no"] {
                        let mut with = words.clone();
                        with.insert(at, not);
                        let read = heard(&with.join(" "));
                        let yes = matches!(read, Some(Command::Agree | Command::AgreeForAll));
                        assert!(!yes, "{} is {read:?}", with.join(" "));
                    }
                }
            }
        }
    }

    #[test]
    fn without_the_name_only_plain_words_refuse() {
        let refuses = |text: &str| refuses_unaddressed(&tokens(text));
        assert!(refuses("please do not record me") && refuses("I don't want to be recorded, sorry"));
        assert!(!refuses("we do not record the temperature in this room"));
        assert!(!refuses("I do not agree with the landlord"));
    }
}
