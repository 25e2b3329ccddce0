//! A board is data: where the microphones sit, how late they are, which controls exist.

use serde::Deserialize;

/// The boards that ship with Prim, by name.
const BUILTIN: &[(&str, &str)] = &[("sim-huddle", include_str!("../../boards/sim-huddle.toml"))];

/// Why a board description is not one.
#[derive(Debug, thiserror::Error)]
pub enum ReadBoardError {
    /// The text is no TOML, or has a key, type or unit that boards do not have.
    #[error("read the board description")]
    Syntax(#[source] Box<toml::de::Error>),
    /// The numbers cannot be a board.
    #[error("read the board description of {board:?}: {key} {why}")]
    Value {
        /// The board's name.
        board: String,
        /// The key at fault.
        key: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// No board of that name ships with Prim.
    #[error(
        "find the board {name:?}: the boards that ship with Prim are {known}; give a path to use your own"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

/// One kind of device.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    /// Its name: `a-z`, `0-9`, `-`.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub about: String,
    /// The microphones.
    pub mic: MicLayout,
    /// The loudspeaker, when there is one.
    pub speaker: Option<SpeakerPlace>,
    /// Which controls exist.
    #[serde(default)]
    pub controls: Controls,
}

/// Where the microphones sit: millimetres from the array's centre, x to the front (0°), y to the left (90°), z up.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MicLayout {
    /// Frames per second; 48 000 for every board so far.
    pub rate_hz: u32,
    /// One `[x, y, z]` per channel, in channel order.
    pub positions_mm: Vec<[f64; 3]>,
    /// From the air to the daemon, beyond the block itself.
    pub latency_ms: f64,
}

/// Where the loudspeaker sits, in the microphones' coordinates.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeakerPlace {
    /// Frames per second.
    pub rate_hz: u32,
    /// `[x, y, z]` from the array's centre.
    pub position_mm: [f64; 3],
    /// From `write` on an empty queue to the air.
    pub latency_ms: f64,
}

/// The controls a board has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Controls {
    /// A floor button.
    pub button: bool,
    /// A hardware mute switch.
    pub mute_switch: bool,
    /// A light.
    pub light: bool,
}

impl MicLayout {
    /// How many channels each frame has.
    #[must_use]
    pub fn channels(&self) -> u16 {
        u16::try_from(self.positions_mm.len()).unwrap_or(u16::MAX)
    }

    /// The largest distance of a microphone from the centre.
    #[must_use]
    pub fn radius_mm(&self) -> f64 {
        self.positions_mm.iter().map(|p| (p[0] * p[0] + p[1] * p[1] + p[2] * p[2]).sqrt()).fold(0.0, f64::max)
    }
}

impl Board {
    /// Reads a description and checks that it can be a board.
    ///
    /// # Errors
    /// Names the key and the reason; unknown keys are errors.
    pub fn parse(text: &str) -> Result<Self, ReadBoardError> {
        let board: Self = toml::from_str(text).map_err(|e| ReadBoardError::Syntax(Box::new(e)))?;
        board.check()?;
        Ok(board)
    }

    /// A board that ships with Prim.
    ///
    /// # Errors
    /// No board has that name.
    pub fn builtin(name: &str) -> Result<Self, ReadBoardError> {
        match BUILTIN.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => Self::parse(text),
            None => Err(ReadBoardError::Unknown {
                name: name.chars().take(60).collect(),
                known: BUILTIN.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", "),
            }),
        }
    }

    fn check(&self) -> Result<(), ReadBoardError> {
        let fail = |key: &'static str, why: String| {
            Err(ReadBoardError::Value { board: self.name.chars().take(60).collect(), key, why })
        };
        let named = !self.name.is_empty()
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !named {
            return fail("name", "must be made of a-z, 0-9 and '-'".into());
        }
        if !(1..=16).contains(&self.mic.positions_mm.len()) {
            return fail(
                "mic.positions_mm",
                format!("has {} lines; 1 to 16 are possible", self.mic.positions_mm.len()),
            );
        }
        if self.mic.rate_hz != prim_audio::DEVICE_RATE.hz() {
            return fail("mic.rate_hz", format!("is {}; only 48000 is possible", self.mic.rate_hz));
        }
        for (i, a) in self.mic.positions_mm.iter().enumerate() {
            // A metre is the limit because a number above it is nearly always metres or inches taken for millimetres.
            if !a.iter().all(|v| v.is_finite() && v.abs() <= 1000.0) {
                return fail("mic.positions_mm", format!("line {i} lies more than 1000 mm from the centre"));
            }
            if self.mic.positions_mm[..i].contains(a) {
                return fail("mic.positions_mm", format!("line {i} repeats an earlier place"));
            }
        }
        if !(0.0..=200.0).contains(&self.mic.latency_ms) {
            return fail("mic.latency_ms", format!("is {}; 0 to 200 is possible", self.mic.latency_ms));
        }
        if let Some(speaker) = &self.speaker {
            if speaker.rate_hz != prim_audio::DEVICE_RATE.hz() {
                return fail("speaker.rate_hz", format!("is {}; only 48000 is possible", speaker.rate_hz));
            }
            if !speaker.position_mm.iter().all(|v| v.is_finite() && v.abs() <= 10_000.0) {
                return fail("speaker.position_mm", "lies more than 10 m from the array".into());
            }
            if !(0.0..=500.0).contains(&speaker.latency_ms) {
                return fail(
                    "speaker.latency_ms",
                    format!("is {}; 0 to 500 is possible", speaker.latency_ms),
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sim() -> &'static str {
        BUILTIN[0].1
    }

    #[test]
    fn every_builtin_board_is_valid_and_carries_its_own_name() {
        for (name, text) in BUILTIN {
            assert_eq!(Board::parse(text).unwrap().name, *name);
        }
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = Board::parse(&sim().replace("latency_ms = 30", "latency_us = 30")).unwrap_err();
        let ReadBoardError::Syntax(source) = &error else { panic!("{error}") };
        assert!(source.to_string().contains("latency_us"), "{source}");
    }

    #[test]
    fn a_board_in_metres_is_refused_as_such_a_place_cannot_repeat() {
        let error = Board::parse(&sim().replace("[35.0, 0.0, 0.0]", "[3500.0, 0.0, 0.0]")).unwrap_err();
        assert!(error.to_string().contains("mic.positions_mm"), "{error}");
        let error = Board::parse(&sim().replace("[0.0, 35.0, 0.0]", "[35.0, 0.0, 0.0]")).unwrap_err();
        assert!(error.to_string().contains("repeats"), "{error}");
    }

    #[test]
    fn an_unknown_board_names_those_there_are() {
        let error = Board::builtin("prim-xl").unwrap_err().to_string();
        assert!(error.contains("prim-xl") && error.contains("sim-huddle"), "{error}");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,400}") {
            let _ = Board::parse(&text);
        }

        #[test]
        fn no_change_of_one_line_makes_the_parser_panic(line in 0_usize..40, junk in "[ -~]{0,40}") {
            let text: Vec<&str> = sim().lines().collect();
            let mut text: Vec<String> = text.into_iter().map(str::to_owned).collect();
            let n = text.len();
            text[line % n] = junk;
            let _ = Board::parse(&text.join("\n"));
        }
    }
}
