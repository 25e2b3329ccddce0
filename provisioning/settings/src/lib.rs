//! What a configuration file may hold, as a list of keys, and what is wrong with one, in words that say what to write.
//!
//! **What it is.** A [`Key`] names its section, what it takes in which unit, and an example. [`check`] holds a file
//! against such a list and names everything that does not fit: the key, its line, what is wrong with it, what is
//! accepted. **Who calls it:** `primd` and `prim-gateway`, before serde sees the file. **What it never does:** read files
//! or the environment, know a default, keep a value.
//!
//! ```
//! use prim_settings::{Key, Unit, whole};
//! const KEYS: &[Key] = &[whole("speech.endpoint_ms", 200, 3000, Unit::Milliseconds, "500")];
//! let table = "[speech]\nendpoint_ms = \"0.5 s\"".parse::<toml::Table>()?;
//! let wrong = prim_settings::check(&table, KEYS, "").unwrap_err();
//! assert_eq!(
//!     wrong.to_string(),
//!     "[speech] endpoint_ms = \"0.5 s\" is text; accepted is a whole number of milliseconds from 200 to 3000, without \
//!      quotes and unit (0.5 s would be 500), for example endpoint_ms = 500"
//! );
//! # Ok::<(), toml::de::Error>(())
//! ```
#![warn(missing_docs)]

mod check;
mod line;
mod near;
mod unit;

pub use check::{WrongSetting, WrongSettings, check};
pub use line::line_of;
pub use unit::Unit;

/// One key of a configuration file.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// With its section: `instance`, `speech.endpoint_ms`, `agenda[].title` in each of several.
    pub name: &'static str,
    /// Whether it must be there.
    pub need: Need,
    /// What it takes.
    pub takes: Takes,
    /// A value that fits, as TOML.
    pub example: &'static str,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Always.
    Always,
    /// Where its section is there.
    InSection,
    /// Never.
    Optional,
}

/// What a key takes.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// A whole number in this range.
    Whole {
        /// The smallest.
        low: u64,
        /// The largest.
        high: u64,
        /// Of what.
        unit: Unit,
    },
    /// `true` or `false`.
    YesOrNo,
    /// Text that `fits`.
    Text {
        /// What is accepted, in words.
        what: &'static str,
        /// Whether this is.
        fits: fn(&str) -> bool,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
}

impl Key {
    /// It must always be there.
    #[must_use]
    pub const fn always(self) -> Self {
        Self { need: Need::Always, ..self }
    }

    /// It must be there where its section is.
    #[must_use]
    pub const fn in_section(self) -> Self {
        Self { need: Need::InSection, ..self }
    }

    /// `speech` and `endpoint_ms`; the section is empty at the top.
    #[must_use]
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.rsplit_once('.').unwrap_or(("", self.name))
    }
}

/// A number; optional.
#[must_use]
pub const fn whole(name: &'static str, low: u64, high: u64, unit: Unit, example: &'static str) -> Key {
    Key { name, need: Need::Optional, takes: Takes::Whole { low, high, unit }, example }
}

/// A path; optional.
#[must_use]
pub const fn path(name: &'static str, example: &'static str) -> Key {
    text(name, "a path", |text| !text.is_empty(), example)
}

/// Text that `fits`; optional.
#[must_use]
pub const fn text(
    name: &'static str,
    what: &'static str,
    fits: fn(&str) -> bool,
    example: &'static str,
) -> Key {
    Key { name, need: Need::Optional, takes: Takes::Text { what, fits }, example }
}

/// One of these words; optional.
#[must_use]
pub const fn one_of(name: &'static str, words: &'static [&'static str], example: &'static str) -> Key {
    Key { name, need: Need::Optional, takes: Takes::OneOf(words), example }
}

/// `true` or `false`; optional.
#[must_use]
pub const fn yes_or_no(name: &'static str, example: &'static str) -> Key {
    Key { name, need: Need::Optional, takes: Takes::YesOrNo, example }
}

/// Whether `text` reads as a `T`.
#[must_use]
pub fn reads_as<T: std::str::FromStr>(text: &str) -> bool {
    text.parse::<T>().is_ok()
}
