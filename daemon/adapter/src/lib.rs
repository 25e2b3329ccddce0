//! What joining a meeting means: ears to hear with, at most one mouth to speak with, and a manifest that says
//! which promises of a meeting platform are kept, by whom, and which test proves it.
//!
//! **Who calls it:** `primd` joins through an [`Adapter`]; each adapter crate implements one and drives its
//! session through a [`SessionPort`]. [`loopback`] is the adapter for tests and the demo: it speaks to a
//! platform at the other end of a Unix socket. [`conformance`] is the suite that every adapter must pass.
//!
//! **What it never does:** touch an async runtime (audio runs on plain threads and rings), report `Joined`
//! before the platform proved admission, fill lost sound with silence (a loss is a [`Heard::Gap`]), or queue
//! without a bound. Each queue's rule when full stands at its type.
//!
//! A session whose platform cannot be spoken to is a `Session<NoMouth>`, and speaking on it does not compile:
//!
//! ```compile_fail,E0599
//! use prim_adapter::{NoMouth, Session};
//! fn speak(session: &Session<NoMouth>) {
//!     let _ = session.lease_mouth();
//! }
//! ```
//!
//! The same lines with a mouth do:
//!
//! ```
//! use prim_adapter::{AudioBlock, Mouth, Session, SpeakError};
//! fn speak(session: &Session<Mouth>, block: &AudioBlock) -> Result<(), SpeakError> {
//!     if let Ok(mut mouth) = session.lease_mouth() {
//!         mouth.speak(block)?;
//!     } // the lease ends here, and with it whatever was not yet played
//!     Ok(())
//! }
//! ```
#![warn(missing_docs)]

mod adapter;
mod backoff;
pub mod conformance;
mod drift;
mod ear;
pub mod loopback;
mod manifest;
mod mouth;
mod roster;
mod session;

pub use adapter::{Adapter, JoinError, JoinRequest};
pub use backoff::Backoff;
pub use drift::{Drift, DriftEstimator};
pub use ear::{AudioBlock, ClockDomain, Ear, EarFeed, EarId, Heard, Scene, ShapeError, Voices};
pub use manifest::{Capability, Claim, Manifest, Support};
pub use mouth::{Mouth, MouthFeed, MouthLease, MouthTaken, NoMouth, Sink, SpeakError};
pub use roster::{Attendee, Roster};
pub use session::{
    AdapterEvent, CloseReason, Command, EarSetup, LeaveError, RequestError, Session, SessionPort,
    SessionSetup, SessionState,
};
