//! Changing the rate of a whole recording, off line: a windowed sinc per phase. (The device's own resampler, which
//! streams, is `prim-dsp`'s; the room must not share its faults.)

/// Zero crossings on each side.
const CROSSINGS: usize = 24;

/// `input` at `from_hz` as it sounds at `to_hz`; both between 1 kHz and 768 kHz, else nothing comes out.
#[must_use]
pub fn resample(input: &[f32], from_hz: u32, to_hz: u32) -> Vec<f32> {
    const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;
    if from_hz == to_hz {
        return input.to_vec();
    }
    if !RATES.contains(&from_hz) || !RATES.contains(&to_hz) {
        return Vec::new();
    }
    let g = gcd(from_hz, to_hz);
    let (up, down) = (u64::from(to_hz / g), u64::from(from_hz / g));
    // Below the lower of the two Nyquist rates, with room for the window's slope.
    let cutoff = 0.95 * (f64::from(to_hz) / f64::from(from_hz)).min(1.0);
    let half = (CROSSINGS as f64 / cutoff).ceil() as i64;
    let kernel_at = |t: f64| {
        let x = std::f64::consts::PI * t * cutoff;
        let sinc = if x.abs() < 1e-9 { 1.0 } else { x.sin() / x };
        let window = 0.5 + 0.5 * (std::f64::consts::PI * t / (half as f64 + 1.0)).cos();
        (sinc * window * cutoff) as f32
    };
    let phases: Vec<Vec<f32>> = (0..up)
        .map(|p| (-half..=half).map(|k| kernel_at(k as f64 - (p * down % up) as f64 / up as f64)).collect())
        .collect();
    let frames = (input.len() as u64 * up).div_ceil(down);
    (0..frames)
        .map(|n| {
            let middle = (n * down / up) as i64;
            let start = middle - half;
            let kernel = &phases[(n % up) as usize];
            let skip = usize::try_from(-start).unwrap_or(0);
            let from = usize::try_from(start).unwrap_or(0);
            kernel.iter().skip(skip).zip(input.get(from..).unwrap_or(&[])).map(|(k, s)| k * s).sum()
        })
        .collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: u32, frames: usize) -> Vec<f32> {
        (0..frames).map(|n| (std::f64::consts::TAU * hz * n as f64 / f64::from(rate)).sin() as f32).collect()
    }

    #[test]
    fn a_tone_stays_itself_at_every_usual_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 44_100, 96_000] {
            let out = resample(&tone(1000.0, rate, rate as usize / 5), rate, 48_000);
            let want = tone(1000.0, 48_000, out.len());
            let worst = out[2000..out.len() - 2000]
                .iter()
                .zip(&want[2000..])
                .map(|(a, b)| (a - b).abs())
                .fold(0.0_f32, f32::max);
            assert!(worst < 0.01, "{rate} Hz: {worst}");
        }
    }

    #[test]
    fn what_does_not_fit_the_lower_rate_is_gone() {
        let out = resample(&tone(12_000.0, 48_000, 9600), 48_000, 16_000);
        let worst = out[200..out.len() - 200].iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(worst < 0.01, "{worst}");
    }

    #[test]
    fn the_length_follows_the_rate() {
        assert_eq!(resample(&[0.0; 441], 44_100, 48_000).len(), 480);
        assert!(resample(&[], 8_000, 48_000).is_empty());
        assert!(resample(&[0.0; 10], 1, 48_000).is_empty());
    }
}
