//! What can be asked of a room.

use std::str::FromStr;

/// Talkers' active speech level at one metre, in dB below full scale: 0 dBFS stands for about 88 dB SPL here, and a
/// person at a metre speaks at about 62 dB SPL (ANSI S3.5 "normal" effort).
pub(super) const TALKER_DBFS: f32 = -26.0;

/// A room and where people sit in it.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomSpec {
    /// Reverberation time, in seconds.
    pub rt60_s: f64,
    /// From the array's centre to each mouth, in metres.
    pub distance_m: f64,
    /// How far the room's noise lies below a talker's speech at one metre, in dB, in the recogniser's band (0 to 8 kHz).
    pub noise_down_db: f32,
    /// The loudspeaker's gain: its level at one metre over the digital level, relative to a talker's, in dB.
    pub echo_db: f32,
    /// Where people sit: degrees from the board's front, counter-clockwise.
    pub bearings_deg: Vec<f32>,
    /// Noise and the walls' irregularities.
    pub seed: u64,
}

impl Default for RoomSpec {
    /// The treated huddle room of the demo.
    fn default() -> Self {
        Self {
            rt60_s: 0.25,
            distance_m: 1.0,
            noise_down_db: 30.0,
            echo_db: -9.0,
            bearings_deg: vec![35.0, 145.0, 260.0],
            seed: 1,
        }
    }
}

/// Why a room option cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read the room option {part:?}: {why}; for example rt60=0.4,distance=1.5,noise=25,echo=-9,seed=7")]
pub struct ParseRoomError {
    part: String,
    why: String,
}

impl FromStr for RoomSpec {
    type Err = ParseRoomError;

    /// `rt60=0.4,distance=1.5,noise=25,echo=-9,seed=7`: seconds, metres, dB; what is not named keeps its default.
    fn from_str(text: &str) -> Result<Self, ParseRoomError> {
        let mut spec = Self::default();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let fail = |why: String| ParseRoomError { part: part.chars().take(60).collect(), why };
            let (key, value) = part.split_once('=').ok_or_else(|| fail("it has no '='".into()))?;
            let number = |low: f64, high: f64, unit: &str| {
                let n: f64 = value.trim().parse().map_err(|_| fail("the value is no number".into()))?;
                if (low..=high).contains(&n) {
                    Ok(n)
                } else {
                    Err(fail(format!("{low} to {high} {unit} are possible")))
                }
            };
            match key.trim() {
                "rt60" => spec.rt60_s = number(0.1, 1.0, "s")?,
                "distance" => spec.distance_m = number(0.4, 3.0, "m")?,
                "noise" => spec.noise_down_db = number(0.0, 90.0, "dB")? as f32,
                "echo" => spec.echo_db = number(-60.0, 6.0, "dB")? as f32,
                "seed" => {
                    spec.seed =
                        value.trim().parse().map_err(|_| fail("the seed is no whole number".into()))?
                }
                other => return Err(fail(format!("{other:?} is none of rt60, distance, noise, echo, seed"))),
            }
        }
        Ok(spec)
    }
}

/// A point in metres.
pub(super) type Point = [f64; 3];

/// Walls and places, in metres.
#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) size: Point,
    pub(super) array: Point,
    pub(super) talkers: Vec<Point>,
}

impl RoomSpec {
    /// A huddle room of 4.6 × 4.0 × 2.7 m with the array on a table off its middle (no symmetric echoes); wider when
    /// people sit further away than it allows.
    pub(super) fn places(&self) -> Places {
        let wide = ((self.distance_m + 0.35) / 1.85).max(1.0);
        let size = [4.6 * wide, 4.0 * wide, 2.7];
        let array = [2.43 * wide, 1.91 * wide, 0.75];
        // A mouth is about 25 cm above the table device; the asked distance is the straight line.
        let up: f64 = 0.25;
        let flat = (self.distance_m * self.distance_m - up * up).max(0.01).sqrt();
        let talkers = self
            .bearings_deg
            .iter()
            .map(|&b| {
                let b = f64::from(b).to_radians();
                [array[0] + flat * b.cos(), array[1] + flat * b.sin(), array[2] + up]
            })
            .collect();
        Places { size, array, talkers }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn named_options_change_only_themselves() {
        let spec: RoomSpec = "rt60=0.4, distance=1.5".parse().unwrap();
        assert_eq!(spec, RoomSpec { rt60_s: 0.4, distance_m: 1.5, ..RoomSpec::default() });
    }

    #[test]
    fn a_wrong_option_is_named_with_what_is_possible() {
        for (text, part) in [
            ("rt60=4", "rt60=4"),
            ("rt=0.4", "rt=0.4"),
            ("distance", "distance"),
            ("noise=loud", "noise=loud"),
        ] {
            let error = text.parse::<RoomSpec>().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z0-9=,. -]{0,60}") {
            let _ = text.parse::<RoomSpec>();
        }
    }
}
