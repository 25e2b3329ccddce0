//! To which agenda item a note, a decision or an action belongs.

use std::time::Duration;

use prim_ids::{AgendaItemId, DecisionId, MeetingId, MonoTime, UserId, WallTime};
use prim_meeting::{AgendaItem, ConsentRule, Event, Input, Meeting, MeetingConfig, Output, PanelCommand};

const START: MonoTime = MonoTime::from_millis(1_000_000);

fn item(number: u128) -> AgendaItemId {
    AgendaItemId::from_u128(number)
}

fn two_items() -> Meeting {
    let mut meeting = Meeting::new(MeetingConfig::default());
    let line = |number| AgendaItem { id: item(number), title: String::new(), planned_ms: 60_000 };
    let started = Input::MeetingStarted {
        meeting: MeetingId::from_u128(1),
        wall: WallTime::from_unix_millis(0),
        title: String::new(),
        agenda: vec![line(1), line(2)],
        people: Vec::new(),
        consent: ConsentRule::Given,
    };
    meeting.handle_input(START, started);
    meeting
}

fn panel(meeting: &mut Meeting, second: u64, command: PanelCommand) {
    let by = UserId::from_u128(1);
    meeting.handle_input(START + Duration::from_secs(second), Input::Panel { by, command });
}

fn decided(meeting: &mut Meeting) -> Vec<(DecisionId, Option<AgendaItemId>)> {
    std::iter::from_fn(|| meeting.poll_output())
        .filter_map(|output| {
            let Output::Record { entry } = output else { return None };
            let Event::Decision { decision, item, .. } = entry.event else { return None };
            Some((decision, item))
        })
        .collect()
}

#[test]
fn a_correction_stays_with_the_item_of_what_it_corrects_also_over_a_restart() {
    let mut meeting = two_items();
    let decide = |text: &str, supersedes| PanelCommand::AddDecision { text: text.to_owned(), supersedes };
    panel(&mut meeting, 5, decide("We ship on Friday", None));
    let first = decided(&mut meeting)[0];
    assert_eq!(first.1, Some(item(1)));
    panel(&mut meeting, 10, PanelCommand::NextItem);
    let config = MeetingConfig { seed: 1, ..MeetingConfig::default() };
    let mut meeting = Meeting::restore(config, meeting.snapshot(), START + Duration::from_secs(12));
    panel(&mut meeting, 15, decide("We ship on Monday", Some(first.0)));
    panel(&mut meeting, 16, decide("We hire two people", None));
    let items: Vec<_> = decided(&mut meeting).into_iter().map(|(_, item)| item).collect();
    assert_eq!(items, [Some(item(1)), Some(item(2))]);
    panel(&mut meeting, 30, PanelCommand::NextItem);
    panel(&mut meeting, 35, decide("After the agenda", None));
    assert_eq!(decided(&mut meeting)[0].1, None);
}
