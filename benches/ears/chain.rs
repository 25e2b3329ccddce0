//! The whole chain, 8 channels at 48 kHz to mono at 16 kHz: what it takes of a core while people talk and while Prim does.
use prim_dsp::FrontendConfig;
use prim_models_flite::Voice;

use crate::material::{add_noise, config, hear, level, place, ring, room, talk};
use crate::peers::Peers;
use crate::table::Table;

const SECONDS: f64 = 10.0;

pub(crate) fn run(table: &mut Table, _: &Peers) {
    for (n, radius) in [(8, 50.0), (4, 35.0)] {
        let mics_mm = ring(n, radius);
        let room = room(0.3, 1.0, &[60.0], &mics_mm, 2);
        let talker = talk(Voice::Slt, 0, 0.2, SECONDS);
        let prim = talk(Voice::Rms, 4, 0.2, SECONDS);
        let mut people = place(&talker, room.talker_responses(0));
        level(&mut people, 0.03);
        add_noise(&mut people, 0.001, 3);
        let mut over = place(&prim, room.loudspeaker_responses());
        level(&mut over, 0.08);
        add_noise(&mut over, 0.001, 3);
        let board = config(&mics_mm);
        let plain = FrontendConfig { dereverb: None, ..board.clone() };
        let share = |config: &FrontendConfig, mics: &[Vec<f32>], reference: &[f32]| {
            100.0 * hear(config, mics, reference).cost / SECONDS
        };
        let a = share(&plain, &people, &[]);
        let b = share(&board, &people, &[]);
        let c = share(&plain, &over, &prim);
        let unit = "% of a core";
        table.row(
            &format!("chain_{n}"),
            &format!("{n} channels, people talk, without dereverberation"),
            unit,
            a,
            None,
        );
        table.part(&format!("chain_{n}_dereverb"), "dereverberation on top", unit, b - a, None);
        table.row(&format!("chain_{n}_prim"), "Prim talks, without dereverberation", unit, c, None);
    }
}
