//! CPU time of this thread: a busy neighbour lengthens the wall's time, not this.
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Seconds this thread has computed so far. The clock is asked directly: `/proc` tells what the scheduler last noted, and
/// it notes at its ticks, which are further apart than what is measured around 10 ms of sound.
pub(crate) fn seconds() -> f64 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux counts each thread's time");
    Duration::from(now).as_secs_f64()
}

/// What `work` costs, and what it gives.
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = seconds();
    let out = work();
    (out, seconds() - start)
}
