//! What light, banner, ding and panels show.

use prim_ids::{AgendaItemId, RequestId};

/// What the light ring shows, highest in the ladder first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Light {
    /// The reset was ordered.
    Resetting,
    /// Held for 10 s: go on holding to reset, let go to cancel.
    ResetWarning,
    /// The press was seen.
    Pressed,
    /// The hardware switch cut the microphones.
    HardMuted,
    /// Prim does not listen.
    Muted,
    /// Prim speaks.
    Speaking,
    /// Allowed; waits for a gap or for the voice.
    Allowed,
    /// Prim was called by name and attends.
    Attending,
    /// Prim asked and has dinged.
    Dinged,
    /// Prim asks for the floor.
    Asking,
    /// A remote person asks for the floor.
    RemoteHand,
    /// The room asks for the floor.
    RoomHand,
    /// Something is broken; the panel says what.
    Fault,
    /// In a meeting, listening.
    Listening,
    /// No meeting.
    Idle,
}

/// Where a ding sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DingPlace {
    /// On the room's loudspeaker.
    Room,
    /// Only for the host.
    Host,
}

/// Where dings may sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DingSetting {
    /// On the room's loudspeaker.
    Room,
    /// Only for the host.
    Host,
    /// Nowhere.
    Off,
}

/// What a banner is about; one banner per subject at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BannerAbout {
    /// A request for the floor.
    Request {
        /// Which.
        request: RequestId,
    },
    /// The running timebox.
    Timebox,
    /// The talk has left the item.
    Drift,
    /// Consent and recording.
    Consent,
    /// Mute.
    Mute,
}

/// Where the floor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FloorState {
    /// Nobody asks.
    Idle,
    /// The head of the queue asks by light and banner.
    Asking,
    /// It has dinged.
    Dinged,
    /// It may speak and waits for a gap, or for the person to begin.
    Allowed,
    /// Prim speaks.
    Speaking,
}

/// The floor as panels show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloorView {
    /// Where it stands.
    pub state: FloorState,
    /// The request it is about.
    pub request: Option<RequestId>,
    /// Why that request was made.
    pub reason: Option<crate::AskReason>,
    /// All open requests, first come first.
    pub queue: Vec<RequestId>,
}

/// The agenda clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeboxView {
    /// Which item.
    pub item: AgendaItemId,
    /// Its title.
    pub title: String,
    /// Planned time with extensions; 0 means no limit.
    pub planned_ms: u64,
    /// Time used so far.
    pub spent_ms: u64,
    /// It is the running one.
    pub running: bool,
}
