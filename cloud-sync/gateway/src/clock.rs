//! The one place that reads the wall clock.

use std::time::SystemTime;

use prim_ids::WallTime;

/// Now, for stamps that people and the audit read; never for deadlines.
#[must_use]
pub fn now() -> WallTime {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
