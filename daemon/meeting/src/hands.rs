//! People's hands: the room's button and remote people, in the same queue as Prim's wishes.

use prim_ids::{ParticipantId, RequestId};

use crate::floor::{Ask, AskState};
use crate::meeting::Meeting;
use crate::{Actor, AskReason, Closing, Ear, Evidence, Ruling, WithdrawReason};

impl Meeting {
    /// A person's hand: the newest of Prim's own waiting wishes gives way when the queue is full.
    fn hand(&mut self, reason: AskReason, by: Actor) {
        let request = self.new_request(&reason, Evidence::Person { by, utterance: None });
        if self.floor.queue.len() >= self.config.queue_limit {
            let newest =
                self.floor.queue.iter().rev().find(|ask| ask.is_wish() && ask.state == AskState::Waiting);
            if let Some(gives_way) = newest.map(|ask| ask.request) {
                self.close(gives_way, Closing::Withdrawn { by: Actor::Prim, why: WithdrawReason::QueueFull });
            }
        }
        match self.judge(request, &reason).ruling {
            Ruling::Ask => {
                // A remote person's hand is up on the platform already.
                let raised = !matches!(reason, AskReason::RemoteHand { .. });
                let made = self.now;
                self.queue(Ask { request, reason, made, state: AskState::Waiting, raised, speech: None });
            }
            Ruling::Speak | Ruling::Card | Ruling::Refuse => self.refused(request),
        }
    }

    pub(crate) fn room_hand(&self) -> Option<RequestId> {
        self.floor.queue.iter().find(|ask| ask.reason == AskReason::RoomHand).map(|ask| ask.request)
    }

    pub(crate) fn raise_room_hand(&mut self) {
        self.hand(AskReason::RoomHand, Actor::Button);
    }

    pub(crate) fn lower_room_hand(&mut self) {
        if let Some(request) = self.room_hand() {
            self.close(request, Closing::Withdrawn { by: Actor::Button, why: WithdrawReason::HandLowered });
        }
    }

    fn hand_of(&self, who: ParticipantId) -> Option<RequestId> {
        self.floor.queue.iter().find(|ask| ask.reason == AskReason::RemoteHand { who }).map(|ask| ask.request)
    }

    pub(crate) fn remote_hand(&mut self, who: ParticipantId, raised: bool) {
        let known = self.session.as_ref().is_some_and(|session| session.seats.name(who).is_some());
        match (raised, self.hand_of(who)) {
            (true, None) if known => self.hand(AskReason::RemoteHand { who }, Actor::Participant { who }),
            (false, Some(_)) => self.withdraw_hand(who, WithdrawReason::HandLowered),
            (true | false, _) => {}
        }
    }

    pub(crate) fn withdraw_hand(&mut self, who: ParticipantId, why: WithdrawReason) {
        if let Some(request) = self.hand_of(who) {
            self.close(request, Closing::Withdrawn { by: Actor::Participant { who }, why });
        }
    }

    /// A raised hand is served when its person speaks; the room's, when somebody in the room speaks after Allow.
    pub(crate) fn hand_served_by_speech(&mut self, ear: Ear, speaker: Option<ParticipantId>) {
        let served = self.floor.queue.iter().find(|ask| match ask.reason {
            AskReason::RemoteHand { who } => {
                speaker == Some(who)
                    || (speaker.is_none()
                        && ear == Ear::Remote
                        && matches!(ask.state, AskState::Allowed { .. }))
            }
            AskReason::RoomHand => ear == Ear::Room && matches!(ask.state, AskState::Allowed { .. }),
            AskReason::TimeboxOver { .. }
            | AskReason::Drift { .. }
            | AskReason::Asked { .. }
            | AskReason::Question
            | AskReason::SayNext
            | AskReason::Consent => false,
        });
        if let Some(request) = served.map(|ask| ask.request) {
            self.close(request, Closing::Served { by: Actor::Voice { speaker } });
        }
    }
}
