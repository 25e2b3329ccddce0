//! The one door: Prim's wishes, the room's button and remote hands ask here, in one queue, first come first.

use prim_ids::{MonoTime, ParticipantId, RequestId};

use crate::meeting::Meeting;
use crate::turn::{Speech, Turn};
use crate::{
    Actor, AskReason, BannerAbout, Closing, DingSetting, Ear, Event, Evidence, ExpiryReason, Mode, Output,
    Peripheral, Ruling, Verdict, View, WithdrawReason, decide,
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

    fn is_wish(&self) -> bool {
        self.speech.is_some()
    }

    /// The room's own press does not ding in the room: those who would hear it made it.
    fn may_ding(&self) -> bool {
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

    fn queue(&mut self, ask: Ask) {
        let (request, raised) = (ask.request, ask.raised);
        self.floor.queue.push(ask);
        if raised {
            self.push(Output::RaiseHand { request });
        }
    }

    fn refused(&mut self, request: RequestId) {
        let how = Closing::Withdrawn { by: Actor::Policy, why: WithdrawReason::QueueFull };
        self.record(Event::FloorClosed { request, how });
    }

    /// A person's hand: the newest of Prim's own waiting wishes gives way when the queue is full.
    fn hand(&mut self, reason: AskReason, by: Actor) {
        let request = self.new_request(&reason, Evidence::Person { by });
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
            | AskReason::SayNext => false,
        });
        if let Some(request) = served.map(|ask| ask.request) {
            self.close(request, Closing::Served);
        }
    }

    /// The request is in the queue and was not answered yet.
    pub(crate) fn open(&self, request: RequestId) -> bool {
        let open = |ask: &Ask| ask.request == request && !matches!(ask.state, AskState::Allowed { .. });
        self.floor.queue.iter().any(open)
    }

    /// The request that an answer would be about: the light has asked for it for at least `guard`.
    pub(crate) fn answerable(&self, guard: std::time::Duration) -> Option<RequestId> {
        let (shown, since) = self.floor.asking_shown?;
        let head = self.floor.queue.first().filter(|head| head.request == shown)?;
        // The room's own hand is lowered by a press, not allowed by it.
        (head.asks() && head.reason != AskReason::RoomHand && self.now >= since + guard).then_some(shown)
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
        self.record(Event::ModeChanged { mode, by });
        match mode {
            Mode::CoachOnly => self.withdraw_wishes(by, WithdrawReason::Mode),
            Mode::AnswerOnAsk => self.withdraw_where(by, WithdrawReason::Mode, |reason| {
                matches!(reason, AskReason::TimeboxOver { .. } | AskReason::Drift { .. })
            }),
            Mode::ProactiveTimekeeper => {}
        }
    }

    /// "Stop" always wins: a speech falls silent, one that is not heard yet is dropped, and Prim's asking ends.
    pub(crate) fn stop(&mut self, by: Actor) {
        let heard = self.speaking();
        self.silence_speech(crate::SilenceCause::Stop, by);
        self.record(Event::Stopped { by });
        if heard {
            return;
        }
        if self.turn_unheard() {
            self.drop_turn(Closing::Declined { by });
        } else if let Some(head) = self.floor.queue.first().filter(|ask| ask.is_wish()) {
            let request = head.request;
            self.close(request, Closing::Declined { by });
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
        let allowed = self
            .floor
            .queue
            .iter()
            .position(|ask| ask.is_wish() && matches!(ask.state, AskState::Allowed { .. }));
        let Some(ask) = allowed.map(|at| self.floor.queue.remove(at)) else { return false };
        self.leave_queue(&ask);
        let by = match ask.state {
            AskState::Allowed { by, .. } => by,
            AskState::Waiting | AskState::Asking { .. } | AskState::Dinged { .. } => Actor::Prim,
        };
        self.take_drafted_turn(ask.request, ask.reason, ask.speech, by);
        true
    }

    fn head_step(&mut self) -> bool {
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
        let silent_since = self.quiet_for(std::time::Duration::ZERO).unwrap_or(now);
        let Some(head) = self.floor.queue.first_mut() else { return };
        head.state = AskState::Dinged { at: now };
        self.floor.last_ding = Some(now);
        let silence_ms = u64::try_from(now.since(silent_since).as_millis()).unwrap_or(u64::MAX);
        self.record(Event::DingIntended { request, place, silence_ms });
        self.push(Output::Ding { request, place });
    }

    /// Nobody, Prim included, has made a sound for `long`.
    pub(crate) fn quiet_for(&self, long: std::time::Duration) -> Option<MonoTime> {
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

struct HeadStep {
    at: MonoTime,
    what: HeadDue,
}

enum HeadDue {
    Ask,
    Ding,
    Expire(ExpiryReason),
}
