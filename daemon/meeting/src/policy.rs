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
    /// Every ear that matters is known to work, so a silence can be proven.
    pub hearing: bool,
    /// The room's microphones work, so a person who talks over Prim is noticed.
    pub room_ear: bool,
    /// There is a voice and a loudspeaker.
    pub can_speak: bool,
    /// Configuration: a timebox nudge needs no Allow.
    pub nudges_granted: bool,
    /// Configuration: drift may ask for the floor, in proactive mode.
    pub drift_may_ask: bool,
    /// No further request fits into the queue.
    pub queue_full: bool,
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
    /// Prim's own wish asks first.
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
    /// No further request fits into the queue.
    QueueFull,
}

/// Judges one request. Every verdict, refusals too, becomes an audit event.
///
/// ```
/// use prim_meeting::{AskReason, Mode, Reason, Ruling, View, decide};
/// let view = View { mode: Mode::AnswerOnAsk, muted: false, hearing: true, room_ear: true, can_speak: true,
///     nudges_granted: false, drift_may_ask: false, queue_full: false };
/// assert_eq!(decide(&view, &AskReason::Question).ruling, Ruling::Speak);
/// let muted = View { muted: true, ..view };
/// assert_eq!(decide(&muted, &AskReason::Question).reason, Reason::Muted);
/// ```
#[must_use]
pub fn decide(view: &View, reason: &AskReason) -> Verdict {
    let rule = |ruling, reason| Verdict { ruling, reason };
    let (unasked, granted) = match reason {
        AskReason::RoomHand | AskReason::RemoteHand { .. } => {
            return if view.queue_full {
                rule(Ruling::Refuse, Reason::QueueFull)
            } else {
                rule(Ruling::Ask, Reason::PersonsHand)
            };
        }
        AskReason::Asked { .. } | AskReason::Question => (false, Reason::DirectQuestion),
        AskReason::SayNext => (false, Reason::Ordered),
        AskReason::TimeboxOver { .. } | AskReason::Drift { .. } => (true, Reason::Granted),
        // That everyone is asked is the meeting's own rule; the question asks for the floor all the same.
        AskReason::Consent => (true, Reason::MustAsk),
    };
    let nudge = matches!(reason, AskReason::TimeboxOver { .. });
    let consent = matches!(reason, AskReason::Consent);
    if view.muted {
        return rule(Ruling::Card, Reason::Muted);
    }
    match view.mode {
        Mode::CoachOnly => return rule(Ruling::Card, Reason::CoachOnly),
        Mode::AnswerOnAsk if unasked && !consent => return rule(Ruling::Card, Reason::NotAsked),
        Mode::AnswerOnAsk | Mode::ProactiveTimekeeper => {}
    }
    let drift = matches!(reason, AskReason::Drift { .. });
    if drift && !view.drift_may_ask {
        return rule(Ruling::Card, Reason::NotAsked);
    }
    if !view.can_speak {
        return rule(Ruling::Card, Reason::NoVoice);
    }
    if !view.room_ear || (unasked && !view.hearing) {
        return rule(Ruling::Card, Reason::CannotHear);
    }
    if !unasked || (view.nudges_granted && nudge) {
        return rule(Ruling::Speak, granted);
    }
    if view.queue_full {
        return rule(Ruling::Card, Reason::QueueFull);
    }
    rule(Ruling::Ask, Reason::MustAsk)
}
