//! The turn: from Allow to silence. Prepared, started in a gap, cut at seven seconds, silenced by any person.

use std::time::Duration;

use prim_ids::{MonoTime, RequestId};

use crate::floor::{Ask, AskState};
use crate::meeting::Meeting;
use crate::{
    Actor, AskReason, Audience, CardKind, CardReason, Closing, Event, Mode, Output, Peripheral,
    PeripheralState, Reason, SayId, SilenceCause, clauses,
};

/// Kept free at the end of the cap for the mouth's report, so that a speech that fits is not cut by its own limit.
const REPORT_MARGIN: Duration = Duration::from_millis(150);

/// What Prim would say, synthesised while it asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Speech {
    pub(crate) say: SayId,
    pub(crate) clauses: Vec<String>,
    pub(crate) rest: String,
    pub(crate) synthesis: Synthesis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Synthesis {
    Pending,
    Ready(Vec<u32>),
    Failed,
}

impl Speech {
    pub(crate) fn text(&self) -> String {
        let mut text = self.clauses.join(" ");
        if !self.rest.is_empty() {
            text.push(' ');
            text.push_str(&self.rest);
        }
        text
    }

    pub(crate) fn text_from(&self, from: usize) -> String {
        let heard_not = self.clauses.get(from..).unwrap_or_default().join(" ");
        [heard_not, self.rest.clone()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) request: RequestId,
    pub(crate) reason: AskReason,
    pub(crate) by: Actor,
    /// A direct question: it was asked in a gap, so the answer waits for none.
    pub(crate) direct: bool,
    /// Not to be spoken: shown as soon as the words are known.
    pub(crate) to_card: Option<CardReason>,
    pub(crate) speech: Option<Speech>,
    pub(crate) stage: Stage,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The words are looked for outside.
    Answering { question: String, until: MonoTime },
    /// The voice is being made.
    Preparing { until: MonoTime },
    /// Ready; people speak.
    Waiting { since: MonoTime, until: MonoTime },
    /// Ordered, not heard yet.
    Starting { until: MonoTime, fit: usize },
    /// Heard.
    Speaking { began: MonoTime, fit: usize, played: usize },
    /// Silence was ordered.
    Silencing {
        until: MonoTime,
        cause: SilenceCause,
        by: Actor,
        began: Option<MonoTime>,
        fit: usize,
        played: usize,
    },
}

impl Meeting {
    /// A speech is ordered or heard and was not yet told to be silent.
    pub(crate) fn speaking(&self) -> bool {
        let speaks = |stage: &Stage| matches!(stage, Stage::Starting { .. } | Stage::Speaking { .. });
        self.floor.turn.as_ref().is_some_and(|turn| speaks(&turn.stage))
    }

    /// There is a turn and nothing of it was ordered yet.
    pub(crate) fn turn_unheard(&self) -> bool {
        self.floor.turn.as_ref().is_some_and(|turn| match turn.stage {
            Stage::Answering { .. } | Stage::Preparing { .. } | Stage::Waiting { .. } => true,
            Stage::Starting { .. } | Stage::Speaking { .. } | Stage::Silencing { .. } => false,
        })
    }

    /// A policy granted it: no asking.
    pub(crate) fn take_turn(&mut self, request: RequestId, reason: AskReason, text: String, by: Actor) {
        let speech = self.draft(&text);
        let state = AskState::Allowed { at: self.now, by };
        let made = self.now;
        self.floor.queue.push(Ask { request, reason, made, state, raised: false, speech: Some(speech) });
    }

    pub(crate) fn take_drafted_turn(
        &mut self,
        request: RequestId,
        reason: AskReason,
        speech: Option<Speech>,
        by: Actor,
    ) {
        let stage = Stage::Preparing { until: self.now + self.config.prepare_limit };
        self.floor.turn = Some(Turn { request, reason, by, direct: false, to_card: None, speech, stage });
    }

    /// One step of the turn; `true` when something moved.
    pub(crate) fn turn_step(&mut self) -> bool {
        let Some(turn) = self.floor.turn.as_ref() else {
            self.floor.turn = self.floor.next.take();
            return self.floor.turn.is_some();
        };
        let now = self.now;
        match turn.stage.clone() {
            Stage::Answering { until, .. } if now >= until => {
                let request = turn.request;
                self.answer_ready(request, None);
                true
            }
            Stage::Preparing { until } => {
                match (turn.to_card, turn.speech.as_ref().map(|s| s.synthesis.clone())) {
                    (Some(why), _) => self.card_turn(why),
                    (None, Some(Synthesis::Ready(lengths))) => self.ready(&lengths),
                    (None, Some(Synthesis::Failed) | None) => self.card_turn(CardReason::NoVoice),
                    (None, Some(Synthesis::Pending)) if now >= until => self.card_turn(CardReason::NoVoice),
                    (None, Some(Synthesis::Pending)) => false,
                }
            }
            Stage::Waiting { since, until } => {
                // Nobody allowed what the policy granted, so nobody looks whether everyone is heard but Prim.
                let unasked = turn.by == Actor::Policy;
                if let Some(why) = turn.to_card {
                    self.card_turn(why)
                } else if !self.room_ear() || (unasked && !self.hears()) {
                    self.card_turn(CardReason::CannotHear)
                } else if self.gap().is_some_and(|gap| now >= gap) {
                    self.say(since)
                } else if now >= until {
                    self.card_turn(CardReason::NoGap)
                } else {
                    false
                }
            }
            Stage::Starting { until, .. } if now >= until => {
                self.silence_speech(SilenceCause::NotStarted, Actor::Prim);
                true
            }
            Stage::Speaking { began, .. } if now >= began + self.config.speech_cap => {
                self.silence_speech(SilenceCause::TooLong, Actor::Prim);
                true
            }
            Stage::Silencing { until, began, .. } if now >= until => {
                let played =
                    began.map_or(0, |began| u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX));
                self.silenced(played);
                true
            }
            Stage::Answering { .. }
            | Stage::Starting { .. }
            | Stage::Speaking { .. }
            | Stage::Silencing { .. } => false,
        }
    }

    fn ready(&mut self, lengths: &[u32]) -> bool {
        if clauses::fit(lengths, self.cap()).0 == 0 {
            return self.card_turn(CardReason::TooLong);
        }
        let (since, until) = (self.now, self.now + self.config.gap_patience);
        if let Some(turn) = self.floor.turn.as_mut() {
            turn.stage = Stage::Waiting { since, until };
        }
        true
    }

    /// A voice that lags is kept short (A13): half the cap while it is degraded.
    fn cap(&self) -> Duration {
        let cap = self.config.speech_cap.saturating_sub(REPORT_MARGIN);
        match self.parts.get(&Peripheral::Tts) {
            Some(PeripheralState::Degraded { .. }) => cap / 2,
            Some(PeripheralState::Up | PeripheralState::Absent { .. }) | None => cap,
        }
    }

    /// When the turn may begin; `None` while somebody speaks.
    fn gap(&self) -> Option<MonoTime> {
        let turn = self.floor.turn.as_ref()?;
        self.hearing.quiet_for(if turn.direct { Duration::ZERO } else { self.config.gap })
    }

    fn say(&mut self, ready: MonoTime) -> bool {
        let cap = self.cap();
        let until = self.now + self.config.start_limit;
        let Some(turn) = self.floor.turn.as_mut() else { return false };
        let Some(speech) = turn.speech.clone() else { return false };
        let Synthesis::Ready(lengths) = &speech.synthesis else { return false };
        let (fit, length_ms) = clauses::fit(lengths, cap);
        if fit == 0 {
            return self.card_turn(CardReason::TooLong);
        }
        turn.stage = Stage::Starting { until, fit };
        let (say, request) = (speech.say, turn.request);
        let text = speech.clauses[..fit].join(" ");
        let waited_ms = u64::try_from(self.now.since(ready).as_millis()).unwrap_or(u64::MAX);
        // Without a wait, whoever spoke before was not waited for.
        let waited_for =
            if waited_ms == 0 { Vec::new() } else { self.hearing.heard_since(ready - self.config.gap) };
        self.record(Event::SayIntended { say, request, text, length_ms, waited_ms, waited_for });
        self.push(Output::Say { say, request, clauses: u32::try_from(fit).unwrap_or(u32::MAX) });
        let rest = speech.text_from(fit);
        if !rest.is_empty() {
            let (kind, why) = (CardKind::WholeAnswer, Some(CardReason::TooLong));
            self.show_card(self.audience(), kind, why, Some(rest), speech.text());
        }
        true
    }

    pub(crate) fn speaking_started(&mut self, say: SayId) {
        let now = self.now;
        let Some(turn) = self.turn_of(say) else { return };
        let fit = match turn.stage {
            Stage::Starting { fit, .. } => {
                turn.stage = Stage::Speaking { began: now, fit, played: 0 };
                fit
            }
            // Silence was ordered meanwhile: what was heard still counts.
            Stage::Silencing { ref mut began, fit, .. } => {
                *began = Some(began.unwrap_or(now));
                fit
            }
            Stage::Answering { .. }
            | Stage::Preparing { .. }
            | Stage::Waiting { .. }
            | Stage::Speaking { .. } => {
                return;
            }
        };
        let speech = turn.speech.clone();
        if let (Some(Speech { clauses, synthesis: Synthesis::Ready(lengths), .. }), Some(session)) =
            (speech, self.session.as_mut())
        {
            session.listening.own.begins(say, &clauses[..fit.min(clauses.len())], &lengths, now);
        }
        self.record(Event::SayStarted { say });
    }

    pub(crate) fn clause_played(&mut self, say: SayId, index: u32) {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(turn) = self.turn_of(say) else { return };
        match &mut turn.stage {
            Stage::Speaking { fit, played, .. } | Stage::Silencing { fit, played, .. } => {
                *played = (*played).max(index.saturating_add(1)).min(*fit);
            }
            Stage::Answering { .. }
            | Stage::Preparing { .. }
            | Stage::Waiting { .. }
            | Stage::Starting { .. } => {}
        }
    }

    pub(crate) fn turn_of(&mut self, say: SayId) -> Option<&mut Turn> {
        self.floor.turn.as_mut().filter(|turn| turn.speech.as_ref().is_some_and(|speech| speech.say == say))
    }

    pub(crate) fn speaking_finished(&mut self, say: SayId) {
        let now = self.now;
        let Some(turn) = self.turn_of(say) else { return };
        match turn.stage {
            Stage::Speaking { began, .. } => {
                let spoke_ms = u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX);
                let request = turn.request;
                self.record(Event::SayFinished { say, spoke_ms });
                self.remember_said();
                self.end_turn(request, Closing::Spoken);
            }
            // It ended by itself while it was being silenced.
            Stage::Silencing { began, .. } => {
                let played =
                    began.map_or(0, |began| u64::try_from(now.since(began).as_millis()).unwrap_or(u64::MAX));
                self.silenced(played);
            }
            // Finished without having started: the mouth played nothing.
            Stage::Starting { .. } => {
                self.silence_speech(SilenceCause::NotStarted, Actor::Prim);
            }
            Stage::Answering { .. } | Stage::Preparing { .. } | Stage::Waiting { .. } => {}
        }
    }

    pub(crate) fn end_turn(&mut self, request: RequestId, how: Closing) {
        self.floor.turn = None;
        self.floor.prim_quiet_since = self.now;
        self.record(Event::FloorClosed { request, how });
    }

    /// Gives up a turn of which nothing was ordered yet.
    pub(crate) fn drop_turn(&mut self, how: Closing) {
        if !self.turn_unheard() {
            return;
        }
        if let Some(turn) = self.floor.turn.take() {
            self.record(Event::FloorClosed { request: turn.request, how });
            self.discard(turn.speech);
        }
    }

    pub(crate) fn discard(&mut self, speech: Option<Speech>) {
        if let Some(speech) = speech {
            self.push(Output::Discard { say: speech.say });
        }
    }

    pub(crate) fn card_turn(&mut self, why: CardReason) -> bool {
        if let Some(turn) = self.floor.turn.take() {
            self.card_of(turn.request, &turn.reason, turn.speech, why);
        }
        true
    }

    pub(crate) fn card_of(
        &mut self,
        request: RequestId,
        reason: &AskReason,
        speech: Option<Speech>,
        why: CardReason,
    ) {
        if let Some(speech) = &speech {
            self.card(self.audience_of(reason), card_kind(reason), Some(why), speech.text());
        }
        self.record(Event::FloorClosed { request, how: Closing::Carded { why } });
        self.discard(speech);
    }

    /// The policy ruled for a card.
    pub(crate) fn card_instead(&mut self, request: RequestId, reason: &AskReason, text: &str, why: Reason) {
        let why = card_reason(why);
        self.card(self.audience_of(reason), card_kind(reason), Some(why), text.to_owned());
        self.record(Event::FloorClosed { request, how: Closing::Carded { why } });
    }

    /// Shows a card; `why`: it is shown because it was not said.
    pub(crate) fn card(&mut self, to: Audience, kind: CardKind, why: Option<CardReason>, body: String) {
        self.show_card(to, kind, why, None, body);
    }

    fn show_card(
        &mut self,
        to: Audience,
        kind: CardKind,
        why: Option<CardReason>,
        unsaid: Option<String>,
        body: String,
    ) {
        self.record(Event::CardShown { to, kind, why, unsaid });
        self.push(Output::Card { to, title: kind.title().to_owned(), body });
    }

    pub(crate) fn audience(&self) -> Audience {
        match self.mode {
            Mode::CoachOnly => Audience::Host,
            Mode::AnswerOnAsk | Mode::ProactiveTimekeeper => Audience::Everyone,
        }
    }

    /// Everybody is asked for consent, also where Prim otherwise talks to the host alone.
    fn audience_of(&self, reason: &AskReason) -> Audience {
        if *reason == AskReason::Consent { Audience::Everyone } else { self.audience() }
    }

    pub(crate) fn remember_said(&mut self) {
        let said = self.floor.turn.as_ref().and_then(|turn| turn.speech.as_ref()).map(Speech::text);
        if let (Some(said), Some(session)) = (said, self.session.as_mut()) {
            session.listening.last_said = Some(said);
        }
    }

    pub(crate) fn turn_due(&self) -> Option<MonoTime> {
        let turn = self.floor.turn.as_ref()?;
        match &turn.stage {
            Stage::Waiting { until, .. } => Some(self.gap().map_or(*until, |gap| gap.min(*until))),
            Stage::Answering { until, .. }
            | Stage::Preparing { until }
            | Stage::Starting { until, .. }
            | Stage::Silencing { until, .. } => Some(*until),
            Stage::Speaking { began, .. } => Some(*began + self.config.speech_cap),
        }
    }
}

fn card_kind(reason: &AskReason) -> CardKind {
    match reason {
        AskReason::TimeboxOver { .. } => CardKind::Time,
        AskReason::Drift { .. } => CardKind::Agenda,
        AskReason::Asked { .. } | AskReason::Question => CardKind::Answer,
        AskReason::Consent => CardKind::Consent,
        AskReason::SayNext | AskReason::RoomHand | AskReason::RemoteHand { .. } => CardKind::Words,
    }
}

pub(crate) fn card_reason(reason: Reason) -> CardReason {
    match reason {
        Reason::NoVoice => CardReason::NoVoice,
        Reason::Muted | Reason::CannotHear => CardReason::CannotHear,
        Reason::DirectQuestion
        | Reason::Ordered
        | Reason::Granted
        | Reason::MustAsk
        | Reason::PersonsHand
        | Reason::CoachOnly
        | Reason::NotAsked
        | Reason::QueueFull => CardReason::Policy,
    }
}
