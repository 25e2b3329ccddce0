//! The adapter for tests and the demo: a meeting platform at the other end of a Unix stream socket.
//!
//! [`wire`] is the language, [`LoopbackAdapter`] joins, [`LoopbackPlatform`] is the other end (the room program,
//! the conformance suite). The platform listens, Prim connects:
//!
//! ```text
//! Prim → J {"participant":null,"name":"Prim"}       asks to be admitted
//! platform → J {"participant":null,"name":"Prim"}   admitted (from here the session is Joined)
//!         or L {"participant":null,"why":".."}      refused, or put out later
//! platform → J, then H for each person present, whenever something changes
//! both → A                                          sound, 10 ms at 48 kHz mono, `at` counts frames; a jump is a loss
//! Prim → H {"participant":null,"raised":true}       Prim's hand;   Prim → B text   the banner
//! Prim → L {"participant":null}                     leaves; the platform answers the same and closes
//! ```
//!
//! When the socket ends without an `L`, Prim comes back with backoff and asks again; the platform then names
//! everyone present anew (`J` and `H`), and may start its sample times anew.

mod driver;
mod platform;
pub mod wire;

pub use driver::LoopbackAdapter;
pub use platform::{FromPrim, LoopbackPlatform, PlatformError};
