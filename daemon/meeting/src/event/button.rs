//! What a press of the button came to mean.

/// What a press came to mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ButtonMeaning {
    /// Raise the room's hand.
    Hand,
    /// Lower the room's hand.
    HandDown,
    /// Allow the request that the light asked for.
    Allow,
    /// Not now.
    NotNow,
    /// Soft mute on or off.
    SoftMute,
    /// Stop speaking.
    Stop,
    /// Held for 10 s.
    ResetWarned,
    /// Let go between 10 s and 22 s.
    ResetCancelled,
    /// Held for 22 s.
    Reset,
    /// It had nothing left to act on.
    Nothing,
}
