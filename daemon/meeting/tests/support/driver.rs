//! Random people, a random clock, and a shell that is late, silent or wrong at random, but never breaks causality.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the shell carries out what makes something happen later"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use prim_ids::{AgendaItemId, IdSource, MeetingId, MonoTime, ParticipantId, UserId, UtteranceId, WallTime};
use prim_meeting::{
    AgendaItem, Command, ConsentRule, DingSetting, Ear, FloorState, Input, Meeting, MeetingConfig, Mode,
    Output, PanelCommand, Peripheral, PeripheralState, Person, Place, Role, SayId, TalkerKey, log,
};
use proptest::prelude::*;

use super::watcher::Watcher;

/// What a random meeting is made of.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) config: MeetingConfig,
    consent: ConsentRule,
    planned: Vec<u64>,
    moves: Vec<(u64, Move)>,
    /// Seeds the shell's lateness and faults.
    luck: u64,
    /// Faults happen.
    faulty: bool,
}

#[derive(Debug, Clone)]
enum Move {
    Speak {
        who: u8,
        long: u64,
    },
    /// `told`: the ear knows whose voice it is.
    Say {
        who: u8,
        text: &'static str,
        addressed: bool,
        told: bool,
    },
    Command {
        who: u8,
        command: Command,
    },
    Called {
        who: u8,
    },
    Press {
        long: u64,
    },
    Switch {
        on: bool,
    },
    Hand {
        who: u8,
        raised: bool,
    },
    Join {
        who: u8,
    },
    Leave {
        who: u8,
    },
    Consent {
        who: u8,
        yes: bool,
    },
    Panel(PanelMove),
    Part {
        which: Peripheral,
        works: bool,
    },
    Wait,
    End,
    Start,
}

#[derive(Debug, Clone)]
enum PanelMove {
    Allow,
    NotNow,
    Other(PanelCommand),
}

const TEXTS: &[&str] = &[
    "prim how much time is left",
    "prim note that the door is narrow",
    "prim decision we ship on friday",
    "prim action ana will call the landlord by monday",
    "prim stop",
    "prim what did we decide",
    "prim when does the lease end",
    "yes prim go ahead",
    "prim",
    "the harbour is nice at this time of the year",
    "we need to look at the numbers again",
];

/// What is said about being written down.
const CONSENT: &[&str] = &[
    "prim i agree",
    "yes prim we all agree",
    "prim you may record",
    "prim do not record",
    "please do not record me",
    "prim i don't agree",
    "prim i take my objection back",
];

fn command() -> impl Strategy<Value = Command> {
    prop::sample::select(vec![
        Command::TimeLeft,
        Command::NextItem,
        Command::MoreTime,
        Command::Decisions,
        Command::Actions,
        Command::SpeakingTime,
        Command::Repeat,
        Command::Note,
        Command::Decision,
        Command::Action,
        Command::Stop,
        Command::Allow,
        Command::NotNow,
        Command::Mute,
        Command::Refuse,
    ])
}

fn panel() -> impl Strategy<Value = PanelMove> {
    let mode = prop::sample::select(vec![Mode::CoachOnly, Mode::AnswerOnAsk, Mode::ProactiveTimekeeper]);
    let ding = prop::sample::select(vec![DingSetting::Room, DingSetting::Host, DingSetting::Off]);
    prop_oneof![
        4 => Just(PanelMove::Allow),
        2 => Just(PanelMove::NotNow),
        1 => Just(PanelMove::Other(PanelCommand::Stop)),
        1 => mode.prop_map(|mode| PanelMove::Other(PanelCommand::SetMode { mode })),
        1 => ding.prop_map(|setting| PanelMove::Other(PanelCommand::SetDing { setting })),
        1 => Just(PanelMove::Other(PanelCommand::NextItem)),
        1 => (0_u64..100_000).prop_map(|by_ms| PanelMove::Other(PanelCommand::ExtendItem { by_ms })),
        2 => Just(PanelMove::Other(PanelCommand::SayNext { text: "one two three, four five. six seven!".to_owned() })),
        1 => Just(PanelMove::Other(PanelCommand::SayNext { text: "word ".repeat(90) })),
        2 => prop::bool::weighted(0.3).prop_map(|on| PanelMove::Other(PanelCommand::Mute { on })),
        1 => Just(PanelMove::Other(PanelCommand::AddNote { text: "typed".to_owned(), supersedes: None })),
    ]
}

fn a_move() -> impl Strategy<Value = Move> {
    let part = prop::sample::select(vec![
        Peripheral::Microphones,
        Peripheral::RemoteLink,
        Peripheral::Speaker,
        Peripheral::Tts,
        Peripheral::Stt,
    ]);
    prop_oneof![
        8 => (0_u8..5, 50_u64..12_000).prop_map(|(who, long)| Move::Speak { who, long }),
        6 => (0_u8..5, prop::sample::select(TEXTS), any::<bool>())
            .prop_map(|(who, text, addressed)| Move::Say { who, text, addressed, told: true }),
        5 => (0_u8..5, prop::sample::select(CONSENT), any::<bool>())
            .prop_map(|(who, text, told)| Move::Say { who, text, addressed: false, told }),
        6 => (0_u8..5, command()).prop_map(|(who, command)| Move::Command { who, command }),
        1 => (0_u8..5).prop_map(|who| Move::Called { who }),
        8 => prop_oneof![6 => 30_u64..990, 1 => 1_000_u64..1_400, 1 => 1_000_u64..25_000].prop_map(|long| Move::Press { long }),
        1 => prop::bool::weighted(0.3).prop_map(|on| Move::Switch { on }),
        4 => (0_u8..5, any::<bool>()).prop_map(|(who, raised)| Move::Hand { who, raised }),
        1 => (0_u8..5).prop_map(|who| Move::Join { who }),
        1 => (0_u8..5).prop_map(|who| Move::Leave { who }),
        2 => (0_u8..5, prop::bool::weighted(0.8)).prop_map(|(who, yes)| Move::Consent { who, yes }),
        6 => panel().prop_map(Move::Panel),
        2 => (part, prop::bool::weighted(0.7)).prop_map(|(which, works)| Move::Part { which, works }),
        10 => Just(Move::Wait),
        1 => prop_oneof![Just(Move::End), Just(Move::Start)],
    ]
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let mode = prop_oneof![
        1 => Just(Mode::CoachOnly),
        2 => Just(Mode::AnswerOnAsk),
        5 => Just(Mode::ProactiveTimekeeper),
    ];
    let ding =
        prop_oneof![4 => Just(DingSetting::Room), 1 => Just(DingSetting::Host), 1 => Just(DingSetting::Off)];
    let consent = prop_oneof![
        3 => Just(ConsentRule::Given),
        2 => Just(ConsentRule::AskEveryone),
        1 => Just(ConsentRule::Never),
    ];
    let gap = prop_oneof![3 => 0_u64..3_000, 2 => 3_000_u64..15_000, 1 => 15_000_u64..70_000];
    (
        (mode, ding, consent, prop::bool::weighted(0.2), any::<u64>(), prop::bool::weighted(0.3)),
        prop::collection::vec(prop_oneof![1 => Just(0_u64), 4 => 5_000_u64..90_000], 0..5),
        prop::collection::vec((gap, a_move()), 1..60),
        1_usize..6,
    )
        .prop_map(
            |((mode, ding, consent, nudges_granted, luck, faulty), planned, moves, queue_limit)| Plan {
                config: MeetingConfig {
                    seed: u128::from(luck),
                    mode,
                    ding,
                    nudges_granted,
                    drift_may_ask: nudges_granted,
                    queue_limit,
                    ..MeetingConfig::default()
                },
                consent,
                planned,
                moves,
                luck,
                faulty,
            },
        )
}

/// What a run leaves behind.
pub(crate) struct Run {
    pub(crate) meeting: Meeting,
    pub(crate) now: MonoTime,
    pub(crate) log: String,
    pub(crate) outputs: Vec<(MonoTime, Output)>,
    /// The snapshot before each output line, for the crash property: (outputs so far, snapshot).
    pub(crate) snapshots: Vec<(usize, prim_meeting::Snapshot)>,
}

struct Driver {
    plan: Plan,
    meeting: Meeting,
    watcher: Watcher,
    coming: BTreeMap<(MonoTime, u64), Coming>,
    made: u64,
    luck: IdSource,
    now: MonoTime,
    run: Vec<(MonoTime, Output)>,
    snapshots: Vec<(usize, prim_meeting::Snapshot)>,
    log: String,
    clauses: BTreeMap<SayId, Vec<u32>>,
    utterances: u128,
    meetings: u128,
}

enum Coming {
    Input(Input),
    Move(Move),
}

/// Plays a plan; the watcher checks each step, and at the end that everything comes to rest.
pub(crate) fn run(plan: &Plan) -> Run {
    let mut driver = Driver {
        meeting: Meeting::new(plan.config.clone()),
        watcher: Watcher::new(plan.config.clone()),
        coming: BTreeMap::new(),
        made: 0,
        luck: IdSource::new(u128::from(plan.luck)),
        now: MonoTime::from_millis(1_000),
        run: Vec::new(),
        snapshots: Vec::new(),
        log: log::head(&plan.config) + "\n",
        clauses: BTreeMap::new(),
        utterances: 0,
        meetings: 0,
        plan: plan.clone(),
    };
    for which in [Peripheral::Microphones, Peripheral::RemoteLink, Peripheral::Speaker, Peripheral::Tts] {
        driver.input(Input::PeripheralChanged { which, state: PeripheralState::Up });
    }
    driver.later(0, Coming::Move(Move::Start));
    let mut at = 1;
    for (gap, a_move) in plan.moves.clone() {
        at += gap;
        driver.later(at, Coming::Move(a_move));
    }
    driver.play(driver.now + Duration::from_millis(at));
    // Everybody goes silent; whatever is open must end by itself within its limits, one after the other.
    driver.play(driver.now + Duration::from_secs(60));
    let open = driver.plan.config.queue_limit as u64 + 4;
    driver.plan.planned.clear();
    driver.play(driver.now + Duration::from_secs(3_600 + open * 200));
    driver.input(Input::MeetingEnded);
    driver.play(driver.now + Duration::from_secs(60));
    driver.watcher.at_rest();
    Run {
        meeting: driver.meeting,
        now: driver.now,
        log: driver.log,
        outputs: driver.run,
        snapshots: driver.snapshots,
    }
}

fn who(number: u8) -> ParticipantId {
    ParticipantId::from_u128(u128::from(number) + 10)
}

fn ear(number: u8) -> Ear {
    if number >= 3 { Ear::Remote } else { Ear::Room }
}

fn person(number: u8) -> Person {
    let place = if number >= 3 { Place::Remote } else { Place::Room };
    let name = ["Ana", "Ben", "Cleo", "Dora", "Emil"][usize::from(number)].to_owned();
    Person { id: who(number), name, role: Role::Member, place }
}

impl Driver {
    fn chance(&mut self, out_of: u128) -> bool {
        self.plan.faulty && self.luck.next_random().is_multiple_of(out_of)
    }

    fn some_ms(&mut self, up_to: u128) -> u64 {
        u64::try_from(self.luck.next_random() % up_to).unwrap_or(0)
    }

    fn later(&mut self, in_ms: u64, what: Coming) {
        self.made += 1;
        self.coming.insert((self.now + Duration::from_millis(in_ms), self.made), what);
    }

    fn play(&mut self, until: MonoTime) {
        let mut idle_timeouts = 0;
        loop {
            let next = self.coming.keys().next().map(|(at, _)| *at).filter(|at| *at <= until);
            let timeout = self.meeting.poll_timeout().filter(|at| *at <= until);
            match (next, timeout) {
                (next, Some(timeout)) if next.is_none_or(|next| timeout < next) => {
                    assert!(timeout >= self.now, "a timeout lies ahead");
                    // Timers are late, and never so late that an input overtakes by more than the shell can.
                    let late = if self.plan.faulty { self.some_ms(4) } else { 0 };
                    let at = timeout + Duration::from_millis(late);
                    let happens = self.coming.keys().next().map(|(at, _)| *at);
                    self.now = happens.map_or(at, |happens| at.min(happens));
                    let before = self.run.len();
                    self.meeting.handle_timeout(self.now);
                    self.finish(None);
                    idle_timeouts = if self.run.len() == before { idle_timeouts + 1 } else { 0 };
                    assert!(idle_timeouts < 50, "the core asks for timeouts that change nothing");
                }
                (Some(_), _) => {
                    let Some(((at, _), what)) = self.coming.pop_first() else { return };
                    self.now = at;
                    idle_timeouts = 0;
                    match what {
                        Coming::Input(input) => self.input(input),
                        Coming::Move(a_move) => self.act(a_move),
                    }
                }
                (None, _) => {
                    self.now = self.now.max(until);
                    return;
                }
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.meeting.handle_input(self.now, input.clone());
        self.finish(Some(input));
    }

    fn finish(&mut self, input: Option<Input>) {
        let step = match &input {
            Some(input) => log::Step::Input { input: input.clone() },
            None => log::Step::Timeout,
        };
        self.log.push_str(&log::line(self.now, &step));
        self.log.push('\n');
        let outputs: Vec<Output> = std::iter::from_fn(|| self.meeting.poll_output()).collect();
        self.watcher.step(self.now, input.as_ref(), &outputs);
        self.watcher.ended_in_time();
        for output in outputs {
            self.run.push((self.now, output.clone()));
            self.carry_out(output);
        }
        if self.run.len().is_multiple_of(7) {
            self.snapshots.push((self.run.len(), self.meeting.snapshot()));
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Prepare { say, clauses } => {
                let mut lengths: Vec<u32> = clauses
                    .iter()
                    .map(|clause| u32::try_from(clause.split(' ').count()).unwrap_or(1) * 330)
                    .collect();
                if self.chance(8) {
                    return;
                }
                if self.chance(8) {
                    lengths.pop();
                }
                let late = 20 + self.some_ms(400);
                let input = if self.chance(10) {
                    Input::PrepareFailed { say }
                } else {
                    self.clauses.insert(say, lengths.clone());
                    Input::Prepared { say, clauses_ms: lengths }
                };
                self.later(late, Coming::Input(input));
            }
            Output::Say { say, clauses, .. } => {
                self.interrupt();
                if self.chance(8) {
                    return;
                }
                let mut at = 5 + self.some_ms(60);
                self.later(at, Coming::Input(Input::SpeakingStarted { say }));
                let lengths = self.clauses.get(&say).cloned().unwrap_or_default();
                let slow = if self.chance(6) { 2 } else { 1 };
                for (index, length) in (0..clauses).zip(lengths) {
                    at += u64::from(length) * slow;
                    self.later(at, Coming::Input(Input::ClausePlayed { say, index }));
                }
                if !self.chance(8) {
                    self.later(at, Coming::Input(Input::SpeakingFinished { say }));
                }
            }
            Output::ShowFloor { floor } => self.react(floor.state),
            Output::Silence { say, .. } => {
                self.coming.retain(|_, what| {
                    !matches!(what, Coming::Input(
                        Input::SpeakingStarted { say: of }
                        | Input::ClausePlayed { say: of, .. }
                        | Input::SpeakingFinished { say: of }) if *of == say)
                });
                if !self.chance(5) {
                    let late = 2 + self.some_ms(60);
                    self.later(late, Coming::Input(Input::SpeakingSilenced { say, played_ms: 500 }));
                }
            }
            Output::Ding { request, .. } => self.later(200, Coming::Input(Input::DingPlayed { request })),
            Output::AnswerWanted { request, .. } => {
                let answers = !self.chance(4);
                if answers {
                    let late = self.some_ms(5_000);
                    let text = if self.some_ms(2) == 0 { Some("It ends in June.".to_owned()) } else { None };
                    self.later(late, Coming::Input(Input::AnswerReady { request, text }));
                }
            }
            _ => {}
        }
    }

    /// Half of all speeches are disturbed, in every way there is.
    fn interrupt(&mut self) {
        let disturbance = match self.some_ms(16) {
            0 | 1 => Move::Speak { who: 1, long: 800 },
            2 => Move::Speak { who: 3, long: 300 },
            3 => Move::Press { long: 150 },
            4 => Move::Command { who: 0, command: Command::Stop },
            5 => Move::Switch { on: true },
            6 => Move::Part { which: Peripheral::Microphones, works: false },
            7 => Move::Panel(PanelMove::Other(PanelCommand::Mute { on: true })),
            8 => Move::End,
            _ => return,
        };
        let after = self.some_ms(3_000);
        if matches!(disturbance, Move::Switch { .. }) {
            self.later(after + 4_000, Coming::Move(Move::Switch { on: false }));
        }
        if matches!(disturbance, Move::End) {
            self.later(after + 4_000, Coming::Move(Move::Start));
        }
        self.later(after, Coming::Move(disturbance));
    }

    /// People often answer the light, sometimes at once, sometimes in the last moment.
    fn react(&mut self, state: FloorState) {
        if !matches!(state, FloorState::Asking | FloorState::Dinged) {
            return;
        }
        let answer = match self.some_ms(10) {
            0 | 1 => Move::Press { long: 200 },
            2 => Move::Press { long: 1_100 },
            3 => Move::Panel(PanelMove::Allow),
            4 => Move::Command { who: 0, command: Command::Allow },
            _ => return,
        };
        let after = if self.some_ms(2) == 0 { self.some_ms(900) } else { self.some_ms(7_000) };
        self.later(after, Coming::Move(answer));
    }

    fn speech(&mut self, number: u8, long: u64) {
        let talker = TalkerKey(u32::from(number));
        let speaker = if number >= 3 { Some(who(number)) } else { None };
        self.later(long, Coming::Input(Input::SpeechEnded { ear: ear(number), talker }));
        self.input(Input::SpeechStarted { ear: ear(number), talker, speaker });
    }

    fn act(&mut self, a_move: Move) {
        let now = self.now;
        match a_move {
            Move::Wait => {}
            Move::Speak { who, long } => self.speech(who, long),
            Move::Say { who: number, text, addressed, told } => {
                self.utterances += 1;
                let utterance = UtteranceId::from_u128(self.utterances);
                let ended = now + Duration::from_millis(2_000);
                let input = Input::UtteranceHeard {
                    utterance,
                    ear: ear(number),
                    speaker: told.then(|| who(number)),
                    bearing_deg: None,
                    text: text.to_owned(),
                    started: now,
                    ended,
                    addressed,
                };
                self.later(2_600, Coming::Input(input));
                self.speech(number, 2_200);
            }
            Move::Command { who: number, command } => {
                let at = now + Duration::from_millis(900);
                let input = Input::CommandHeard {
                    ear: ear(number),
                    speaker: Some(who(number)),
                    command,
                    at,
                    utterance: None,
                };
                self.later(1_000, Coming::Input(input));
                self.speech(number, 950);
            }
            Move::Called { who } => self.input(Input::PrimHeard { ear: ear(who), at: now }),
            Move::Press { long } => {
                self.later(long, Coming::Input(Input::ButtonReleased));
                self.input(Input::ButtonPressed);
            }
            Move::Switch { on } => self.input(Input::MuteSwitchMoved { on }),
            Move::Hand { who: number, raised } => self.input(Input::RemoteHand { who: who(number), raised }),
            Move::Join { who } => self.input(Input::ParticipantJoined { person: person(who) }),
            Move::Leave { who: number } => self.input(Input::ParticipantLeft { who: who(number) }),
            Move::Consent { who: number, yes } => {
                self.input(Input::ConsentAnswered { who: who(number), yes })
            }
            Move::Part { which, works } => {
                let state = if works {
                    PeripheralState::Up
                } else {
                    PeripheralState::Absent { reason: "pulled".to_owned() }
                };
                self.input(Input::PeripheralChanged { which, state });
            }
            Move::End => self.input(Input::MeetingEnded),
            Move::Start => {
                self.meetings += 1;
                let agenda = self
                    .plan
                    .planned
                    .iter()
                    .zip(1_u128..)
                    .map(|(planned_ms, number)| AgendaItem {
                        id: AgendaItemId::from_u128(number),
                        title: format!("Topic {number}"),
                        planned_ms: *planned_ms,
                    })
                    .collect();
                self.input(Input::MeetingStarted {
                    meeting: MeetingId::from_u128(self.meetings),
                    wall: WallTime::from_unix_millis(1_700_000_000_000),
                    title: "Random".to_owned(),
                    agenda,
                    people: (0..4).map(person).collect(),
                    consent: self.plan.consent,
                });
                self.input(Input::ParticipantJoined { person: person(3) });
            }
            Move::Panel(press) => {
                let floor = self.meeting.floor();
                let request = floor.queue.first().copied().or(floor.request);
                let command = match (press, request) {
                    (PanelMove::Allow, Some(request)) => PanelCommand::Allow { request },
                    (PanelMove::NotNow, Some(request)) => PanelCommand::NotNow { request },
                    (PanelMove::Other(command), _) => command,
                    (PanelMove::Allow | PanelMove::NotNow, None) => return,
                };
                self.input(Input::Panel { by: UserId::from_u128(99), command });
            }
        }
    }
}
