//! A room on a hand-turned clock: as fast as the device answers, the same every time.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use prim_audio::{DEVICE_BLOCK, DEVICE_RATE, Frames, SampleTime};
use prim_hal::Board;

use crate::driver::SimDevice;
use crate::message::{SpeakerFate, ToDevice, Welcome};
use crate::room::{BuildRoomError, RoomSim, RoomSpec};
use crate::server::{DeviceEvent, DeviceSession, SessionClosed};

/// Blocks between a microphone block and the speaker block that answers it, as in the real-time room.
const AHEAD: u16 = 3;
/// A device in the same process that does not answer a block within this time has hung.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Why no such room could be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeHandRoomError {
    /// The room itself.
    #[error(transparent)]
    Build(#[from] BuildRoomError),
    /// The socket pair or its threads.
    #[error("join a room and a device by a socket pair")]
    Join(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A room that waits for its device in each tick. Time is counted from [`starting at`](Self::new) a moment of the
/// caller's choice; nothing in it looks at a clock but for the time limit on a hung device.
#[derive(Debug)]
pub struct HandTurnedRoom {
    /// The room: let people speak here.
    pub sim: RoomSim,
    session: DeviceSession,
    start_ms: u64,
    speaker: ([i16; DEVICE_BLOCK], SpeakerFate),
}

impl HandTurnedRoom {
    /// A room and the device in it, both in this process. `start_ms`: what the device's boot clock shows at frame 0.
    ///
    /// # Errors
    /// See [`MakeHandRoomError`].
    pub fn new(
        spec: &RoomSpec,
        board: &Board,
        start_ms: u64,
    ) -> Result<(Self, SimDevice), MakeHandRoomError> {
        let sim = RoomSim::new(spec, board)?;
        let welcome = Welcome::new(u16::try_from(sim.channels()).unwrap_or(u16::MAX), AHEAD);
        let join = |e: io::Error| MakeHandRoomError::Join(e.into());
        let (ours, theirs) = UnixStream::pair().map_err(join)?;
        let session = DeviceSession::on_stream(ours, &welcome).map_err(join)?;
        let device = SimDevice::on_stream(theirs, ANSWER_LIMIT).map_err(MakeHandRoomError::Join)?;
        Ok((Self { sim, session, start_ms, speaker: ([0; DEVICE_BLOCK], SpeakerFate::Late) }, device))
    }

    /// Milliseconds on the device's boot clock at the end of the last tick.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.start_ms + self.sim.now().0 * 1000 / u64::from(DEVICE_RATE.hz())
    }

    /// Lets `person` say `line` from the next tick on.
    pub fn say(&mut self, person: usize, line: Arc<[f32]>) -> bool {
        let now = self.sim.now();
        self.sim.say(person, now, line)
    }

    /// Moves the button, now.
    ///
    /// # Errors
    /// The device has gone.
    pub fn button(&mut self, pressed: bool) -> Result<(), SessionClosed> {
        self.session.send(&ToDevice::Button { pressed, at_ns: self.now_ms() * 1_000_000 })
    }

    /// Moves the mute switch, now: the microphones are cut before the device hears of it.
    ///
    /// # Errors
    /// The device has gone.
    pub fn mute_switch(&mut self, muted: bool) -> Result<(), SessionClosed> {
        self.sim.set_muted(muted);
        self.session.send(&ToDevice::Mute { muted, at_ns: self.now_ms() * 1_000_000 })
    }

    /// Turns the clock by 10 ms and returns what the loudspeaker played in it. Waits until the device has answered the
    /// block, so a device is never late here.
    ///
    /// # Errors
    /// The device has gone or hangs.
    pub fn turn(&mut self) -> Result<[i16; DEVICE_BLOCK], SessionClosed> {
        let at = self.sim.now();
        let (played, fate) = self.speaker;
        let samples = self.sim.step(&played).to_vec();
        let captured_ns = self.now_ms() * 1_000_000;
        self.session.send(&ToDevice::Mic { at, captured_ns, fate, samples })?;
        let answer = at + Frames(u64::from(AHEAD) * DEVICE_BLOCK as u64);
        self.await_speaker(answer)?;
        self.speaker = self.session.take_speaker(at + Frames(DEVICE_BLOCK as u64));
        Ok(played)
    }

    fn await_speaker(&self, at: SampleTime) -> Result<(), SessionClosed> {
        let begun = Instant::now();
        while !self.session.has_speaker(at) {
            if let Some(why) = self.session.closed() {
                return Err(SessionClosed { why });
            }
            if begun.elapsed() > ANSWER_LIMIT {
                return Err(SessionClosed {
                    why: format!("it did not answer a block within {ANSWER_LIMIT:?}"),
                });
            }
            thread::yield_now();
        }
        Ok(())
    }

    /// The next thing the device did. (The driver answers blocks by itself: wait for the device's own threads before
    /// asking what they did.)
    pub fn poll_event(&mut self) -> Option<DeviceEvent> {
        self.session.poll_event()
    }
}

#[cfg(test)]
mod tests {
    use prim_hal::{MicArray, Speaker};

    use super::*;

    #[test]
    fn a_hand_turned_room_runs_faster_than_time_and_gives_the_same_samples_each_time() {
        let run = || {
            let spec = RoomSpec { rt60_s: 0.12, ..RoomSpec::default() };
            let (mut room, mut device) =
                HandTurnedRoom::new(&spec, &Board::builtin("sim-huddle").unwrap(), 5000).unwrap();
            assert!(room.say(0, vec![0.05; 4800].into()));
            let mut block = vec![0; DEVICE_BLOCK * 4];
            let mut heard = Vec::new();
            let mut played = Vec::new();
            for n in 0..300_u64 {
                if n == 10 {
                    device.speaker.write(&[1000; DEVICE_BLOCK]).unwrap();
                }
                played.push(room.turn().unwrap()[0]);
                let read = device.mic.read(&mut block).unwrap();
                assert_eq!(read.captured.as_millis(), 5000 + 10 * (n + 1));
                heard.extend_from_slice(&block);
            }
            assert_eq!(played.iter().position(|s| *s != 0), Some(13), "three ticks after it was written");
            heard
        };
        let begun = Instant::now();
        assert_eq!(run(), run());
        assert!(begun.elapsed() < Duration::from_secs(6), "six seconds of sound took {:?}", begun.elapsed());
    }
}
