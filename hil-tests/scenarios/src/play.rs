//! Plays a script against the core: a queue of what will happen, and a mouth, a voice and ears that do their part.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use prim_ids::{AgendaItemId, MeetingId, MonoTime, ParticipantId, UserId, UtteranceId, WallTime};
use prim_meeting::{
    AgendaItem, Ear, Input, Meeting, MeetingConfig, Output, PanelCommand, Peripheral, PeripheralState,
    Person, Place, SayId, TalkerKey, log,
};

use crate::parse::{Act, Guest, PanelPress, PartState, Scenario};
use crate::transcript::Transcript;

/// The meeting starts 100 s after boot and on 14 November 2023 by the wall clock: any fixed moment does.
const START_MS: u64 = 100_000;
const WALL_MS: i64 = 1_700_000_000_000;

/// The stand-in voice: 300 ms a word (200 words a minute), made in 60 ms, heard 30 ms after the order.
const WORD_MS: u32 = 300;
const SYNTHESIS: Duration = Duration::from_millis(60);
const MOUTH: Duration = Duration::from_millis(30);
/// It falls silent 20 ms after the order, and a ding lasts 200 ms (A7).
const SILENCE: Duration = Duration::from_millis(20);
const DING: Duration = Duration::from_millis(200);
/// People: 350 ms a word; the detector notices the end after 200 ms, the final text comes 300 ms after that.
const PERSON_WORD: Duration = Duration::from_millis(350);
const HANGOVER: Duration = Duration::from_millis(200);
const TEXT: Duration = Duration::from_millis(300);
/// Outside answers take 800 ms.
const OUTSIDE: Duration = Duration::from_millis(800);

/// A played script.
#[derive(Debug, Clone)]
pub struct Played {
    /// What people read and tests compare.
    pub transcript: String,
    /// The input log: replaying it gives `outputs` again.
    pub log: String,
    /// All outputs with their times.
    pub outputs: Vec<(MonoTime, Output)>,
}

enum Happening {
    Input(Input),
    Script(usize),
}

struct Player<'a> {
    scenario: &'a Scenario,
    meeting: Meeting,
    config: MeetingConfig,
    coming: BTreeMap<(MonoTime, u64), Happening>,
    made: u64,
    names: BTreeMap<String, (ParticipantId, Place)>,
    transcript: Transcript,
    log: String,
    outputs: Vec<(MonoTime, Output)>,
    clauses: BTreeMap<SayId, Vec<u32>>,
    speaking: Option<SayId>,
    speech_began: MonoTime,
    knows: VecDeque<Option<String>>,
    utterances: u128,
}

/// Plays a script to its end.
#[must_use]
pub fn play(scenario: &Scenario) -> Played {
    let config = MeetingConfig {
        seed: 7,
        mode: scenario.mode,
        ding: scenario.ding,
        nudges_granted: scenario.nudges_granted,
        drift_may_ask: scenario.drift_may_ask,
        ask_outside: scenario.ask_outside,
        ..MeetingConfig::default()
    };
    let mut player = Player {
        scenario,
        meeting: Meeting::new(config.clone()),
        log: log::head(&config) + "\n",
        config,
        coming: BTreeMap::new(),
        made: 0,
        names: BTreeMap::new(),
        transcript: Transcript::default(),
        outputs: Vec::new(),
        clauses: BTreeMap::new(),
        speaking: None,
        speech_began: MonoTime::ZERO,
        knows: VecDeque::new(),
        utterances: 0,
    };
    player.begin();
    player.run();
    Played { transcript: player.transcript.text(), log: player.log, outputs: player.outputs }
}

impl Player<'_> {
    fn begin(&mut self) {
        let start = MonoTime::from_millis(START_MS);
        self.transcript.start(start);
        for which in [
            Peripheral::Microphones,
            Peripheral::RemoteLink,
            Peripheral::Speaker,
            Peripheral::Light,
            Peripheral::Button,
            Peripheral::Stt,
            Peripheral::Tts,
        ] {
            let state = if self.scenario.without.contains(&which) {
                PeripheralState::Absent { reason: "not there".to_owned() }
            } else {
                PeripheralState::Up
            };
            self.input(start - Duration::from_secs(5), Input::PeripheralChanged { which, state });
        }
        let people: Vec<Person> =
            self.scenario.people.clone().into_iter().map(|guest| self.seat(guest)).collect();
        let on_the_link: Vec<Person> =
            people.iter().filter(|person| person.place == Place::Remote).cloned().collect();
        let agenda = self
            .scenario
            .agenda
            .iter()
            .zip(600_000..)
            .map(|((title, planned), number)| {
                let id = AgendaItemId::from_u128(number);
                self.transcript.name(&id.to_string(), title);
                let planned_ms = u64::try_from(planned.as_millis()).unwrap_or(u64::MAX);
                AgendaItem { id, title: title.clone(), planned_ms }
            })
            .collect();
        let meeting = MeetingId::from_u128(900_000);
        self.transcript.name(&meeting.to_string(), "meeting");
        self.transcript.name(&user().to_string(), "manager");
        let input = Input::MeetingStarted {
            meeting,
            wall: WallTime::from_unix_millis(WALL_MS),
            title: "Scenario".to_owned(),
            agenda,
            people,
            consent: self.scenario.consent,
        };
        self.input(start, input);
        for person in on_the_link {
            self.input(start, Input::ParticipantJoined { person });
        }
        for (index, line) in self.scenario.lines.iter().enumerate() {
            self.later(start + line.at, Happening::Script(index));
        }
    }

    fn seat(&mut self, guest: Guest) -> Person {
        let id = match self.names.get(&guest.name) {
            Some((id, _)) => *id,
            None => ParticipantId::from_u128(800_000 + self.names.len() as u128),
        };
        self.names.insert(guest.name.clone(), (id, guest.place));
        self.transcript.name(&id.to_string(), &guest.name);
        Person { id, name: guest.name, role: guest.role, place: guest.place }
    }

    fn later(&mut self, at: MonoTime, what: Happening) {
        self.made += 1;
        self.coming.insert((at, self.made), what);
    }

    fn input_at(&mut self, at: MonoTime, input: Input) {
        self.later(at, Happening::Input(input));
    }

    fn run(&mut self) {
        let end = MonoTime::from_millis(START_MS) + self.scenario.until;
        loop {
            let next = self.coming.keys().next().map(|(at, _)| *at);
            let timeout = self.meeting.poll_timeout();
            match (next, timeout) {
                (_, Some(timeout)) if timeout < end && next.is_none_or(|next| timeout < next) => {
                    self.step(timeout, log::Step::Timeout);
                }
                (Some(next), _) if next <= end => {
                    let Some((_, what)) = self.coming.pop_first() else { return };
                    match what {
                        Happening::Input(input) => self.input(next, input),
                        Happening::Script(index) => self.act(next, index),
                    }
                }
                (_, _) => return,
            }
        }
    }

    fn input(&mut self, now: MonoTime, input: Input) {
        self.step(now, log::Step::Input { input });
    }

    fn step(&mut self, now: MonoTime, step: log::Step) {
        self.log.push_str(&log::line(now, &step));
        self.log.push('\n');
        match step {
            log::Step::Input { input } => self.meeting.handle_input(now, input),
            log::Step::Timeout => self.meeting.handle_timeout(now),
            log::Step::Restore { snapshot } => {
                self.meeting = Meeting::restore(self.config.clone(), *snapshot, now);
            }
        }
        while let Some(output) = self.meeting.poll_output() {
            self.transcript.output(now, &output);
            self.outputs.push((now, output.clone()));
            self.carry_out(now, output);
        }
    }

    /// The shell's part.
    fn carry_out(&mut self, now: MonoTime, output: Output) {
        match output {
            Output::Prepare { say, clauses } => {
                let lengths: Vec<u32> = clauses
                    .iter()
                    .map(|clause| u32::try_from(clause.split_whitespace().count()).unwrap_or(0) * WORD_MS)
                    .collect();
                self.clauses.insert(say, lengths.clone());
                self.input_at(now + SYNTHESIS, Input::Prepared { say, clauses_ms: lengths });
            }
            Output::Say { say, clauses, .. } => {
                self.speaking = Some(say);
                self.speech_began = now + MOUTH;
                let mut at = now + MOUTH;
                self.input_at(at, Input::SpeakingStarted { say });
                let lengths = self.clauses.get(&say).cloned().unwrap_or_default();
                for (index, length) in (0..clauses).zip(lengths) {
                    at = at + Duration::from_millis(u64::from(length));
                    self.input_at(at, Input::ClausePlayed { say, index });
                }
                self.input_at(at, Input::SpeakingFinished { say });
            }
            Output::Silence { say, .. } => {
                self.coming.retain(|(at, _), what| {
                    *at <= now
                        || !matches!(what, Happening::Input(
                            Input::SpeakingStarted { say: of }
                            | Input::ClausePlayed { say: of, .. }
                            | Input::SpeakingFinished { say: of }) if *of == say)
                });
                let quiet = now + SILENCE;
                let played = quiet.since(self.speech_began);
                let played_ms = u32::try_from(played.as_millis()).unwrap_or(u32::MAX);
                self.input_at(quiet, Input::SpeakingSilenced { say, played_ms });
            }
            Output::Ding { request, .. } => self.input_at(now + DING, Input::DingPlayed { request }),
            Output::AnswerWanted { request, .. } => {
                if let Some(text) = self.knows.pop_front() {
                    self.input_at(now + OUTSIDE, Input::AnswerReady { request, text });
                }
            }
            Output::Show { .. }
            | Output::ShowFloor { .. }
            | Output::ShowBanner { .. }
            | Output::ClearBanner { .. }
            | Output::ShowTimebox { .. }
            | Output::Card { .. }
            | Output::Discard { .. }
            | Output::RaiseHand { .. }
            | Output::LowerHand { .. }
            | Output::Mute { .. }
            | Output::OwnWords { .. }
            | Output::Record { .. }
            | Output::Reset => {}
        }
    }

    fn voice(&self, who: &str) -> (Ear, TalkerKey, Option<ParticipantId>) {
        match self.names.get(who) {
            Some((id, Place::Remote)) => (Ear::Remote, TalkerKey(low(*id)), Some(*id)),
            Some((id, Place::Room)) => (Ear::Room, TalkerKey(low(*id)), Some(*id)),
            None => (Ear::Room, TalkerKey(0), None),
        }
    }

    /// Sounds from now on; the moment at which they end.
    fn speech(&mut self, now: MonoTime, who: &str, long: Duration) -> MonoTime {
        let (ear, talker, speaker) = self.voice(who);
        // The room's ear cannot know who it is before the text; the link can.
        let known = speaker.filter(|_| ear == Ear::Remote);
        self.input(now, Input::SpeechStarted { ear, talker, speaker: known });
        self.input_at(now + long + HANGOVER, Input::SpeechEnded { ear, talker });
        now + long
    }

    fn text(&mut self, who: &str, text: &str, started: MonoTime, ended: MonoTime, addressed: bool) {
        let (ear, _, speaker) = self.voice(who);
        self.utterances += 1;
        let utterance = UtteranceId::from_u128(self.utterances);
        self.transcript.name(&utterance.to_string(), &format!("u{}", self.utterances));
        let bearing_deg = (ear == Ear::Room).then(|| bearing(who));
        let input = Input::UtteranceHeard {
            utterance,
            ear,
            speaker,
            bearing_deg,
            text: text.to_owned(),
            started,
            ended,
            addressed,
        };
        self.input_at(ended + HANGOVER + TEXT, input);
    }

    fn act(&mut self, now: MonoTime, index: usize) {
        let line = &self.scenario.lines[index];
        self.transcript.happened(now, &line.words);
        match line.act.clone() {
            Act::Speaks { who, long } => {
                self.speech(now, &who, long);
            }
            Act::Says { who, text, long, called } => {
                let words = u32::try_from(text.split_whitespace().count()).unwrap_or(1);
                let ended = self.speech(now, &who, long.unwrap_or(PERSON_WORD * words));
                if called {
                    let ear = self.voice(&who).0;
                    let at = now + PERSON_WORD;
                    self.input_at(at.min(ended), Input::PrimHeard { ear, at });
                }
                self.text(&who, &text, now, ended, called);
            }
            Act::Commands { who, command, dictated } => {
                let words = u32::try_from(dictated.split_whitespace().count()).unwrap_or(1);
                let ended = self.speech(now, &who, PERSON_WORD * words);
                let (ear, _, speaker) = self.voice(&who);
                let at = now + PERSON_WORD;
                self.input_at(at, Input::PrimHeard { ear, at });
                let utterance = Some(UtteranceId::from_u128(self.utterances + 1));
                let heard = Input::CommandHeard { ear, speaker, command, at: now, utterance };
                self.input_at(ended + HANGOVER, heard);
                self.text(&who, &dictated, now, ended, true);
            }
            Act::ButtonDown => self.input(now, Input::ButtonPressed),
            Act::ButtonUp => self.input(now, Input::ButtonReleased),
            Act::ButtonPressed { long } => {
                self.input(now, Input::ButtonPressed);
                self.input_at(now + long, Input::ButtonReleased);
            }
            Act::MuteSwitch { on } => self.input(now, Input::MuteSwitchMoved { on }),
            Act::Hand { who, raised } => {
                if let Some((who, _)) = self.names.get(&who).copied() {
                    self.input(now, Input::RemoteHand { who, raised });
                }
            }
            Act::Joins { guest } => {
                let person = self.seat(guest);
                self.input(now, Input::ParticipantJoined { person });
            }
            Act::Leaves { who } => {
                if let Some((who, _)) = self.names.get(&who).copied() {
                    self.input(now, Input::ParticipantLeft { who });
                }
            }
            Act::Agrees { who, yes } => {
                if let Some((who, _)) = self.names.get(&who).copied() {
                    self.input(now, Input::ConsentAnswered { who, yes });
                }
            }
            Act::Panel { press } => self.panel(now, press),
            Act::Part { which, how } => {
                let state = match how {
                    PartState::Works => PeripheralState::Up,
                    PartState::Slow => PeripheralState::Degraded { reason: "slow".to_owned() },
                    PartState::Fails => PeripheralState::Absent { reason: "failed".to_owned() },
                };
                self.input(now, Input::PeripheralChanged { which, state });
            }
            Act::Knows { text } => self.knows.push_back(text),
            Act::Restart => self.restart(now),
            Act::Ends => self.input(now, Input::MeetingEnded),
        }
    }

    fn restart(&mut self, now: MonoTime) {
        let snapshot = Box::new(self.meeting.snapshot());
        self.coming.retain(|_, what| matches!(what, Happening::Script(_)));
        self.config.seed += 1;
        // A log has one configuration: what comes after the restart is another log.
        self.log = log::head(&self.config) + "\n";
        self.outputs.clear();
        self.step(now, log::Step::Restore { snapshot });
        for which in [Peripheral::Microphones, Peripheral::RemoteLink, Peripheral::Speaker, Peripheral::Tts] {
            self.input(now, Input::PeripheralChanged { which, state: PeripheralState::Up });
        }
    }

    fn panel(&mut self, now: MonoTime, press: PanelPress) {
        let head = self.meeting.floor().queue.first().copied().or_else(|| self.meeting.floor().request);
        let command = match press {
            PanelPress::Allow => match head {
                Some(request) => PanelCommand::Allow { request },
                None => return,
            },
            PanelPress::NotNow => match head {
                Some(request) => PanelCommand::NotNow { request },
                None => return,
            },
            PanelPress::Stop => PanelCommand::Stop,
            PanelPress::Mode(mode) => PanelCommand::SetMode { mode },
            PanelPress::Ding(setting) => PanelCommand::SetDing { setting },
            PanelPress::NextItem => PanelCommand::NextItem,
            PanelPress::Extend(by) => {
                PanelCommand::ExtendItem { by_ms: u64::try_from(by.as_millis()).unwrap_or(u64::MAX) }
            }
            PanelPress::Say(text) => PanelCommand::SayNext { text },
            PanelPress::Mute(on) => PanelCommand::Mute { on },
            PanelPress::Note(text) => PanelCommand::AddNote { text, supersedes: None },
            PanelPress::Decision(text) => PanelCommand::AddDecision { text, supersedes: None },
            PanelPress::Action(title) => PanelCommand::AddAction { title, owner: None, supersedes: None },
        };
        self.input(now, Input::Panel { by: user(), command });
    }
}

fn user() -> UserId {
    UserId::from_u128(700_000)
}

fn low(id: ParticipantId) -> u32 {
    u32::try_from(id.as_u128() & 0xFFFF_FFFF).unwrap_or(0)
}

/// From where somebody in the room speaks: a name that ends in a number says it in degrees, all others sit at 30°.
fn bearing(who: &str) -> u16 {
    let digits = who.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.parse().map_or(30, |degrees: u16| degrees % 360)
}
