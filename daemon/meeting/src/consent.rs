//! Consent to being written down: how it is asked for, given, refused and taken back.
//!
//! A no wins over every yes and stands until the same person takes it back ("I take my objection back"). A no by a voice
//! that nobody can be named for is bound to that voice (`objections`). Whoever is in the room may speak for everybody in
//! it; on the link each person answers for themselves.

use prim_ids::{MonoTime, ParticipantId, UtteranceId};

use crate::asked::Voice;
use crate::meeting::Meeting;
use crate::seats::Seats;
use crate::{
    Actor, AskReason, Audience, BannerAbout, CardKind, Command, ConsentAnswer, ConsentRule, ConsentWay, Ear,
    Event, Evidence, Output, WithdrawReason,
};

const NOT_ALL: &str = "Prim listens but writes nothing down: not everyone has agreed. Say \"Prim, we all agree\" or \
                       \"Prim, do not record\".";
const REFUSED: &str = "Prim listens but writes nothing down: somebody has said no.";
const NEVER: &str = "Prim listens but writes nothing down in this meeting.";
const LINK: &str = "Prim writes down nothing of the link: somebody there has not agreed yet.";
const ROOM: &str = "Prim writes down nothing of the room: somebody there has not agreed yet.";

const WHOSE: &str = "The objection stands: I cannot tell who made it, so nobody can take it back for them. Everybody \
                     who was there can agree again, each in the meeting's window or by a voice that I know.";
const WHO_ARE_YOU: &str = "The objection stands: only the voice that made it can take it back, and I cannot tell whether \
                           this was it. Please say it again from where you sat.";
const ANOTHER: &str = "The objection stands: another voice made it, and only that voice can take it back.";

/// Names in "I still wait for …"; more do not fit into a short sentence.
const NAMED: usize = 3;

/// One answer, for whom it counts and how that is known.
struct Counted {
    who: Option<ParticipantId>,
    way: ConsentWay,
}

/// What came of an objection that somebody wanted to take back.
enum Lifted {
    /// Their own no by name, or that of their voice.
    Own,
    /// Nobody objected there.
    NoneKnown,
    /// Somebody did, and it stands.
    Nothing { because: &'static str },
}

impl Seats {
    /// For whom a yes on this ear counts; empty when that cannot be told.
    fn yes_from(&self, voice: Voice, for_all: bool) -> Vec<Counted> {
        let known = voice.speaker.filter(|who| self.name(*who).is_some());
        let own = known.map(|who| Counted { who: Some(who), way: ConsentWay::OwnVoice });
        match voice.ear {
            Ear::Room if for_all => {
                let said_no = |who: &ParticipantId| self.answers.get(who) == Some(&false);
                let others = self.present(Ear::Room).map(|seat| seat.person.id);
                let others = others.filter(|who| Some(*who) != known && !said_no(who));
                let counted = others
                    .map(|who| Counted { who: Some(who), way: ConsentWay::ForTheRoom })
                    .collect::<Vec<_>>();
                // As long as nobody is listed in the room, the room itself has answered.
                let room = Counted { who: None, way: ConsentWay::ForTheRoom };
                let room = (counted.is_empty() && own.is_none()).then_some(room);
                own.into_iter().chain(counted).chain(room).collect()
            }
            Ear::Room | Ear::Remote => {
                let mut there = self.present(voice.ear).map(|seat| seat.person.id);
                let only = there.next().filter(|_| there.next().is_none());
                // A voice that cannot be told takes nobody's no back.
                let only = only.filter(|who| self.answers.get(who) != Some(&false));
                let only = only.map(|who| Counted { who: Some(who), way: ConsentWay::OnlyOneThere });
                own.or(only).into_iter().collect()
            }
        }
    }
}

impl Meeting {
    /// The platform or a panel says that this person answered.
    pub(crate) fn consent_answered(&mut self, who: ParticipantId, yes: bool) {
        let Some(session) = self.session.as_mut() else { return };
        if session.seats.name(who).is_none() {
            return;
        }
        session.seats.answers.insert(who, yes);
        let by = Actor::Participant { who };
        if yes {
            self.lift_by_name(who, by, None);
        }
        let answer = if yes { ConsentAnswer::Yes } else { ConsentAnswer::No };
        self.record(Event::ConsentAnswered {
            who: Some(who),
            answer,
            ear: None,
            way: ConsentWay::Platform,
            by,
            utterance: None,
        });
        self.consent_settled();
    }

    /// Somebody agreed, and it is known who: with the last of those who were there, what a voice without a name objected
    /// to no longer stands.
    fn lift_by_name(&mut self, who: ParticipantId, by: Actor, utterance: Option<UtteranceId>) {
        let Some(session) = self.session.as_mut() else { return };
        for ear in session.seats.agreed_by_name(who) {
            let (who, answer, ear) = (None, ConsentAnswer::TakenBack, Some(ear));
            self.record(Event::ConsentAnswered {
                who,
                answer,
                ear,
                way: ConsentWay::EveryoneByName,
                by,
                utterance,
            });
        }
    }

    /// Somebody told Prim whether it may write down what is said.
    pub(crate) fn consent_heard(&mut self, command: Command, voice: Voice) {
        let counted = match command {
            Command::Agree | Command::AgreeForAll => self.agree(voice, command == Command::AgreeForAll),
            Command::TakeBack => match self.take_back(voice) {
                Lifted::Nothing { because } => {
                    self.card(Audience::Everyone, CardKind::ObjectionStands, None, because.to_owned());
                    return;
                }
                Lifted::Own => true,
                Lifted::NoneKnown => false,
            },
            Command::Refuse => self.refuse(voice),
            Command::TimeLeft
            | Command::NextItem
            | Command::MoreTime
            | Command::Decisions
            | Command::Actions
            | Command::SpeakingTime
            | Command::Repeat
            | Command::Note
            | Command::Decision
            | Command::Action
            | Command::Stop
            | Command::Allow
            | Command::NotNow
            | Command::Mute => return,
        };
        self.consent_settled();
        let text = self.consent_reply(command, voice.ear, counted);
        self.answer(command, voice, text);
    }

    fn agree(&mut self, voice: Voice, for_all: bool) -> bool {
        let Some(session) = self.session.as_mut() else { return false };
        let seats = &mut session.seats;
        let counted = seats.yes_from(voice, for_all);
        for one in &counted {
            if let Some(who) = one.who {
                seats.answers.insert(who, true);
            }
        }
        seats.room_yes |= for_all && voice.ear == Ear::Room;
        for one in &counted {
            if let (Some(who), ConsentWay::OwnVoice) = (one.who, one.way) {
                self.lift_by_name(who, voice.actor(), voice.utterance);
            }
            self.record_answer(voice, ConsentAnswer::Yes, one.who, one.way);
        }
        !counted.is_empty()
    }

    fn refuse(&mut self, voice: Voice) -> bool {
        let Some(session) = self.session.as_mut() else { return false };
        let seats = &mut session.seats;
        let who = voice.speaker.filter(|who| seats.name(*who).is_some());
        let way = if who.is_some() { ConsentWay::OwnVoice } else { ConsentWay::UnnamedVoice };
        match who {
            Some(who) => {
                seats.answers.insert(who, false);
            }
            None => seats.object(voice.ear, voice.at, voice.label),
        }
        self.record_answer(voice, ConsentAnswer::No, who, way);
        true
    }

    /// Lifts this voice's own no. It is no yes: who took a no back is asked again.
    fn take_back(&mut self, voice: Voice) -> Lifted {
        let Some(session) = self.session.as_mut() else { return Lifted::NoneKnown };
        let seats = &mut session.seats;
        let own = voice.speaker.filter(|who| seats.answers.get(who) == Some(&false));
        if let Some(who) = own {
            seats.answers.remove(&who);
            seats.asking.asked.retain(|asked| *asked != who);
        }
        let unnamed = seats.lift(voice.ear, voice.label);
        if unnamed {
            // Whose no it was is unknown, so nobody's yes on that side is certain any more.
            let side: Vec<ParticipantId> = seats.present(voice.ear).map(|seat| seat.person.id).collect();
            seats.answers.retain(|who, yes| !*yes || !side.contains(who));
            seats.asking.asked.retain(|who| !side.contains(who));
            if voice.ear == Ear::Room {
                seats.room_yes = false;
                seats.asking.asked_room = false;
            }
        }
        if own.is_none() && !unnamed {
            let there: Vec<_> = seats.objections.iter().filter(|old| old.ear == voice.ear).collect();
            let because = match there[..] {
                [] => return Lifted::NoneKnown,
                _ if there.iter().all(|old| old.label.is_none()) => WHOSE,
                _ if voice.label.is_none() => WHO_ARE_YOU,
                _ => ANOTHER,
            };
            return Lifted::Nothing { because };
        }
        if own.is_some() {
            self.record_answer(voice, ConsentAnswer::TakenBack, own, ConsentWay::OwnVoice);
        }
        if unnamed {
            self.record_answer(voice, ConsentAnswer::TakenBack, None, ConsentWay::UnnamedVoice);
        }
        Lifted::Own
    }

    fn record_answer(
        &mut self,
        voice: Voice,
        answer: ConsentAnswer,
        who: Option<ParticipantId>,
        way: ConsentWay,
    ) {
        let (ear, by, utterance) = (Some(voice.ear), voice.actor(), voice.utterance);
        self.record(Event::ConsentAnswered { who, answer, ear, way, by, utterance });
    }

    fn consent_reply(&self, command: Command, ear: Ear, counted: bool) -> String {
        let Some(session) = self.session.as_ref() else { return String::new() };
        let seats = &session.seats;
        if seats.rule == ConsentRule::Never {
            return "Nothing of this meeting is written down.".to_owned();
        }
        if command == Command::Refuse {
            return "I write nothing down from now on.".to_owned();
        }
        if !counted {
            return match (command, ear) {
                (Command::TakeBack, _) => "I know of no objection from there.",
                (_, Ear::Room) => "I cannot tell who agreed. Somebody may answer for everyone in the room.",
                (_, Ear::Remote) => "I cannot tell who agreed. Please answer in the meeting's window.",
            }
            .to_owned();
        }
        if seats.refused() {
            let untold = seats.objections.iter().any(|old| old.label.is_none());
            return if untold { WHOSE } else { "Somebody has objected, and only they can take it back." }
                .to_owned();
        }
        let waits = seats.unanswered(Ear::Room).chain(seats.unanswered(Ear::Remote));
        let names: Vec<&str> = waits.map(|seat| seat.person.name.as_str()).collect();
        match names[..] {
            [] if seats.room_unanswered() => "Thank you. I still wait for the room.".to_owned(),
            [] => "Thank you. I write down what is said from now on.".to_owned(),
            [ref named @ .., last] if names.len() <= NAMED => match named {
                [] => format!("Thank you. I still wait for {last}."),
                named => format!("Thank you. I still wait for {} and {last}.", named.join(", ")),
            },
            _ => format!("Thank you. I still wait for {} people.", names.len()),
        }
    }

    /// Recording follows consent, and each change is recorded and shown.
    pub(crate) fn consent_settled(&mut self) {
        let now = self.now;
        let Some(session) = self.session.as_mut() else { return };
        if let Some(on) = session.seats.follow(now) {
            if !on.room {
                self.forget_voices();
            }
            self.record(Event::RecordingChanged { room: on.room, remote: on.remote });
        }
        self.show_consent();
        self.plan_to_ask();
    }

    fn show_consent(&mut self) {
        let Some(session) = self.session.as_mut() else { return };
        let seats = &mut session.seats;
        let on = |ear| seats.recording_since(ear).is_some();
        let text = match (seats.rule, on(Ear::Room), on(Ear::Remote)) {
            (ConsentRule::Never, ..) => Some(NEVER),
            (_, true, true) => None,
            _ if seats.refused() => Some(REFUSED),
            (_, false, false) => Some(NOT_ALL),
            (_, true, false) => Some(LINK),
            (_, false, true) => Some(ROOM),
        };
        if std::mem::replace(&mut seats.banner, text) == text {
            return;
        }
        self.push(match text {
            Some(text) => Output::ShowBanner { about: BannerAbout::Consent, text: text.to_owned() },
            None => Output::ClearBanner { about: BannerAbout::Consent },
        });
    }

    /// Sets when Prim will ask whom it has not asked; takes its question back when nobody is left to ask.
    fn plan_to_ask(&mut self) {
        let due = self.now + self.config.consent_ask_after;
        let Some(session) = self.session.as_mut() else { return };
        let seats = &mut session.seats;
        let askable = seats.rule != ConsentRule::Never && !seats.refused();
        let waiting = |ear| seats.unanswered(ear).map(|seat| seat.person.id);
        let mut all = waiting(Ear::Room).chain(waiting(Ear::Remote)).peekable();
        let open = askable && (all.peek().is_some() || seats.room_unanswered());
        let new = all.any(|who| !seats.asking.asked.contains(&who))
            || (seats.room_unanswered() && !seats.asking.asked_room);
        drop(all);
        let at = seats.asking.at;
        seats.asking.at = if open && new { at.or(Some(due)) } else { None };
        if !open {
            self.withdraw_where(Actor::Prim, WithdrawReason::Moot, |reason| *reason == AskReason::Consent);
        }
    }

    pub(crate) fn consent_due(&self) -> Option<MonoTime> {
        self.session.as_ref()?.seats.asking.at
    }

    /// Asks for the floor in order to ask those who have not answered.
    pub(crate) fn consent_step(&mut self) {
        if self.consent_due().is_none_or(|at| self.now < at) {
            return;
        }
        let Some(session) = self.session.as_mut() else { return };
        let seats = &mut session.seats;
        let unanswered = seats.unanswered(Ear::Room).chain(seats.unanswered(Ear::Remote));
        let (mut people, mut newcomers, mut all_new) = (Vec::new(), Vec::new(), !seats.room_unanswered());
        for seat in unanswered {
            people.push(seat.person.id);
            all_new &= !seat.planned;
            newcomers.push(seat.person.name.clone());
        }
        let text = match &newcomers[..] {
            [] | [_, ..] if !all_new => {
                "I am listening, but I write nothing down yet. May I? Please tell me by name whether you all agree."
                    .to_owned()
            }
            [name] => format!(
                "Welcome, {name}. I am Prim, an AI assistant, and I listen. May I write down what you say?"
            ),
            _ => "Welcome. I am Prim, an AI assistant, and I listen. May I write down what you say?".to_owned(),
        };
        seats.asking.at = None;
        seats.asking.asked_room |= seats.room_unanswered();
        for who in &people {
            if !seats.asking.asked.contains(who) {
                seats.asking.asked.push(*who);
            }
        }
        self.wish(AskReason::Consent, Evidence::Unanswered { people }, text);
    }
}
