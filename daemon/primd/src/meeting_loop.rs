//! The shell around the pure core: takes facts, gives them to the meeting, carries out what it orders, in order.
//!
//! The loop never waits for the disk: the [writer](crate::writer) has a thread of its own. The core is told of everything at
//! once, and what needs no proof is done at once: silence, the light, what panels show of the floor, mute. What is heard,
//! what people on the platform see, and what panels are told of a record waits until that record and all before it are on
//! disk, and with them, in one transaction each, the state of the meeting; so the intent to ding or speak precedes the
//! sound, and a restart knows of every sound. When a record cannot be stored, nothing that waits is heard: what cannot
//! be proven is not said. [`waiting`] says what is given up meanwhile.

mod beginning;
mod closing;
mod orders;
mod records;
mod restart;
mod shown;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use prim_hal::Indicator;
use prim_ids::{MeetingId, MonoTime, ParticipantId, UtteranceId, WallTime};
use prim_meeting::{
    Ear, Entry, Event, Input, Meeting, Output, Peripheral, PeripheralState, SayId, SpeakerLabel,
};
use prim_proto as proto;

pub(crate) use self::beginning::{config_for, start_of};
use self::closing::{Closing, LAST_WORDS};
use self::orders::timebox_event;
pub(crate) use self::restart::{Resumed, resume};
use self::shown::Shown;
use self::waiting::{Later, Waiting};
use crate::clock::{self, JumpWatch};
use crate::disk::{DiskReport, DiskState};
use crate::inbox::{Facts, Message};
use crate::ledger::Ledger;
use crate::live::{Live, Said};
use crate::mouth::Mouth;
use crate::replay::ReplayLog;
use crate::vitals::{Parts, Stopwatch};
use crate::writer::{DiskSilent, Writer};

/// The longest nap: the wall clock, the spool's depth and the agenda clock are looked after this often.
const NAP: Duration = Duration::from_secs(1);

/// How long a daemon that was told to stop waits for a disk that does not answer: service managers wait longer.
pub(crate) const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// What the platform can be asked to do.
pub(crate) trait Platform: Send {
    fn raise_hand(&mut self, raised: bool);
    /// Text for one person alone.
    fn notice(&mut self, who: ParticipantId, text: &str);
    /// Text for everyone there, beside the banner.
    fn card(&mut self, text: &str);
    fn banner(&mut self, text: Option<&str>);
}

/// Everything the loop drives.
pub(crate) struct MeetingLoop {
    pub(crate) meeting: Meeting,
    pub(crate) ledger: Ledger,
    pub(crate) writer: Writer,
    pub(crate) mouth: Mouth,
    pub(crate) light: Box<dyn Indicator>,
    pub(crate) platform: Option<Box<dyn Platform>>,
    pub(crate) live: Live,
    pub(crate) unsettled: Arc<AtomicUsize>,
    pub(crate) muted: Arc<AtomicBool>,
    pub(crate) link_up: Arc<AtomicBool>,
    pub(crate) replay: ReplayLog,
    pub(crate) parts: Parts,
    pub(crate) state: LoopState,
    /// The core is that of a daemon that died.
    pub(crate) restarted: bool,
    /// The meeting that ran then, and that the core has ended.
    pub(crate) ended: Option<MeetingId>,
}

/// What the loop remembers between turns.
pub(crate) struct LoopState {
    jumps: JumpWatch,
    /// Facts found while carrying out orders: the core is not re-entered while it is being drained.
    pending: VecDeque<Input>,
    waiting: Waiting,
    /// On the platform.
    shown: Shown,
    prepared: BTreeMap<SayId, Vec<String>>,
    reset: bool,
    light_up: bool,
    /// As people were told.
    disk: Option<DiskState>,
    /// What the writer told last.
    disk_seen: Option<DiskReport>,
    link_was_up: Option<bool>,
    last_sync: Option<(u64, bool)>,
    last_second: u64,
    closing: Option<Closing>,
    /// The meeting ends because the daemon does.
    stopping: bool,
    watch: Stopwatch,
}

impl LoopState {
    pub(crate) fn new() -> Self {
        Self {
            jumps: JumpWatch::new(clock::mono_now(), clock::wall_now()),
            pending: VecDeque::new(),
            waiting: Waiting::default(),
            shown: Shown::default(),
            prepared: BTreeMap::new(),
            reset: false,
            light_up: true,
            disk: None,
            disk_seen: None,
            link_was_up: None,
            last_sync: None,
            last_second: 0,
            closing: None,
            stopping: false,
            watch: Stopwatch::default(),
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

/// How the loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finished {
    pub(crate) ended: Ended,
    /// Whether everything that was recorded is on disk.
    pub(crate) written: Result<(), DiskSilent>,
}

impl MeetingLoop {
    /// Runs until told to stop. A running meeting is ended first.
    pub(crate) fn run(mut self, inbox: &Facts) -> Finished {
        // The core orders changes only; a light that was never set says that nothing runs.
        self.show(self.meeting.light());
        self.let_words_leave();
        self.settle_the_past();
        inbox.attend();
        loop {
            let message = match inbox.recv_timeout(self.nap(clock::mono_now())) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Message::Stop),
            };
            let turned = self.turn(clock::mono_now(), message, &mut || inbox.try_recv().ok());
            self.look_after(clock::mono_now());
            if let Some(ended) = turned {
                return Finished { ended, written: self.finish(STOP_PATIENCE) };
            }
        }
    }

    /// Everything that was recorded is on disk, and what still waited for it is done; nothing more is heard. A disk that
    /// does not answer is waited for no longer than `patience`.
    fn finish(mut self, patience: Duration) -> Result<(), DiskSilent> {
        self.state.waiting.hush();
        let written = self.writer.flush(patience);
        self.take_written(clock::mono_now());
        self.mouth.stop();
        let written = written.and_then(|()| self.writer.stop(patience));
        if let Err(DiskSilent { records }) = written {
            tracing::error!(
                lost.records = records,
                "the disk does not answer: the daemon stops without what it has not written"
            );
        }
        written
    }

    /// One turn: at most one message (and, when a meeting closes, what `waits` behind it), and what is due at `now`.
    fn turn(
        &mut self,
        now: MonoTime,
        message: Option<Message>,
        waits: &mut dyn FnMut() -> Option<Message>,
    ) -> Option<Ended> {
        if let Some(message) = message {
            self.take(now, message);
        }
        // After the message: what it silences does not begin.
        self.take_written(now);
        let mut stop = false;
        if let Some(closing) = self.state.closing.filter(|closing| self.may_close(now, closing)) {
            // Words that were told before the count fell wait in the inbox: they belong to the meeting.
            while let Some(message) = waits() {
                self.take(now, message);
            }
            let told_since = self.state.closing.take().is_some_and(|closing| closing.stop);
            stop = closing.stop || told_since;
            self.state.stopping = stop;
            self.fact(now, Input::MeetingEnded);
        }
        if self.meeting.poll_timeout().is_some_and(|t| t <= now) {
            self.replay.timeout(self.meeting.may_record(), now);
            self.meeting.handle_timeout(now);
        }
        if self.settle() {
            return Some(Ended::ResetOrdered);
        }
        stop.then_some(Ended::Stopped)
    }

    fn take(&mut self, now: MonoTime, message: Message) {
        match message {
            Message::Fact { at, input } => self.fact(at, input),
            Message::Record(body) => self.note(now, *body),
            Message::EndMeeting => {
                self.state.closing.get_or_insert(Closing { by: now + LAST_WORDS, stop: false });
            }
            Message::Stop => self.state.closing = Some(Closing { by: now + LAST_WORDS, stop: true }),
            Message::Erase { meeting, answer } => self.erase(meeting, answer),
            // Each turn takes what the writer told.
            Message::Written => {}
        }
    }

    fn note(&mut self, now: MonoTime, body: proto::Body) {
        let draft = self.ledger.draft(now, body, proto::Erasables::default());
        self.append(vec![draft]);
    }

    fn fact(&mut self, at: MonoTime, input: Input) {
        let ended = self.meeting.meeting().filter(|_| matches!(input, Input::MeetingEnded));
        self.give(at, input);
        if let Some(meeting) = ended {
            self.then(Later::MeetingOver(meeting));
        }
    }

    /// Words leave the device only from a side whose people have all agreed.
    fn let_words_leave(&self) {
        let since = |ear| self.meeting.recording_since(ear);
        self.live.let_words_leave(since(Ear::Room), since(Ear::Remote));
    }

    fn give(&mut self, at: MonoTime, input: Input) {
        self.state.watch.input(at, &input);
        self.state.waiting.input(&input);
        if let Input::PeripheralChanged { which, state } = &input {
            self.parts.note(*which, state);
        }
        self.replay.input(self.meeting.may_record(), at, &input);
        let said = Said::of(&input);
        self.meeting.handle_input(at, input);
        self.state.reset |= self.drain(said);
        self.let_words_leave();
    }

    /// Carries out every order, and gives in what was found while doing so. Returns whether a reset was ordered.
    fn settle(&mut self) -> bool {
        let reset = self.drain(None);
        self.state.reset |= reset;
        while let Some(input) = self.state.pending.pop_front() {
            self.give(clock::mono_now(), input);
        }
        self.state.reset
    }

    /// Carries out every order, or lets it wait. What the core puts before its first record (silence) goes first; then all
    /// records of this input go to the writer together with the state it led to; then comes the rest. So a crash at any
    /// moment leaves either none of it or all of it, and what was heard is always remembered.
    /// Words that were `said` are shown before anything is written, with the label that the core gave their voice.
    fn drain(&mut self, said: Option<Said>) -> bool {
        let mut reset = false;
        let mut rest: Vec<Output> = Vec::new();
        while let Some(output) = self.meeting.poll_output() {
            self.replay.output(self.meeting.may_record(), clock::mono_now(), &output);
            reset |= matches!(output, Output::Reset);
            if rest.is_empty() && !matches!(output, Output::Record { .. }) {
                self.order(output, true);
            } else {
                rest.push(output);
            }
        }
        if let Some(said) = said {
            let label = entries(&rest).find_map(|entry| label_of(entry, said.utterance));
            self.live.words(said, label);
        }
        let taken = self.write_down(&rest);
        for output in rest {
            self.order(output, taken);
        }
        reset
    }

    /// The wall clock may be set, and may be trusted late: both are recorded, and nothing else follows from them.
    fn look_at_wall(&mut self, now: MonoTime, wall: WallTime, synchronised: bool) {
        let jump = self.state.jumps.check(now, wall);
        let drafts = self.ledger.watch_wall(now, jump.map(|jump| jump.by_ms), synchronised);
        self.append(drafts);
    }

    /// Once a second: the wall clock, the link, the queue and the agenda clock.
    fn look_after(&mut self, now: MonoTime) {
        let second = now.as_millis() / 1000;
        if second == self.state.last_second {
            return;
        }
        self.state.last_second = second;
        self.look_at_wall(now, clock::wall_now(), clock::wall_is_synchronised());
        let link_up = self.link_up.load(Ordering::Acquire);
        if self.state.link_was_up.replace(link_up) != Some(link_up) {
            let state = if link_up {
                PeripheralState::Up
            } else {
                PeripheralState::Degraded { reason: "the gateway is out of reach".to_owned() }
            };
            self.fact(now, Input::PeripheralChanged { which: Peripheral::Uplink, state });
        }
        self.writer.ask_depth();
        self.look_at_disk(now);
        if let Some(timebox) = self.meeting.timebox(now) {
            self.live.send(&timebox_event(now, &timebox));
        }
    }
}

fn entries(outputs: &[Output]) -> impl Iterator<Item = &Entry> {
    outputs.iter().filter_map(|output| if let Output::Record { entry } = output { Some(entry) } else { None })
}

/// The label in the record of an utterance.
fn label_of(entry: &Entry, of: UtteranceId) -> Option<SpeakerLabel> {
    if let Event::Utterance { utterance, label, .. } = &entry.event
        && *utterance == of
    {
        *label
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
