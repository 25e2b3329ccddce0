//! Live events on their way to panels: worth something now or never.

use std::collections::VecDeque;

use prim_ids::MeetingId;

/// Some seconds of a lively meeting. When full the oldest is dropped and counted: a panel wants the newest.
pub(crate) const CAPACITY: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct LiveQueue {
    events: VecDeque<(MeetingId, String)>,
    dropped: u64,
}

impl LiveQueue {
    pub(crate) fn push(&mut self, meeting: MeetingId, json: String) {
        if self.events.len() == CAPACITY {
            self.events.pop_front();
            self.dropped += 1;
        }
        self.events.push_back((meeting, json));
    }

    pub(crate) fn pop(&mut self) -> Option<(MeetingId, String)> {
        self.events.pop_front()
    }

    /// Nobody can be reached: what waits is stale.
    pub(crate) fn clear(&mut self) {
        self.dropped += self.events.len() as u64;
        self.events.clear();
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_full_the_oldest_event_goes_and_is_counted() {
        let mut queue = LiveQueue::default();
        for n in 0..CAPACITY + 3 {
            queue.push(MeetingId::from_u128(1), n.to_string());
        }
        assert_eq!(queue.dropped(), 3);
        assert_eq!(queue.pop().unwrap().1, "3");
    }
}
