//! Waiting, with a limit, for as long as nobody presses Ctrl-C.
//!
//! Every wait in this program goes through here, so that Ctrl-C is answered everywhere and nothing
//! can hang: the children are in process groups of their own, the terminal's signal reaches only us,
//! and unwinding stops them in order.
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

static PRESSED: AtomicBool = AtomicBool::new(false);

/// The person pressed Ctrl-C: not a failure of anything, but nothing more is started.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by Ctrl-C")
    }
}

impl std::error::Error for Interrupted {}

/// Take over SIGINT, SIGTERM and SIGHUP for this process.
pub(crate) fn listen() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if !PRESSED.swap(true, Ordering::SeqCst) {
            crate::say::line("\nstopping what was started …");
        }
    })
    .context("listen for Ctrl-C")
}

pub(crate) fn pressed() -> bool {
    PRESSED.load(Ordering::SeqCst)
}

pub(crate) fn check() -> anyhow::Result<()> {
    if pressed() { Err(Interrupted.into()) } else { Ok(()) }
}

/// Look again and again until `ready` yields something, the limit has passed, or Ctrl-C was pressed.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut ready: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    let mut nap = Duration::from_millis(5);
    loop {
        if let Some(found) = ready()? {
            return Ok(found);
        }
        check()?;
        if start.elapsed() >= limit {
            bail!("{what} did not happen within {} s", limit.as_secs());
        }
        std::thread::sleep(nap);
        nap = (nap * 2).min(Duration::from_millis(100));
    }
}

/// Sleep until Ctrl-C.
pub(crate) fn until_pressed() {
    while !pressed() {
        std::thread::sleep(Duration::from_millis(100));
    }
}
