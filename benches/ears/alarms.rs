//! An hour of a room in which nobody speaks: typing, doors, mains hum, music. Each stretch comes out of the simulated
//! room into the whole front end, each of our detectors and the segmenter; every start of speech is a false alarm.
use prim_dsp::{Reframer, Segmenter, SegmenterConfig};
use prim_models::Vad;
use prim_models_earshot::Earshot;

use crate::material::{BLOCK, RATE, add_noise, config, hear, place, ring, room, scale};
use crate::peers::Peers;
use crate::sounds::{Sound, sound};
use crate::table::Table;
use crate::vad::{open_silero, open_webrtc};

/// Minutes of each sound: together an hour.
const MINUTES: usize = 15;
/// Of what is not in the hour.
const STRINGS_MINUTES: usize = 5;
/// The first piece of an hour of its own.
const ELSEWHERE: usize = 1_000;
/// Each piece is made anew, so that no hour is a loop.
const PIECE_S: usize = 60;

pub(crate) fn run(table: &mut Table, _: &Peers) {
    let mut detectors: Vec<(&str, Box<dyn Vad>)> =
        vec![("", Box::new(Earshot::new())), ("_webrtc", open_webrtc())];
    detectors.extend(open_silero().map(|silero| ("_silero", silero)));
    let mut all = vec![0; detectors.len()];
    for kind in Sound::ALL {
        let here = alarms(kind, MINUTES, 0, &mut detectors);
        for ((alarms, all), (suffix, _)) in here.iter().zip(&mut all).zip(&detectors) {
            *all += alarms;
            let name = kind.name();
            let what = format!("speech found where nobody speaks: {name}, {MINUTES} minutes{}", by(suffix));
            table.row(&format!("vad_alarms_{name}{suffix}"), &what, "", *alarms as f64, None);
        }
    }
    for (alarms, (suffix, _)) in all.iter().zip(&detectors) {
        let what = format!("speech found where nobody speaks, an hour of the four{}", by(suffix));
        table.row(&format!("vad_alarms{suffix}"), &what, "", *alarms as f64, None);
    }
    // Nothing was chosen on this hour.
    let elsewhere: usize =
        Sound::ALL.iter().map(|kind| alarms(*kind, MINUTES, ELSEWHERE, &mut detectors[..1])[0]).sum();
    table.row("vad_alarms_elsewhere", "another hour of the four", "", elsewhere as f64, None);
    let here = alarms(Sound::Strings, STRINGS_MINUTES, 0, &mut detectors);
    for (alarms, (suffix, _)) in here.iter().zip(&detectors) {
        let what = format!("the same, {STRINGS_MINUTES} minutes of bowed strings{}", by(suffix));
        table.row(&format!("vad_alarms_strings{suffix}"), &what, "", *alarms as f64, None);
    }
}

/// Starts of speech that each detector finds in pieces from the `first` on.
fn alarms(kind: Sound, minutes: usize, first: usize, detectors: &mut [(&str, Box<dyn Vad>)]) -> Vec<usize> {
    let mut here = vec![0; detectors.len()];
    for piece in first..first + minutes * 60 / PIECE_S {
        let near = near(kind, piece as u64 + 1);
        for (alarms, (_, vad)) in here.iter_mut().zip(detectors.iter_mut()) {
            *alarms += starts(&near, vad.as_mut());
        }
    }
    here
}

/// Earshot's rows bear no name.
fn by(suffix: &str) -> String {
    match suffix {
        "" => String::new(),
        other => format!(", our {}", other.trim_start_matches('_')),
    }
}

/// What the front end makes of a piece: the detectors' food.
fn near(kind: Sound, seed: u64) -> Vec<f32> {
    let mics_mm = ring(4, 35.0);
    let room = room(0.4, 2.0, &[70.0], &mics_mm, 7 + seed);
    let mut mics = place(&sound(kind, seed, PIECE_S * RATE), room.talker_responses(0));
    let loudest = mics[0].iter().fold(1e-9_f32, |top, s| top.max(s.abs()));
    scale(&mut mics, kind.peak() / loudest);
    add_noise(&mut mics, 0.001, seed);
    hear(&config(&mics_mm), &mics, &[]).near
}

/// As the device does: what is near is judged and cut.
fn starts(near: &[f32], vad: &mut dyn Vad) -> usize {
    vad.reset();
    let mut cut = Reframer::new(vad.frame_len());
    let mut segmenter = Segmenter::new(SegmenterConfig::default());
    let mut started = 0;
    for (b, block) in near.as_chunks::<BLOCK>().0.iter().enumerate() {
        let p = cut.push(block, |f| vad.probability(f).unwrap_or(0.0));
        let at = prim_audio::SampleTime((b * BLOCK) as u64);
        let event = segmenter.push(at, block, p);
        started += usize::from(matches!(event, Some(prim_dsp::SegmentEvent::SpeechStarted { .. })));
    }
    started
}
