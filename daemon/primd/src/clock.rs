//! The only place that reads clocks: boot time for deadlines, wall time for people, and how far they moved apart.

use std::time::{SystemTime, UNIX_EPOCH};

use prim_ids::{MonoTime, WallTime};

/// Now, in milliseconds since boot, suspend included (`CLOCK_BOOTTIME`).
#[must_use]
pub(crate) fn mono_now() -> MonoTime {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, exclusive timespec for the duration of the call.
    #[expect(unsafe_code, reason = "std has no clock that counts suspend")]
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    debug_assert_eq!(failed, 0, "CLOCK_BOOTTIME exists since Linux 2.6.39");
    MonoTime::from_millis(time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000)
}

/// Now, UTC, as the system believes.
#[must_use]
pub(crate) fn wall_now() -> WallTime {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    WallTime::from_unix_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// How many minutes local clocks are ahead of UTC now, by the system's zone; 0 when it has none.
#[must_use]
pub(crate) fn utc_offset_min() -> i16 {
    let seconds = libc::time_t::try_from(wall_now().unix_millis() / 1000).unwrap_or(0);
    // SAFETY: an all-zero tm is valid; both pointers are valid and exclusive for the duration of the call.
    #[expect(unsafe_code, reason = "std does not know the system's time zone")]
    let local = unsafe {
        let mut local: libc::tm = std::mem::zeroed();
        libc::localtime_r(&raw const seconds, &raw mut local);
        local
    };
    i16::try_from(local.tm_gmtoff / 60).unwrap_or(0)
}

/// Whether the kernel says that the wall clock follows a time server (`adjtimex`).
#[must_use]
pub(crate) fn wall_is_synchronised() -> bool {
    // SAFETY: an all-zero timex is valid; `modes` 0 only reads.
    #[expect(unsafe_code, reason = "std does not tell whether the clock is synchronised")]
    unsafe {
        let mut state: libc::timex = std::mem::zeroed();
        let status = libc::adjtimex(&raw mut state);
        status >= 0 && status != libc::TIME_ERROR
    }
}

/// A jump of the wall clock against the boot clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockJump {
    /// Positive: wall time went forward.
    pub(crate) by_ms: i64,
}

/// Watches both clocks and reports when the wall clock was set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JumpWatch {
    offset_ms: i64,
}

impl JumpWatch {
    /// Slewing by NTP stays far below this; a set clock does not (NTP steps above 128 ms, RFC 5905).
    pub(crate) const SMALLEST_JUMP_MS: i64 = 128;

    /// Takes the present relation of the two clocks as right.
    #[must_use]
    pub(crate) fn new(mono: MonoTime, wall: WallTime) -> Self {
        Self { offset_ms: offset(mono, wall) }
    }

    /// Call a few times a minute. Slow drift is followed silently.
    pub(crate) fn check(&mut self, mono: MonoTime, wall: WallTime) -> Option<ClockJump> {
        let now = offset(mono, wall);
        let by_ms = now - self.offset_ms;
        self.offset_ms = now;
        (by_ms.abs() >= Self::SMALLEST_JUMP_MS).then_some(ClockJump { by_ms })
    }
}

fn offset(mono: MonoTime, wall: WallTime) -> i64 {
    wall.unix_millis().saturating_sub(i64::try_from(mono.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_is_a_jump_and_a_slewed_one_is_not() {
        let at = |mono, wall| (MonoTime::from_millis(mono), WallTime::from_unix_millis(wall));
        let (m, w) = at(1_000, 1_790_000_000_000);
        let mut watch = JumpWatch::new(m, w);
        let (m, w) = at(11_000, 1_790_000_010_005);
        assert_eq!(watch.check(m, w), None);
        let (m, w) = at(21_000, 1_790_003_620_005);
        assert_eq!(watch.check(m, w), Some(ClockJump { by_ms: 3_600_000 }));
        let (m, w) = at(31_000, 1_790_003_630_005);
        assert_eq!(watch.check(m, w), None);
    }
}
