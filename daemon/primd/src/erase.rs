//! Erasing what people said in one meeting, on the device: payloads in the spool, the replay log, the kept state. The
//! records stay, with salted hashes in place of words, so the chain still verifies; an audit record says how many lost
//! theirs, and the gateway that gets it does the same.
//!
//! Who may order it: whoever owns the device's data, at the device: the status socket and the data folder belong to the
//! daemon's user alone.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use prim_ids::MeetingId;
use prim_proto::witness::{Line, Step};
use prim_proto::{self as proto, Actor, Audit, Body};
use prim_spool::{Encoded, EraseError, Moment, Spool};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::ledger::Ledger;
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

/// Where a meeting's words lie on this device.
pub(crate) struct Places<'a> {
    pub(crate) spool: &'a Spool,
    pub(crate) replay: &'a Path,
    pub(crate) witness: Option<&'a Arc<Witness>>,
}

/// Erases `meeting` and puts that on record. `state` replaces what a restart would go on from. Repeating it does no harm.
pub(crate) fn erase(
    places: &Places<'_>,
    ledger: &mut Ledger,
    now: Moment,
    meeting: MeetingId,
    state: Option<&str>,
) -> Result<Outcome, EraseMeetingError> {
    let replay_log = replay::erase(places.replay, meeting).map_err(EraseMeetingError::Replay)?;
    let mut line = None;
    let make = |records, slot: prim_spool::Slot| {
        let body = Body::Audit(Audit::MeetingErased { records, by: Actor::Panel { id: None } });
        let mut draft = ledger.draft(now.at, body, proto::Erasables::default());
        draft.meeting = Some(meeting);
        let placed = draft.place(slot.epoch, slot.seq, proto::Hash(slot.prev));
        let place = (slot.stream, slot.epoch, slot.seq);
        let placing = Line { step: Step::Placed, place, hash: placed.hash };
        if let Some(witness) = places.witness {
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
    let records = places.spool.erase_meeting(now, meeting, state.map(str::as_bytes), make)?;
    if let (Some(witness), Some(line)) = (places.witness, line) {
        witness.note([Line { step: Step::Kept, ..line }]);
    }
    tracing::info!(%meeting, erased.records = records, erased.replay_log = replay_log, "a meeting was erased");
    Ok(Outcome::Erased { records, replay_log })
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

impl MeetingToErase<'_> {
    /// The order as the meeting's thread carries it out.
    pub(crate) fn carry_out(self) -> Outcome {
        if let Some(running) = self.running {
            // Overwriting a large spool takes seconds, and in a meeting the floor answers at once.
            let which =
                if running == self.meeting { "this meeting is running" } else { "a meeting is running" };
            return Outcome::Refused { why: format!("{which}: end it first, then order it again") };
        }
        let now = Moment { boot: self.boot, at: clock::mono_now() };
        match erase(&self.places, self.ledger, now, self.meeting, Some(&self.state)) {
            Ok(outcome) => outcome,
            Err(error) => {
                let error = anyhow::Error::from(error);
                tracing::error!("failed to erase a meeting: {error:#}");
                Outcome::Refused { why: format!("failed to {error:#}; order it again when that is mended") }
            }
        }
    }
}

/// One order.
pub(crate) struct MeetingToErase<'a> {
    pub(crate) meeting: MeetingId,
    pub(crate) running: Option<MeetingId>,
    pub(crate) boot: prim_ids::BootId,
    pub(crate) places: Places<'a>,
    pub(crate) ledger: &'a mut Ledger,
    /// What a restart goes on from, without the words of a meeting that has ended.
    pub(crate) state: String,
}
