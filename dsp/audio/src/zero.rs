//! Sample time beside time: when frame 0 was.

use std::time::Duration;

use crate::{SampleRate, SampleTime};

/// Share of what a block says that is followed: blocks arrive late by a little, clocks run apart by microseconds.
const FOLLOWED: f64 = 0.02;

/// When frame 0 of a stream was by another clock, as its blocks have it. It never lets anything add up: each block is a
/// fresh word on where frame 0 was, whatever the two clocks did before.
///
/// ```
/// use std::time::Duration;
/// use prim_audio::{DEVICE_RATE, FrameZero, SampleTime};
///
/// let mut zero = FrameZero::new(DEVICE_RATE);
/// assert_eq!(zero.captured(SampleTime(480), Duration::from_millis(5_010)), Duration::from_millis(5_000));
/// ```
#[derive(Debug, Clone)]
pub struct FrameZero {
    frames_per_ms: f64,
    zero_ms: Option<f64>,
}

impl FrameZero {
    /// Of a stream at `rate`.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        Self { frames_per_ms: f64::from(rate.hz()) / 1e3, zero_ms: None }
    }

    /// The block that ends before frame `end` was captured at `time`: when frame 0 was, in whole milliseconds, so that it
    /// fits an atomic word; never before the other clock's beginning.
    pub fn captured(&mut self, end: SampleTime, time: Duration) -> Duration {
        let says = time.as_millis() as f64 - end.0 as f64 / self.frames_per_ms;
        let zero = self.zero_ms.map_or(says, |z| z + (says - z) * FOLLOWED);
        self.zero_ms = Some(zero);
        Duration::from_millis(zero.max(0.0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DEVICE_RATE;

    #[test]
    fn a_block_that_is_late_moves_frame_0_by_a_fiftieth_and_a_clock_that_runs_away_is_followed() {
        let mut zero = FrameZero::new(DEVICE_RATE);
        let ms = Duration::from_millis;
        assert_eq!(zero.captured(SampleTime(480), ms(1_010)), ms(1_000));
        assert_eq!(zero.captured(SampleTime(960), ms(1_120)), ms(1_002));
        for block in 3..1_000 {
            // 100 ppm.
            let time = Duration::from_micros(1_000_000 + block * 10_001);
            let at = zero.captured(SampleTime(480 * block), time);
            assert!(block < 400 || at + ms(1) >= ms(1_000) && at <= ms(1_001), "{block}: {at:?}");
        }
    }
}
