//! The one door into the meeting: every thread reports facts here, with the time at which they happened.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use prim_ids::MonoTime;
use prim_meeting::Input;
use prim_proto::Body;

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
    /// The daemon stops.
    Stop,
}

/// The reporters' end.
#[derive(Debug, Clone)]
pub(crate) struct Inbox(SyncSender<Message>);

impl Inbox {
    pub(crate) fn new() -> (Self, Receiver<Message>) {
        let (tx, rx) = sync_channel(CAPACITY);
        (Self(tx), rx)
    }

    /// Reports a fact. After the meeting's thread has gone there is nobody left to tell, and nothing to do about it.
    pub(crate) fn report(&self, at: MonoTime, input: Input) {
        let _ = self.0.send(Message::Fact { at, input });
    }

    /// Asks for a record.
    pub(crate) fn record(&self, body: Body) {
        let _ = self.0.send(Message::Record(Box::new(body)));
    }

    pub(crate) fn end_meeting(&self) {
        let _ = self.0.send(Message::EndMeeting);
    }

    pub(crate) fn stop(&self) {
        let _ = self.0.send(Message::Stop);
    }
}
