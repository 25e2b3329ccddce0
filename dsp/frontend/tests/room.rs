//! The front end in a small room: bearing, beam, echo, double talk, interruption, in degrees and decibels.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{RATE, RING_MM, Room, active_rms, add, add_noise, db, hear, place, rms, scale, si_sdr, voice};
use prim_audio::SampleRate;
use prim_dsp::{BargeIn, BargeInConfig, FrontendConfig, Reframer, SegmentBearing, resample_all};

const PERSON: f32 = 0.025;

fn config() -> FrontendConfig {
    FrontendConfig::new(&RING_MM)
}

fn off(a: f32, b: f32) -> f32 {
    ((a - b + 180.0).rem_euclid(360.0) - 180.0).abs()
}

/// `dry` from `at`, the person's usual level at the microphones, with −60 dBFS of noise.
fn person(room: &Room, at: [f32; 3], dry: &[f32]) -> Vec<Vec<f32>> {
    let mut mics = place(room, at, dry);
    let g = PERSON / active_rms(&mics[0]);
    scale(&mut mics, g);
    mics
}

/// Prim's sound at the microphones `over` dB above a person, 35 ms later than its reference.
fn echo(room: &Room, dry: &[f32], over: f32) -> Vec<Vec<f32>> {
    let mut mics = place(room, [room.array[0] + 0.19, room.array[1] - 0.19, room.array[2]], dry);
    let g = PERSON * 10_f32.powf(over / 20.0) / active_rms(&mics[0]);
    scale(&mut mics, g);
    let late = RATE * 35 / 1000;
    mics.iter().map(|m| [vec![0.0; late], m[..m.len() - late].to_vec()].concat()).collect()
}

fn to16(x: &[f32]) -> Vec<f32> {
    resample_all(x, SampleRate::new(48_000), SampleRate::new(16_000)).unwrap()
}

#[test]
fn a_talker_a_metre_away_is_found_within_5_degrees() {
    let room = Room::huddle(0.25);
    let dry = voice(4, 4.0, 120.0);
    let mut all = Vec::new();
    for bearing in [12.0, 100.0, 187.0, 305.0] {
        let mut mics = person(&room, room.at(bearing, 1.0, 0.35), &dry);
        add_noise(&mut mics, 0.0008, 2);
        let heard = hear(&FrontendConfig { dereverb: None, ..config() }, &mics, &[]);
        let mut segment = SegmentBearing::default();
        heard.blocks.iter().for_each(|b| segment.push(b));
        let found = segment.take().unwrap();
        assert!(off(found.degrees, bearing) < 5.0, "{bearing}: {found:?}");
        all.extend(heard.blocks.iter().filter_map(|b| b.fresh_bearing).map(|b| off(b.degrees, bearing)));
    }
    all.sort_by(f32::total_cmp);
    assert!(all.len() > 60, "ten estimates a second: {}", all.len());
    assert!(all[all.len() / 2] < 5.0 && all[all.len() * 9 / 10] < 12.0, "p50 {}", all[all.len() / 2]);
}

#[test]
fn with_a_dead_microphone_the_others_still_find_the_talker() {
    let room = Room::huddle(0.25);
    let mut mics = person(&room, room.at(60.0, 1.0, 0.35), &voice(5, 5.0, 110.0));
    add_noise(&mut mics, 0.0008, 2);
    mics[2].fill(0.0);
    let heard = hear(&FrontendConfig { dereverb: None, ..config() }, &mics, &[]);
    let found = heard.blocks.last().unwrap().bearing.unwrap();
    assert!(off(found.degrees, 60.0) < 8.0, "{found:?}");
    let (level, alive) = (db(rms(&heard.recogniser[32_000..])), db(rms(&to16(&mics[0])[32_000..])));
    assert!((level - alive).abs() < 4.0, "{level:.1} dBFS, a living microphone {alive:.1}");
}

#[test]
fn the_beam_lifts_a_voice_out_of_independent_noise() {
    let room = Room::huddle(0.05);
    let clean = person(&room, room.at(140.0, 1.0, 0.0), &voice(6, 4.0, 130.0));
    let mut noisy = clean.clone();
    add_noise(&mut noisy, PERSON * 10_f32.powf(-5.0 / 20.0), 3);
    let board = FrontendConfig { dereverb: None, echo: false, ..config() };
    let single = FrontendConfig { mics_mm: vec![RING_MM[0]], ..board.clone() };
    let at = 16_000..48_000;
    let sdr = |config: &FrontendConfig, n: usize| {
        let (a, b) = (hear(config, &clean[..n], &[]), hear(config, &noisy[..n], &[]));
        si_sdr(&b.recogniser[at.clone()], &a.recogniser[at.clone()], 1)
    };
    let (one, four) = (sdr(&single, 1), sdr(&board, 4));
    println!("one microphone {one:.1} dB, beam of four {four:.1} dB");
    assert!(four > one + 4.0, "one microphone {one:.1} dB, beam of four {four:.1} dB");
}

#[test]
fn prim_alone_is_18_db_down_after_two_seconds_and_30_when_suppressed() {
    let room = Room::huddle(0.25);
    let prim = voice(8, 6.0, 190.0);
    for over in [0.0, 12.0] {
        let mut mics = echo(&room, &prim, over);
        add_noise(&mut mics, 0.0003, 4);
        let heard = hear(&config(), &mics, &prim);
        let mic = db(rms(&mics[0][2 * RATE..6 * RATE - 4800]));
        let linear = db(rms(&heard.recogniser[32_000..96_000 - 1_600]));
        let suppressed = db(rms(&heard.voice[32_000..96_000 - 1_600]));
        println!("over {over}: mic {mic:.1}, linear {linear:.1}, suppressed {suppressed:.1} dBFS");
        assert!(mic - linear > 18.0, "linear: {:.1} dB", mic - linear);
        assert!(mic - suppressed > 30.0_f32.min(mic + 66.0), "suppressed: {:.1} dB", mic - suppressed);
        let delay = heard.blocks.last().unwrap().echo.delay_ms.unwrap();
        assert!((35.0..=37.0).contains(&delay), "35 ms of latency and 27 cm of air: {delay} ms");
        let first = db(rms(&heard.recogniser[..16_000])) - db(rms(&mics[0][..RATE]));
        assert!(first < 0.0, "the first second is not made worse: {first:.1} dB");
    }
}

#[test]
fn a_person_over_prim_reaches_the_recogniser_untouched() {
    let room = Room::huddle(0.25);
    let prim = voice(9, 7.0, 190.0);
    let mut near = vec![0.0; 4 * RATE];
    near.extend(voice(10, 3.0, 115.0));
    let near = person(&room, room.at(140.0, 1.0, 0.35), &near);
    let plain = FrontendConfig { dereverb: None, ..config() };
    let mut alone = near.clone();
    add_noise(&mut alone, 0.0005, 4);
    let mut both = echo(&room, &prim, 12.0);
    add(&mut both, &alone);
    // The beam cannot know the bearing while Prim speaks: both runs are heard without one.
    let truth = hear(&plain, &alone, &[]);
    let heard = hear(&plain, &both, &prim);
    let at = 4 * 16_000 + 3_200..7 * 16_000 - 1_600;
    let raw = si_sdr(&to16(&both[0])[at.clone()], &to16(&alone[0])[at.clone()], 2);
    let got = si_sdr(&heard.recogniser[at.clone()], &truth.recogniser[at.clone()], 2);
    println!("double talk: raw {raw:.1} dB, recogniser {got:.1} dB");
    assert!(got > 8.0 && got > raw + 5.0, "double talk SI-SDR {got:.1} dB, raw {raw:.1} dB");
}

fn probabilities(heard: &common::Heard) -> Vec<f32> {
    let mut vad = earshot::Detector::default();
    let mut frames = Reframer::new(256);
    let clamp = |x: &[f32]| x.iter().map(|s| s.clamp(-1.0, 1.0)).collect::<Vec<_>>();
    heard.blocks.iter().map(|b| frames.push(&b.near, |f| vad.predict_f32(&clamp(f)))).collect()
}

/// Prim speaks for 3 s of every 4.
fn utterances(seed: u64, f0: f32, seconds: usize) -> Vec<f32> {
    let mut x = voice(seed, seconds as f32, f0);
    for (t, s) in x.iter_mut().enumerate() {
        if t % (4 * RATE) >= 3 * RATE {
            *s = 0.0;
        }
    }
    x
}

#[test]
fn prim_never_interrupts_itself_at_any_volume() {
    let room = Room::huddle(0.25);
    let mut alarms = 0;
    for (i, over) in [-6.0, 3.0, 8.0, 12.0].into_iter().enumerate() {
        let prim = utterances(20 + i as u64, [190.0, 110.0][i % 2], 20);
        let mut mics = echo(&room, &prim, over);
        add_noise(&mut mics, 0.0008, 4);
        let heard = hear(&config(), &mics, &prim);
        let p = probabilities(&heard);
        let mut barge_in = BargeIn::new(BargeInConfig::default());
        let fired: Vec<usize> = (0..p.len()).filter(|b| barge_in.push(&heard.blocks[*b], p[*b])).collect();
        println!("{over} dB: {fired:?}");
        alarms += fired.len();
    }
    assert_eq!(alarms, 0);
}

#[test]
fn a_person_a_metre_away_interrupts_prim_within_200_ms() {
    let room = Room::huddle(0.25);
    let mut waits = Vec::new();
    for i in 0..4 {
        let prim = voice(30 + i, 6.0, 190.0);
        let start = 4 * RATE + 2_345 * i as usize;
        let mut near = vec![0.0; start];
        near.extend(voice(40 + i, 2.0, 115.0));
        near.truncate(6 * RATE);
        let first = near.iter().position(|s| s.abs() > 0.03).unwrap();
        let near = person(&room, room.at(70.0 + 80.0 * i as f32, 1.0, 0.35), &near);
        let mut mics = echo(&room, &prim, 10.0);
        add(&mut mics, &near);
        add_noise(&mut mics, 0.0008, 4);
        let heard = hear(&config(), &mics, &prim);
        let p = probabilities(&heard);
        let mut barge_in = BargeIn::new(BargeInConfig::default());
        let fired = (0..p.len()).find(|b| barge_in.push(&heard.blocks[*b], p[*b]));
        // A block is known at its end.
        let wait = fired.map(|b| ((b + 1) * 480) as i64 - first as i64).map(|n| n / 48);
        waits.push(wait);
    }
    println!("{waits:?} ms");
    assert!(waits.iter().all(|w| w.is_some_and(|w| (0..=200).contains(&w))), "{waits:?} ms");
}

#[test]
fn after_a_minute_of_prim_the_echo_is_as_far_down_as_ever() {
    let room = Room::huddle(0.25);
    let prim = voice(23, 60.0, 110.0);
    let mut mics = echo(&room, &prim, 12.0);
    add_noise(&mut mics, 0.0003, 4);
    let heard = hear(&FrontendConfig { dereverb: None, ..config() }, &mics, &prim);
    let level = |x: &[f32], rate: usize, s: usize| db(rms(&x[s * rate..(s + 1) * rate]));
    let erle: Vec<f32> =
        (5..59).map(|s| level(&mics[0], RATE, s) - level(&heard.recogniser, 16_000, s)).collect();
    let worst = erle.iter().copied().fold(f32::MAX, f32::min);
    println!("worst second {worst:.1} dB, mean {:.1} dB", erle.iter().sum::<f32>() / erle.len() as f32);
    assert!(worst > 30.0, "{erle:?}");
    let late = level(&mics[0], RATE, 50) - level(&heard.voice, 16_000, 50);
    assert!(late > 35.0, "suppressed, after 50 s: {late:.1} dB");
}

/// The same sound by a clock that is `ppm` faster: a windowed sinc of 24 points.
fn by_another_clock(x: &[f32], ppm: f64) -> Vec<f32> {
    (0..x.len())
        .map(|n| {
            let at = n as f64 * (1.0 + ppm * 1e-6);
            let whole = at.floor() as i64;
            // Silence stays silence, and costs nothing.
            let around = [-11, 0, 12].map(|k| usize::try_from(whole + k).ok().and_then(|i| x.get(i)));
            if around.iter().all(|s| s.is_none_or(|s| s.abs() < 1e-6)) {
                return 0.0;
            }
            let point = |k: i64| {
                let d = (at - (whole + k) as f64) * std::f64::consts::PI;
                let sinc = if d.abs() < 1e-9 { 1.0 } else { d.sin() / d };
                let x = usize::try_from(whole + k).ok().and_then(|i| x.get(i)).copied().unwrap_or(0.0);
                f64::from(x) * sinc * (0.5 + 0.5 * (d / 13.0).cos())
            };
            (-11..=12).map(point).sum::<f64>() as f32
        })
        .collect()
}

#[test]
fn clocks_200_ppm_apart_leave_no_more_echo_after_twenty_seconds() {
    let room = Room::huddle(0.2);
    let prim = voice(27, 22.0, 150.0);
    let mut mics = vec![by_another_clock(&echo(&room, &prim, 10.0)[0], 200.0)];
    add_noise(&mut mics, 0.0003, 4);
    let board = FrontendConfig { mics_mm: vec![RING_MM[0]], dereverb: None, ..config() };
    let heard = hear(&board, &mics, &prim);
    let mic = db(rms(&mics[0][18 * RATE..21 * RATE]));
    let [linear, suppressed] =
        [&heard.recogniser, &heard.voice].map(|x| mic - db(rms(&x[18 * 16_000..21 * 16_000])));
    println!("linear {linear:.1} dB, suppressed {suppressed:.1} dB");
    assert!(linear > 14.0, "linear: {linear:.1} dB");
    assert!(suppressed > 25.0, "suppressed: {suppressed:.1} dB");
}

/// Prim's echo of each second from the one before the device is moved on, `dead` microphones unplugged, dB taken.
fn moved_device(before_s: usize, dead: usize) -> Vec<f32> {
    let room = Room::huddle(0.25);
    let prim = voice(23, before_s as f32 + 10.0, 110.0);
    let (at, until) = (before_s * RATE, (before_s + 6) * RATE);
    let before = echo(&room, &prim, 10.0);
    let mut after = place(&room, [room.array[0] - 0.12, room.array[1] + 0.05, room.array[2] + 0.04], &prim);
    let g = active_rms(&before[0]) / active_rms(&after[0]);
    scale(&mut after, g);
    let late = RATE * 35 / 1000;
    let mut mics: Vec<Vec<f32>> =
        before.iter().zip(&after).map(|(b, a)| [&b[..at], &a[at - late..until - late]].concat()).collect();
    add_noise(&mut mics, 0.0003, 4);
    mics[..dead].iter_mut().for_each(|m| m.fill(0.0));
    let heard = hear(&FrontendConfig { dereverb: None, ..config() }, &mics, &prim[..until]);
    (at / RATE - 1..until / RATE)
        .map(|s| {
            let level = |x: &[f32], rate: usize| db(rms(&x[s * rate..((s + 1) * rate).min(x.len())]));
            level(&mics[3], RATE) - level(&heard.recogniser, 16_000)
        })
        .collect()
}

#[test]
fn a_device_that_is_moved_after_a_minute_hears_itself_no_more_two_seconds_later() {
    let erle = moved_device(50, 0);
    println!("second before, then each after: {erle:.1?} dB");
    assert!(erle[0] > 20.0 && erle[3..].iter().all(|e| *e > 18.0), "{erle:.1?} dB");
}

#[test]
fn a_device_whose_first_microphone_is_dead_notices_too_that_it_was_moved() {
    let erle = moved_device(14, 1);
    println!("second before, then each after: {erle:.1?} dB");
    assert!(erle[0] > 20.0 && erle[3..].iter().all(|e| *e > 18.0), "{erle:.1?} dB");
}

#[test]
fn after_half_a_minute_of_silence_clocks_12_ppm_apart_cost_prim_two_seconds_of_its_next_sentence() {
    let room = Room::huddle(0.25);
    let mut prim = voice(27, 20.0, 150.0);
    prim.extend(vec![0.0; 30 * RATE]);
    prim.extend(voice(28, 6.0, 150.0));
    let mut mics: Vec<Vec<f32>> =
        echo(&room, &prim, 10.0).iter().map(|m| by_another_clock(m, 12.0)).collect();
    add_noise(&mut mics, 0.0003, 4);
    let heard = hear(&FrontendConfig { dereverb: None, ..config() }, &mics, &prim);
    let erle: Vec<f32> = (19..56)
        .filter(|s| !(20..50).contains(s))
        .map(|s| {
            let level = |x: &[f32], rate: usize| db(rms(&x[s * rate..((s + 1) * rate).min(x.len())]));
            level(&mics[0], RATE) - level(&heard.recogniser, 16_000)
        })
        .collect();
    println!("last second before, then each after: {erle:.1?} dB");
    assert!(erle[0] > 18.0 && erle[3..].iter().all(|e| *e > 18.0), "{erle:.1?} dB");
}

/// Prim speaks for six seconds, is silent for a minute while the clocks run `ppm` apart, and speaks again; then perhaps
/// a person begins so many ms into it. What is heard, and dB taken of Prim's next second, its first 150 ms left out.
fn after_a_minute(seed: u64, first_s: f32, ppm: f64, over_ms: Option<usize>) -> (common::Heard, f32) {
    after_a_minute_at(0, seed, first_s, ppm, over_ms)
}

/// The same with the echo so many samples, at 48 kHz, earlier.
fn after_a_minute_at(
    earlier: usize,
    seed: u64,
    first_s: f32,
    ppm: f64,
    over_ms: Option<usize>,
) -> (common::Heard, f32) {
    const SECOND: usize = 66 * RATE;
    let room = Room { mics_mm: vec![RING_MM[0]], ..Room::huddle(0.25) };
    let mut prim = voice(seed, first_s, 150.0);
    prim.resize(SECOND, 0.0);
    let second = voice(seed + 1, 4.0, 150.0);
    let begins = second.iter().position(|s| s.abs() > 0.03).unwrap();
    prim.extend(&second[begins..][..2 * RATE]);
    let mut mics: Vec<Vec<f32>> = echo(&room, &prim, 10.0).iter().map(|m| by_another_clock(m, ppm)).collect();
    for mic in &mut mics {
        mic.drain(..earlier);
        mic.resize(prim.len(), 0.0);
    }
    if let Some(ms) = over_ms {
        let near = voice(seed + 2, 2.0, 115.0);
        let first = near.iter().position(|s| s.abs() > 0.03).unwrap();
        let mut dry = vec![0.0; SECOND + ms * RATE / 1_000];
        dry.extend(&near[first..]);
        dry.truncate(prim.len());
        add(&mut mics, &person(&room, room.at(70.0 + 80.0 * seed as f32, 1.0, 0.35), &dry));
    }
    add_noise(&mut mics, 0.0008, 4);
    let board = FrontendConfig { mics_mm: vec![RING_MM[0]], dereverb: None, ..config() };
    let heard = hear(&board, &mics, &prim);
    // Latency and 150 ms of doubt.
    let from = 185;
    let mic = db(rms(&mics[0][SECOND + from * RATE / 1_000..][..RATE]));
    let left = db(rms(&heard.recogniser[SECOND / 3 + from * 16 + 352..][..16_000]));
    (heard, mic - left)
}

fn interruptions(heard: &common::Heard) -> Vec<usize> {
    let p = probabilities(heard);
    let mut barge_in = BargeIn::new(BargeInConfig::default());
    (0..p.len()).filter(|b| barge_in.push(&heard.blocks[*b], p[*b])).collect()
}

#[test]
fn after_a_minute_of_silence_prim_knows_its_first_words_however_the_clocks_ran_apart() {
    let mut taken = Vec::new();
    for (i, (first_s, ppm)) in [(6.0, 0.0), (6.0, 5.0), (6.0, -13.0), (1.2, 12.0)].into_iter().enumerate() {
        let (heard, erle) = after_a_minute(70 + 3 * i as u64, first_s, ppm, None);
        taken.push(erle);
        assert_eq!(interruptions(&heard), [0; 0], "{ppm} ppm: Prim interrupted itself");
    }
    println!("first second: {taken:.1?} dB");
    assert!(taken.iter().all(|erle| *erle > 15.0), "{taken:.1?} dB");
}

#[test]
fn an_echo_a_quarter_of_a_millisecond_late_is_known_after_a_minute_of_silence_too() {
    // 12 samples at 16 kHz through the air; 8 of them and the device's latency are taken away.
    let earlier = RATE * 35 / 1_000 + 24;
    let runs = [(6.0, 0.0), (6.0, 2.6), (6.0, 5.5), (6.0, 13.0)].into_iter().enumerate();
    let taken: Vec<f32> = runs
        .map(|(i, (first_s, ppm))| after_a_minute_at(earlier, 70 + 3 * i as u64, first_s, ppm, None).1)
        .collect();
    println!("first second: {taken:.1?} dB");
    assert!(taken.iter().all(|erle| *erle > 15.0), "{taken:.1?} dB");
}

#[test]
fn after_a_minute_of_silence_who_talks_into_prim_s_first_words_is_noticed_within_300_ms() {
    let mut waits = Vec::new();
    for (i, (ppm, ms)) in [(0.0, 50), (12.0, 200), (-12.0, 300), (12.0, 600)].into_iter().enumerate() {
        let (heard, _) = after_a_minute(80 + 3 * i as u64, 6.0, ppm, Some(ms));
        let begins = 6_600 + ms as i64 / 10;
        waits.push(interruptions(&heard).first().map(|b| 10 * (*b as i64 + 1 - begins)));
    }
    println!("{waits:?} ms");
    assert!(waits.iter().all(|w| w.is_some_and(|w| (0..=300).contains(&w))), "{waits:?} ms");
}

/// Eight microphones on 5 cm, as many people at once as there are `bearings`, 1.5 m away in 10 dB of noise; whom the front
/// end took for talkers at the end of each half second after the second.
fn heard_at_once(seed: u64, rt60_s: f32, bearings: &[f32]) -> Vec<Vec<f32>> {
    let ring: Vec<[f32; 3]> = (0..8)
        .map(|m| {
            let (sin, cos) = (std::f32::consts::TAU * m as f32 / 8.0).sin_cos();
            [50.0 * cos, 50.0 * sin, 0.0]
        })
        .collect();
    let room = Room { mics_mm: ring.clone(), ..Room::huddle(rt60_s) };
    let mut mics = vec![vec![0.0; 4 * RATE]; 8];
    for (i, (bearing, f0)) in bearings.iter().zip([110.0, 200.0]).enumerate() {
        let dry = voice(seed + 10 * i as u64, 4.0, f0);
        add(&mut mics, &person(&room, room.at(*bearing, 1.5, 0.3), &dry));
    }
    add_noise(&mut mics, PERSON * 10_f32.powf(-10.0 / 20.0), seed);
    let board = FrontendConfig { dereverb: None, echo: false, ..FrontendConfig::new(&ring) };
    let heard = hear(&board, &mics, &[]);
    let ends = (199..400).step_by(50).map(|b| heard.blocks[b].talkers);
    ends.map(|talkers| talkers.iter().flatten().map(|b| b.degrees).collect()).collect()
}

#[test]
fn two_people_who_talk_at_once_are_both_found_within_5_degrees() {
    let (mut found, mut all) = (0, 0);
    for (i, pair) in [[5.0, 65.0], [218.0, 301.0], [97.0, 322.0]].into_iter().enumerate() {
        let heard = heard_at_once(50 + i as u64, 0.4, &pair);
        println!("{pair:?}: {heard:.0?}");
        for (talkers, bearing) in heard.iter().flat_map(|h| pair.map(|b| (h, b))) {
            all += 1;
            found += u32::from(talkers.iter().any(|b| off(*b, bearing) <= 5.0));
        }
    }
    println!("{found} of {all}");
    assert!(10 * found >= 9 * all, "{found} of {all}");
}

#[test]
fn who_talks_alone_is_seldom_taken_for_two() {
    let bearings = [20.0, 133.0];
    let heard: Vec<_> = bearings.iter().flat_map(|b| heard_at_once(80 + *b as u64, 0.4, &[*b])).collect();
    println!("{heard:.0?}");
    let two = heard.iter().filter(|h| h.len() > 1).count();
    assert!(4 * two <= heard.len(), "{two} of {}", heard.len());
}

#[test]
fn who_speaks_again_is_heard_as_if_nobody_had_spoken_between() {
    let room = Room::huddle(0.3);
    let lines = [voice(60, 4.0, 120.0), voice(61, 4.0, 180.0), voice(62, 4.0, 120.0)];
    let places = [room.at(30.0, 1.2, 0.3), room.at(150.0, 1.2, 0.3), room.at(30.0, 1.2, 0.3)];
    let run = |between: f32| {
        let mut mics = vec![Vec::new(); 4];
        for ((line, place), gain) in lines.iter().zip(places).zip([1.0, between, 1.0]) {
            for (m, x) in mics.iter_mut().zip(person(&room, place, line)) {
                m.extend(x.iter().map(|s| gain * s));
            }
        }
        add_noise(&mut mics, 0.0005, 6);
        hear(&FrontendConfig { echo: false, ..config() }, &mics, &[]).recogniser
    };
    // From half a second into the third turn on: by then her bearing is known again.
    let at = 8 * 16_000 + 8_000..12 * 16_000 - 1_600;
    let same = si_sdr(&run(1.0)[at.clone()], &run(0.0)[at], 1);
    println!("the same within {same:.1} dB");
    assert!(same > 8.0, "the same within {same:.1} dB");
}
