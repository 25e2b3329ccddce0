//! The simulated room.

mod convolver;
mod images;
mod noise;
mod sim;
mod spec;

pub use images::{ImpulseResponse, measured_rt60_s};
pub use sim::{BuildRoomError, RoomSim};
pub use spec::{ParseRoomError, RoomSpec};
