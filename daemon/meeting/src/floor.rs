//! The one door: Prim's wishes, the room's button and remote hands ask here, in one queue, first come first.

use prim_ids::{MonoTime, RequestId};

use crate::meeting::Meeting;
use crate::turn::{Speech, Turn};
use crate::{
    Actor, AskReason, BannerAbout, CardReason, Closing, Event, Evidence, Mode, Output, Peripheral, Ruling,
    SilenceCause, Verdict, View, WithdrawReason, decide,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Floor {
    /// Open requests that have to ask; the first one asks, the others wait.
    pub(crate) queue: Vec<Ask>,
    /// The one request that may speak, from Allow to silence.
    pub(crate) turn: Option<Turn>,
    /// A direct question that came while the turn was taken.
    pub(crate) next: Option<Turn>,
    pub(crate) last_ding: Option<MonoTime>,
    /// When Prim's own voice was last heard.
    pub(crate) prim_quiet_since: MonoTime,
    /// For whom the light shows that somebody asks, and since when.
    pub(crate) asking_shown: Option<(RequestId, MonoTime)>,
    pub(crate) says: u32,
}

/// One request in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ask {
    pub(crate) request: RequestId,
    pub(crate) reason: AskReason,
    pub(crate) made: MonoTime,
    pub(crate) state: AskState,
    /// The room's hand went up on the platform for it.
    pub(crate) raised: bool,
    /// What Prim would say; none for a person's hand.
    pub(crate) speech: Option<Speech>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskState {
    Waiting,
    Asking { since: MonoTime },
    Dinged { at: MonoTime },
    Allowed { at: MonoTime, by: Actor },
}

impl Ask {
    pub(crate) fn asks(&self) -> bool {
        matches!(self.state, AskState::Asking { .. } | AskState::Dinged { .. })
    }

    pub(crate) fn is_wish(&self) -> bool {
        self.speech.is_some()
    }

    /// The room's own press does not ding in the room: those who would hear it made it.
    pub(crate) fn may_ding(&self) -> bool {
        !matches!(self.reason, AskReason::RoomHand)
    }
}

impl Meeting {
    pub(crate) fn judge(&mut self, request: RequestId, reason: &AskReason) -> Verdict {
        let view = View {
            mode: self.mode,
            muted: self.muting.muted(),
            hearing: self.hears(),
            room_ear: self.room_ear(),
            can_speak: self.part_works(Peripheral::Tts) && self.part_works(Peripheral::Speaker),
            nudges_granted: self.config.nudges_granted,
            drift_may_ask: self.config.drift_may_ask,
            queue_full: self.floor.queue.len() >= self.config.queue_limit,
        };
        let verdict = decide(&view, reason);
        self.record(Event::Judged { request, verdict });
        verdict
    }

    pub(crate) fn new_request(&mut self, reason: &AskReason, evidence: Evidence) -> RequestId {
        let (at, random) = self.ids.next(self.now);
        let request = RequestId::from_parts(at, random);
        self.record(Event::FloorRequested { request, reason: reason.clone(), evidence });
        request
    }

    /// Prim itself wants to say something that nobody asked for.
    pub(crate) fn wish(&mut self, reason: AskReason, evidence: Evidence, text: String) {
        if self.floor.queue.iter().any(|ask| ask.reason == reason) {
            return;
        }
        let request = self.new_request(&reason, evidence);
        let verdict = self.judge(request, &reason);
        match verdict.ruling {
            Ruling::Speak => self.take_turn(request, reason, text, Actor::Policy),
            Ruling::Ask => {
                let speech = self.draft(&text);
                let made = self.now;
                self.queue(Ask {
                    request,
                    reason,
                    made,
                    state: AskState::Waiting,
                    raised: true,
                    speech: Some(speech),
                });
            }
            Ruling::Card => self.card_instead(request, &reason, &text, verdict.reason),
            Ruling::Refuse => self.refused(request),
        }
    }

    pub(crate) fn queue(&mut self, ask: Ask) {
        let (request, raised) = (ask.request, ask.raised);
        self.floor.queue.push(ask);
        if raised {
            self.push(Output::RaiseHand { request });
        }
    }

    pub(crate) fn refused(&mut self, request: RequestId) {
        let how = Closing::Withdrawn { by: Actor::Policy, why: WithdrawReason::QueueFull };
        self.record(Event::FloorClosed { request, how });
    }

    /// The request is in the queue and was not answered yet.
    pub(crate) fn open(&self, request: RequestId) -> bool {
        let open = |ask: &Ask| ask.request == request && !matches!(ask.state, AskState::Allowed { .. });
        self.floor.queue.iter().any(open)
    }

    /// Prim's wish or a remote hand that the light shows to ask.
    pub(crate) fn seen_asking(&self) -> Option<RequestId> {
        self.answerable_after(self.now, std::time::Duration::ZERO)
    }

    /// The request that an answer begun at `begun` is about: people had seen for a while that it asks.
    pub(crate) fn answerable(&self, begun: MonoTime) -> Option<RequestId> {
        self.answerable_after(begun, self.config.press_guard)
    }

    fn answerable_after(&self, begun: MonoTime, guard: std::time::Duration) -> Option<RequestId> {
        let (shown, since) = self.floor.asking_shown?;
        let head = self.floor.queue.first().filter(|head| head.request == shown)?;
        let seen = begun.min(self.now) >= since + guard;
        // The room's own hand is lowered by a press, not allowed by it.
        (head.asks() && head.reason != AskReason::RoomHand && seen).then_some(shown)
    }

    /// The room's hand, if it was up before the words that began at `begun`.
    pub(crate) fn room_hand_before(&self, begun: MonoTime) -> Option<RequestId> {
        let up =
            |ask: &&Ask| ask.reason == AskReason::RoomHand && begun >= ask.made + self.config.press_guard;
        self.floor.queue.iter().find(up).map(|ask| ask.request)
    }

    pub(crate) fn allow(&mut self, request: RequestId, by: Actor) {
        if !self.open(request) {
            return;
        }
        let now = self.now;
        let Some(ask) = self.floor.queue.iter_mut().find(|ask| ask.request == request) else { return };
        ask.state = AskState::Allowed { at: now, by };
        let waited_ms = u64::try_from(now.since(ask.made).as_millis()).unwrap_or(u64::MAX);
        self.record(Event::Allowed { request, by, waited_ms });
    }

    /// Not now. A request that was allowed but is not heard yet can still be declined.
    pub(crate) fn decline(&mut self, request: RequestId, by: Actor) {
        if self.floor.queue.iter().any(|ask| ask.request == request) {
            self.close(request, Closing::Declined { by });
        } else if self.floor.turn.as_ref().is_some_and(|turn| turn.request == request) {
            if self.speaking() {
                self.stop(by);
            } else {
                self.drop_turn(Closing::Declined { by });
            }
        }
    }

    /// Ends a request in the queue.
    pub(crate) fn close(&mut self, request: RequestId, how: Closing) {
        let Some(at) = self.floor.queue.iter().position(|ask| ask.request == request) else { return };
        let ask = self.floor.queue.remove(at);
        self.record(Event::FloorClosed { request, how });
        self.leave_queue(&ask);
        if let Some(speech) = ask.speech {
            self.push(Output::Discard { say: speech.say });
        }
    }

    /// Takes hand and banner away.
    pub(crate) fn leave_queue(&mut self, ask: &Ask) {
        if ask.raised {
            self.push(Output::LowerHand { request: ask.request });
        }
        self.push(Output::ClearBanner { about: BannerAbout::Request { request: ask.request } });
    }

    pub(crate) fn withdraw_where(
        &mut self,
        by: Actor,
        why: WithdrawReason,
        which: impl Fn(&AskReason) -> bool,
    ) {
        let moot: Vec<RequestId> =
            self.floor.queue.iter().filter(|ask| which(&ask.reason)).map(|ask| ask.request).collect();
        for request in moot {
            self.close(request, Closing::Withdrawn { by, why });
        }
        let turn_moot = self.floor.turn.as_ref().is_some_and(|turn| which(&turn.reason));
        if turn_moot && self.turn_unheard() {
            self.drop_turn(Closing::Withdrawn { by, why });
        }
    }

    /// Takes back whatever Prim itself wanted to say; people's hands stay.
    pub(crate) fn withdraw_wishes(&mut self, by: Actor, why: WithdrawReason) {
        if let Some(next) = self.floor.next.take() {
            self.record(Event::FloorClosed { request: next.request, how: Closing::Withdrawn { by, why } });
            self.discard(next.speech);
        }
        self.withdraw_where(by, why, |reason| {
            !matches!(reason, AskReason::RoomHand | AskReason::RemoteHand { .. })
        });
    }

    pub(crate) fn set_mode(&mut self, mode: Mode, by: Actor) {
        if self.mode == mode {
            return;
        }
        self.mode = mode;
        if mode == Mode::CoachOnly {
            self.silence_speech(SilenceCause::CoachOnly, by);
        }
        self.record(Event::ModeChanged { mode, by });
        match mode {
            Mode::CoachOnly => self.withdraw_wishes(by, WithdrawReason::Mode),
            Mode::AnswerOnAsk => self.withdraw_where(by, WithdrawReason::Mode, |reason| {
                matches!(reason, AskReason::TimeboxOver { .. } | AskReason::Drift { .. })
            }),
            Mode::ProactiveTimekeeper => {}
        }
    }

    /// "Stop" always wins: a speech falls silent, nothing that was asked for or allowed before is said after it, and
    /// where nothing of this was under way, Prim's asking ends.
    pub(crate) fn stop(&mut self, by: Actor) {
        let heard = self.speaking();
        self.silence_speech(SilenceCause::Stop, by);
        self.record(Event::Stopped { by });
        let waited = self.show_what_waits(by);
        if heard {
            return;
        }
        if self.turn_unheard() {
            self.drop_turn(Closing::Declined { by });
        } else if let Some(head) = self.floor.queue.first().filter(|ask| ask.is_wish() && !waited) {
            let request = head.request;
            self.close(request, Closing::Declined { by });
        }
    }

    /// What may speak and waits behind the turn is shown instead; `true` if there was any.
    fn show_what_waits(&mut self, by: Actor) -> bool {
        let mut any = false;
        if let Some(next) = self.floor.next.take() {
            any = true;
            self.shown_or_declined((next.request, next.reason, next.speech), by);
        }
        while let Some(ask) = self.take_allowed() {
            any = true;
            self.shown_or_declined((ask.request, ask.reason, ask.speech), by);
        }
        any
    }

    /// Somebody on the link was cut off in the middle of a word. That nobody hears them now is not their silence, so what
    /// waited for them is shown.
    pub(crate) fn show_what_waited_for_the_link(&mut self) {
        let why = CardReason::CannotHear;
        let heard = !self.turn_unheard();
        let turn = self.floor.turn.as_mut().filter(|_| !heard);
        for turn in turn.into_iter().chain(self.floor.next.as_mut()) {
            turn.to_card = Some(why);
        }
        while let Some(ask) = self.take_allowed() {
            self.card_of(ask.request, &ask.reason, ask.speech, why);
        }
    }

    fn shown_or_declined(
        &mut self,
        (request, reason, speech): (RequestId, AskReason, Option<Speech>),
        by: Actor,
    ) {
        match speech {
            Some(_) => self.card_of(request, &reason, speech, CardReason::Stopped),
            // Its words are not known yet.
            None => self.record(Event::FloorClosed { request, how: Closing::Declined { by } }),
        }
    }

    /// One step of the floor; `true` when something moved.
    pub(crate) fn floor_step(&mut self) -> bool {
        self.turn_step() || self.promote_allowed() || self.head_step()
    }

    /// An allowed wish takes the turn as soon as it is free.
    fn promote_allowed(&mut self) -> bool {
        if self.floor.turn.is_some() {
            return false;
        }
        let Some(ask) = self.take_allowed() else { return false };
        let by = match ask.state {
            AskState::Allowed { by, .. } => by,
            AskState::Waiting | AskState::Asking { .. } | AskState::Dinged { .. } => Actor::Prim,
        };
        self.take_drafted_turn(ask.request, ask.reason, ask.speech, by);
        true
    }

    /// The first allowed wish, out of the queue.
    fn take_allowed(&mut self) -> Option<Ask> {
        let allowed = |ask: &Ask| ask.is_wish() && matches!(ask.state, AskState::Allowed { .. });
        let at = self.floor.queue.iter().position(allowed)?;
        let ask = self.floor.queue.remove(at);
        self.leave_queue(&ask);
        Some(ask)
    }
}
