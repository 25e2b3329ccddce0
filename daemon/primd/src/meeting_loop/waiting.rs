//! Orders that wait until what was recorded before them is on disk; in order, and no longer than they are wanted.
//!
//! A sound that waits may be overtaken by what happens meanwhile, and then it is never heard:
//!
//! | waits | and is given up after |
//! |---|---|
//! | a speech | the order to be silent or to forget it, its request's end |
//! | a ding | its request's permission or end, a change of where dings sound, a person who begins to talk, a press, any mute, an ear that fails or works badly |
//! | any sound | a record before it that could not be stored |
//! | a raised hand | the order to lower it |
//! | a banner on the platform | the order to clear it |
//!
//! Cards and what panels are told of a record are never given up.

use std::collections::VecDeque;

use prim_ids::{MeetingId, MonoTime, RequestId};
use prim_meeting::{BannerAbout, Entry, Event, Input, Output, Peripheral, PeripheralState};

use crate::writer::Ticket;

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Later {
    /// A ding, a speech, a card or a hand.
    Order(Output),
    /// A banner for the platform.
    Banner { about: BannerAbout, text: String },
    /// What panels see of a record.
    Tell(Box<Entry>),
    /// The meeting's own topic is over.
    MeetingOver(MeetingId),
}

#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<(Ticket, MonoTime, Later)>);

impl Waiting {
    pub(super) fn push(&mut self, behind: Ticket, at: MonoTime, what: Later) {
        self.0.push_back((behind, at, what));
    }

    /// Since when the first of them waits.
    pub(super) fn since(&self) -> Option<MonoTime> {
        self.0.front().map(|(_, at, _)| *at)
    }

    /// What waited for no more than `through`, with the time at which it was ordered.
    pub(super) fn next(&mut self, through: Ticket) -> Option<(MonoTime, Later)> {
        self.0.pop_front_if(|(behind, ..)| *behind <= through).map(|(_, at, what)| (at, what))
    }

    /// Nothing that waits will be heard.
    pub(super) fn hush(&mut self) {
        self.drop_orders(|order| matches!(order, Output::Say { .. } | Output::Ding { .. }));
    }

    /// Before the core gets `input`.
    pub(super) fn input(&mut self, input: &Input) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these break a silence or answer a request")]
        match input {
            Input::SpeechStarted { .. } | Input::ButtonPressed | Input::MuteSwitchMoved { on: true } => {
                self.drop_dings();
            }
            // As the core has it: an ear that works badly proves no silence, a loudspeaker that does still dings.
            Input::PeripheralChanged {
                which: Peripheral::Microphones | Peripheral::RemoteLink,
                state: PeripheralState::Degraded { .. } | PeripheralState::Absent { .. },
            }
            | Input::PeripheralChanged {
                which: Peripheral::Speaker,
                state: PeripheralState::Absent { .. },
            } => self.drop_dings(),
            _ => {}
        }
    }

    /// For each order of the core, before it is carried out.
    pub(super) fn order(&mut self, order: &Output) {
        match order {
            Output::Silence { say, .. } | Output::Discard { say } => {
                self.drop_orders(|waits| matches!(waits, Output::Say { say: waiting, .. } if waiting == say));
            }
            Output::LowerHand { request } => {
                self.drop_orders(
                    |waits| matches!(waits, Output::RaiseHand { request: waiting } if waiting == request),
                );
            }
            Output::ClearBanner { about } => {
                self.0.retain(
                    |(.., waits)| !matches!(waits, Later::Banner { about: waiting, .. } if waiting == about),
                );
            }
            Output::Mute { on: true } => self.drop_dings(),
            Output::Record { entry } => self.record(&entry.event),
            Output::Mute { on: false }
            | Output::Show { .. }
            | Output::ShowFloor { .. }
            | Output::ShowBanner { .. }
            | Output::ShowTimebox { .. }
            | Output::Card { .. }
            | Output::Ding { .. }
            | Output::Prepare { .. }
            | Output::Say { .. }
            | Output::RaiseHand { .. }
            | Output::AnswerWanted { .. }
            | Output::OwnWords { .. }
            | Output::Reset => {}
        }
    }

    fn record(&mut self, event: &Event) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "only these answer or end a request")]
        match event {
            Event::Allowed { request, .. } => self.drop_orders(|waits| is_ding(waits, *request)),
            Event::FloorClosed { request, .. } => self.drop_orders(|waits| {
                is_ding(waits, *request)
                    || matches!(waits, Output::Say { request: waiting, .. } if waiting == request)
            }),
            Event::DingChanged { .. } => self.drop_dings(),
            _ => {}
        }
    }

    fn drop_dings(&mut self) {
        self.drop_orders(|waits| matches!(waits, Output::Ding { .. }));
    }

    fn drop_orders(&mut self, unwanted: impl Fn(&Output) -> bool) {
        self.0.retain(|(.., waits)| !matches!(waits, Later::Order(order) if unwanted(order)));
    }
}

fn is_ding(order: &Output, of: RequestId) -> bool {
    matches!(order, Output::Ding { request, .. } if *request == of)
}

#[cfg(test)]
mod tests {
    use prim_meeting::{
        Actor, Audience, Closing, DingPlace, DingSetting, Ear, ExpiryReason, Light, SayId, SilenceCause,
        TalkerKey, WithdrawReason,
    };

    use super::*;

    const AT: MonoTime = MonoTime::ZERO;

    fn request(n: u128) -> RequestId {
        RequestId::from_u128(n)
    }

    fn ding(n: u128) -> Output {
        Output::Ding { request: request(n), place: DingPlace::Room }
    }

    fn say(n: u32) -> Output {
        Output::Say { say: SayId(n), request: request(u128::from(n)), clauses: 1 }
    }

    fn hand(n: u128) -> Output {
        Output::RaiseHand { request: request(n) }
    }

    fn card() -> Output {
        Output::Card { to: Audience::Everyone, title: "t".to_owned(), body: "b".to_owned() }
    }

    /// Whether `order` is still carried out after `meanwhile`.
    fn survives(order: Output, meanwhile: impl Fn(&mut Waiting)) -> bool {
        let mut waiting = Waiting::default();
        waiting.push(1, AT, Later::Order(order.clone()));
        meanwhile(&mut waiting);
        waiting.next(1).is_some_and(|(_, later)| later == Later::Order(order))
    }

    fn recorded(event: Event) -> impl Fn(&mut Waiting) {
        move |waiting| {
            waiting.order(&Output::Record { entry: Entry { at: AT, event: event.clone() } });
        }
    }

    fn ordered(order: Output) -> impl Fn(&mut Waiting) {
        move |waiting| waiting.order(&order)
    }

    fn told(input: Input) -> impl Fn(&mut Waiting) {
        move |waiting| waiting.input(&input)
    }

    fn closed(n: u128, how: &Closing) -> Event {
        Event::FloorClosed { request: request(n), how: how.clone() }
    }

    #[test]
    fn orders_come_out_in_order_and_none_before_its_proof() {
        let mut waiting = Waiting::default();
        waiting.push(1, AT, Later::Order(hand(1)));
        waiting.push(2, AT, Later::Order(ding(1)));
        waiting.push(2, AT, Later::Order(card()));
        assert_eq!(waiting.next(0), None);
        assert_eq!(waiting.next(1), Some((AT, Later::Order(hand(1)))));
        assert_eq!(waiting.next(1), None);
        assert_eq!(waiting.next(2), Some((AT, Later::Order(ding(1)))));
        assert_eq!(waiting.next(2), Some((AT, Later::Order(card()))));
    }

    #[test]
    fn a_speech_that_was_silenced_or_forgotten_before_it_began_never_begins() {
        let silence = |n| Output::Silence { say: SayId(n), cause: SilenceCause::BargeIn };
        assert!(!survives(say(1), ordered(silence(1))));
        assert!(!survives(say(1), ordered(Output::Discard { say: SayId(1) })));
        let how = Closing::Stopped { by: Actor::Button, cause: SilenceCause::Stop };
        assert!(!survives(say(1), recorded(closed(1, &how))));
        assert!(survives(say(2), ordered(silence(1))), "that was another one");
        assert!(survives(say(2), ordered(Output::Discard { say: SayId(1) })));
    }

    #[test]
    fn a_ding_does_not_sound_after_its_request_was_answered_withdrawn_or_expired() {
        let allowed = Event::Allowed { request: request(1), by: Actor::Button, waited_ms: 1 };
        assert!(!survives(ding(1), recorded(allowed.clone())));
        for how in [
            Closing::Declined { by: Actor::Button },
            Closing::Withdrawn { by: Actor::Prim, why: WithdrawReason::Mode },
            Closing::Expired { why: ExpiryReason::Unanswered },
        ] {
            assert!(!survives(ding(1), recorded(closed(1, &how))), "{how:?}");
            assert!(survives(ding(2), recorded(closed(1, &how))), "that was another request");
        }
        assert!(survives(ding(2), recorded(allowed)));
    }

    #[test]
    fn a_ding_does_not_sound_into_a_voice_a_press_a_mute_or_deaf_ears() {
        let talker = TalkerKey(0);
        for ear in [Ear::Room, Ear::Remote] {
            assert!(!survives(ding(1), told(Input::SpeechStarted { ear, talker, speaker: None })));
        }
        assert!(!survives(ding(1), told(Input::ButtonPressed)));
        assert!(!survives(ding(1), told(Input::MuteSwitchMoved { on: true })));
        assert!(!survives(ding(1), ordered(Output::Mute { on: true })));
        for which in [Peripheral::Microphones, Peripheral::RemoteLink, Peripheral::Speaker] {
            let state = PeripheralState::Absent { reason: "gone".to_owned() };
            assert!(!survives(ding(1), told(Input::PeripheralChanged { which, state })));
        }
        for (which, still) in
            [(Peripheral::Microphones, false), (Peripheral::RemoteLink, false), (Peripheral::Speaker, true)]
        {
            let state = PeripheralState::Degraded { reason: "it works badly".to_owned() };
            assert_eq!(survives(ding(1), told(Input::PeripheralChanged { which, state })), still);
        }
        let off = Event::DingChanged { setting: DingSetting::Off, by: Actor::Button };
        assert!(!survives(ding(1), recorded(off)));
    }

    #[test]
    fn what_does_not_touch_a_ding_leaves_it() {
        assert!(survives(ding(1), told(Input::ButtonReleased)));
        assert!(survives(ding(1), told(Input::MuteSwitchMoved { on: false })));
        assert!(survives(ding(1), ordered(Output::Mute { on: false })));
        assert!(survives(ding(1), ordered(Output::Show { light: Light::Dinged })));
        assert!(survives(ding(1), ordered(Output::LowerHand { request: request(1) })));
        let up = Input::PeripheralChanged { which: Peripheral::Microphones, state: PeripheralState::Up };
        assert!(survives(ding(1), told(up)));
    }

    #[test]
    fn a_voice_alone_does_not_give_up_a_speech_the_core_decides_that() {
        let input = Input::SpeechStarted { ear: Ear::Room, talker: TalkerKey(0), speaker: None };
        assert!(survives(say(1), told(input)));
    }

    #[test]
    fn a_hand_and_a_banner_that_were_taken_back_are_never_shown() {
        assert!(!survives(hand(1), ordered(Output::LowerHand { request: request(1) })));
        assert!(survives(hand(2), ordered(Output::LowerHand { request: request(1) })));
        let about = BannerAbout::Request { request: request(1) };
        let mut waiting = Waiting::default();
        waiting.push(1, AT, Later::Banner { about, text: "first".to_owned() });
        waiting.push(1, AT, Later::Banner { about: BannerAbout::Timebox, text: "second".to_owned() });
        waiting.order(&Output::ClearBanner { about });
        let left = waiting.next(1).map(|(_, left)| left);
        assert_eq!(left, Some(Later::Banner { about: BannerAbout::Timebox, text: "second".to_owned() }));
        assert_eq!(waiting.next(1), None);
    }

    #[test]
    fn what_cannot_be_proven_is_not_heard_and_the_rest_is_shown() {
        let mut waiting = Waiting::default();
        for (ticket, order) in [(1, ding(1)), (1, card()), (2, say(2)), (3, hand(3))] {
            waiting.push(ticket, AT, Later::Order(order));
        }
        waiting.hush();
        let left: Vec<_> = std::iter::from_fn(|| waiting.next(3)).map(|(_, left)| left).collect();
        assert_eq!(left, [Later::Order(card()), Later::Order(hand(3))]);
    }
}
