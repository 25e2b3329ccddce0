//! The head of the queue: when it asks, when its one ding sounds, when it expires.

use std::time::Duration;

use prim_ids::{MonoTime, RequestId};

use crate::floor::{Ask, AskState};
use crate::meeting::Meeting;
use crate::{AskReason, BannerAbout, Closing, DingSetting, Event, ExpiryReason, Output, Peripheral};

/// What the head waits for next.
struct HeadStep {
    at: MonoTime,
    what: HeadDue,
}

enum HeadDue {
    Ask,
    Ding,
    Expire(ExpiryReason),
}

impl Meeting {
    pub(crate) fn head_step(&mut self) -> bool {
        let Some(head) = self.floor.queue.first() else { return false };
        let (request, state) = (head.request, head.state);
        let Some(due) = self.head_due() else { return false };
        if self.now < due.at {
            return false;
        }
        match (state, due.what) {
            (_, HeadDue::Ask) => self.ask(request),
            (_, HeadDue::Ding) => self.ding(request),
            (_, HeadDue::Expire(why)) => self.close(request, Closing::Expired { why }),
        }
        true
    }

    fn ask(&mut self, request: RequestId) {
        let now = self.now;
        let Some(head) = self.floor.queue.first_mut() else { return };
        head.state = AskState::Asking { since: now };
        let reason = head.reason.clone();
        let text = match &reason {
            AskReason::RoomHand => "Someone in the room would like to speak.".to_owned(),
            AskReason::RemoteHand { who } => {
                let name = self.session.as_ref().and_then(|session| session.seats.name(*who));
                format!("{} would like to speak.", name.unwrap_or("Someone on the link"))
            }
            AskReason::TimeboxOver { .. } => "Prim would like to speak about the time.".to_owned(),
            AskReason::Drift { .. } => "Prim would like to speak about the agenda.".to_owned(),
            AskReason::Consent => "Prim would like to ask whether it may write down what is said.".to_owned(),
            AskReason::Asked { .. } | AskReason::Question | AskReason::SayNext => {
                "Prim would like to answer.".to_owned()
            }
        };
        self.push(Output::ShowBanner { about: BannerAbout::Request { request }, text });
    }

    fn ding(&mut self, request: RequestId) {
        let now = self.now;
        let place = match self.ding {
            DingSetting::Room => crate::DingPlace::Room,
            DingSetting::Host | DingSetting::Off => crate::DingPlace::Host,
        };
        let silent_since = self.quiet_for(Duration::ZERO).unwrap_or(now);
        let Some(head) = self.floor.queue.first_mut() else { return };
        let asked = if let AskState::Asking { since } = head.state { since } else { now };
        head.state = AskState::Dinged { at: now };
        let waited_for = self.hearing.heard_since(asked - self.config.silence_window);
        self.floor.last_ding = Some(now);
        let silence_ms = u64::try_from(now.since(silent_since).as_millis()).unwrap_or(u64::MAX);
        self.record(Event::DingIntended { request, place, silence_ms, waited_for });
        self.push(Output::Ding { request, place });
    }

    /// Nobody, Prim included, has made a sound for `long`.
    pub(crate) fn quiet_for(&self, long: Duration) -> Option<MonoTime> {
        if self.floor.turn.is_some() {
            return None;
        }
        Some(self.hearing.quiet_for(long)?.max(self.floor.prim_quiet_since + long))
    }

    /// A ding could sound for this request, silence permitting.
    fn ding_possible(&self, ask: &Ask) -> bool {
        let audible = match self.ding {
            DingSetting::Room => self.part_works(Peripheral::Speaker),
            DingSetting::Host => true,
            DingSetting::Off => false,
        };
        audible && ask.may_ding() && self.hears()
    }

    fn head_due(&self) -> Option<HeadStep> {
        let head = self.floor.queue.first()?;
        let step = |at, what| Some(HeadStep { at, what });
        match head.state {
            AskState::Waiting if self.floor.turn.is_none() => step(self.now, HeadDue::Ask),
            AskState::Waiting => None,
            AskState::Asking { since } => {
                let ding_from = since + self.config.ask_before_ding;
                if !self.ding_possible(head) {
                    let at = ding_from + self.config.expire_after_ding;
                    return step(at, HeadDue::Expire(ExpiryReason::UnansweredWithoutDing));
                }
                let expires = since + self.config.expire_without_silence;
                let rate = self.floor.last_ding.map(|last| last + self.config.ding_interval);
                // A finger is on the button: the answer is on its way.
                let answered = self.button.answers(head.request);
                let quiet = self.quiet_for(self.config.silence_window).filter(|_| !answered);
                match quiet.map(|quiet| quiet.max(ding_from).max(rate.unwrap_or(ding_from))) {
                    Some(ding) if ding < expires => step(ding, HeadDue::Ding),
                    Some(_) | None => step(expires, HeadDue::Expire(ExpiryReason::NoSilence)),
                }
            }
            AskState::Dinged { at } => {
                step(at + self.config.expire_after_ding, HeadDue::Expire(ExpiryReason::Unanswered))
            }
            AskState::Allowed { at, .. } if !head.is_wish() => {
                step(at + self.config.hand_limit, HeadDue::Expire(ExpiryReason::Unused))
            }
            // It waits for the turn, which has its own limits.
            AskState::Allowed { .. } => None,
        }
    }

    pub(crate) fn floor_due(&self) -> Option<MonoTime> {
        [self.turn_due(), self.head_due().map(|step| step.at)].into_iter().flatten().min()
    }
}
