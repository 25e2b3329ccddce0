//! A huddle room in software: people at bearings, walls that echo, a loudspeaker that comes back into the
//! microphones, a button, a light, and the socket through which the daemon meets it as its hardware.
//!
//! **Who calls it:** `primd` uses [`SimDevice`] (the back end of the `prim-hal` traits); the room program and tests
//! use [`RoomSim`], [`RoomServer`] and [`Pacer`], or [`HandTurnedRoom`] with both ends in one process. **Invariants:** what crosses the socket is sound, edges and
//! light, never places, names or words; the room is a pure function of its spec, its seed and the blocks given to
//! it; only [`Pacer`], the server and the driver look at a clock; every queue is bounded and says what it drops.
//!
//! ```no_run
//! use std::time::Duration;
//! use prim_hal::MicArray;
//! let mut device = prim_hal_sim::SimDevice::connect("/run/prim/hal.sock".as_ref(), Duration::from_secs(5))?;
//! let mut block = vec![0; 480 * usize::from(device.mic.channels().0)];
//! let read = device.mic.read(&mut block)?;
//! println!("frame {} was captured at {:?}", read.at.0, read.captured);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod clock;
mod driver;
mod frame;
mod hand;
mod message;
mod pace;
mod resample;
mod room;
mod server;

pub use clock::{boot_millis, boot_nanos};
pub use driver::{
    ConnectSimError, SimButton, SimCounters, SimDevice, SimLight, SimMic, SimMuteSwitch, SimSpeaker,
};
pub use frame::{FrameBuffer, MAX_PAYLOAD_BYTES, ReadFrameError, push_frame, read_frame};
pub use hand::{HandTurnedRoom, MakeHandRoomError};
pub use message::{DecodeMessageError, FromDevice, SpeakerFate, ToDevice, Welcome};
pub use pace::{LAG_EDGES_US, LagHistogram, Pacer};
pub use resample::resample;
pub use room::{BuildRoomError, ImpulseResponse, ParseRoomError, RoomSim, RoomSpec, measured_rt60_s};
pub use server::{AcceptError, BindError, DeviceEvent, DeviceSession, RoomServer, SessionClosed};
