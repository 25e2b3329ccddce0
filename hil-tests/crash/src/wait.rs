//! Waiting for a condition, with a limit.

use std::time::{Duration, Instant};

use anyhow::bail;

const LOOK: Duration = Duration::from_millis(10);

/// Looks again and again until `ready` yields something.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = ready()? {
            return Ok(found);
        }
        if begun.elapsed() >= limit {
            bail!("{what} did not happen within {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    }
}
