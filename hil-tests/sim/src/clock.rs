//! The room's clock on the wall: from it people know which day "Friday" is.

use std::time::{SystemTime, UNIX_EPOCH};

use prim_ids::WallTime;

/// Now, UTC.
pub(crate) fn wall_now() -> WallTime {
    let ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    WallTime::from_unix_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// How many minutes the room's clocks are ahead of UTC now, by the system's zone; 0 when it has none.
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
