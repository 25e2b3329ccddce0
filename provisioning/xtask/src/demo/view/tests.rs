use super::*;

fn at(ms: u64) -> MonoTime {
    MonoTime::from_millis(ms)
}

fn event(json: &str) -> LiveEvent {
    LiveEvent::read(json).unwrap()
}

const ANA: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

fn view() -> View {
    View::new([(ANA.parse().unwrap(), "Ana".to_owned())].into())
}

#[test]
fn final_words_stay_with_who_said_them_and_from_where() {
    let line = view().take(&event(&format!(
        r#"{{"kind":"final","at_ms":3000,"utterance":"{ANA}","ear":"room","speaker":"{ANA}","bearing_deg":90.0,
            "text":"we ship on friday","started_ms":1000,"ended_ms":2900}}"#
    )));
    let line = line.unwrap();
    assert!(line.contains("Ana") && line.contains("← 90°") && line.contains("we ship on friday"), "{line}");
}

#[test]
fn words_of_nobody_known_are_the_voices_and_unknown_only_without_a_label() {
    let said = |label: &str| {
        let line = view().take(&event(&format!(
            r#"{{"kind":"final","at_ms":3000,"utterance":"{ANA}","ear":"room","speaker":null,"bearing_deg":34.0,
                {label}"text":"we ship on friday","started_ms":1000,"ended_ms":2900}}"#
        )));
        line.unwrap()
    };
    let line = said(r#""speaker_label":1,"#);
    assert!(line.contains("Speaker 1 ↖ 34°") && !line.contains("unknown"), "{line}");
    assert!(said("").contains("unknown ↖ 34°"), "a feed without labels can be read");
}

#[test]
fn partial_words_show_below_and_leave_when_the_final_comes() {
    let mut view = view();
    let partial = format!(
        r#"{{"kind":"partial","at_ms":1,"utterance":"{ANA}","ear":"room","text":"we ship","stable_chars":2}}"#
    );
    assert_eq!(view.take(&event(&partial)), None);
    assert!(view.status().iter().any(|line| line.contains("we ship")));
    view.take(&event(&format!(
        r#"{{"kind":"final","at_ms":2,"utterance":"{ANA}","ear":"room","speaker":null,"bearing_deg":null,
            "text":"we ship","started_ms":1,"ended_ms":2}}"#
    )));
    assert!(!view.status().iter().any(|line| line.contains("we ship")));
}

#[test]
fn a_stop_and_a_banner_are_told_in_words() {
    let mut view = view();
    let line = view.take(&event(r#"{"kind":"silence","at_ms":1,"cause":"spoken_stop"}"#)).unwrap();
    assert!(line.contains("a person said stop"), "{line}");
    let line = view.take(&event(r#"{"kind":"silence","at_ms":1,"cause":"button"}"#)).unwrap();
    assert!(line.contains("the button"), "{line}");
    let banner = r#"{"kind":"banner","at_ms":1,"about":"request","text":"Prim asks to speak"}"#;
    let line = view.take(&event(banner)).unwrap();
    assert!(line.contains("banner Prim asks to speak"), "{line}");
    let gone = r#"{"kind":"banner","at_ms":1,"about":"request","text":null}"#;
    assert_eq!(view.take(&event(gone)), None, "what was taken away leaves no line");
}

#[test]
fn an_overrun_timebox_says_by_how_much() {
    let mut view = view();
    view.take(&event(&format!(
        r#"{{"kind":"timebox","at_ms":1,"item":"{ANA}","title":"Budget","planned_s":40,"spent_s":50}}"#
    )));
    assert!(view.status().iter().any(|line| line.contains("0:50 of 0:40 over by 0:10")));
}

#[test]
fn a_cut_cable_counts_its_seconds() {
    let mut view = view();
    view.take(&event(r#"{"kind":"sync","at_ms":1000,"queued":3,"link_up":true}"#));
    view.cable(true);
    view.take(&event(r#"{"kind":"sync","at_ms":6000,"queued":9,"link_up":false}"#));
    assert!(view.status().iter().any(|line| line.contains("9 records wait · cable cut for 5 s")));
}

#[test]
fn the_clock_counts_from_the_start_of_the_meeting() {
    let mut view = view();
    view.take(&event(&format!(r#"{{"kind":"meeting","at_ms":60000,"meeting":"{ANA}","state":"started"}}"#)));
    assert_eq!(view.clock(at(60_000 + 65_000)), " 1:05");
    assert!(!view.ended());
}

#[test]
fn bearings_turn_left_from_ahead() {
    let arrows: String = [0.0, 90.0, 180.0, 270.0, 359.0, -45.0].map(arrow).iter().collect();
    assert_eq!(arrows, "↑←↓→↑↗");
}

#[test]
fn a_card_for_one_person_names_that_person() {
    let card = |to: &str| {
        let line = view().take(&event(&format!(
            r#"{{"kind":"card","at_ms":1,"to":{to},"title":"Prim is listening","body":"It writes down."}}"#
        )));
        line.unwrap()
    };
    let line = card(&format!(r#"{{"who":"person","id":"{ANA}"}}"#));
    assert!(line.contains("card to Ana Prim is listening: It writes"), "{line}");
    assert!(card(r#"{"who":"hosts"}"#).contains("card to the host Prim"));
    assert!(card(r#"{"who":"everyone"}"#).contains("card Prim is listening"));
}

/// The last line of these events, each a time with what happened then.
fn last_line(events: &[(u64, &str)]) -> String {
    let mut view = view();
    let lines = events.iter().filter_map(|(at, what)| {
        let json = match *what {
            "pressed" | "listening" => format!(r#"{{"kind":"light","at_ms":{at},"pattern":"{what}"}}"#),
            "muted" => format!(r#"{{"kind":"mute","at_ms":{at},"on":true}}"#),
            "barge_in" => format!(r#"{{"kind":"silence","at_ms":{at},"cause":"barge_in"}}"#),
            state => {
                format!(
                    r#"{{"kind":"floor","at_ms":{at},"state":"{state}","request":null,"reason":null,"queue":0}}"#
                )
            }
        };
        view.take(&event(&json))
    });
    lines.last().unwrap()
}

#[test]
fn a_floor_that_becomes_free_says_why_as_far_as_that_is_seen() {
    let ends = |events: &[(u64, &str)], why: &str| {
        let line = last_line(events);
        assert!(line.ends_with(&format!("floor: free ({why})")), "{why:?}, got {line:?}");
    };
    ends(&[(0, "speaking"), (2600, "listening"), (2600, "idle")], "after Prim's words");
    ends(&[(0, "speaking"), (900, "barge_in"), (901, "idle")], "Prim was silenced");
    ends(
        &[(0, "speaking"), (900, "barge_in"), (901, "idle"), (9000, "speaking"), (9900, "idle")],
        "after Prim's words",
    );
    ends(&[(0, "allowed"), (900, "idle")], "after it was allowed");
    ends(&[(0, "asking"), (1500, "pressed"), (2500, "listening"), (2500, "idle")], "declined by the button");
    ends(
        &[(0, "asking"), (6000, "dinged"), (36_000, "listening"), (36_000, "idle")],
        "expired, nobody answered",
    );
    ends(&[(0, "asking"), (3000, "muted"), (3000, "idle")], "withdrawn, Prim is muted");
    // By a voice, the panel, or because the reason has gone: the feed does not tell these apart.
    ends(&[(0, "asking"), (3000, "listening"), (3000, "idle")], "not granted");
    ends(&[(0, "asking"), (1000, "pressed"), (1150, "asking"), (3000, "idle")], "not granted");
    assert!(last_line(&[(0, "idle")]).ends_with("floor: free"), "it was never taken");
}
