use super::*;

fn request(number: u128) -> RequestId {
    RequestId::from_u128(number)
}

fn outcome(audit: Vec<(u64, Audit)>) -> Outcome {
    Outcome {
        seen: super::super::meeting::Seen::default(),
        audit: audit.into_iter().map(|(at, entry)| (MonoTime::from_millis(at), entry)).collect(),
        summary: serde_json::Map::new(),
        drained: true,
        missing_artifacts: Vec::new(),
        transcript: None,
        chain_broken: None,
        room_ok: true,
        device_ok: true,
    }
}

fn mute(on: bool) -> Audit {
    Audit::Mute { which: MuteKind::Soft, on, by: Actor::Button }
}

fn ding(at: u64) -> LiveEvent {
    LiveEvent::Ding { at_ms: MonoTime::from_millis(at), request: request(1) }
}

#[test]
fn a_meeting_in_which_nothing_happened_keeps_no_promise_of_the_meeting() {
    let empty = outcome(Vec::new());
    let held: Vec<_> = of_the_meeting(&empty).into_iter().filter(|check| check.held).collect();
    assert_eq!(held, []);
}

#[test]
fn figures_that_were_not_measured_are_not_zero() {
    let empty = outcome(Vec::new());
    assert!(!zero(&empty, "no record is there twice", "records_duplicate").held);
}

#[test]
fn minutes_that_are_wrong_break_a_promise_and_misheard_words_miss_a_goal() {
    let mut meeting = outcome(Vec::new());
    let broken = |meeting: &Outcome| of_the_meeting(meeting).iter().filter(|check| !check.held).count();
    let before = broken(&meeting);
    let figures = ["noted_of_nobody", "noted_twice", "action_owners_wrong", "action_due_wrong"];
    for figure in figures {
        meeting.summary.insert(figure.into(), 0.into());
    }
    assert_eq!(broken(&meeting), before - figures.len());
    meeting.summary.insert("action_due_wrong".into(), 1.into());
    assert_eq!(broken(&meeting), before - figures.len() + 1);

    assert!(!words_of_the_minutes(&meeting).held, "what was not measured is not met");
    meeting.summary.insert("noted_wer".into(), 0.619.into());
    meeting.summary.insert("noted_wer_n".into(), 21.into());
    let goal = words_of_the_minutes(&meeting);
    assert!(!goal.held && goal.detail.contains("0.619 of 21 words"), "{goal:?}");
    assert_eq!(broken(&meeting), before - figures.len() + 1, "a goal that is missed breaks no promise");
    meeting.summary.insert("noted_wer".into(), 0.143.into());
    assert!(words_of_the_minutes(&meeting).held);
}

#[test]
fn a_line_not_heard_a_question_not_answered_and_a_press_without_light_each_break_the_demo() {
    for (name, what) in [
        ("lines_without_partial", "no line was said without words showing"),
        ("questions_unanswered", "no question to Prim went unanswered"),
        ("presses_without_light", "no press was without a light"),
    ] {
        let held = |count: Option<u64>| {
            let mut meeting = outcome(Vec::new());
            meeting.summary.extend(count.map(|count| (name.to_owned(), count.into())));
            let mut checks = nothing_left_out(&meeting).to_vec();
            checks.extend(of_the_meeting(&meeting));
            checks.into_iter().find(|check| check.what == what).unwrap().held
        };
        assert!(held(Some(0)), "{name}");
        assert!(!held(Some(1)), "{name}");
        assert!(!held(None), "{name}: what nobody counted is not zero");
    }
}

#[test]
fn a_chain_that_nobody_checked_does_not_verify() {
    let chain = |outcome: &Outcome| {
        of_the_records(outcome).into_iter().find(|check| check.what == "the audit's chain verifies").unwrap()
    };
    let mut meeting = outcome(Vec::new());
    assert!(!chain(&meeting).held && chain(&meeting).detail.contains("not checked"));
    meeting.summary.insert("chain_ok".into(), false.into());
    assert!(!chain(&meeting).held);
    meeting.summary.insert("chain_ok".into(), true.into());
    assert!(chain(&meeting).held);
    meeting.chain_broken = Some("changed byte: record 5".into());
    assert!(!chain(&meeting).held);
}

#[test]
fn only_speech_that_the_button_allowed_counts_as_allowed_by_it() {
    let allowed = |number, by| Audit::FloorAllowed { request: request(number), by, waited_ms: 5 };
    let intended = |say, asked: Option<u128>| Audit::SayIntended {
        say,
        request: asked.map(request),
        permission: "allowed".parse().unwrap(),
        planned_ms: 2000,
        waited_ms: 0,
        waited_for: Vec::new(),
        text: prim_proto::Sealed { h: prim_proto::Hash::ZERO },
    };
    let started = |say| Audit::SayStarted { say };
    let person = Actor::Person { id: prim_ids::ParticipantId::from_u128(9) };
    let spoken = |audit: Vec<Audit>| spoken_after_button(&outcome((1..).zip(audit).collect()));
    let by_button = || allowed(1, Actor::Button);
    assert_eq!(spoken(vec![by_button(), intended(1, Some(1)), started(1)]), 1);
    assert_eq!(spoken(vec![by_button(), intended(1, Some(1))]), 0, "it was never heard");
    assert_eq!(spoken(vec![by_button(), started(1)]), 0, "nobody knows what it was for");
    assert_eq!(spoken(vec![by_button(), intended(1, None), started(1)]), 0, "it was for no request");
    assert_eq!(spoken(vec![by_button(), intended(1, Some(2)), started(1)]), 0, "it was for another request");
    assert_eq!(spoken(vec![allowed(1, person), intended(1, Some(1)), started(1)]), 0, "a person allowed it");
}

#[test]
fn a_ding_inside_the_mute_breaks_it_and_one_outside_does_not() {
    let mut quiet = outcome(vec![(100, mute(true)), (200, mute(false))]);
    quiet.seen.events = vec![ding(90), ding(250)];
    assert!(muted(&quiet).held);
    quiet.seen.events.push(ding(150));
    assert!(!muted(&quiet).held);
    assert!(!muted(&outcome(Vec::new())).held, "never muted is not quiet while muted");
}

#[test]
fn words_inside_the_mute_break_it_half_heard_ones_too() {
    const WORDS: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let partial = |at: u64| {
        format!(
            r#"{{"kind":"partial","at_ms":{at},"utterance":"{WORDS}","ear":"room","text":"we","stable_chars":0}}"#
        )
    };
    let whole = |at: u64, started: u64| {
        format!(
            r#"{{"kind":"final","at_ms":{at},"utterance":"{WORDS}","ear":"room","speaker":null,"bearing_deg":null,
                "text":"we ship","started_ms":{started},"ended_ms":{at}}}"#
        )
    };
    let holds = |line: String| {
        let mut outcome = outcome(vec![(100, mute(true)), (200, mute(false))]);
        outcome.seen.events = vec![LiveEvent::read(&line).unwrap()];
        muted(&outcome).held
    };
    assert!(holds(partial(90)) && holds(partial(210)) && holds(whole(250, 210)));
    assert!(!holds(partial(150)), "half a word is a word");
    assert!(!holds(whole(150, 90)), "shown while muted");
    assert!(!holds(whole(250, 150)), "said while muted");
}

#[test]
fn a_short_cut_or_an_idle_one_does_not_count() {
    let mut away = outcome(Vec::new());
    away.seen.cuts = vec![Duration::from_secs(25)];
    assert!(!cut(&away).held);
    away.seen.floor_inside_cut = 3;
    assert!(cut(&away).held);
    away.seen.cuts = vec![Duration::from_secs(19)];
    assert!(!cut(&away).held);
}

#[test]
fn a_hand_counts_when_its_own_request_was_served() {
    let person = Actor::Person { id: prim_ids::ParticipantId::from_u128(9) };
    let asked = |number, by| Audit::FloorRequested {
        request: request(number),
        reason: "hand".parse().unwrap(),
        evidence: None,
        utterance: None,
        by,
    };
    let served = |number| Audit::FloorServed { request: request(number), by: Actor::Button };
    let hand = outcome(vec![(1, asked(1, person)), (2, asked(2, Actor::Prim)), (3, served(2))]);
    assert_eq!(hands_served(&hand), 0);
    let hand = outcome(vec![(1, asked(1, person)), (3, served(1))]);
    assert_eq!(hands_served(&hand), 1);
}
