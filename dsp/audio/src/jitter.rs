//! A small, bounded buffer between a network that hands blocks over unevenly and a reader that takes one
//! every 10 ms.

use crate::SampleTime;

/// What became of a block that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for its turn.
    Kept,
    /// Its turn was over: dropped and counted.
    Late,
    /// Already there: dropped.
    Duplicate,
    /// It lies too far ahead: the oldest were dropped and counted, the reader jumps.
    Jumped,
}

/// What a pull gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// The block of this time.
    Block(SampleTime),
    /// The block of this time is missing though later ones are here: `out` is silence, and the hole is counted.
    Hole(SampleTime),
    /// Nothing to play yet (filling up, or the sender is silent): `out` is silence and time stands still.
    Waiting,
}

/// Reorders blocks of `N` samples and holds them back by `hold` blocks. When it runs dry it fills up again
/// before playing, so that one late packet costs one short hole and not many.
#[derive(Debug)]
pub struct JitterBuffer<const N: usize> {
    slots: Box<[Slot<N>]>,
    hold: usize,
    next: Option<u64>,
    held: usize,
    playing: bool,
    /// Something was played since the beginning or the last jump: what is before `next` is over.
    begun: bool,
    dropped: u64,
    holes: u64,
}

#[derive(Debug, Clone)]
struct Slot<const N: usize> {
    at: Option<u64>,
    samples: [i16; N],
}

impl<const N: usize> JitterBuffer<N> {
    /// Room for `capacity` blocks, playing `hold` blocks behind the newest (30 ms is 3).
    #[must_use]
    pub fn new(capacity: usize, hold: usize) -> Self {
        let capacity = capacity.max(2);
        Self {
            slots: vec![Slot { at: None, samples: [0; N] }; capacity].into_boxed_slice(),
            hold: hold.clamp(1, capacity),
            next: None,
            held: 0,
            playing: false,
            begun: false,
            dropped: 0,
            holes: 0,
        }
    }

    /// A block has come in, whose first frame is number `at` (rounded down to whole blocks).
    pub fn push(&mut self, at: SampleTime, samples: &[i16; N]) -> Pushed {
        let block = at.0 / N as u64;
        let capacity = self.slots.len() as u64;
        let mut outcome = Pushed::Kept;
        match self.next {
            None => self.next = Some(block),
            // Before the first one is played an earlier block may still become the first.
            Some(next) if block < next && !self.begun && next - block < capacity => self.next = Some(block),
            Some(next) if block < next => {
                self.dropped += 1;
                return Pushed::Late;
            }
            Some(next) if block >= next.saturating_add(capacity) => {
                self.drop_before(block + 1 - capacity);
                outcome = Pushed::Jumped;
            }
            Some(_) => {}
        }
        let slot = &mut self.slots[(block % capacity) as usize];
        if slot.at == Some(block) {
            return Pushed::Duplicate;
        }
        if slot.at.is_none() {
            self.held += 1;
        } else {
            self.dropped += 1;
        }
        slot.at = Some(block);
        slot.samples.copy_from_slice(samples);
        outcome
    }

    /// The block whose turn it is, into `out`. Call it every 10 ms.
    pub fn pull(&mut self, out: &mut [i16; N]) -> Pulled {
        out.fill(0);
        if self.held == 0 {
            self.playing = false;
        }
        let Some(next) = self.next.filter(|_| self.held > 0 && (self.playing || self.held >= self.hold))
        else {
            return Pulled::Waiting;
        };
        self.playing = true;
        self.begun = true;
        self.next = Some(next + 1);
        let capacity = self.slots.len() as u64;
        let slot = &mut self.slots[(next % capacity) as usize];
        let at = SampleTime(next * N as u64);
        if slot.at == Some(next) {
            slot.at = None;
            self.held -= 1;
            out.copy_from_slice(&slot.samples);
            Pulled::Block(at)
        } else {
            self.holes += 1;
            Pulled::Hole(at)
        }
    }

    /// Blocks dropped: late, or pushed out by a jump.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Blocks that were missing at their turn.
    #[must_use]
    pub fn holes(&self) -> u64 {
        self.holes
    }

    fn drop_before(&mut self, first: u64) {
        for slot in &mut self.slots {
            if slot.at.is_some_and(|at| at < first) {
                slot.at = None;
                self.held -= 1;
                self.dropped += 1;
            }
        }
        self.next = Some(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(i: u64) -> (SampleTime, [i16; 4]) {
        (SampleTime(i * 4), [i as i16; 4])
    }

    fn push(j: &mut JitterBuffer<4>, i: u64) -> Pushed {
        let (at, samples) = block(i);
        j.push(at, &samples)
    }

    #[test]
    fn blocks_out_of_order_are_played_in_order() {
        let mut j = JitterBuffer::<4>::new(8, 3);
        let mut out = [9; 4];
        assert_eq!(push(&mut j, 1), Pushed::Kept);
        assert_eq!(j.pull(&mut out), Pulled::Waiting);
        assert_eq!(push(&mut j, 0), Pushed::Kept);
        assert_eq!(push(&mut j, 0), Pushed::Duplicate);
        assert_eq!(push(&mut j, 2), Pushed::Kept);
        for i in 0..3 {
            assert_eq!(j.pull(&mut out), Pulled::Block(block(i).0));
            assert_eq!(out, block(i).1);
        }
        assert_eq!(j.pull(&mut out), Pulled::Waiting);
        assert_eq!(push(&mut j, 1), Pushed::Late);
        assert_eq!(j.dropped(), 1);
    }

    #[test]
    fn a_lost_block_is_one_hole_in_silence() {
        let mut j = JitterBuffer::<4>::new(8, 2);
        let mut out = [9; 4];
        push(&mut j, 0);
        push(&mut j, 2);
        assert_eq!(j.pull(&mut out), Pulled::Block(SampleTime(0)));
        assert_eq!(j.pull(&mut out), Pulled::Hole(SampleTime(4)));
        assert_eq!(out, [0; 4]);
        assert_eq!(j.pull(&mut out), Pulled::Block(SampleTime(8)));
        assert_eq!(j.holes(), 1);
    }

    #[test]
    fn a_far_jump_keeps_the_newest_and_counts_the_rest() {
        let mut j = JitterBuffer::<4>::new(4, 2);
        let mut out = [9; 4];
        push(&mut j, 0);
        push(&mut j, 1);
        assert_eq!(push(&mut j, 1000), Pushed::Jumped);
        assert_eq!(j.dropped(), 2);
        push(&mut j, 1001);
        let played: Vec<_> = (0..5).map(|_| j.pull(&mut out)).collect();
        assert!(played.contains(&Pulled::Block(SampleTime(4000))), "{played:?}");
    }

    #[test]
    fn any_order_of_any_times_neither_panics_nor_grows() {
        let mut j = JitterBuffer::<4>::new(4, 2);
        let mut out = [0; 4];
        let mut x = 1_u64;
        let mut last = None;
        for _ in 0..50_000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = if x >> 61 == 0 { x } else { x >> 55 };
            j.push(SampleTime(at), &[1; 4]);
            match j.pull(&mut out) {
                Pulled::Block(at) | Pulled::Hole(at) => {
                    assert!(last.is_none_or(|l| at > l), "time runs backwards");
                    last = Some(at);
                }
                Pulled::Waiting => {}
            }
            assert!(j.held <= 4);
        }
    }
}
