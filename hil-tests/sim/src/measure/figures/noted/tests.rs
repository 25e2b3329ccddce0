use prim_ids::ParticipantId;

use super::super::made::{Made, near};
use super::*;
use crate::script::Due;

/// A meeting on a Friday in which two people, known to the daemon, decide on something and agree on something.
fn meeting() -> Made {
    let mut m = Made::new();
    for (number, seat) in (1..).zip(&mut m.recording.summary.people) {
        seat.participant = Some(ParticipantId::from_u128(number));
    }
    says(&mut m, 1_000, "We open in May", decision("We open in May"));
    says(&mut m, 5_000, "Ann will order the lights before Friday", action("Order the lights before Friday"));
    m
}

fn decision(title: &str) -> Noted {
    Noted {
        kind: NotedKind::Decision,
        title: title.into(),
        owner: None,
        due: None,
        item: Some("Room".into()),
    }
}

/// Ann's, until Friday.
fn action(title: &str) -> Noted {
    let (owner, due) = (Some(0), Some(Due::Friday));
    Noted { kind: NotedKind::Action, title: title.into(), owner, due, item: Some("Room".into()) }
}

/// Said, and heard as an utterance that is named after its time.
fn says(m: &mut Made, at_ms: u32, text: &str, noted: Noted) {
    m.says(0, at_ms as usize, 2_000, text).noted = Some(noted);
    m.stored(f64::from(at_ms), 2_000.0, Some(35.0), "what was heard");
}

fn row(kind: NotedKind, at_ms: u32, title: &str) -> NotedRow {
    NotedRow {
        kind,
        title: title.into(),
        owner: None,
        due: None,
        item: Some("Room".into()),
        utterances: vec![format!("utterance {at_ms}")],
    }
}

fn opening() -> NotedRow {
    row(NotedKind::Decision, 1_000, "We open in may")
}

fn lights() -> NotedRow {
    NotedRow {
        owner: Some(ParticipantId::from_u128(1).to_string()),
        due: Some("2026-12-04".parse().unwrap()),
        ..row(NotedKind::Action, 5_000, "Order the lights before friday")
    }
}

/// With these rows: the figures, and of the problems those about the minutes.
fn figures(m: &mut Made, rows: Vec<NotedRow>) -> (Figures, Vec<String>) {
    m.rows.noted = rows;
    let f = m.figures(&[]);
    let ours = |p: &&String| ["decision", "action"].iter().any(|kind| p.contains(kind));
    let problems = f.problems.iter().filter(ours).cloned().collect();
    (f, problems)
}

#[test]
fn minutes_that_say_what_was_said_have_nothing_wrong() {
    let (f, problems) = figures(&mut meeting(), vec![opening(), lights()]);
    assert_eq!(problems, [""; 0]);
    near(&f, "noted_wer", 0.0, 0.0);
    near(&f, "noted_wer_n", 9.0, 0.0);
    for (figure, n) in [
        ("decisions", 1.0),
        ("actions", 1.0),
        ("noted_missing", 0.0),
        ("noted_of_nobody", 0.0),
        ("noted_twice", 0.0),
        ("noted_items_right", 2.0),
        ("action_owners_right", 1.0),
        ("action_due_right", 1.0),
    ] {
        near(&f, figure, n, 0.0);
    }
}

#[test]
fn words_that_were_misheard_are_counted_and_fail_nothing() {
    let misheard = NotedRow { title: "Or fertilize before Friday".into(), ..lights() };
    let (f, problems) = figures(&mut meeting(), vec![opening(), misheard]);
    assert_eq!(problems, [""; 0]);
    near(&f, "noted_wer", 3.0 / 9.0, 0.001);
    let promise = f.promises.iter().find(|promise| promise.0.contains("noted")).unwrap();
    assert!(promise.1.is_some_and(|rate| rate > promise.2), "it is shown as missed");
}

#[test]
fn an_action_may_have_no_owner_but_not_a_wrong_one() {
    let (f, problems) = figures(&mut meeting(), vec![opening(), NotedRow { owner: None, ..lights() }]);
    near(&f, "action_owners_none", 1.0, 0.0);
    assert_eq!(problems, [""; 0]);
    let other = Some(ParticipantId::from_u128(2).to_string());
    let (f, problems) = figures(&mut meeting(), vec![opening(), NotedRow { owner: other, ..lights() }]);
    near(&f, "action_owners_wrong", 1.0, 0.0);
    assert!(problems[0].contains("another person's"), "{problems:?}");
}

#[test]
fn an_owner_or_a_day_that_nobody_named_is_wrong() {
    let mut m = meeting();
    let noted = m.recording.said[1].noted.as_mut().unwrap();
    (noted.owner, noted.due) = (None, None);
    let (f, problems) = figures(&mut m, vec![opening(), lights()]);
    near(&f, "action_owners_wrong", 1.0, 0.0);
    near(&f, "action_due_wrong", 1.0, 0.0);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn an_action_may_have_no_day_but_not_another_than_said() {
    let (f, problems) = figures(&mut meeting(), vec![opening(), NotedRow { due: None, ..lights() }]);
    near(&f, "action_due_none", 1.0, 0.0);
    assert_eq!(problems, [""; 0]);
    let today = Some("2026-11-27".parse().unwrap());
    let (f, problems) = figures(&mut meeting(), vec![opening(), NotedRow { due: today, ..lights() }]);
    near(&f, "action_due_wrong", 1.0, 0.0);
    assert!(problems[0].contains("another day"), "{problems:?}");
}

#[test]
fn the_day_is_the_one_on_the_rooms_own_wall() {
    let mut m = meeting();
    // Ten o'clock in the morning in London is the evening before in the middle of the Pacific.
    m.recording.summary.utc_offset_min = -11 * 60;
    let friday = Some("2026-11-27".parse().unwrap());
    let (f, problems) = figures(&mut m, vec![opening(), NotedRow { due: friday, ..lights() }]);
    near(&f, "action_due_right", 1.0, 0.0);
    assert_eq!(problems, [""; 0]);
}

#[test]
fn what_nobody_said_is_found_though_the_numbers_are_right() {
    let mut m = meeting();
    m.says(1, 9_000, 1_000, "They acted on it");
    m.stored(9_000.0, 1_000.0, None, "action on it");
    let invented = row(NotedKind::Action, 9_000, "On it");
    let (f, problems) = figures(&mut m, vec![opening(), invented]);
    near(&f, "noted_of_nobody", 1.0, 0.0);
    near(&f, "noted_missing", 1.0, 0.0);
    near(&f, "noted_wer", 5.0 / 9.0, 0.001);
    assert_eq!(problems.len(), 2, "{problems:?}");
    let from_nothing = NotedRow { utterances: Vec::new(), ..lights() };
    near(&figures(&mut m, vec![opening(), from_nothing]).0, "noted_of_nobody", 1.0, 0.0);
}

#[test]
fn a_line_is_found_in_an_utterance_that_holds_a_longer_one_of_somebody_else() {
    let mut m = meeting();
    m.says(1, 12_000, 4_000, "I can send the list to everybody in the afternoon");
    says(&mut m, 16_500, "We open in June", decision("We open in June"));
    m.rows.utterances.pop();
    m.stored(12_000.0, 6_500.0, Some(35.0), "the list we open in june");
    let june = row(NotedKind::Decision, 12_000, "We open in june");
    let (f, problems) = figures(&mut m, vec![opening(), lights(), june]);
    assert_eq!(problems, [""; 0]);
    near(&f, "noted_wer_n", 13.0, 0.0);
}

#[test]
fn a_decision_that_is_stored_as_an_action_was_not_said() {
    let as_action = NotedRow { kind: NotedKind::Action, ..opening() };
    let (f, _) = figures(&mut meeting(), vec![as_action, lights()]);
    near(&f, "noted_of_nobody", 1.0, 0.0);
    near(&f, "noted_missing", 1.0, 0.0);
}

#[test]
fn what_was_said_once_is_stored_once_also_when_it_was_repeated() {
    let (f, problems) = figures(&mut meeting(), vec![opening(), lights(), lights()]);
    near(&f, "noted_twice", 1.0, 0.0);
    assert!(problems[0].contains("once more"), "{problems:?}");
    let mut m = meeting();
    says(&mut m, 9_000, "We open in May", decision("We open in May"));
    m.recording.said[2].beat = m.recording.said[0].beat.clone();
    let again = row(NotedKind::Decision, 9_000, "We open in may");
    let (f, _) = figures(&mut m, vec![opening(), lights(), again]);
    near(&f, "noted_twice", 1.0, 0.0);
    near(&f, "noted_wer_n", 9.0, 0.0);
}

#[test]
fn an_agenda_item_that_another_ran_in_is_counted() {
    let elsewhere = NotedRow { item: Some("Budget".into()), ..opening() };
    let (f, problems) = figures(&mut meeting(), vec![elsewhere, NotedRow { item: None, ..lights() }]);
    near(&f, "noted_items_wrong", 1.0, 0.0);
    near(&f, "noted_items_none", 1.0, 0.0);
    assert_eq!(problems, [""; 0], "the words that move the agenda on may be misheard");
}

#[test]
fn no_problem_says_a_word_of_the_minutes() {
    let other = Some(ParticipantId::from_u128(2).to_string());
    let wrong = NotedRow { owner: other, due: Some("2027-01-01".parse().unwrap()), ..lights() };
    let (_, problems) = figures(&mut meeting(), vec![wrong.clone(), wrong]);
    assert_eq!(problems.len(), 4, "{problems:?}");
    let said = ["open", "lights", "Ann", "Friday", "2027"];
    assert!(!problems.iter().any(|problem| said.iter().any(|word| problem.contains(word))), "{problems:?}");
}

#[test]
fn of_recordings_whose_words_nobody_knows_only_the_numbers_are_told() {
    let mut m = Made::new();
    m.says(0, 1_000, 1_000, "");
    let (f, problems) = figures(&mut m, vec![opening()]);
    near(&f, "decisions", 1.0, 0.0);
    assert!(!f.json.contains_key("noted_of_nobody") && problems.is_empty(), "{f:?}");
}
