//! Numbers that look random and are the same each time.

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
pub(super) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

/// White noise, nearly Gaussian: the sum of four evenly spread numbers.
#[derive(Debug, Clone)]
pub(super) struct Noise {
    state: u64,
    gain: f32,
}

impl Noise {
    /// `rms` of full scale.
    pub(super) fn new(seed: u64, rms: f32) -> Self {
        // Four numbers in -0.5..0.5 have a variance of 4/12.
        Self { state: mix(seed), gain: rms * 3.0_f32.sqrt() }
    }

    pub(super) fn next(&mut self) -> f32 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let r = mix(self.state);
        let sum: i32 = (0..4).map(|i| i32::from((r >> (16 * i)) as u16 as i16)).sum();
        sum as f32 / 65_536.0 * self.gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_asked_level_and_no_offset() {
        let mut noise = Noise::new(5, 0.01);
        let x: Vec<f32> = (0..100_000).map(|_| noise.next()).collect();
        let mean = x.iter().sum::<f32>() / 1e5;
        let rms = (x.iter().map(|v| v * v).sum::<f32>() / 1e5).sqrt();
        assert!(mean.abs() < 1e-4, "{mean}");
        assert!((rms - 0.01).abs() < 1e-4, "{rms}");
    }
}
