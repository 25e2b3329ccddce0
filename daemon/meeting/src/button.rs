//! One button. What a press means is fixed by what the light showed when it began.

use prim_ids::{MonoTime, RequestId};

use crate::meeting::Meeting;
use crate::{Actor, ButtonMeaning, Event, Output};

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Button {
    pub(crate) press: Option<Press>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Press {
    began: MonoTime,
    context: Context,
    stage: Stage,
}

/// What the press can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    /// Nobody asked when it began: a hand, or soft mute.
    Idle,
    /// This request asked, but not for so long that anybody can have answered it: a hand, or Not now.
    Early(RequestId),
    /// The light showed that Prim is muted: only a hold means something, and the soft mute is then this.
    Muted { hold: bool },
    /// It answers this request.
    Answer(RequestId),
    /// It stopped a speech on its edge; nothing more to do but reset.
    Spent,
}

/// How far the press has come. Each is passed once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Short,
    Held,
    Warned,
    Reset,
}

impl Button {
    /// A press is under way whose release or hold will answer `request`.
    pub(crate) fn answers(&self, request: RequestId) -> bool {
        self.press
            .is_some_and(|press| press.stage == Stage::Short && press.context == Context::Answer(request))
    }

    pub(crate) fn stage_light(&self) -> Option<crate::Light> {
        self.press.and_then(|press| match press.stage {
            Stage::Short => Some(crate::Light::Pressed),
            Stage::Held => None,
            Stage::Warned => Some(crate::Light::ResetWarning),
            Stage::Reset => Some(crate::Light::Resetting),
        })
    }
}

impl Meeting {
    pub(crate) fn button_pressed(&mut self) {
        let context = if self.speaking() {
            // The edge itself stops, before anything is written.
            self.stop(Actor::Button);
            Context::Spent
        } else {
            // A turn that is not heard yet can still be held back; a short press changes nothing about it.
            let turn = self.floor.turn.as_ref().filter(|_| self.turn_unheard()).map(|turn| turn.request);
            let about = turn.or_else(|| self.answerable(self.now));
            let early = || self.seen_asking().map_or(Context::Idle, Context::Early);
            match about {
                _ if self.muting.muted() => Context::Muted { hold: !self.muting.soft },
                Some(request) => Context::Answer(request),
                None => early(),
            }
        };
        self.button.press = Some(Press { began: self.now, context, stage: Stage::Short });
        self.record(Event::ButtonPressed);
        if context == Context::Spent {
            self.record(Event::ButtonMeant { meaning: ButtonMeaning::Stop });
        }
    }

    pub(crate) fn button_released(&mut self) {
        let Some(press) = self.button.press.take() else { return };
        match press.stage {
            Stage::Short => self.short_press(press.context),
            Stage::Held | Stage::Reset => {}
            Stage::Warned => self.record(Event::ButtonMeant { meaning: ButtonMeaning::ResetCancelled }),
        }
    }

    fn short_press(&mut self, context: Context) {
        let meaning = match context {
            Context::Spent => return,
            Context::Answer(request) if self.open(request) => ButtonMeaning::Allow,
            Context::Answer(_) => ButtonMeaning::Nothing,
            // The light could not show a hand.
            Context::Muted { .. } => ButtonMeaning::Nothing,
            Context::Idle | Context::Early(_) if self.session.is_none() => ButtonMeaning::Nothing,
            Context::Idle | Context::Early(_) if self.room_hand().is_some() => ButtonMeaning::HandDown,
            Context::Idle | Context::Early(_) => ButtonMeaning::Hand,
        };
        self.record(Event::ButtonMeant { meaning });
        match (meaning, context) {
            (ButtonMeaning::Allow, Context::Answer(request)) => self.allow(request, Actor::Button),
            (ButtonMeaning::HandDown, _) => self.lower_room_hand(),
            (ButtonMeaning::Hand, _) => self.raise_room_hand(),
            (_, _) => {}
        }
    }

    fn unheard(&self, request: RequestId) -> bool {
        self.turn_unheard() && self.floor.turn.as_ref().is_some_and(|turn| turn.request == request)
    }

    fn held(&mut self, context: Context) {
        let meaning = match context {
            Context::Spent => return,
            Context::Answer(request) | Context::Early(request)
                if self.open(request) || self.unheard(request) =>
            {
                ButtonMeaning::NotNow
            }
            Context::Answer(_) | Context::Early(_) => ButtonMeaning::Nothing,
            Context::Idle | Context::Muted { .. } => ButtonMeaning::SoftMute,
        };
        self.record(Event::ButtonMeant { meaning });
        match (meaning, context) {
            (ButtonMeaning::NotNow, Context::Answer(request) | Context::Early(request)) => {
                self.decline(request, Actor::Button);
            }
            // As the light was when it began, whoever muted meanwhile.
            (ButtonMeaning::SoftMute, Context::Muted { hold }) => self.set_soft_mute(hold, Actor::Button),
            (ButtonMeaning::SoftMute, _) => self.set_soft_mute(true, Actor::Button),
            (_, _) => {}
        }
    }

    pub(crate) fn button_step(&mut self) {
        while let Some(press) = self.button.press {
            let next = match press.stage {
                Stage::Short => (self.config.hold, Stage::Held),
                Stage::Held => (self.config.reset_warning, Stage::Warned),
                Stage::Warned => (self.config.reset, Stage::Reset),
                Stage::Reset => return,
            };
            if self.now < press.began + next.0 {
                return;
            }
            self.button.press = Some(Press { stage: next.1, ..press });
            match next.1 {
                Stage::Short => {}
                Stage::Held => self.held(press.context),
                Stage::Warned => self.record(Event::ButtonMeant { meaning: ButtonMeaning::ResetWarned }),
                Stage::Reset => {
                    self.record(Event::ButtonMeant { meaning: ButtonMeaning::Reset });
                    self.record(Event::ResetOrdered);
                    self.push(Output::Reset);
                }
            }
        }
    }

    pub(crate) fn button_due(&self) -> Option<MonoTime> {
        let press = self.button.press?;
        match press.stage {
            Stage::Short => Some(press.began + self.config.hold),
            Stage::Held => Some(press.began + self.config.reset_warning),
            Stage::Warned => Some(press.began + self.config.reset),
            Stage::Reset => None,
        }
    }
}
