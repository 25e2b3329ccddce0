//! Microphones and loudspeaker.

use std::time::Duration;

use prim_audio::{Channels, DEVICE_BLOCK, SampleTime};
use prim_ids::MonoTime;

/// Where and when the block just read belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicBlock {
    /// The first frame of the block. A jump of more than one block means that frames were lost on the way.
    pub at: SampleTime,
    /// When the last frame of the block was captured, by the kernel's boot clock.
    pub captured: MonoTime,
}

/// One block that the loudspeaker's converter really took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlayedBlock {
    /// The first frame, on the microphones' clock.
    pub at: SampleTime,
    /// What was played, mono; silence where nothing was queued or the device came too late.
    pub samples: [i16; DEVICE_BLOCK],
    /// True when the converter ran dry or was flushed, so that `samples` is silence although sound had been handed over.
    pub missed: bool,
}

/// Why a block could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadMicError {
    /// Nothing arrived in time; the stream may go on later.
    #[error(
        "read 10 ms from the microphones: nothing arrived for {waited_ms} ms; the device is stalled or unplugged"
    )]
    Stalled {
        /// How long was waited.
        waited_ms: u64,
    },
    /// The stream has ended and will not come back on this handle.
    #[error("read 10 ms from the microphones: the device closed the stream ({why}); open it again")]
    Closed {
        /// What the back end says.
        why: String,
    },
    /// The caller's buffer has not one block of all channels.
    #[error(
        "read 10 ms from the microphones: the buffer has {got} samples, one block of all channels has {want}"
    )]
    WrongBuffer {
        /// The buffer's length.
        got: usize,
        /// `DEVICE_BLOCK` × channels.
        want: usize,
    },
}

/// A microphone array: one capture stream.
pub trait MicArray: Send {
    /// How many channels each frame has; the board says where each sits.
    fn channels(&self) -> Channels;

    /// Waits for the next 10 ms.
    ///
    /// `out`: interleaved `[480 × channels]`, i16, 48 kHz. Does not allocate, log or lock.
    ///
    /// # Errors
    /// See [`ReadMicError`]; after `Closed` each further call is `Closed` too.
    fn read(&mut self, out: &mut [i16]) -> Result<MicBlock, ReadMicError>;
}

/// Why a block could not be queued.
#[derive(Debug, thiserror::Error)]
pub enum WriteSpeakerError {
    /// The queue is full; the block was not taken. Ask [`Speaker::free_blocks`] first.
    #[error("queue 10 ms for the loudspeaker: all {capacity} places are taken; wait until one was played")]
    Full {
        /// Blocks that fit.
        capacity: usize,
    },
    /// The block is not [`DEVICE_BLOCK`] samples.
    #[error("queue 10 ms for the loudspeaker: the block has {got} samples, it must have {DEVICE_BLOCK}")]
    WrongBlock {
        /// The block's length.
        got: usize,
    },
    /// The device is gone.
    #[error("queue 10 ms for the loudspeaker: the device closed the stream ({why}); open it again")]
    Closed {
        /// What the back end says.
        why: String,
    },
}

/// A loudspeaker: one mono playback stream on the microphones' clock.
pub trait Speaker: Send {
    /// Queues one block of 480 mono frames. When nothing is queued the device plays silence by itself.
    ///
    /// # Errors
    /// See [`WriteSpeakerError`]; the queue is bounded and never grows.
    fn write(&mut self, block: &[i16]) -> Result<(), WriteSpeakerError>;

    /// How many blocks can be queued now.
    fn free_blocks(&self) -> usize;

    /// How many blocks are queued and not yet handed to the converter.
    fn queued_blocks(&self) -> usize;

    /// The echo reference: the next block the converter took, in order, one per 10 ms whether sound or silence.
    /// A block is here no later than the [`MicBlock`] with the same sample time. Unread blocks are bounded
    /// (the oldest is dropped).
    fn played(&mut self) -> Option<PlayedBlock>;

    /// Silence now: forgets everything queued and what the converter holds but has not begun to play.
    fn flush(&mut self);

    /// From `write` on an empty queue to the first sample in the air, at most.
    fn latency(&self) -> Duration;
}
