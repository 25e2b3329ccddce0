//! The shell around the pure core: takes facts, gives them to the meeting, carries out what it orders, in order.
//!
//! A record is on disk before any later order is carried out, so the intent to ding or speak precedes the sound; and with
//! it, in one transaction, the state of the meeting, so that a restart knows of every sound. When a record cannot be
//! stored, nothing that follows it in the same drain is heard: what cannot be proven is not said.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use prim_hal::{Indicator, LightPattern};
use prim_ids::{IdSource, MeetingId, MonoTime, ParticipantId};
use prim_meeting::{
    AgendaItem, Audience, ConsentRule, DingSetting, Ear, Entry, Event, FloorState, FloorView, Input, Light,
    Meeting, MeetingConfig, Mode, Output, Peripheral, PeripheralState, Person, Place, Role, SayId, Snapshot,
};
use prim_proto::witness::{Line, Step};
use prim_proto::{self as proto, Draft, LiveEvent};
use prim_spool::{AppendError, Encoded, Moment, Slot, Spool};

use crate::agenda::{self, MeetingPlan};
use crate::clock::{self, JumpWatch};
use crate::inbox::Message;
use crate::ledger::{Ledger, ask_reason, card_audience, code, live_silence};
use crate::live::Live;
use crate::mouth::Mouth;
use crate::replay::ReplayLog;
use crate::witness::Witness;

/// The longest nap: the wall clock, the spool's depth and the agenda clock are looked after this often.
const NAP: Duration = Duration::from_secs(1);

/// What the platform can be asked to do.
pub(crate) trait Platform: Send {
    fn raise_hand(&mut self, raised: bool);
    /// Text for one person alone.
    fn notice(&mut self, who: ParticipantId, text: &str);
    fn banner(&mut self, text: Option<&str>);
}

/// Everything the loop drives.
pub(crate) struct MeetingLoop {
    pub(crate) meeting: Meeting,
    pub(crate) ledger: Ledger,
    pub(crate) spool: Arc<Spool>,
    pub(crate) spool_grew: Box<dyn Fn(prim_ids::Stream) + Send>,
    pub(crate) witness: Option<Arc<Witness>>,
    pub(crate) mouth: Mouth,
    pub(crate) light: Box<dyn Indicator>,
    pub(crate) platform: Option<Box<dyn Platform>>,
    pub(crate) live: Live,
    pub(crate) unsettled: Arc<AtomicUsize>,
    pub(crate) muted: Arc<AtomicBool>,
    pub(crate) link_up: Arc<AtomicBool>,
    pub(crate) boot: prim_ids::BootId,
    pub(crate) replay: ReplayLog,
    pub(crate) state: LoopState,
}

/// What the loop remembers between turns.
pub(crate) struct LoopState {
    jumps: JumpWatch,
    /// Facts found while carrying out orders: the core is not re-entered while it is being drained.
    pending: VecDeque<Input>,
    prepared: BTreeMap<SayId, Vec<String>>,
    reset: bool,
    light_up: bool,
    disk_up: bool,
    link_was_up: Option<bool>,
    last_sync: Option<(u64, bool)>,
    last_second: u64,
    closing: Option<Closing>,
}

/// The meeting was told to end: as soon as the words of what was said before have come.
#[derive(Debug, Clone, Copy)]
struct Closing {
    by: MonoTime,
    /// The daemon stops with it.
    stop: bool,
}

/// How long the last words are waited for: a pause that ends a sentence, and a second pass.
const LAST_WORDS: Duration = Duration::from_secs(3);

impl LoopState {
    pub(crate) fn new() -> Self {
        Self {
            jumps: JumpWatch::new(clock::mono_now(), clock::wall_now()),
            pending: VecDeque::new(),
            prepared: BTreeMap::new(),
            reset: false,
            light_up: true,
            disk_up: true,
            link_was_up: None,
            last_sync: None,
            last_second: 0,
            closing: None,
        }
    }
}

/// Why the loop returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The daemon stops.
    Stopped,
    /// The button was held for 22 s.
    ResetOrdered,
}

impl MeetingLoop {
    /// Runs until told to stop. A running meeting is ended first.
    pub(crate) fn run(mut self, inbox: &Receiver<Message>) -> Ended {
        let mut ended = Ended::Stopped;
        // The core orders changes only; a light that was never set says that nothing runs.
        self.show(self.meeting.light());
        self.let_words_leave();
        loop {
            let now = clock::mono_now();
            let nap = self.meeting.poll_timeout().map_or(NAP, |t| t.since(now).min(NAP));
            let message = match inbox.recv_timeout(nap) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
            };
            let now = clock::mono_now();
            let mut stop = false;
            match message {
                Some(Message::Fact { at, input }) => self.fact(at, input),
                Some(Message::Record(body)) => self.note(now, *body),
                Some(Message::EndMeeting) => {
                    self.state.closing.get_or_insert(Closing { by: now + LAST_WORDS, stop: false });
                }
                Some(Message::Stop) => {
                    self.state.closing = Some(Closing { by: now + LAST_WORDS, stop: true })
                }
                None => {}
            }
            if let Some(closing) = self.state.closing.filter(|closing| self.may_close(now, closing)) {
                // Words that were told before the count fell wait in the inbox: they belong to the meeting.
                while let Ok(message) = inbox.try_recv() {
                    match message {
                        Message::Fact { at, input } => self.fact(at, input),
                        Message::Record(body) => self.note(now, *body),
                        Message::EndMeeting => {}
                        Message::Stop => stop = true,
                    }
                }
                self.state.closing = None;
                self.fact(now, Input::MeetingEnded);
                stop |= closing.stop;
            }
            if self.meeting.poll_timeout().is_some_and(|t| t <= now) {
                self.replay.timeout(self.meeting.may_record(), now);
                self.meeting.handle_timeout(now);
            }
            if self.settle() {
                ended = Ended::ResetOrdered;
                stop = true;
            }
            self.look_after(now);
            if stop {
                self.mouth.stop();
                return ended;
            }
        }
    }

    /// The last words have come, or are waited for no longer.
    fn may_close(&self, now: MonoTime, closing: &Closing) -> bool {
        now >= closing.by || self.meeting.meeting().is_none() || self.unsettled.load(Ordering::Acquire) == 0
    }

    fn note(&mut self, now: MonoTime, body: proto::Body) {
        let draft = self.ledger.draft(now, body, proto::Erasables::default());
        self.append(vec![draft], None);
    }

    fn fact(&mut self, at: MonoTime, input: Input) {
        let ended = matches!(input, Input::MeetingEnded);
        self.give(at, input);
        if ended {
            self.live.set_meeting(None);
        }
    }

    /// Words leave the device only from a side whose people have all agreed.
    fn let_words_leave(&self) {
        let since = |ear| self.meeting.recording_since(ear);
        self.live.let_words_leave(since(Ear::Room), since(Ear::Remote));
    }

    fn give(&mut self, at: MonoTime, input: Input) {
        self.replay.input(self.meeting.may_record(), at, &input);
        self.meeting.handle_input(at, input);
        self.state.reset |= self.drain();
        self.let_words_leave();
    }

    /// Carries out every order, and gives in what was found while doing so. Returns whether a reset was ordered.
    fn settle(&mut self) -> bool {
        let reset = self.drain();
        self.state.reset |= reset;
        while let Some(input) = self.state.pending.pop_front() {
            self.give(clock::mono_now(), input);
        }
        self.state.reset
    }

    /// Carries out every order. What the core puts before its first record (silence) goes first; then all records of this
    /// input are committed together with the state it led to; then comes the rest. So a crash at any moment leaves
    /// either none of it or all of it, and what was heard is always remembered.
    fn drain(&mut self) -> bool {
        let mut reset = false;
        let mut records: Vec<Entry> = Vec::new();
        let mut later: Vec<Output> = Vec::new();
        while let Some(output) = self.meeting.poll_output() {
            self.replay.output(self.meeting.may_record(), clock::mono_now(), &output);
            reset |= matches!(output, Output::Reset);
            if let Output::Record { entry } = output {
                records.push(entry);
            } else if records.is_empty() {
                self.carry_out(output, true);
            } else {
                later.push(output);
            }
        }
        let proven = self.write_down(&records);
        records.iter().for_each(|entry| self.tell(entry));
        later.into_iter().for_each(|order| self.carry_out(order, proven));
        reset
    }

    /// All or none of `records`, with the state of the meeting behind them, in one transaction; they are on disk when
    /// this returns `true`.
    fn write_down(&mut self, records: &[Entry]) -> bool {
        if records.is_empty() {
            return true;
        }
        let drafts: Vec<Draft> = records.iter().flat_map(|entry| self.ledger.drafts(entry)).collect();
        let state = saved(&self.ledger, &self.meeting);
        self.append(drafts, Some(&state))
    }

    /// `state`: what a restarted daemon goes on from. Records that do not come from the core leave it as it is.
    fn append(&mut self, drafts: Vec<Draft>, state: Option<&str>) -> bool {
        if drafts.is_empty() {
            return true;
        }
        let streams: Vec<_> = drafts.iter().map(|d| d.stream).collect();
        let mut drafts: Vec<Option<Draft>> = drafts.into_iter().map(Some).collect();
        let now = Moment { boot: self.boot, at: clock::mono_now() };
        let mut seen: Vec<Line> = Vec::new();
        let make = |i: usize, slot: Slot| {
            let draft = drafts[i].take().expect("each slot is made once");
            let meeting = draft.meeting;
            let placed = draft.place(slot.epoch, slot.seq, proto::Hash(slot.prev));
            if let Some(witness) = &self.witness {
                let place = (slot.stream, slot.epoch, slot.seq);
                seen.push(Line { step: Step::Placed, place, hash: placed.hash });
                if seen.len() == streams.len() {
                    witness.note(seen.iter().copied());
                }
            }
            Encoded {
                bytes: placed.raw.into_bytes(),
                erasable: placed.erasables.to_json().map(String::into_bytes),
                hash: placed.hash.0,
                meeting,
            }
        };
        let stored = match state {
            Some(state) => self.spool.append_with_state(now, &streams, state.as_bytes(), make),
            None => self.spool.append_many(now, &streams, make),
        };
        match stored {
            Ok(_) => {
                if let Some(witness) = &self.witness {
                    witness.note(seen.into_iter().map(|line| Line { step: Step::Kept, ..line }));
                }
                for stream in streams {
                    (self.spool_grew)(stream);
                }
                self.disk(None);
                true
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "a record could not be stored; nothing that depends on it will be heard"
                );
                let reason = match error {
                    AppendError::DiskFull { .. } => "the disk is full: free some space",
                    AppendError::OverQuota { .. } => {
                        "unsent audit fills the spool: restore the link to the gateway"
                    }
                    AppendError::Sqlite { .. } => "the spool cannot be written",
                };
                self.disk(Some(reason));
                false
            }
        }
    }

    /// Reports a change of the disk's state once.
    fn disk(&mut self, broken: Option<&str>) {
        if self.state.disk_up == broken.is_none() {
            return;
        }
        self.state.disk_up = broken.is_none();
        let state = match broken {
            None => PeripheralState::Up,
            Some(reason) => PeripheralState::Absent { reason: reason.to_owned() },
        };
        self.degraded("disk", &state);
        self.state.pending.push_back(Input::PeripheralChanged { which: Peripheral::Disk, state });
    }

    fn carry_out(&mut self, output: Output, proven: bool) {
        let at_ms = clock::mono_now();
        match output {
            Output::Record { .. } => {}
            Output::Show { light } => self.show(light),
            Output::ShowFloor { floor } => self.show_floor(&floor),
            Output::ShowBanner { text, .. } => {
                if let Some(platform) = &mut self.platform {
                    platform.banner(Some(&text));
                }
                let (to, title) = (proto::CardAudience::Everyone, "Banner".to_owned());
                self.live.send(&LiveEvent::Card { at_ms, to, title, body: text });
            }
            Output::ClearBanner { .. } => {
                if let Some(platform) = &mut self.platform {
                    platform.banner(None);
                }
            }
            Output::ShowTimebox { timebox } => self.live.send(&timebox_event(at_ms, &timebox)),
            Output::Card { to, title, body } => self.show_card(to, title, body),
            Output::Ding { request, place } => {
                if proven {
                    self.mouth.ding(request, place);
                    self.live.send(&LiveEvent::Ding { at_ms, request });
                }
            }
            Output::Prepare { say, clauses } => {
                self.state.prepared.insert(say, clauses.clone());
                while self.state.prepared.len() > 32 {
                    self.state.prepared.pop_first();
                }
                self.mouth.prepare(say, clauses);
            }
            Output::Discard { say } => {
                self.state.prepared.remove(&say);
                self.mouth.discard(say);
            }
            Output::Say { say, request, clauses } => {
                if !proven {
                    return;
                }
                self.mouth.say(say, clauses);
                let texts = self.state.prepared.get(&say).cloned().unwrap_or_default();
                for clause in texts.into_iter().take(clauses as usize) {
                    self.live.send(&LiveEvent::Say { at_ms, request: Some(request), clause });
                }
            }
            Output::Silence { say, cause } => {
                self.mouth.silence(say);
                self.live.send(&LiveEvent::Silence { at_ms, cause: Some(live_silence(cause)) });
            }
            Output::RaiseHand { .. } => {
                if let Some(platform) = &mut self.platform {
                    platform.raise_hand(true);
                }
            }
            Output::LowerHand { .. } => {
                if let Some(platform) = &mut self.platform {
                    platform.raise_hand(false);
                }
            }
            Output::Mute { on } => {
                self.muted.store(on, Ordering::Release);
                self.live.send(&LiveEvent::Mute { at_ms, on });
            }
            // There is no language model and no knowledge base on this device yet: the core then searches its notes.
            Output::AnswerWanted { request, .. } => {
                self.state.pending.push_back(Input::AnswerReady { request, text: None });
            }
            Output::Reset => tracing::warn!("the button ordered a factory reset"),
        }
    }

    fn show(&mut self, light: Light) {
        let shown = self.light.show(pattern(light));
        let up = shown.is_ok();
        if let Err(error) = shown {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the light cannot be set; panels still show the floor"
            );
        }
        if up != self.state.light_up {
            self.state.light_up = up;
            let state = if up {
                PeripheralState::Up
            } else {
                PeripheralState::Absent { reason: "the light does not answer".to_owned() }
            };
            self.degraded("light", &state);
            self.state.pending.push_back(Input::PeripheralChanged { which: Peripheral::Light, state });
        }
        self.live.send(&LiveEvent::Light { at_ms: clock::mono_now(), pattern: live_light(light) });
    }

    /// A card reaches whom it is for: what is not for everyone is neither published nor shown to the whole platform.
    fn show_card(&mut self, to: Audience, title: String, body: String) {
        if let Some(platform) = &mut self.platform {
            let text = format!("{title}: {body}");
            match to {
                Audience::Everyone => platform.banner(Some(&title)),
                Audience::Host => self.ledger.hosts().iter().for_each(|host| platform.notice(*host, &text)),
                Audience::Person { who } => platform.notice(who, &text),
            }
        }
        let to = card_audience(to);
        let event = LiveEvent::Card { at_ms: clock::mono_now(), to, title, body };
        if to == proto::CardAudience::Everyone {
            self.live.send(&event);
        } else {
            self.live.send_here(&event);
        }
    }

    fn show_floor(&mut self, floor: &FloorView) {
        self.live.send(&LiveEvent::Floor {
            at_ms: clock::mono_now(),
            state: match floor.state {
                FloorState::Idle => proto::FloorState::Idle,
                FloorState::Asking => proto::FloorState::Asking,
                FloorState::Dinged => proto::FloorState::Dinged,
                FloorState::Allowed => proto::FloorState::Allowed,
                FloorState::Speaking => proto::FloorState::Speaking,
            },
            request: floor.request,
            reason: floor.reason.as_ref().map(|r| code(ask_reason(r))),
            queue: u32::try_from(floor.queue.len()).unwrap_or(u32::MAX),
        });
    }

    /// What panels see of a record.
    fn tell(&self, entry: &Entry) {
        let at_ms = entry.at;
        match &entry.event {
            Event::Note { note, text, .. } => {
                self.live.send(&LiveEvent::Note { at_ms, id: *note, text: text.clone() });
            }
            Event::Decision { decision, text, .. } => {
                self.live.send(&LiveEvent::Decision { at_ms, id: *decision, text: text.clone() });
            }
            Event::Action { action, title, owner, .. } => {
                self.live.send(&LiveEvent::Action { at_ms, id: *action, text: title.clone(), owner: *owner });
            }
            Event::MeetingStarted { meeting, .. } => {
                self.live.set_meeting(Some(*meeting));
                self.live.send(&LiveEvent::Meeting { at_ms, meeting: *meeting, state: code("started") });
            }
            Event::MeetingEnded { meeting } => {
                self.live.send(&LiveEvent::Meeting { at_ms, meeting: *meeting, state: code("ended") });
            }
            Event::PeripheralChanged { which, state } => self.degraded(&format!("{which:?}"), state),
            Event::Restored { .. }
            | Event::ParticipantPlanned { .. }
            | Event::ParticipantJoined { .. }
            | Event::ParticipantLeft { .. }
            | Event::ConsentAnswered { .. }
            | Event::RecordingChanged { .. }
            | Event::FloorRequested { .. }
            | Event::Judged { .. }
            | Event::DingIntended { .. }
            | Event::DingPlayed { .. }
            | Event::Allowed { .. }
            | Event::FloorClosed { .. }
            | Event::SayIntended { .. }
            | Event::SayStarted { .. }
            | Event::SayFinished { .. }
            | Event::SaySilenced { .. }
            | Event::CardShown { .. }
            | Event::Stopped { .. }
            | Event::MuteChanged { .. }
            | Event::ModeChanged { .. }
            | Event::DingChanged { .. }
            | Event::ButtonPressed
            | Event::ButtonMeant { .. }
            | Event::Addressed { .. }
            | Event::Utterance { .. }
            | Event::NotNoted { .. }
            | Event::ItemStarted { .. }
            | Event::ItemExtended { .. }
            | Event::ItemNudged { .. }
            | Event::ItemEnded { .. }
            | Event::DriftNoticed { .. }
            | Event::ResetOrdered => {}
        }
    }

    fn degraded(&self, what: &str, state: &PeripheralState) {
        let reason = match state {
            PeripheralState::Up => None,
            PeripheralState::Degraded { reason } | PeripheralState::Absent { reason } => Some(reason.clone()),
        };
        self.live.send(&LiveEvent::Degraded { at_ms: clock::mono_now(), what: code(what), reason });
    }

    /// Once a second: the wall clock, the link, the queue and the agenda clock.
    fn look_after(&mut self, now: MonoTime) {
        let second = now.as_millis() / 1000;
        if second == self.state.last_second {
            return;
        }
        self.state.last_second = second;
        if let Some(jump) = self.state.jumps.check(now, clock::wall_now()) {
            let draft = self.ledger.clock_jumped(now, jump.by_ms);
            self.append(vec![draft], None);
        }
        let link_up = self.link_up.load(Ordering::Acquire);
        if self.state.link_was_up.replace(link_up) != Some(link_up) {
            let state = if link_up {
                PeripheralState::Up
            } else {
                PeripheralState::Degraded { reason: "the gateway is out of reach".to_owned() }
            };
            self.fact(now, Input::PeripheralChanged { which: Peripheral::Uplink, state });
        }
        if let Ok(depth) = self.spool.depth() {
            let sync = (depth.rows, link_up);
            if self.state.last_sync.replace(sync) != Some(sync) {
                self.live.send(&LiveEvent::Sync { at_ms: now, queued: depth.rows, link_up });
            }
        }
        if let Some(timebox) = self.meeting.timebox(now) {
            self.live.send(&timebox_event(now, &timebox));
        }
    }
}

/// What a restarted daemon goes on from: a line of the ledger's, a line of the core's.
fn saved(ledger: &Ledger, meeting: &Meeting) -> String {
    format!("{}\n{}", ledger.memo(clock::mono_now()), meeting.snapshot().to_text())
}

/// From what was saved; `None` when it is nothing of ours.
pub(crate) fn resume(saved: &str, ledger: &mut Ledger, config: MeetingConfig) -> Option<Meeting> {
    let (memo, snapshot) = saved.split_once('\n')?;
    let snapshot = Snapshot::from_text(snapshot).ok()?;
    let now = clock::mono_now();
    ledger.recall(now, memo)?;
    Some(Meeting::restore(config, snapshot, now))
}

fn timebox_event(at_ms: MonoTime, t: &prim_meeting::TimeboxView) -> LiveEvent {
    let seconds = |ms: u64| u32::try_from(ms / 1000).unwrap_or(u32::MAX);
    LiveEvent::Timebox {
        at_ms,
        item: t.item,
        title: t.title.clone(),
        planned_s: seconds(t.planned_ms),
        spent_s: seconds(t.spent_ms),
    }
}

fn pattern(light: Light) -> LightPattern {
    match light {
        Light::Resetting => LightPattern::Resetting,
        Light::ResetWarning => LightPattern::ResetWarning,
        Light::Pressed => LightPattern::Pressed,
        Light::HardMuted => LightPattern::HardMuted,
        Light::Muted => LightPattern::Muted,
        Light::Speaking => LightPattern::Speaking,
        Light::Allowed => LightPattern::Allowed,
        Light::Attending => LightPattern::Attending,
        Light::Dinged => LightPattern::Dinged,
        Light::Asking => LightPattern::Asking,
        Light::RemoteHand => LightPattern::RemoteHand,
        Light::RoomHand => LightPattern::Waiting,
        Light::Fault => LightPattern::Fault,
        Light::Listening => LightPattern::Listening,
        Light::Idle => LightPattern::Idle,
    }
}

fn live_light(light: Light) -> proto::Light {
    match light {
        Light::Resetting => proto::Light::Resetting,
        Light::ResetWarning => proto::Light::ResetWarning,
        Light::Pressed => proto::Light::Pressed,
        Light::HardMuted => proto::Light::HardMuted,
        Light::Muted => proto::Light::Muted,
        Light::Speaking => proto::Light::Speaking,
        Light::Allowed => proto::Light::Allowed,
        Light::Attending => proto::Light::Attending,
        Light::Dinged => proto::Light::Dinged,
        Light::Asking => proto::Light::Asking,
        Light::RemoteHand => proto::Light::RemoteHand,
        Light::RoomHand => proto::Light::Waiting,
        Light::Fault => proto::Light::Fault,
        Light::Listening => proto::Light::Listening,
        Light::Idle => proto::Light::Idle,
    }
}

/// The core's configuration for a plan.
pub(crate) fn config_for(plan: Option<&MeetingPlan>, seed: u128) -> MeetingConfig {
    let mut config = MeetingConfig {
        seed,
        ask_outside: false,
        utc_offset_min: clock::utc_offset_min(),
        ..MeetingConfig::default()
    };
    if let Some(plan) = plan {
        config.mode = match plan.mode {
            agenda::Mode::CoachOnly => Mode::CoachOnly,
            agenda::Mode::AnswerOnAsk => Mode::AnswerOnAsk,
            agenda::Mode::ProactiveTimekeeper => Mode::ProactiveTimekeeper,
        };
        config.ding = match plan.ding {
            agenda::DingPlace::Room => DingSetting::Room,
            agenda::DingPlace::HostOnly => DingSetting::Host,
            agenda::DingPlace::Off => DingSetting::Off,
        };
    }
    config
}

/// The plan as the core takes it, and who hosts.
pub(crate) fn start_of(plan: &MeetingPlan, seed: u128) -> (Input, Vec<ParticipantId>) {
    let wall = clock::wall_now();
    let mut ids = IdSource::new(seed);
    let people: Vec<Person> = plan
        .people
        .iter()
        .map(|p| Person {
            id: p.id.unwrap_or_else(|| ParticipantId::from_parts(wall, ids.next_random())),
            name: p.name.clone(),
            role: if p.host { Role::Host } else { Role::Member },
            place: match p.place {
                agenda::Place::Room => Place::Room,
                agenda::Place::Remote => Place::Remote,
            },
        })
        .collect();
    let hosts = people.iter().filter(|p| p.role == Role::Host).map(|p| p.id).collect();
    let agenda = plan
        .agenda
        .iter()
        .map(|item| AgendaItem {
            id: prim_ids::AgendaItemId::from_parts(wall, ids.next_random()),
            title: item.title.clone(),
            planned_ms: u64::from(item.planned_s) * 1000,
        })
        .collect();
    let meeting = plan.id.unwrap_or_else(|| MeetingId::from_parts(wall, ids.next_random()));
    let input = Input::MeetingStarted {
        meeting,
        wall,
        title: plan.title.clone(),
        agenda,
        people,
        consent: match plan.consent {
            agenda::Consent::Given => ConsentRule::Given,
            agenda::Consent::AskEveryone => ConsentRule::AskEveryone,
            agenda::Consent::Never => ConsentRule::Never,
        },
    };
    (input, hosts)
}

#[cfg(test)]
mod tests;
