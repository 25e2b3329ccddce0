//! Notes, decisions and actions: operations with ids made here, linked to the utterances they come from.

use prim_ids::{ActionId, AgendaItemId, Day, DecisionId, NoteId, ParticipantId, UtteranceId};

use crate::meeting::Meeting;
use crate::words::sentence;
use crate::{Actor, CardKind, Command, Event, NotNoted};

/// Of each kind, in memory for answers; older ones stay in the records only. More than any meeting makes.
const KEPT: usize = 500;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    pub(crate) notes: Vec<KeptNote>,
    pub(crate) decisions: Vec<KeptDecision>,
    pub(crate) actions: Vec<KeptAction>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptNote {
    pub(crate) note: NoteId,
    pub(crate) text: String,
    pub(crate) item: Option<AgendaItemId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptDecision {
    pub(crate) decision: DecisionId,
    pub(crate) text: String,
    pub(crate) item: Option<AgendaItemId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptAction {
    pub(crate) action: ActionId,
    pub(crate) title: String,
    pub(crate) owner: Option<ParticipantId>,
    pub(crate) item: Option<AgendaItemId>,
}

/// An action item as read from speech or a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewAction {
    pub(crate) title: String,
    pub(crate) owner: Option<ParticipantId>,
    pub(crate) due: Option<String>,
    pub(crate) due_on: Option<Day>,
}

/// Where a note, decision or action comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) by: Actor,
    pub(crate) utterances: Vec<UtteranceId>,
    /// The agenda item that ran when it was said.
    pub(crate) item: Option<AgendaItemId>,
}

fn keep<T>(list: &mut Vec<T>, new: T, replaced: impl Fn(&T) -> bool) {
    list.retain(|old| !replaced(old));
    if list.len() >= KEPT {
        list.remove(0);
    }
    list.push(new);
}

impl Meeting {
    /// Words that were spoken after "note that", "decision" or "action".
    pub(crate) fn note_spoken(&mut self, command: Command, words: &str, from: Origin) {
        let text = sentence(words);
        if text.is_empty() {
            self.not_noted(command, NotNoted::NoWords);
            return;
        }
        match command {
            Command::Note => self.add_note(text, from, None),
            Command::Decision => self.add_decision(text, from, None),
            Command::Action => {
                let action = self.read_action(&text);
                self.add_action(action, from, None);
            }
            Command::TimeLeft
            | Command::NextItem
            | Command::MoreTime
            | Command::Decisions
            | Command::Actions
            | Command::SpeakingTime
            | Command::Repeat
            | Command::Stop
            | Command::Allow
            | Command::NotNow
            | Command::Mute
            | Command::Agree
            | Command::AgreeForAll
            | Command::Refuse
            | Command::TakeBack => {}
        }
    }

    pub(crate) fn not_noted(&mut self, command: Command, why: NotNoted) {
        self.record(Event::NotNoted { command, why });
        let body = match why {
            NotNoted::NoConsent => "Nothing is written down: not everyone has agreed.",
            NotNoted::NoWords => "I did not catch the words. Please say it again in one sentence.",
        };
        self.card(self.audience(), CardKind::NotNoted, None, body.to_owned());
    }

    pub(crate) fn add_note(&mut self, text: String, from: Origin, supersedes: Option<NoteId>) {
        let (at, random) = self.ids.next(self.now);
        let note = NoteId::from_parts(at, random);
        let Some(session) = self.session.as_mut() else { return };
        let Origin { by, utterances, item } = from;
        let replaced = session.notes.notes.iter().find(|old| Some(old.note) == supersedes);
        let item = replaced.map_or(item, |old| old.item);
        let kept = KeptNote { note, text: text.clone(), item };
        keep(&mut session.notes.notes, kept, |old| Some(old.note) == supersedes);
        self.record(Event::Note { note, text: text.clone(), by, utterances, supersedes, item });
        self.card(self.audience(), CardKind::Noted, None, text);
    }

    pub(crate) fn add_decision(&mut self, text: String, from: Origin, supersedes: Option<DecisionId>) {
        let (at, random) = self.ids.next(self.now);
        let decision = DecisionId::from_parts(at, random);
        let Some(session) = self.session.as_mut() else { return };
        let Origin { by, utterances, item } = from;
        let replaced = session.notes.decisions.iter().find(|old| Some(old.decision) == supersedes);
        let item = replaced.map_or(item, |old| old.item);
        let kept = KeptDecision { decision, text: text.clone(), item };
        keep(&mut session.notes.decisions, kept, |old| Some(old.decision) == supersedes);
        self.record(Event::Decision { decision, text: text.clone(), by, utterances, supersedes, item });
        self.card(self.audience(), CardKind::Decided, None, text);
    }

    pub(crate) fn add_action(&mut self, new: NewAction, from: Origin, supersedes: Option<ActionId>) {
        let (at, random) = self.ids.next(self.now);
        let action = ActionId::from_parts(at, random);
        let NewAction { title, owner, due, due_on } = new;
        let Some(session) = self.session.as_mut() else { return };
        let Origin { by, utterances, item } = from;
        let replaced = session.notes.actions.iter().find(|old| Some(old.action) == supersedes);
        let item = replaced.map_or(item, |old| old.item);
        let kept = KeptAction { action, title: title.clone(), owner, item };
        keep(&mut session.notes.actions, kept, |old| Some(old.action) == supersedes);
        let name = owner.and_then(|owner| session.seats.name(owner)).map(|name| format!("{name}: "));
        let body = format!("{}{title}", name.unwrap_or_default());
        self.record(Event::Action { action, title, owner, due, due_on, by, utterances, supersedes, item });
        self.card(self.audience(), CardKind::Action, None, body);
    }
}
