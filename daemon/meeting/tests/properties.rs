//! Random meetings against the naive reference model in `support/watcher.rs`: no two dings for a request, never speech
//! without Allow or policy, never over a person, stop always wins, time never runs backwards, the floor always comes to
//! rest; and replay, snapshot and restart.

#![expect(clippy::wildcard_enum_match_arm, reason = "each property looks only at what it is about")]

mod support;

use std::collections::BTreeSet;

use prim_ids::{MonoTime, RequestId};
use prim_meeting::{Event, Meeting, MeetingConfig, Output, Snapshot, log};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use support::driver::run;
use support::plan::plan;

fn lines(outputs: &[(MonoTime, Output)]) -> Vec<String> {
    outputs.iter().map(|(at, output)| format!("{at:?} {}", log::output_line(output))).collect()
}

/// 300 in a test run; `PROPTEST_CASES=100000` for a long one.
fn cases() -> u32 {
    std::env::var_os("PROPTEST_CASES").and_then(|cases| cases.to_str()?.parse().ok()).unwrap_or(300)
}

fn drain(meeting: &mut Meeting) -> Vec<Output> {
    std::iter::from_fn(|| meeting.poll_output()).collect()
}

fn dings(outputs: &[Output]) -> BTreeSet<RequestId> {
    let of = |output: &Output| match output {
        Output::Ding { request, .. } => Some(*request),
        _ => None,
    };
    outputs.iter().filter_map(of).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_promise_holds_in_any_meeting(plan in plan()) {
        run(&plan);
    }

    #[test]
    fn a_meeting_replays_bit_for_bit_from_its_log(plan in plan()) {
        let run = run(&plan);
        let again = log::replay(&run.log).unwrap();
        prop_assert_eq!(lines(&again), lines(&run.outputs));
    }

    #[test]
    fn a_restart_at_any_moment_expires_what_was_open_and_never_repeats_a_ding(plan in plan()) {
        let run = run(&plan);
        for (done, snapshot) in run.snapshots.iter().step_by(5) {
            let text = snapshot.to_text();
            let read = Snapshot::from_text(&text);
            prop_assert_eq!(read.as_ref(), Ok(snapshot));
            let before: Vec<Output> = run.outputs[..*done].iter().map(|(_, output)| output.clone()).collect();
            let mut requested = BTreeSet::new();
            let mut closed = BTreeSet::new();
            for output in &before {
                let Output::Record { entry } = output else { continue };
                match &entry.event {
                    Event::FloorRequested { request, .. } => { requested.insert(*request); }
                    Event::FloorClosed { request, .. } => { closed.insert(*request); }
                    _ => {}
                }
            }
            let open: BTreeSet<RequestId> = requested.difference(&closed).copied().collect();
            let last = run.outputs[done.saturating_sub(1)].0;
            let config = MeetingConfig { seed: plan.config.seed ^ 0xFFFF, ..plan.config.clone() };
            let mut meeting = Meeting::restore(config, snapshot.clone(), last);
            let outputs = drain(&mut meeting);
            let mut expired = BTreeSet::new();
            for output in &outputs {
                let sounds = matches!(output, Output::Ding { .. } | Output::Say { .. });
                prop_assert!(!sounds, "a restart makes no sound");
                if let Output::Record { entry } = output
                    && let Event::FloorClosed { request, .. } = &entry.event
                {
                    expired.insert(*request);
                }
            }
            prop_assert_eq!(&expired, &open);
            // Nothing dings for two minutes that dinged before, whatever the timers do.
            let mut later = Vec::new();
            for _ in 0..50 {
                let Some(due) = meeting.poll_timeout() else { break };
                meeting.handle_timeout(due);
                later.extend(drain(&mut meeting));
            }
            prop_assert!(dings(&later).is_disjoint(&dings(&before)));
            // The snapshot of the restored core is the same meeting, with nothing open.
            prop_assert_eq!(Snapshot::from_text(&meeting.snapshot().to_text()), Ok(meeting.snapshot()));
        }
    }

    #[test]
    fn a_line_that_nobody_wrote_is_an_error_and_never_a_panic(line in ".{0,200}") {
        let _ = log::read_line(&line);
        let _ = log::read_head(&line);
        let _ = Snapshot::from_text(&line);
        let _ = log::replay(&line);
    }

    #[test]
    fn a_changed_log_is_read_or_refused_and_never_a_panic(plan in plan(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = run(&plan).log.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = log::replay(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_run_ends_where_its_clock_stands() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = plan().new_tree(&mut runner).unwrap();
    let run = run(&tree.current());
    assert!(run.now > MonoTime::from_millis(3_600_000));
    assert_eq!(run.meeting.meeting(), None);
}

#[test]
fn the_random_meetings_are_not_boring() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for _ in 0..300 {
        let run = run(&plan().new_tree(&mut runner).unwrap().current());
        for (_, output) in &run.outputs {
            let line = log::output_line(output);
            let kind = match output {
                Output::Record { .. } => line.split(" event= ").nth(1).unwrap_or("").to_owned(),
                _ => line,
            };
            let words: Vec<&str> = kind.split(' ').collect();
            let detail = ["how=", "cause=", "meaning=", "by="]
                .iter()
                .filter_map(|field| Some(words[words.iter().position(|word| word == field)? + 1]))
                .collect::<Vec<_>>()
                .join(" ");
            *seen.entry(format!("{} {detail}", words[0])).or_default() += 1;
        }
    }
    println!("{seen:#?}");
    for needed in [
        "Ding ",
        "Say ",
        "Silence BargeIn",
        "Silence Stop",
        "Silence Muted",
        "Silence TooLong",
        "Silence NotStarted",
        "Silence Deaf",
        "Silence MeetingEnded",
        "Allowed Button",
        "Allowed Panel",
        "Allowed Voice",
        "FloorClosed Spoken",
        "FloorClosed Served Voice",
        "ConsentAnswered Voice",
        "ConsentAnswered Participant",
        "CardShown ",
        "FloorClosed Expired",
        "FloorClosed Carded",
        "ButtonMeant NotNow",
        "ButtonMeant SoftMute",
        "ButtonMeant Reset",
        "Note Voice",
        "Utterance ",
    ] {
        assert!(
            seen.get(needed).is_some_and(|count| *count >= 3),
            "{needed:?} is hardly seen: {:?}",
            seen.get(needed)
        );
    }
}
