//! Light, button and mute switch.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use prim_ids::MonoTime;
use serde::{Deserialize, Serialize};

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What the light shows. Colour and motion are the board's; this is the meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum LightPattern {
            $($(#[$doc])* $name),+
        }

        impl LightPattern {
            /// Every pattern.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The pattern's name on the wire and in logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }

        impl FromStr for LightPattern {
            type Err = ParseLightError;
            fn from_str(s: &str) -> Result<Self, ParseLightError> {
                match s {
                    $($text => Ok(Self::$name),)+
                    other => Err(ParseLightError { text: other.chars().take(40).collect() }),
                }
            }
        }
    };
}

patterns! {
    /// No power, or nothing runs.
    Off = "off",
    /// Prim starts and does not listen yet.
    Starting = "starting",
    /// Ready, no meeting.
    Idle = "idle",
    /// In a meeting, hearing.
    Listening = "listening",
    /// The press was seen; what it means shows when the button is let go.
    Pressed = "pressed",
    /// Prim was called by name and attends.
    Attending = "attending",
    /// A press was taken: the room waits for the floor.
    Waiting = "waiting",
    /// A remote person waits for the floor.
    RemoteHand = "remote_hand",
    /// Prim asks for the floor.
    Asking = "asking",
    /// Prim asked and has dinged.
    Dinged = "dinged",
    /// Prim was allowed and is about to speak.
    Allowed = "allowed",
    /// Prim speaks.
    Speaking = "speaking",
    /// A request was answered with "not now".
    Declined = "declined",
    /// Muted by software (button held): hears nothing, can be lifted by software.
    Muted = "muted",
    /// Muted by the switch: only the switch lifts it.
    HardMuted = "hard_muted",
    /// The button has been held so long that going on resets the device.
    ResetWarning = "reset_warning",
    /// The reset was ordered and runs.
    Resetting = "resetting",
    /// Something is broken; the status page says what.
    Fault = "fault",
}

impl fmt::Display for LightPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no light pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read a light pattern from {text:?}: no such pattern")]
pub struct ParseLightError {
    text: String,
}

/// The light could not be set.
#[derive(Debug, thiserror::Error)]
#[error("show {pattern} on the light: {why}; the panel still shows it")]
pub struct ShowLightError {
    /// What should have been shown.
    pub pattern: LightPattern,
    /// What the back end says.
    pub why: String,
}

/// The light.
pub trait Indicator: Send {
    /// Shows `pattern` until the next call. Returns when the hardware (or its simulator) has been told.
    ///
    /// # Errors
    /// The light is gone or broken.
    fn show(&mut self, pattern: LightPattern) -> Result<(), ShowLightError>;
}

/// One edge of the floor button, before debouncing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ButtonEdge {
    /// True when it went down.
    pub pressed: bool,
    /// The kernel's time of the edge, not the time of reading.
    pub at: MonoTime,
}

/// One move of the mute switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MuteEdge {
    /// True when the microphones are cut now.
    pub muted: bool,
    /// The kernel's time of the move.
    pub at: MonoTime,
}

/// A button or switch that cannot be read any more.
#[derive(Debug, thiserror::Error)]
#[error("read the {what}: {why}; panel and voice still work")]
pub struct ReadControlError {
    /// `floor button` or `mute switch`.
    pub what: &'static str,
    /// What the back end says.
    pub why: String,
}

/// The floor button.
pub trait FloorButton: Send {
    /// The next edge, or `None` when none came within `timeout`.
    ///
    /// # Errors
    /// The button is gone.
    fn wait_edge(&mut self, timeout: Duration) -> Result<Option<ButtonEdge>, ReadControlError>;
}

/// The mute switch: it cuts the microphones by itself; software only learns of it.
pub trait MuteSwitch: Send {
    /// The next move, or `None` when none came within `timeout`.
    ///
    /// # Errors
    /// The switch is gone.
    fn wait_move(&mut self, timeout: Duration) -> Result<Option<MuteEdge>, ReadControlError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_read_back_from_its_name() {
        for pattern in LightPattern::ALL {
            assert_eq!(pattern.as_str().parse::<LightPattern>().as_ref(), Ok(pattern));
        }
        assert!("disco".parse::<LightPattern>().is_err());
    }
}
