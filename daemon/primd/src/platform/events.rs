//! What happens at the platform, as facts.

use std::collections::BTreeSet;

use prim_adapter::{AdapterEvent, Mouth as PlatformMouth, Session, SessionState};
use prim_ids::ParticipantId;
use prim_meeting::{Input, Peripheral, PeripheralState, Person, Place, Role};

use crate::clock;
use crate::inbox::Inbox;

pub(super) struct Events {
    inbox: Inbox,
    /// Who is in the meeting already: by the plan, or since an earlier session.
    present: BTreeSet<ParticipantId>,
}

impl Events {
    pub(super) fn new(inbox: Inbox, known: Vec<(ParticipantId, String)>) -> Self {
        Self { inbox, present: known.into_iter().map(|(who, _)| who).collect() }
    }

    pub(super) fn take(&mut self, session: &Session<PlatformMouth>, event: AdapterEvent) {
        let at = clock::mono_now();
        match event {
            AdapterEvent::StateChanged(state) => {
                let state = match state {
                    SessionState::Joined => PeripheralState::Up,
                    SessionState::Reconnecting { .. } => PeripheralState::Degraded {
                        reason: "the platform's connection is being restored".to_owned(),
                    },
                    SessionState::Closed(_) => {
                        PeripheralState::Absent { reason: "the platform's session is over".to_owned() }
                    }
                };
                self.inbox.report(at, Input::PeripheralChanged { which: Peripheral::RemoteLink, state });
            }
            AdapterEvent::ParticipantJoined { who } => {
                if !self.present.insert(who) {
                    return;
                }
                let name = session.roster().get(who).map(|a| a.name.clone()).unwrap_or_default();
                let person = Person { id: who, name, role: Role::Member, place: Place::Remote };
                self.inbox.report(at, Input::ParticipantJoined { person });
            }
            AdapterEvent::ParticipantLeft { who } => {
                self.present.remove(&who);
                self.inbox.report(at, Input::ParticipantLeft { who });
            }
            AdapterEvent::HandRaised { who } => {
                self.inbox.report(at, Input::RemoteHand { who, raised: true })
            }
            AdapterEvent::HandLowered { who } => {
                self.inbox.report(at, Input::RemoteHand { who, raised: false })
            }
            AdapterEvent::EventsLost { count } => {
                tracing::warn!(
                    adapter.lost_events = count,
                    "the platform's events came too fast; the roster is read anew"
                );
            }
        }
    }
}
