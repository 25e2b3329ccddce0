//! Ending a meeting: as soon as the words of what was said before have come, or are waited for no longer.

use std::sync::atomic::Ordering;
use std::time::Duration;

use prim_ids::MonoTime;

use super::{MeetingLoop, NAP};

/// The meeting was told to end: as soon as the words of what was said before have come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    pub(super) by: MonoTime,
    /// The daemon stops with it.
    pub(super) stop: bool,
}

/// How long the last words are waited for: a pause that ends a sentence, and a second pass.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(3);

/// That the last words have come shows in a count, which wakes nobody.
const CLOSING_NAP: Duration = Duration::from_millis(20);

impl MeetingLoop {
    /// The last words have come, or are waited for no longer.
    pub(super) fn may_close(&self, now: MonoTime, closing: &Closing) -> bool {
        now >= closing.by || self.meeting.meeting().is_none() || self.unsettled.load(Ordering::Acquire) == 0
    }

    /// How long the loop may sleep: until something is due, and never long while last words are waited for.
    pub(super) fn nap(&self, now: MonoTime) -> Duration {
        let nap = self.meeting.poll_timeout().map_or(NAP, |t| t.since(now).min(NAP));
        if self.state.closing.is_some() { nap.min(CLOSING_NAP) } else { nap }
    }
}
