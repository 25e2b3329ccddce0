//! The state and the five verbs. What each fact does lives in the file of its idea; [`Meeting::settle`] then lets time
//! act on whatever is due.

use std::collections::{BTreeMap, VecDeque};

use prim_ids::{IdSource, MeetingId, MonoTime, WallTime};

use crate::agenda::Agenda;
use crate::asked::Voice;
use crate::button::Button;
use crate::drift::Drift;
use crate::floor::Floor;
use crate::hearing::Hearing;
use crate::listen::Listening;
use crate::mute::Muting;
use crate::notes::{NewAction, Notes, Origin};
use crate::seats::Seats;
use crate::{
    Actor, DingSetting, Ear, Entry, Event, FloorState, FloorView, Input, Light, MeetingConfig, Mode, Output,
    PanelCommand, Peripheral, PeripheralState, TimeboxView,
};

/// One device's meeting logic.
#[derive(Debug, Clone)]
pub struct Meeting {
    pub(crate) config: MeetingConfig,
    pub(crate) now: MonoTime,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) ids: Ids,
    pub(crate) mode: Mode,
    pub(crate) ding: DingSetting,
    pub(crate) parts: BTreeMap<Peripheral, PeripheralState>,
    pub(crate) hearing: Hearing,
    pub(crate) muting: Muting,
    pub(crate) button: Button,
    pub(crate) floor: Floor,
    pub(crate) session: Option<Session>,
    pub(crate) shown_light: Light,
    pub(crate) shown_floor: FloorView,
}

/// What lasts as long as one meeting.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) meeting: MeetingId,
    pub(crate) title: String,
    pub(crate) seats: Seats,
    pub(crate) agenda: Agenda,
    pub(crate) notes: Notes,
    pub(crate) listening: Listening,
    pub(crate) drift: Drift,
}

/// Makes ids whose time is the wall clock at the meeting's start plus what the monotonic clock counted since.
#[derive(Debug, Clone)]
pub(crate) struct Ids {
    source: IdSource,
    wall: WallTime,
    base: MonoTime,
}

impl Ids {
    pub(crate) fn new(seed: u128) -> Self {
        Self { source: IdSource::new(seed), wall: WallTime::default(), base: MonoTime::ZERO }
    }

    pub(crate) fn set_wall(&mut self, wall: WallTime, base: MonoTime) {
        (self.wall, self.base) = (wall, base);
    }

    pub(crate) fn wall_at(&self, now: MonoTime) -> WallTime {
        let since = i64::try_from(now.since(self.base).as_millis()).unwrap_or(i64::MAX);
        WallTime::from_unix_millis(self.wall.unix_millis().saturating_add(since))
    }

    pub(crate) fn next(&mut self, now: MonoTime) -> (WallTime, u128) {
        (self.wall_at(now), self.source.next_random())
    }
}

impl Meeting {
    /// No meeting yet.
    #[must_use]
    pub fn new(config: MeetingConfig) -> Self {
        Self {
            now: MonoTime::ZERO,
            outputs: VecDeque::new(),
            ids: Ids::new(config.seed),
            mode: config.mode,
            ding: config.ding,
            parts: BTreeMap::new(),
            hearing: Hearing::default(),
            muting: Muting::default(),
            button: Button::default(),
            floor: Floor::default(),
            session: None,
            shown_light: Light::Idle,
            shown_floor: FloorView {
                state: FloorState::Idle,
                request: None,
                reason: None,
                queue: Vec::new(),
            },
            config,
        }
    }

    /// Something happened at `now`. A `now` before the last one is taken as the last one: time never runs backwards.
    pub fn handle_input(&mut self, now: MonoTime, input: Input) {
        self.now = self.now.max(now);
        // A press is judged by its length and an item by its time, however late the shell comes; the floor moves only
        // after the news, so that a ding due at this moment yields to a person who begins to speak at it.
        self.button_step();
        self.agenda_step();
        self.take(input);
        self.settle();
        self.show();
    }

    /// Time passed; call it at [`Self::poll_timeout`]. Early and superfluous calls do no harm.
    pub fn handle_timeout(&mut self, now: MonoTime) {
        self.now = self.now.max(now);
        self.settle();
        self.show();
    }

    /// The next order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Self::handle_timeout`] at the latest. Always after the last `now`.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<MonoTime> {
        [self.button_due(), self.agenda_due(), self.floor_due(), self.listening_due(), self.consent_due()]
            .into_iter()
            .flatten()
            .min()
            .map(|due| due.max(self.now + std::time::Duration::from_millis(1)))
    }

    /// The agenda clock at `now`.
    #[must_use]
    pub fn timebox(&self, now: MonoTime) -> Option<TimeboxView> {
        self.session.as_ref().and_then(|session| session.agenda.view(now))
    }

    /// The floor, for panels.
    #[must_use]
    pub fn floor(&self) -> FloorView {
        self.shown_floor.clone()
    }

    /// The light as last shown.
    #[must_use]
    pub fn light(&self) -> Light {
        self.shown_light
    }

    /// The policy mode now.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The meeting that runs.
    #[must_use]
    pub fn meeting(&self) -> Option<MeetingId> {
        self.session.as_ref().map(|session| session.meeting)
    }

    /// Everything people say may be written down now (also the input log, which holds all of it).
    #[must_use]
    pub fn may_record(&self) -> bool {
        [Ear::Room, Ear::Remote].into_iter().all(|ear| self.recording_since(ear).is_some())
    }

    /// Since when what is said on this ear may be written down; what was said before that is nobody's.
    #[must_use]
    pub fn recording_since(&self, ear: Ear) -> Option<MonoTime> {
        self.session.as_ref().and_then(|session| session.seats.recording_since(ear))
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.outputs.push_back(output);
    }

    pub(crate) fn record(&mut self, event: Event) {
        let entry = Entry { at: self.now, event };
        self.push(Output::Record { entry });
    }

    fn take(&mut self, input: Input) {
        match input {
            Input::MeetingStarted { meeting, wall, title, agenda, people, consent } => {
                self.start_meeting(meeting, wall, title, agenda, people, consent);
            }
            Input::MeetingEnded => self.end_meeting(),
            Input::ParticipantJoined { person } => self.participant_joined(person),
            Input::ParticipantLeft { who } => self.participant_left(who),
            Input::ConsentAnswered { who, yes } => self.consent_answered(who, yes),
            Input::SpeechStarted { ear, talker, speaker } => self.speech_started(ear, talker, speaker),
            Input::SpeechEnded { ear, talker } => self.hearing.ended(ear, talker, self.now),
            Input::PrimHeard { ear, at } => self.prim_heard(ear, at),
            Input::CommandHeard { ear, speaker, command, at, utterance } => {
                // Said before it may be written down, there will be no such utterance.
                let kept = self.recording_since(ear).is_some_and(|since| at >= since);
                let utterance = utterance.filter(|_| kept);
                self.command_heard(Voice { ear, speaker, label: None, at, utterance }, command);
            }
            Input::VoiceMatched { utterance, voice } => self.voice_matched(utterance, voice),
            Input::UtteranceHeard {
                utterance,
                ear,
                speaker,
                bearing_deg,
                text,
                started,
                ended,
                addressed,
            } => {
                let heard = crate::listen::Utterance {
                    utterance,
                    ear,
                    speaker,
                    bearing_deg,
                    voice: None,
                    label: None,
                    text,
                    started,
                    ended,
                    addressed,
                };
                self.utterance_heard(heard);
            }
            Input::ButtonPressed => self.button_pressed(),
            Input::ButtonReleased => self.button_released(),
            Input::MuteSwitchMoved { on } => self.mute_switch_moved(on),
            Input::RemoteHand { who, raised } => self.remote_hand(who, raised),
            Input::Panel { by, command } => self.panel(Actor::Panel { user: by }, command),
            Input::Prepared { say, clauses_ms } => self.prepared(say, Some(clauses_ms)),
            Input::PrepareFailed { say } => self.prepared(say, None),
            Input::SpeakingStarted { say } => self.speaking_started(say),
            Input::ClausePlayed { say, index } => self.clause_played(say, index),
            Input::SpeakingFinished { say } => self.speaking_finished(say),
            Input::SpeakingSilenced { say, played_ms } => self.speaking_silenced(say, played_ms),
            Input::DingPlayed { request } => self.record(Event::DingPlayed { request }),
            Input::AnswerReady { request, text } => self.answer_ready(request, text),
            Input::PeripheralChanged { which, state } => self.peripheral_changed(which, state),
        }
    }

    fn panel(&mut self, by: Actor, command: PanelCommand) {
        match command {
            PanelCommand::Allow { request } => self.allow(request, by),
            PanelCommand::NotNow { request } => self.decline(request, by),
            PanelCommand::Stop => self.stop(by),
            PanelCommand::SetMode { mode } => self.set_mode(mode, by),
            PanelCommand::SetDing { setting } => {
                self.ding = setting;
                self.record(Event::DingChanged { setting, by });
            }
            PanelCommand::NextItem => {
                self.next_item(by);
            }
            PanelCommand::ExtendItem { by_ms } => {
                self.extend_item(by_ms, by);
            }
            PanelCommand::SayNext { text } => self.say_next(text, by),
            PanelCommand::Mute { on } => self.set_soft_mute(on, by),
            PanelCommand::AddNote { text, supersedes } => self.add_note(text, self.now_from(by), supersedes),
            PanelCommand::AddDecision { text, supersedes } => {
                self.add_decision(text, self.now_from(by), supersedes);
            }
            PanelCommand::AddAction { title, owner, supersedes } => {
                let new = NewAction { title, owner, due: None, due_on: None };
                self.add_action(new, self.now_from(by), supersedes);
            }
        }
    }

    /// What is written now, at a panel.
    fn now_from(&self, by: Actor) -> Origin {
        let item = self.session.as_ref().and_then(|session| session.agenda.item_at(self.now));
        Origin { by, utterances: Vec::new(), item }
    }

    /// Lets everything that is due happen, until nothing is. Each step is bounded: requests only move forward.
    fn settle(&mut self) {
        self.button_step();
        self.agenda_step();
        self.listening_step();
        self.consent_step();
        while self.floor_step() {}
    }
}
