//! Whether Prim asks for the floor, as people in the room know it from the light.

use prim_hal::LightPattern;

/// Whether Prim asks once the light shows `pattern`; `before`: whether it asked until then. A press, the name and speech
/// cover the asking light for a while; people who have seen it know that the request is still there.
pub(crate) fn asks(before: bool, pattern: LightPattern) -> bool {
    match pattern {
        LightPattern::Asking | LightPattern::Dinged => true,
        LightPattern::Pressed
        | LightPattern::Attending
        | LightPattern::Speaking
        | LightPattern::ResetWarning => before,
        LightPattern::Off
        | LightPattern::Starting
        | LightPattern::Idle
        | LightPattern::Listening
        | LightPattern::Waiting
        | LightPattern::RemoteHand
        | LightPattern::Allowed
        | LightPattern::Declined
        | LightPattern::Muted
        | LightPattern::HardMuted
        | LightPattern::Resetting
        | LightPattern::Fault => false,
    }
}
