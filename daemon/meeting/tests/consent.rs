//! Consent in any order of people and words, against the plainest model of it: nothing is written down, and no question
//! goes out, for anybody who has not agreed; a no beats every yes of others; what lifts it is its own person, or its own voice.

use std::collections::BTreeMap;
use std::time::Duration;

use prim_ids::{MeetingId, MonoTime, ParticipantId, UtteranceId, WallTime};
use prim_meeting::{
    ConsentRule, Ear, Event, Input, Meeting, MeetingConfig, Output, Peripheral, PeripheralState, Person,
    Place, Role, Snapshot,
};
use proptest::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Me,
    All,
    No,
    NoWithoutName,
    Back,
    Talk,
    Question,
}

impl Words {
    fn text(self) -> &'static str {
        match self {
            Self::Me => "prim i agree",
            Self::All => "prim we all agree",
            Self::No => "prim i don't agree",
            Self::NoWithoutName => "do not record me",
            Self::Back => "prim i take my objection back",
            Self::Talk => "the harbour is nice at this time of the year",
            Self::Question => "prim when does the lease end",
        }
    }
}

#[derive(Debug, Clone)]
enum Move {
    Says { who: u8, told: bool, words: Words },
    Platform { who: u8, yes: bool },
    Joins { who: u8 },
    Leaves { who: u8 },
    Restart,
}

const ANA: u8 = 0;
const BEN: u8 = 1;
/// Dora and Emil are on the link.
const DORA: u8 = 2;
const EMIL: u8 = 3;

fn id(who: u8) -> ParticipantId {
    ParticipantId::from_u128(u128::from(who) + 1)
}

fn place(who: u8) -> Place {
    if who >= DORA { Place::Remote } else { Place::Room }
}

fn ear(who: u8) -> Ear {
    if who >= DORA { Ear::Remote } else { Ear::Room }
}

fn person(who: u8) -> Person {
    Person { id: id(who), name: format!("Person {who}"), role: Role::Member, place: place(who) }
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let words = prop::sample::select(vec![
        Words::Me,
        Words::All,
        Words::All,
        Words::No,
        Words::NoWithoutName,
        Words::Back,
        Words::Talk,
        Words::Talk,
        Words::Question,
    ]);
    let one = prop_oneof![
        12 => (ANA..=EMIL, any::<bool>(), words).prop_map(|(who, told, words)| Move::Says { who, told, words }),
        4 => (ANA..=EMIL, prop::bool::weighted(0.8)).prop_map(|(who, yes)| Move::Platform { who, yes }),
        2 => (ANA..=EMIL).prop_map(|who| Move::Joins { who }),
        2 => (ANA..=EMIL).prop_map(|who| Move::Leaves { who }),
        1 => Just(Move::Restart),
    ];
    prop::collection::vec(one, 1..40)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

/// A no of nobody by name: in the room its voice is known by where it sits, on the link it is not.
#[derive(Debug)]
struct Objection {
    voice: Option<u8>,
    /// None where nobody was listed.
    waits_for: Option<Vec<u8>>,
}

/// The model: who is there, who answered what, and whose no is nobody's.
#[derive(Debug, Default)]
struct Model {
    given: bool,
    here: BTreeMap<u8, bool>,
    answers: BTreeMap<u8, Answer>,
    objections: Vec<Objection>,
    room_spoken_for: bool,
}

impl Model {
    fn there(&self, on: Ear) -> Vec<u8> {
        self.here.iter().filter(|(who, here)| **here && ear(**who) == on).map(|(who, _)| *who).collect()
    }

    fn says(&mut self, who: u8, told: bool, words: Words) {
        let on = ear(who);
        let (known, there) = (told && self.here.contains_key(&who), self.there(on));
        match words {
            Words::Talk | Words::Question => {}
            Words::No | Words::NoWithoutName if known => drop(self.answers.insert(who, Answer::No)),
            Words::No | Words::NoWithoutName => {
                let voice = (on == Ear::Room).then_some(who);
                let waits_for = (!there.is_empty()).then_some(there);
                self.objections.push(Objection { voice, waits_for });
            }
            Words::Back => {
                if known && self.answers.get(&who) == Some(&Answer::No) {
                    self.answers.remove(&who);
                }
                let before = self.objections.len();
                self.objections.retain(|old| old.voice != Some(who));
                if self.objections.len() < before {
                    self.answers.retain(|who, answer| *answer == Answer::No || !there.contains(who));
                    self.room_spoken_for &= on == Ear::Remote;
                }
            }
            Words::All if on == Ear::Room => {
                self.room_spoken_for = true;
                for who in there {
                    self.answers.entry(who).or_insert(Answer::Yes);
                }
                if known {
                    self.agrees_by_name(who);
                }
            }
            Words::Me | Words::All if known => self.agrees_by_name(who),
            Words::Me | Words::All => {
                if let [only] = there[..] {
                    self.answers.entry(only).or_insert(Answer::Yes);
                }
            }
        }
    }

    fn agrees_by_name(&mut self, who: u8) {
        self.answers.insert(who, Answer::Yes);
        // On the link alone are voices that cannot be told.
        let mut untold = self.objections.iter().filter(|old| old.voice.is_none());
        let waited = untold.any(|old| old.waits_for.iter().flatten().any(|other| *other == who));
        for old in &mut self.objections {
            old.waits_for.iter_mut().for_each(|people| people.retain(|other| *other != who));
        }
        let mut untold = self.objections.iter().filter(|old| old.voice.is_none());
        if waited && untold.all(|old| old.waits_for.as_ref().is_some_and(Vec::is_empty)) {
            self.objections.retain(|old| old.voice.is_some());
        }
    }

    fn may_keep(&self, on: Ear) -> bool {
        let agreed = |on: Ear| self.there(on).iter().all(|who| self.answers.get(who) == Some(&Answer::Yes));
        let no = self.answers.values().any(|answer| *answer == Answer::No) || !self.objections.is_empty();
        let room = !self.there(Ear::Room).is_empty() || self.room_spoken_for;
        !no && if self.given { agreed(on) } else { agreed(Ear::Room) && agreed(Ear::Remote) && room }
    }
}

fn drain(meeting: &mut Meeting) -> Vec<Output> {
    std::iter::from_fn(|| meeting.poll_output()).collect()
}

fn started(rule: ConsentRule, invited: &[u8]) -> (Meeting, Model, MonoTime) {
    let mut meeting = Meeting::new(MeetingConfig::default());
    let now = MonoTime::from_millis(1_000);
    for which in [Peripheral::Microphones, Peripheral::RemoteLink, Peripheral::Speaker, Peripheral::Tts] {
        meeting.handle_input(now, Input::PeripheralChanged { which, state: PeripheralState::Up });
    }
    meeting.handle_input(
        now,
        Input::MeetingStarted {
            meeting: MeetingId::from_u128(1),
            wall: WallTime::from_unix_millis(0),
            title: String::new(),
            agenda: Vec::new(),
            people: invited.iter().map(|who| person(*who)).collect(),
            consent: rule,
        },
    );
    drain(&mut meeting);
    let given = rule == ConsentRule::Given;
    let mut model = Model { given, ..Model::default() };
    for who in invited {
        model.here.insert(*who, place(*who) == Place::Room);
        if given {
            model.answers.insert(*who, Answer::Yes);
        }
    }
    (meeting, model, now)
}

fn step(meeting: &mut Meeting, model: &mut Model, now: &mut MonoTime, number: u128, what: &Move) {
    *now = *now + Duration::from_secs(20);
    // Prim's own questions and answers come and go in the meantime.
    while let Some(due) = meeting.poll_timeout().filter(|due| due < now) {
        meeting.handle_timeout(due);
        drain(meeting);
    }
    match *what {
        Move::Says { who, told, words } => {
            let (began, ended) = (*now, *now + Duration::from_secs(2));
            *now = ended + Duration::from_secs(1);
            model.says(who, told, words);
            let answers = !matches!(words, Words::Talk | Words::Question);
            let may = model.may_keep(ear(who)) && !answers;
            meeting.handle_input(
                *now,
                Input::UtteranceHeard {
                    utterance: UtteranceId::from_u128(number),
                    ear: ear(who),
                    speaker: told.then(|| id(who)),
                    bearing_deg: (ear(who) == Ear::Room).then_some(30 + 90 * u16::from(who)),
                    text: words.text().to_owned(),
                    started: began,
                    ended,
                    addressed: false,
                },
            );
            let outputs = drain(meeting);
            let kept = outputs.iter().any(
                |output| matches!(output, Output::Record { entry } if matches!(entry.event, Event::Utterance { .. })),
            );
            let asked = outputs.iter().any(|output| matches!(output, Output::AnswerWanted { .. }));
            assert!(may || answers || !kept, "words of somebody who has not agreed were written down");
            assert!(kept || !may, "words that everybody agreed to were lost");
            assert_eq!(
                asked,
                may && words == Words::Question,
                "a question leaves the device only with consent"
            );
        }
        Move::Platform { who, yes } => {
            if model.here.contains_key(&who) {
                if yes {
                    model.agrees_by_name(who);
                } else {
                    model.answers.insert(who, Answer::No);
                }
            }
            meeting.handle_input(*now, Input::ConsentAnswered { who: id(who), yes });
        }
        Move::Joins { who } => {
            model.here.insert(who, true);
            meeting.handle_input(*now, Input::ParticipantJoined { person: person(who) });
        }
        Move::Leaves { who } => {
            model.here.entry(who).and_modify(|here| *here = false);
            meeting.handle_input(*now, Input::ParticipantLeft { who: id(who) });
        }
        Move::Restart => {
            let saved = Snapshot::from_text(&meeting.snapshot().to_text()).expect("a snapshot reads back");
            let config = MeetingConfig { seed: number, ..MeetingConfig::default() };
            *meeting = Meeting::restore(config, saved, *now);
            for which in
                [Peripheral::Microphones, Peripheral::RemoteLink, Peripheral::Speaker, Peripheral::Tts]
            {
                meeting.handle_input(*now, Input::PeripheralChanged { which, state: PeripheralState::Up });
            }
        }
    }
    drain(meeting);
    for on in [Ear::Room, Ear::Remote] {
        assert_eq!(
            meeting.recording_since(on).is_some(),
            model.may_keep(on),
            "{on:?} after {what:?}: {model:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_kept_and_nothing_leaves_for_anybody_who_has_not_agreed(
        given in any::<bool>(),
        invited in prop::collection::btree_set(ANA..=EMIL, 0..4),
        moves in moves(),
    ) {
        let rule = if given { ConsentRule::Given } else { ConsentRule::AskEveryone };
        let invited: Vec<u8> = invited.into_iter().collect();
        let (mut meeting, mut model, mut now) = started(rule, &invited);
        for (number, what) in (1..).zip(&moves) {
            step(&mut meeting, &mut model, &mut now, number, what);
        }
    }

    #[test]
    fn an_objection_of_one_voice_is_lifted_by_no_other_and_by_none_that_cannot_be_told(
        objector in prop::option::weighted(0.8, 0_u16..360),
        others in prop::collection::vec(prop::option::weighted(0.8, 0_u16..360), 1..8),
        restarts in any::<bool>(),
    ) {
        let (mut meeting, _, mut now) = started(ConsentRule::Given, &[]);
        let mut says = |meeting: &mut Meeting, bearing_deg, words: Words| {
            let (began, ended) = (now, now + Duration::from_secs(2));
            now = now + Duration::from_secs(20);
            let heard = Input::UtteranceHeard {
                utterance: UtteranceId::from_u128(1),
                ear: Ear::Room,
                speaker: None,
                bearing_deg,
                text: words.text().to_owned(),
                started: began,
                ended,
                addressed: false,
            };
            meeting.handle_input(ended, heard);
            let told = drain(meeting).iter().any(|output| matches!(output, Output::Card { .. }));
            (meeting.recording_since(Ear::Room).is_some(), told)
        };
        prop_assert_eq!(says(&mut meeting, objector, Words::NoWithoutName).0, false);
        if restarts {
            let config = MeetingConfig { seed: 1, ..MeetingConfig::default() };
            let now = MonoTime::from_millis(10_000);
            meeting = Meeting::restore(config, meeting.snapshot(), now);
            drain(&mut meeting);
        }
        // 18° is as near as two voices may be and still be one.
        let apart = |a: u16, b: u16| a.abs_diff(b).min(360 - a.abs_diff(b)) > 18;
        for other in others.into_iter().filter(|other| objector.zip(*other).is_none_or(|(a, b)| apart(a, b))) {
            prop_assert_eq!(says(&mut meeting, other, Words::All).0, false);
            prop_assert_eq!(says(&mut meeting, other, Words::Back), (false, true), "it stands, and the room is told");
        }
        prop_assert_eq!(says(&mut meeting, objector, Words::Back).0, objector.is_some());
    }

    #[test]
    fn a_no_beats_whatever_the_others_say_afterwards(given in any::<bool>(), told in any::<bool>(), moves in moves()) {
        let rule = if given { ConsentRule::Given } else { ConsentRule::AskEveryone };
        let (mut meeting, mut model, mut now) = started(rule, &[ANA, BEN, DORA]);
        let all = Move::Says { who: ANA, told: false, words: Words::All };
        step(&mut meeting, &mut model, &mut now, 1, &all);
        let no = Move::Says { who: BEN, told, words: Words::NoWithoutName };
        step(&mut meeting, &mut model, &mut now, 2, &no);
        // Nobody else can lift it: not by any words or answers of their own, and not by a restart.
        let others = moves.iter().filter(|what| match what {
            Move::Says { who, .. } => *who != BEN,
            Move::Platform { who, .. } => *who != BEN,
            Move::Joins { .. } | Move::Leaves { .. } | Move::Restart => true,
        });
        for (number, what) in (3..).zip(others) {
            step(&mut meeting, &mut model, &mut now, number, what);
            prop_assert!(meeting.recording_since(Ear::Room).is_none(), "{:?}", what);
            prop_assert!(meeting.recording_since(Ear::Remote).is_none(), "{:?}", what);
        }
    }
}
