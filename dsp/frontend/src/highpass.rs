//! Takes away what is not sound: offset, rumble.

use std::f32::consts::PI;

/// Second-order Butterworth high-pass at 70 Hz for 16 kHz: below the lowest voice, above mains rumble's fundamental.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HighPass {
    b: f32,
    a1: f32,
    a2: f32,
    s1: f32,
    s2: f32,
}

const CORNER_HZ: f32 = 70.0;
/// States below this are silence: keeps the filter from computing in denormals.
const NOTHING: f32 = 1e-18;

impl HighPass {
    pub(crate) fn new() -> Self {
        let w = (PI * CORNER_HZ / 16_000.0).tan();
        let n = 1.0 / (1.0 + std::f32::consts::SQRT_2 * w + w * w);
        Self {
            b: n,
            a1: 2.0 * (w * w - 1.0) * n,
            a2: (1.0 - std::f32::consts::SQRT_2 * w + w * w) * n,
            s1: 0.0,
            s2: 0.0,
        }
    }

    pub(crate) fn process(&mut self, block: &mut [f32]) {
        for x in block {
            let y = self.b * *x + self.s1;
            self.s1 = -2.0 * self.b * *x - self.a1 * y + self.s2;
            self.s2 = self.b * *x - self.a2 * y;
            *x = y;
        }
        for s in [&mut self.s1, &mut self.s2] {
            if !s.is_finite() || s.abs() < NOTHING {
                *s = 0.0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gain_db(hz: f32) -> f32 {
        let mut f = HighPass::new();
        let mut x: Vec<f32> = (0..16_000).map(|n| (2.0 * PI * hz * n as f32 / 16e3).sin()).collect();
        f.process(&mut x);
        10.0 * (x[8000..].iter().map(|s| s * s).sum::<f32>() / 4000.0).log10()
    }

    #[test]
    fn rumble_goes_and_voices_stay() {
        assert!(gain_db(20.0) < -20.0);
        assert!((gain_db(70.0) + 3.0).abs() < 0.3);
        assert!(gain_db(150.0).abs() < 0.3);
        assert!(gain_db(1000.0).abs() < 0.05);
    }
}
