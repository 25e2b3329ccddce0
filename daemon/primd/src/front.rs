//! The room's front end: capture thread → ring → front end → the room's ear, which hands each block with its scene to
//! the listener's thread as any platform's ear does.
//!
//! The capture thread obeys the real-time law: it waits for the hardware, stores the block and wakes the next
//! thread; no allocation, no lock of ours, no log. When the ring is full the incoming block is dropped and counted,
//! and the hole shows as a jump in sample time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use prim_adapter::{AudioBlock, Scene, Voices};
use prim_adapter_room::{RoomEar, RoomHealth, SharedSpeaker};
use prim_audio::{
    Arrival, BLOCK_MS, BlockConsumer, DEVICE_BLOCK, FrameZero, Frames, GapWatch, ReferenceLine, SampleTime,
    block_ring,
};
use prim_dsp::{BargeIn, BargeInConfig, Frontend, FrontendBlock};
use prim_hal::{MicArray, ReadMicError};
use prim_ids::MonoTime;
use prim_meeting::{Input, Peripheral, PeripheralState};

use crate::clock;
use crate::inbox::Inbox;
use crate::listener::{Judge, to_i16};
use crate::mouth::lock;

/// Half a second rides out any pause of the processor that people would not notice anyway.
const RING_BLOCKS: usize = 50;
/// Reference kept beside the microphones: half a second covers any sound card.
const REFERENCE_BLOCKS: usize = 50;
/// A microphone that gives nothing for so long is reported.
const NAP: Duration = Duration::from_millis(100);

/// What the ear counts, for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct EarCounters {
    pub(crate) blocks: AtomicU64,
    pub(crate) overflowed_blocks: AtomicU64,
    pub(crate) missing_frames: AtomicU64,
    /// Time spent in the front end, µs, all blocks together.
    pub(crate) frontend_us: AtomicU64,
    /// Blocks the loudspeaker had nothing for although something had been handed over, or was told to drop.
    pub(crate) missed_blocks: AtomicU64,
    /// Boot time of the last block, ms; so that the health page sees a stalled microphone.
    pub(crate) last_block_ms: AtomicU64,
}

/// Everything the room's front end runs on.
pub(crate) struct RoomFront {
    pub(crate) mic: Box<dyn MicArray>,
    pub(crate) speaker: SharedSpeaker,
    pub(crate) frontend: Frontend,
    pub(crate) judge: Judge,
    pub(crate) ear: RoomEar,
    pub(crate) health: RoomHealth,
    /// The thread that reads the room's ear.
    pub(crate) reader: std::thread::Thread,
    /// Prim can be heard in the room.
    pub(crate) sounding: Arc<AtomicBool>,
    pub(crate) stopping: Arc<AtomicBool>,
    pub(crate) inbox: Inbox,
    pub(crate) counters: Arc<EarCounters>,
}

impl RoomFront {
    /// Starts both threads.
    pub(crate) fn start(self) -> std::io::Result<Vec<JoinHandle<()>>> {
        let Self { mic, speaker, frontend, judge, ear, health, reader, sounding, stopping, inbox, counters } =
            self;
        let channels = usize::from(mic.channels().0);
        let block_len = DEVICE_BLOCK * channels;
        let (ring_in, ring_out) = block_ring::<i16>(RING_BLOCKS, block_len);
        let captured = Arc::new(AtomicU64::new(0));

        let mut worker = Worker {
            ring: ring_out,
            block: vec![0; block_len],
            reference: ReferenceLine::new(REFERENCE_BLOCKS),
            gaps: GapWatch::new(Frames(DEVICE_BLOCK as u64)),
            barge_in: BargeIn::new(BargeInConfig::default()),
            interrupted: false,
            out: FrontendBlock::default(),
            speaker,
            frontend,
            judge,
            ear,
            reader,
            sounding,
            counters,
            anchor: Anchor { captured: Arc::clone(&captured) },
        };
        let stop = Arc::clone(&stopping);
        let ears = std::thread::Builder::new().name("prim-ears".into()).spawn(move || {
            while !stop.load(Ordering::Acquire) {
                if !worker.turn() {
                    std::thread::park_timeout(NAP);
                }
            }
        })?;
        let wake = ears.thread().clone();
        let capture = std::thread::Builder::new()
            .name("prim-capture".into())
            .spawn(move || capture(mic, ring_in, &captured, &wake, &stopping, &inbox, &health))?;
        Ok(vec![capture, ears])
    }
}

/// The newest block's time: sample time and boot time in one word each would tear, so the boot time of frame 0 is
/// published; it moves by microseconds only.
struct Anchor {
    captured: Arc<AtomicU64>,
}

impl Anchor {
    fn mono_at_end_of(&self, at: SampleTime) -> MonoTime {
        let zero = MonoTime::from_millis(self.captured.load(Ordering::Acquire));
        zero + SampleTime(at.0 + DEVICE_BLOCK as u64).as_duration(prim_audio::DEVICE_RATE)
    }
}

fn capture(
    mut mic: Box<dyn MicArray>,
    mut ring: prim_audio::BlockProducer<i16>,
    zero: &AtomicU64,
    ears: &std::thread::Thread,
    stopping: &AtomicBool,
    inbox: &Inbox,
    health: &RoomHealth,
) {
    let mut block = vec![0_i16; DEVICE_BLOCK * usize::from(mic.channels().0)];
    let mut up = false;
    let mut frame_zero = FrameZero::new(prim_audio::DEVICE_RATE);
    while !stopping.load(Ordering::Acquire) {
        match mic.read(&mut block) {
            Ok(read) => {
                let end = read.at + Frames(DEVICE_BLOCK as u64);
                let began = frame_zero.captured(end, Duration::from_millis(read.captured.as_millis()));
                zero.store(began.as_millis() as u64, Ordering::Release);
                ring.push(read.at, &block);
                ears.unpark();
                if !up {
                    up = true;
                    report(inbox, PeripheralState::Up);
                }
            }
            Err(error) => {
                let closed = matches!(error, ReadMicError::Closed { .. });
                if up || closed {
                    up = false;
                    report(inbox, PeripheralState::Absent { reason: error.to_string() });
                }
                if closed {
                    health.sound_lost();
                    return;
                }
            }
        }
    }
}

fn report(inbox: &Inbox, state: PeripheralState) {
    inbox.report(clock::mono_now(), Input::PeripheralChanged { which: Peripheral::Microphones, state });
}

struct Worker {
    ring: BlockConsumer<i16>,
    block: Vec<i16>,
    reference: ReferenceLine,
    gaps: GapWatch,
    barge_in: BargeIn,
    interrupted: bool,
    out: FrontendBlock,
    speaker: SharedSpeaker,
    frontend: Frontend,
    judge: Judge,
    ear: RoomEar,
    reader: std::thread::Thread,
    sounding: Arc<AtomicBool>,
    counters: Arc<EarCounters>,
    anchor: Anchor,
}

impl Worker {
    /// One block, if there is one.
    fn turn(&mut self) -> bool {
        let Some(at) = self.ring.pop(&mut self.block) else { return false };
        if let Arrival::AfterHole { missing } = self.gaps.arrived(at) {
            self.counters.missing_frames.fetch_add(missing.0, Ordering::Relaxed);
            self.frontend.hole(missing);
            self.judge.hole();
        }
        {
            let mut speaker = lock(&self.speaker);
            while let Some(played) = speaker.played() {
                self.counters.missed_blocks.fetch_add(u64::from(played.missed), Ordering::Relaxed);
                self.reference.push(played.at, &played.samples);
            }
        }
        let mut reference = [0_i16; DEVICE_BLOCK];
        self.reference.read(at, &mut reference);
        let begun = std::time::Instant::now();
        if self.frontend.process(&self.block, &reference, &mut self.out).is_err() {
            return true;
        }
        let spent = begun.elapsed();
        self.counters.frontend_us.fetch_add(spent.as_micros() as u64, Ordering::Relaxed);
        self.counters.blocks.fetch_add(1, Ordering::Relaxed);
        self.counters.overflowed_blocks.store(self.ring.overflow().blocks(), Ordering::Relaxed);

        let heard = self.anchor.mono_at_end_of(at) - self.frontend.delay();
        self.counters.last_block_ms.store(heard.as_millis(), Ordering::Relaxed);
        let speech = self.judge.judge(&self.out.near);
        let voices = if !self.sounding.load(Ordering::Acquire) {
            self.interrupted = false;
            self.barge_in.reset();
            Voices::People
        } else {
            self.interrupted |= self.barge_in.push(&self.out, speech);
            if self.interrupted { Voices::BargeIn } else { Voices::Prim }
        };
        // What the detector hears of Prim behind a closed gate is nobody's speech.
        let speech = if self.out.echo.gated { 0.0 } else { speech };
        let scene = Scene {
            heard,
            words: self.out.recogniser.map(to_i16),
            near: self.out.near.map(to_i16),
            speech,
            bearing_deg: self.out.fresh_bearing.map(|b| b.degrees),
            voices,
        };
        if let Ok(beam) = AudioBlock::from_f32(SampleTime(at.0 / 3), &self.out.voice) {
            self.ear.hear(Duration::from_millis(heard.as_millis()), &beam, &scene);
            self.reader.unpark();
        }
        true
    }
}

const _: () = assert!(BLOCK_MS == 10, "sample time at 16 kHz is a third of the device's");
