//! What microphones can do to the front end: nothing makes it panic, ring for ever, or emit what is no number.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use common::{Noise, RING_MM};
use prim_audio::{DEVICE_BLOCK, Frames, SampleTime};
use prim_dsp::{
    BlockShapeError, ChannelHealth, Frontend, FrontendBlock, FrontendConfig, FrontendConfigError,
    MAX_CHANNELS, Segmenter, SegmenterConfig,
};
use proptest::prelude::*;

const N: usize = 4;

/// Runs `blocks` of `sample(channel, frame)` with the reference `speaker(frame)`; checks every output.
fn run(
    frontend: &mut Frontend,
    blocks: usize,
    mut sample: impl FnMut(usize, usize) -> i16,
    mut speaker: impl FnMut(usize) -> i16,
) -> FrontendBlock {
    let mut out = FrontendBlock::default();
    for b in 0..blocks {
        let mic: Vec<i16> = (0..DEVICE_BLOCK * N).map(|i| sample(i % N, b * DEVICE_BLOCK + i / N)).collect();
        let reference: [i16; DEVICE_BLOCK] = std::array::from_fn(|i| speaker(b * DEVICE_BLOCK + i));
        frontend.process(&mic, &reference, &mut out).unwrap();
        for s in out.recogniser.iter().chain(&out.voice).chain(&out.near) {
            assert!(s.is_finite() && s.abs() < 8.0, "block {b}: {s}");
            assert!(!s.is_subnormal(), "block {b}: {s}");
        }
        assert!(out.echo.near_over_echo_db.is_finite() && out.echo.erle_db.is_finite());
        assert!(out.bearing.is_none_or(|d| (0.0..360.0).contains(&d.degrees) && d.confidence.is_finite()));
    }
    out
}

fn new() -> Frontend {
    Frontend::new(&FrontendConfig::new(&RING_MM)).unwrap()
}

fn noise(seed: u64, level: f32) -> impl FnMut() -> i16 {
    let mut n = Noise(seed);
    move || (level * n.next()) as i16
}

#[test]
fn silence_stays_silence_and_comes_back_after_any_noise() {
    let mut f = new();
    let mut n = noise(5, 20_000.0);
    let mut m = noise(6, 20_000.0);
    run(&mut f, 200, |_, _| n(), |_| m());
    let out = run(&mut f, 300, |_, _| 0, |_| 0);
    assert!(out.recogniser.iter().chain(&out.voice).all(|s| s.abs() < 1e-4));
    let out = run(&mut f, 5_000, |_, _| 0, |_| 0);
    assert!(out.recogniser.iter().all(|s| s.abs() < 1e-6));
    assert!(!out.echo.active);
}

#[test]
fn clicks_full_scale_squares_and_offsets_pass_without_harm() {
    let mut f = new();
    run(&mut f, 100, |_, t| if t.is_multiple_of(4_801) { i16::MAX } else { 0 }, |_| 0);
    run(
        &mut f,
        100,
        |_, t| if t % 96 < 48 { i16::MAX } else { i16::MIN },
        |t| if t % 96 < 48 { i16::MAX } else { i16::MIN },
    );
    run(&mut f, 100, |c, _| [i16::MAX, i16::MIN, 12_000, 0][c], |_| i16::MAX);
    let mut n = noise(7, 300.0);
    let out = run(&mut f, 300, |_, _| 8_000 + n(), |_| 0);
    let mean = out.recogniser.iter().sum::<f32>() / 160.0;
    assert!(mean.abs() < 0.01, "an offset of 8000 leaves {mean}");
}

#[test]
fn a_channel_of_zeros_of_another_s_copy_or_of_noise_does_not_spoil_the_rest() {
    for odd in 0..4 {
        let mut f = new();
        let mut shared = Noise(11);
        let mut own = Noise(13);
        let mut last = (usize::MAX, 0.0);
        let out = run(
            &mut f,
            600,
            |c, t| {
                if last.0 != t {
                    last = (t, shared.next());
                }
                let x = 3_000.0 * last.1 + 30.0 * own.next();
                match (c, odd) {
                    (2, 0) => 0,
                    (2, 1) => (3_000.0 * last.1) as i16,
                    (2, 2) => (30_000.0 * own.next()) as i16,
                    (2, 3) => 15_000,
                    _ => x as i16,
                }
            },
            |_| 0,
        );
        let want = [ChannelHealth::Dead, ChannelHealth::Good, ChannelHealth::Noisy, ChannelHealth::Dead][odd];
        assert_eq!(out.levels[2].health, want, "{odd}");
        let level = common::db(common::rms(&out.recogniser));
        // White noise of ±3000 is −25.5 dBFS; a third of its band is left, and dereverberation takes some.
        assert!((-42.0..-24.0).contains(&level), "{odd}: {level} dBFS");
    }
}

#[test]
fn eight_channels_one_channel_and_a_line_work_and_a_line_says_what_it_cannot_tell() {
    for n in [1, 2, 8] {
        let mics: Vec<[f32; 3]> = (0..n).map(|i| [20.0 * i as f32, 0.0, 0.0]).collect();
        let mut f = Frontend::new(&FrontendConfig::new(&mics)).unwrap();
        let mut out = FrontendBlock::default();
        let mut noise = Noise(3);
        let mut past = vec![0.0; 64];
        let mut seen = false;
        for b in 0..300_usize {
            // A wave along y = x/√3: each microphone hears it a little later.
            let mut mic = vec![0_i16; n * DEVICE_BLOCK];
            for t in 0..DEVICE_BLOCK {
                past.rotate_right(1);
                past[0] = if b % 60 < 40 { noise.next() } else { 0.01 * noise.next() };
                for c in 0..n {
                    mic[t * n + c] = (8_000.0 * past[2 * c]) as i16;
                }
            }
            f.process(&mic, &[0; DEVICE_BLOCK], &mut out).unwrap();
            assert!(out.recogniser.iter().all(|s| s.is_finite()));
            if let Some(bearing) = out.bearing {
                seen = true;
                // Two samples of 48 kHz over 20 mm: 14.3 mm of way, 135.6° from the line's front.
                let (a, m) = (bearing.degrees, bearing.mirror_degrees.unwrap());
                assert!((a.min(m) - 135.6).abs() < 4.0 && (a.max(m) - 224.4).abs() < 4.0, "{bearing:?}");
            }
        }
        assert_eq!(seen, n > 1, "{n} microphones");
    }
}

#[test]
fn a_block_or_a_board_that_does_not_fit_is_refused() {
    let mut f = new();
    let mut out = FrontendBlock::default();
    let e = f.process(&[0; 100], &[0; DEVICE_BLOCK], &mut out).unwrap_err();
    assert_eq!(e, BlockShapeError { got: 100, want: 1_920, channels: 4 });
    let refused = |mics: &[[f32; 3]]| Frontend::new(&FrontendConfig::new(mics)).unwrap_err();
    assert_eq!(refused(&[]), FrontendConfigError::Channels { got: 0 });
    assert_eq!(refused(&[[0.0; 3]; MAX_CHANNELS + 1]), FrontendConfigError::Channels { got: 9 });
    assert_eq!(refused(&[[0.0; 3], [f32::NAN, 0.0, 0.0]]), FrontendConfigError::Position { channel: 1 });
}

#[test]
fn a_hole_in_time_is_survived() {
    let mut f = new();
    let mut n = noise(9, 5_000.0);
    run(&mut f, 100, |_, _| n(), |_| 1_000);
    f.hole(Frames(48_000));
    let mut n = noise(10, 5_000.0);
    run(&mut f, 100, |_, _| n(), |_| 1_000);
}

#[test]
fn white_noise_and_hum_open_no_segment() {
    for kind in 0..2 {
        let mut f = new();
        let mut segmenter = Segmenter::new(SegmenterConfig::default());
        let mut vad = earshot::Detector::default();
        let mut frames = prim_dsp::Reframer::new(256);
        let mut n = Noise(21);
        let mut out = FrontendBlock::default();
        for b in 0..1_000_usize {
            let mic: Vec<i16> = (0..DEVICE_BLOCK * N)
                .map(|i| {
                    let t = (b * DEVICE_BLOCK + i / N) as f32 / 48e3;
                    let hum: f32 =
                        (1..8).map(|k| (std::f32::consts::TAU * 50.0 * k as f32 * t).sin() / k as f32).sum();
                    if kind == 0 {
                        (1_000.0 * n.next()) as i16
                    } else {
                        (1_500.0 * hum + 5.0 * n.next()) as i16
                    }
                })
                .collect();
            f.process(&mic, &[0; DEVICE_BLOCK], &mut out).unwrap();
            let p = frames.push(&out.near, |x| vad.predict_f32(x));
            let event = segmenter.push(SampleTime(b as u64 * 160), &out.near, p);
            assert_eq!(event, None, "kind {kind}, block {b}");
        }
    }
}

#[test]
fn a_minute_of_silence_after_clicks_squares_and_offsets_is_not_computed_in_denormals() {
    let mut faint = Noise(41);
    let mut sounds: [Box<dyn FnMut(usize) -> i16>; 4] = [
        Box::new(|t| if t.is_multiple_of(4_801) { i16::MAX } else { 0 }),
        Box::new(|t| if t % 96 < 48 { i16::MAX } else { i16::MIN }),
        Box::new(|_| 12_000),
        Box::new(move |_| (1.9 * faint.next()) as i16),
    ];
    for sound in &mut sounds {
        let mut f = new();
        run(&mut f, 100, |_, t| sound(t), |t| if t % 96 < 48 { 9_000 } else { -9_000 });
        run(&mut f, 6_000, |_, _| 0, |_| 0);
    }
}

/// What one microphone, or the speaker, can be given.
#[derive(Debug, Clone, Copy)]
enum Fed {
    Silence,
    /// Full scale, every tenth of a second.
    Clicks,
    /// Full scale at 500 Hz.
    Square,
    Offset(i16),
    Noise(i16),
    /// What the first channel is given.
    Copy,
}

impl Fed {
    fn sample(self, t: usize, first: i16, n: &mut Noise) -> i16 {
        match self {
            Self::Silence => 0,
            Self::Clicks => {
                if t.is_multiple_of(4_801) {
                    i16::MAX
                } else {
                    0
                }
            }
            Self::Square => {
                if t % 96 < 48 {
                    i16::MAX
                } else {
                    i16::MIN
                }
            }
            Self::Offset(by) => by,
            Self::Noise(level) => (f32::from(level) * n.next()) as i16,
            Self::Copy => first,
        }
    }
}

fn fed() -> impl Strategy<Value = Fed> {
    prop_oneof![
        Just(Fed::Silence),
        Just(Fed::Clicks),
        Just(Fed::Square),
        any::<i16>().prop_map(Fed::Offset),
        prop::sample::select(vec![1, 30, 1_000, i16::MAX]).prop_map(Fed::Noise),
        Just(Fed::Copy),
    ]
}

/// Half a second of each scene (four microphones and Prim), then ten of silence.
fn scenes(scenes: &[[Fed; N + 1]]) {
    const SCENE: usize = 50;
    let mut f = new();
    let (mut n, mut m) = (Noise(31), Noise(32));
    let mut first = 0;
    for scene in scenes {
        run(
            &mut f,
            SCENE,
            |c, t| {
                let sample = scene[c].sample(t, first, &mut n);
                if c == 0 {
                    first = sample;
                }
                sample
            },
            |t| scene[N].sample(t, 0, &mut m),
        );
    }
    let out = run(&mut f, 1_000, |_, _| 0, |_| 0);
    assert!(
        out.recogniser.iter().chain(&out.voice).chain(&out.near).all(|s| s.abs() < 1e-6),
        "silence rings"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn whatever_each_microphone_and_prim_are_given_outputs_are_numbers_and_silence_after_it_is_silence(
        given in prop::collection::vec(prop::array::uniform5(fed()), 1..6)
    ) {
        scenes(&given);
    }
}
