use super::*;
use crate::{Claim, Support};

const SHORT: Duration = Duration::from_millis(20);

fn setup(offers: &[Capability]) -> SessionSetup {
    let claims = offers
        .iter()
        .map(|capability| Claim { capability: *capability, support: Support::Native { proof: "here" } })
        .collect();
    SessionSetup { manifest: Manifest { adapter: "test", claims }, ears: Vec::new() }
}

fn who(n: u128) -> ParticipantId {
    ParticipantId::from_u128(n)
}

fn events(session: &Session<NoMouth>) -> Vec<AdapterEvent> {
    std::iter::from_fn(|| session.next_event(Duration::ZERO)).collect()
}

#[test]
fn what_the_manifest_does_not_offer_is_refused_before_the_platform_hears_of_it() {
    let (session, port) = setup(&[]).open();
    assert_eq!(session.raise_hand(), Err(RequestError::NotOffered(Capability::RaiseHand)));
    assert_eq!(port.next_command(Duration::ZERO), None);
}

#[test]
fn requests_reach_the_adapter_in_order_and_a_full_queue_is_busy() {
    let (session, port) = setup(&[Capability::RaiseHand, Capability::Banner]).open();
    session.raise_hand().unwrap();
    session.show_banner("five minutes left").unwrap();
    assert_eq!(port.next_command(SHORT), Some(Command::Hand(true)));
    assert_eq!(port.next_command(SHORT), Some(Command::Banner("five minutes left".into())));
    for _ in 0..COMMAND_CAPACITY {
        session.raise_hand().unwrap();
    }
    assert_eq!(session.lower_hand(), Err(RequestError::Busy));
    session.leave(Duration::ZERO).unwrap_err();
    assert_eq!(port.next_command(SHORT), Some(Command::Leave), "leaving needs no place in the queue");
}

#[test]
fn lost_events_are_announced_and_the_roster_stays_true() {
    let (session, mut port) = setup(&[]).open();
    for n in 0..EVENT_CAPACITY as u128 + 9 {
        port.participant_joined(who(n), "somebody");
    }
    let events = events(&session);
    assert_eq!(events.len(), EVENT_CAPACITY + 1);
    assert_eq!(events.last(), Some(&AdapterEvent::EventsLost { count: 10 }));
    assert_eq!(session.roster().len(), EVENT_CAPACITY + 9);
}

#[test]
fn after_a_reconnect_people_who_are_not_named_again_have_left() {
    let (session, mut port) = setup(&[]).open();
    port.participant_joined(who(1), "Ana");
    port.participant_joined(who(2), "Ben");
    port.set_state(SessionState::Reconnecting { attempts: 0 });
    port.set_state(SessionState::Joined);
    port.participant_joined(who(2), "Ben");
    port.forget_the_unconfirmed();
    let roster = session.roster();
    assert_eq!(roster.iter().map(|(who, _)| who).collect::<Vec<_>>(), [who(2)]);
    assert_eq!(events(&session).last(), Some(&AdapterEvent::ParticipantLeft { who: who(1) }));
}

#[test]
fn hands_of_strangers_and_hands_that_did_not_move_are_no_events() {
    let (session, mut port) = setup(&[]).open();
    port.hand_moved(who(1), true);
    port.participant_joined(who(1), "Ana");
    port.hand_moved(who(1), true);
    port.hand_moved(who(1), true);
    assert_eq!(
        events(&session)[1..],
        [AdapterEvent::ParticipantJoined { who: who(1) }, AdapterEvent::HandRaised { who: who(1) }]
    );
}

#[test]
fn a_vanished_adapter_closes_the_session_and_nothing_reopens_it() {
    let (session, port) = setup(&[Capability::RaiseHand]).open();
    drop(port);
    assert_eq!(session.state(), SessionState::Closed(CloseReason::DriverGone));
    assert_eq!(session.raise_hand(), Err(RequestError::NotJoined));
    assert_eq!(session.leave(SHORT), Ok(()));
}

#[test]
fn leaving_has_a_time_limit_and_ends_the_session_either_way() {
    let (session, port) = setup(&[]).open();
    assert!(session.leave(SHORT).is_err());
    assert_eq!(session.state(), SessionState::Closed(CloseReason::Left));
    assert!(port.is_leaving());
}

#[test]
fn a_dropped_session_tells_its_adapter_to_leave() {
    let (session, port) = setup(&[]).open();
    drop(session);
    assert_eq!(port.next_command(SHORT), Some(Command::Leave));
}

#[test]
fn names_are_not_printed() {
    let (session, mut port) = setup(&[]).open();
    port.participant_joined(who(1), "Marguerite");
    assert!(!format!("{:?} {session:?}", session.roster()).contains("Marguerite"));
}
