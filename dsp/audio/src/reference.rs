//! What the speaker played, found again by microphone time.

use crate::{DEVICE_BLOCK, SampleTime};

/// The last blocks the speaker took, to be laid beside the microphone's: the echo canceller's reference.
///
/// Both sample times must be counted by one clock (one device, or a simulator). What was never pushed, or is
/// older than the line remembers, is silence: exactly what a speaker that was given nothing plays.
#[derive(Debug)]
pub struct ReferenceLine {
    ring: Box<[i16]>,
    /// One past the newest frame pushed.
    end: u64,
    /// Frames at and after this are in the ring.
    start: u64,
}

impl ReferenceLine {
    /// Remembers `blocks` blocks of 10 ms. 50 (half a second) covers any sound card's latency.
    #[must_use]
    pub fn new(blocks: usize) -> Self {
        Self { ring: vec![0; blocks.max(2) * DEVICE_BLOCK].into_boxed_slice(), end: 0, start: 0 }
    }

    /// The speaker took `block`, whose first frame is number `at`. A hole before it reads as silence; a block
    /// from before the newest one is ignored.
    pub fn push(&mut self, at: SampleTime, block: &[i16; DEVICE_BLOCK]) {
        let len = self.ring.len() as u64;
        if self.end == 0 && self.start == 0 {
            self.start = at.0;
            self.end = at.0;
        }
        if at.0 < self.end {
            return;
        }
        if at.0 - self.end >= len {
            self.ring.fill(0);
        } else {
            for t in self.end..at.0 {
                self.ring[(t % len) as usize] = 0;
            }
        }
        for (t, &s) in (at.0..).zip(block) {
            self.ring[(t % len) as usize] = s;
        }
        self.end = at.0 + DEVICE_BLOCK as u64;
        self.start = self.start.max(self.end.saturating_sub(len));
    }

    /// The 480 frames from `at` on into `out`. Returns whether all of them are known (`false`: silence stands
    /// in for at least one).
    pub fn read(&self, at: SampleTime, out: &mut [i16; DEVICE_BLOCK]) -> bool {
        let len = self.ring.len() as u64;
        let mut whole = true;
        for (t, s) in (at.0..).zip(out.iter_mut()) {
            let known = (self.start..self.end).contains(&t);
            *s = if known { self.ring[(t % len) as usize] } else { 0 };
            whole &= known;
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_found_again_at_any_offset_and_the_rest_is_silence() {
        let mut line = ReferenceLine::new(4);
        let mut out = [7; DEVICE_BLOCK];
        assert!(!line.read(SampleTime(0), &mut out));
        assert_eq!(out, [0; DEVICE_BLOCK]);
        line.push(SampleTime(480), &[1; DEVICE_BLOCK]);
        line.push(SampleTime(960), &[2; DEVICE_BLOCK]);
        assert!(line.read(SampleTime(720), &mut out));
        assert_eq!((out[0], out[239], out[240], out[479]), (1, 1, 2, 2));
        assert!(!line.read(SampleTime(1200), &mut out));
        assert_eq!((out[239], out[240]), (2, 0));
    }

    #[test]
    fn holes_and_old_blocks_read_as_silence_and_the_newest_half_second_survives() {
        let mut line = ReferenceLine::new(4);
        let mut out = [7; DEVICE_BLOCK];
        for i in 0..10 {
            line.push(SampleTime(i * 480), &[i as i16 + 1; DEVICE_BLOCK]);
        }
        line.push(SampleTime(11 * 480), &[12; DEVICE_BLOCK]);
        line.push(SampleTime(480), &[99; DEVICE_BLOCK]);
        assert!(line.read(SampleTime(9 * 480), &mut out));
        assert_eq!(out, [10; DEVICE_BLOCK]);
        assert!(line.read(SampleTime(10 * 480), &mut out));
        assert_eq!(out, [0; DEVICE_BLOCK]);
        assert!(!line.read(SampleTime(480), &mut out));
        line.push(SampleTime(1_000_000), &[5; DEVICE_BLOCK]);
        assert!(line.read(SampleTime(1_000_000), &mut out));
        assert_eq!(out, [5; DEVICE_BLOCK]);
        assert!(!line.read(SampleTime(u64::MAX - 10_000), &mut out));
    }
}
