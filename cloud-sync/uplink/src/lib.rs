//! The way up: what the spool holds reaches a gateway, once and in order, whatever the network does.
//!
//! **Who calls it:** `primd` starts one [`Uplink`] with its spool and tells it when records were appended.
//! [`sync`] decides what to send, again and when (pure); `mqtt.rs` carries it out over MQTT v5 and is the only
//! file that names the MQTT library.
//!
//! **What it never does:** hold a record back for good (what a gateway rejects is reported and let go), delete a
//! record before a gateway says it is committed, send without a gateway to take it, retry in step with other
//! devices, or log what records say.
//!
//! The whole of it runs on one thread of its own: neither the network nor the disk's fsync can hold up the room.
//!
//! ```no_run
//! use std::sync::Arc;
//! use prim_ids::{MeetingId, Stream};
//! use prim_proto::LiveEvent;
//! use prim_uplink::{Uplink, UplinkConfig};
//!
//! fn run(config: UplinkConfig, spool: Arc<prim_spool::Spool>) -> Result<(), prim_uplink::StartUplinkError> {
//!     let (uplink, mut events) = Uplink::start(config, Arc::clone(&spool))?;
//!     // ... spool.append(...) ...
//!     uplink.notify_appended(Stream::Audit);
//!     while let Some(event) = events.blocking_recv() {
//!         println!("{event:?}; {:?}", uplink.status());
//!     }
//!     Ok(())
//! }
//! ```
#![warn(missing_docs)]

mod batch;
mod certificates;
mod config;
mod live;
mod mqtt;
mod problem;
mod shell;
pub mod sync;
mod uplink;

pub use config::{BrokerConfig, Clock, Now, UplinkConfig};
pub use problem::{Problem, ProblemKind};
pub use uplink::{StartUplinkError, Uplink, UplinkEvent, UplinkHandle, UplinkStatus};
