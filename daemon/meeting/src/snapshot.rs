//! What survives a restart: the meeting, its clock and its notes, but no open request. A crash never repeats a ding.

use prim_ids::{MeetingId, MonoTime, ParticipantId, RequestId, WallTime};

use crate::agenda::{Agenda, Running};
use crate::code::{Coded, ReadError, Reader, Writer, coded_struct, from_text, to_text};
use crate::drift::Drift;
use crate::listen::{Listening, Talker};
use crate::meeting::{Meeting, Session};
use crate::notes::{KeptAction, KeptDecision, KeptNote, Notes};
use crate::objections::Objection;
use crate::seats::{Seat, Seats};
use crate::speakers::Speakers;
use crate::{
    Actor, AgendaItem, Closing, ConsentRule, DingSetting, Event, ExpiryReason, MeetingConfig, Mode, Output,
};

/// What must survive a restart, as one line of text. Save it with the records of the same input, before later outputs
/// are carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    at: MonoTime,
    mode: Mode,
    ding: DingSetting,
    soft_mute: bool,
    hard_mute: bool,
    last_ding: Option<MonoTime>,
    says: u32,
    open: Vec<RequestId>,
    session: Option<SavedSession>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SavedSession {
    meeting: MeetingId,
    wall: WallTime,
    title: String,
    consent: ConsentRule,
    people: Vec<Seat>,
    answers: Vec<Answer>,
    objections: Vec<Objection>,
    room_yes: bool,
    items: Vec<AgendaItem>,
    current: Option<SavedItem>,
    notes: Vec<KeptNote>,
    decisions: Vec<KeptDecision>,
    actions: Vec<KeptAction>,
    /// From where each label was heard last.
    speakers_deg: Vec<Option<u16>>,
    talked: Vec<Talked>,
    last_said: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    who: ParticipantId,
    yes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Talked {
    who: Talker,
    ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SavedItem {
    index: usize,
    planned_ms: u64,
    passed_ms: u64,
    spent_ms: u64,
}

coded_struct!(Snapshot { at, mode, ding, soft_mute, hard_mute, last_ding, says, open, session });
coded_struct!(SavedSession {
    meeting,
    wall,
    title,
    consent,
    people,
    answers,
    objections,
    room_yes,
    items,
    current,
    notes,
    decisions,
    actions,
    speakers_deg,
    talked,
    last_said
});
coded_struct!(Answer { who, yes });
coded_struct!(Talked { who, ms });
coded_struct!(SavedItem { index, planned_ms, passed_ms, spent_ms });
coded_struct!(Seat { person, present, planned });
coded_struct!(Objection { ear, at, label, waits_for });
coded_struct!(KeptNote { note, text, item });
coded_struct!(KeptDecision { decision, text, item });
coded_struct!(KeptAction { action, title, owner, item });

impl Snapshot {
    /// As one line of text. It holds names and notes: keep it like the records, erase it with the meeting.
    #[must_use]
    pub fn to_text(&self) -> String {
        to_text(self)
    }

    /// The meeting that was running.
    #[must_use]
    pub fn meeting(&self) -> Option<MeetingId> {
        self.session.as_ref().map(|saved| saved.meeting)
    }

    /// On the clocks of another boot: the time between counts as none, ids go on from `wall`, and for the minute after
    /// `now` no ding sounds if ever one did.
    #[must_use]
    pub fn moved(mut self, now: MonoTime, wall: WallTime) -> Self {
        self.at = now;
        self.last_ding = self.last_ding.map(|_| now);
        if let Some(saved) = &mut self.session {
            saved.wall = wall;
        }
        self
    }

    /// From that line.
    ///
    /// # Errors
    /// When the text is not a snapshot of this version.
    pub fn from_text(text: &str) -> Result<Self, ReadError> {
        from_text(text)
    }
}

impl Meeting {
    /// What must survive a restart.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let floor = &self.floor;
        let open = floor
            .queue
            .iter()
            .map(|ask| ask.request)
            .chain(floor.turn.iter().chain(floor.next.iter()).map(|turn| turn.request))
            .collect();
        Snapshot {
            at: self.now,
            mode: self.mode,
            ding: self.ding,
            soft_mute: self.muting.soft,
            hard_mute: self.muting.hard,
            last_ding: floor.last_ding,
            says: floor.says,
            open,
            session: self.session.as_ref().map(|session| self.saved(session)),
        }
    }

    fn saved(&self, session: &Session) -> SavedSession {
        let current = session.agenda.running().map(|(_, running)| SavedItem {
            index: running.index,
            planned_ms: running.planned_ms,
            passed_ms: running.passed_ms,
            spent_ms: running.spent_ms(self.now),
        });
        SavedSession {
            meeting: session.meeting,
            wall: self.ids.wall_at(self.now),
            title: session.title.clone(),
            consent: session.seats.rule,
            people: session.seats.people.clone(),
            answers: session.seats.answers.iter().map(|(who, yes)| Answer { who: *who, yes: *yes }).collect(),
            objections: session.seats.objections.clone(),
            room_yes: session.seats.room_yes,
            items: session.agenda.items().to_vec(),
            current,
            notes: session.notes.notes.clone(),
            decisions: session.notes.decisions.clone(),
            actions: session.notes.actions.clone(),
            speakers_deg: session.listening.speakers.bearings(),
            talked: session.listening.talked.iter().map(|(who, ms)| Talked { who: *who, ms: *ms }).collect(),
            last_said: session.listening.last_said.clone(),
        }
    }

    /// After a restart that goes on with the meeting. Open requests are recorded as expired, timebox points that passed
    /// meanwhile are not made up for, no ding sounds for a minute after the last one, and nothing is known about any part
    /// until it is reported again. `now` is of the boot that the snapshot is of; else move it first
    /// ([`Snapshot::moved`]). `config.seed` must be a new one, or ids would repeat. Drain the outputs as after an input.
    #[must_use]
    pub fn restore(config: MeetingConfig, mut snapshot: Snapshot, now: MonoTime) -> Self {
        let away_ms = u64::try_from(now.since(snapshot.at).as_millis()).unwrap_or(u64::MAX);
        let session = snapshot.session.take();
        let mut meeting = Self::awake(config, snapshot, session.as_ref(), now);
        if let Some(saved) = session {
            meeting.resume(saved, away_ms);
        }
        meeting.shown_after_restart();
        meeting
    }

    /// After a restart that must not go on with the meeting: it is recorded as ended, its requests as expired, and none
    /// of its consent is left. Mute and the time of the last ding stay; how free Prim is and where it may ding is the
    /// configuration's. `now`, `config.seed` and the outputs: as with [`restore`](Self::restore).
    #[must_use]
    pub fn end_after_restart(config: MeetingConfig, mut snapshot: Snapshot, now: MonoTime) -> Self {
        (snapshot.mode, snapshot.ding) = (config.mode, config.ding);
        let session = snapshot.session.take();
        let mut meeting = Self::awake(config, snapshot, session.as_ref(), now);
        if let Some(saved) = session {
            let running = saved.current.and_then(|item| Some((saved.items.get(item.index)?.id, item)));
            if let Some((item, SavedItem { planned_ms, spent_ms, .. })) = running {
                meeting.record(Event::ItemEnded { item, planned_ms, spent_ms, by: Actor::Prim });
            }
            meeting.record(Event::MeetingEnded { meeting: saved.meeting });
        }
        meeting.shown_after_restart();
        meeting
    }

    /// What lasts longer than a meeting; the requests of before are closed.
    fn awake(
        config: MeetingConfig,
        snapshot: Snapshot,
        session: Option<&SavedSession>,
        now: MonoTime,
    ) -> Self {
        let mut meeting = Self::new(config);
        meeting.now = now;
        meeting.mode = snapshot.mode;
        meeting.ding = snapshot.ding;
        meeting.muting.soft = snapshot.soft_mute;
        meeting.muting.hard = snapshot.hard_mute;
        meeting.floor.says = snapshot.says;
        // A ding that is still to come cannot have sounded: that clock is another one.
        meeting.floor.last_ding = snapshot.last_ding.map(|at| at.min(now));
        meeting.floor.prim_quiet_since = now;
        meeting.hearing.restart(None, now);
        meeting.record(Event::Restored { meeting: session.map(|saved| saved.meeting) });
        for request in snapshot.open {
            let how = Closing::Expired { why: ExpiryReason::Restarted };
            meeting.record(Event::FloorClosed { request, how });
            meeting.push(Output::LowerHand { request });
            meeting.push(Output::ClearBanner { about: crate::BannerAbout::Request { request } });
        }
        meeting
    }

    fn shown_after_restart(&mut self) {
        if self.muting.soft {
            self.push(Output::Mute { on: true });
        }
        self.show();
    }

    fn resume(&mut self, saved: SavedSession, away_ms: u64) {
        let wall = saved.wall.unix_millis().saturating_add(i64::try_from(away_ms).unwrap_or(i64::MAX));
        self.ids.set_wall(WallTime::from_unix_millis(wall), self.now);
        let current = saved.current.map(|item| {
            let spent_ms = item.spent_ms.saturating_add(away_ms);
            Running {
                index: item.index,
                began: self.now,
                carried_ms: spent_ms,
                planned_ms: item.planned_ms,
                passed_ms: item.passed_ms.max(spent_ms),
            }
        });
        let answers = saved.answers.into_iter().map(|answer| (answer.who, answer.yes)).collect();
        // Text that is still to come was lost with the restart.
        let objections = saved.objections.into_iter().map(|old| Objection { at: None, ..old }).collect();
        let mut listening = Listening::default();
        listening.speakers = Speakers::restored(&saved.speakers_deg);
        listening.talked = saved.talked.into_iter().map(|talked| (talked.who, talked.ms)).collect();
        listening.last_said = saved.last_said;
        self.session = Some(Session {
            meeting: saved.meeting,
            title: saved.title,
            seats: Seats::restored(saved.consent, saved.people, answers, objections, saved.room_yes),
            agenda: Agenda::restored(saved.items, current),
            notes: Notes { notes: saved.notes, decisions: saved.decisions, actions: saved.actions },
            listening,
            drift: Drift::default(),
        });
        self.consent_settled();
        if let Some(timebox) = self.timebox(self.now) {
            self.push(Output::ShowTimebox { timebox });
        }
    }
}
