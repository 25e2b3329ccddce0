//! The naive reference model: it sees inputs and outputs and keeps its own books, in the plainest way it can. It was
//! written from the design's text and shares nothing with the core but the vocabulary.

#![expect(clippy::wildcard_enum_match_arm, reason = "a watcher looks only at what its promises are about")]

mod permission;

use std::collections::{BTreeMap, BTreeSet};

use prim_ids::{MonoTime, ParticipantId, RequestId};
use prim_meeting::{
    Actor, AskReason, Command, ConsentAnswer, ConsentRule, ConsentWay, Ear, Event, FloorState, Input, Light,
    MeetingConfig, Mode, Output, PanelCommand, Peripheral, PeripheralState, Place, Ruling, SayId, TalkerKey,
};

/// What the watcher has seen.
#[derive(Debug)]
pub(crate) struct Watcher {
    config: MeetingConfig,
    now: u64,
    last_record: u64,
    mode: Mode,
    in_meeting: bool,
    consent: Option<ConsentRule>,
    answers: BTreeMap<ParticipantId, bool>,
    /// Somebody whom nobody can name said no on this ear.
    unnamed_no: BTreeSet<Ear>,
    room_yes: bool,
    present: BTreeMap<ParticipantId, Place>,
    known: BTreeSet<ParticipantId>,
    recording_since: BTreeMap<Ear, u64>,
    soft: bool,
    hard: bool,
    microphones: bool,
    /// Not muted and not deaf before this step.
    heard_before: bool,
    /// They work well.
    clear: bool,
    /// Joined: one that is being restored is not.
    link: bool,
    /// What was permitted when somebody was cut off on the link.
    cut_off: BTreeSet<RequestId>,
    talking: BTreeSet<(Ear, TalkerKey)>,
    quiet_since: u64,
    requested: BTreeMap<RequestId, (u64, AskReason)>,
    judged: BTreeMap<RequestId, Ruling>,
    /// Somebody asked for it, ordered it, or the configuration grants it.
    granted: BTreeSet<RequestId>,
    /// What went in in this step, and the order whose words were still waited for.
    given: Option<Input>,
    awaited: bool,
    /// When the name was last heard on an ear.
    called: BTreeMap<Ear, u64>,
    allowed: BTreeSet<RequestId>,
    closed: BTreeSet<RequestId>,
    /// Permitted before somebody stopped Prim: never said after it.
    stopped: BTreeSet<RequestId>,
    dinged: BTreeSet<RequestId>,
    last_ding: Option<u64>,
    ding_intended: Option<RequestId>,
    lengths: BTreeMap<SayId, Vec<u32>>,
    say_intended: Option<SayId>,
    /// Ordered and not yet told to be silent or finished.
    saying: Option<SayId>,
    say_started: Option<u64>,
    prim_quiet_since: u64,
    pressed_at: Option<u64>,
    released: bool,
    light: Light,
    floor_asks: Option<RequestId>,
    /// Which request people have seen asking, and since when.
    asking: Option<(RequestId, u64)>,
    asking_at_press: Option<(RequestId, u64)>,
}

impl Watcher {
    pub(crate) fn new(config: MeetingConfig) -> Self {
        Self {
            mode: config.mode,
            config,
            now: 0,
            last_record: 0,
            in_meeting: false,
            consent: None,
            answers: BTreeMap::new(),
            unnamed_no: BTreeSet::new(),
            room_yes: false,
            present: BTreeMap::new(),
            known: BTreeSet::new(),
            recording_since: BTreeMap::new(),
            soft: false,
            hard: false,
            microphones: false,
            heard_before: false,
            clear: false,
            link: false,
            cut_off: BTreeSet::new(),
            talking: BTreeSet::new(),
            quiet_since: 0,
            requested: BTreeMap::new(),
            judged: BTreeMap::new(),
            granted: BTreeSet::new(),
            given: None,
            awaited: false,
            called: BTreeMap::new(),
            allowed: BTreeSet::new(),
            closed: BTreeSet::new(),
            stopped: BTreeSet::new(),
            dinged: BTreeSet::new(),
            last_ding: None,
            ding_intended: None,
            lengths: BTreeMap::new(),
            say_intended: None,
            saying: None,
            say_started: None,
            prim_quiet_since: 0,
            pressed_at: None,
            released: true,
            light: Light::Idle,
            floor_asks: None,
            asking: None,
            asking_at_press: None,
        }
    }

    fn muted(&self) -> bool {
        self.soft || self.hard
    }

    /// What is said on this ear may be written down.
    fn consented(&self, ear: Ear) -> bool {
        let all = |place: Place| {
            let mut there = self.present.iter().filter(|(_, at)| **at == place);
            there.all(|(who, _)| self.answers.get(who) == Some(&true))
        };
        let nobody_listed = !self.present.values().any(|place| *place == Place::Room);
        if !self.in_meeting || !self.unnamed_no.is_empty() || self.answers.values().any(|yes| !yes) {
            return false;
        }
        match self.consent {
            None | Some(ConsentRule::Never) => false,
            Some(ConsentRule::Given) => all(if ear == Ear::Room { Place::Room } else { Place::Remote }),
            Some(ConsentRule::AskEveryone) => {
                all(Place::Room) && all(Place::Remote) && (!nobody_listed || self.room_yes)
            }
        }
    }

    fn consent_may_have_changed(&mut self) {
        for ear in [Ear::Room, Ear::Remote] {
            if self.consented(ear) {
                self.recording_since.entry(ear).or_insert(self.now);
            } else {
                self.recording_since.remove(&ear);
            }
        }
    }

    /// An answer as it was recorded; that it was read rightly is the business of `tests/consent.rs`.
    fn answered(
        &mut self,
        who: Option<ParticipantId>,
        answer: ConsentAnswer,
        ear: Option<Ear>,
        way: ConsentWay,
    ) {
        self.room_yes |= way == ConsentWay::ForTheRoom;
        match (who, answer) {
            (Some(who), ConsentAnswer::Yes) => {
                self.answers.insert(who, true);
            }
            (Some(who), ConsentAnswer::No) => {
                self.answers.insert(who, false);
            }
            (Some(who), ConsentAnswer::TakenBack) => {
                self.answers.remove(&who);
            }
            (None, ConsentAnswer::Yes) => {}
            (None, ConsentAnswer::No) => {
                self.unnamed_no.insert(ear.expect("a voice is heard on an ear"));
            }
            (None, ConsentAnswer::TakenBack) => {
                let ear = ear.expect("a voice is heard on an ear");
                let side = if ear == Ear::Room { Place::Room } else { Place::Remote };
                self.unnamed_no.remove(&ear);
                if way == ConsentWay::EveryoneByName {
                    self.consent_may_have_changed();
                    return;
                }
                let present = &self.present;
                self.answers.retain(|who, yes| !*yes || present.get(who) != Some(&side));
                self.room_yes &= ear != Ear::Room;
            }
        }
        self.consent_may_have_changed();
    }

    /// One step: what went in, what came out.
    pub(crate) fn step(&mut self, now: MonoTime, input: Option<&Input>, outputs: &[Output]) {
        let now = now.as_millis();
        assert!(now >= self.now, "the driver's time runs forwards");
        self.now = now;
        let was_saying = self.saying;
        self.given = input.cloned();
        self.heard_before = !self.muted() && self.microphones;
        if let Some(input) = input {
            if self.stops(input) {
                let permitted = self.all_permitted();
                self.stopped.extend(permitted);
            }
            self.input(input);
        }
        for output in outputs {
            self.output(output);
        }
        let visible = matches!(self.light, Light::Asking | Light::Dinged | Light::RemoteHand);
        self.asking = match (self.floor_asks, self.asking) {
            (Some(request), Some((same, since))) if request == same && !self.muted() => {
                Some((request, since))
            }
            (Some(request), _) if visible => Some((request, self.now)),
            (_, _) => None,
        };
        if let (Some(say), Some(input)) = (was_saying, input) {
            self.must_fall_silent(say, input, outputs);
        }
        if let (Some(_), Some(started)) = (self.saying, self.say_started) {
            assert!(now <= started + 7_000, "Prim spoke for more than seven seconds");
        }
    }

    /// Nothing is known about what this ear heard before.
    fn anew(&mut self, ear: Ear) {
        self.talking.retain(|(of, _)| *of != ear);
        self.quiet_since = self.now;
    }

    /// Everybody who could speak is heard well.
    fn hears_everyone(&self) -> bool {
        let remote = self.present.values().any(|place| *place == Place::Remote);
        !self.muted() && self.microphones && self.clear && (self.link || !remote)
    }

    /// Barge-in, stop by every way, and mute end a speech in the very step, before anything else.
    fn must_fall_silent(&self, say: SayId, input: &Input, outputs: &[Output]) {
        let must = match input {
            Input::SpeechStarted { .. } | Input::ButtonPressed | Input::MeetingEnded => true,
            Input::MuteSwitchMoved { on } => *on,
            Input::Panel { command, .. } => {
                let coach = PanelCommand::SetMode { mode: Mode::CoachOnly };
                *command == coach || matches!(command, PanelCommand::Stop | PanelCommand::Mute { on: true })
            }
            Input::CommandHeard { command, .. } => *command == Command::Stop,
            _ => false,
        };
        if must {
            let silences = |output: &&Output| matches!(output, Output::Silence { say: of, .. } if *of == say);
            let first = outputs.iter().find(|output| !matches!(output, Output::Mute { .. }));
            let addressed = outputs.iter().find(|output| silences(output)).is_some();
            let begins = outputs.iter().any(|output| matches!(output, Output::Say { .. }));
            assert!(!begins, "{input:?} silenced Prim, and it began to speak anew: {outputs:?}");
            let at_once = first.is_some_and(|output| silences(&output));
            let spoken = matches!(input, Input::CommandHeard { .. });
            assert!(at_once || (spoken && addressed), "{input:?} did not silence Prim: {outputs:?}");
        }
    }

    fn input(&mut self, input: &Input) {
        match input {
            Input::MeetingStarted { people, consent, .. } => {
                self.in_meeting = true;
                self.consent = Some(*consent);
                self.answers.clear();
                self.unnamed_no.clear();
                self.room_yes = false;
                let in_the_room = people.iter().filter(|person| person.place == Place::Room);
                self.present = in_the_room.map(|person| (person.id, person.place)).collect();
                self.known = people.iter().map(|person| person.id).collect();
                if *consent == ConsentRule::Given {
                    self.answers = self.known.iter().map(|who| (*who, true)).collect();
                }
                self.recording_since.clear();
                self.consent_may_have_changed();
            }
            Input::MeetingEnded => {
                self.in_meeting = false;
                self.present.clear();
                self.recording_since.clear();
            }
            Input::ParticipantJoined { person } if self.in_meeting => {
                self.present.insert(person.id, person.place);
                self.known.insert(person.id);
                self.consent_may_have_changed();
            }
            Input::ParticipantLeft { who } => {
                self.present.remove(who);
                self.consent_may_have_changed();
            }
            Input::ConsentAnswered { who, yes } if self.known.contains(who) => {
                self.answers.insert(*who, *yes);
                self.consent_may_have_changed();
            }
            Input::SpeechStarted { ear, talker, .. } if !self.muted() => {
                self.talking.insert((*ear, *talker));
            }
            Input::SpeechEnded { ear, talker } => {
                let ended = self.talking.remove(&(*ear, *talker));
                self.quiet_since = if ended { self.now } else { self.quiet_since };
            }
            Input::MuteSwitchMoved { on } => {
                let before = self.muted();
                self.hard = *on;
                self.mute_may_have_changed(before);
            }
            Input::PeripheralChanged { which, state } => {
                let (up, works) =
                    (*state == PeripheralState::Up, !matches!(state, PeripheralState::Absent { .. }));
                match which {
                    Peripheral::Microphones => {
                        self.clear = up;
                        if std::mem::replace(&mut self.microphones, works) != works {
                            self.anew(Ear::Room);
                        }
                    }
                    Peripheral::RemoteLink => {
                        let changed = std::mem::replace(&mut self.link, up) != up;
                        if changed && !up && self.talking.iter().any(|(ear, _)| *ear == Ear::Remote) {
                            let permitted = self.all_permitted();
                            self.cut_off.extend(permitted);
                        }
                        if changed {
                            self.anew(Ear::Remote);
                        }
                    }
                    _ => {}
                }
            }
            Input::ButtonPressed => {
                self.pressed_at = Some(self.now);
                self.released = false;
                self.asking_at_press = self.asking;
            }
            Input::ButtonReleased => self.released = true,
            Input::PrimHeard { ear, at } => {
                self.called.insert(*ear, at.as_millis());
            }
            Input::CommandHeard { command, .. } => self.awaited |= *command == Command::TakeBack,
            Input::SpeakingStarted { say } if self.saying == Some(*say) => {
                self.say_started.get_or_insert(self.now);
            }
            Input::SpeakingFinished { say } if self.saying == Some(*say) && self.say_started.is_some() => {
                self.saying = None;
                self.say_started = None;
                self.prim_quiet_since = self.now;
            }
            Input::Prepared { say, clauses_ms } => {
                self.lengths.entry(*say).or_insert_with(|| clauses_ms.clone());
            }
            Input::Panel { command: PanelCommand::SetMode { mode }, .. } => self.mode = *mode,
            _ => {}
        }
    }

    fn mute_may_have_changed(&mut self, before: bool) {
        if self.muted() != before {
            self.talking.clear();
            self.quiet_since = self.now;
        }
    }

    fn output(&mut self, output: &Output) {
        match output {
            Output::Record { entry } => {
                let at = entry.at.as_millis();
                assert!(at >= self.last_record && at <= self.now, "records run forwards");
                self.last_record = at;
                self.event(&entry.event);
            }
            Output::Ding { request, .. } => self.ding(*request),
            Output::Say { say, request, clauses } => self.say(*say, *request, *clauses),
            Output::Silence { say, .. } => {
                assert_eq!(self.saying.take(), Some(*say), "only a speech that was ordered is silenced");
                self.say_started = None;
                self.prim_quiet_since = self.now;
            }
            Output::Mute { on } => {
                let before = self.muted();
                self.soft = *on;
                self.mute_may_have_changed(before);
            }
            Output::ShowFloor { floor } => {
                let hand = matches!(floor.reason, Some(AskReason::RoomHand));
                let asks = matches!(floor.state, FloorState::Asking | FloorState::Dinged) && !hand;
                self.floor_asks = floor.request.filter(|_| asks);
            }
            Output::Show { light } => self.light = *light,
            _ => {}
        }
    }

    fn ding(&mut self, request: RequestId) {
        assert_eq!(self.ding_intended.take(), Some(request), "the intent is recorded first");
        assert!(self.dinged.insert(request), "two dings for one request");
        assert!(!self.closed.contains(&request), "a ding for a closed request");
        if let Some(last) = self.last_ding.replace(self.now) {
            assert!(self.now >= last + 60_000, "two dings within a minute");
        }
        assert!(self.hears_everyone(), "a ding while somebody might speak unheard");
        assert!(self.talking.is_empty(), "a ding while somebody speaks");
        assert!(self.now >= self.quiet_since + 700, "a ding outside a silence window");
        assert!(self.saying.is_none(), "a ding while Prim speaks");
        let answering = !self.released
            && self.pressed_at.is_some_and(|at| self.now < at + 1_000)
            && self.asking_at_press.is_some_and(|(asked, since)| {
                asked == request && self.pressed_at.is_some_and(|at| at >= since + 400)
            });
        assert!(!answering, "a ding while a finger is on the button to answer");
        let (asked, _) = self.requested[&request];
        assert!(self.now >= asked + 6_000, "a ding before six seconds of asking");
    }

    fn say(&mut self, say: SayId, request: RequestId, clauses: u32) {
        assert_eq!(self.say_intended.take(), Some(say), "the intent is recorded first");
        assert!(self.saying.is_none(), "one speech at a time");
        assert!(!self.closed.contains(&request), "a speech for a closed request");
        assert!(!self.muted(), "a speech while muted");
        assert!(self.microphones, "a speech without ears");
        assert!(self.mode != Mode::CoachOnly, "a speech in coach-only");
        assert!(self.talking.is_empty(), "a speech over a person");
        assert!(self.permitted(request), "a speech without Allow or policy");
        assert!(!self.cut_off.contains(&request), "a speech that waited for somebody who was cut off");
        let unasked = matches!(
            self.requested[&request].1,
            AskReason::TimeboxOver { .. } | AskReason::Drift { .. } | AskReason::Consent
        );
        let asked = !unasked || self.allowed.contains(&request);
        assert!(asked || self.hears_everyone(), "nobody allowed it, and somebody might speak unheard");
        assert!(!self.stopped.contains(&request), "a speech after stop that was asked for before it");
        let total: u32 = self.lengths[&say].iter().take(clauses as usize).sum();
        assert!(clauses >= 1 && total <= 7_000, "{total} ms of speech");
        self.saying = Some(say);
        self.say_started = None;
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::FloorRequested { request, reason, .. } => {
                let new = self.requested.insert(*request, (self.now, reason.clone())).is_none();
                assert!(new, "a request is made once");
                if self.grants(reason) {
                    self.granted.insert(*request);
                }
            }
            Event::Judged { request, verdict } => {
                let new = self.judged.insert(*request, verdict.ruling).is_none();
                assert!(new && self.requested.contains_key(request), "each request is judged once");
                let speaks = verdict.ruling == Ruling::Speak;
                assert!(!speaks || self.granted.contains(request), "nobody asked for it: {verdict:?}");
                let unasked = matches!(
                    self.requested[request].1,
                    AskReason::TimeboxOver { .. } | AskReason::Drift { .. }
                );
                let goes_on = matches!(verdict.ruling, Ruling::Ask | Ruling::Speak);
                if unasked && goes_on {
                    assert_eq!(
                        self.mode,
                        Mode::ProactiveTimekeeper,
                        "only the proactive mode begins by itself"
                    );
                    // A time that is over at the very moment was over before the news of that moment.
                    let heard = !self.muted() && self.microphones;
                    assert!(heard || self.heard_before, "a muted or deaf Prim asks for nothing");
                }
            }
            Event::Allowed { request, by, .. } => {
                assert!(self.allowed.insert(*request), "a request is allowed once");
                self.must_have_allowed(*request, *by);
            }
            Event::FloorClosed { request, .. } => {
                assert!(self.requested.contains_key(request), "only a request can be closed");
                assert!(self.closed.insert(*request), "a request ends once");
            }
            Event::DingIntended { request, .. } => self.ding_intended = Some(*request),
            Event::SayIntended { say, .. } => self.say_intended = Some(*say),
            Event::ConsentAnswered { who, answer, ear, way, .. } => {
                self.answered(*who, *answer, *ear, *way);
            }
            Event::Utterance { started, ear, .. } => {
                let since =
                    self.recording_since.get(ear).expect("an utterance is recorded only with consent");
                assert!(started.as_millis() >= *since, "what was said before consent is not kept");
            }
            Event::Note { by, .. } | Event::Decision { by, .. } | Event::Action { by, .. } => {
                let typed = matches!(by, Actor::Panel { .. });
                assert!(typed || !self.recording_since.is_empty(), "spoken notes need consent");
            }
            Event::ModeChanged { mode, .. } => self.mode = *mode,
            _ => {}
        }
    }

    /// However people behave, a request ends: each one at the head within two and a half minutes, one after the other.
    pub(crate) fn ended_in_time(&self) {
        let limit = 150_000 * (self.config.queue_limit as u64 + 2);
        for (request, (asked, reason)) in &self.requested {
            let late = self.now > asked + limit;
            assert!(!late || self.closed.contains(request), "{request} is still open: {reason:?}");
        }
    }

    /// After everything has come to rest: every request has ended, and nobody speaks.
    pub(crate) fn at_rest(&self) {
        for request in self.requested.keys() {
            assert!(self.judged.contains_key(request), "{request} was never judged");
            assert!(self.closed.contains(request), "{request} never ended: {:?}", self.requested[request]);
        }
        assert_eq!(self.saying, None);
    }
}
