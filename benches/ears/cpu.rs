//! CPU time of this thread: a busy neighbour lengthens the wall's time, not this.
use std::fs;

/// Seconds this thread has computed so far.
pub(crate) fn seconds() -> f64 {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts each thread's time");
    let nanos = stat.split(' ').next().and_then(|n| n.parse::<f64>().ok());
    nanos.expect("the first number is the time on a core") / 1e9
}

/// What `work` costs, and what it gives.
pub(crate) fn of<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = seconds();
    let out = work();
    (out, seconds() - start)
}
