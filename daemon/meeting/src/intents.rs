//! What people can ask without a cloud. One table feeds the recogniser's grammar and the reading of dictated text.

mod consent;

use crate::Command;
use crate::words::{Token, alike, is_function_word, is_prim, tokens};

/// The commands and their words. The first phrase of each is the one that help texts show.
const PHRASES: &[(Command, &[&str])] = &[
    (
        Command::TimeLeft,
        &[
            "how much time is left",
            "how much time do we have",
            "how much time do we have left",
            "how long do we have",
            "how many minutes are left",
            "time left",
            "time check",
        ],
    ),
    (
        Command::NextItem,
        &[
            "next item",
            "go to the next item",
            "next topic",
            "next point",
            "move on to the next item",
            "let's move on",
        ],
    ),
    (
        Command::MoreTime,
        &["we need more time", "give us more time", "more time", "two more minutes", "extend the time"],
    ),
    (
        Command::Decisions,
        &["what did we decide", "what have we decided", "what are the decisions", "list the decisions"],
    ),
    (
        Command::Actions,
        &[
            "what are the open actions",
            "what actions are open",
            "open actions",
            "what are the action items",
            "list the actions",
            "list the action items",
        ],
    ),
    (
        Command::SpeakingTime,
        &["who spoke how long", "who spoke the most", "how long did everyone speak", "who has been speaking"],
    ),
    (Command::Repeat, &["repeat that", "say that again", "can you repeat that", "once more"]),
    (
        Command::Note,
        &["note that", "make a note that", "make a note", "take a note", "write down that", "write down"],
    ),
    (
        Command::Decision,
        &["decision", "mark a decision", "note a decision", "we decided that", "new decision"],
    ),
    (Command::Action, &["action item", "action", "mark an action", "new action", "add an action"]),
    (Command::Stop, &["stop", "stop talking", "be quiet", "that is enough"]),
    (Command::Allow, &["go ahead", "yes go ahead", "yes please", "you may speak", "yes"]),
    (Command::NotNow, &["not now", "not yet", "maybe later", "no thanks", "no thank you"]),
    (Command::Mute, &["mute", "mute yourself", "stop listening"]),
];

/// The command grammar for the recogniser, in JSGF, from the same table that reads dictated text. It covers what may
/// follow the keyphrase; the words of a note, a decision or an action come from the dictation beside it.
#[must_use]
pub fn grammar_jsgf() -> String {
    let mut text = String::from("#JSGF V1.0;\ngrammar prim;\npublic <command> = [ please ] (\n");
    let phrases: Vec<&str> = all_phrases().flat_map(|(_, phrases)| phrases.iter().copied()).collect();
    text.push_str("    ");
    text.push_str(&phrases.join("\n  | "));
    text.push_str("\n) [ please ];\n");
    text
}

/// What can be asked, and the answers about being written down.
fn all_phrases() -> impl Iterator<Item = &'static (Command, &'static [&'static str])> {
    PHRASES.iter().chain(consent::PHRASES)
}

/// All that means `command`.
pub(crate) fn phrases(command: Command) -> impl Iterator<Item = &'static &'static str> {
    all_phrases().filter(move |(of, _)| *of == command).flat_map(|(_, phrases)| phrases.iter())
}

/// The command of a phrase that the grammar recognised; `None` for words that are not in it.
#[must_use]
pub fn command_for(phrase: &str) -> Option<Command> {
    let said: Vec<String> = tokens(phrase).into_iter().map(|token| token.word).collect();
    all_phrases().find_map(|(command, phrases)| {
        let matches = |phrase: &&&str| tokens(phrase).iter().map(|token| &token.word).eq(said.iter());
        phrases.iter().find(matches).map(|_| *command)
    })
}

/// Whether a command that the grammar heard, with the engine's `confidence` (0.0..=1.0), is acted upon before the
/// dictation has read the same words. A grammar hears commands in other talk; what is hard to take back wants more
/// evidence, and so does a sentence that goes on behind a command that takes no words. Stop is obeyed in doubt.
#[must_use]
pub fn believable(command: Command, confidence: f32, followed: bool) -> bool {
    // Measured in the demo's room on four voices: commands that were given had 0.25 to 1.0, half of them above 0.6.
    match command {
        Command::Stop => true,
        // A no is obeyed in doubt; a yes, and what lifts a no, only as dictated, word by word.
        Command::Refuse => confidence >= 0.2,
        Command::Agree | Command::AgreeForAll | Command::TakeBack => false,
        Command::Mute | Command::Allow => confidence >= 0.5 && !followed,
        Command::Note | Command::Decision | Command::Action => confidence >= 0.2,
        Command::TimeLeft
        | Command::NextItem
        | Command::MoreTime
        | Command::Decisions
        | Command::Actions
        | Command::SpeakingTime
        | Command::Repeat
        | Command::NotNow => confidence >= 0.2 && !followed,
    }
}

/// How the embedded recogniser writes "stop" when it stands alone: "stall", "stole", "stone", "stuff", "slow" and "saw"
/// were seen, the others sound as near: an s, a dark vowel, at most one short sound behind it. Stop is obeyed in doubt:
/// who says one of these alone to Prim and means it loses little.
const STOP_MISHEARD: &[&str] = &[
    "saw", "shop", "shot", "slow", "sob", "sock", "sop", "sought", "spot", "stalk", "stall", "step", "stock",
    "stole", "stone", "stopped", "stops", "stuck", "stuff", "swap", "top",
];

/// Hardly more than "stop", as it may be understood while Prim's own voice is still in the room.
pub(crate) fn says_stop(text: &str) -> bool {
    let words = tokens(text);
    let stop = |word: &str| word == "stop" || STOP_MISHEARD.contains(&word);
    words.len() <= 3 && words.last().is_some_and(|last| stop(&last.word))
}

/// A no to being written down. Prim's name makes it easier to hear, and is not needed.
pub(crate) fn refuses(text: &str, addressed: bool) -> bool {
    (addressed && read(text) == Heard::Command(Command::Refuse))
        || consent::refuses_unaddressed(&tokens(text))
}

/// What an addressed utterance asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A command, whole.
    Command(Command),
    /// A command that takes words, with the words as said.
    Content(Command, String),
    /// A question that no command covers.
    Question,
    /// Only the name.
    NameOnly,
    /// Words that are no question and no command.
    Unclear,
}

pub(crate) fn takes_words(command: Command) -> bool {
    matches!(command, Command::Note | Command::Decision | Command::Action)
}

/// Reads the text of an utterance that was addressed to Prim, tolerating a word error in four.
pub(crate) fn read(text: &str) -> Heard {
    let all = tokens(text);
    let words = after_name(&all);
    if words.is_empty() {
        return Heard::NameOnly;
    }
    if let [only] = words
        && STOP_MISHEARD.contains(&only.word.as_str())
    {
        return Heard::Command(Command::Stop);
    }
    let opening = opening(words);
    if opening.as_ref().is_none_or(|opening| opening.skipped > 0)
        && let Some(answer) = consent::read(words)
    {
        return Heard::Command(answer);
    }
    let command = best_command(words);
    match (opening, command) {
        // Behind a misheard word an opening is weaker evidence than a whole command ("what actions are open").
        (Some(opening), None) => opening.content(words, text),
        (Some(opening), Some(_)) if opening.skipped == 0 => opening.content(words, text),
        (_, Some(command)) => Heard::Command(command),
        (None, None) if is_question(words) => Heard::Question,
        (None, None) => Heard::Unclear,
    }
}

/// The words for a command that the grammar heard: what follows its phrase, or all of it when the dictation misheard
/// the phrase. Better a word too many than a decision lost.
pub(crate) fn words_of(command: Command, text: &str) -> String {
    let all = tokens(text);
    let words = after_name(&all);
    let start = match opening(words) {
        Some(opening) if opening.command == command => Some(words[opening.used - 1].end),
        Some(_) | None => all.iter().rev().find(|token| is_prim(&token.word)).map(|token| token.end),
    };
    start.map_or(text, |start| &text[start..]).to_owned()
}

/// Prim's own name may stand first or behind a word or two ("yes Prim, go ahead"; "stop, Prim"): what follows it, or
/// what precedes it when nothing follows.
fn after_name(all: &[Token]) -> &[Token] {
    match all.iter().take(3).rposition(|token| is_prim(&token.word)) {
        Some(at) if at + 1 < all.len() => &all[at + 1..],
        Some(at) => &all[..at],
        None => match all.split_last() {
            Some((last, rest)) if is_prim(&last.word) => rest,
            Some(_) | None => all,
        },
    }
}

/// The said word may stand for the expected one: spelled alike, or what the embedded recogniser makes of it ("note"
/// came as "know" in each of three voices across a room).
fn means(said: &str, expected: &str) -> bool {
    alike(said, expected) || (expected == "note" && matches!(said, "know" | "known" | "not"))
}

/// Where a command that takes words was found.
struct Opening {
    command: Command,
    /// Words in front of it.
    skipped: usize,
    /// Words up to its end.
    used: usize,
}

impl Opening {
    fn content(&self, words: &[Token], text: &str) -> Heard {
        Heard::Content(self.command, text[words[self.used - 1].end..].to_owned())
    }
}

/// A command that takes words stands at the beginning, at most one misheard word in front of it. The longest wins.
fn opening(words: &[Token]) -> Option<Opening> {
    let mut best: Option<Opening> = None;
    for (command, phrases) in PHRASES.iter().filter(|(command, _)| takes_words(*command)) {
        for phrase in *phrases {
            let phrase = tokens(phrase);
            for skipped in 0..=1 {
                let used = skipped + phrase.len();
                let Some(window) = words.get(skipped..used) else { continue };
                let same = window.iter().zip(&phrase).all(|(a, b)| means(&a.word, &b.word));
                if same && best.as_ref().is_none_or(|best| phrase.len() > best.used - best.skipped) {
                    best = Some(Opening { command: *command, skipped, used });
                }
            }
        }
    }
    best
}

/// Content words tell more than function words.
fn weight(word: &str) -> usize {
    if is_function_word(word) { 2 } else { 3 }
}

/// The command whose phrase the words match best: at least seven tenths of its weight in order, more for
/// each other word, of which there may be four.
fn best_command(words: &[Token]) -> Option<Command> {
    let mut best: Option<(usize, usize, Command)> = None;
    for (command, phrases) in PHRASES.iter().filter(|(command, _)| !takes_words(*command)) {
        for phrase in *phrases {
            let phrase = tokens(phrase);
            let total: usize = phrase.iter().map(|token| weight(&token.word)).sum();
            let matched = common(&phrase, words);
            let extra = words.len().saturating_sub(phrase.len());
            // "Stop" within a sentence is no order: around few words only few may stand.
            let room = phrase.len().min(4);
            // The more else was said, the better the rest must fit.
            if matched * 100 < total * (70 + 5 * extra) || extra > room {
                continue;
            }
            let score = (matched * 100 / total, matched, *command);
            if best.is_none_or(|(percent, weight, _)| (score.1, score.0) > (weight, percent)) {
                best = Some(score);
            }
        }
    }
    best.map(|(_, _, command)| command)
}

/// Weight of the longest common subsequence.
fn common(phrase: &[Token], words: &[Token]) -> usize {
    let mut row = vec![0; words.len() + 1];
    for expected in phrase {
        let mut diagonal = 0;
        for (j, said) in words.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = if alike(&expected.word, &said.word) {
                diagonal + weight(&expected.word)
            } else {
                above.max(row[j])
            };
            diagonal = above;
        }
    }
    row[words.len()]
}

/// Only what sounds like a question is answered aloud: a falsely spotted name in ordinary talk must not make Prim
/// speak.
fn is_question(words: &[Token]) -> bool {
    const OPENERS: &[&str] = &[
        "what",
        "whats",
        "when",
        "where",
        "which",
        "who",
        "whose",
        "why",
        "how",
        "is",
        "are",
        "was",
        "were",
        "do",
        "does",
        "did",
        "can",
        "could",
        "will",
        "would",
        "should",
        "tell",
        "explain",
        "remind",
        "summarise",
        "summarize",
    ];
    words.len() >= 2 && words.iter().take(3).any(|token| OPENERS.contains(&token.word.as_str()))
}

#[cfg(test)]
mod tests;
