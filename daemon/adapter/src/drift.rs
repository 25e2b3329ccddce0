//! How fast another clock runs against ours, from arrival times alone.
//!
//! Networks only ever *delay*, so the earliest arrival of each second is the honest one. A straight line
//! through the earliest arrivals of the last minute gives the rate; its residuals say how much to believe it.
//! Pure: time is an argument, memory is fixed.

use std::time::Duration;

use prim_audio::{SampleRate, SampleTime};

/// One clock against another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Parts per million; positive when the ear's clock is faster than the local one.
    pub ppm: f64,
    /// One standard error of `ppm`.
    pub uncertainty_ppm: f64,
}

impl Drift {
    /// The ratio for a resampler that brings the ear to the local clock: output frames per input frame.
    #[must_use]
    pub fn correction(self) -> f64 {
        1.0 / (1.0 + self.ppm * 1e-6)
    }
}

/// One point per second: less and a burst of jitter fills the window, more and the estimate starts late.
const BUCKET: Duration = Duration::from_secs(1);
/// A minute: temperature moves a crystal over minutes, not seconds.
const BUCKETS: usize = 60;
/// Ten seconds of points before the first estimate.
const ENOUGH: usize = 10;
/// The local clock was suspended or the stream jumped: what was collected no longer belongs together.
const BREAK: Duration = Duration::from_secs(2);

/// Collects arrivals and estimates. No allocation after construction.
#[derive(Debug, Clone)]
pub struct DriftEstimator {
    rate: SampleRate,
    points: [(f64, f64); BUCKETS],
    filled: usize,
    next: usize,
    start: Option<(Duration, SampleTime)>,
    bucket: u64,
    earliest: Option<(f64, f64)>,
}

impl DriftEstimator {
    /// An estimator for a stream of `rate` frames per second by its own clock.
    #[must_use]
    pub fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            points: [(0.0, 0.0); BUCKETS],
            filled: 0,
            next: 0,
            start: None,
            bucket: 0,
            earliest: None,
        }
    }

    /// The frame `at` arrived at `local`. Gives a new estimate once a second, when there is enough to say.
    pub fn observe(&mut self, local: Duration, at: SampleTime) -> Option<Drift> {
        let (local_zero, at_zero) = *self.start.get_or_insert((local, at));
        let (Some(elapsed), Some(frames)) = (local.checked_sub(local_zero), at.0.checked_sub(at_zero.0))
        else {
            *self = Self::new(self.rate);
            return None;
        };
        let seconds = elapsed.as_secs_f64();
        let delay = seconds - frames as f64 / f64::from(self.rate.hz());
        if self.earliest.is_some_and(|(_, before)| (delay - before).abs() > BREAK.as_secs_f64()) {
            *self = Self::new(self.rate);
            return None;
        }
        let bucket = elapsed.as_secs() / BUCKET.as_secs();
        if bucket <= self.bucket {
            if self.earliest.is_none_or(|(_, before)| delay < before) {
                self.earliest = Some((seconds, delay));
            }
            return None;
        }
        self.bucket = bucket;
        if let Some(point) = self.earliest.replace((seconds, delay)) {
            self.points[self.next] = point;
            self.next = (self.next + 1) % BUCKETS;
            self.filled = (self.filled + 1).min(BUCKETS);
        }
        self.estimate()
    }

    /// Least squares of delay over time; the slope is the drift with its sign turned.
    fn estimate(&self) -> Option<Drift> {
        if self.filled < ENOUGH {
            return None;
        }
        let points = &self.points[..self.filled];
        let n = points.len() as f64;
        let mean_t = points.iter().map(|p| p.0).sum::<f64>() / n;
        let mean_d = points.iter().map(|p| p.1).sum::<f64>() / n;
        let spread: f64 = points.iter().map(|p| (p.0 - mean_t).powi(2)).sum();
        let slope = points.iter().map(|p| (p.0 - mean_t) * (p.1 - mean_d)).sum::<f64>() / spread;
        let residual: f64 = points.iter().map(|p| (p.1 - mean_d - slope * (p.0 - mean_t)).powi(2)).sum();
        let error = (residual / (n - 2.0) / spread).sqrt();
        // Delay grows by `slope` seconds per local second when the stream is slow: frames = local × (1 − slope).
        Some(Drift { ppm: -slope * 1e6, uncertainty_ppm: error * 1e6 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `ppm` off, with `jitter(n)` milliseconds of delay on block `n`, for `seconds`.
    fn estimate(ppm: f64, seconds: u64, jitter: impl Fn(u64) -> f64) -> Option<Drift> {
        let mut estimator = DriftEstimator::new(SampleRate::new(48_000));
        let mut last = None;
        let mut local = Duration::ZERO;
        for n in 0..seconds * 100 {
            let sent = n as f64 * 0.01 / (1.0 + ppm * 1e-6);
            // A socket delivers in order: who overtakes waits.
            local = local.max(Duration::from_secs_f64(100.0 + sent + jitter(n) / 1000.0));
            last = estimator.observe(local, SampleTime(9_000 + n * 480)).or(last);
        }
        last
    }

    /// A heavy-tailed, reproducible jitter of up to `most` ms.
    fn noisy(n: u64, most: f64) -> f64 {
        let random = prim_ids::IdSource::new(u128::from(n)).next_random() as u64;
        most * ((random >> 11) as f64 / (1_u64 << 53) as f64).powi(3)
    }

    #[test]
    fn nothing_is_claimed_before_ten_seconds() {
        assert_eq!(estimate(50.0, 9, |_| 0.0), None);
    }

    #[test]
    fn a_steady_stream_is_measured_to_a_tenth_of_a_ppm() {
        for ppm in [-200.0, -30.0, 0.0, 30.0, 200.0] {
            let drift = estimate(ppm, 70, |_| 0.0).unwrap();
            assert!((drift.ppm - ppm).abs() < 0.1, "{drift:?} instead of {ppm}");
        }
    }

    #[test]
    fn forty_milliseconds_of_jitter_cost_less_than_five_ppm() {
        for ppm in [-80.0, 0.0, 80.0] {
            let drift = estimate(ppm, 70, |n| noisy(n, 40.0)).unwrap();
            assert!((drift.ppm - ppm).abs() < 5.0, "{drift:?} instead of {ppm}");
            assert!((drift.ppm - ppm).abs() < 6.0 * drift.uncertainty_ppm + 0.5, "{drift:?}");
        }
    }

    #[test]
    fn a_jump_of_either_clock_starts_over_instead_of_lying() {
        let mut estimator = DriftEstimator::new(SampleRate::new(48_000));
        for n in 0..2_000 {
            estimator.observe(Duration::from_millis(10 * n), SampleTime(480 * n));
        }
        assert_eq!(estimator.observe(Duration::from_secs(500), SampleTime(480 * 2_000)), None);
        assert_eq!(estimator.observe(Duration::from_secs(501), SampleTime(480 * 2_100)), None);
    }

    #[test]
    fn lost_blocks_do_not_disturb_the_estimate() {
        let mut estimator = DriftEstimator::new(SampleRate::new(48_000));
        let mut last = None;
        for n in (0..7_000_u64).filter(|n| n % 7 != 3) {
            let local = Duration::from_secs_f64(n as f64 * 0.01 / (1.0 + 25e-6));
            last = estimator.observe(local, SampleTime(480 * n)).or(last);
        }
        assert!((last.unwrap().ppm - 25.0).abs() < 0.1);
    }

    #[test]
    fn the_correction_brings_both_clocks_together() {
        let fast = Drift { ppm: 100.0, uncertainty_ppm: 0.0 };
        assert!((48_004.8 * fast.correction() - 48_000.0).abs() < 1e-6);
    }
}
