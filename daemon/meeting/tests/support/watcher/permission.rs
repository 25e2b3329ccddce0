//! What may be said, by the inputs alone: who stopped Prim, who allowed, who asked, what the configuration grants.

use prim_ids::RequestId;
use prim_meeting::{Actor, AskReason, Command, Input, Mode, PanelCommand};

use super::Watcher;

impl Watcher {
    /// Somebody stops Prim: by the panel, by voice, or by a press while it speaks.
    pub(super) fn stops(&self, input: &Input) -> bool {
        match input {
            Input::Panel { command: PanelCommand::Stop, .. } => true,
            Input::CommandHeard { command: Command::Stop, .. } => self.in_meeting && !self.muted(),
            Input::ButtonPressed => self.saying.is_some(),
            _ => false,
        }
    }

    /// It may be said: somebody allowed it, or it was asked for, ordered or granted.
    pub(super) fn permitted(&self, request: RequestId) -> bool {
        self.granted.contains(&request) || self.allowed.contains(&request)
    }

    /// What went in just now asks for this, orders it, or the configuration grants it; the core's word is not taken for it.
    pub(super) fn grants(&self, reason: &AskReason) -> bool {
        match (reason, &self.given) {
            (AskReason::Asked { command }, Some(Input::CommandHeard { command: heard, .. })) => {
                command == heard
            }
            (AskReason::Asked { .. } | AskReason::Question, Some(Input::UtteranceHeard { .. })) => true,
            // An objection is taken back when the words that go with it do not come.
            (AskReason::Asked { command: Command::TakeBack }, _) => self.awaited,
            (AskReason::SayNext, Some(Input::Panel { command: PanelCommand::SayNext { .. }, .. })) => true,
            (AskReason::TimeboxOver { .. }, _) => {
                self.config.nudges_granted && self.mode == Mode::ProactiveTimekeeper
            }
            (_, _) => false,
        }
    }

    /// Who is said to have allowed it did so just now, about this request.
    pub(super) fn must_have_allowed(&self, request: RequestId, by: Actor) {
        let given = self.given.as_ref();
        let begun = match (by, given) {
            (
                Actor::Panel { .. },
                Some(Input::Panel { command: PanelCommand::Allow { request: of }, .. }),
            ) => {
                assert_eq!(*of, request, "a panel allows the request that it names");
                return;
            }
            (Actor::Button, Some(Input::ButtonReleased)) => {
                let pressed = self.pressed_at.expect("Allow by the button needs a press");
                assert!(self.now < pressed + 1_000, "a held press never allows");
                let (asked, since) = self.asking_at_press.expect("somebody asked when the press began");
                assert_eq!(asked, request, "the press answers what the light showed");
                assert!(pressed >= since + 400, "a press within 400 ms of asking never allows");
                return;
            }
            (Actor::Voice { .. }, Some(Input::CommandHeard { command: Command::Allow, at, .. })) => {
                at.as_millis()
            }
            (Actor::Voice { .. }, Some(Input::UtteranceHeard { text, started, ear, .. })) => {
                assert!(text.contains("go ahead"), "{text:?} allows nothing");
                started.as_millis().max(self.called.get(ear).copied().unwrap_or(0))
            }
            (by, given) => panic!("{by:?} allowed {request} by {given:?}"),
        };
        let (made, reason) = &self.requested[&request];
        if *reason == AskReason::RoomHand {
            assert!(begun >= made + 400, "words that began before the hand was up are not about it");
        } else {
            let (asked, since) = self.asking.expect("a spoken Allow is about what the light shows");
            assert_eq!(asked, request, "the words answer what the light showed");
            assert!(begun >= since + 400, "words that began within 400 ms of asking never allow");
        }
    }

    pub(super) fn all_permitted(&self) -> Vec<RequestId> {
        self.requested.keys().copied().filter(|request| self.permitted(*request)).collect()
    }
}
