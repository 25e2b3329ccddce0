//! Takes away what is not sound: offset, rumble.

use std::f32::consts::PI;

use crate::MAX_CHANNELS;
use crate::wide::widely;

/// Second-order Butterworth high-pass at 70 Hz for 16 kHz: below the lowest voice, above mains rumble's fundamental.
/// Each sample waits for the one before, so all channels take the step together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HighPass {
    b: f32,
    a1: f32,
    a2: f32,
    s1: [f32; MAX_CHANNELS],
    s2: [f32; MAX_CHANNELS],
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
            s1: [0.0; MAX_CHANNELS],
            s2: [0.0; MAX_CHANNELS],
        }
    }

    /// `planes`: one block of `frames` per channel.
    pub(crate) fn process(&mut self, planes: &mut [f32], frames: usize) {
        widely(
            #[inline(always)]
            || {
                for t in 0..frames {
                    let mut x = [0.0; MAX_CHANNELS];
                    for (x, plane) in x.iter_mut().zip(planes.chunks_exact(frames)) {
                        *x = plane[t];
                    }
                    for (c, x) in x.iter_mut().enumerate() {
                        let y = self.b * *x + self.s1[c];
                        self.s1[c] = -2.0 * self.b * *x - self.a1 * y + self.s2[c];
                        self.s2[c] = self.b * *x - self.a2 * y;
                        *x = y;
                    }
                    for (x, plane) in x.iter().zip(planes.chunks_exact_mut(frames)) {
                        plane[t] = *x;
                    }
                }
            },
        );
        for s in self.s1.iter_mut().chain(&mut self.s2) {
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
        f.process(&mut x, 16_000);
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
