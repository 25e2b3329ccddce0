use std::collections::BTreeMap;

use prim_hal_sim::LagHistogram;

use super::super::rows::{AuditRow, Chain};
use super::super::sound::ding_template;
use super::*;
use crate::record::{Happened, Seat, Summary};

/// A made-up meeting of 20 s whose every moment is known.
struct Made {
    recording: Recording,
    rows: Rows,
}

const START_NS: u64 = 7_000_000_000;

fn voice(frames: usize) -> Vec<f32> {
    (0..frames)
        .map(|n| {
            let t = n as f32 / 48_000.0;
            (1..20).map(|h| (std::f32::consts::TAU * 118.0 * h as f32 * t).sin() / h as f32).sum::<f32>()
                * 0.1
        })
        .collect()
}

fn put(track: &mut [f32], at_ms: usize, sound: &[f32]) {
    track[at_ms * 48..][..sound.len()].copy_from_slice(sound);
}

impl Made {
    fn new() -> Self {
        let seat = |name: &str, bearing_deg| Seat { name: name.into(), bearing_deg, participant: None };
        let summary = Summary {
            v: 1,
            title: "made".into(),
            start_ns: START_NS,
            rt60_s: 0.25,
            distance_m: 1.0,
            noise_down_db: 30.0,
            echo_db: -9.0,
            seed: 1,
            people: vec![seat("Ann", Some(35.0)), seat("Zoe", None)],
            complete: true,
            blocks: 2000,
            speaker_late: 0,
            clipped: 0,
            lags: LagHistogram::default(),
            repeats: 2,
            missed: Vec::new(),
            ignored: Vec::new(),
        };
        let frames = 20_000 * 48;
        Self {
            recording: Recording {
                summary,
                said: Vec::new(),
                happened: Vec::new(),
                speaker: vec![0.0; frames],
                truth: vec![vec![0.0; frames]; 2],
            },
            rows: Rows {
                meeting: "M".into(),
                utterances: Vec::new(),
                audit: Vec::new(),
                decisions: 1,
                actions: 2,
                notes: 1,
                artifacts: ["transcript.md", "transcript.vtt", "transcript.srt", "summary.json"]
                    .map(String::from)
                    .to_vec(),
                chains: Vec::new(),
                quarantined: 0,
                rejected: 0,
            },
        }
    }

    fn says(&mut self, person: usize, at_ms: usize, length_ms: usize, text: &str) -> &mut Said {
        put(&mut self.recording.truth[person], at_ms, &voice(length_ms * 48));
        self.recording.said.push(Said {
            beat: format!("line {at_ms}"),
            attempt: 0,
            person,
            bearing_deg: self.recording.summary.people[person].bearing_deg,
            text: text.into(),
            from: at_ms as u64 * 48 - 2400,
            to: (at_ms + length_ms) as u64 * 48 + 2400,
            held_out: false,
            to_prim: false,
            question: false,
            unheard: false,
        });
        self.recording.said.last_mut().unwrap()
    }

    fn prim_speaks(&mut self, at_ms: usize, length_ms: usize) {
        put(&mut self.recording.speaker, at_ms, &voice(length_ms * 48));
    }

    fn dings(&mut self, at_ms: usize) {
        put(&mut self.recording.speaker, at_ms, &ding_template());
    }

    fn happens(&mut self, at_ms: f64, what: What) {
        let boot_ms = START_NS as f64 / 1e6 + at_ms;
        self.recording.happened.push(Happened { boot_ms, sample: (at_ms * 48.0) as u64, what });
    }

    fn edge(&mut self, at_ms: f64, pressed: bool, means: Meaning) {
        self.happens(at_ms, What::Edge { pressed, means, beat: "b".into() });
    }

    fn stored(&mut self, at_ms: f64, length_ms: f64, bearing_deg: Option<f32>, text: &str) {
        let started_ms = START_NS as f64 / 1e6 + at_ms;
        self.rows.utterances.push(Utterance {
            remote: bearing_deg.is_none(),
            bearing_deg,
            participant: None,
            label: None,
            text: text.into(),
            started_ms,
            ended_ms: started_ms + length_ms,
        });
    }

    fn audit(&mut self, kind: &str, body: Value) {
        self.rows.audit.push(AuditRow { kind: kind.into(), at_ms: 0.0, body });
    }

    fn figures(&self, partials: &[Answer]) -> Figures {
        measure(&Inputs { recording: &self.recording, partials, rows: Some(&self.rows), tips: None })
    }
}

fn number(f: &Figures, key: &str) -> f64 {
    f.json.get(key).and_then(Value::as_f64).unwrap_or_else(|| panic!("{key} in {:?}", f.json))
}

fn near(f: &Figures, key: &str, want: f64, within: f64) {
    let got = number(f, key);
    assert!((got - want).abs() <= within, "{key}: {got}, expected {want} ± {within}");
}

#[test]
fn latencies_are_those_of_the_waves_to_ten_milliseconds() {
    let mut m = Made::new();
    let line = m.says(0, 1_000, 1_500, "Prim, how much time is left?");
    (line.question, line.to_prim) = (true, true);
    m.prim_speaks(3_200, 2_000);
    m.says(0, 4_200, 1_000, "Wait a moment");
    // Prim should have stopped: it does after 1 s, at its own end.
    let line = m.says(0, 6_000, 500, "Prim, what did we decide?");
    (line.question, line.to_prim) = (true, true);
    m.prim_speaks(7_000, 1_060);
    m.edge(8_000.0, true, Meaning::Stop);
    m.happens(8_012.5, What::Light { pattern: LightPattern::Pressed });
    m.edge(8_100.0, false, Meaning::Stop);
    m.happens(10_000.0, What::Light { pattern: LightPattern::Asking });
    m.edge(11_000.0, true, Meaning::Allow);
    m.happens(11_040.0, What::Light { pattern: LightPattern::Pressed });
    m.edge(11_150.0, false, Meaning::Allow);
    m.prim_speaks(11_400, 1_000);
    let at = |ms: f64| START_NS as f64 / 1e6 + ms;
    let partials = [
        Answer { seen_ms: at(1_420.0), utterance: "A".into(), remote: false },
        Answer { seen_ms: at(2_600.0), utterance: "A".into(), remote: false },
        Answer { seen_ms: at(4_500.0), utterance: "B".into(), remote: false },
    ];
    let f = m.figures(&partials);
    near(&f, "question_to_first_audio_ms_p50", 500.0, 10.0);
    near(&f, "question_to_first_audio_ms_p95", 700.0, 10.0);
    near(&f, "question_to_first_audio_ms_n", 2.0, 0.0);
    near(&f, "barge_in_to_silence_ms_p95", 1_000.0, 10.0);
    near(&f, "stop_to_silence_ms_p95", 60.0, 10.0);
    near(&f, "press_to_light_ms_p95", 40.0, 0.1);
    near(&f, "press_to_light_ms_n", 2.0, 0.0);
    near(&f, "allow_to_first_audio_ms_p50", 250.0, 10.0);
    near(&f, "first_partial_ms_p50", 300.0, 10.0);
    near(&f, "first_partial_ms_p95", 420.0, 10.0);
    near(&f, "first_partial_ms_n", 2.0, 0.0);
    near(&f, "lines_without_partial", 1.0, 0.0);
    near(&f, "people_repeats", 2.0, 0.0);
    near(&f, "spoken_without_permission", 0.0, 0.0);
    let missed = f.promises.iter().find(|p| p.0.starts_with("barge-in")).unwrap();
    assert!(missed.1.is_some_and(|v| v > missed.2));
}

#[test]
fn an_answer_after_the_repeat_does_not_answer_the_first_attempt() {
    let mut m = Made::new();
    for at in [1_000, 4_000] {
        let line = m.says(0, at, 1_000, "Prim, how much time is left?");
        (line.question, line.to_prim) = (true, true);
    }
    m.prim_speaks(5_400, 1_000);
    let f = m.figures(&[]);
    near(&f, "question_to_first_audio_ms_n", 1.0, 0.0);
    near(&f, "question_to_first_audio_ms_p50", 400.0, 10.0);
    near(&f, "questions_unanswered", 1.0, 0.0);
}

#[test]
fn a_ding_needs_silence_and_stands_once_in_the_audit() {
    let mut m = Made::new();
    m.says(0, 1_000, 1_000, "one");
    m.dings(2_800);
    m.says(1, 6_000, 1_000, "two");
    m.dings(7_300);
    m.dings(12_000);
    m.audit("floor.dinged", json!({ "request": "R1" }));
    m.audit("floor.dinged", json!({ "request": "R2" }));
    let f = m.figures(&[]);
    near(&f, "dings", 3.0, 0.0);
    near(&f, "dings_outside_silence", 1.0, 0.0);
    near(&f, "duplicate_dings", 1.0, 0.0);
    assert!(f.problems.iter().any(|p| p.contains("silence of 700 ms")), "{:?}", f.problems);
}

#[test]
fn speech_that_nobody_asked_for_or_allowed_is_counted() {
    let mut m = Made::new();
    m.says(0, 1_000, 500, "Just talking").to_prim = false;
    m.prim_speaks(3_000, 1_000);
    m.audit("say.intended", json!({ "request": "R1" }));
    m.audit("floor.verdict", json!({ "request": "R1", "verdict": "grant" }));
    near(&m.figures(&[]), "spoken_without_permission", 1.0, 0.0);
    m.audit("say.intended", json!({ "request": "R2" }));
    near(&m.figures(&[]), "spoken_without_permission", 2.0, 0.0);
}

#[test]
fn of_recordings_whose_words_nobody_knows_no_question_is_missed_and_no_decision_promised() {
    let mut m = Made::new();
    m.says(0, 2_000, 1_500, "");
    m.prim_speaks(4_000, 1_500);
    (m.rows.decisions, m.rows.actions, m.rows.notes) = (0, 0, 0);
    let f = m.figures(&[]);
    near(&f, "spoken_without_permission", 0.0, 0.0);
    assert!(!f.problems.iter().any(|p| p.contains("promises") || p.contains("without a question")), "{f:?}");
    m.audit("say.intended", json!({ "request": "R" }));
    near(&m.figures(&[]), "spoken_without_permission", 1.0, 0.0);
}

#[test]
fn words_bearings_and_mute_are_judged_by_what_was_stored() {
    let mut m = Made::new();
    m.says(0, 1_000, 2_000, "The chairs come next week.");
    m.says(0, 5_000, 1_000, "Nobody may know this.").unheard = true;
    m.says(1, 8_000, 1_000, "Send the list.").held_out = true;
    m.stored(1_050.0, 1_900.0, Some(41.0), "the chair come next week");
    m.stored(8_000.0, 1_000.0, None, "send a list");
    let f = m.figures(&[]);
    near(&f, "wer", 2.0 / 8.0, 0.001);
    near(&f, "wer_held_out", 1.0 / 3.0, 0.001);
    near(&f, "bearing_error_deg_p50", 6.0, 0.01);
    near(&f, "utterances_heard_while_muted", 0.0, 0.0);
    m.stored(5_100.0, 800.0, Some(35.0), "nobody may know");
    let f = m.figures(&[]);
    near(&f, "utterances_heard_while_muted", 1.0, 0.0);
    assert!(number(&f, "wer") > 0.5, "what should not have been heard is inserted words");
}

#[test]
fn words_stored_while_no_person_spoke_are_nobodys() {
    let mut m = Made::new();
    m.says(0, 1_000, 1_000, "The chairs come next week.");
    m.stored(1_100.0, 1_200.0, Some(41.0), "the chairs come next week");
    near(&m.figures(&[]), "utterances_of_nobody", 0.0, 0.0);
    m.stored(4_000.0, 300.0, None, "they");
    near(&m.figures(&[]), "utterances_of_nobody", 1.0, 0.0);
}

#[test]
fn half_a_word_shown_while_people_speak_under_mute_is_wrong() {
    let mut m = Made::new();
    m.says(0, 1_000, 1_000, "The chairs come next week.");
    m.says(0, 5_000, 1_000, "Nobody may know this.").unheard = true;
    let partial =
        |ms: f64| Answer { seen_ms: START_NS as f64 / 1e6 + ms, utterance: "A".into(), remote: false };
    let f = m.figures(&[partial(1_500.0)]);
    near(&f, "partials_shown_while_muted", 0.0, 0.0);
    let f = m.figures(&[partial(1_500.0), partial(5_600.0)]);
    near(&f, "partials_shown_while_muted", 1.0, 0.0);
    assert!(f.problems.iter().any(|p| p.contains("from under mute")), "{:?}", f.problems);
}

#[test]
fn the_spool_and_postgres_hold_the_same_set_or_it_is_said_which_stream_differs() {
    let mut m = Made::new();
    let row = |n: u8| vec![n; 32];
    m.rows.chains = vec![Chain {
        stream: "audit".into(),
        epoch: "E".into(),
        rows: BTreeMap::from([(1, row(1)), (2, row(2))]),
        duplicates: 0,
        linked: true,
    }];
    let figures = |m: &Made, end: (u64, u8)| {
        let tip =
            |stream: &str, seq, hash| Tip { stream: stream.into(), epoch: "E".into(), seq, hash: row(hash) };
        let tips = [tip("audit", end.0, end.1), tip("note", 0, 0)];
        measure(&Inputs { recording: &m.recording, partials: &[], rows: Some(&m.rows), tips: Some(&tips) })
    };
    let same = figures(&m, (2, 2));
    assert_eq!(
        (same.json["chain_ok"].as_bool(), same.json["records_spooled"].as_u64()),
        (Some(true), Some(2))
    );
    assert_eq!(same.json["records_in_postgres"].as_u64(), Some(2));
    for tip in [(3, 3), (2, 9)] {
        let other = figures(&m, tip);
        assert_eq!(other.json["chain_ok"].as_bool(), Some(false));
        assert!(other.problems.iter().any(|p| p.contains("stream audit")), "{:?}", other.problems);
    }
}

#[test]
fn a_percentile_is_the_nearest_rank() {
    let s = Spread::new((1..=20).map(f64::from).rev().collect());
    assert_eq!(
        (s.quantile(0.5), s.quantile(0.95), s.quantile(1.0), s.n()),
        (Some(10.0), Some(19.0), Some(20.0), 20)
    );
    assert_eq!(Spread::default().quantile(0.95), None);
}

#[test]
fn a_label_is_one_person_and_a_person_one_label() {
    let told = told_apart(&[(Some(1), 0), (Some(1), 0), (Some(2), 1), (None, 1), (Some(1), 1), (Some(3), 0)]);
    assert_eq!(told, ToldApart { labels: 3, right: 3, wrong: 2, none: 1 });
}

#[test]
fn a_speech_is_silenced_by_who_talks_over_it_and_by_nobody_else() {
    let over = |at_ms: usize, length_ms: usize, unheard: bool| {
        let mut m = Made::new();
        m.prim_speaks(5_000, 3_000);
        m.says(0, at_ms, length_ms, "Wait a moment").unheard = unheard;
        number(&m.figures(&[]), "people_over_prim")
    };
    assert_eq!(over(7_500, 1_000, false), 1.0, "somebody began while it spoke");
    assert_eq!(over(4_000, 2_000, false), 0.0, "it went on for two seconds: that was somebody else");
    assert_eq!(over(5_500, 800, false), 0.0, "it took no notice of a short word");
    assert_eq!(over(8_100, 1_000, false), 0.0, "who begins when it has ended did not end it");
    assert_eq!(over(1_000, 1_000, false), 0.0, "who had ended did not either");
    assert_eq!(over(7_500, 1_000, true), 0.0, "under mute nobody is heard");
}

#[test]
fn a_speech_that_two_talk_over_was_silenced_once() {
    let mut m = Made::new();
    m.prim_speaks(5_000, 2_000);
    m.says(0, 6_500, 1_000, "Wait a moment");
    m.says(1, 6_700, 1_000, "Yes wait");
    near(&m.figures(&[]), "people_over_prim", 1.0, 0.0);
}

#[test]
fn a_person_who_already_talks_when_prim_begins_may_silence_it() {
    let mut m = Made::new();
    m.says(0, 4_500, 2_000, "I was not done with this");
    m.prim_speaks(5_000, 400);
    near(&m.figures(&[]), "people_over_prim", 1.0, 0.0);
}

#[test]
fn stops_by_the_button_and_by_voice_are_counted_apart_and_their_requests_not_at_all() {
    let mut m = Made::new();
    let stopped = |m: &mut Made, request: Value, who: &str| {
        m.audit("floor.stopped", json!({ "request": request, "by": { "who": who } }));
    };
    stopped(&mut m, Value::Null, "button");
    stopped(&mut m, json!("R1"), "button");
    let f = m.figures(&[]);
    near(&f, "stops_by_button", 1.0, 0.0);
    near(&f, "stops_by_voice", 0.0, 0.0);
    assert!(f.problems.iter().any(|p| p.contains("stops_by_voice")), "{:?}", f.problems);
    stopped(&mut m, Value::Null, "unknown_voice");
    stopped(&mut m, Value::Null, "person");
    near(&m.figures(&[]), "stops_by_voice", 2.0, 0.0);
}
