//! Prim's end of the loopback socket.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use prim_audio::{BLOCK_MS, DEVICE_BLOCK, DEVICE_RATE, SampleTime};

use super::wire::{Message, MessageReader, ReadMessageError, write_message};
use crate::conformance::Case;
use crate::{
    Adapter, Backoff, Capability, Claim, ClockDomain, CloseReason, Command, EarFeed, EarSetup, JoinError,
    JoinRequest, Manifest, Mouth, MouthFeed, Session, SessionPort, SessionSetup, SessionState, Support,
};

const TICK: Duration = Duration::from_millis(BLOCK_MS);
/// How often a waiting read looks whether it should stop.
const LOOK: Duration = Duration::from_millis(20);
/// A platform that does not take a kilobyte for a second is gone.
const WRITE_LIMIT: Duration = Duration::from_secs(1);
/// How long the platform has after a reconnect to name everyone.
const NAMING_TIME: Duration = Duration::from_secs(2);
/// How long the platform has to confirm that Prim left; the session's own limit may be shorter.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);
/// More lateness than the mouth's queue is a pause, not something to catch up with.
const CATCH_UP: Duration = Duration::from_millis(BLOCK_MS * Mouth::CAPACITY_BLOCKS as u64);
/// Messages between the reading thread and the loop; when full the reader waits and so does the platform.
const INBOX: usize = 256;

/// Joins the platform that listens at a Unix socket.
#[derive(Debug, Clone)]
pub struct LoopbackAdapter {
    socket: PathBuf,
    backoff: Backoff,
}

impl LoopbackAdapter {
    /// The platform at `socket`.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), backoff: Backoff::default() }
    }

    /// Other waits between attempts to come back.
    #[must_use]
    pub fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

impl Adapter for LoopbackAdapter {
    type Mouth = Mouth;

    fn manifest(&self) -> Manifest {
        let native = |case: Case| Support::Native { proof: case.id() };
        let none = |why| Support::Unavailable { why };
        let claims = Capability::ALL
            .map(|capability| {
                let support = match capability {
                    Capability::ProvenJoin => native(Case::JoinIsProven),
                    Capability::Hear => native(Case::FramesArriveInPlace),
                    Capability::Speak => native(Case::SpeechIsAudible),
                    Capability::SeeParticipants => native(Case::ParticipantsComeAndGo),
                    Capability::RaiseHand => native(Case::PrimsHandIsSeen),
                    Capability::SeeHands => native(Case::PeoplesHandsAreSeen),
                    Capability::Banner => native(Case::BannerIsShown),
                    Capability::AskOne => native(Case::OneIsAsked),
                    Capability::Reconnect => native(Case::DropsAreSurvived),
                    Capability::Panel => none("a test platform has no screen"),
                    Capability::LiveTranscript | Capability::TranscriptAfterwards => {
                        none("the loopback platform does not recognise speech")
                    }
                };
                Claim { capability, support }
            })
            .to_vec();
        Manifest { adapter: "loopback", claims }
    }

    fn join(&self, request: &JoinRequest) -> Result<Session<Mouth>, JoinError> {
        let connection = Connection::admitted(&self.socket, request, || false)?;
        let ear = EarSetup { rate: DEVICE_RATE, clock: ClockDomain::Remote(0) };
        let setup = SessionSetup { manifest: self.manifest(), ears: vec![ear] };
        let (session, mut port, mouth) = setup.open_with_mouth(DEVICE_RATE);
        let started = Instant::now();
        let driver = Driver {
            socket: self.socket.clone(),
            request: request.clone(),
            backoff: self.backoff.clone(),
            ears: port.take_ears(),
            port,
            mouth,
            started,
            next_tick: 0,
            hand: false,
            banner: String::new(),
        };
        std::thread::Builder::new()
            .name("loopback".to_owned())
            .spawn(move || driver.run(connection))
            .map_err(|source| JoinError::Unreachable { place: self.socket.display().to_string(), source })?;
        Ok(session)
    }
}

/// A socket on which the platform admitted Prim.
#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    reader: MessageReader<UnixStream>,
}

impl Connection {
    /// Connects, asks and waits for the proof. `given_up` ends the wait early.
    fn admitted(
        socket: &Path,
        request: &JoinRequest,
        given_up: impl Fn() -> bool,
    ) -> Result<Self, JoinError> {
        let place = || socket.display().to_string();
        let unreachable = |source| JoinError::Unreachable { place: place(), source };
        let deadline = Instant::now() + request.admission_limit;
        let mut stream = UnixStream::connect(socket).map_err(unreachable)?;
        stream.set_write_timeout(Some(WRITE_LIMIT)).map_err(unreachable)?;
        stream.set_read_timeout(Some(LOOK)).map_err(unreachable)?;
        let mut reader = MessageReader::new(stream.try_clone().map_err(unreachable)?);
        let knock = Message::Joined { participant: None, name: request.shown_as.clone() };
        write_message(&mut stream, &knock).map_err(|_| JoinError::Lost { place: place() })?;
        loop {
            match reader.read() {
                Ok(Message::Joined { participant: None, .. }) => return Ok(Self { stream, reader }),
                Ok(Message::Left { participant: None, why }) => {
                    return Err(JoinError::Refused {
                        why: why.unwrap_or_else(|| "no reason given".to_owned()),
                    });
                }
                // Sound and people seen through the lobby's glass door are not ours yet.
                Ok(
                    Message::Audio(_)
                    | Message::Joined { .. }
                    | Message::Left { .. }
                    | Message::Hand { .. }
                    | Message::Banner { .. }
                    | Message::Notice { .. }
                    | Message::Consent { .. },
                ) => {}
                Err(ReadMessageError::Io(error)) if is_time_limit(&error) => {}
                Err(ReadMessageError::Ended | ReadMessageError::Io(_)) => {
                    return Err(JoinError::Lost { place: place() });
                }
                Err(ReadMessageError::Frame(frame)) => {
                    return Err(JoinError::Garbled { place: place(), source: Box::new(frame) });
                }
            }
            if Instant::now() >= deadline || given_up() {
                return Err(JoinError::NotAdmitted { limit: request.admission_limit });
            }
        }
    }
}

fn is_time_limit(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Left,
    PutOut { why: String },
    Dropped,
}

struct Driver {
    socket: PathBuf,
    request: JoinRequest,
    backoff: Backoff,
    port: SessionPort,
    ears: Vec<EarFeed>,
    mouth: MouthFeed,
    started: Instant,
    /// The mouth's clock: blocks of 10 ms since the session began, silent ones included.
    next_tick: u32,
    /// What the platform should show of Prim; told again after a reconnect.
    hand: bool,
    banner: String,
}

impl Driver {
    fn run(mut self, mut connection: Connection) {
        loop {
            let reason = match self.stay(connection) {
                End::Left => CloseReason::Left,
                End::PutOut { why } => CloseReason::Removed { why },
                End::Dropped => match self.come_back() {
                    Ok(again) => {
                        connection = again;
                        continue;
                    }
                    Err(reason) => reason,
                },
            };
            self.port.set_state(SessionState::Closed(reason));
            return;
        }
    }

    /// One connection's life.
    fn stay(&mut self, connection: Connection) -> End {
        let Connection { mut stream, mut reader } = connection;
        let (inbox_sender, inbox) = sync_channel(INBOX);
        let Self { ears, port, mouth, started, next_tick, hand, banner, .. } = self;
        let began = *started;
        std::thread::scope(|scope| {
            scope.spawn(move || read_until_the_end(&mut reader, ears, began, &inbox_sender));
            let mut desk = Desk {
                stream: &mut stream,
                inbox: &inbox,
                port,
                mouth,
                started: began,
                next_tick,
                hand,
                banner,
            };
            let end = desk.work();
            // Wakes the reader, whose end the scope awaits; it may wait for a place in the inbox.
            let _ = stream.shutdown(std::net::Shutdown::Both);
            while inbox.recv().is_ok() {}
            end
        })
    }

    /// Attempts until the platform lets Prim in again.
    fn come_back(&mut self) -> Result<Connection, CloseReason> {
        self.port.set_state(SessionState::Reconnecting { attempts: 0 });
        self.backoff.reset();
        loop {
            let random = RandomState::new().hash_one(self.backoff.failures());
            self.wait(self.backoff.clone().next_wait(random as u32))?;
            let attempts = self.backoff.failures() + 1;
            self.backoff.next_wait(0);
            self.port.set_state(SessionState::Reconnecting { attempts });
            match Connection::admitted(&self.socket, &self.request, || self.port.is_leaving()) {
                Ok(connection) => {
                    self.ears.iter_mut().for_each(EarFeed::restart);
                    self.port.set_state(SessionState::Joined);
                    return Ok(connection);
                }
                Err(JoinError::Refused { why }) => return Err(CloseReason::Removed { why }),
                Err(
                    JoinError::Unreachable { .. }
                    | JoinError::NotAdmitted { .. }
                    | JoinError::Lost { .. }
                    | JoinError::Garbled { .. },
                ) => {}
            }
        }
    }

    /// Waits, noting what Prim wants shown meanwhile.
    fn wait(&mut self, time: Duration) -> Result<(), CloseReason> {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.port.next_command(left) {
                Some(Command::Leave) => return Err(CloseReason::Left),
                Some(Command::Hand(raised)) => self.hand = raised,
                Some(Command::Banner(text)) => self.banner = text,
                // Nobody is there to read it; who comes back is told anew.
                Some(Command::Notice { .. }) => {}
                None if left.is_zero() => return Ok(()),
                None => {}
            }
        }
    }
}

/// The reading thread: sound goes straight to the ear, the rest to the desk.
fn read_until_the_end(
    reader: &mut MessageReader<UnixStream>,
    ears: &mut [EarFeed],
    started: Instant,
    inbox: &SyncSender<Message>,
) {
    loop {
        match reader.read() {
            Ok(Message::Audio(block)) => {
                for ear in &mut *ears {
                    ear.push(started.elapsed(), &block);
                }
            }
            Ok(
                message @ (Message::Joined { .. }
                | Message::Left { .. }
                | Message::Hand { .. }
                | Message::Banner { .. }
                | Message::Notice { .. }
                | Message::Consent { .. }),
            ) => {
                if inbox.send(message).is_err() {
                    return;
                }
            }
            Err(ReadMessageError::Io(error)) if is_time_limit(&error) => {}
            Err(ReadMessageError::Ended | ReadMessageError::Io(_) | ReadMessageError::Frame(_)) => return,
        }
    }
}

/// The writing side of one connection.
struct Desk<'a> {
    stream: &'a mut UnixStream,
    inbox: &'a Receiver<Message>,
    port: &'a mut SessionPort,
    mouth: &'a mut MouthFeed,
    started: Instant,
    next_tick: &'a mut u32,
    hand: &'a mut bool,
    banner: &'a mut String,
}

impl Desk<'_> {
    fn work(&mut self) -> End {
        self.work_until_broken().unwrap_or(End::Dropped)
    }

    fn work_until_broken(&mut self) -> io::Result<End> {
        let mut naming_ends = Some(Instant::now() + NAMING_TIME);
        if *self.hand {
            self.tell(&Message::Hand { participant: None, raised: true })?;
        }
        if !self.banner.is_empty() {
            self.tell(&Message::Banner { text: self.banner.clone() })?;
        }
        loop {
            if let Some(end) = self.read_inbox() {
                return Ok(end);
            }
            self.play()?;
            if naming_ends.is_some_and(|at| Instant::now() >= at) {
                naming_ends = None;
                self.port.forget_the_unconfirmed();
            }
            match self.port.next_command(self.until_next_tick()) {
                Some(Command::Hand(raised)) => {
                    *self.hand = raised;
                    self.tell(&Message::Hand { participant: None, raised })?;
                }
                Some(Command::Banner(text)) => {
                    self.banner.clone_from(&text);
                    self.tell(&Message::Banner { text })?;
                }
                Some(Command::Notice { who, text }) => {
                    self.tell(&Message::Notice { participant: who, text })?;
                }
                Some(Command::Leave) => return Ok(self.say_goodbye()),
                None => {}
            }
        }
    }

    fn tell(&mut self, message: &Message) -> io::Result<()> {
        write_message(self.stream, message)
    }

    fn read_inbox(&mut self) -> Option<End> {
        loop {
            match self.inbox.try_recv() {
                Ok(Message::Joined { participant: Some(who), name }) => {
                    self.port.participant_joined(who, &name)
                }
                Ok(Message::Left { participant: Some(who), .. }) => self.port.participant_left(who),
                Ok(Message::Hand { participant: Some(who), raised }) => self.port.hand_moved(who, raised),
                Ok(Message::Consent { participant, agrees }) => {
                    self.port.consent_answered(participant, agrees);
                }
                Ok(Message::Left { participant: None, why }) => {
                    return Some(End::PutOut { why: why.unwrap_or_else(|| "no reason given".to_owned()) });
                }
                // An admission repeated, Prim's hand echoed, a text: nothing to do.
                Ok(
                    Message::Joined { .. }
                    | Message::Hand { .. }
                    | Message::Banner { .. }
                    | Message::Notice { .. }
                    | Message::Audio(_),
                ) => {}
                Err(TryRecvError::Empty) => return None,
                Err(TryRecvError::Disconnected) => return Some(End::Dropped),
            }
        }
    }

    /// Sends what is due by the mouth's clock.
    fn play(&mut self) -> io::Result<()> {
        let elapsed = self.started.elapsed();
        if elapsed > TICK * *self.next_tick + CATCH_UP {
            *self.next_tick = u32::try_from(elapsed.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
        }
        while TICK * *self.next_tick <= elapsed {
            let at = SampleTime(u64::from(*self.next_tick) * DEVICE_BLOCK as u64);
            *self.next_tick += 1;
            if let Some(block) = self.mouth.take() {
                self.tell(&Message::Audio(block.moved_to(at)))?;
            }
        }
        Ok(())
    }

    fn until_next_tick(&self) -> Duration {
        (self.started + TICK * *self.next_tick).saturating_duration_since(Instant::now())
    }

    /// Leaves and waits for the platform to agree. Whatever happens, Prim has left.
    fn say_goodbye(&mut self) -> End {
        let deadline = Instant::now() + LEAVE_LIMIT;
        if self.tell(&Message::Left { participant: None, why: None }).is_err() {
            return End::Left;
        }
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.inbox.recv_timeout(left) {
                Ok(Message::Left { participant: None, .. }) | Err(_) => return End::Left,
                Ok(
                    Message::Audio(_)
                    | Message::Joined { .. }
                    | Message::Left { .. }
                    | Message::Hand { .. }
                    | Message::Banner { .. }
                    | Message::Notice { .. }
                    | Message::Consent { .. },
                ) => {}
            }
        }
    }
}
