//! The kernel's boot clock: counts suspend, never jumps, the same for every process of this machine.

use rustix::time::{ClockId, clock_gettime};

/// `CLOCK_BOOTTIME` in nanoseconds.
#[must_use]
pub fn boot_nanos() -> u64 {
    let t = clock_gettime(ClockId::Boottime);
    u64::try_from(t.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(t.tv_nsec).unwrap_or(0)
}

/// `CLOCK_BOOTTIME` in milliseconds.
#[must_use]
pub fn boot_millis() -> u64 {
    boot_nanos() / 1_000_000
}
