//! The other end of the loopback socket: a meeting platform with one meeting.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prim_ids::ParticipantId;

use super::wire::{Message, MessageReader, ReadMessageError, write_message};
use crate::AudioBlock;

/// How often the platform looks for a caller, and a reader whether it should stop.
const LOOK: Duration = Duration::from_millis(5);
const WRITE_LIMIT: Duration = Duration::from_secs(1);
/// Ten seconds of Prim's speech; when full the newest is dropped and counted.
const INBOX: usize = 1_000;

/// The platform could not open its socket.
#[derive(Debug, thiserror::Error)]
#[error("open the loopback platform's socket {path}; check that its folder exists and is ours")]
pub struct PlatformError {
    path: String,
    #[source]
    source: io::Error,
}

/// What Prim did, as the platform saw it.
#[expect(clippy::large_enum_variant, reason = "nearly every value is a block of sound")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromPrim {
    /// Prim knocked and was admitted.
    Joined,
    /// 10 ms of Prim's speech.
    Audio(AudioBlock),
    /// Prim's hand moved.
    Hand(bool),
    /// Prim's banner changed.
    Banner(String),
    /// Prim showed this text to one person alone.
    Notice(ParticipantId, String),
    /// Prim said goodbye.
    Left,
    /// Prim's connection ended without a goodbye.
    Lost,
}

/// Who gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Door {
    Open,
    Lobby,
    Refusing(String),
    /// Nobody answers: callers are cut off at once.
    Away,
}

#[derive(Debug)]
struct Meeting {
    door: Door,
    prim: Option<UnixStream>,
    people: BTreeMap<ParticipantId, (String, bool)>,
}

#[derive(Debug)]
struct Shared {
    meeting: Mutex<Meeting>,
    stop: AtomicBool,
    dropped: AtomicU64,
}

impl Shared {
    fn meeting(&self) -> MutexGuard<'_, Meeting> {
        self.meeting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A meeting that Prim can join. Ends when dropped.
#[derive(Debug)]
pub struct LoopbackPlatform {
    path: PathBuf,
    shared: Arc<Shared>,
    inbox: Receiver<FromPrim>,
    thread: Option<JoinHandle<()>>,
}

impl LoopbackPlatform {
    /// Listens at `path` (mode 0600; a socket left there by a dead platform is replaced) with the door open.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn bind(path: &Path) -> Result<Self, PlatformError> {
        let failed = |source| PlatformError { path: path.display().to_string(), source };
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(failed)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let shared = Arc::new(Shared {
            meeting: Mutex::new(Meeting { door: Door::Open, prim: None, people: BTreeMap::new() }),
            stop: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        });
        let (sender, inbox) = sync_channel(INBOX);
        let host = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("loopback-platform".to_owned())
            .spawn(move || serve(&listener, &host, &sender))
            .map_err(failed)?;
        Ok(Self { path: path.to_owned(), shared, inbox, thread: Some(thread) })
    }

    /// Lets callers in.
    pub fn admit(&self) {
        self.shared.meeting().door = Door::Open;
    }

    /// Lets callers wait without an answer.
    pub fn keep_in_lobby(&self) {
        self.shared.meeting().door = Door::Lobby;
    }

    /// Sends callers away, saying `why`.
    pub fn refuse(&self, why: &str) {
        self.shared.meeting().door = Door::Refusing(why.to_owned());
    }

    /// Cuts Prim off without a word; until [`admit`](Self::admit), callers are cut off too.
    pub fn go_away(&self) {
        let mut meeting = self.shared.meeting();
        meeting.door = Door::Away;
        hang_up(&mut meeting);
    }

    /// Puts Prim out, saying `why`.
    pub fn put_out(&self, why: &str) {
        let mut meeting = self.shared.meeting();
        meeting.tell(&Message::Left { participant: None, why: Some(why.to_owned()) });
    }

    /// Somebody is in the meeting. Told to Prim now or when it joins.
    pub fn enter(&self, who: ParticipantId, name: &str) {
        let mut meeting = self.shared.meeting();
        meeting.people.insert(who, (name.to_owned(), false));
        meeting.tell(&Message::Joined { participant: Some(who), name: name.to_owned() });
    }

    /// Somebody went.
    pub fn exit(&self, who: ParticipantId) {
        let mut meeting = self.shared.meeting();
        meeting.people.remove(&who);
        meeting.tell(&Message::Left { participant: Some(who), why: None });
    }

    /// A hand moved.
    pub fn hand(&self, who: ParticipantId, raised: bool) {
        let mut meeting = self.shared.meeting();
        if let Some((_, hand)) = meeting.people.get_mut(&who) {
            *hand = raised;
        }
        meeting.tell(&Message::Hand { participant: Some(who), raised });
    }

    /// Somebody answers whether they may be written down.
    pub fn answer(&self, who: ParticipantId, agrees: bool) {
        self.shared.meeting().tell(&Message::Consent { participant: who, agrees });
    }

    /// Sends 10 ms of the meeting's sound; the caller paces. Lost while Prim is not there.
    pub fn play(&self, block: &AudioBlock) {
        self.shared.meeting().tell(&Message::Audio(*block));
    }

    /// What Prim did next, waiting for it at most `limit`.
    pub fn next(&self, limit: Duration) -> Option<FromPrim> {
        self.inbox.recv_timeout(limit).ok()
    }

    /// Is Prim in the meeting at this moment?
    #[must_use]
    pub fn prim_is_here(&self) -> bool {
        self.shared.meeting().prim.is_some()
    }

    /// Things Prim did that were dropped because nobody called [`next`](Self::next) in time.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for LoopbackPlatform {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Meeting {
    /// A platform that cannot write hangs up; Prim comes back.
    fn tell(&mut self, message: &Message) {
        if let Some(prim) = &mut self.prim
            && write_message(prim, message).is_err()
        {
            hang_up(self);
        }
    }
}

fn hang_up(meeting: &mut Meeting) {
    if let Some(prim) = meeting.prim.take() {
        let _ = prim.shutdown(std::net::Shutdown::Both);
    }
}

fn serve(listener: &UnixListener, shared: &Shared, inbox: &SyncSender<FromPrim>) {
    while !shared.stop.load(Ordering::Acquire) {
        match listener.accept() {
            // One meeting has one Prim: the next caller is served when this one ends.
            Ok((stream, _)) => serve_caller(stream, shared, inbox),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

fn serve_caller(stream: UnixStream, shared: &Shared, inbox: &SyncSender<FromPrim>) {
    let Some(mut reader) = prepare(&stream) else { return };
    let mut knocked = false;
    let mut admitted = false;
    let mut stream = Some(stream);
    let report = |what| {
        if inbox.try_send(what).is_err() {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    };
    let ended = loop {
        if shared.stop.load(Ordering::Acquire) {
            break FromPrim::Lost;
        }
        if knocked && !admitted {
            match open_door(shared, &mut stream) {
                Answer::Admitted => {
                    admitted = true;
                    report(FromPrim::Joined);
                }
                Answer::Waiting => {}
                Answer::Gone => return,
            }
        }
        match reader.read() {
            Ok(Message::Joined { participant: None, .. }) => knocked = true,
            Ok(Message::Left { participant: None, .. }) => {
                shared.meeting().tell(&Message::Left { participant: None, why: None });
                break FromPrim::Left;
            }
            Ok(Message::Audio(block)) => report(FromPrim::Audio(block)),
            Ok(Message::Hand { participant: None, raised }) => report(FromPrim::Hand(raised)),
            Ok(Message::Banner { text }) => report(FromPrim::Banner(text)),
            Ok(Message::Notice { participant, text }) => report(FromPrim::Notice(participant, text)),
            // Prim speaks for nobody else.
            Ok(
                Message::Joined { .. }
                | Message::Left { .. }
                | Message::Hand { .. }
                | Message::Consent { .. },
            ) => {}
            Err(ReadMessageError::Io(error))
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(ReadMessageError::Ended | ReadMessageError::Io(_) | ReadMessageError::Frame(_)) => {
                break FromPrim::Lost;
            }
        }
    };
    hang_up(&mut shared.meeting());
    if admitted {
        report(ended);
    }
}

fn prepare(stream: &UnixStream) -> Option<MessageReader<UnixStream>> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(LOOK)).ok()?;
    stream.set_write_timeout(Some(WRITE_LIMIT)).ok()?;
    stream.try_clone().ok().map(MessageReader::new)
}

enum Answer {
    Admitted,
    Waiting,
    Gone,
}

fn open_door(shared: &Shared, stream: &mut Option<UnixStream>) -> Answer {
    let mut meeting = shared.meeting();
    match meeting.door.clone() {
        Door::Lobby => Answer::Waiting,
        Door::Away => Answer::Gone,
        Door::Refusing(why) => {
            if let Some(stream) = stream {
                let _ = write_message(stream, &Message::Left { participant: None, why: Some(why) });
            }
            Answer::Gone
        }
        Door::Open => {
            meeting.prim = stream.take();
            meeting.tell(&Message::Joined { participant: None, name: "Prim".to_owned() });
            let people = meeting.people.clone();
            for (who, (name, raised)) in people {
                meeting.tell(&Message::Joined { participant: Some(who), name });
                meeting.tell(&Message::Hand { participant: Some(who), raised });
            }
            Answer::Admitted
        }
    }
}
