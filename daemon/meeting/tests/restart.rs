//! What a restart may and may not do, where a random meeting seldom looks.

use std::time::Duration;

use prim_ids::{AgendaItemId, MeetingId, MonoTime, WallTime};
use prim_meeting::{
    AgendaItem, ConsentRule, Event, Input, Meeting, MeetingConfig, Mode, Output, Peripheral, PeripheralState,
};

fn events(meeting: &mut Meeting) -> Vec<Event> {
    std::iter::from_fn(|| meeting.poll_output())
        .filter_map(|output| if let Output::Record { entry } = output { Some(entry.event) } else { None })
        .collect()
}

fn parts_are_up(meeting: &mut Meeting, now: MonoTime) {
    for which in [Peripheral::Microphones, Peripheral::Speaker, Peripheral::Tts] {
        meeting.handle_input(now, Input::PeripheralChanged { which, state: PeripheralState::Up });
    }
}

fn two_minutes() -> (Meeting, MeetingConfig, MonoTime) {
    let config = MeetingConfig { mode: Mode::ProactiveTimekeeper, ..MeetingConfig::default() };
    let mut meeting = Meeting::new(config.clone());
    let start = MonoTime::from_millis(1_000_000);
    parts_are_up(&mut meeting, start);
    let item = AgendaItem { id: AgendaItemId::from_u128(1), title: "Budget".to_owned(), planned_ms: 120_000 };
    let started = Input::MeetingStarted {
        meeting: MeetingId::from_u128(1),
        wall: WallTime::from_unix_millis(0),
        title: String::new(),
        agenda: vec![item],
        people: Vec::new(),
        consent: ConsentRule::Given,
    };
    meeting.handle_input(start, started);
    (meeting, MeetingConfig { seed: 1, ..config }, start)
}

#[test]
fn an_overrun_that_was_slept_through_is_not_asked_about_again() {
    let (mut meeting, config, start) = two_minutes();
    meeting.handle_timeout(start + Duration::from_secs(110));
    let snapshot = meeting.snapshot();
    let later = start + Duration::from_secs(130);
    let mut meeting = Meeting::restore(config, snapshot, later);
    parts_are_up(&mut meeting, later);
    meeting.handle_timeout(later + Duration::from_secs(60));
    assert!(!events(&mut meeting).iter().any(|event| matches!(event, Event::FloorRequested { .. })));
    let timebox = meeting.timebox(later).unwrap();
    assert_eq!((timebox.planned_ms, timebox.spent_ms), (120_000, 130_000));
}

#[test]
fn after_a_reboot_the_clock_goes_on_from_where_it_stood() {
    let (mut meeting, config, start) = two_minutes();
    meeting.handle_timeout(start + Duration::from_secs(90));
    let snapshot = meeting.snapshot();
    let rebooted = MonoTime::from_millis(20_000);
    let mut meeting = Meeting::restore(config, snapshot, rebooted);
    parts_are_up(&mut meeting, rebooted);
    assert_eq!(meeting.timebox(rebooted).unwrap().spent_ms, 90_000);
    meeting.handle_timeout(rebooted + Duration::from_secs(30));
    assert!(events(&mut meeting).iter().any(|event| matches!(event, Event::FloorRequested { .. })));
}
