//! Which refusals are told: the first of a sender for a reason in full, those after it as one count a minute.
//!
//! A broken or hostile sender could else fill the log, and with it the disk. The numbers of `/metrics` count every one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::limit::sender;

/// So long a sender's refusals for one reason are gathered into a line.
const EVERY: Duration = Duration::from_secs(60);
/// So many senders and reasons are told apart; what is more is counted by its reason alone, so that the lines of a minute
/// are bounded however many senders there are.
const MOST: usize = 200;

/// What was told, and what was not.
#[derive(Debug, Default)]
pub(super) struct Repeats(BTreeMap<Like, Told>);

/// What one line stands for. Without a sender: all those that there was no more room for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Like {
    sender: Option<String>,
    reason: &'static str,
}

#[derive(Debug)]
struct Told {
    at: Instant,
    held_back: u64,
}

/// Refusals that no line was written for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeldBack {
    /// The topic up to the device; `None` for many senders together.
    pub(super) sender: Option<String>,
    /// As it stands in the line about the first.
    pub(super) reason: &'static str,
    /// How many.
    pub(super) count: u64,
}

impl Repeats {
    /// One more under `topic` for `reason`; whether it is told. If not, it is counted and told by [`due`](Self::due).
    pub(super) fn take(&mut self, topic: &str, reason: &'static str, now: Instant) -> bool {
        let mut like = Like { sender: Some(sender(topic)), reason };
        if self.0.len() >= MOST && !self.0.contains_key(&like) {
            like.sender = None;
        }
        let mut is_first = false;
        let told = self.0.entry(like).or_insert_with(|| {
            is_first = true;
            Told { at: now, held_back: 0 }
        });
        if !is_first {
            told.held_back += 1;
        }
        is_first
    }

    /// What is to be told at `now`. Who gave no reason for a minute is forgotten: the next one is news again.
    pub(super) fn due(&mut self, now: Instant) -> Vec<HeldBack> {
        let mut due = Vec::new();
        self.0.retain(|like, told| {
            if now.duration_since(told.at) < EVERY {
                return true;
            }
            told.at = now;
            let count = std::mem::take(&mut told.held_back);
            if count > 0 {
                due.push(HeldBack { sender: like.sender.clone(), reason: like.reason, count });
            }
            count > 0
        });
        due
    }

    /// When [`due`](Self::due) is to be asked next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.0.values().map(|told| told.at + EVERY).min()
    }

    /// Everything not told yet, when there is no later.
    pub(super) fn rest(self) -> Vec<HeldBack> {
        let held = self.0.into_iter().filter(|(_, told)| told.held_back > 0);
        held.map(|(like, told)| HeldBack { sender: like.sender, reason: like.reason, count: told.held_back })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(sender: &str, reason: &'static str, count: u64) -> HeldBack {
        HeldBack { sender: Some(format!("prim/1/acme/{sender}")), reason, count }
    }

    fn topic(device: &str) -> String {
        format!("prim/1/acme/{device}/up/audit")
    }

    #[test]
    fn the_first_is_told_and_those_after_it_as_one_count_a_minute_while_it_goes_on() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(repeats.take(&topic("a"), "signature", start));
        for second in 1..60 {
            assert!(!repeats.take(&topic("a"), "signature", after(second)));
            assert_eq!(repeats.due(after(second)), []);
        }
        assert_eq!(repeats.next_due(), Some(after(60)));
        assert_eq!(repeats.due(after(60)), [held("a", "signature", 59)]);
        assert_eq!(repeats.due(after(61)), [], "told once");
        assert!(!repeats.take(&topic("a"), "signature", after(61)));
        assert_eq!(repeats.due(after(120)), [held("a", "signature", 1)]);
    }

    #[test]
    fn after_a_minute_without_any_the_next_one_is_news_and_nothing_is_remembered() {
        let (mut repeats, start) = (Repeats::default(), Instant::now());
        assert!(repeats.take(&topic("a"), "malformed", start));
        assert_eq!(repeats.due(start + EVERY), []);
        assert_eq!(repeats.next_due(), None);
        assert!(repeats.take(&topic("a"), "malformed", start + EVERY));
    }

    #[test]
    fn another_device_and_another_reason_are_news_and_another_stream_is_not() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        assert!(repeats.take(&topic("a"), "malformed", now));
        assert!(repeats.take(&topic("b"), "malformed", now));
        assert!(repeats.take(&topic("a"), "signature", now));
        assert!(!repeats.take("prim/1/acme/a/up/note", "signature", now));
    }

    #[test]
    fn however_many_senders_there_are_the_lines_of_a_minute_are_bounded_and_none_goes_uncounted() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        let reasons = ["unknown_device", "malformed"];
        let mut lines = 0;
        for n in 0..10_000 {
            for reason in reasons {
                lines += u64::from(repeats.take(&topic(&format!("d{n}")), reason, now));
            }
        }
        assert_eq!(lines, (MOST + reasons.len()) as u64, "for each reason one stands for all others");
        let due = repeats.due(now + EVERY);
        assert_eq!(due.len(), reasons.len());
        assert!(due.iter().all(|held| held.sender.is_none()), "{due:?}");
        assert_eq!(lines + due.iter().map(|held| held.count).sum::<u64>(), 20_000);
    }

    #[test]
    fn who_is_quiet_makes_room_for_others() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        for n in 0..MOST {
            repeats.take(&topic(&format!("d{n}")), "malformed", now);
        }
        assert!(repeats.take(&topic("new"), "malformed", now), "the first without room of its own");
        assert!(!repeats.take(&topic("newer"), "malformed", now));
        repeats.due(now + EVERY);
        assert!(repeats.take(&topic("newer"), "malformed", now + EVERY));
    }

    #[test]
    fn what_was_held_back_is_told_at_the_end_too() {
        let (mut repeats, now) = (Repeats::default(), Instant::now());
        assert!(repeats.take(&topic("a"), "malformed", now));
        assert_eq!(Repeats::default().rest(), []);
        assert!(!repeats.take(&topic("a"), "malformed", now));
        assert_eq!(repeats.rest(), [held("a", "malformed", 1)]);
    }
}
