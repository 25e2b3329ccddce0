//! Holes, seen from the reading side.

use crate::{Frames, SampleTime};

/// What a block's sample time says about the blocks before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It follows the last one.
    InOrder,
    /// `missing` frames never came.
    AfterHole {
        /// How many frames are missing.
        missing: Frames,
    },
    /// It lies before what was already read: a duplicate or a device that restarted its count.
    Backwards,
}

/// Follows the sample times of a stream of equal blocks. The first block is always in order.
#[derive(Debug, Clone)]
pub struct GapWatch {
    block: Frames,
    expected: Option<SampleTime>,
    lost: Frames,
}

impl GapWatch {
    /// Blocks of `block` frames.
    #[must_use]
    pub fn new(block: Frames) -> Self {
        Self { block, expected: None, lost: Frames(0) }
    }

    /// A block whose first frame is number `at` has arrived. After [`Arrival::Backwards`] the count goes on
    /// from there, so that a restarted device is complained about once.
    pub fn arrived(&mut self, at: SampleTime) -> Arrival {
        let expected = self.expected.replace(at + self.block);
        match expected {
            Some(e) if at < e => Arrival::Backwards,
            Some(e) if at > e => {
                let missing = Frames(at.0 - e.0);
                self.lost = Frames(self.lost.0 + missing.0);
                Arrival::AfterHole { missing }
            }
            Some(_) | None => Arrival::InOrder,
        }
    }

    /// Frames missing so far.
    #[must_use]
    pub fn lost(&self) -> Frames {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_add_up_and_a_restart_is_complained_about_once() {
        let mut w = GapWatch::new(Frames(480));
        assert_eq!(w.arrived(SampleTime(960)), Arrival::InOrder);
        assert_eq!(w.arrived(SampleTime(1440)), Arrival::InOrder);
        assert_eq!(w.arrived(SampleTime(2880)), Arrival::AfterHole { missing: Frames(960) });
        assert_eq!(w.arrived(SampleTime(0)), Arrival::Backwards);
        assert_eq!(w.arrived(SampleTime(480)), Arrival::InOrder);
        assert_eq!(w.lost(), Frames(960));
    }
}
