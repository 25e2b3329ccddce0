//! Waiting between attempts: exponential with full jitter, so that a thousand copies do not come back as one.

use std::time::Duration;

/// Counts failed attempts.
#[derive(Debug, Clone)]
pub struct Backoff {
    attempts: u32,
    first: Duration,
    longest: Duration,
}

impl Backoff {
    /// Waits of at most `first`, then twice that and so on, never more than `longest`.
    #[must_use]
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { attempts: 0, first, longest }
    }

    /// How long to wait now: anything between nothing and the present bound.
    pub fn next_wait(&mut self) -> Duration {
        let bound = self.bound();
        self.attempts = self.attempts.saturating_add(1);
        bound.mul_f64(rand::random_range(0.0..=1.0))
    }

    /// It worked: begin again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    fn bound(&self) -> Duration {
        self.first.saturating_mul(1 << self.attempts.min(20)).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_begin_again_after_a_success() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
        for _ in 0..100 {
            assert!(backoff.next_wait() <= Duration::from_secs(5));
        }
        assert_eq!(backoff.bound(), Duration::from_secs(5));
        backoff.reset();
        assert_eq!(backoff.bound(), Duration::from_millis(100));
    }
}
