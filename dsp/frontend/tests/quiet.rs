//! A minute each of typing, doors, mains hum and music in the small room: nobody speaks, and none is found to. The bench
//! takes an hour of them (`vad_alarms`).
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;
#[expect(dead_code, reason = "the bench uses the rest")]
#[path = "../../../benches/ears/sounds.rs"]
mod sounds;

use common::{Heard, RATE, RING_MM, Room, add_noise, db, hear, place, rms, scale, voice};
use prim_audio::{SPEECH_BLOCK, SampleTime};
use prim_dsp::{FrontendConfig, Reframer, SegmentEvent, Segmenter, SegmenterConfig};
use sounds::{Sound, sound};

/// Nobody watches for slams.
fn unwatched() -> SegmenterConfig {
    SegmenterConfig { slam_rise_db: f32::INFINITY, ..SegmenterConfig::default() }
}

/// Starts of speech in a minute without any, by earshot and the segmenter.
fn alarms(kind: Sound) -> usize {
    starts(&minute(kind, 0.3, 70.0, 11), SegmenterConfig::default()).len()
}

/// What the front end makes of a minute.
fn minute(kind: Sound, rt60_s: f32, bearing_deg: f32, seed: u64) -> Heard {
    let room = Room::huddle(rt60_s);
    let mut mics = place(&room, room.at(bearing_deg, 1.5, 0.3), &sound(kind, seed, 60 * RATE));
    let loudest = mics[0].iter().fold(1e-9_f32, |top, s| top.max(s.abs()));
    scale(&mut mics, kind.peak() / loudest);
    add_noise(&mut mics, 0.001, 3);
    hear(&FrontendConfig::new(&RING_MM), &mics, &[])
}

/// The blocks at which speech was found to have started, as the device does it.
fn starts(heard: &Heard, config: SegmenterConfig) -> Vec<usize> {
    let mut vad = earshot::Detector::default();
    let (mut cut, mut segmenter) = (Reframer::new(256), Segmenter::new(config));
    let mut started = Vec::new();
    for (n, block) in heard.blocks.iter().enumerate() {
        let p = cut.push(&block.near, |frame| vad.predict_f32(frame));
        let event = segmenter.push(SampleTime((n * SPEECH_BLOCK) as u64), &block.near, p);
        if matches!(event, Some(SegmentEvent::SpeechStarted { .. })) {
            started.push(n);
        }
    }
    started
}

#[test]
fn a_minute_of_typing_raises_no_alarm() {
    assert_eq!(alarms(Sound::Typing), 0);
}

#[test]
fn a_minute_of_slammed_doors_raises_no_alarm_in_a_dry_room_or_a_live_one_and_does_where_nobody_watches() {
    let minutes = [minute(Sound::Doors, 0.3, 70.0, 11), minute(Sound::Doors, 0.6, 200.0, 12)];
    let alarms = |config: SegmenterConfig| minutes.each_ref().map(|heard| starts(heard, config).len());
    let (watched, unwatched) = (alarms(SegmenterConfig::default()), alarms(unwatched()));
    println!("alarms {watched:?}, where nobody watches {unwatched:?}");
    assert_eq!(watched, [0, 0]);
    assert!(unwatched.iter().all(|alarms| *alarms > 0), "{unwatched:?}: these doors prove nothing");
}

#[test]
fn a_minute_of_mains_hum_raises_no_alarm() {
    assert_eq!(alarms(Sound::Hum), 0);
}

#[test]
fn a_minute_of_plucked_strings_raises_no_alarm() {
    assert_eq!(alarms(Sound::Music), 0);
}

#[test]
fn a_minute_of_bowed_strings_raises_no_alarm_in_a_dry_room_or_a_live_one_and_does_where_nobody_watches() {
    let minutes = [0.3, 0.6].map(|rt60_s| minute(Sound::Strings, rt60_s, 70.0, 1));
    let alarms = |config: SegmenterConfig| minutes.each_ref().map(|heard| starts(heard, config).len());
    let unwatched = SegmenterConfig { music_share: f32::INFINITY, ..SegmenterConfig::default() };
    let (watched, unwatched) = (alarms(SegmenterConfig::default()), alarms(unwatched));
    println!("alarms {watched:?}, where nobody watches {unwatched:?}");
    assert_eq!(watched, [0, 0]);
    assert!(unwatched.iter().all(|alarms| *alarms > 0), "{unwatched:?}: this music proves nothing");
}

/// Five people one after another in the small room, each from the first sample above `from`.
fn talk(from: f32) -> Heard {
    let room = Room::huddle(0.3);
    let mut dry = Vec::new();
    for (seed, f0) in [(3, 110.0), (4, 190.0), (5, 140.0), (6, 220.0), (7, 95.0)] {
        dry.extend(vec![0.0; RATE]);
        let voice = voice(seed, 1.5, f0);
        let first = voice.iter().position(|s| s.abs() >= from).unwrap();
        dry.extend(&voice[first..]);
    }
    let mut mics = place(&room, room.at(70.0, 1.5, 0.3), &dry);
    let loudest = mics[0].iter().fold(1e-9_f32, |top, s| top.max(s.abs()));
    scale(&mut mics, 0.2 / loudest);
    add_noise(&mut mics, 0.001, 3);
    hear(&FrontendConfig::new(&RING_MM), &mics, &[])
}

#[test]
fn speech_in_the_same_room_starts_with_the_same_block_as_where_nobody_watches_for_slams() {
    let heard = talk(0.0);
    let expected = starts(&heard, unwatched());
    assert!(expected.len() >= 4, "{expected:?}");
    assert_eq!(starts(&heard, SegmenterConfig::default()), expected);
}

#[test]
fn speech_that_begins_as_suddenly_as_a_slam_starts_within_10_ms_of_where_nobody_watches() {
    let heard = talk(0.1);
    let expected = starts(&heard, unwatched());
    // What the rule holds back until there is a voice.
    let rise = SegmenterConfig::default().slam_rise_db;
    let levels: Vec<f32> = heard.blocks.iter().map(|block| db(rms(&block.near))).collect();
    let sudden = |start: &usize| {
        (start.saturating_sub(20)..*start).any(|n| levels[n + 1] - levels[n.saturating_sub(1)] >= rise)
    };
    assert!(
        expected.len() == 5 && expected.iter().all(sudden),
        "{expected:?}: what rises slowly proves nothing"
    );
    let watched = starts(&heard, SegmenterConfig::default());
    println!("starts {watched:?}, where nobody watches {expected:?}");
    assert_eq!(watched.len(), expected.len());
    assert!(
        watched.iter().zip(&expected).all(|(ours, first)| (*first..=first + 1).contains(ours)),
        "{watched:?}"
    );
}
