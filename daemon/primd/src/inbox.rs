//! The one door into the meeting: every thread reports facts here, with the time at which they happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use prim_ids::{MeetingId, MonoTime};
use prim_meeting::Input;
use prim_proto::Body;

use crate::erase::{self, Outcome};

/// Facts that may wait. Ears report a few a second; 1024 is minutes of them. When it is full the reporter waits:
/// nothing may be lost on the way to the floor, and the audio rings behind the reporters have their own rule.
const CAPACITY: usize = 1024;

/// What reaches the meeting's thread.
#[derive(Debug)]
pub(crate) enum Message {
    /// A fact.
    Fact {
        /// When it happened.
        at: MonoTime,
        /// What happened.
        input: Input,
    },
    /// Something to write down that does not concern the floor.
    Record(Box<Body>),
    /// Somebody ended the meeting from outside.
    EndMeeting,
    /// Somebody at the device wants what was said in a meeting erased, and waits for what comes of it.
    Erase {
        /// The meeting.
        meeting: MeetingId,
        /// Where the outcome goes.
        answer: SyncSender<Outcome>,
    },
    /// The writer has told something: see [`Writer::next_written`](crate::writer::Writer::next_written).
    Written,
    /// The daemon stops.
    Stop,
}

/// The reporters' end.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    messages: SyncSender<Message>,
    waiting: Arc<AtomicUsize>,
    attended: Arc<AtomicBool>,
}

/// The meeting's end.
#[derive(Debug)]
pub(crate) struct Facts {
    messages: Receiver<Message>,
    waiting: Arc<AtomicUsize>,
    attended: Arc<AtomicBool>,
}

impl Facts {
    /// From now on somebody reads: the room is ready.
    pub(crate) fn attend(&self) {
        self.attended.store(true, Ordering::Release);
    }

    pub(crate) fn recv_timeout(&self, limit: Duration) -> Result<Message, RecvTimeoutError> {
        self.messages.recv_timeout(limit).inspect(|_| self.taken())
    }

    pub(crate) fn try_recv(&self) -> Result<Message, TryRecvError> {
        self.messages.try_recv().inspect(|_| self.taken())
    }

    fn taken(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Inbox {
    pub(crate) fn new() -> (Self, Facts) {
        let (sender, messages) = sync_channel(CAPACITY);
        let waiting: Arc<AtomicUsize> = Arc::default();
        let attended: Arc<AtomicBool> = Arc::default();
        let inbox = Self { messages: sender, waiting: Arc::clone(&waiting), attended: Arc::clone(&attended) };
        (inbox, Facts { messages, waiting, attended })
    }

    /// Messages that wait for the meeting's thread.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn send(&self, message: Message) -> Option<()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.messages.send(message).ok()
    }

    /// Reports a fact. After the meeting's thread has gone there is nobody left to tell, and nothing to do about it.
    pub(crate) fn report(&self, at: MonoTime, input: Input) {
        let _ = self.send(Message::Fact { at, input });
    }

    /// Asks for a record.
    pub(crate) fn record(&self, body: Body) {
        let _ = self.send(Message::Record(Box::new(body)));
    }

    /// The writer has told something. Where the inbox is full the meeting's thread is awake, and looks by itself.
    pub(crate) fn wake(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if self.messages.try_send(Message::Written).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn end_meeting(&self) {
        let _ = self.send(Message::EndMeeting);
    }

    /// Orders an erasure and waits for its outcome; `None` when the daemon stops. While it starts nobody reads, and the
    /// order is refused at once.
    pub(crate) fn erase(&self, meeting: MeetingId) -> Option<Outcome> {
        if !self.attended.load(Ordering::Acquire) {
            return Some(erase::still_starting());
        }
        let (answer, outcome) = sync_channel(1);
        self.send(Message::Erase { meeting, answer })?;
        outcome.recv().ok()
    }

    pub(crate) fn stop(&self) {
        let _ = self.send(Message::Stop);
    }
}
