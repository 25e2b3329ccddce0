//! Who is here, and whether what they say may be written down. A no wins and stays until the same person says yes.

use std::collections::BTreeMap;

use prim_ids::{MonoTime, ParticipantId};

use crate::meeting::Meeting;
use crate::{Audience, BannerAbout, ConsentRule, Event, Output, Person, Place, WithdrawReason};

/// People of one meeting; more are not told apart. 1,000 is the largest meeting the data model allows (G13).
const SEATS: usize = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct Seats {
    rule: ConsentRule,
    pub(crate) people: Vec<Seat>,
    answers: BTreeMap<ParticipantId, bool>,
    recording_since: Option<MonoTime>,
    banner: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) person: Person,
    pub(crate) present: bool,
}

impl Seats {
    pub(crate) fn new(rule: ConsentRule) -> Self {
        Self { rule, people: Vec::new(), answers: BTreeMap::new(), recording_since: None, banner: false }
    }

    pub(crate) fn restored(
        rule: ConsentRule,
        people: Vec<Seat>,
        answers: Vec<(ParticipantId, bool)>,
    ) -> Self {
        Self { rule, people, answers: answers.into_iter().collect(), recording_since: None, banner: false }
    }

    pub(crate) fn rule(&self) -> ConsentRule {
        self.rule
    }

    pub(crate) fn answers(&self) -> impl Iterator<Item = (ParticipantId, bool)> + '_ {
        self.answers.iter().map(|(who, yes)| (*who, *yes))
    }

    /// What was said from this moment on may be written down.
    pub(crate) fn recording_since(&self) -> Option<MonoTime> {
        self.recording_since
    }

    fn allowed(&self) -> bool {
        let no = self.answers.values().any(|yes| !yes);
        let mut present = self.people.iter().filter(|seat| seat.present).peekable();
        match self.rule {
            ConsentRule::Never => false,
            ConsentRule::Given => !no,
            ConsentRule::AskEveryone => {
                !no && present.peek().is_some()
                    && present.all(|seat| self.answers.get(&seat.person.id) == Some(&true))
            }
        }
    }

    pub(crate) fn anyone_remote(&self) -> bool {
        self.people.iter().any(|seat| seat.present && seat.person.place == Place::Remote)
    }

    pub(crate) fn name(&self, who: ParticipantId) -> Option<&str> {
        self.people.iter().find(|seat| seat.person.id == who).map(|seat| seat.person.name.as_str())
    }

    fn seat(&mut self, person: Person) {
        let known = self.people.iter().position(|seat| seat.person.id == person.id);
        let seat = Seat { person, present: true };
        match known {
            Some(at) => self.people[at] = seat,
            None if self.people.len() < SEATS => self.people.push(seat),
            None => {}
        }
    }
}

impl Meeting {
    pub(crate) fn seat_at_start(&mut self, people: Vec<Person>) {
        for person in people {
            let (who, name, place) = (person.id, person.name.clone(), person.place);
            if let Some(session) = self.session.as_mut() {
                session.seats.seat(person);
            }
            self.record(Event::ParticipantJoined { who, name, place, late: false });
        }
        self.consent_settled();
    }

    pub(crate) fn participant_joined(&mut self, person: Person) {
        let (who, name, place) = (person.id, person.name.clone(), person.place);
        let Some(session) = self.session.as_mut() else { return };
        session.seats.seat(person);
        let rule = session.seats.rule;
        self.record(Event::ParticipantJoined { who, name, place, late: true });
        self.consent_settled();
        let body = match rule {
            ConsentRule::Given => {
                "Prim, an AI assistant, listens in this meeting and writes down what is said. Say no at any time and \
                 it stops writing."
            }
            ConsentRule::AskEveryone => {
                "Prim, an AI assistant, listens in this meeting. It writes nothing down until everyone has said yes."
            }
            ConsentRule::Never => {
                "Prim, an AI assistant, listens in this meeting. It writes down nothing of it."
            }
        };
        self.push(Output::Card {
            to: Audience::Person { who },
            title: "Prim is listening".to_owned(),
            body: body.to_owned(),
        });
    }

    pub(crate) fn participant_left(&mut self, who: ParticipantId) {
        let Some(session) = self.session.as_mut() else { return };
        let Some(seat) = session.seats.people.iter_mut().find(|seat| seat.person.id == who && seat.present)
        else {
            return;
        };
        seat.present = false;
        self.record(Event::ParticipantLeft { who });
        self.withdraw_hand(who, WithdrawReason::Left);
        self.consent_settled();
    }

    pub(crate) fn consent_answered(&mut self, who: ParticipantId, yes: bool) {
        let Some(session) = self.session.as_mut() else { return };
        if session.seats.people.iter().any(|seat| seat.person.id == who) {
            session.seats.answers.insert(who, yes);
            self.record(Event::ConsentAnswered { who, yes });
            self.consent_settled();
        }
    }

    /// Recording follows consent, and both changes are recorded and shown.
    pub(crate) fn consent_settled(&mut self) {
        let now = self.now;
        let Some(session) = self.session.as_mut() else { return };
        let allowed = session.seats.allowed();
        if allowed == session.seats.recording_since.is_some() {
            if !allowed && session.seats.rule == ConsentRule::AskEveryone {
                self.ask_for_consent();
            }
            return;
        }
        session.seats.recording_since = allowed.then_some(now);
        self.record(Event::RecordingChanged { on: allowed });
        if allowed {
            self.clear_consent_banner();
        } else {
            self.ask_for_consent();
        }
    }

    fn clear_consent_banner(&mut self) {
        let shown = self.session.as_mut().is_some_and(|session| std::mem::take(&mut session.seats.banner));
        if shown {
            self.push(Output::ClearBanner { about: BannerAbout::Consent });
        }
    }

    fn ask_for_consent(&mut self) {
        let Some(session) = self.session.as_mut() else { return };
        if std::mem::replace(&mut session.seats.banner, true) {
            return;
        }
        self.push(Output::ShowBanner {
            about: BannerAbout::Consent,
            text: "Prim listens but writes nothing down: not everyone has agreed.".to_owned(),
        });
    }
}
