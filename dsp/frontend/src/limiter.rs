//! The last stage before any mouth: nothing Prim plays exceeds the ceiling.

/// Frames the limiter looks ahead, and so delays: 1 ms at 48 kHz. Long enough that the gain falls without a click.
const LOOK_AHEAD: usize = 48;

/// A look-ahead peak limiter for a mono stream at any rate (times below are for 48 kHz).
///
/// The gain needed by the loudest sample within the next millisecond is reached before that sample leaves,
/// then recovers over about 80 ms. What is below the ceiling passes untouched but for the delay.
#[derive(Debug, Clone)]
pub struct Limiter {
    ceiling: f32,
    release: f32,
    gain: f32,
    line: [f32; LOOK_AHEAD],
    need: [f32; LOOK_AHEAD],
    at: usize,
}

impl Limiter {
    /// Delay in frames.
    pub const DELAY: usize = LOOK_AHEAD;

    /// Nothing louder than `ceiling` (0.0..=1.0; 0.89 is −1 dBFS).
    #[must_use]
    pub fn new(ceiling: f32) -> Self {
        Self {
            ceiling: ceiling.clamp(0.0, 1.0),
            release: (-1.0_f32 / (0.080 * 48_000.0)).exp(),
            gain: 1.0,
            line: [0.0; LOOK_AHEAD],
            need: [1.0; LOOK_AHEAD],
            at: 0,
        }
    }

    /// Limits `block` in place, delayed by [`Self::DELAY`]. What is no number becomes silence.
    pub fn process(&mut self, block: &mut [f32]) {
        for s in block {
            let x = if s.is_finite() { *s } else { 0.0 };
            let leaving = std::mem::replace(&mut self.line[self.at], x);
            self.need[self.at] = if x.abs() > self.ceiling { self.ceiling / x.abs() } else { 1.0 };
            self.at = (self.at + 1) % LOOK_AHEAD;
            let needed = self.need.iter().fold(1.0_f32, |m, &n| m.min(n));
            let recovering = 1.0 - (1.0 - self.gain) * self.release;
            // Falling: a straight line that arrives within the look-ahead even if it starts now.
            let falling = self.gain - (1.0 - self.ceiling.min(0.9)).max(0.1) / LOOK_AHEAD as f32 * 4.0;
            self.gain = if needed < self.gain { needed.max(falling) } else { recovering.min(needed) };
            *s = (leaving * self.gain).clamp(-self.ceiling, self.ceiling);
        }
    }

    /// Present gain, 1 when not limiting.
    #[must_use]
    pub fn gain(&self) -> f32 {
        self.gain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(a: f32, n: usize) -> Vec<f32> {
        (0..n).map(|i| a * (i as f32 * 0.13).sin()).collect()
    }

    #[test]
    fn nothing_exceeds_the_ceiling_whatever_comes_in() {
        let mut l = Limiter::new(0.5);
        let mut x = sine(4.0, 4800);
        x.extend(sine(0.2, 4800));
        x.extend([f32::NAN, f32::INFINITY, -f32::INFINITY, 1e30, -1e30]);
        x.extend([1.0, -1.0].repeat(1000));
        l.process(&mut x);
        assert!(x.iter().all(|s| s.abs() <= 0.5));
    }

    #[test]
    fn quiet_sound_passes_untouched_but_for_the_delay() {
        let mut l = Limiter::new(0.89);
        let x = sine(0.5, 4800);
        let mut y = x.clone();
        l.process(&mut y);
        for n in Limiter::DELAY..4800 {
            assert!((y[n] - x[n - Limiter::DELAY]).abs() < 1e-6);
        }
    }

    #[test]
    fn loud_sound_keeps_its_shape() {
        // 6 dB over the ceiling: after the onset the sine is scaled, not clipped.
        let mut l = Limiter::new(0.5);
        let x = sine(1.0, 48_000);
        let mut y = x.clone();
        l.process(&mut y);
        let (mut xy, mut xx, mut yy) = (0.0_f64, 0.0_f64, 0.0_f64);
        for n in 24_000..48_000 {
            let (a, b) = (f64::from(x[n - Limiter::DELAY]), f64::from(y[n]));
            xy += a * b;
            xx += a * a;
            yy += b * b;
        }
        let fit = xy * xy / (xx * yy);
        assert!(10.0 * (fit / (1.0 - fit)).log10() > 40.0, "distortion");
    }
}
