//! A bound on what a broken or hostile sender can make us keep.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How many rejected payloads of one sender are kept: a broken device must not fill the disk.
pub(super) struct RejectedLimit {
    per_minute: u32,
    seen: HashMap<String, (Instant, u32)>,
}

impl RejectedLimit {
    pub(super) fn new(per_minute: u32) -> Self {
        Self { per_minute, seen: HashMap::new() }
    }

    pub(super) fn allows(&mut self, topic: &str, now: Instant) -> bool {
        if self.seen.len() > 10_000 {
            self.seen.clear();
        }
        let entry = self.seen.entry(sender(topic)).or_insert((now, 0));
        if now.duration_since(entry.0) > Duration::from_secs(60) {
            *entry = (now, 0);
        }
        entry.1 += 1;
        if entry.1 > self.per_minute {
            metrics::counter!("prim_ingest_rejected_not_kept_total").increment(1);
        }
        entry.1 <= self.per_minute
    }
}

/// The part of a topic that names the device, or for topics that name none their beginning: enough to tell senders apart,
/// and never long.
pub(super) fn sender(topic: &str) -> String {
    topic.split('/').take(4).collect::<Vec<_>>().join("/").chars().take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_device_fills_its_own_allowance_only() {
        let (mut limit, now) = (RejectedLimit::new(2), Instant::now());
        assert!(limit.allows("prim/1/acme/a/up/audit", now));
        assert!(limit.allows("prim/1/acme/a/up/note", now));
        assert!(!limit.allows("prim/1/acme/a/up/audit", now));
        assert!(limit.allows("prim/1/acme/b/up/audit", now));
        assert!(limit.allows("prim/1/acme/a/up/audit", now + Duration::from_secs(61)));
    }
}
