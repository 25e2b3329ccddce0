//! The room's side of the socket: one device at a time.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use prim_audio::{DEVICE_BLOCK, SampleTime};
use prim_hal::LightPattern;

use crate::clock::boot_nanos;
use crate::frame::{push_frame, read_frame};
use crate::message::{FromDevice, SpeakerFate, ToDevice, Welcome};

/// Speaker blocks that may wait for their tick; more means a device that runs ahead of the room's clock.
const PENDING_BLOCKS: usize = 64;
/// Events that may wait for the room; the oldest is dropped (a light that changes 1000 times unseen is a fault anyway).
const EVENTS: usize = 1000;

/// Why the socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error(
    "listen for a device at {path}: is another room running, or is the path too long (107 bytes at most)?"
)]
pub struct BindError {
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Why no device came.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Nobody connected.
    #[error("wait for a device: none connected within {0:?}")]
    Timeout(Duration),
    /// The socket failed.
    #[error("wait for a device")]
    Io(#[source] io::Error),
}

/// The device has gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("talk to the device: {why}")]
pub struct SessionClosed {
    /// What happened.
    pub why: String,
}

/// Something the device did, with the boot clock's nanoseconds at which the room read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceEvent {
    /// It set the light.
    Light {
        /// When.
        at_ns: u64,
        /// To what.
        pattern: LightPattern,
    },
    /// It asked for silence.
    Flushed {
        /// When.
        at_ns: u64,
        /// How many blocks were forgotten.
        blocks: usize,
    },
}

/// Listens for one device after the other.
#[derive(Debug)]
pub struct RoomServer {
    listener: UnixListener,
    path: PathBuf,
}

impl RoomServer {
    /// Makes the socket; a stale one (a socket nobody listens on) is replaced.
    ///
    /// # Errors
    /// Somebody listens there, or the path cannot be used.
    pub fn bind(path: &Path) -> Result<Self, BindError> {
        let fail = |source| BindError { path: path.to_owned(), source };
        if path.exists() {
            if UnixStream::connect(path).is_ok() {
                return Err(fail(io::ErrorKind::AddrInUse.into()));
            }
            std::fs::remove_file(path).map_err(fail)?;
        }
        let listener = UnixListener::bind(path).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Waits for a device and greets it.
    ///
    /// # Errors
    /// See [`AcceptError`].
    pub fn accept(&self, welcome: &Welcome, patience: Duration) -> Result<DeviceSession, AcceptError> {
        let begun = Instant::now();
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false).map_err(AcceptError::Io)?;
                    return DeviceSession::on_stream(stream, welcome).map_err(AcceptError::Io);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if begun.elapsed() >= patience {
                        return Err(AcceptError::Timeout(patience));
                    }
                    thread::sleep(Duration::from_millis(10));
                }
                Err(e) => return Err(AcceptError::Io(e)),
            }
        }
    }
}

impl Drop for RoomServer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[derive(Debug, Default)]
struct State {
    /// By first frame; `None` where the device has taken a block back by a flush.
    pending: BTreeMap<u64, Option<Box<[i16; DEVICE_BLOCK]>>>,
    taken: Option<u64>,
    events: VecDeque<DeviceEvent>,
    closed: Option<String>,
}

/// One connected device.
#[derive(Debug)]
pub struct DeviceSession {
    stream: UnixStream,
    state: Arc<Mutex<State>>,
    bytes: Vec<u8>,
}

impl Drop for DeviceSession {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

impl DeviceSession {
    /// Greets the device on a connected stream and begins to read from it.
    ///
    /// # Errors
    /// The stream failed.
    pub fn on_stream(stream: UnixStream, welcome: &Welcome) -> io::Result<Self> {
        // A device that does not read for so long holds up the room; it is dropped.
        stream.set_write_timeout(Some(Duration::from_secs(1)))?;
        let state = Arc::new(Mutex::new(State::default()));
        let reader = stream.try_clone()?;
        let shared = state.clone();
        thread::Builder::new().name("room-hal".into()).spawn(move || read_device(reader, &shared))?;
        let mut session = Self { stream, state, bytes: Vec::new() };
        session.send(&ToDevice::Welcome(welcome.clone())).map_err(|e| io::Error::other(e.why))?;
        Ok(session)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one message.
    ///
    /// # Errors
    /// The device has gone or does not read.
    pub fn send(&mut self, message: &ToDevice) -> Result<(), SessionClosed> {
        if let Some(why) = self.lock().closed.clone() {
            return Err(SessionClosed { why });
        }
        let (kind, payload) = message.encode();
        self.bytes.clear();
        push_frame(&mut self.bytes, kind, &payload);
        self.stream
            .write_all(&self.bytes)
            .map_err(|e| SessionClosed { why: format!("it does not read: {e}") })
    }

    /// What the loudspeaker plays in the tick that begins at `at`. Once asked, a block for that tick or an earlier
    /// one comes too late.
    pub fn take_speaker(&mut self, at: SampleTime) -> ([i16; DEVICE_BLOCK], SpeakerFate) {
        let mut state = self.lock();
        state.taken = Some(at.0);
        state.pending = state.pending.split_off(&at.0);
        match state.pending.remove(&at.0) {
            Some(Some(block)) => (*block, SpeakerFate::Played),
            Some(None) => ([0; DEVICE_BLOCK], SpeakerFate::Flushed),
            None => ([0; DEVICE_BLOCK], SpeakerFate::Late),
        }
    }

    /// Whether the block for `at` has arrived: for rooms that run on a hand-turned clock and wait for the device.
    #[must_use]
    pub fn has_speaker(&self, at: SampleTime) -> bool {
        self.lock().pending.contains_key(&at.0)
    }

    /// The next thing the device did.
    pub fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.lock().events.pop_front()
    }

    /// Why the session has ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<String> {
        self.lock().closed.clone()
    }
}

fn read_device(mut stream: UnixStream, state: &Mutex<State>) {
    let mut payload = Vec::new();
    let why = loop {
        let kind = match read_frame(&mut stream, &mut payload) {
            Ok(kind) => kind,
            Err(e) => break e.to_string(),
        };
        let at_ns = boot_nanos();
        let message = match FromDevice::decode(kind, &payload) {
            Ok(message) => message,
            Err(e) => break e.to_string(),
        };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            FromDevice::Speaker { at, samples } => {
                if state.taken.is_none_or(|t| at.0 > t) {
                    if state.pending.len() == PENDING_BLOCKS {
                        break format!(
                            "it sent more than {PENDING_BLOCKS} speaker blocks ahead of the clock"
                        );
                    }
                    state.pending.insert(at.0, Some(samples));
                }
            }
            FromDevice::Flush => {
                // The ticks stay answered (with silence), so that a flush does not count as lateness.
                let heard = |b: &Option<Box<[i16; DEVICE_BLOCK]>>| {
                    b.as_ref().is_some_and(|b| b.iter().any(|&s| s != 0))
                };
                let blocks = state.pending.values().filter(|b| heard(b)).count();
                state.pending.values_mut().for_each(|block| *block = None);
                push_event(&mut state, DeviceEvent::Flushed { at_ns, blocks });
            }
            FromDevice::Light(pattern) => push_event(&mut state, DeviceEvent::Light { at_ns, pattern }),
        }
    };
    state.lock().unwrap_or_else(PoisonError::into_inner).closed = Some(why);
}

fn push_event(state: &mut State, event: DeviceEvent) {
    if state.events.len() == EVENTS {
        state.events.pop_front();
    }
    state.events.push_back(event);
}
