//! How many facts a second the meeting core takes, outputs drained, while people talk and Prim is asked and stopped.
use prim_benches::{median, report};
use prim_ids::{IdSource, MeetingId, MonoTime, UtteranceId, WallTime};
use prim_meeting::{ConsentRule, Ear, Input, Meeting, MeetingConfig, TalkerKey};

/// One minute of talk has about this many facts; ten minutes are a round.
const UTTERANCES: u64 = 600;
const FACTS_EACH: u64 = 6;
const ROUNDS: usize = 5;

fn main() {
    let mut outputs = 0_u64;
    let round = median(ROUNDS, || outputs = talk());
    let facts = UTTERANCES * FACTS_EACH;
    report(
        "core_steps",
        facts as f64 / round.as_secs_f64(),
        &format!(
            "{facts} facts, {outputs} outputs, {:.1} µs a fact",
            round.as_secs_f64() * 1e6 / facts as f64
        ),
    );
}

/// A meeting in which every tenth sentence asks Prim something and a press stops it.
fn talk() -> u64 {
    let mut ids = IdSource::new(11);
    let wall = WallTime::from_unix_millis(1_790_000_000_000);
    let mut meeting = Meeting::new(MeetingConfig::default());
    let mut now = 1_000;
    let mut outputs = 0;
    let mut feed = |meeting: &mut Meeting, at: u64, input: Input| {
        meeting.handle_input(MonoTime::from_millis(at), input);
        while meeting.poll_output().is_some() {
            outputs += 1;
        }
    };
    let started = Input::MeetingStarted {
        meeting: MeetingId::from_parts(wall, ids.next_random()),
        wall,
        title: "Bench".to_owned(),
        agenda: Vec::new(),
        people: Vec::new(),
        consent: ConsentRule::Given,
    };
    feed(&mut meeting, now, started);
    for number in 0..UTTERANCES {
        let talker = TalkerKey(1);
        let text =
            if number % 10 == 0 { "prim how much time is left" } else { "we could open on the first of may" };
        feed(&mut meeting, now, Input::SpeechStarted { ear: Ear::Room, talker, speaker: None });
        feed(&mut meeting, now + 900, Input::SpeechEnded { ear: Ear::Room, talker });
        let heard = Input::UtteranceHeard {
            utterance: UtteranceId::from_parts(wall, ids.next_random()),
            ear: Ear::Room,
            speaker: None,
            bearing_deg: Some(40),
            text: text.to_owned(),
            started: MonoTime::from_millis(now),
            ended: MonoTime::from_millis(now + 900),
            addressed: number % 10 == 0,
        };
        feed(&mut meeting, now + 950, heard);
        feed(&mut meeting, now + 960, Input::ButtonPressed);
        feed(&mut meeting, now + 980, Input::ButtonReleased);
        now += 1_000;
        meeting.handle_timeout(MonoTime::from_millis(now));
        while meeting.poll_output().is_some() {}
    }
    outputs
}
