//! Saying what is wrong once, and again only now and then while it stays so.

use std::time::{Duration, Instant};

/// The same complaint is repeated after this long.
const AGAIN: Duration = Duration::from_secs(60);

/// What was complained of last.
#[derive(Debug, Default)]
pub struct Complaint(Option<(String, Instant)>);

impl Complaint {
    /// Whether `why` should be told at `now`: it is new, or was last told a minute ago.
    pub fn is_due(&mut self, why: &str, now: Instant) -> bool {
        let due = self.0.as_ref().is_none_or(|(told, at)| told != why || now.duration_since(*at) >= AGAIN);
        if due {
            self.0 = Some((why.to_owned(), now));
        }
        due
    }

    /// All is well again; whether there was anything to complain of.
    pub fn is_over(&mut self) -> bool {
        self.0.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_told_at_once_and_then_every_minute() {
        let (mut complaint, start) = (Complaint::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(complaint.is_due("no password", start));
        assert!(!complaint.is_due("no password", after(59)));
        assert!(complaint.is_due("no password", after(60)));
        assert!(!complaint.is_due("no password", after(61)));
        assert!(complaint.is_due("no server", after(62)), "another trouble is news");
        assert!(complaint.is_over());
        assert!(!complaint.is_over());
        assert!(complaint.is_due("no server", after(63)), "it came back");
    }
}
