//! What a restart makes of a meeting: which one goes on, which one is ended, and what is on record of it.

use prim_meeting::{ConsentRule, DingSetting, Mode};
use prim_proto::Audit;

use super::*;

const WALL_MS: i64 = 1_790_000_000_000;

fn plan(text: &str) -> MeetingPlan {
    toml::from_str(text).unwrap()
}

fn friday() -> MeetingPlan {
    plan(
        "title = \"Friday\"\nmode = \"proactive-timekeeper\"\nconsent = \"given\"\n[[agenda]]\ntitle = \"A\"\nplanned_s = 600\n",
    )
}

fn monday() -> MeetingPlan {
    plan("title = \"Monday\"\nmode = \"coach-only\"\nding = \"off\"\nconsent = \"never\"\n")
}

fn sign(boot: u128, at_ms: u64, wall_ms: i64) -> Sign {
    let (boot, wall) = (BootId::from_u128(boot), WallTime::from_unix_millis(WALL_MS + wall_ms));
    Sign { boot, at: MonoTime::from_millis(at_ms), wall, synced: true }
}

fn ledger(boot: u128, plan: Option<&MeetingPlan>) -> Ledger {
    let (org, device) = ("acme".parse().unwrap(), "huddle".parse().unwrap());
    let mut ledger = Ledger::new(Identity { org, device, boot: BootId::from_u128(boot) });
    ledger.set_plan(plan.map(MeetingPlan::digest));
    ledger
}

/// Friday's meeting, which began at 100 s in the boot 1, was muted, and wants the floor as its daemon dies at 160 s.
fn saved() -> String {
    let at = |ms| MonoTime::from_millis(ms);
    let mut meeting = Meeting::new(config_for(Some(&friday()), 1));
    let mut ledger = ledger(1, Some(&friday()));
    let mut give = |ms, input| {
        meeting.handle_input(at(ms), input);
        while let Some(output) = meeting.poll_output() {
            if let Output::Record { entry } = output {
                ledger.drafts(&entry);
            }
        }
    };
    for which in [Peripheral::Microphones, Peripheral::Speaker, Peripheral::Disk] {
        give(1000, Input::PeripheralChanged { which, state: PeripheralState::Up });
    }
    give(100_000, start_of(&friday(), 1).0);
    give(150_000, Input::ButtonPressed);
    give(150_200, Input::ButtonReleased);
    give(160_000, words("marmalade", at(159_000)));
    assert!(meeting.floor().request.is_some());
    let memo = ledger.memo(at(160_000));
    let (boot, rest) = memo.split_at(memo.match_indices(' ').nth(3).unwrap().0);
    assert!(boot.starts_with(&BootId::from_u128(1).to_string()));
    format!("{}{rest}\n{}", sign(1, 160_000, 0), meeting.snapshot().to_text())
}

struct After {
    meeting: Meeting,
    ended: bool,
    begin: bool,
    /// What goes on record, in order.
    records: Vec<Audit>,
}

impl After {
    fn states(&self) -> Vec<&str> {
        self.records
            .iter()
            .filter_map(|audit| if let Audit::Daemon { state } = audit { Some(state.as_str()) } else { None })
            .collect()
    }
}

fn after(saved: &str, now: Sign, alive: Option<Sign>, plan: Option<&MeetingPlan>) -> After {
    let mut ledger = ledger(if now.boot == BootId::from_u128(1) { 1 } else { 2 }, plan);
    let left = resume(saved, alive, &now, &mut ledger, config_for(plan, 2)).unwrap();
    let mut meeting = left.meeting;
    let records = std::iter::from_fn(|| meeting.poll_output())
        .filter_map(|output| if let Output::Record { entry } = output { Some(entry) } else { None })
        .flat_map(|entry| ledger.drafts(&entry))
        .filter_map(|draft| if let proto::Body::Audit(audit) = draft.body { Some(audit) } else { None })
        .collect();
    After { meeting, ended: left.ended.is_some(), begin: left.begin, records }
}

fn goes_on(now: Sign, alive: Option<Sign>) -> bool {
    let after = after(&saved(), now, alive, Some(&friday()));
    assert_eq!(after.meeting.meeting().is_some(), !after.ended);
    assert_eq!(after.begin, after.ended);
    !after.ended
}

#[test]
fn the_meeting_of_the_same_plan_goes_on_after_a_short_gap() {
    let after = after(&saved(), sign(1, 165_000, 5000), None, Some(&friday()));
    assert!(!after.ended && !after.begin && after.meeting.may_record());
    assert_eq!(after.states(), ["restarted_after_crash"]);
    assert_eq!(after.meeting.mode(), Mode::ProactiveTimekeeper);
}

#[test]
fn another_meeting_file_ends_the_old_meeting_on_record_and_nothing_of_its_consent_is_left() {
    let now = sign(1, 165_000, 5000);
    let mut after = after(&saved(), now, Some(sign(1, 163_000, 3000)), Some(&monday()));
    assert!(after.ended && after.begin && !after.meeting.may_record());
    let last_alive = format!("last_alive_unix_ms_{}", WALL_MS + 3000);
    assert_eq!(
        after.states(),
        ["restarted_after_crash", "meeting_ended_after_unclean_stop_another_plan", last_alive.as_str()]
    );
    assert!(
        after.records.iter().any(|audit| matches!(audit, Audit::FloorExpired { .. })),
        "its request is closed"
    );
    assert_eq!(
        after.records.last(),
        Some(&Audit::MeetingEnded { duration_ms: 63_000 }),
        "until it was last alive"
    );

    let (Input::MeetingStarted { consent, .. }, _) = start_of(&monday(), 3) else { panic!("another input") };
    assert_eq!(consent, ConsentRule::Never);
    after.meeting.handle_input(now.at, start_of(&monday(), 3).0);
    after.meeting.handle_input(now.at, words("marmalade", now.at));
    let mut heard = 0;
    let mut began = None;
    while let Some(output) = after.meeting.poll_output() {
        if let Output::Record { entry } = output {
            if let Event::Utterance { .. } = entry.event {
                heard += 1;
            }
            if let Event::MeetingStarted { mode, ding, .. } = entry.event {
                began = Some((mode, ding));
            }
        }
    }
    assert_eq!((heard, began), (0, Some((Mode::CoachOnly, DingSetting::Off))));
}

#[test]
fn without_a_meeting_file_the_old_meeting_is_ended_and_none_begins() {
    let after = after(&saved(), sign(1, 165_000, 5000), None, None);
    assert!(after.ended && after.meeting.meeting().is_none());
}

#[test]
fn after_five_minutes_without_a_sign_of_life_the_meeting_does_not_go_on() {
    assert!(goes_on(sign(1, 460_000, 300_000), None));
    assert!(!goes_on(sign(1, 460_001, 300_001), None));
    assert!(!goes_on(sign(1, 165_000, 300_001), None), "the machine was frozen, as the trusted clock tells");
    let quiet = sign(1, 1_000_000, 840_000);
    assert!(
        goes_on(sign(1, 1_005_000, 845_000), Some(quiet)),
        "it wrote no record for long, but it was alive"
    );
    assert!(!goes_on(sign(1, 1_005_000, 845_000), Some(sign(3, 1_000_000, 840_000))), "in another boot");
}

#[test]
fn after_another_boot_only_a_trusted_clock_lets_a_meeting_go_on() {
    for uptime_ms in [20_000, 900_000] {
        assert!(goes_on(sign(2, uptime_ms, 90_000), None), "{uptime_ms}");
        assert!(!goes_on(sign(2, uptime_ms, 300_001), None), "{uptime_ms}");
        assert!(!goes_on(Sign { synced: false, ..sign(2, uptime_ms, 90_000) }, None), "{uptime_ms}");
    }
    let after = after(&saved(), sign(2, 900_000, 90_000), None, Some(&friday()));
    let spent_ms = after.meeting.timebox(MonoTime::from_millis(900_000)).unwrap().spent_ms;
    assert_eq!(spent_ms, 60_000, "an uptime is not a time away");
}

#[test]
fn a_clock_that_went_back_lets_nothing_go_on() {
    assert!(!goes_on(sign(1, 165_000, -60_000), None));
    assert!(!goes_on(sign(1, 159_999, 5000), None));
    assert!(goes_on(sign(1, 165_000, -500), None), "a time server may correct it a little");
}

#[test]
fn a_meeting_that_died_before_it_began_begins_and_one_that_had_ended_does_not() {
    let memo = |begun: bool| {
        let mut ledger = ledger(1, Some(&friday()));
        if begun {
            let mut meeting = Meeting::new(config_for(Some(&friday()), 1));
            meeting.handle_input(MonoTime::from_millis(1), start_of(&friday(), 1).0);
            meeting.handle_input(MonoTime::from_millis(2), Input::MeetingEnded);
            while let Some(output) = meeting.poll_output() {
                if let Output::Record { entry } = output {
                    ledger.drafts(&entry);
                }
            }
        }
        let empty = Meeting::new(config_for(None, 1)).snapshot().to_text();
        format!("{}\n{empty}", ledger.memo(clock::mono_now()))
    };
    let begins = |begun, plan: &MeetingPlan| {
        let saved = memo(begun);
        after(&saved, Sign::now(BootId::from_u128(1)), None, Some(plan)).begin
    };
    assert!(begins(false, &friday()));
    assert!(!begins(true, &friday()));
    assert!(begins(true, &monday()));
}

#[test]
fn a_meeting_that_a_restart_ends_is_over_for_panels_in_its_own_topic_and_on_disk() {
    let mut bench = bench(Limits::default());
    let plan = monday();
    bench.meeting_loop.ledger.set_plan(Some(plan.digest()));
    let now = sign(7, 165_000, 5000);
    let ledger = &mut bench.meeting_loop.ledger;
    let left = resume(&saved(), None, &now, ledger, config_for(Some(&plan), 2)).unwrap();
    bench.meeting_loop.meeting = left.meeting;
    bench.meeting_loop.restarted = true;
    bench.meeting_loop.ended = left.ended;
    bench.meeting_loop.settle_the_past();
    bench.written();
    let ended =
        |event: &LiveEvent| matches!(event, LiveEvent::Meeting { state, .. } if state.as_str() == "ended");
    assert!(lock(&bench.told).iter().any(ended));
    assert_eq!(bench.count(Stream::Audit, "meeting_ended_after_unclean_stop_another_plan"), 1);
    assert_eq!(bench.count(Stream::Audit, "\"meeting.ended\""), 1);
    bench.fact(clock::mono_now(), start_of(&plan, 3).0);
    assert_eq!(bench.count(Stream::Audit, "\"meeting.started\""), 1);
    assert!(!bench._folder.path().join("replay").exists(), "no log: it would not give the same again");
}
