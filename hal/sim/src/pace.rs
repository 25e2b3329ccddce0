//! Real time: absolute deadlines, and an honest account of how late they were met.

use std::thread;
use std::time::Duration;

use crate::clock::boot_nanos;

/// Upper edges of the lag histogram, in microseconds; what is later falls in a last bucket.
pub const LAG_EDGES_US: [u64; 12] =
    [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000];

/// How late the deadlines were met.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LagHistogram {
    /// Deadlines met within each edge of [`LAG_EDGES_US`], and after the last.
    pub buckets: [u64; LAG_EDGES_US.len() + 1],
    /// Deadlines.
    pub count: u64,
    /// The latest, in microseconds.
    pub max_us: u64,
}

impl LagHistogram {
    /// Counts one lag.
    pub fn add(&mut self, lag_us: u64) {
        let bucket = LAG_EDGES_US.partition_point(|&edge| edge < lag_us);
        self.buckets[bucket] += 1;
        self.count += 1;
        self.max_us = self.max_us.max(lag_us);
    }

    /// The lag that a share of the deadlines did not exceed: the upper edge of its bucket (or the maximum).
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> u64 {
        let mut left = (self.count as f64 * share).ceil() as u64;
        for (i, n) in self.buckets.iter().enumerate() {
            if left <= *n {
                return LAG_EDGES_US.get(i).map_or(self.max_us, |edge| (*edge).min(self.max_us));
            }
            left -= n;
        }
        self.max_us
    }
}

/// Ticks at `start + n × period`; a late tick does not move the ones after it.
#[derive(Debug)]
pub struct Pacer {
    start_ns: u64,
    period_ns: u64,
    ticks: u64,
    lags: LagHistogram,
}

impl Pacer {
    /// Starts now.
    #[must_use]
    pub fn start(period: Duration) -> Self {
        Self {
            start_ns: boot_nanos(),
            period_ns: u64::try_from(period.as_nanos()).unwrap_or(u64::MAX),
            ticks: 0,
            lags: LagHistogram::default(),
        }
    }

    /// `CLOCK_BOOTTIME` at the beginning of the first tick, in ns.
    #[must_use]
    pub fn start_ns(&self) -> u64 {
        self.start_ns
    }

    /// Waits for the next deadline, the end of the next tick, and returns it as `CLOCK_BOOTTIME` in ns. Returns at
    /// once when it has passed.
    pub fn wait(&mut self) -> u64 {
        self.ticks += 1;
        let deadline = self.start_ns + self.ticks * self.period_ns;
        loop {
            let now = boot_nanos();
            if now >= deadline {
                self.lags.add((now - deadline) / 1000);
                return deadline;
            }
            thread::sleep(Duration::from_nanos(deadline - now));
        }
    }

    /// How late the deadlines were met so far.
    #[must_use]
    pub fn lags(&self) -> &LagHistogram {
        &self.lags
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_do_not_drift_even_when_one_is_late() {
        let mut pacer = Pacer::start(Duration::from_millis(2));
        let mut last = 0;
        for n in 1..=100 {
            last = pacer.wait();
            assert_eq!(last, pacer.start_ns() + n * 2_000_000);
            if n == 30 {
                thread::sleep(Duration::from_millis(15));
            }
        }
        let late = boot_nanos() - last;
        assert!(late < 100_000_000, "{late} ns behind after the last tick");
        assert_eq!(pacer.lags().count, 100);
        assert!(pacer.lags().max_us >= 10_000, "the late tick is not hidden: {:?}", pacer.lags());
    }

    #[test]
    fn quantiles_are_the_edges_of_their_buckets() {
        let mut lags = LagHistogram::default();
        (0..95).for_each(|_| lags.add(60));
        (0..5).for_each(|_| lags.add(4000));
        assert_eq!((lags.quantile_us(0.5), lags.quantile_us(0.95), lags.quantile_us(0.99)), (100, 100, 4000));
        assert_eq!(LagHistogram::default().quantile_us(0.95), 0);
    }
}
