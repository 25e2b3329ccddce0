//! Every wire and disk format of Prim: topics, records, batches, heads, exports, the replay log.
//!
//! **Who calls it:** the daemon makes records and batches, the uplink and the gateway send and check them,
//! `prim` verifies exports. **What it never does:** read a clock, a file or a random source; salts, times and
//! keys are arguments. Bytes that were attested are kept as they came: a re-encoded JSON cannot be re-hashed.
//!
//! A record's way: [`Draft`] → [`Draft::place`] gives it sequence and link → [`Placed`] (raw bytes and hash, in
//! the spool) → [`Batch`] (signed, on the wire) → [`Reading`] at the gateway → a line in an export, which
//! [`export::verify`] checks with nothing but public keys.
//!
//! What a record says about people stands in it as a salted hash ([`Sealed`]); salt and value travel beside
//! ([`Erasables`]) and can be deleted without breaking the chain.
//!
//! ```
//! use prim_proto::{Hash, Topic};
//! let topic: Topic = "prim/1/acme/room-1/up/audit".parse().unwrap();
//! assert_eq!(topic.to_string(), "prim/1/acme/room-1/up/audit");
//! assert_ne!(prim_proto::link(Hash::ZERO, b"a"), prim_proto::link(Hash::ZERO, b"b"));
//! ```
//!
//! Versions: every payload begins with `v`. Golden files under `golden/v1` decode for ever, and a reader that
//! meets a newer `v` or an unknown kind keeps the bytes and says so instead of dropping them.
#![warn(missing_docs)]

mod ack;
mod audit;
mod batch;
mod body;
pub mod chain;
mod code;
mod erasable;
pub mod export;
mod hash;
mod head;
mod key;
mod live;
mod note;
mod record;
pub mod replay;
mod state;
mod telemetry;
mod topic;
mod utterance;
pub mod witness;

pub use ack::{Ack, ReadPayloadError, Rejection};
pub use audit::{
    Actor, Audit, CardAudience, ConsentAnswer, DingPlace, Light, MuteKind, Peripheral, PeripheralState,
    PolicyMode, Role, SilenceCause, Verdict, WaitedFor, Where,
};
pub use batch::{
    Batch, BatchContents, BatchRow, MAX_BATCH_BYTES, MAX_BATCH_ROWS, MAX_ERASABLE_BYTES, Packer,
    ReadBatchError, SignBatchError, VerifyBatchError,
};
pub use body::{Body, Hole, HoleReason};
pub use code::{Code, ParseCodeError};
pub use erasable::{CheckErasablesError, Erasables, Payload, Salt, Sealed, Sealer};
pub use hash::{Hash, ParseHashError, link};
pub use head::{CheckHeadError, CounterSigned, Head, SignedHead};
pub use key::{AuditKey, DeviceKey, GatewayKey, KeySet, ParseKeySetError, PublicKey, Rotation, Signature};
pub use live::{FloorState, LiveEvent};
pub use note::{ActionStatus, Note};
pub use prim_ids::Stream;
pub use record::{
    ChainFields, Draft, MAX_RECORD_BYTES, Placed, RECORD_VERSION, ReadRecordError, Reading, Record,
};
pub use state::{GatewayPresence, State};
pub use telemetry::{Event, Metric, Usage};
pub use topic::{DeviceAddress, ParseTopicError, Topic};
pub use utterance::{Ear, Utterance};
