//! What happens at the platform, as facts.

use prim_adapter::{AdapterEvent, Mouth as PlatformMouth, Session, SessionState};
use prim_ids::ParticipantId;
use prim_meeting::{Input, Peripheral, PeripheralState, Person, Place, Role};

use crate::clock;
use crate::inbox::Inbox;

pub(super) struct Events {
    inbox: Inbox,
}

impl Events {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self { inbox }
    }

    /// Everybody whom the platform shows, as a session begins; who is known to be there is not counted twice.
    pub(super) fn roster(&self, session: &Session<PlatformMouth>) {
        for (who, attendee) in session.roster().iter() {
            self.joined(who, attendee.name.clone());
        }
    }

    fn joined(&self, who: ParticipantId, name: String) {
        let person = Person { id: who, name, role: Role::Member, place: Place::Remote };
        self.inbox.report(clock::mono_now(), Input::ParticipantJoined { person });
    }

    pub(super) fn take(&self, session: &Session<PlatformMouth>, event: AdapterEvent) {
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
                let name = session.roster().get(who).map(|a| a.name.clone()).unwrap_or_default();
                self.joined(who, name);
            }
            AdapterEvent::ConsentAnswered { who, agrees } => {
                self.inbox.report(at, Input::ConsentAnswered { who, yes: agrees });
            }
            AdapterEvent::ParticipantLeft { who } => self.inbox.report(at, Input::ParticipantLeft { who }),
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
                self.roster(session);
            }
        }
    }
}
