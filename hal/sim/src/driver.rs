//! The device's side of the room socket: the `prim-hal` traits on one Unix stream.
//!
//! One thread reads. On each microphone block it answers with exactly one speaker block (queued or silence) for the
//! tick that lies `ahead` in the future, tells the reference tap what the converter took in the tick that has just
//! passed, and hands the microphones on. It holds no lock while it waits for the socket.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prim_audio::{BLOCK_MS, Channels, DEVICE_BLOCK, Frames, SampleTime};
use prim_hal::{
    ButtonEdge, FloorButton, Indicator, LightPattern, MicArray, MicBlock, MuteEdge, MuteSwitch, PlayedBlock,
    ReadControlError, ReadMicError, ShowLightError, Speaker, WriteSpeakerError,
};
use prim_ids::MonoTime;

use crate::frame::{push_frame, read_frame};
use crate::message::{FromDevice, SpeakerFate, ToDevice, Welcome};

/// Half a second of microphones may wait for the daemon; then incoming blocks are dropped and counted.
const MIC_QUEUE_BLOCKS: usize = 50;
/// Half a second of speech may be queued.
const SPEAKER_QUEUE_BLOCKS: usize = 50;
/// One second of echo reference may wait; then the oldest is dropped and counted.
const PLAYED_QUEUE_BLOCKS: usize = 100;
/// Nobody presses faster than this between two reads.
const EDGE_QUEUE: usize = 64;
/// A microphone that is silent on the wire for so long is stalled.
const STALL: Duration = Duration::from_secs(1);
/// A room that does not take our bytes for so long is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(1);

/// Why the room could not be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectSimError {
    /// No room listens there.
    #[error(
        "connect to the simulated room at {path}: nobody listens after {waited_ms} ms; start `prim-room` first"
    )]
    Nobody {
        /// The socket.
        path: PathBuf,
        /// How long was tried.
        waited_ms: u128,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// Somebody listens but does not greet as a room does.
    #[error("connect to the simulated room at {path}: no valid welcome; is it another program or version?")]
    NoWelcome {
        /// The socket.
        path: PathBuf,
        /// What came instead.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What the driver had to drop or replace, readable from any thread.
#[derive(Debug, Default)]
pub struct SimCounters {
    /// Microphone blocks the daemon was too slow to read.
    pub mic_dropped: AtomicU64,
    /// Ticks in which the converter played silence because our block came too late.
    pub speaker_missed: AtomicU64,
    /// Reference blocks nobody read.
    pub played_dropped: AtomicU64,
    /// Edges nobody read.
    pub edges_dropped: AtomicU64,
    /// Microphone blocks received.
    pub blocks: AtomicU64,
}

/// A device in the simulated room. Each part can go to its own thread.
#[derive(Debug)]
pub struct SimDevice {
    /// The microphones.
    pub mic: SimMic,
    /// The loudspeaker.
    pub speaker: SimSpeaker,
    /// The light.
    pub light: SimLight,
    /// The floor button.
    pub button: SimButton,
    /// The mute switch.
    pub mute: SimMuteSwitch,
    /// What was dropped.
    pub counters: Arc<SimCounters>,
}

#[derive(Debug)]
struct Shared {
    writer: Mutex<UnixStream>,
    playing: Mutex<Playing>,
    closed: Mutex<Option<String>>,
}

#[derive(Debug, Default)]
struct Playing {
    queue: VecDeque<[i16; DEVICE_BLOCK]>,
    sent: VecDeque<(SampleTime, [i16; DEVICE_BLOCK])>,
    played: VecDeque<PlayedBlock>,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn send(&self, message: &FromDevice) -> io::Result<()> {
        let (kind, payload) = message.encode();
        let mut bytes = Vec::with_capacity(payload.len() + 8);
        push_frame(&mut bytes, kind, &payload);
        lock(&self.writer).write_all(&bytes)
    }

    fn closed(&self) -> Option<String> {
        lock(&self.closed).clone()
    }

    fn close(&self, why: &str) {
        lock(&self.closed).get_or_insert_with(|| why.to_owned());
        let _ = lock(&self.writer).shutdown(std::net::Shutdown::Both);
    }
}

impl SimDevice {
    /// Connects to the room at `path`, trying for `patience` until somebody listens and greets.
    ///
    /// # Errors
    /// See [`ConnectSimError`].
    pub fn connect(path: &Path, patience: Duration) -> Result<Self, ConnectSimError> {
        let begun = Instant::now();
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(source) if begun.elapsed() >= patience => {
                    return Err(ConnectSimError::Nobody {
                        path: path.to_owned(),
                        waited_ms: begun.elapsed().as_millis(),
                        source,
                    });
                }
                Err(_) => thread::sleep(Duration::from_millis(20)),
            }
        };
        Self::on_stream(stream, patience.max(STALL))
            .map_err(|source| ConnectSimError::NoWelcome { path: path.to_owned(), source })
    }

    /// Runs on a connected stream, for tests with a socket pair.
    ///
    /// # Errors
    /// The first frame is not a valid welcome or does not come within `patience`.
    pub fn on_stream(
        mut stream: UnixStream,
        patience: Duration,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        stream.set_read_timeout(Some(patience))?;
        let mut payload = Vec::new();
        let kind = read_frame(&mut stream, &mut payload)?;
        let ToDevice::Welcome(welcome) = ToDevice::decode(kind, &payload)? else {
            return Err("the first frame is no welcome".into());
        };
        stream.set_read_timeout(None)?;
        let writer = stream.try_clone()?;
        writer.set_write_timeout(Some(WRITE_LIMIT))?;

        let shared = Arc::new(Shared {
            writer: Mutex::new(writer),
            playing: Mutex::default(),
            closed: Mutex::default(),
        });
        let counters = Arc::new(SimCounters::default());
        let (mic_in, mic_out) = sync_channel(MIC_QUEUE_BLOCKS);
        let (button_in, button_out) = sync_channel(EDGE_QUEUE);
        let (mute_in, mute_out) = sync_channel(EDGE_QUEUE);
        let link = Link {
            welcome: welcome.clone(),
            shared: shared.clone(),
            counters: counters.clone(),
            mic_in,
            button_in,
            mute_in,
        };
        thread::Builder::new().name("sim-hal".into()).spawn(move || link.run(stream))?;
        Ok(Self {
            mic: SimMic { channels: welcome.channels, blocks: mic_out, shared: shared.clone() },
            speaker: SimSpeaker { shared: shared.clone(), ahead: welcome.ahead },
            light: SimLight { shared: shared.clone() },
            button: SimButton { edges: button_out, shared: shared.clone() },
            mute: SimMuteSwitch { moves: mute_out, shared },
            counters,
        })
    }
}

struct Heard {
    at: MicBlock,
    samples: Vec<i16>,
}

/// The reading thread.
struct Link {
    welcome: Welcome,
    shared: Arc<Shared>,
    counters: Arc<SimCounters>,
    mic_in: SyncSender<Heard>,
    button_in: SyncSender<ButtonEdge>,
    mute_in: SyncSender<MuteEdge>,
}

impl Link {
    fn run(self, mut stream: UnixStream) {
        let mut payload = Vec::new();
        loop {
            let message = match read_frame(&mut stream, &mut payload) {
                Ok(kind) => ToDevice::decode(kind, &payload).map_err(|e| e.to_string()),
                Err(e) => Err(e.to_string()),
            };
            let result = message.and_then(|message| self.take(message));
            if let Err(why) = result {
                self.shared.close(&why);
                return;
            }
        }
    }

    fn take(&self, message: ToDevice) -> Result<(), String> {
        match message {
            ToDevice::Welcome(_) => return Err("a second welcome came".into()),
            ToDevice::Mic { at, captured_ns, fate, samples } => {
                if samples.len() != DEVICE_BLOCK * usize::from(self.welcome.channels) {
                    return Err(format!("a microphone block has {} samples", samples.len()));
                }
                self.play(at, fate)?;
                self.counters.blocks.fetch_add(1, Ordering::Relaxed);
                let heard = Heard { at: MicBlock { at, captured: millis(captured_ns) }, samples };
                count_full(self.mic_in.try_send(heard), &self.counters.mic_dropped);
            }
            ToDevice::Button { pressed, at_ns } => {
                count_full(
                    self.button_in.try_send(ButtonEdge { pressed, at: millis(at_ns) }),
                    &self.counters.edges_dropped,
                );
            }
            ToDevice::Mute { muted, at_ns } => {
                count_full(
                    self.mute_in.try_send(MuteEdge { muted, at: millis(at_ns) }),
                    &self.counters.edges_dropped,
                );
            }
        }
        Ok(())
    }

    /// Answers the tick `at` with one block, and moves what the converter took to the tap.
    fn play(&self, at: SampleTime, fate: SpeakerFate) -> Result<(), String> {
        let mut playing = lock(&self.shared.playing);
        let next = at + Frames(u64::from(self.welcome.ahead) * DEVICE_BLOCK as u64);
        let samples = playing.queue.pop_front().unwrap_or([0; DEVICE_BLOCK]);
        playing.sent.push_back((next, samples));
        while playing.sent.front().is_some_and(|(t, _)| *t < at) {
            playing.sent.pop_front();
        }
        let sent = playing.sent.pop_front_if(|(t, _)| *t == at).map(|(_, samples)| samples);
        // The first `ahead` ticks pass before anything of ours can play; that is no miss.
        let missed = fate != SpeakerFate::Played && sent.is_some_and(|s| s.iter().any(|&v| v != 0));
        if missed && fate == SpeakerFate::Late {
            self.counters.speaker_missed.fetch_add(1, Ordering::Relaxed);
        }
        if playing.played.len() == PLAYED_QUEUE_BLOCKS {
            playing.played.pop_front();
            self.counters.played_dropped.fetch_add(1, Ordering::Relaxed);
        }
        let samples_out = if missed { [0; DEVICE_BLOCK] } else { sent.unwrap_or([0; DEVICE_BLOCK]) };
        playing.played.push_back(PlayedBlock { at, samples: samples_out, missed });
        // Sent under the lock, so that a flush cannot be overtaken by a block it should have forgotten.
        self.shared
            .send(&FromDevice::Speaker { at: next, samples: Box::new(samples) })
            .map_err(|e| format!("the room does not take speaker blocks: {e}"))
    }
}

fn millis(ns: u64) -> MonoTime {
    MonoTime::from_millis(ns / 1_000_000)
}

fn count_full<T>(sent: Result<(), TrySendError<T>>, counter: &AtomicU64) {
    match sent {
        // A part that was dropped by its owner is not read on purpose.
        Ok(()) | Err(TrySendError::Disconnected(_)) => {}
        Err(TrySendError::Full(_)) => {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The simulated microphones.
#[derive(Debug)]
pub struct SimMic {
    channels: u16,
    blocks: Receiver<Heard>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Heard({:?})", self.at)
    }
}

impl MicArray for SimMic {
    fn channels(&self) -> Channels {
        Channels(self.channels)
    }

    fn read(&mut self, out: &mut [i16]) -> Result<MicBlock, ReadMicError> {
        let want = DEVICE_BLOCK * usize::from(self.channels);
        if out.len() != want {
            return Err(ReadMicError::WrongBuffer { got: out.len(), want });
        }
        match self.blocks.recv_timeout(STALL) {
            Ok(heard) => {
                out.copy_from_slice(&heard.samples);
                Ok(heard.at)
            }
            Err(RecvTimeoutError::Timeout) => {
                Err(ReadMicError::Stalled { waited_ms: u64::try_from(STALL.as_millis()).unwrap_or(u64::MAX) })
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(ReadMicError::Closed { why: why_closed(&self.shared) })
            }
        }
    }
}

fn why_closed(shared: &Shared) -> String {
    shared.closed().unwrap_or_else(|| "the reading thread has ended".into())
}

/// The simulated loudspeaker.
#[derive(Debug)]
pub struct SimSpeaker {
    shared: Arc<Shared>,
    ahead: u16,
}

impl Speaker for SimSpeaker {
    fn write(&mut self, block: &[i16]) -> Result<(), WriteSpeakerError> {
        let block: [i16; DEVICE_BLOCK] =
            block.try_into().map_err(|_| WriteSpeakerError::WrongBlock { got: block.len() })?;
        if let Some(why) = self.shared.closed() {
            return Err(WriteSpeakerError::Closed { why });
        }
        let mut playing = lock(&self.shared.playing);
        if playing.queue.len() == SPEAKER_QUEUE_BLOCKS {
            return Err(WriteSpeakerError::Full { capacity: SPEAKER_QUEUE_BLOCKS });
        }
        playing.queue.push_back(block);
        Ok(())
    }

    fn free_blocks(&self) -> usize {
        SPEAKER_QUEUE_BLOCKS - self.queued_blocks()
    }

    fn queued_blocks(&self) -> usize {
        lock(&self.shared.playing).queue.len()
    }

    fn played(&mut self) -> Option<PlayedBlock> {
        lock(&self.shared.playing).played.pop_front()
    }

    fn flush(&mut self) {
        let mut playing = lock(&self.shared.playing);
        playing.queue.clear();
        if let Err(e) = self.shared.send(&FromDevice::Flush) {
            drop(playing);
            self.shared.close(&format!("the room does not take a flush: {e}"));
        }
    }

    fn latency(&self) -> Duration {
        Duration::from_millis(u64::from(self.ahead) * BLOCK_MS)
    }
}

/// The simulated light.
#[derive(Debug)]
pub struct SimLight {
    shared: Arc<Shared>,
}

impl Indicator for SimLight {
    fn show(&mut self, pattern: LightPattern) -> Result<(), ShowLightError> {
        self.shared.send(&FromDevice::Light(pattern)).map_err(|e| ShowLightError {
            pattern,
            why: self.shared.closed().unwrap_or_else(|| e.to_string()),
        })
    }
}

fn wait<T>(
    from: &Receiver<T>,
    timeout: Duration,
    what: &'static str,
    shared: &Shared,
) -> Result<Option<T>, ReadControlError> {
    match from.recv_timeout(timeout) {
        Ok(edge) => Ok(Some(edge)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(ReadControlError { what, why: why_closed(shared) }),
    }
}

/// The simulated button.
#[derive(Debug)]
pub struct SimButton {
    edges: Receiver<ButtonEdge>,
    shared: Arc<Shared>,
}

impl FloorButton for SimButton {
    fn wait_edge(&mut self, timeout: Duration) -> Result<Option<ButtonEdge>, ReadControlError> {
        wait(&self.edges, timeout, "floor button", &self.shared)
    }
}

/// The simulated mute switch.
#[derive(Debug)]
pub struct SimMuteSwitch {
    moves: Receiver<MuteEdge>,
    shared: Arc<Shared>,
}

impl MuteSwitch for SimMuteSwitch {
    fn wait_move(&mut self, timeout: Duration) -> Result<Option<MuteEdge>, ReadControlError> {
        wait(&self.moves, timeout, "mute switch", &self.shared)
    }
}
