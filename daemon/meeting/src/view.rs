//! What the light and the panels show, from the state alone.

use crate::floor::AskState;
use crate::meeting::Meeting;
use crate::turn::Stage;
use crate::{AskReason, FloorState, FloorView, Light, Output, Peripheral, PeripheralState};

impl Meeting {
    /// Sends light and floor if they changed.
    pub(crate) fn show(&mut self) {
        let light = self.light_now();
        if light != self.shown_light {
            self.shown_light = light;
            self.push(Output::Show { light });
        }
        self.remember_asking();
        let floor = self.floor_now();
        if floor != self.shown_floor {
            self.shown_floor = floor.clone();
            self.push(Output::ShowFloor { floor });
        }
    }

    /// The press guard counts from when people could see that this one asks. What covers the light for a moment later, the
    /// name or a press, does not make them forget it.
    fn remember_asking(&mut self) {
        let covered = self.muting.muted() || self.floor_light().is_some();
        let asks = self.floor.queue.first().filter(|_| !covered && self.asking_light().is_some());
        let request = asks.map(|head| head.request);
        let seen = self.asking_light() == Some(self.shown_light);
        self.floor.asking_shown = match (request, self.floor.asking_shown) {
            (Some(request), Some((shown, since))) if shown == request => Some((request, since)),
            (Some(request), _) if seen => Some((request, self.now)),
            (_, _) => None,
        };
    }

    /// The highest of the ladder that holds; see [`Light`].
    fn light_now(&self) -> Light {
        if let Some(light) = self.button.stage_light() {
            return light;
        }
        if self.muting.hard {
            return Light::HardMuted;
        }
        if self.muting.soft {
            return Light::Muted;
        }
        if let Some(light) = self.floor_light() {
            return light;
        }
        if self.session.as_ref().is_some_and(|session| session.listening.attending()) {
            return Light::Attending;
        }
        if let Some(light) = self.asking_light() {
            return light;
        }
        match (self.session.is_some(), self.broken()) {
            (true, true) => Light::Fault,
            (true, false) => Light::Listening,
            (false, _) => Light::Idle,
        }
    }

    fn floor_light(&self) -> Option<Light> {
        let turn = self.floor.turn.as_ref()?;
        match turn.stage {
            Stage::Starting { .. } | Stage::Speaking { .. } => Some(Light::Speaking),
            Stage::Silencing { .. } => None,
            Stage::Answering { .. } | Stage::Preparing { .. } | Stage::Waiting { .. } => Some(Light::Allowed),
        }
    }

    fn asking_light(&self) -> Option<Light> {
        let head = self.floor.queue.first()?;
        match (head.state, &head.reason) {
            (AskState::Waiting, _) => None,
            (AskState::Allowed { .. }, _) => Some(Light::Allowed),
            (AskState::Dinged { .. }, _) => Some(Light::Dinged),
            (AskState::Asking { .. }, AskReason::RoomHand) => Some(Light::RoomHand),
            (AskState::Asking { .. }, AskReason::RemoteHand { .. }) => Some(Light::RemoteHand),
            (
                AskState::Asking { .. },
                AskReason::TimeboxOver { .. }
                | AskReason::Drift { .. }
                | AskReason::Asked { .. }
                | AskReason::Question
                | AskReason::SayNext
                | AskReason::Consent,
            ) => Some(Light::Asking),
        }
    }

    /// A part that people rely on was reported absent.
    fn broken(&self) -> bool {
        [Peripheral::Microphones, Peripheral::Speaker, Peripheral::Button]
            .iter()
            .any(|part| matches!(self.parts.get(part), Some(PeripheralState::Absent { .. })))
    }

    fn floor_now(&self) -> FloorView {
        let floor = &self.floor;
        let heard = |stage: &Stage| match stage {
            Stage::Starting { .. } | Stage::Speaking { .. } => Some(FloorState::Speaking),
            Stage::Answering { .. } | Stage::Preparing { .. } | Stage::Waiting { .. } => {
                Some(FloorState::Allowed)
            }
            Stage::Silencing { .. } => None,
        };
        let turn = floor
            .turn
            .as_ref()
            .and_then(|turn| Some((heard(&turn.stage)?, turn.request, turn.reason.clone())));
        let head = floor.queue.first().and_then(|ask| {
            let state = match ask.state {
                AskState::Waiting => return None,
                AskState::Asking { .. } => FloorState::Asking,
                AskState::Dinged { .. } => FloorState::Dinged,
                AskState::Allowed { .. } => FloorState::Allowed,
            };
            Some((state, ask.request, ask.reason.clone()))
        });
        let queue = floor.queue.iter().map(|ask| ask.request).collect();
        match turn.or(head) {
            Some((state, request, reason)) => {
                FloorView { state, request: Some(request), reason: Some(reason), queue }
            }
            None => FloorView { state: FloorState::Idle, request: None, reason: None, queue },
        }
    }
}
