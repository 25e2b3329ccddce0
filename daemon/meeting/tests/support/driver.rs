//! Random people, a random clock, and a shell that is late, silent or wrong at random, but never breaks causality.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "the shell carries out what makes something happen later"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use prim_ids::{AgendaItemId, IdSource, MeetingId, MonoTime, ParticipantId, UserId, UtteranceId, WallTime};
use prim_meeting::{
    AgendaItem, Command, Ear, FloorState, Input, Meeting, Output, PanelCommand, Peripheral, PeripheralState,
    Person, Place, Role, SayId, TalkerKey, log,
};

use super::plan::{Move, PanelMove, Plan, Works};
use super::watcher::Watcher;

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
            6 => Move::Part { which: Peripheral::Microphones, works: Works::Not },
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
                let at = now + Duration::from_millis(50);
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
                let state = match works {
                    Works::Well => PeripheralState::Up,
                    Works::Badly => PeripheralState::Degraded { reason: "noise".to_owned() },
                    Works::Not => PeripheralState::Absent { reason: "pulled".to_owned() },
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
