//! Who is invited, who is here, and what each of them has answered about being written down.

use std::collections::BTreeMap;

use prim_ids::{MonoTime, ParticipantId};

use crate::meeting::Meeting;
use crate::objections::Objection;
use crate::{
    Actor, Audience, CardKind, ConsentAnswer, ConsentRule, ConsentWay, Ear, Event, Person, Place,
    WithdrawReason,
};

/// People of one meeting; more are not told apart. 1,000 is the largest meeting the data model allows (G13).
const SEATS: usize = 1_000;

#[derive(Debug, Clone)]
pub(crate) struct Seats {
    pub(crate) rule: ConsentRule,
    pub(crate) people: Vec<Seat>,
    pub(crate) answers: BTreeMap<ParticipantId, bool>,
    pub(crate) objections: Vec<Objection>,
    /// Somebody spoke for everybody in the room; counts where nobody is listed there.
    pub(crate) room_yes: bool,
    since: PerEar<Option<MonoTime>>,
    /// What the banner says.
    pub(crate) banner: Option<&'static str>,
    pub(crate) asking: Asking,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) person: Person,
    /// In the room: invited, or somebody said that they came. On the link: the platform says so.
    pub(crate) present: bool,
    /// They were in the plan.
    pub(crate) planned: bool,
}

/// Whom Prim has asked, and when it will ask next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asking {
    pub(crate) at: Option<MonoTime>,
    pub(crate) asked: Vec<ParticipantId>,
    pub(crate) asked_room: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerEar<T> {
    pub(crate) room: T,
    pub(crate) remote: T,
}

pub(crate) fn place_of(ear: Ear) -> Place {
    match ear {
        Ear::Room => Place::Room,
        Ear::Remote => Place::Remote,
    }
}

impl Seats {
    pub(crate) fn new(rule: ConsentRule) -> Self {
        Self::restored(rule, Vec::new(), BTreeMap::new(), Vec::new(), false)
    }

    pub(crate) fn restored(
        rule: ConsentRule,
        people: Vec<Seat>,
        answers: BTreeMap<ParticipantId, bool>,
        objections: Vec<Objection>,
        room_yes: bool,
    ) -> Self {
        let since = PerEar::default();
        Self { rule, people, answers, objections, room_yes, since, banner: None, asking: Asking::default() }
    }

    /// What was said on this ear from this moment on may be written down.
    pub(crate) fn recording_since(&self, ear: Ear) -> Option<MonoTime> {
        match ear {
            Ear::Room => self.since.room,
            Ear::Remote => self.since.remote,
        }
    }

    /// Lets each ear's recording follow what is allowed; what is recorded now, if that changed.
    pub(crate) fn follow(&mut self, now: MonoTime) -> Option<PerEar<bool>> {
        let allowed = PerEar { room: self.allowed(Ear::Room), remote: self.allowed(Ear::Remote) };
        let before = PerEar { room: self.since.room.is_some(), remote: self.since.remote.is_some() };
        let side = |since: Option<MonoTime>, allowed: bool| if allowed { since.or(Some(now)) } else { None };
        self.since.room = side(self.since.room, allowed.room);
        self.since.remote = side(self.since.remote, allowed.remote);
        (allowed != before).then_some(allowed)
    }

    /// Somebody said no and has not taken it back: nothing is written down, of anybody.
    pub(crate) fn refused(&self) -> bool {
        !self.objections.is_empty() || self.answers.values().any(|yes| !yes)
    }

    fn allowed(&self, ear: Ear) -> bool {
        let side =
            |ear| self.unanswered(ear).next().is_none() && !(ear == Ear::Room && self.room_unanswered());
        !self.refused()
            && match self.rule {
                ConsentRule::Never => false,
                ConsentRule::Given => side(ear),
                ConsentRule::AskEveryone => side(Ear::Room) && side(Ear::Remote),
            }
    }

    pub(crate) fn present(&self, ear: Ear) -> impl Iterator<Item = &Seat> {
        self.people.iter().filter(move |seat| seat.present && seat.person.place == place_of(ear))
    }

    /// Who is on this side and has answered nothing yet.
    pub(crate) fn unanswered(&self, ear: Ear) -> impl Iterator<Item = &Seat> {
        self.present(ear).filter(|seat| !self.answers.contains_key(&seat.person.id))
    }

    /// Nobody is listed in the room, and nobody in it has spoken for it.
    pub(crate) fn room_unanswered(&self) -> bool {
        self.rule == ConsentRule::AskEveryone && !self.room_yes && self.present(Ear::Room).next().is_none()
    }

    pub(crate) fn anyone_remote(&self) -> bool {
        self.present(Ear::Remote).next().is_some()
    }

    pub(crate) fn name(&self, who: ParticipantId) -> Option<&str> {
        self.people.iter().find(|seat| seat.person.id == who).map(|seat| seat.person.name.as_str())
    }

    /// A seat for somebody who came; `None` when they sat there already under this name.
    fn seat(&mut self, person: Person) -> Option<&Seat> {
        let known = self.people.iter().position(|seat| seat.person.id == person.id);
        match known {
            Some(at) => {
                let seat = &mut self.people[at];
                if seat.present && seat.person.name == person.name && seat.person.place == person.place {
                    return None;
                }
                // A platform knows no roles; the plan's stands.
                seat.person = Person { role: seat.person.role, ..person };
                seat.present = true;
                self.people.get(at)
            }
            None if self.people.len() < SEATS => {
                self.people.push(Seat { person, present: true, planned: false });
                self.people.last()
            }
            None => None,
        }
    }
}

impl Meeting {
    pub(crate) fn seat_at_start(&mut self, people: Vec<Person>) {
        let Some(session) = self.session.as_mut() else { return };
        let given = session.seats.rule == ConsentRule::Given;
        for person in people.into_iter().take(SEATS) {
            let (who, name, place) = (person.id, person.name.clone(), person.place);
            let Some(session) = self.session.as_mut() else { return };
            let present = place == Place::Room;
            session.seats.people.retain(|seat| seat.person.id != who);
            session.seats.people.push(Seat { person, present, planned: true });
            self.record(Event::ParticipantPlanned { who, name, place });
            if given {
                let Some(session) = self.session.as_mut() else { return };
                session.seats.answers.insert(who, true);
                self.record(Event::ConsentAnswered {
                    who: Some(who),
                    answer: ConsentAnswer::Yes,
                    ear: None,
                    way: ConsentWay::Invitation,
                    by: Actor::Policy,
                    utterance: None,
                });
            }
        }
        self.consent_settled();
    }

    pub(crate) fn participant_joined(&mut self, person: Person) {
        let Some(session) = self.session.as_mut() else { return };
        let Some(seat) = session.seats.seat(person) else { return };
        let Person { id: who, name, place, .. } = seat.person.clone();
        let planned = seat.planned;
        let answered = session.seats.answers.contains_key(&who);
        let rule = session.seats.rule;
        self.record(Event::ParticipantJoined { who, name, place, planned });
        self.consent_settled();
        let body = match (rule, answered) {
            (ConsentRule::Never, _) => {
                "Prim, an AI assistant, listens in this meeting. It writes down nothing of it."
            }
            (ConsentRule::Given | ConsentRule::AskEveryone, true) => {
                "Prim, an AI assistant, listens in this meeting and writes down what is said. Say \"Prim, do not \
                 record\" at any time and it stops writing."
            }
            (ConsentRule::Given | ConsentRule::AskEveryone, false) => {
                "Prim, an AI assistant, listens in this meeting. It writes nothing of yours down until you have \
                 agreed. Say \"Prim, I agree\" or \"Prim, do not record\", or answer in the meeting's window."
            }
        };
        self.card(Audience::Person { who }, CardKind::Listening, None, body.to_owned());
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
}
