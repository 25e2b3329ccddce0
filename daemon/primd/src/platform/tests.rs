//! A platform that comes late, goes in the middle and comes back, with the real loopback on both ends.

use prim_adapter::loopback::{FromPrim, LoopbackAdapter, LoopbackPlatform};

use super::*;
use crate::inbox::Message;

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_platform_that_comes_late_and_comes_again_is_joined_each_time_and_both_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("platform.sock");
    let (inbox, facts) = Inbox::new();
    let stopping = Arc::new(AtomicBool::new(false));
    let (mut link, joined, thread) =
        PlatformLink::start(LoopbackAdapter::new(&socket), &inbox, &stopping).unwrap();
    let mut states = Vec::new();
    let mut next_state = |wanted: fn(&PeripheralState) -> bool| {
        wait_for("the state", || {
            while let Ok(message) = facts.try_recv() {
                if let Message::Fact { input: Input::PeripheralChanged { state, .. }, .. } = message {
                    states.push(state);
                }
            }
            states.iter().any(wanted)
        });
        std::mem::take(&mut states)
    };
    let away = |state: &PeripheralState| matches!(state, PeripheralState::Absent { .. });
    let up = |state: &PeripheralState| *state == PeripheralState::Up;

    // Nobody is there yet: said once, however often it is tried.
    assert_eq!(next_state(away).len(), 1);
    assert!(link.state().is_err() && lock(&link.leg()).is_none());
    link.banner(Some("Prim would like to say something"));

    let platform = LoopbackPlatform::bind(&socket).unwrap();
    next_state(up);
    wait_for("the ear", || joined.try_recv().is_ok());
    wait_for("the mouth", || lock(&link.leg()).is_some());
    assert_eq!(link.state(), Ok(()));
    wait_for(
        "what Prim shows",
        || matches!(platform.next(Duration::from_millis(50)), Some(FromPrim::Banner(text)) if !text.is_empty()),
    );

    // Its process dies in the middle, and another one takes its place.
    drop(platform);
    next_state(|state| *state != PeripheralState::Up);
    assert!(link.state().is_err());
    let platform = LoopbackPlatform::bind(&socket).unwrap();
    next_state(up);
    assert_eq!(link.state(), Ok(()));

    // Its host has had enough: that is obeyed.
    platform.put_out("enough");
    next_state(away);
    wait_for("the end of trying", || thread.is_finished());
    stopping.store(true, Ordering::Release);
    thread.join().unwrap();
}

#[test]
fn a_session_that_is_over_is_followed_by_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let (inbox, _facts) = Inbox::new();
    let stopping = Arc::new(AtomicBool::new(false));
    let socket = folder.path().join("platform.sock");
    let _platform = LoopbackPlatform::bind(&socket).unwrap();
    let adapter = LoopbackAdapter::new(&socket);
    let (_link, joined, thread) = PlatformLink::start(adapter, &inbox, &stopping).unwrap();
    for _ in 0..2 {
        let mut ended = None;
        wait_for("a session", || {
            ended = joined.try_recv().ok();
            ended.is_some()
        });
        let (_, session) = ended.unwrap();
        session.leave(Duration::from_secs(5)).unwrap();
    }
    stopping.store(true, Ordering::Release);
    thread.join().unwrap();
}
