//! `prim replay` on a log as the daemon writes it.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::{Command, Output};
use std::time::Duration;

use prim_ids::{AgendaItemId, MeetingId, MonoTime, WallTime};
use prim_meeting::log::{self, Step};
use prim_meeting::{AgendaItem, ConsentRule, Input, Meeting, MeetingConfig, Mode};
use prim_proto::replay::{Line, LineKind, VERSION_LINE};

/// Runs a short meeting whose only item overruns, so that Prim asks, and writes down everything as primd does.
fn recorded() -> Vec<String> {
    let config = MeetingConfig { seed: 7, mode: Mode::ProactiveTimekeeper, ..MeetingConfig::default() };
    let mut meeting = Meeting::new(config.clone());
    let mut lines = vec![VERSION_LINE.to_owned()];
    lines.push(Line::new(LineKind::Config, MonoTime::ZERO, &log::head(&config)).to_string());
    let at = MonoTime::from_millis(1_000);
    let started = Input::MeetingStarted {
        meeting: MeetingId::from_u128(1),
        wall: WallTime::from_unix_millis(1_795_000_000_000),
        title: "Budget".to_owned(),
        agenda: vec![AgendaItem {
            id: AgendaItemId::from_u128(2),
            title: "Rent".to_owned(),
            planned_ms: 5_000,
        }],
        people: Vec::new(),
        consent: ConsentRule::Given,
    };
    let mut steps = vec![(at, Step::Input { input: started })];
    let drain = |meeting: &mut Meeting, at, step: Step, lines: &mut Vec<String>| {
        let kind = if matches!(step, Step::Timeout) { LineKind::Timeout } else { LineKind::Input };
        lines.push(Line::new(kind, at, &log::line(at, &step)).to_string());
        match step {
            Step::Input { input } => meeting.handle_input(at, input),
            Step::Timeout => meeting.handle_timeout(at),
            Step::Restore { .. } => unreachable!("this log does not restore"),
        }
        while let Some(output) = meeting.poll_output() {
            lines.push(Line::new(LineKind::Output, at, &log::output_line(&output)).to_string());
        }
    };
    for (at, step) in steps.drain(..) {
        drain(&mut meeting, at, step, &mut lines);
    }
    let mut now = at;
    for _ in 0..20 {
        now = meeting.poll_timeout().map_or(now + Duration::from_secs(1), |due| due.max(now));
        drain(&mut meeting, now, Step::Timeout, &mut lines);
    }
    drain(&mut meeting, now, Step::Input { input: Input::ButtonPressed }, &mut lines);
    drain(&mut meeting, now, Step::Input { input: Input::MeetingEnded }, &mut lines);
    lines
}

fn replay(lines: &[String]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("m.replay");
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_prim")).arg("replay").arg(&file).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let lines = recorded();
    let outputs = lines.iter().filter(|line| line.starts_with("o ")).count();
    assert!(outputs > 10, "only {outputs} outputs: the meeting is too quiet to prove anything");
    let (status, said) = replay(&lines);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains(&format!("{outputs} outputs compared")), "{said}");
}

#[test]
fn a_changed_output_an_extra_one_and_a_missing_one_are_shown() {
    let honest = recorded();
    let at = honest.iter().position(|line| line.starts_with("o ")).unwrap() + 2;
    let mut changed = honest.clone();
    changed[at] = "o 1000 Reset".to_owned();
    let mut extra = honest.clone();
    extra.insert(at, "o 1000 Reset".to_owned());
    let mut missing = honest;
    missing.remove(at);
    for lines in [changed, extra, missing] {
        let (status, said) = replay(&lines);
        assert_eq!(status, 1, "{said}");
        assert!(said.contains("First difference"), "{said}");
    }
}

#[test]
fn a_log_of_another_core_says_so_first() {
    let (this, other) = (log::CORE, log::CORE + 1);
    let mut lines = recorded();
    lines[1] = lines[1].replace(&format!(" core {this} "), &format!(" core {other} "));
    let note =
        format!("Written by core {other}, this is core {this}: differences below may come from that.\n");
    let (status, said) = replay(&lines);
    assert_eq!(status, 0, "{said}");
    assert!(said.starts_with(&note), "{said}");
    let at = lines.iter().position(|line| line.starts_with("o ")).unwrap();
    lines[at] = "o 1000 Reset".to_owned();
    let (status, said) = replay(&lines);
    assert_eq!(status, 1, "{said}");
    assert!(
        said.starts_with(&note) && said.contains(&format!("does not say what core {other} said")),
        "{said}"
    );
    assert!(!said.contains("no longer says the same"), "{said}");
}

#[test]
fn a_log_that_was_cut_or_is_another_file_cannot_be_replayed() {
    let mut cut = recorded();
    let last = cut.iter().rposition(|line| line.starts_with("i ")).unwrap();
    cut[last].truncate(12);
    let (status, said) = replay(&cut);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("was cut or changed"), "{said}");
    // A crash cuts the very last line: what stands before it is compared.
    let mut crashed = recorded();
    crashed.push("i 99".to_owned());
    let (status, said) = replay(&crashed);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("last line was cut"), "{said}");
    crashed.pop();
    crashed.push("i".to_owned());
    let (status, said) = replay(&crashed);
    assert_eq!(status, 0, "{said}");
    let (status, said) = replay(&["milk, bread".to_owned()]);
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("prim-replay 1"), "{said}");
}

#[test]
fn a_log_cut_within_an_answer_says_so_and_is_no_difference() {
    let lines = recorded();
    let first = lines.iter().position(|line| line.starts_with("o ")).unwrap();
    assert!(lines[first + 1].starts_with("o "), "the first answer has one output only");
    // Cut behind an output that others follow: nothing in the line itself shows it.
    let (status, said) = replay(&lines[..=first]);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains("ends in the middle of an answer") && said.contains("1 outputs compared"),
        "{said}"
    );
    // Cut within an output.
    let mut cut = lines[..=first].to_vec();
    let length = cut[first].len();
    cut[first].truncate(length - 3);
    let (status, said) = replay(&cut);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("last line was cut") && said.contains("ends in the middle of an answer"), "{said}");
    assert!(!said.contains("no longer says the same"), "{said}");
    // A whole log ends with its answer.
    assert!(!replay(&lines).1.contains("middle of an answer"));
    // A last output that is another one is a difference as ever.
    let mut other = lines[..=first].to_vec();
    other[first] = "o 1000 Reset".to_owned();
    assert_eq!(replay(&other).0, 1);
}

#[test]
fn a_folder_is_no_log_and_the_place_of_logs_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_prim")).arg("replay").arg(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("it is a folder") && said.contains("MEETING.replay"), "{said}");
    assert!(!said.contains("os error"), "{said}");
}
