//! What Prim said, so that its own voice is nobody's speech: echo cancellation takes most of it away, and what leaks is
//! told by its words.
//!
//! Only words that Prim was saying while the utterance was heard are compared, so whoever repeats Prim afterwards is a
//! person. A recogniser errs on an echo more than on a voice: up to two words in five may be wrong. In doubt the words
//! are a person's, and an order ("stop", "yes", "not now") is one always.

use std::collections::VecDeque;
use std::time::Duration;

use prim_ids::MonoTime;

use crate::words::{Token, is_function_word, is_prim, sounds_alike, spoken_number, tokens};
use crate::{Command, Ear, SayId, intents};

/// A word of Prim's may be heard so long after it was said. In the room: its reverberation, the mouth's report and what
/// the place of a word within its clause is wrong by. On the link: there and back.
const TAIL_ROOM: Duration = Duration::from_millis(600);
const TAIL_REMOTE: Duration = Duration::from_millis(2_000);
/// and so long before: the place of a word within its clause is an estimate.
const AHEAD: Duration = Duration::from_millis(500);
/// Words remembered: more than Prim says within the time in which their echo's text comes.
const REMEMBERED: usize = 256;
/// Prim's words that an error of the recogniser may leave out within a run.
const LEFT_OUT: usize = 2;
/// Of five words, so many may be wrong.
const WRONG_OF_FIVE: usize = 2;
/// What people say over Prim and mean as an order, alone or with the name: all phrases of these commands,
const ORDERS: [Command; 4] = [Command::Stop, Command::Allow, Command::NotNow, Command::Mute];
/// and what answers Prim beside them.
const ANSWERS: &[&str] = &["no", "wait", "yeah", "allow", "allowed"];

#[derive(Debug, Clone, PartialEq, Eq)]
struct SaidWord {
    say: SayId,
    word: String,
    from: MonoTime,
    until: MonoTime,
}

/// The words that Prim said lately, each about when it was heard.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnVoice {
    said: VecDeque<SaidWord>,
}

impl OwnVoice {
    /// The first sample of a speech was heard at `now`: these clauses, each so long.
    pub(crate) fn begins(&mut self, say: SayId, clauses: &[String], lengths_ms: &[u32], now: MonoTime) {
        let mut at_ms = 0_u64;
        for (clause, length_ms) in clauses.iter().zip(lengths_ms) {
            let words: Vec<String> =
                tokens(clause).into_iter().flat_map(|token| aloud(&token.word)).collect();
            let letters = words.iter().map(|word| word.len() as u64 + 1).sum::<u64>().max(1);
            let mut before = 0;
            for word in words {
                let place = |letters_before: u64| {
                    now + Duration::from_millis(at_ms + u64::from(*length_ms) * letters_before / letters)
                };
                let from = place(before);
                before += word.len() as u64 + 1;
                self.said.push_back(SaidWord { say, word, from, until: place(before) });
            }
            at_ms += u64::from(*length_ms);
        }
        let too_many = self.said.len().saturating_sub(REMEMBERED);
        self.said.drain(..too_many);
    }

    /// The speech fell silent at `now`: what was to come was not said.
    pub(crate) fn falls_silent(&mut self, say: SayId, now: MonoTime) {
        self.said.retain(|said| said.say != say || said.from <= now);
    }

    /// What of Prim's words an ear may have heard between `started` and `ended`.
    fn around(&self, ear: Ear, started: MonoTime, ended: MonoTime) -> Vec<&str> {
        let tail = match ear {
            Ear::Room => TAIL_ROOM,
            Ear::Remote => TAIL_REMOTE,
        };
        let near = |said: &&SaidWord| said.until + tail >= started && said.from <= ended + AHEAD;
        self.said.iter().filter(near).map(|said| said.word.as_str()).collect()
    }

    /// Whether the name that an ear heard then may have been said by Prim itself.
    pub(crate) fn says_its_name(&self, ear: Ear, started: MonoTime, ended: MonoTime) -> bool {
        self.around(ear, started, ended).iter().any(|word| is_prim(word))
    }

    /// An utterance without Prim's words.
    pub(crate) fn sift(&self, ear: Ear, started: MonoTime, ended: MonoTime, text: &str) -> Sifted {
        sift(text, &self.around(ear, started, ended))
    }
}

/// How a word of a text is said: numbers in words.
fn aloud(word: &str) -> Vec<String> {
    match word.parse::<u32>() {
        Ok(number) => spoken_number(number),
        Err(_) => vec![word.to_owned()],
    }
}

/// An utterance as far as it is a person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sifted {
    /// The person's words as heard; empty where all of it was Prim.
    pub(crate) text: String,
    /// How many words were Prim's.
    pub(crate) own: u32,
}

/// Takes what is Prim's out of `text`, which was heard while Prim said `said`.
pub(crate) fn sift(text: &str, said: &[&str]) -> Sifted {
    let heard = tokens(text);
    let words: Vec<&str> = heard.iter().map(|token| token.word.as_str()).collect();
    let mut own = vec![false; words.len()];
    if !said.is_empty() && order(&words) != Some(words.len()) {
        // An order in front or behind is a person's, unless Prim's sentence goes on just so.
        let joined = |at: usize| {
            said.windows(2).any(|two| sounds_alike(words[at - 1], two[0]) && sounds_alike(words[at], two[1]))
        };
        let front = order(&words).filter(|at| !joined(*at)).unwrap_or(0);
        let behind = (1..=4)
            .filter_map(|length| words.len().checked_sub(length).filter(|at| *at > front))
            .rfind(|at| order(&words[*at..]) == Some(words.len() - at) && !joined(*at))
            .unwrap_or(words.len());
        let body = &words[front..behind];
        if whole(body, said) {
            own[front..behind].fill(true);
        } else {
            runs(body, said, &mut own[front..behind]);
        }
    }
    let count = own.iter().filter(|own| **own).count();
    Sifted { text: rest(text, &heard, &own), own: u32::try_from(count).unwrap_or(u32::MAX) }
}

/// The words of each order.
fn orders() -> impl Iterator<Item = Vec<Token>> {
    let phrases = ORDERS.into_iter().flat_map(intents::phrases).chain(ANSWERS);
    phrases.map(|phrase| tokens(phrase))
}

/// How many words an order has that stands at the beginning, the name in front or behind included.
fn order(words: &[&str]) -> Option<usize> {
    let named = usize::from(words.first().is_some_and(|word| is_prim(word)));
    let fits = |order: &Vec<Token>| {
        let said = words.get(named..named + order.len());
        said.is_some_and(|said| said.iter().eq(order.iter().map(|token| &token.word)))
    };
    let length = orders().filter(fits).map(|order| order.len()).max()? + named;
    let behind = usize::from(named == 0 && words.get(length).is_some_and(|word| is_prim(word)));
    Some(length + behind)
}

/// All of it is a stretch of Prim's words, with an error in at most two words of five.
fn whole(heard: &[&str], said: &[&str]) -> bool {
    if heard.is_empty() {
        return false;
    }
    (0..said.len()).any(|from| {
        // Edit distances of everything heard to each stretch that begins here.
        let mut row: Vec<usize> = (0..=heard.len()).collect();
        said[from..].iter().enumerate().any(|(before, word)| {
            let mut diagonal = row[0];
            row[0] = before + 1;
            for (j, other) in heard.iter().enumerate() {
                let replaced = diagonal + usize::from(!sounds_alike(word, other));
                diagonal = row[j + 1];
                row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
            }
            row[heard.len()] * 5 <= heard.len().max(before + 1) * WRONG_OF_FIVE
        })
    })
}

/// Words that were heard as Prim said them.
struct Run {
    matched: usize,
    heard: std::ops::Range<usize>,
    said: std::ops::Range<usize>,
}

/// Marks the runs of Prim's words, the longest first. In a run a word may be missing, and one that was misheard stands
/// between two that were not. A single word is no run: people use Prim's words.
fn runs(heard: &[&str], said: &[&str], own: &mut [bool]) {
    let (m, n) = (heard.len(), said.len());
    // For each pair of the same word: words matched by the best run that ends here, and where it began in both.
    let mut best: Vec<Option<(usize, usize, usize)>> = vec![None; m * n];
    let mut longest: Option<Run> = None;
    for i in 0..m {
        for j in 0..n {
            if !sounds_alike(heard[i], said[j]) {
                continue;
            }
            let next = (1..=LEFT_OUT + 1).map(|back| (1, back)).chain([(2, 2)]);
            let before = next
                .filter(|(up, back)| *up <= i && *back <= j)
                .filter_map(|(up, back)| best[(i - up) * n + j - back])
                .max_by_key(|(matched, ..)| *matched);
            let (matched, from, of) = before.map_or((1, i, j), |(matched, from, of)| (matched + 1, from, of));
            best[i * n + j] = Some((matched, from, of));
            if longest.as_ref().is_none_or(|run| matched > run.matched) {
                longest = Some(Run { matched, heard: from..i + 1, said: of..j + 1 });
            }
        }
    }
    let Some(run) = longest else { return };
    let (matched, from, to) = (run.matched, run.heard.start, run.heard.end);
    let telling = heard[from..to].iter().any(|word| word.chars().count() >= 4 && !is_function_word(word));
    if matched < 2 || (matched < 3 && !telling) {
        return;
    }
    own[from..to].fill(true);
    // Prim's words are heard once, and in their order: what comes again is a person's.
    runs(&heard[..from], &said[..run.said.start], &mut own[..from]);
    runs(&heard[to..], &said[run.said.end..], &mut own[to..]);
}

/// The text without the words that are `own`.
fn rest(text: &str, heard: &[Token], own: &[bool]) -> String {
    if !own.contains(&true) {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut at = 0;
    for (token, own) in heard.iter().zip(own) {
        if !own {
            kept.push_str(&text[at..token.end]);
        }
        at = token.end;
    }
    if own.last() == Some(&false) {
        kept.push_str(&text[at..]);
    }
    // What stood behind a word of Prim's ends its sentence, whatever it is.
    let kept = if own.first() == Some(&true) {
        kept.trim_start_matches(|c: char| !c.is_alphanumeric())
    } else {
        kept.trim_start()
    };
    kept.trim_end().to_owned()
}

#[cfg(test)]
mod tests;
