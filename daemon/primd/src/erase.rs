//! Erasing what people said in one meeting, on the device: payloads in the spool, the replay log, the kept state. The
//! records stay, with salted hashes in place of words, so the chain still verifies; an audit record says how many lost
//! theirs, and the gateway that gets it does the same.
//!
//! Who may order it: whoever owns the device's data, at the device: the status socket and the data folder belong to the
//! daemon's user alone.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use prim_ids::{BootId, MeetingId};
use prim_proto::witness::{Line, Step};
use prim_proto::{self as proto, Actor, Audit, Body, Draft};
use prim_spool::{Encoded, EraseError, Moment, Spool};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::replay;
use crate::witness::Witness;

/// A spool of a gigabyte is erased within this; a daemon that does not answer is stuck.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// What came of the order: a line of JSON on the status socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// So many records lost their payload, and whether there was a replay log.
    Erased {
        /// Records that lost their payload.
        records: u64,
        /// There was a replay log; it is gone.
        replay_log: bool,
    },
    /// Nothing was erased.
    Refused {
        /// Why, and what to do.
        why: String,
    },
}

/// Why a meeting was not erased.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EraseMeetingError {
    #[error("delete the replay log of the meeting")]
    Replay(#[source] std::io::Error),
    #[error(transparent)]
    Spool(#[from] EraseError),
}

/// An order for the writer, given when no meeting runs.
#[derive(Debug)]
pub(crate) struct Erasure {
    pub(crate) meeting: MeetingId,
    /// Where the replay logs lie.
    pub(crate) replay: PathBuf,
    /// The record of it, which says how many records it was as soon as that is known.
    pub(crate) record: Draft,
    /// What a restart goes on from, without the words of a meeting that has ended.
    pub(crate) state: String,
    pub(crate) answer: SyncSender<Outcome>,
}

/// The body of the record of an erasure.
pub(crate) fn erased(records: u64) -> Body {
    Body::Audit(Audit::MeetingErased { records, by: Actor::Panel { id: None } })
}

impl Erasure {
    /// Carries the order out and answers it.
    pub(crate) fn carry_out(self, spool: &Spool, witness: Option<&Witness>, boot: BootId) {
        let answer = self.answer.clone();
        let outcome = self.erase(spool, witness, boot).unwrap_or_else(|error| {
            let error = anyhow::Error::from(error);
            tracing::error!("failed to erase a meeting: {error:#}");
            Outcome::Refused { why: format!("failed to {error:#}; order it again when that is mended") }
        });
        let _ = answer.send(outcome);
    }

    /// Erases the meeting and puts that on record. Repeating it does no harm.
    fn erase(
        self,
        spool: &Spool,
        witness: Option<&Witness>,
        boot: BootId,
    ) -> Result<Outcome, EraseMeetingError> {
        let Self { meeting, replay, record, state, answer: _ } = self;
        let replay_log = replay::erase(&replay, meeting).map_err(EraseMeetingError::Replay)?;
        let mut line = None;
        let make = |records, slot: prim_spool::Slot| {
            let draft = Draft { meeting: Some(meeting), body: erased(records), ..record };
            let placed = draft.place(slot.epoch, slot.seq, proto::Hash(slot.prev));
            let place = (slot.stream, slot.epoch, slot.seq);
            let placing = Line { step: Step::Placed, place, hash: placed.hash };
            if let Some(witness) = witness {
                witness.note([placing]);
            }
            line = Some(placing);
            Encoded {
                bytes: placed.raw.into_bytes(),
                erasable: None,
                hash: placed.hash.0,
                meeting: Some(meeting),
            }
        };
        let now = Moment { boot, at: clock::mono_now() };
        let records = spool.erase_meeting(now, meeting, Some(state.as_bytes()), make)?;
        if let (Some(witness), Some(line)) = (witness, line) {
            witness.note([Line { step: Step::Kept, ..line }]);
        }
        tracing::info!(%meeting, erased.records = records, erased.replay_log = replay_log, "a meeting was erased");
        Ok(Outcome::Erased { records, replay_log })
    }
}

/// Overwriting a large spool takes seconds, and what a running meeting must have on record would wait for it.
pub(crate) fn refusal(running: MeetingId, meeting: MeetingId) -> Outcome {
    let which = if running == meeting { "this meeting is running" } else { "a meeting is running" };
    Outcome::Refused { why: format!("{which}: end it first, then order it again") }
}

/// Why the running daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskDaemonError {
    /// No status socket is configured.
    #[error("reach the daemon: set [status].socket in its configuration and restart it")]
    NoSocket,
    /// Nothing listens, or it hung up.
    #[error("reach the daemon at {}; start primd first, as its own user: it alone may touch its records", path.display())]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Orders the running daemon to erase `meeting`, and waits for what came of it.
///
/// # Errors
/// When the daemon cannot be asked.
pub fn order(socket: Option<&Path>, meeting: MeetingId) -> Result<Outcome, AskDaemonError> {
    let path = socket.ok_or(AskDaemonError::NoSocket)?;
    let failed = |source| AskDaemonError::Unreachable { path: path.to_owned(), source };
    let mut stream = UnixStream::connect(path).map_err(failed)?;
    stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(failed)?;
    let command = serde_json::json!({ "cmd": "erase_meeting", "meeting": meeting });
    stream.write_all(format!("{command}\n").as_bytes()).map_err(failed)?;
    for line in BufReader::new(stream).lines() {
        // Every watcher also sees what happens in the room.
        if let Ok(outcome) = serde_json::from_str(&line.map_err(failed)?) {
            return Ok(outcome);
        }
    }
    Err(failed(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)))
}
