//! What the people do: press, talk, raise hands, answer or let it ring. Decided from what they see and hear.

use prim_hal::LightPattern;

use crate::dice::Dice;

/// A ding comes so long after the light (DESIGN section 4).
const ASK_BEFORE_DING_MS: u64 = 6000;
/// At most one ding in this time over all requests (DESIGN section 4).
const DING_INTERVAL_MS: u64 = 60_000;
/// A press that began within 400 ms of the light allows nothing.
const GUARD_MS: u64 = 600;
/// Held at least a second means "not now", or mute.
const HOLD_MS: (u64, u64) = (1100, 1300);
const SHORT_MS: (u64, u64) = (80, 200);
/// Nobody stays muted for longer.
const MUTED_MS: u64 = 1500;

/// What can be seen and heard.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Senses {
    pub(crate) now_ms: u64,
    /// `Off` while no device is there.
    pub(crate) light: LightPattern,
    /// When the last ding began.
    pub(crate) last_ring_ms: Option<u64>,
    /// Somebody's line is not over.
    pub(crate) somebody_talks: bool,
}

/// What somebody does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The button goes down or up.
    Edge { pressed: bool },
    /// Somebody says something.
    Talk,
    /// The remote person's hand.
    Hand { raised: bool },
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Presses and talk.
    Busy { until_ms: u64 },
    /// The remote person's hand is up; the room keeps quiet and answers in its own time.
    Asked { until_ms: u64, seen: Option<Seen> },
}

/// Somebody asks, as the light shows.
#[derive(Debug, Clone, Copy)]
struct Seen {
    since_ms: u64,
    /// When somebody presses; `None`: when it has rung.
    answer_ms: Option<u64>,
    answered: bool,
}

#[derive(Debug)]
pub(crate) struct People {
    dice: Dice,
    phase: Phase,
    release_ms: Option<u64>,
    next_press_ms: u64,
    next_talk_ms: u64,
    muted_since: Option<u64>,
    calm: bool,
}

impl People {
    pub(crate) fn new(dice: Dice, now_ms: u64) -> Self {
        Self {
            dice,
            // The first thing that happens is a request that nobody answers, so that it rings early.
            phase: Phase::Busy { until_ms: now_ms },
            release_ms: None,
            next_press_ms: now_ms,
            next_talk_ms: now_ms,
            muted_since: None,
            calm: false,
        }
    }

    /// Everybody sits still from now on.
    pub(crate) fn calm_down(&mut self) {
        self.calm = true;
    }

    /// When a ding is due, if nothing comes between: somebody asks and nobody means to answer before it rings.
    pub(crate) fn ding_due(&self, last_ring_ms: Option<u64>) -> Option<u64> {
        match self.phase {
            Phase::Asked { seen: Some(Seen { since_ms, answer_ms: None, answered: false }), .. } => {
                let due = since_ms + ASK_BEFORE_DING_MS;
                Some(last_ring_ms.map_or(due, |last| due.max(last + DING_INTERVAL_MS)))
            }
            Phase::Asked { .. } | Phase::Busy { .. } => None,
        }
    }

    pub(crate) fn tick(&mut self, senses: &Senses) -> Option<Deed> {
        let now = senses.now_ms;
        if let Some(at) = self.release_ms {
            return (now >= at).then(|| {
                self.release_ms = None;
                Deed::Edge { pressed: false }
            });
        }
        if senses.light == LightPattern::Off {
            return None;
        }
        if let Some(deed) = self.unmute(senses) {
            return Some(deed);
        }
        match self.phase {
            Phase::Busy { until_ms } if now >= until_ms && !self.calm => {
                let until_ms = now + self.dice.between(14_000, 26_000);
                self.phase = Phase::Asked { until_ms, seen: None };
                Some(Deed::Hand { raised: true })
            }
            Phase::Busy { .. } if self.calm => None,
            Phase::Busy { .. } => self.be_busy(senses),
            Phase::Asked { until_ms, seen } => {
                let over = seen.is_some_and(|seen| seen.answered) || now >= until_ms;
                if over || self.calm {
                    self.phase = Phase::Busy { until_ms: now + self.dice.between(3000, 9000) };
                    return Some(Deed::Hand { raised: false });
                }
                self.attend(senses, until_ms, seen)
            }
        }
    }

    fn press(&mut self, now: u64, (low, high): (u64, u64)) -> Option<Deed> {
        self.release_ms = Some(now + self.dice.between(low, high));
        self.next_press_ms = now + self.dice.between(150, 700);
        Some(Deed::Edge { pressed: true })
    }

    fn unmute(&mut self, senses: &Senses) -> Option<Deed> {
        if senses.light != LightPattern::Muted {
            self.muted_since = None;
            return None;
        }
        let since = *self.muted_since.get_or_insert(senses.now_ms);
        if senses.now_ms < since + MUTED_MS {
            return None;
        }
        self.muted_since = None;
        self.press(senses.now_ms, HOLD_MS)
    }

    fn be_busy(&mut self, senses: &Senses) -> Option<Deed> {
        let now = senses.now_ms;
        // A press while somebody talks to Prim would often stop the answer: then people mostly wait.
        if now >= self.next_press_ms && (!senses.somebody_talks || self.dice.percent(1)) {
            let how = if self.dice.percent(4) { HOLD_MS } else { SHORT_MS };
            return self.press(now, how);
        }
        if now >= self.next_talk_ms && !senses.somebody_talks {
            self.next_talk_ms = now + self.dice.between(2500, 5000);
            return Some(Deed::Talk);
        }
        None
    }

    fn attend(&mut self, senses: &Senses, until_ms: u64, seen: Option<Seen>) -> Option<Deed> {
        let now = senses.now_ms;
        let asks =
            matches!(senses.light, LightPattern::Asking | LightPattern::RemoteHand | LightPattern::Dinged);
        if senses.light == LightPattern::Waiting && now >= self.next_press_ms {
            // The room's own hand stands before the remote one: down with it.
            return self.press(now, SHORT_MS);
        }
        let seen = match (asks, seen) {
            (true, None) => {
                let may_ring = senses.last_ring_ms.is_none_or(|last| now >= last + DING_INTERVAL_MS - 10_000);
                let answer_ms = (!may_ring).then(|| now + self.dice.between(GUARD_MS, 5000));
                Some(Seen { since_ms: now, answer_ms, answered: false })
            }
            (true, Some(seen)) => Some(seen),
            // Answered, withdrawn, or the device is gone: what comes next is seen anew.
            (false, _) => None,
        };
        self.phase = Phase::Asked { until_ms, seen };
        let mut seen = seen?;
        if seen.answer_ms.is_none() && senses.last_ring_ms.is_some_and(|last| last >= seen.since_ms) {
            seen.answer_ms = Some(now + self.dice.between(200, 4000));
        }
        let due = seen.answer_ms.is_some_and(|at| now >= at);
        seen.answered |= due;
        self.phase = Phase::Asked { until_ms, seen: Some(seen) };
        if !due {
            return None;
        }
        let how = if self.dice.percent(35) { HOLD_MS } else { SHORT_MS };
        self.press(now, how)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senses(now_ms: u64, light: LightPattern) -> Senses {
        Senses { now_ms, light, last_ring_ms: None, somebody_talks: false }
    }

    #[test]
    fn the_first_request_is_left_to_ring_and_answered_afterwards() {
        let mut people = People::new(Dice::new(1, 1), 0);
        assert_eq!(people.tick(&senses(0, LightPattern::Listening)), Some(Deed::Hand { raised: true }));
        assert_eq!(people.tick(&senses(100, LightPattern::RemoteHand)), None);
        assert_eq!(people.ding_due(None), Some(6100));
        for now in (110..6100).step_by(10) {
            assert_eq!(people.tick(&senses(now, LightPattern::RemoteHand)), None, "at {now}");
        }
        let pressed = (6110..11_000).step_by(10).find(|now| {
            let rung = Senses { last_ring_ms: Some(6100), ..senses(*now, LightPattern::Dinged) };
            people.tick(&rung) == Some(Deed::Edge { pressed: true })
        });
        assert!(pressed.is_some_and(|at| at >= 6300), "{pressed:?}");
    }

    #[test]
    fn nobody_does_anything_while_no_device_is_there_or_when_calm() {
        let mut people = People::new(Dice::new(1, 1), 0);
        assert_eq!(people.tick(&senses(5000, LightPattern::Off)), None);
        people.calm_down();
        assert!((0..1000).all(|n| people.tick(&senses(n * 10, LightPattern::Listening)).is_none()));
    }
}
