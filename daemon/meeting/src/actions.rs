//! From the words behind "action" to an action item: whose it is, until when, and a title that reads as one. Words are
//! left out, never put in.

use prim_ids::{Day, ParticipantId};

use crate::meeting::Meeting;
use crate::notes::NewAction;
use crate::words::{Token, alike, is_function_word, sentence, tokens};

/// Words that may stand before an owner's name and mean nothing.
const LEADING_WORDS: usize = 3;

/// First names that are words as well: a small letter may mean either, and before a task only a comma or a verb tells.
const NAMES_AND_WORDS: &[&str] = &[
    "art", "bill", "drew", "frank", "grant", "hope", "joy", "mark", "may", "pat", "rob", "rose", "sue",
    "will",
];

const WEEKDAYS: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Sounds of thinking; in capitals they may be something else.
const HESITATIONS: &[&str] = &["um", "uh", "er", "erm", "hm"];

/// Behind the owner's name: how many words only say that a task follows.
fn task_words(words: &[Token]) -> usize {
    let words: Vec<&str> = words.iter().take(3).map(|token| token.word.as_str()).collect();
    match words[..] {
        ["is", "going", "to"] => 3,
        ["has" | "have" | "needs" | "need" | "is" | "wants" | "ought", "to", ..] => 2,
        ["to" | "will" | "should" | "shall" | "must", ..] => 1,
        _ => 0,
    }
}

/// The title: no sounds of thinking, no "please", no stop behind it, names and weekdays with a large letter.
fn tidy(words: &str, names: &[String]) -> String {
    let mut kept: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        let lower = bare.to_lowercase();
        if HESITATIONS.contains(&bare) || (lower == "please" && kept.is_empty()) {
            continue;
        }
        let proper = bare == lower && (WEEKDAYS.contains(&bare) || bare == "i" || is_name(bare, names));
        kept.push(if proper && word.starts_with(bare) { sentence(word) } else { word.to_owned() });
    }
    while kept.len() > 1 && dangles(&kept) {
        kept.pop();
    }
    sentence(&kept.join(" ")).trim_end_matches(['.', ',', ';', ':']).to_owned()
}

/// The last word has nothing to go with: what was to follow it was not said.
fn dangles(words: &[String]) -> bool {
    let bare = |word: &String| word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
    let [before @ .., last] = words else { return false };
    let asks = || {
        words.iter().any(|word| matches!(bare(word).as_str(), "who" | "whom" | "what" | "which" | "where"))
    };
    let thing = || {
        let article = before.last().map(bare).unwrap_or_default();
        matches!(article.as_str(), "the" | "a" | "of" | "my" | "your" | "his" | "her" | "our" | "their")
    };
    match bare(last).as_str() {
        "" | "please" | "and" => true,
        "to" | "for" | "by" => !asks(),
        "will" => !thing(),
        _ => false,
    }
}

/// Somebody's name for certain, though the recogniser writes all words small.
fn is_name(word: &str, names: &[String]) -> bool {
    let called = names.iter().any(|name| name == word);
    called && word.chars().count() >= 3 && !NAMES_AND_WORDS.contains(&word) && !is_function_word(word)
}

impl Meeting {
    /// "Ana will send the report by Friday", "for Ana: send the report", "send the report, owner Ana".
    pub(crate) fn read_action(&self, text: &str) -> NewAction {
        let all = tokens(text);
        let (mut words, mut from) = (&all[..], 0);
        let mut owner = None;
        let lead = self.owner_at(text, words);
        if let Some((at, who)) = lead {
            owner = Some(who);
            let mut next = at + 1;
            // The surname.
            next += usize::from(words.get(next).is_some_and(|word| self.person_called(&word.word) == owner));
            next += task_words(&words[next..]);
            from = words[next - 1].end;
        } else {
            if let Some((count, who)) = self.owner_behind(words) {
                owner = Some(who);
                words = &words[..words.len() - count];
            }
            let first: Vec<&str> = words.iter().take(2).map(|token| token.word.as_str()).collect();
            let filler: usize = match first[..] {
                ["is", "to" | "that"] => 2,
                ["to" | "that", _] => 1,
                _ => 0,
            };
            from = filler.checked_sub(1).map_or(from, |last| words[last].end);
        }
        let to = if words.len() < all.len() { words.last().map_or(0, |word| word.end) } else { text.len() };
        let said = &text[..to];
        let (due, due_on) = self.read_due(said, words);
        let names: Vec<String> = self
            .session
            .iter()
            .flat_map(|session| &session.seats.people)
            .flat_map(|seat| tokens(&seat.person.name))
            .map(|token| token.word)
            .collect();
        let title =
            Some(tidy(said.get(from..).unwrap_or_default(), &names)).filter(|title| !title.is_empty());
        NewAction { title: title.unwrap_or_else(|| sentence(text)), owner, due, due_on }
    }

    /// Where the owner's name stands, and whose it is. What the recogniser makes of "action item" may stand before it,
    /// when what its owner will do follows the name. Of two owners none is the one.
    fn owner_at(&self, text: &str, words: &[Token]) -> Option<(usize, ParticipantId)> {
        let at = |at: usize| words.get(at).and_then(|word| self.person_called(&word.word));
        let tasked = |at: usize| task_words(words.get(at + 1..).unwrap_or_default()) > 0;
        let plain = |at: usize| at == 0 || !NAMES_AND_WORDS.contains(&words[at].word.as_str());
        let named = |place: &usize| at(*place).is_some() && tasked(*place) && plain(*place);
        if let Some(found) = (0..=LEADING_WORDS).find(named) {
            let two = found >= 2 && words[found - 1].word == "and" && at(found - 2).is_some();
            return if two { None } else { Some((found, at(found)?)) };
        }
        let lead =
            usize::from(words.first().is_some_and(|word| matches!(word.word.as_str(), "for" | "item")));
        let who = at(lead)?;
        if words.get(lead + 1).is_some_and(|word| word.word == "and") {
            return None;
        }
        let name = &words[lead];
        let told = lead > 0 || text[name.end..].starts_with([':', ',']);
        (told || !NAMES_AND_WORDS.contains(&name.word.as_str())).then_some((lead, who))
    }

    /// "…, owner Ana", "… assigned to Ana": how many words that is, and whose name.
    fn owner_behind(&self, words: &[Token]) -> Option<(usize, ParticipantId)> {
        let who = self.person_called(&words.last()?.word)?;
        let said: Vec<&str> = words.iter().map(|token| token.word.as_str()).collect();
        let count = match said[..] {
            [.., "owner", "is", _] | [.., "assign" | "assigned", "to", _] => 3,
            [.., "owner", _] => 2,
            _ => return None,
        };
        (count < words.len()).then_some((count, who))
    }

    /// "… by Friday", "… until the third of December", "… tomorrow": the words, and the day if they name one.
    fn read_due(&self, text: &str, words: &[Token]) -> (Option<String>, Option<Day>) {
        let today = Day::at(self.ids.wall_at(self.now), self.config.utc_offset_min);
        let named = |words: &str| today.and_then(|today| crate::due::day(words, today));
        let by = words
            .iter()
            .rposition(|word| matches!(word.word.as_str(), "by" | "before" | "until"))
            .filter(|at| *at > 0);
        let Some(by) = by else {
            let last = words.last().filter(|word| matches!(word.word.as_str(), "today" | "tomorrow"));
            return last.map_or((None, None), |word| (Some(word.word.clone()), named(&word.word)));
        };
        let rest = text[words[by].end..].trim().trim_end_matches('.');
        let due_on = named(rest);
        let person = words.get(by + 1).is_none_or(|word| self.person_called(&word.word).is_some());
        let short = words.len() - by <= 4 && !rest.is_empty() && !person;
        ((short || due_on.is_some()).then(|| rest.to_owned()), due_on)
    }

    /// The only person whose first or last name this is, as far as a weak recogniser can tell.
    fn person_called(&self, word: &str) -> Option<ParticipantId> {
        let people = &self.session.as_ref()?.seats.people;
        let called = |same: fn(&str, &str) -> bool| {
            let mut found = people
                .iter()
                .filter(|seat| tokens(&seat.person.name).iter().any(|name| same(&name.word, word)))
                .map(|seat| seat.person.id);
            found.next().filter(|_| found.next().is_none())
        };
        called(|a, b| a == b).or_else(|| called(alike))
    }
}

#[cfg(test)]
mod tests {
    use prim_ids::{MeetingId, MonoTime, ParticipantId, WallTime};

    use super::*;
    use crate::{ConsentRule, Input, MeetingConfig, Person, Place, Role};

    const NAMES: [&str; 4] = ["Ana", "Ben Miller", "Mark", "Cleo"];

    /// The title as read, and whose it is.
    fn read(text: &str) -> (String, &'static str) {
        let mut meeting = Meeting::new(MeetingConfig::default());
        let person = |(number, name): (u128, &&str)| Person {
            id: ParticipantId::from_u128(number),
            name: (*name).to_owned(),
            role: Role::Member,
            place: Place::Room,
        };
        let started = Input::MeetingStarted {
            meeting: MeetingId::from_u128(1),
            wall: WallTime::from_unix_millis(0),
            title: String::new(),
            agenda: Vec::new(),
            people: (1..).zip(&NAMES).map(person).collect(),
            consent: ConsentRule::Given,
        };
        meeting.handle_input(MonoTime::from_millis(1_000), started);
        let action = meeting.read_action(text);
        let owner =
            (1..).zip(NAMES).find(|(number, _)| action.owner == Some(ParticipantId::from_u128(*number)));
        (action.title, owner.map_or("nobody", |(_, name)| name))
    }

    #[test]
    fn a_title_begins_with_what_is_to_be_done() {
        for (said, title, owner) in [
            ("Ana will send the report.", "Send the report", "Ana"),
            ("for Ana to send the report", "Send the report", "Ana"),
            ("for ana, send the report", "Send the report", "Ana"),
            ("ben miller needs to send the report", "Send the report", "Ben Miller"),
            ("miller is going to send the report", "Send the report", "Ben Miller"),
            ("Ben: send the report", "Send the report", "Ben Miller"),
            ("ben send the report", "Send the report", "Ben Miller"),
            ("send the report, owner Ana", "Send the report", "Ana"),
            ("send the report assigned to ben", "Send the report", "Ben Miller"),
            ("to send the report", "Send the report", "nobody"),
            ("is to send the report", "Send the report", "nobody"),
            ("please send um the report please", "Send the report", "nobody"),
            ("send the report and", "Send the report", "nobody"),
            ("send the report to", "Send the report", "nobody"),
            ("tell ana about friday", "Tell Ana about Friday", "nobody"),
        ] {
            assert_eq!(read(said), (title.to_owned(), owner), "{said}");
        }
    }

    #[test]
    fn what_may_mean_something_stays() {
        for (said, title, owner) in [
            ("for the party, buy cups", "For the party, buy cups", "nobody"),
            ("buy a present for Ben", "Buy a present for Ben", "nobody"),
            ("mark the report as final", "Mark the report as final", "nobody"),
            ("Mark, read the report", "Read the report", "Mark"),
            ("ask whether the ER mark will do", "Ask whether the ER mark will do", "nobody"),
            ("Ana and Ben will send the report", "Ana and Ben will send the report", "nobody"),
            ("Ben and Ana talked about the lights", "Ben and Ana talked about the lights", "nobody"),
            ("Ben", "Ben", "Ben Miller"),
            ("find out who to talk to", "Find out who to talk to", "nobody"),
            ("write the will", "Write the will", "nobody"),
        ] {
            assert_eq!(read(said), (title.to_owned(), owner), "{said}");
        }
    }
}
