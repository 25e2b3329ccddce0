//! Erasing what people said in one meeting, on the device: payloads in the spool, the replay log, the kept state. The
//! records stay, with salted hashes in place of words, so the chain still verifies; an audit record says how many lost
//! theirs, and the gateway that gets it does the same.
//!
//! Who may order it: whoever owns the device's data, at the device: the status socket and the data folder belong to the
//! daemon's user alone.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

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

/// Nobody carries out anything before the room is ready.
pub(crate) fn still_starting() -> Outcome {
    let why = "primd runs, but it is still starting: mostly it waits for the room's hardware, which its log names. Order it \
               again when the log says \"the room is ready\"";
    Outcome::Refused { why: why.to_owned() }
}

/// Why the running daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskDaemonError {
    /// No status socket is configured.
    #[error("reach the daemon: set [status].socket in its configuration and restart it")]
    NoSocket,
    /// It took the order and did not answer in time.
    #[error(
        "hear from the daemon at {} within {} s: it runs, but is busy or its disk does not answer; its log says more. To order \
         it again does no harm",
        path.display(),
        ANSWER_LIMIT.as_secs()
    )]
    Silent {
        /// The socket.
        path: PathBuf,
    },
    /// It hung up without an answer.
    #[error(
        "hear from the daemon at {}: it hung up, because it stopped or has too many watchers; its log says more. To order it \
         again does no harm",
        path.display()
    )]
    HungUp {
        /// The socket.
        path: PathBuf,
    },
    /// Nothing listens.
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
    let begun = Instant::now();
    stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(failed)?;
    let command = serde_json::json!({ "cmd": "erase_meeting", "meeting": meeting });
    stream
        .write_all(format!("{command}\n").as_bytes())
        .map_err(|_| AskDaemonError::HungUp { path: path.to_owned() })?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|error| {
            let path = path.to_owned();
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                AskDaemonError::Silent { path }
            } else {
                AskDaemonError::HungUp { path }
            }
        })?;
        // Every watcher also sees what happens in the room.
        if let Ok(outcome) = serde_json::from_str(&line) {
            return Ok(outcome);
        }
        if begun.elapsed() > ANSWER_LIMIT {
            return Err(AskDaemonError::Silent { path: path.to_owned() });
        }
    }
    Err(AskDaemonError::HungUp { path: path.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::inbox::Inbox;
    use crate::live::{self, Live};

    #[test]
    fn a_daemon_that_still_starts_says_so_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("status");
        let (inbox, facts) = Inbox::new();
        live::serve(&socket, &Live::new(), &inbox).unwrap();
        let Outcome::Refused { why } = order(Some(&socket), MeetingId::from_u128(1)).unwrap() else {
            panic!("nobody was there to erase anything");
        };
        assert!(why.contains("primd runs, but it is still starting"), "{why}");
        assert!(facts.try_recv().is_err(), "the order is not carried out later");
    }

    #[test]
    fn a_daemon_that_is_not_there_and_one_that_hangs_up_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("status");
        let nobody = order(Some(&socket), MeetingId::from_u128(1)).unwrap_err().to_string();
        assert!(nobody.contains("start primd first"), "{nobody}");
        let listener = UnixListener::bind(&socket).unwrap();
        let dying = std::thread::spawn(move || drop(listener.accept().unwrap()));
        let hung_up = order(Some(&socket), MeetingId::from_u128(1)).unwrap_err().to_string();
        dying.join().unwrap();
        assert!(hung_up.contains("it hung up") && !hung_up.contains("start primd"), "{hung_up}");
    }
}
