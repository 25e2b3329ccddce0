//! Why the floor became free, as far as the events tell. The feed does not say how a request ended; what can be seen
//! beside it does in most cases. Where it does not, nothing more is claimed than that nobody let Prim speak.
use prim_ids::MonoTime;
use prim_proto::{FloorState, Light, LiveEvent};

/// A button that is held so long declines (DESIGN 4), less what two lines of the feed may be apart.
const HELD_MS: u64 = 900;
/// What belongs together in the feed is no further apart.
const TOGETHER_MS: u64 = 100;
/// A request expires 30 s after its ding (DESIGN 4), less the same.
const EXPIRES_MS: u64 = 29_900;

/// What was seen of the request at the front.
#[derive(Debug, Default)]
pub(super) struct Front {
    state: Option<FloorState>,
    dinged: Option<MonoTime>,
    silenced: bool,
    muted: bool,
    pressed: Option<MonoTime>,
    /// When a press that was held ended.
    held: Option<MonoTime>,
}

impl Front {
    /// Take an event in; the answer is why the floor is free, when it has just become so and that can be told.
    pub(super) fn take(&mut self, event: &LiveEvent) -> Option<&'static str> {
        match event {
            LiveEvent::Light { at_ms, pattern: Light::Pressed } => self.pressed = Some(*at_ms),
            LiveEvent::Light { at_ms, .. } => {
                let held = self.pressed.take().filter(|since| between(*since, *at_ms) >= HELD_MS);
                self.held = held.map(|_| *at_ms);
            }
            LiveEvent::Mute { on, .. } => self.muted = *on,
            LiveEvent::Silence { cause, .. } => self.silenced = cause.is_some(),
            LiveEvent::Floor { at_ms, state, .. } => {
                let before = self.state.replace(*state);
                if *state == FloorState::Idle {
                    return before.and_then(|before| self.freed(before, *at_ms));
                }
                if *state != FloorState::Dinged {
                    self.dinged = None;
                } else if before != Some(FloorState::Dinged) {
                    self.dinged = Some(*at_ms);
                }
                self.silenced = false;
            }
            LiveEvent::Hello { .. }
            | LiveEvent::Talking { .. }
            | LiveEvent::Partial { .. }
            | LiveEvent::Final { .. }
            | LiveEvent::Ding { .. }
            | LiveEvent::Say { .. }
            | LiveEvent::Card { .. }
            | LiveEvent::Banner { .. }
            | LiveEvent::Timebox { .. }
            | LiveEvent::Note { .. }
            | LiveEvent::Decision { .. }
            | LiveEvent::Action { .. }
            | LiveEvent::Sync { .. }
            | LiveEvent::Degraded { .. }
            | LiveEvent::Meeting { .. } => {}
        }
        None
    }

    fn freed(&self, before: FloorState, at: MonoTime) -> Option<&'static str> {
        let declined = self.held.is_some_and(|held| between(held, at) <= TOGETHER_MS);
        let expired = self.dinged.is_some_and(|dinged| between(dinged, at) >= EXPIRES_MS);
        match before {
            FloorState::Idle => None,
            FloorState::Speaking if self.silenced => Some("Prim was silenced"),
            FloorState::Speaking => Some("after Prim's words"),
            FloorState::Allowed => Some("after it was allowed"),
            FloorState::Asking | FloorState::Dinged => Some(match (self.muted, declined, expired) {
                (true, _, _) => "withdrawn, Prim is muted",
                (false, true, _) => "declined by the button",
                (false, false, true) => "expired, nobody answered",
                (false, false, false) => "not granted",
            }),
        }
    }
}

fn between(from: MonoTime, to: MonoTime) -> u64 {
    to.as_millis().saturating_sub(from.as_millis())
}
