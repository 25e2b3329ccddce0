//! A single-producer, single-consumer ring of blocks over `rtrb`: one ring for sample times, one for samples.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::SampleTime;

/// A ring of `blocks` blocks of `block_len` samples (`frames × channels`, interleaved).
///
/// All memory is taken here. `block_len` is fixed for the life of the ring.
#[must_use]
pub fn block_ring<T: Copy + Default>(
    blocks: usize,
    block_len: usize,
) -> (BlockProducer<T>, BlockConsumer<T>) {
    let (times_in, times_out) = RingBuffer::new(blocks);
    let (samples_in, samples_out) = RingBuffer::new(blocks * block_len);
    let overflow = Overflow::default();
    (
        BlockProducer { times: times_in, samples: samples_in, block_len, overflow: overflow.clone() },
        BlockConsumer { times: times_out, samples: samples_out, block_len, overflow },
    )
}

/// How many blocks a ring has refused since it was made. Clones share the count; reading it is wait-free.
#[derive(Debug, Clone, Default)]
pub struct Overflow(Arc<AtomicU64>);

impl Overflow {
    /// Blocks dropped so far.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The real-time side when capturing. `Send`, never blocks.
#[derive(Debug)]
pub struct BlockProducer<T> {
    times: Producer<SampleTime>,
    samples: Producer<T>,
    block_len: usize,
    overflow: Overflow,
}

impl<T: Copy + Default> BlockProducer<T> {
    /// Stores `block`, whose first frame is number `at`; `false` when the ring was full and the block was
    /// dropped and counted. A block of the wrong length is dropped and counted too.
    pub fn push(&mut self, at: SampleTime, block: &[T]) -> bool {
        let stored = block.len() == self.block_len && self.free_blocks() > 0 && self.store(at, block).is_ok();
        if !stored {
            self.overflow.0.fetch_add(1, Ordering::Relaxed);
        }
        stored
    }

    fn store(&mut self, at: SampleTime, block: &[T]) -> Result<(), ChunkError> {
        let mut chunk = self.samples.write_chunk(block.len())?;
        let (first, second) = chunk.as_mut_slices();
        let (head, tail) = block.split_at(first.len());
        first.copy_from_slice(head);
        second.copy_from_slice(tail);
        chunk.commit_all();
        // The samples are visible before their time: a reader that sees a time always finds its samples.
        let pushed = self.times.push(at);
        debug_assert!(pushed.is_ok(), "a slot was free and only this thread takes slots");
        Ok(())
    }

    /// Blocks that fit now. The reader frees a block's time before its samples, so both are counted.
    #[must_use]
    pub fn free_blocks(&self) -> usize {
        self.times.slots().min(self.samples.slots() / self.block_len.max(1))
    }

    /// The counter of dropped blocks, to publish from another thread.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.overflow.clone()
    }

    /// Whether the reading side is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.times.is_abandoned()
    }
}

/// The other side. `Send`, never blocks.
#[derive(Debug)]
pub struct BlockConsumer<T> {
    times: Consumer<SampleTime>,
    samples: Consumer<T>,
    block_len: usize,
    overflow: Overflow,
}

impl<T: Copy + Default> BlockConsumer<T> {
    /// The next block into `out` (`block_len` samples) and the number of its first frame; `None` when empty
    /// or when `out` has the wrong length.
    pub fn pop(&mut self, out: &mut [T]) -> Option<SampleTime> {
        if out.len() != self.block_len {
            return None;
        }
        let at = self.times.pop().ok()?;
        let chunk = self.samples.read_chunk(self.block_len).ok()?;
        let (first, second) = chunk.as_slices();
        out[..first.len()].copy_from_slice(first);
        out[first.len()..].copy_from_slice(second);
        chunk.commit_all();
        Some(at)
    }

    /// Blocks waiting.
    #[must_use]
    pub fn waiting_blocks(&self) -> usize {
        self.times.slots()
    }

    /// Samples in one block (`frames × channels`).
    #[must_use]
    pub fn block_len(&self) -> usize {
        self.block_len
    }

    /// The counter of dropped blocks.
    #[must_use]
    pub fn overflow(&self) -> Overflow {
        self.overflow.clone()
    }

    /// Whether the writing side is gone (blocks may still wait).
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.times.is_abandoned()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::{Arrival, Frames, GapWatch};

    #[test]
    fn a_full_ring_drops_the_incoming_block_and_counts_it() {
        let (mut tx, mut rx) = block_ring::<i16>(2, 3);
        assert!(tx.push(SampleTime(0), &[1, 2, 3]));
        assert!(tx.push(SampleTime(3), &[4, 5, 6]));
        assert!(!tx.push(SampleTime(6), &[7, 8, 9]));
        assert_eq!(rx.overflow().blocks(), 1);
        let mut out = [0; 3];
        assert_eq!(rx.pop(&mut out), Some(SampleTime(0)));
        assert_eq!(out, [1, 2, 3]);
        assert!(tx.push(SampleTime(9), &[10, 11, 12]));
        assert_eq!(rx.pop(&mut out), Some(SampleTime(3)));
        assert_eq!(rx.pop(&mut out), Some(SampleTime(9)));
        assert_eq!(out, [10, 11, 12]);
        assert_eq!(rx.pop(&mut out), None);
    }

    #[test]
    fn the_hole_of_an_overflow_is_a_jump_in_sample_time() {
        let (mut tx, mut rx) = block_ring::<i16>(1, 4);
        let mut gaps = GapWatch::new(Frames(4));
        let mut out = [0; 4];
        assert!(tx.push(SampleTime(0), &[0; 4]));
        assert!(!tx.push(SampleTime(4), &[0; 4]));
        assert_eq!(rx.pop(&mut out).map(|at| gaps.arrived(at)), Some(Arrival::InOrder));
        assert!(tx.push(SampleTime(8), &[0; 4]));
        assert_eq!(
            rx.pop(&mut out).map(|at| gaps.arrived(at)),
            Some(Arrival::AfterHole { missing: Frames(4) })
        );
    }

    #[test]
    fn a_block_of_the_wrong_length_is_refused_and_counted() {
        let (mut tx, mut rx) = block_ring::<f32>(2, 3);
        assert!(!tx.push(SampleTime(0), &[0.0; 2]));
        assert_eq!(tx.overflow().blocks(), 1);
        assert!(tx.push(SampleTime(0), &[0.5; 3]));
        assert_eq!(rx.pop(&mut [0.0; 4]), None);
        assert_eq!(rx.pop(&mut [0.0; 3]), Some(SampleTime(0)));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "what crosses threads is tested with two of them")]
    fn blocks_cross_threads_whole_and_in_order() {
        const N: u64 = 20_000;
        let (mut tx, mut rx) = block_ring::<u64>(7, 5);
        let writer = thread::spawn(move || {
            for i in 0..N {
                while tx.free_blocks() == 0 {
                    thread::yield_now();
                }
                assert!(tx.push(SampleTime(i * 5), &[i; 5]));
            }
        });
        let mut out = [0; 5];
        let mut next = 0;
        while next < N {
            match rx.pop(&mut out) {
                Some(at) => {
                    assert_eq!((at, out), (SampleTime(next * 5), [next; 5]));
                    next += 1;
                }
                None if rx.is_abandoned() && rx.waiting_blocks() == 0 => break,
                None => thread::yield_now(),
            }
        }
        assert_eq!(next, N, "the writer stopped early");
        writer.join().unwrap();
        assert_eq!(rx.overflow().blocks(), 0);
    }
}
