//! The room: the one process that is never killed. It serves one device after the other, and remembers what it heard.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use prim_adapter::AudioBlock;
use prim_adapter::loopback::LoopbackPlatform;
use prim_audio::{BLOCK_MS, DEVICE_BLOCK, Frames};
use prim_hal::{Board, LightPattern};
use prim_hal_sim::{
    DeviceEvent, DeviceSession, Pacer, RoomServer, RoomSim, RoomSpec, SpeakerFate, ToDevice, Welcome,
    boot_millis, boot_nanos,
};

use crate::dice::Dice;
use crate::ears::{Ears, Ring};
use crate::meeting::{self, Spoken};
use crate::people::{Deed, People, Senses};

/// Ticks between a microphone block and the speaker block that answers it, as `prim-room` has it.
const AHEAD: u16 = 3;
/// A dry room: what is said here need not be hard to understand.
const RT60_S: f64 = 0.15;

/// What the room remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    pub(crate) rings: Vec<Ring>,
    /// Milliseconds of Prim's voice.
    pub(crate) voice_ms: u64,
    /// Lives of the device.
    pub(crate) lives: u64,
    /// Edges of the button, lines said, hands moved.
    pub(crate) deeds: u64,
    /// The room's own ticks that came more than 20 ms late.
    pub(crate) late_ticks: u64,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    calm: AtomicBool,
    /// 0: none is due.
    ding_due_ms: AtomicU64,
    rings: AtomicU64,
    /// A device is there and its light is on: it has carried out its first orders.
    awake: AtomicBool,
}

/// The running room.
#[derive(Debug)]
pub(crate) struct Room {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Heard>>,
}

impl Room {
    /// Opens both sockets and lets the people in. `voices`: where spoken lines are kept.
    pub(crate) fn open(hal: &Path, loopback: &Path, voices: &Path, seed: u64) -> anyhow::Result<Self> {
        let (bearings_deg, lines) = meeting::voices(voices)?;
        let board = Board::builtin("sim-huddle").context("read the simulated board")?;
        let sim = RoomSim::new(&RoomSpec { rt60_s: RT60_S, bearings_deg, ..RoomSpec::default() }, &board)?;
        let server = RoomServer::bind(hal)?;
        let platform = LoopbackPlatform::bind(loopback)?;
        let (id, name) = meeting::remote();
        platform.enter(id, name);
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let mut hall = Hall {
            shared: theirs,
            sim,
            server,
            platform,
            lines,
            session: None,
            light: LightPattern::Off,
            people: People::new(Dice::new(seed, 1), boot_millis()),
            dice: Dice::new(seed, 2),
            ears: Ears::default(),
            talks_until_ms: 0,
            heard: Heard::default(),
        };
        let thread = std::thread::Builder::new()
            .name("room".into())
            .spawn(move || hall.play())
            .context("start the room")?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// When a ding is due (`CLOCK_BOOTTIME` in milliseconds), if nothing comes between.
    pub(crate) fn ding_due(&self) -> Option<u64> {
        Some(self.shared.ding_due_ms.load(Ordering::Acquire)).filter(|at| *at > 0)
    }

    /// Dings heard so far.
    pub(crate) fn rings(&self) -> u64 {
        self.shared.rings.load(Ordering::Acquire)
    }

    /// A device is there, and awake.
    pub(crate) fn device_is_awake(&self) -> bool {
        self.shared.awake.load(Ordering::Acquire)
    }

    /// The people sit still from now on.
    pub(crate) fn calm_down(&self) {
        self.shared.calm.store(true, Ordering::Release);
    }

    /// Closes the room; once.
    pub(crate) fn close(&mut self) -> anyhow::Result<Heard> {
        self.shared.stop.store(true, Ordering::Release);
        let thread = self.thread.take().context("close the room: it was closed before")?;
        thread.join().map_err(|_| anyhow::anyhow!("close the room: its thread panicked"))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Hall {
    shared: Arc<Shared>,
    sim: RoomSim,
    server: RoomServer,
    platform: LoopbackPlatform,
    lines: Vec<Spoken>,
    session: Option<DeviceSession>,
    light: LightPattern,
    people: People,
    dice: Dice,
    ears: Ears,
    talks_until_ms: u64,
    heard: Heard,
}

impl Hall {
    fn play(&mut self) -> Heard {
        let mut pacer = Pacer::start(Duration::from_millis(BLOCK_MS));
        let mut speaker = ([0; DEVICE_BLOCK], SpeakerFate::Late);
        while !self.shared.stop.load(Ordering::Acquire) {
            self.greet();
            let at = self.sim.now();
            let samples = self.sim.step(&speaker.0).to_vec();
            // The remote side is silent, and its silence must be heard: else no silence could be proven.
            if let Ok(block) = AudioBlock::new(at, &[0; DEVICE_BLOCK]) {
                self.platform.play(&block);
            }
            while self.platform.next(Duration::ZERO).is_some() {}
            let captured_ns = pacer.wait();
            self.heard.late_ticks += u64::from(boot_nanos() > captured_ns + 20_000_000);
            let end_ms = captured_ns / 1_000_000;
            self.ears.hear(end_ms.saturating_sub(BLOCK_MS), &speaker.0);
            self.tell(&ToDevice::Mic { at, captured_ns, fate: speaker.1, samples });
            self.watch();
            self.act(end_ms);
            let next = at + Frames(DEVICE_BLOCK as u64);
            speaker = match &mut self.session {
                Some(session) => session.take_speaker(next),
                None => ([0; DEVICE_BLOCK], SpeakerFate::Late),
            };
        }
        let (rings, voiced) = std::mem::take(&mut self.ears).finish();
        Heard { rings, voice_ms: voiced * BLOCK_MS, ..self.heard.clone() }
    }

    /// Lets the next device in when the last one has gone.
    fn greet(&mut self) {
        if self.session.as_ref().is_some_and(|session| session.closed().is_some()) {
            self.session = None;
            self.light = LightPattern::Off;
        }
        if self.session.is_none() {
            let channels = u16::try_from(self.sim.channels()).unwrap_or(u16::MAX);
            self.session = self.server.accept(&Welcome::new(channels, AHEAD), Duration::ZERO).ok();
            self.heard.lives += u64::from(self.session.is_some());
        }
    }

    fn tell(&mut self, message: &ToDevice) {
        if let Some(session) = &mut self.session
            && session.send(message).is_err()
        {
            self.session = None;
            self.light = LightPattern::Off;
        }
    }

    fn watch(&mut self) {
        while let Some(event) = self.session.as_mut().and_then(DeviceSession::poll_event) {
            match event {
                DeviceEvent::Light { pattern, .. } => self.light = pattern,
                DeviceEvent::Flushed { .. } => {}
            }
        }
    }

    fn act(&mut self, now_ms: u64) {
        if self.shared.calm.load(Ordering::Acquire) {
            self.people.calm_down();
        }
        let last_ring_ms = self.ears.last_ring();
        let somebody_talks = now_ms < self.talks_until_ms;
        let deed = self.people.tick(&Senses { now_ms, light: self.light, last_ring_ms, somebody_talks });
        let due = self.people.ding_due(last_ring_ms).unwrap_or(0);
        self.shared.ding_due_ms.store(due, Ordering::Release);
        self.shared.rings.store(self.ears.rings(), Ordering::Release);
        self.shared.awake.store(self.light != LightPattern::Off, Ordering::Release);
        self.heard.deeds += u64::from(deed.is_some());
        match deed {
            Some(Deed::Edge { pressed }) => self.tell(&ToDevice::Button { pressed, at_ns: boot_nanos() }),
            Some(Deed::Hand { raised }) => self.platform.hand(meeting::remote().0, raised),
            Some(Deed::Talk) => self.talk(now_ms),
            None => {}
        }
    }

    fn talk(&mut self, now_ms: u64) {
        let index = self.dice.between(0, self.lines.len() as u64);
        let Some(spoken) = usize::try_from(index).ok().and_then(|index| self.lines.get(index)) else {
            return;
        };
        let at = self.sim.now();
        if self.sim.say(spoken.talker, at, spoken.line.sound.clone()) {
            self.talks_until_ms = now_ms + spoken.line.ms();
        }
    }
}
