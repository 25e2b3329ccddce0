//! How far a voice is from the dry one, as a recogniser's features see it.

use std::f32::consts::{LN_10, PI, TAU};

use realfft::RealFftPlanner;

const BANDS: usize = 24;
const ORDER: usize = 12;
/// 25 ms and 10 ms at 16 kHz.
const WINDOW: usize = 400;
const STEP: usize = 160;

/// Level in dB and 12 mel cepstra of 10 ms.
type Frame = (f32, [f32; ORDER]);

/// Mean cepstral distance, means taken off, over frames of the dry voice within 30 dB of its loudest; of lags up to 45 ms
/// by which `y` is later the best, dB. Both at 16 kHz.
pub(crate) fn distance(dry: &[f32], y: &[f32]) -> f32 {
    let dry = cepstra(dry);
    (0..10).map(|lag| apart(&dry, &cepstra(&y[(lag * 80).min(y.len())..]))).fold(f32::MAX, f32::min)
}

fn apart(a: &[Frame], b: &[Frame]) -> f32 {
    let top = a.iter().map(|f| f.0).fold(f32::MIN, f32::max);
    let voiced: Vec<usize> = (0..a.len().min(b.len())).filter(|i| a[*i].0 > top - 30.0).collect();
    let n = voiced.len().max(1) as f32;
    let mean = |x: &[Frame]| -> [f32; ORDER] {
        std::array::from_fn(|k| voiced.iter().map(|i| x[*i].1[k]).sum::<f32>() / n)
    };
    let (ma, mb) = (mean(a), mean(b));
    let one = |i: &usize| {
        let d: f32 = (0..ORDER).map(|k| (a[*i].1[k] - ma[k] - b[*i].1[k] + mb[k]).powi(2)).sum();
        (2.0 * d).sqrt() * 10.0 / LN_10
    };
    voiced.iter().map(one).sum::<f32>() / n
}

fn cepstra(x: &[f32]) -> Vec<Frame> {
    let fft = RealFftPlanner::<f32>::new().plan_fft_forward(WINDOW);
    let mel = |hz: f32| 1_127.0 * (1.0 + hz / 700.0).ln();
    let edges: [f32; BANDS + 2] = std::array::from_fn(|i| {
        let at = mel(60.0) + (mel(7_000.0) - mel(60.0)) * i as f32 / (BANDS + 1) as f32;
        700.0 * ((at / 1_127.0).exp() - 1.0)
    });
    let mut spectrum = fft.make_output_vec();
    let starts = (0..x.len().saturating_sub(WINDOW)).step_by(STEP);
    starts
        .map(|start| {
            let window = |i: usize| 0.54 - 0.46 * (TAU * i as f32 / (WINDOW - 1) as f32).cos();
            let mut frame: Vec<f32> = (0..WINDOW).map(|i| x[start + i] * window(i)).collect();
            fft.process(&mut frame, &mut spectrum).unwrap();
            let power: Vec<f32> = spectrum.iter().map(|c| c.norm_sqr()).collect();
            let bands: [f32; BANDS] = std::array::from_fn(|b| {
                let (low, middle, high) = (edges[b], edges[b + 1], edges[b + 2]);
                let weight =
                    |hz: f32| ((hz - low) / (middle - low)).min((high - hz) / (high - middle)).max(0.0);
                (power.iter().enumerate().map(|(k, p)| p * weight(40.0 * k as f32)).sum::<f32>() + 1e-7).ln()
            });
            let cepstrum = std::array::from_fn(|k| {
                let turn = |b: usize| ((k + 1) as f32 * PI * (b as f32 + 0.5) / BANDS as f32).cos();
                let sum: f32 = bands.iter().enumerate().map(|(b, v)| v * turn(b)).sum();
                sum * 2.0_f32.sqrt() / BANDS as f32
            });
            (10.0 * (power.iter().sum::<f32>() + 1e-9).log10(), cepstrum)
        })
        .collect()
}
