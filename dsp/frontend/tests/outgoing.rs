//! What remote people hear: less noise, an untouched voice, a usual level; what the detectors hear stays what it was.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{RATE, RING_MM, Room, active_rms, add, add_noise, db, hear, place, rms, scale, si_sdr, voice};
use prim_dsp::FrontendConfig;

fn plain() -> FrontendConfig {
    FrontendConfig { dereverb: None, echo: false, gain: false, ..FrontendConfig::new(&RING_MM) }
}

/// A second of silence, then a talker at 1 m.
fn person(level: f32, seconds: f32) -> Vec<Vec<f32>> {
    let room = Room::huddle(0.3);
    let mut dry = vec![0.0; RATE];
    dry.extend(voice(71, seconds, 120.0));
    let mut mics = place(&room, room.at(60.0, 1.0, 0.35), &dry);
    let g = level / active_rms(&mics[0]);
    scale(&mut mics, g);
    mics
}

#[test]
fn a_voice_leaves_noise_clearer_than_the_beam_alone_has_it() {
    let clean = person(0.03, 6.0);
    let mut noisy = clean.clone();
    add_noise(&mut noisy, 0.03, 8);
    let truth = hear(&plain(), &clean, &[]).near;
    let heard = hear(&plain(), &noisy, &[]);
    let at = 24_000..7 * 16_000 - 1_600;
    let [before, after] = [&heard.near, &heard.voice].map(|x| si_sdr(&x[at.clone()], &truth[at.clone()], 1));
    println!("beam {before:.1} dB, voice {after:.1} dB");
    assert!(after > before + 2.0, "beam {before:.1} dB, voice {after:.1} dB");
    // The room alone, from half a second on, when the noise is known.
    let quiet = 10_000..16_000;
    let [before, after] = [&heard.near, &heard.voice].map(|x| db(rms(&x[quiet.clone()])));
    println!("room {before:.1} dBFS, {after:.1} dBFS");
    assert!(after < before - 10.0, "room {before:.1} dBFS, {after:.1} dBFS");
}

#[test]
fn a_voice_leaves_five_voices_around_the_room_no_worse_than_the_beam_alone_has_it() {
    let room = Room::huddle(0.3);
    let mut clean = person(0.03, 8.0);
    add_noise(&mut clean, 0.0003, 3);
    let mut crowd = vec![vec![0.0; clean[0].len()]; 4];
    for k in 0..5_u8 {
        let dry = voice(80 + u64::from(k), 9.0, 100.0 + 25.0 * f32::from(k));
        let placed = place(&room, room.at(110.0 + 55.0 * f32::from(k), 1.2, 0.3), &dry);
        add(&mut crowd, &placed);
    }
    let g = 0.017 / active_rms(&crowd[0]);
    scale(&mut crowd, g);
    let mut mics = clean.clone();
    add(&mut mics, &crowd);
    let truth = hear(&plain(), &clean, &[]).near;
    let heard = hear(&plain(), &mics, &[]);
    let at = 24_000..9 * 16_000 - 1_600;
    let [before, after] = [&heard.near, &heard.voice].map(|x| si_sdr(&x[at.clone()], &truth[at.clone()], 1));
    println!("beam {before:.1} dB, voice {after:.1} dB");
    assert!(after > before + 0.3, "beam {before:.1} dB, voice {after:.1} dB");
}

#[test]
fn a_voice_in_a_quiet_room_is_not_bent() {
    let mut mics = person(0.03, 6.0);
    add_noise(&mut mics, 0.0003, 3);
    let heard = hear(&plain(), &mics, &[]);
    let kept = si_sdr(&heard.voice[16_000..], &heard.near[16_000..], 1);
    println!("kept within {kept:.1} dB");
    assert!(kept > 15.0, "kept within {kept:.1} dB");
}

#[test]
fn a_fan_that_is_switched_on_is_held_down_again_after_three_seconds() {
    let mut mics = vec![vec![0.0; 6 * RATE]; 4];
    add_noise(&mut mics, 0.0005, 3);
    let mut fan = vec![vec![0.0; 5 * RATE]; 4];
    add_noise(&mut fan, 0.02, 4);
    fan.iter_mut().for_each(|f| {
        f.splice(0..0, vec![0.0; RATE]);
    });
    add(&mut mics, &fan);
    let heard = hear(&plain(), &mics, &[]);
    let at = 4 * 16_000..;
    let down = db(rms(&heard.near[at.clone()])) - db(rms(&heard.voice[at]));
    assert!(down > 10.0, "{down:.1} dB");
}

#[test]
fn far_and_near_talkers_leave_at_the_level_of_a_call_and_enter_the_detector_as_they_are() {
    for level in [0.008_f32, 0.03, 0.12] {
        let mut mics = person(level, 11.0);
        add_noise(&mut mics, 0.0001, 3);
        let heard = hear(&FrontendConfig { gain: true, ..plain() }, &mics, &[]);
        let at = 8 * 16_000..;
        let active = |x: &[f32]| {
            let levels: Vec<f32> = x.chunks(1_600).map(rms).collect();
            let top = levels.iter().copied().fold(0.0, f32::max);
            let loud: Vec<f32> = levels.into_iter().filter(|l| *l > top / 10.0).collect();
            db((loud.iter().map(|l| l * l).sum::<f32>() / loud.len() as f32).sqrt())
        };
        let [near, voice] = [&heard.near, &heard.voice].map(|x| active(&x[at.clone()]));
        println!("{:.1} dBFS at the microphones, near {near:.1}, voice {voice:.1}", db(level));
        assert!((voice + 23.0).abs() < 3.0, "near {near:.1}, voice {voice:.1} dBFS");
        assert!((near - db(level)).abs() < 6.0, "near {near:.1}");
        assert!(heard.voice.iter().all(|s| s.abs() < 0.95));
    }
}

#[test]
fn with_both_stages_off_the_voice_is_near_but_for_what_the_beam_has_learned() {
    let mut mics = person(0.03, 1.0);
    add_noise(&mut mics, 0.003, 3);
    let heard = hear(&FrontendConfig { noise: false, ..plain() }, &mics, &[]);
    assert_eq!(heard.voice.len(), heard.near.len());
    let alike = |from: usize, until: usize| {
        let (voice, near) = (&heard.voice[from..until], &heard.near[from..until]);
        let apart: f32 = voice.iter().zip(near).map(|(v, n)| (v - n).powi(2)).sum();
        apart / near.iter().map(|n| n * n).sum::<f32>().max(1e-12)
    };
    assert!(alike(0, 4_800) < 1e-6, "before anything is learned: {}", alike(0, 4_800));
    let all = alike(0, heard.near.len());
    assert!(all < 0.1, "ten decibels below the voice at most: {all}");
}

#[test]
fn who_begins_after_another_s_pause_is_heard_from_her_first_word_also_when_she_is_quieter() {
    for quieter in [1.0_f32, 0.2] {
        let room = Room::huddle(0.3);
        let mut mics = person(0.03, 4.0);
        let mut dry = vec![0.0; 5 * RATE + RATE / 2];
        dry.extend(voice(72, 2.0, 200.0));
        let mut second = place(&room, room.at(200.0, 1.0, 0.35), &dry);
        let g = 0.03 * quieter / active_rms(&second[0]);
        scale(&mut second, g);
        mics.iter_mut().zip(&second).for_each(|(m, s)| m.resize(s.len(), 0.0));
        add(&mut mics, &second);
        add_noise(&mut mics, 0.0003, 3);
        let heard = hear(&plain(), &mics, &[]);
        for from_ms in [100, 200, 400, 800] {
            let at = (5_500 + from_ms) * 16..(5_500 + from_ms + 200) * 16;
            let [near, voice] = [&heard.near, &heard.voice].map(|x| db(rms(&x[at.clone()])));
            println!("{quieter} × at {from_ms} ms: near {near:.1} dBFS, voice {voice:.1}");
            assert!(voice > near - 3.0, "{quieter} × at {from_ms} ms: near {near:.1}, voice {voice:.1} dBFS");
        }
    }
}
