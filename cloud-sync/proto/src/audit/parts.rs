//! The device's parts: what they are, how they are, what the light shows.

use serde::{Deserialize, Serialize};

/// Which mute moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuteKind {
    /// Software: by button or panel.
    Soft,
    /// The hardware switch.
    Hardware,
}

/// A part of the device that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peripheral {
    /// Microphones.
    Mic,
    /// Speaker.
    Speaker,
    /// Light ring.
    Light,
    /// Floor button.
    Button,
    /// Speech recogniser.
    Stt,
    /// Speech synthesis.
    Tts,
    /// Link to the gateway.
    Link,
    /// Meeting platform.
    Platform,
    /// Local store.
    Disk,
    /// Language model.
    Llm,
}

/// How a part is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeripheralState {
    /// Works.
    Up,
    /// Works worse.
    Degraded,
    /// Is not there.
    Absent,
}

/// What the light shows, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// The device resets.
    Resetting,
    /// Keep holding and the device resets.
    ResetWarning,
    /// The press was seen.
    Pressed,
    /// The hardware switch cut the microphones.
    HardMuted,
    /// Prim does not listen.
    Muted,
    /// Prim speaks.
    Speaking,
    /// Prim may speak.
    Allowed,
    /// Prim was called by name.
    Attending,
    /// Prim asks and has dinged.
    Dinged,
    /// Prim asks for the floor.
    Asking,
    /// A remote person asks for the floor.
    RemoteHand,
    /// A person in the room waits for the floor.
    Waiting,
    /// Something is broken.
    Fault,
    /// In a meeting, listening.
    Listening,
    /// No meeting.
    Idle,
}
