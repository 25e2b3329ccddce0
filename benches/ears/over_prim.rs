//! People who talk over Prim as if it were not there (no barge-in), Prim ten decibels louder at the microphones. Each said
//! a sentence before, which does not count; then Prim talks without a pause, first alone.
use prim_models_flite::Voice;

use crate::material::{RATE, add, config, hear, late, level, place, ring, room, scale, talk, to16};
use crate::table::Table;
use crate::words::{
    BEARINGS, LEVEL, Listener, Script, Sums, VOICES, errors, one_microphone, rate, recording_in, say_all,
};

const RT60: f64 = 0.3;
const DISTANCE: f64 = 1.5;
/// Levels and latency of the stage `echo`.
const PERSON: f32 = 0.025;
const OVER_DB: f32 = 10.0;
const LATENCY_MS: usize = 35;
/// Prim is heard alone for so long before it is talked over: the canceller knows the room.
const AHEAD: usize = 4 * RATE;

const OTHER_SENTENCES: [&str; 15] = [
    "the window in the corner office does not close any more",
    "can somebody take notes while i show you the numbers",
    "we have not heard from the supplier since the end of june",
    "the second team needs two more weeks for the test",
    "i would rather call them than send another letter",
    "what happens to the old machines when the new ones arrive",
    "she will be in the office on wednesday and thursday",
    "the cost of the trip was higher than we had planned",
    "most of the people who answered want to work from home",
    "please put the list of open points on the table",
    "there was a mistake in the contract on page seven",
    "he asked me to find a bigger room for the party",
    "our partners want to see the first results in spring",
    "nothing has changed since the last time we talked about it",
    "the light in the hall was on during the whole weekend",
];

/// A room with three people and Prim in it.
struct Meeting {
    prim: Voice,
    people: [Voice; 3],
    bearings_deg: [f32; 3],
    seed: u64,
    /// Who says which of the sentences.
    shift: usize,
}

const FIRST: Meeting =
    Meeting { prim: Voice::Kal16, people: VOICES, bearings_deg: BEARINGS, seed: 1, shift: 0 };
/// Other voices of people and of Prim, other words, seats and walls: they say how lucky the first is. Nothing was chosen on
/// them; how the room's tail is learned over Prim was chosen on the first and on three that stood here before (decision 0003).
const ELSEWHERE: [Meeting; 3] = [
    Meeting {
        prim: Voice::Slt,
        people: [Voice::Awb, Voice::Rms, Voice::Kal16],
        bearings_deg: [55.0, 175.0, 295.0],
        seed: 58,
        shift: 1,
    },
    Meeting {
        prim: Voice::Kal16,
        people: [Voice::Awb, Voice::Slt, Voice::Rms],
        bearings_deg: [85.0, 205.0, 325.0],
        seed: 77,
        shift: 2,
    },
    Meeting {
        prim: Voice::Rms,
        people: [Voice::Kal16, Voice::Awb, Voice::Slt],
        bearings_deg: [30.0, 150.0, 270.0],
        seed: 91,
        shift: 0,
    },
];

/// Words wrong behind the front end without Prim and over it, and those of one raw microphone over it.
#[derive(Default)]
struct Wrong {
    alone: Sums,
    over: Sums,
    raw: Sums,
}

pub(crate) fn run(table: &mut Table, listener: &mut Listener, scripts: &[Script]) {
    let mut first = Wrong::default();
    for (person, script) in scripts.iter().enumerate() {
        first.hear(listener, &FIRST, person, script, 0);
    }
    let what = "words wrong while Prim talks, 10 dB louder, RT60 0.3 s, 1.5 m, 25 dB";
    let without = Some(("without Prim", rate(&first.alone)));
    table.row("words_over_prim", what, "of 1", rate(&first.over), without);
    table.row("words_over_prim_raw", "the same", "of 1", rate(&first.over), one_microphone(&first.raw));
    let mut others = Wrong::default();
    for meeting in &ELSEWHERE {
        for (person, voice) in meeting.people.into_iter().enumerate() {
            let sentences = OTHER_SENTENCES.iter().skip((person + meeting.shift) % 3).step_by(3);
            others.hear(listener, meeting, person, &say_all(voice, sentences), meeting.seed);
        }
    }
    let without = Some(("without Prim", rate(&others.alone)));
    let what = "the same of nine people in three other rooms, Prim with three other voices";
    table.row("words_over_prim_elsewhere", what, "of 1", rate(&others.over), without);
}

impl Wrong {
    fn hear(
        &mut self,
        listener: &mut Listener,
        meeting: &Meeting,
        person: usize,
        script: &Script,
        draw: u64,
    ) {
        let before = script.cuts[0].1 + RATE / 2;
        let dry = [&script.dry[..before], &vec![0.0; AHEAD], &script.dry[before..]].concat();
        let cuts = script.cuts[1..].iter().map(|(a, b, t)| (a + AHEAD, b + AHEAD, t.clone())).collect();
        let script = Script { dry, cuts };
        let room = room(RT60, DISTANCE, &meeting.bearings_deg, &ring(4, 35.0), meeting.seed);
        let mut mics = recording_in(&room, &script, person, 25.0, draw);
        scale(&mut mics, PERSON / LEVEL);
        let board = config(&ring(4, 35.0));
        let heard = hear(&board, &mics, &[]);
        self.alone.push(errors(listener, &heard.recogniser, &script, heard.delay));

        let seconds = (script.dry.len() - before) as f64 / RATE as f64;
        let mut prim = vec![talk(meeting.prim, 4 * person + 1, 0.25, seconds)];
        level(&mut prim, 0.1);
        let prim = [vec![0.0; before], prim.swap_remove(0)].concat();
        let mut both = place(&prim, room.loudspeaker_responses());
        level(&mut both, PERSON * 10_f32.powf(OVER_DB / 20.0));
        both.iter_mut().for_each(|m| *m = late(m, LATENCY_MS));
        add(&mut both, &mics);
        self.raw.push(errors(listener, &to16(&both[0]), &script, 0));
        let heard = hear(&board, &both, &prim);
        self.over.push(errors(listener, &heard.recogniser, &script, heard.delay));
    }
}
