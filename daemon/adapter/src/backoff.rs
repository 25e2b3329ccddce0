//! How long to wait before the next attempt: full jitter, so that a building full of devices does not return
//! in step (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).

use std::time::Duration;

/// Waits between attempts to reach a platform again. The random number is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    floor: Duration,
    first: Duration,
    ceiling: Duration,
    failures: u32,
}

impl Default for Backoff {
    /// At least 50 ms, at first up to 250 ms, never more than 10 s: a meeting goes on while Prim is away.
    fn default() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_millis(250), Duration::from_secs(10))
    }
}

impl Backoff {
    /// Waits between `floor` and a bound that starts at `first` and doubles up to `ceiling`.
    #[must_use]
    pub fn new(floor: Duration, first: Duration, ceiling: Duration) -> Self {
        Self { floor, first, ceiling, failures: 0 }
    }

    /// The wait after one more failure. `random` is uniform over all of `u32`.
    pub fn next_wait(&mut self, random: u32) -> Duration {
        let bound = self.first.saturating_mul(1 << self.failures.min(20)).min(self.ceiling);
        self.failures = self.failures.saturating_add(1);
        let span = bound.saturating_sub(self.floor);
        self.floor + span.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    /// The connection holds: the next failure starts at the beginning.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last success.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_doubles_up_to_the_ceiling_and_starts_again_after_a_success() {
        let mut backoff =
            Backoff::new(Duration::ZERO, Duration::from_millis(250), Duration::from_millis(1500));
        let longest: Vec<_> = (0..5).map(|_| backoff.next_wait(u32::MAX).as_millis()).collect();
        assert_eq!(longest, [250, 500, 1000, 1500, 1500]);
        backoff.reset();
        assert_eq!(backoff.next_wait(u32::MAX).as_millis(), 250);
    }

    #[test]
    fn jitter_reaches_down_to_the_floor_and_never_below_it() {
        let mut backoff = Backoff::default();
        for random in [0, 1, u32::MAX / 2, u32::MAX] {
            assert!(backoff.next_wait(random) >= Duration::from_millis(50));
        }
        assert_eq!(backoff.next_wait(0), Duration::from_millis(50));
    }
}
