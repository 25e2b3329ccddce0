use std::f32::consts::TAU;

use super::*;

/// Share of frames at or above 0.5 over `seconds` of `sample(n)`, n at 16 kHz, the first 0.2 s left out.
fn alarm(seconds: usize, mut sample: impl FnMut(usize) -> f32) -> f32 {
    let mut vad = Earshot::new();
    let (mut alarms, mut frames) = (0, 0);
    for f in 0..seconds * 16_000 / FRAME {
        let frame: Vec<f32> = (0..FRAME).map(|i| sample(f * FRAME + i)).collect();
        let p = vad.probability(&frame).unwrap();
        if f >= 12 {
            frames += 1;
            alarms += usize::from(p >= 0.5);
        }
    }
    alarms as f32 / frames as f32
}

fn noise(seed: u64) -> impl FnMut() -> f32 {
    let mut x = seed;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        (x >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Above this the detector itself begins to alarm (at half of full scale it does); no room is that loud, and the
/// segmenter's noise floor stands behind it.
#[test]
fn white_noise_up_to_a_tenth_of_full_scale_is_not_speech() {
    for level in [0.001, 0.01, 0.1] {
        let mut n = noise(7);
        let share = alarm(20, |_| level * n());
        assert!(share < 0.005, "{share} at {level}");
    }
}

#[test]
fn pink_noise_is_not_speech() {
    let mut n = noise(9);
    let mut poles = [0.0_f32; 3];
    let pink = alarm(20, |_| {
        let w = n();
        poles[0] = 0.997 * poles[0] + 0.03 * w;
        poles[1] = 0.963 * poles[1] + 0.08 * w;
        poles[2] = 0.57 * poles[2] + 0.3 * w;
        0.1 * (poles.iter().sum::<f32>() + 0.1 * w)
    });
    assert!(pink < 0.005, "{pink}");
}

#[test]
fn mains_hum_and_clicks_are_not_speech() {
    let hum = alarm(20, |n| {
        let t = n as f32 / 16e3;
        (1..6).map(|k| 0.05 / k as f32 * (TAU * 50.0 * k as f32 * t).sin()).sum()
    });
    assert!(hum < 0.005, "hum {hum}");
    let clicks = alarm(20, |n| if n % 7_919 < 3 { 0.9 } else { 0.0 });
    assert!(clicks < 0.01, "clicks {clicks}");
}

#[test]
fn broken_samples_neither_panic_nor_stick() {
    let mut vad = Earshot::new();
    for bad in [f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30, f32::MIN_POSITIVE / 4.0] {
        let p = vad.probability(&[bad; FRAME]).unwrap();
        assert!((0.0..=1.0).contains(&p));
    }
    vad.reset();
    for _ in 0..20 {
        assert!(vad.probability(&[0.0; FRAME]).unwrap() < 0.5);
    }
}

#[test]
fn another_frame_length_is_refused_with_both_numbers() {
    let e = Earshot::new().probability(&[0.0; 160]).unwrap_err();
    assert_eq!(e, VadError::FrameLength { given: 160, wanted: 256 });
}
