//! The outbox on disk: what was appended survives a power cut, what was acknowledged is deleted, what had to be
//! dropped is admitted in a record.
//!
//! **Who calls it:** the daemon appends, the uplink reads and acknowledges. **What it never does:** look at a
//! clock, at wall time or into a record; choose an order other than the one of appending; drop audit.
//!
//! # On disk
//!
//! ```text
//! spool.db          0600  records (stream, number → raw bytes, erasable values), one head per stream, the epoch,
//!                         and what the caller must remember of where its records left it
//! spool.db-wal      0600  what was committed and not yet moved into spool.db
//! spool.db.reserve  0600  empty space that audit gets when the disk is full
//! ```
//!
//! One process owns the files: they are locked as long as the spool is open.
//!
//! # Order and links
//!
//! Each stream counts from 1 without gaps. The caller's closure is told number and link ([`Slot`]) while the spool
//! is locked, and the record is committed before the lock is released: two threads can never get the same place,
//! and a closure that panics has used none. Heads outlive their records, so numbers are never given twice; a new
//! file gets a new epoch, so a reset device's number 1 is not taken for a duplicate.
//!
//! # When the power goes
//!
//! SQLite in WAL mode with `synchronous=FULL`: a commit is one `fsync` of the WAL, and `append` returns after it.
//! A cut before that loses the record whole; after it, the record is there. The tests kill a writing process at
//! random moments, and run on a file layer that forgets or tears everything that was not synced.
//!
//! # When there is no room
//!
//! Above [`Limits::max_bytes`] (or [`Limits::max_age`], counted while the device is on: wall time may jump) the
//! oldest records go, a tenth of the limit at once: first of metric, then usage, event, utterance, note. What went
//! becomes a [`Loss`], which the closure given at opening turns into a record of the same stream; if that record
//! goes too, it is written anew. A gateway may yet have received some of what a loss covers: it was on its way.
//!
//! On a full disk half of the reserve is given to audit and the other half kept for deleting, which needs a little
//! space too; the other streams may no longer let the file grow; and [`Condition`] says so until an
//! acknowledgement has made room for the reserve again. A record that finds no room is refused, counted, and lost as a
//! dropped one is: its number is used, and a record names it as soon as there is room. Audit that was appended in the same
//! call is kept. What is erased or deleted is overwritten, but for what is
//! deleted while the disk is full.
//!
//! Others fill the disk too. [`Spool::look`], called once a second or so, says what is free, and takes the reserve back as
//! soon as there is room for it. Records that never came here (the caller's memory was full, an append failed) are named
//! the same way: [`Spool::lose`].
//!
//! ```
//! use prim_ids::{BootId, EpochId, MonoTime, Stream};
//! use prim_spool::{Encoded, Limits, Moment, Spool};
//!
//! let encode = |what: &str, hash: u8| Encoded {
//!     bytes: what.as_bytes().to_vec(),
//!     erasable: None,
//!     hash: [hash; 32],
//!     meeting: None,
//! };
//! let folder = tempfile::tempdir()?;
//! let small = Limits { reserve_bytes: 4096, ..Limits::default() };
//! let spool = Spool::open(
//!     &folder.path().join("spool.db"),
//!     small,
//!     EpochId::from_u128(7),
//!     Box::new(move |_, _, loss| encode(&format!("lost {} to {}", loss.from, loss.to), 0)),
//! )?;
//! let now = Moment { boot: BootId::from_u128(1), at: MonoTime::from_millis(5) };
//! let first = spool.append(now, Stream::Audit, |_| encode("first", 1))?;
//! spool.append(now, Stream::Audit, |slot| {
//!     assert_eq!(slot.prev, first.hash);
//!     encode("second", 2)
//! })?;
//! spool.acknowledge(Stream::Audit, spool.epoch(), 1)?;
//! assert_eq!(spool.read(Stream::Audit, 1, 10)?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod append;
mod limits;
mod look;
mod open;
mod reserve;
mod room;
mod row;
mod spool;
mod store;

pub use append::AppendError;
pub use limits::{Condition, Depth, Limits, StreamDepth};
pub use look::{Free, LookError, Looked};
#[doc(hidden)]
pub use open::Backing;
pub use open::{OpenSpoolError, set_aside};
pub use row::{Encoded, Loss, LossReason, Moment, Slot, StoredRow, Tip};
pub use spool::{AcknowledgeError, Appended, EraseError, ReadSpoolError, Spool, WriteLoss};
