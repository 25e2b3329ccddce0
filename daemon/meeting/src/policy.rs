//! Who may speak: the modes, and the one function that judges.

use crate::AskReason;

/// How forward Prim may be (A10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Never speaks; answers and nudges are cards.
    CoachOnly,
    /// Speaks when asked; the direct question is its own Allow.
    #[default]
    AnswerOnAsk,
    /// Also asks for the floor when a timebox is over.
    ProactiveTimekeeper,
}

/// What the policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The mode.
    pub mode: Mode,
    /// Soft or hard mute.
    pub muted: bool,
    /// Every ear that matters is known to work.
    pub hearing: bool,
    /// There is a voice and a loudspeaker.
    pub can_speak: bool,
    /// Configuration: a timebox nudge needs no Allow.
    pub nudges_granted: bool,
    /// Configuration: drift may ask for the floor, in proactive mode.
    pub drift_may_ask: bool,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What may happen.
    pub ruling: Ruling,
    /// Why.
    pub reason: Reason,
}

/// What may happen with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ruling {
    /// It may speak without asking further.
    Speak,
    /// It may ask for the floor by light, banner and one ding.
    Ask,
    /// It is shown as a card.
    Card,
    /// It is dropped.
    Refuse,
}

/// Why the policy ruled so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A direct question is its own Allow.
    DirectQuestion,
    /// A panel ordered it.
    Ordered,
    /// Granted in advance by configuration.
    Granted,
    /// Proactive mode asks first.
    MustAsk,
    /// A person's hand always may ask.
    PersonsHand,
    /// Coach-only never speaks.
    CoachOnly,
    /// The mode does not let Prim begin by itself.
    NotAsked,
    /// Muted.
    Muted,
    /// Prim cannot hear, so it cannot know whether it would talk over someone.
    CannotHear,
    /// There is no voice or no loudspeaker.
    NoVoice,
}

/// Judges one request. Every verdict, refusals too, becomes an audit event.
#[must_use]
pub fn decide(view: &View, reason: &AskReason) -> Verdict {
    let rule = |ruling, reason| Verdict { ruling, reason };
    let unasked = match reason {
        AskReason::RoomHand | AskReason::RemoteHand { .. } => return rule(Ruling::Ask, Reason::PersonsHand),
        AskReason::Asked { .. } | AskReason::Question | AskReason::SayNext => false,
        AskReason::TimeboxOver { .. } | AskReason::Drift { .. } => true,
    };
    if view.muted {
        return rule(Ruling::Card, Reason::Muted);
    }
    match view.mode {
        Mode::CoachOnly => return rule(Ruling::Card, Reason::CoachOnly),
        Mode::AnswerOnAsk if unasked => return rule(Ruling::Card, Reason::NotAsked),
        Mode::AnswerOnAsk | Mode::ProactiveTimekeeper => {}
    }
    if matches!(reason, AskReason::Drift { .. }) && !view.drift_may_ask {
        return rule(Ruling::Card, Reason::NotAsked);
    }
    if !view.can_speak {
        return rule(Ruling::Card, Reason::NoVoice);
    }
    if unasked && !view.hearing {
        return rule(Ruling::Card, Reason::CannotHear);
    }
    match reason {
        AskReason::Asked { .. } | AskReason::Question => rule(Ruling::Speak, Reason::DirectQuestion),
        AskReason::SayNext => rule(Ruling::Speak, Reason::Ordered),
        AskReason::TimeboxOver { .. } if view.nudges_granted => rule(Ruling::Speak, Reason::Granted),
        AskReason::TimeboxOver { .. } | AskReason::Drift { .. } => rule(Ruling::Ask, Reason::MustAsk),
        AskReason::RoomHand | AskReason::RemoteHand { .. } => rule(Ruling::Ask, Reason::PersonsHand),
    }
}
