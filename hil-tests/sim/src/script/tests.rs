use proptest::prelude::*;

use super::*;

const DEMO: &str = include_str!("../../meetings/demo.meeting.toml");

fn script(beats: &str) -> String {
    format!(
        "title = \"t\"\nmode = \"answer-on-ask\"\nding = \"room\"\n\
         [[people]]\nname = \"Ann\"\nvoice = \"rms\"\nwhere = \"room\"\nbearing_deg = 10\n\
         [[people]]\nname = \"Zoe\"\nvoice = \"kal16\"\nwhere = \"remote\"\n{beats}"
    )
}

#[test]
fn the_demo_has_all_that_the_promise_needs() {
    let demo = Script::parse(DEMO).unwrap();
    assert!(demo.words() >= 120, "{} words", demo.words());
    assert_eq!(demo.people.iter().filter(|p| p.bearing_deg.is_some()).count(), 3);
    assert_eq!(demo.people.iter().filter(|p| p.bearing_deg.is_none()).count(), 1);
    let voices: std::collections::BTreeSet<_> =
        demo.people.iter().filter(|p| p.bearing_deg.is_some()).map(|p| &p.voice).collect();
    assert_eq!(voices.len(), 3, "three people, three voices");

    let said = demo.beats.iter().filter(|b| matches!(b.act, Act::Say { .. })).count();
    let held_out = demo.beats.iter().filter(|b| b.held_out).count();
    assert!(held_out * 10 >= said * 3, "{held_out} of {said} sentences are held out");

    let means =
        |wanted| demo.beats.iter().any(|b| matches!(b.act, Act::Press { means, .. } if means == wanted));
    assert!(means(Meaning::Allow) && means(Meaning::NotNow) && means(Meaning::Stop) && means(Meaning::Mute));
    assert!(demo.beats.iter().any(|b| b.when.ding), "somebody waits for the ding");
    assert!(demo.beats.iter().filter(|b| b.question).count() >= 4);
    assert!(demo.beats.iter().any(|b| b.unheard), "something is said under mute");
    assert!(demo.beats.iter().any(|b| matches!(b.act, Act::Hand { raised: true })));
    let says = |what: &str| {
        demo.beats
            .iter()
            .filter(|b| matches!(&b.act, Act::Say { text } if text.to_lowercase().contains(what)))
            .count()
    };
    assert!(says("how much time is left") >= 2);
    assert!(says("prim, note that") == 1 && says("prim, decision") == 1 && says("prim, action item") == 2);
    assert!(says("prim, stop") == 1);
}

#[test]
fn the_demo_says_what_each_decision_and_action_should_read() {
    let demo = Script::parse(DEMO).unwrap();
    let asks = |beat: &&Beat| {
        let Act::Say { text } = &beat.act else { return false };
        ["Prim, decision,", "Prim, action item,"].iter().any(|start| text.starts_with(start))
    };
    for beat in demo.beats.iter().filter(asks) {
        assert!(beat.noted.as_ref().is_some_and(|noted| noted.item.is_some()), "{}", beat.name);
    }
    let noted: Vec<&Noted> = demo.beats.iter().filter_map(|beat| beat.noted.as_ref()).collect();
    let [opening, lights, letter] = noted[..] else { panic!("{noted:?}") };
    assert_eq!((opening.kind, opening.owner, opening.due), (NotedKind::Decision, None, None));
    assert_eq!((lights.kind, lights.owner, lights.due), (NotedKind::Action, Some(2), Some(Due::Friday)));
    assert_eq!((letter.kind, letter.owner, letter.due), (NotedKind::Action, Some(1), None));
}

#[test]
fn what_should_be_noted_is_what_is_said_of_a_person_and_an_item_that_there_are() {
    let error = |noted: &str| {
        let beat =
            format!("[[beat]]\nwho = \"Ann\"\nsay = \"Prim, action, Zoe will sing\"\nnoted = {noted}\n");
        Script::parse(&script(&beat)).map(|_| String::new()).unwrap_or_else(|e| e.to_string())
    };
    assert_eq!(error("{ action = \"Sing\", owner = \"Zoe\", due = \"monday\" }"), "");
    for (noted, why) in [
        ("{ owner = \"Zoe\" }", "either a decision or an action"),
        ("{ action = \"Sing\", decision = \"Sing\" }", "either a decision or an action"),
        ("{ decision = \"Zoe will sing\", owner = \"Zoe\" }", "only an action has an owner"),
        ("{ action = \"Sing loudly\" }", "some of those that are said"),
        ("{ action = \"Sing will Zoe\" }", "in their order"),
        ("{ action = \"Sing\", owner = \"Bob\" }", "none of Ann, Zoe"),
        ("{ action = \"Sing\", item = \"Songs\" }", "does not stand on the agenda"),
        ("{ action = \"Sing\", due = \"someday\" }", "unknown variant"),
    ] {
        assert!(error(noted).contains(why) && error(noted).contains("line 16"), "{noted}: {}", error(noted));
    }
    let press = "[[beat]]\nwho = \"Ann\"\npress_ms = 100\nmeans = \"stop\"\nnoted = { action = \"Sing\" }\n";
    assert!(Script::parse(&script(press)).unwrap_err().to_string().contains("only what is said"));
}

#[test]
fn the_demo_cuts_the_link_for_twenty_seconds_with_floor_activity_inside() {
    let demo = Script::parse(DEMO).unwrap();
    let cut = demo.beats.iter().position(|b| b.act == Act::Link { cut: true }).unwrap();
    let restore = demo.beats.iter().position(|b| b.act == Act::Link { cut: false }).unwrap();
    assert_eq!(demo.beats[restore].when.after, Some(cut));
    assert!(demo.beats[restore].when.gap_ms >= 20_000);
    let inside = &demo.beats[cut..restore];
    assert!(inside.iter().any(|b| b.question || matches!(b.act, Act::Press { .. } | Act::Hand { .. })));
}

#[test]
fn errors_name_line_and_key() {
    let cases = [
        ("[[beat]]\nwho = \"Ann\"\nsay = \"hello\"\nvolume = 3\n", 16, "volume"),
        ("[[beat]]\nwho = \"Bob\"\nsay = \"hello\"\n", 14, "who"),
        ("[[beat]]\nwho = \"Ann\"\n", 13, "beat"),
        ("[[beat]]\nwho = \"Ann\"\npress_ms = 100\n", 13, "press_ms"),
        ("[[beat]]\nwho = \"Zoe\"\npress_ms = 100\nmeans = \"allow\"\n", 13, "who"),
        ("[[beat]]\nwho = \"Ann\"\nhand = \"up\"\n", 13, "who"),
        ("[[beat]]\nlink = \"tear\"\n", 14, "link"),
        ("[[beat]]\nwho = \"Ann\"\nsay = \"hi\"\nwhen = { after = \"never\" }\n", 16, "after"),
    ];
    for (beats, line, key) in cases {
        let error = Script::parse(&script(beats)).unwrap_err();
        assert_eq!((error.line, error.key.as_str()), (line, key), "{error}");
        assert!(error.to_string().contains(&format!("line {line}")), "{error}");
    }
    let error =
        Script::parse(&script("[[beat]]\nwho = \"Ann\"\nsay = \"hi\"\nwhen = { light = [\"disco\"] }\n"))
            .unwrap_err();
    assert_eq!(error.line, 16, "{error}");
    let error =
        Script::parse(&DEMO.replace("mode = \"proactive-timekeeper\"", "mode = \"eager\"")).unwrap_err();
    assert_eq!(error.key, "mode");
}

#[test]
fn recordings_make_a_meeting_of_their_own_in_which_nobody_has_a_name() {
    let script = Script::for_waves(&[3.0, 4.0, 5.0, 6.0], &[35.0, 145.0, 260.0]);
    assert_eq!(script.people.len(), 3);
    assert!(script.people.iter().all(|p| p.name.starts_with("place ") && p.bearing_deg.is_some() && !p.host));
    let played: Vec<_> = script.beats.iter().filter(|b| matches!(b.act, Act::Play { .. })).collect();
    assert_eq!(played.iter().map(|b| b.who).collect::<Vec<_>>(), [0, 1, 2, 0]);
    assert_eq!(played[3].name, "recording 4");
    assert_eq!(script.agenda[0].planned_s, 18);
}

#[test]
fn between_recordings_and_behind_the_last_prim_may_speak_to_its_end() {
    let script = Script::for_waves(&[3.0, 4.0], &[35.0]);
    assert!(script.beats.iter().all(|b| b.when.silence_ms >= Some(2_500)));
    let last = script.beats.last().unwrap();
    assert_eq!(last.act, Act::Wait, "the last question is answered before the meeting ends");
}

#[test]
fn rounds_repeat_all_beats_and_each_waits_for_its_own() {
    let beats = "[[beat]]\nname = \"a\"\nwho = \"Ann\"\nsay = \"hi\"\n[[beat]]\nwho = \"Ann\"\nsay = \"ho\"\nwhen = { after = \"a\" }\n";
    let script = Script::parse(&format!("rounds = 3\n{}", script(beats))).unwrap();
    assert_eq!(script.beats.len(), 6);
    assert_eq!(script.beats[5].when.after, Some(4));
    assert_eq!(script.beats[4].name, "a, round 3");
    assert!(Script::parse(&format!("rounds = 0\n{}", self::script(beats))).is_err());
}

#[test]
fn the_latency_meeting_has_thirty_events_of_each_kind() {
    let script = Script::parse(include_str!("../../meetings/latency.meeting.toml")).unwrap();
    let count = |kind: &dyn Fn(&Beat) -> bool| script.beats.iter().filter(|b| kind(b)).count();
    assert!(count(&|b| b.question) >= 30);
    assert!(count(&|b| matches!(b.act, Act::Press { means: Meaning::Allow, .. })) >= 30);
    assert!(count(&|b| matches!(b.act, Act::Press { means: Meaning::Stop, .. })) >= 30);
    assert!(count(&|b| matches!(b.act, Act::Say { .. }) && b.when.prim == Some(PrimVoice::Speaks)) >= 30);
    assert!(script.agenda.len() >= 30, "each round's request needs a timebox to overrun");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\PC|\n){0,300}") {
        let _ = Script::parse(&text);
    }

    #[test]
    fn no_changed_line_makes_the_reader_panic(line in 0_usize..500, junk in "[ -~]{0,60}") {
        let mut lines: Vec<String> = DEMO.lines().map(str::to_owned).collect();
        let n = lines.len();
        lines[line % n] = junk;
        let _ = Script::parse(&lines.join("\n"));
    }
}
