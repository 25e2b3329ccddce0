//! The one soft ding (requirement A7).

use std::f64::consts::TAU;

use prim_audio::DEVICE_RATE;

/// Frames of a ding at 48 kHz: 200 ms (A7).
pub const DING_FRAMES: usize = 9_600;

const RATE: f64 = DEVICE_RATE.hz() as f64;
/// Two tones a fifth apart, the second at half the strength; gain, attack and release: all A7.
const TONES: [(f64, f64); 2] = [(660.0, 1.0), (990.0, 0.5)];
const GAIN: f64 = 0.2;
const ATTACK_S: f64 = 0.005;
const RELEASE_S: f64 = 0.040;

/// Mono 48 kHz, `DING_FRAMES` long, −1.0..=1.0. Peaks below 0.3, starts and ends at zero.
#[must_use]
pub fn ding() -> Vec<f32> {
    let length_s = DING_FRAMES as f64 / RATE;
    (0..DING_FRAMES)
        .map(|n| {
            let t = n as f64 / RATE;
            let envelope = (t / ATTACK_S).min((length_s - t) / RELEASE_S).clamp(0.0, 1.0);
            let tone: f64 = TONES.iter().map(|(hz, a)| a * (TAU * hz * t).sin()).sum();
            (GAIN * envelope * tone) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Amplitude of `hz` in `x` by correlation.
    fn tone(x: &[f32], hz: f64) -> f64 {
        let (mut c, mut s) = (0.0, 0.0);
        for (n, &v) in x.iter().enumerate() {
            let w = TAU * hz * n as f64 / RATE;
            c += f64::from(v) * w.cos();
            s += f64::from(v) * w.sin();
        }
        2.0 * c.hypot(s) / x.len() as f64
    }

    #[test]
    fn the_ding_is_660_and_990_hz_at_gain_a_fifth() {
        let d = ding();
        assert_eq!(d.len(), 9_600);
        // Between attack and release, whole periods of both tones (1/330 s).
        let steady = &d[480..480 + 6_400];
        assert!((tone(steady, 660.0) - 0.2).abs() < 0.002);
        assert!((tone(steady, 990.0) - 0.1).abs() < 0.002);
        assert!(tone(steady, 1320.0) < 0.001);
    }

    #[test]
    fn the_ding_rises_in_5_ms_and_dies_in_40() {
        let d = ding();
        let peak = |a: usize, b: usize| d[a..b].iter().fold(0.0_f32, |m, s| m.max(s.abs()));
        assert!(d[0].abs() < 1e-6 && d[9_599].abs() < 1e-3);
        assert!(peak(0, 24) < 0.06, "10 % of the attack");
        assert!(peak(240, 720) > 0.25);
        assert!(peak(7_000, 7_680) > 0.25, "release begins 40 ms before the end");
        assert!(peak(8_640, 9_600) < 0.16, "half-way through the release");
        assert!(peak(0, 9_600) < 0.3);
        let step = d.windows(2).fold(0.0_f32, |m, w| m.max((w[1] - w[0]).abs()));
        assert!(step < 0.04, "no click: {step}");
    }
}
