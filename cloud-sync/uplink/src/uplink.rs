//! The uplink as `primd` sees it.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use prim_ids::{EpochId, MeetingId, Stream};
use prim_proto::{Code, LiveEvent};
use prim_spool::Spool;
use tokio::sync::{Notify, mpsc};

use crate::certificates::load_identity;
use crate::live::LiveQueue;
use crate::{Problem, UplinkConfig, shell};

/// Events for `primd`; when full the newest is dropped and counted in [`UplinkStatus::events_dropped`].
const EVENT_CAPACITY: usize = 256;

/// The uplink; see [`Uplink::start`].
#[derive(Debug)]
pub struct Uplink;

/// Why there is no uplink.
#[derive(Debug, thiserror::Error)]
pub enum StartUplinkError {
    /// A file of `[broker]` cannot be read.
    #[error("read {what} from {}; check [broker] and the file's owner", path.display())]
    ReadFile {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file of `[broker]` holds something else.
    #[error("use {} as {what}: {why}; provision the device again", path.display())]
    BadFile {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The thread or its runtime could not be made.
    #[error("start the uplink's thread")]
    Thread(#[source] io::Error),
}

/// How the link is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UplinkStatus {
    /// Connected and admitted by the broker.
    pub link_up: bool,
    /// At least one gateway takes batches.
    pub gateway_present: bool,
    /// Records in the spool, all streams together, when last counted (after each batch and append).
    pub queued: u64,
    /// What is wrong, while it is: of all that went wrong since the last connection what tells most of the cause.
    pub problem: Option<Problem>,
    /// The session number of this or the latest connection.
    pub session: u64,
    /// Records that gateways set aside as rejected since start.
    pub rejected: u64,
    /// Refusals since start of batches whose records stay in the spool and are sent again; each counts once.
    pub refused: u64,
    /// Batches sent since start, repeats included.
    pub batches_sent: u64,
    /// Live events dropped since start.
    pub live_dropped: u64,
    /// Events that `primd` did not fetch in time.
    pub events_dropped: u64,
}

/// What `primd` may want to show, record or carry out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UplinkEvent {
    /// Link, gateway or problem changed; read [`UplinkHandle::status`].
    StatusChanged,
    /// A panel asks for something. The payload is untrusted bytes.
    Panel {
        /// In which meeting.
        meeting: MeetingId,
        /// The request.
        payload: Vec<u8>,
    },
    /// A gateway keeps these records only as rejected. They are gone from the spool; belongs into the audit.
    Rejected {
        /// The stream.
        stream: Stream,
        /// The first.
        from: u64,
        /// The last.
        to: u64,
        /// Why.
        reason: Code,
    },
    /// An acknowledgement was ignored because it is for another life of the spool; belongs into the audit.
    ForeignEpoch {
        /// The stream.
        stream: Stream,
        /// The epoch acknowledged.
        epoch: EpochId,
        /// Through where.
        through: u64,
    },
    /// An acknowledgement was ignored because it names records that do not exist; belongs into the audit.
    ImpossibleAck {
        /// The stream.
        stream: Stream,
        /// Through where.
        through: u64,
        /// The last record there is.
        head: u64,
    },
    /// A record is too large for any batch and cannot be sent; its stream waits. A bug upstream: proto's limits
    /// were not kept when it was appended.
    Unsendable {
        /// The stream.
        stream: Stream,
        /// The record.
        seq: u64,
    },
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) status: Mutex<UplinkStatus>,
    pub(crate) live: Mutex<LiveQueue>,
    /// One bit per place in [`Stream::ALL`].
    pub(crate) grown: AtomicU64,
    pub(crate) stop: AtomicU64,
    pub(crate) wake: Notify,
    pub(crate) events: mpsc::Sender<UplinkEvent>,
}

impl Shared {
    pub(crate) fn status(&self) -> MutexGuard<'_, UplinkStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, LiveQueue> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, event: UplinkEvent) {
        if self.events.try_send(event).is_err() {
            self.status().events_dropped += 1;
        }
    }
}

/// Talks to a running uplink. Calls return at once. The last handle dropped stops the uplink.
#[derive(Debug, Clone)]
pub struct UplinkHandle {
    shared: Arc<Shared>,
    thread: Arc<Thread>,
}

#[derive(Debug)]
struct Thread {
    shared: Arc<Shared>,
    join: Mutex<Option<JoinHandle<()>>>,
}

impl Uplink {
    /// Starts the uplink on a thread of its own. Certificates are read now; trouble with the network or the broker
    /// is not an error but a status.
    ///
    /// # Errors
    /// When a certificate or key cannot be used, or no thread can be had.
    pub fn start(
        config: UplinkConfig,
        spool: Arc<Spool>,
    ) -> Result<(UplinkHandle, mpsc::Receiver<UplinkEvent>), StartUplinkError> {
        let (events, receiver) = mpsc::channel(EVENT_CAPACITY);
        let status = UplinkStatus {
            link_up: false,
            gateway_present: false,
            queued: 0,
            problem: None,
            session: config.first_session,
            rejected: 0,
            refused: 0,
            batches_sent: 0,
            live_dropped: 0,
            events_dropped: 0,
        };
        let shared = Arc::new(Shared {
            status: Mutex::new(status),
            live: Mutex::new(LiveQueue::default()),
            grown: AtomicU64::new((1 << Stream::ALL.len()) - 1),
            stop: AtomicU64::new(0),
            wake: Notify::new(),
            events,
        });
        // Read again at each connection, so that a renewed certificate is used; read now to tell of a bad one at once.
        load_identity(&config.broker)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartUplinkError::Thread)?;
        let inside = Arc::clone(&shared);
        let join = std::thread::Builder::new()
            .name("uplink".to_owned())
            .spawn(move || runtime.block_on(shell::run(config, spool, inside)))
            .map_err(StartUplinkError::Thread)?;
        let thread = Arc::new(Thread { shared: Arc::clone(&shared), join: Mutex::new(Some(join)) });
        Ok((UplinkHandle { shared, thread }, receiver))
    }
}

impl UplinkHandle {
    /// Records of `stream` were appended to the spool.
    pub fn notify_appended(&self, stream: Stream) {
        let bit = Stream::ALL.iter().position(|s| *s == stream).map_or(0, |place| 1 << place);
        self.shared.grown.fetch_or(bit, Ordering::AcqRel);
        self.shared.wake.notify_one();
    }

    /// Shows `event` on panels now, or never: not stored, not repeated, the oldest dropped when too many wait.
    pub fn publish_live(&self, meeting: MeetingId, event: &LiveEvent) {
        self.shared.live().push(meeting, event.encode());
        self.shared.wake.notify_one();
    }

    /// How the link is.
    #[must_use]
    pub fn status(&self) -> UplinkStatus {
        let live_dropped = self.shared.live().dropped();
        UplinkStatus { live_dropped, ..self.shared.status().clone() }
    }

    /// Says goodbye to the broker and ends, within `limit`. What is not acknowledged stays in the spool.
    /// Returns whether it ended in time.
    pub fn shutdown(&self, limit: Duration) -> bool {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1);
        self.shared.stop.store(limit_ms, Ordering::Release);
        self.shared.wake.notify_one();
        let join = self.thread.join.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(join) = join else { return true };
        // The thread keeps the limit itself; the wait here only guards against a disk that hangs.
        let deadline = std::time::Instant::now() + limit + Duration::from_millis(500);
        while !join.is_finished() {
            if std::time::Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        join.join().is_ok()
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        if self.shared.stop.load(Ordering::Acquire) == 0 {
            self.shared.stop.store(1, Ordering::Release);
            self.shared.wake.notify_one();
        }
    }
}
