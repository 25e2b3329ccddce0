//! An hour of a room in which nobody speaks: typing, doors, mains hum, music. Each stretch comes out of the simulated
//! room into the whole front end, earshot and the segmenter; every start of speech is a false alarm.
use prim_dsp::{Frontend, FrontendBlock, Reframer, Segmenter, SegmenterConfig};
use prim_models::Vad;
use prim_models_earshot::Earshot;

use crate::material::{BLOCK, RATE, add_noise, config, place, ring, room, to_i16};
use crate::peers::Peers;
use crate::sounds::{Sound, sound};
use crate::table::Table;

/// Minutes of each sound: together an hour.
const MINUTES: usize = 15;
/// Each piece is made anew, so that no hour is a loop.
const PIECE_S: usize = 60;

pub(crate) fn run(table: &mut Table, _: &Peers) {
    let mut all = 0.0;
    for kind in Sound::ALL {
        let alarms: usize = (0..MINUTES * 60 / PIECE_S).map(|piece| alarms(kind, piece as u64 + 1)).sum();
        all += alarms as f64;
        let what = format!("speech found where nobody speaks: {}, {MINUTES} minutes", kind.name());
        table.row(&format!("vad_alarms_{}", kind.name()), &what, "", alarms as f64, None);
    }
    table.row("vad_alarms", "speech found where nobody speaks, an hour of the four", "", all, None);
}

fn alarms(kind: Sound, seed: u64) -> usize {
    let mics_mm = ring(4, 35.0);
    let room = room(0.4, 2.0, &[70.0], &mics_mm, 7 + seed);
    let dry = sound(kind, seed, PIECE_S * RATE);
    let mut mics = place(&dry, room.talker_responses(0));
    let loudest = mics[0].iter().fold(1e-9_f32, |top, s| top.max(s.abs()));
    mics.iter_mut().flatten().for_each(|s| *s *= kind.peak() / loudest);
    add_noise(&mut mics, 0.001, seed);
    let mut frontend = Frontend::new(&config(&mics_mm)).expect("the board fits");
    let (mut vad, mut segmenter) = (Earshot::new(), Segmenter::new(SegmenterConfig::default()));
    let mut cut = Reframer::new(vad.frame_len());
    let mut mic = vec![0_i16; 4 * 480];
    let mut out = FrontendBlock::default();
    let mut started = 0;
    for b in 0..dry.len() / 480 {
        for i in 0..480 {
            for (slot, m) in mic[i * 4..i * 4 + 4].iter_mut().zip(&mics) {
                *slot = to_i16(m[b * 480 + i]);
            }
        }
        frontend.process(&mic, &[0; 480], &mut out).expect("the shape fits");
        // As the device does: what is near is judged and cut.
        let p = cut.push(&out.near, |f| vad.probability(f).unwrap_or(0.0));
        let at = prim_audio::SampleTime((b * BLOCK) as u64);
        started += usize::from(matches!(
            segmenter.push(at, &out.near, p),
            Some(prim_dsp::SegmentEvent::SpeechStarted { .. })
        ));
    }
    started
}
