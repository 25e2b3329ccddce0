//! What Prim says to the questions it can answer without a cloud.

use crate::Command;
use crate::asked::Voice;
use crate::listen::{Talker, Utterance};
use crate::meeting::Meeting;
use crate::words::{alike, keywords, spoken_time, tokens};

const NO_ANSWER: &str = "I can't answer that here.";

/// Names in the speaking-time answer; the rest are summed. More do not fit into seven seconds.
const NAMED_SPEAKERS: usize = 4;

impl Meeting {
    /// Carries out a command that needs no further words.
    pub(crate) fn obey(&mut self, command: Command, voice: Voice) {
        let by = voice.actor();
        match command {
            Command::Stop => self.stop(by),
            Command::Mute => self.set_soft_mute(true, by),
            Command::Allow => {
                let meant = self.answerable(voice.at).or_else(|| self.room_hand_before(voice.at));
                if let Some(request) = meant {
                    self.allow(request, by);
                }
            }
            Command::NotNow => {
                let unheard =
                    self.turn_unheard().then(|| self.floor.turn.as_ref().map(|turn| turn.request)).flatten();
                let head = self.floor.queue.first().map(|ask| ask.request);
                if let Some(request) = unheard.or(head) {
                    self.decline(request, by);
                }
            }
            Command::TimeLeft => self.answer(command, voice, self.time_left()),
            Command::NextItem => {
                let text = match self.next_item(by) {
                    Some((title, 0)) => format!("Next: {title}."),
                    Some((title, planned)) => format!("Next: {title}, {}.", spoken_time(planned)),
                    None => "There is no further item on the agenda.".to_owned(),
                };
                self.answer(command, voice, text);
            }
            Command::MoreTime => {
                let step = u64::try_from(self.config.more_time.as_millis()).unwrap_or(u64::MAX);
                let text = match self.extend_item(step, by) {
                    Some(title) => format!("{} more for {title}.", spoken_time(step)),
                    None => "No timebox is running.".to_owned(),
                };
                self.answer(command, voice, text);
            }
            Command::Decisions => self.answer(command, voice, self.decisions()),
            Command::Actions => self.answer(command, voice, self.actions()),
            Command::SpeakingTime => self.answer(command, voice, self.speaking_times()),
            Command::Repeat => {
                let said = self.session.as_ref().and_then(|session| session.listening.last_said.clone());
                self.answer(
                    command,
                    voice,
                    said.unwrap_or_else(|| "I have not said anything yet.".to_owned()),
                );
            }
            Command::Agree | Command::AgreeForAll | Command::Refuse | Command::TakeBack => {
                self.consent_heard(command, voice);
            }
            // Their words come with the utterance.
            Command::Note | Command::Decision | Command::Action => {}
        }
    }

    fn time_left(&self) -> String {
        match self.timebox(self.now) {
            None => "No agenda item is running.".to_owned(),
            Some(view) if view.planned_ms == 0 => format!("{} has no time limit.", view.title),
            Some(view) if view.spent_ms <= view.planned_ms => {
                format!("{} left for {}.", spoken_time(view.planned_ms - view.spent_ms), view.title)
            }
            Some(view) => {
                format!("{} is {} over its time.", view.title, spoken_time(view.spent_ms - view.planned_ms))
            }
        }
    }

    fn decisions(&self) -> String {
        let decisions = self.session.as_ref().map_or(&[][..], |session| &session.notes.decisions);
        let texts: Vec<&str> = decisions.iter().map(|kept| kept.text.as_str()).collect();
        listed(&texts, "No decision has been noted yet.", "One decision:", "decisions:")
    }

    fn actions(&self) -> String {
        let Some(session) = self.session.as_ref() else { return NO_ANSWER.to_owned() };
        let named: Vec<String> = session
            .notes
            .actions
            .iter()
            .map(|kept| match kept.owner.and_then(|owner| session.seats.name(owner)) {
                Some(name) => format!("{name}, {}", lower_first(&kept.title)),
                None => kept.title.clone(),
            })
            .collect();
        let texts: Vec<&str> = named.iter().map(String::as_str).collect();
        listed(&texts, "No action item has been noted yet.", "One action:", "actions:")
    }

    fn speaking_times(&self) -> String {
        let Some(session) = self.session.as_ref() else { return NO_ANSWER.to_owned() };
        let mut order: Vec<(Talker, u64)> =
            session.listening.talked.iter().map(|(who, ms)| (*who, *ms)).collect();
        order.sort_by_key(|(who, ms)| (std::cmp::Reverse(*ms), *who));
        if order.is_empty() {
            return "I have not followed anyone's speech yet.".to_owned();
        }
        let mut parts: Vec<String> = Vec::new();
        // Those who could not be told apart come last.
        let mut others = 0;
        for (who, ms) in order {
            let name = match who {
                Talker::Person { who } => session.seats.name(who).map(str::to_owned),
                Talker::Voice { label } => Some(format!("Speaker {}", label.number())),
                Talker::Unknown => None,
            };
            match name {
                Some(name) if parts.len() < NAMED_SPEAKERS => {
                    parts.push(format!("{name} for {}", spoken_time(ms)))
                }
                Some(_) | None => others += ms,
            }
        }
        if others >= 1_000 {
            parts.push(format!("others for {}", spoken_time(others)));
        }
        format!("{}.", parts.join(", "))
    }

    /// The note, decision, action or utterance that shares most topic words with the question; else an honest no.
    pub(crate) fn own_answer(&self, question: &str) -> String {
        let asked = keywords(question);
        let Some(session) = self.session.as_ref() else { return NO_ANSWER.to_owned() };
        let notes = &session.notes;
        let memory = session.listening.memory.iter().filter(|heard| !heard.addressed);
        let said: Vec<String> = memory.map(|heard| self.quoted(heard)).collect();
        let candidates = notes
            .decisions
            .iter()
            .map(|kept| (2, kept.text.as_str()))
            .chain(notes.actions.iter().map(|kept| (2, kept.title.as_str())))
            .chain(notes.notes.iter().map(|kept| (2, kept.text.as_str())))
            .chain(said.iter().map(|text| (1, text.as_str())));
        let mut best: Option<(usize, &str)> = None;
        for (worth, text) in candidates {
            let words = tokens(text);
            let shared =
                asked.iter().filter(|asked| words.iter().any(|word| alike(asked, &word.word))).count();
            // One shared word is chance; two, or all that were asked for, are a find.
            let found = shared >= 2 || (shared == 1 && asked.len() == 1 && worth == 2);
            if found && best.is_none_or(|(score, _)| shared * 2 + worth > score) {
                best = Some((shared * 2 + worth, text));
            }
        }
        best.map_or_else(|| NO_ANSWER.to_owned(), |(_, text)| text.to_owned())
    }

    fn quoted(&self, heard: &Utterance) -> String {
        let name = heard.speaker.and_then(|who| self.session.as_ref()?.seats.name(who));
        match (name, heard.label) {
            (Some(name), _) => format!("{name} said: {}", heard.text),
            (None, Some(label)) => format!("Speaker {} said: {}", label.number(), heard.text),
            (None, None) => format!("Somebody said: {}", heard.text),
        }
    }
}

fn listed(texts: &[&str], none: &str, one: &str, many: &str) -> String {
    let ended = |text: &str| {
        let text = text.trim();
        if text.ends_with(['.', '?', '!']) { text.to_owned() } else { format!("{text}.") }
    };
    match texts {
        [] => none.to_owned(),
        [only] => format!("{one} {}", ended(only)),
        _ => {
            let all: Vec<String> = texts.iter().map(|text| ended(text)).collect();
            format!("{} {many} {}", texts.len(), all.join(" "))
        }
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
