//! Words where it is hard: while Prim talks, far away, in noise. Recogniser, people and microphones are those of `words`.
use prim_models_flite::Voice;

use crate::material::{RATE, add, config, hear, late, level, place, ring, room, scale, talk, to16};
use crate::peers::Peers;
use crate::table::Table;
use crate::words::{BEARINGS, LEVEL, Listener, Script, errors, one_microphone, rate, recording, script};

pub(crate) fn run(table: &mut Table, _: &Peers) {
    let mut listener = Listener::new();
    let scripts: Vec<Script> = (0..3).map(script).collect();
    over_prim(table, &mut listener, &scripts);
    far_and_noisy(table, &mut listener, &scripts);
}

const RT60: f64 = 0.3;
const DISTANCE: f64 = 1.5;
/// Levels and latency of the stage `echo`.
const PERSON: f32 = 0.025;
const OVER_DB: f32 = 10.0;
const LATENCY_MS: usize = 35;
/// Prim is heard alone for so long before it is talked over: the canceller knows the room.
const AHEAD: usize = 4 * RATE;

/// Word errors of one script.
type Sums = Vec<(usize, usize)>;

/// People who talk over Prim as if it were not there (no barge-in). Each said a sentence before, which does not count;
/// then Prim talks without a pause, ten decibels louder at the microphones.
fn over_prim(table: &mut Table, listener: &mut Listener, scripts: &[Script]) {
    let (mut alone, mut over, mut raw): (Sums, Sums, Sums) = Default::default();
    for (person, script) in scripts.iter().enumerate() {
        let before = script.cuts[0].1 + RATE / 2;
        let dry = [&script.dry[..before], &vec![0.0; AHEAD], &script.dry[before..]].concat();
        let cuts = script.cuts[1..].iter().map(|(a, b, t)| (a + AHEAD, b + AHEAD, t.clone())).collect();
        let script = Script { dry, cuts };
        let mut mics = recording(&script, person, RT60, DISTANCE, 25.0);
        scale(&mut mics, PERSON / LEVEL);
        let board = config(&ring(4, 35.0));
        let heard = hear(&board, &mics, &[]);
        alone.push(errors(listener, &heard.recogniser, &script, heard.delay));

        let seconds = (script.dry.len() - before) as f64 / RATE as f64;
        let mut prim = vec![talk(Voice::Kal16, 4 * person + 1, 0.25, seconds)];
        level(&mut prim, 0.1);
        let prim = [vec![0.0; before], prim.swap_remove(0)].concat();
        let room = room(RT60, DISTANCE, &BEARINGS, &ring(4, 35.0), 1);
        let mut both = place(&prim, room.loudspeaker_responses());
        level(&mut both, PERSON * 10_f32.powf(OVER_DB / 20.0));
        both.iter_mut().for_each(|m| *m = late(m, LATENCY_MS));
        add(&mut both, &mics);
        raw.push(errors(listener, &to16(&both[0]), &script, 0));
        let heard = hear(&board, &both, &prim);
        over.push(errors(listener, &heard.recogniser, &script, heard.delay));
    }
    let what = "words wrong while Prim talks, 10 dB louder, RT60 0.3 s, 1.5 m, 25 dB";
    table.row("words_over_prim", what, "of 1", rate(&over), Some(("without Prim", rate(&alone))));
    table.row("words_over_prim_raw", "the same", "of 1", rate(&over), one_microphone(&raw));
}

/// How far, and in how much noise, at RT60 0.4 s: two sentences of each person behind one that does not count, because a
/// front end is new once in a meeting.
fn far_and_noisy(table: &mut Table, listener: &mut Listener, scripts: &[Script]) {
    let short: Vec<Script> = scripts
        .iter()
        .map(|s| Script { dry: s.dry[..s.cuts[2].1 + RATE / 2].to_vec(), cuts: s.cuts[1..3].to_vec() })
        .collect();
    for distance in [1.0, 2.0, 3.0, 5.0] {
        for snr in [20.0_f32, 10.0, 0.0] {
            let (mut raw, mut ours): (Sums, Sums) = Default::default();
            for (person, script) in short.iter().enumerate() {
                let mics = recording(script, person, 0.4, distance, snr);
                raw.push(errors(listener, &to16(&mics[0]), script, 0));
                let heard = hear(&config(&ring(4, 35.0)), &mics, &[]);
                ours.push(errors(listener, &heard.recogniser, script, heard.delay));
            }
            table.row(
                &format!("words_rt40_d{:.0}_snr{snr:.0}", distance * 10.0),
                &format!("words wrong, RT60 0.4 s, {distance} m, {snr} dB"),
                "of 1",
                rate(&ours),
                one_microphone(&raw),
            );
        }
    }
}
