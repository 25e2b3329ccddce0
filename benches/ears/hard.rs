//! Words where it is hard: while Prim talks, far away, in noise. Recogniser, people and microphones are those of `words`.
use crate::material::{RATE, config, hear, ring, to16};
use crate::over_prim;
use crate::peers::Peers;
use crate::table::Table;
use crate::words::{Listener, Script, Sums, errors, one_microphone, rate, recording, script};

pub(crate) fn run(table: &mut Table, _: &Peers) {
    let mut listener = Listener::new();
    let scripts: Vec<Script> = (0..3).map(script).collect();
    over_prim::run(table, &mut listener, &scripts);
    far_and_noisy(table, &mut listener, &scripts);
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
