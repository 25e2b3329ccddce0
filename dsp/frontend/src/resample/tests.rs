use std::f64::consts::TAU;

use proptest::prelude::*;

use super::*;

fn sine(hz: f64, rate: f64, n: usize) -> Vec<f32> {
    (0..n).map(|i| (0.5 * (TAU * hz * i as f64 / rate).sin()) as f32).collect()
}

/// Power of the best-fitting sine at `hz` over the power of everything else, dB.
fn snr_db(x: &[f32], hz: f64, rate: f64) -> f64 {
    let (mut c, mut s, mut e) = (0.0, 0.0, 0.0);
    for (n, &v) in x.iter().enumerate() {
        let w = TAU * hz * n as f64 / rate;
        c += f64::from(v) * w.cos();
        s += f64::from(v) * w.sin();
        e += f64::from(v) * f64::from(v);
    }
    let n = x.len() as f64;
    let fit = 2.0 * (c * c + s * s) / n;
    10.0 * (fit / (e - fit).max(1e-30)).log10()
}

fn through(channels: usize, x: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let mut r = Resampler::new(SampleRate::new(48_000), SampleRate::new(16_000), channels).unwrap();
    let mut out = vec![Vec::new(); channels];
    let mut block = vec![0.0; 160 * channels];
    for b in 0..x[0].len() / 480 {
        let input: Vec<f32> = x.iter().flat_map(|c| c[b * 480..(b + 1) * 480].to_vec()).collect();
        r.process(&input, &mut block);
        for (o, c) in out.iter_mut().zip(block.chunks(160)) {
            o.extend_from_slice(c);
        }
    }
    out
}

#[test]
fn a_tone_survives_48_to_16_khz_with_100_db_to_spare() {
    let y = through(2, &[sine(1_000.0, 48e3, 48_000), sine(6_300.0, 48e3, 48_000)]);
    // Whole periods of both tones, past the start.
    assert!(snr_db(&y[0][1600..14_400], 1_000.0, 16e3) > 100.0);
    assert!(snr_db(&y[1][1600..14_400], 6_300.0, 16e3) > 100.0);
}

#[test]
fn nothing_above_8_khz_folds_back() {
    for hz in [9_000.0, 12_000.0, 17_000.0, 23_000.0] {
        let y = through(1, &[sine(hz, 48e3, 24_000)]);
        let power = y[0][1600..].iter().map(|s| s * s).sum::<f32>() / 6400.0;
        let db = 10.0 * (power / 0.125).max(1e-30).log10();
        assert!(db < -90.0, "{hz} Hz folds back at {db} dB");
    }
}

#[test]
fn channels_do_not_leak_into_each_other() {
    let y = through(3, &[vec![0.0; 9600], sine(500.0, 48e3, 9600), vec![0.0; 9600]]);
    assert!(y[0].iter().chain(&y[2]).all(|s| *s == 0.0));
}

#[test]
fn a_stream_in_odd_pieces_keeps_length_and_place() {
    for (from, to) in
        [(16_000, 48_000), (44_100, 16_000), (22_050, 48_000), (8_000, 16_000), (48_000, 48_000)]
    {
        let (f, t) = (f64::from(from), f64::from(to));
        let x = sine(440.0, f, from as usize / 2);
        let mut r = StreamResampler::new(SampleRate::new(from), SampleRate::new(to)).unwrap();
        for _ in 0..2 {
            let mut y = Vec::new();
            let (mut at, mut step) = (0, 1);
            while at < x.len() {
                let end = (at + step).min(x.len());
                r.push(&x[at..end], &mut y);
                (at, step) = (end, step % 701 + 13);
            }
            r.finish(&mut y);
            assert_eq!(y.len(), (x.len() * to as usize).div_ceil(from as usize), "{from} to {to}");
            let want = sine(440.0, t, y.len());
            let mid = y.len() / 4..y.len() * 3 / 4;
            let worst = mid.map(|n| (y[n] - want[n]).abs()).fold(0.0, f32::max);
            // Where 10 ms are an odd number of frames the filter's centre lies half an input frame off.
            let bound = if from % 200 == 0 { 1e-3 } else { 0.03 };
            assert!(worst < bound, "{from} to {to}: {worst}");
        }
    }
}

#[test]
fn impossible_rates_are_refused_with_the_reason() {
    for (f, t) in [(0, 16_000), (16_000, 0), (48_000, 1_000_000), (100, 16_000)] {
        assert!(StreamResampler::new(SampleRate::new(f), SampleRate::new(t)).is_err());
        assert!(resample_all(&[0.0; 10], SampleRate::new(f), SampleRate::new(t)).is_err());
    }
    let e = Resampler::new(SampleRate::new(11_025), SampleRate::new(16_000), 1).unwrap_err();
    assert!(e.to_string().contains("10 ms"), "{e}");
}

#[test]
fn empty_input_gives_empty_output() {
    let y = resample_all(&[], SampleRate::new(16_000), SampleRate::new(48_000)).unwrap();
    assert!(y.is_empty());
}

#[test]
fn speech_is_flat_to_nine_tenths_of_its_band_and_4_ms_late() {
    let y = through(1, &[sine(7_200.0, 48e3, 48_000)]);
    let power = y[0][1600..14_400].iter().map(|s| s * s).sum::<f32>() / 12_800.0;
    let db = 10.0 * (power / 0.125).log10();
    assert!(db.abs() < 0.1, "{db} dB at 7.2 kHz");
    let mut click = vec![0.0; 4_800];
    click[1_440] = 1.0;
    let y = through(1, &[click]);
    let top = (0..y[0].len()).max_by(|a, b| y[0][*a].total_cmp(&y[0][*b])).unwrap();
    assert_eq!(top, 1_440 / 3 + 64);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn half_the_sound_in_is_half_the_sound_out(
        x in prop::collection::vec(-1.0_f32..1.0, 9_600),
        rates in prop::sample::select(vec![(48_000, 16_000), (16_000, 48_000), (48_000, 24_000)]),
    ) {
        let (from, to) = (SampleRate::new(rates.0), SampleRate::new(rates.1));
        let run = |gain: f32| {
            let mut r = Resampler::new(from, to, 1).unwrap();
            let mut block = vec![0.0; rates.1 as usize / 100];
            let mut out = Vec::new();
            for input in x.chunks_exact(rates.0 as usize / 100) {
                let input: Vec<f32> = input.iter().map(|s| s * gain).collect();
                r.process(&input, &mut block);
                out.extend_from_slice(&block);
            }
            out
        };
        let (whole, half) = (run(1.0), run(0.5));
        prop_assert!(whole.iter().any(|s| s.abs() > 0.1));
        for (w, h) in whole.iter().zip(&half) {
            prop_assert!((0.5 * w - h).abs() < 1e-6, "{} {}", w, h);
        }
    }
}
