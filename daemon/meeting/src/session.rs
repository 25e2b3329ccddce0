//! Beginning and end of a meeting.

use prim_ids::{MeetingId, WallTime};

use crate::agenda::Agenda;
use crate::drift::Drift;
use crate::listen::Listening;
use crate::meeting::{Meeting, Session};
use crate::notes::Notes;
use crate::seats::Seats;
use crate::{Actor, AgendaItem, ConsentRule, Event, Person, SilenceCause, WithdrawReason};

impl Meeting {
    pub(crate) fn start_meeting(
        &mut self,
        meeting: MeetingId,
        wall: WallTime,
        title: String,
        agenda: Vec<AgendaItem>,
        people: Vec<Person>,
        consent: ConsentRule,
    ) {
        self.end_meeting();
        self.ids.set_wall(wall, self.now);
        self.session = Some(Session {
            meeting,
            title: title.clone(),
            seats: Seats::new(consent),
            agenda: Agenda::new(agenda),
            notes: Notes::default(),
            listening: Listening::default(),
            drift: Drift::default(),
        });
        let (mode, ding) = (self.mode, self.ding);
        self.record(Event::MeetingStarted { meeting, title, mode, ding, consent });
        self.seat_at_start(people);
        self.begin_item(0);
    }

    pub(crate) fn end_meeting(&mut self) {
        let Some(meeting) = self.meeting() else { return };
        self.silence_speech(SilenceCause::MeetingEnded, Actor::Prim);
        let next = self.floor.next.take();
        if let Some(next) = next {
            let how = crate::Closing::Withdrawn { by: Actor::Prim, why: WithdrawReason::MeetingEnded };
            self.record(Event::FloorClosed { request: next.request, how });
            self.discard(next.speech);
        }
        self.withdraw_where(Actor::Prim, WithdrawReason::MeetingEnded, |_| true);
        self.silenced_for_good();
        self.end_item(Actor::Prim);
        self.record(Event::MeetingEnded { meeting });
        self.session = None;
    }
}
