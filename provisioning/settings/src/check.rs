//! Holds a file against the list of its keys.

use std::fmt;

use toml::{Table, Value};

use crate::line::line_of;
use crate::near::nearest;
use crate::{Key, Need, Takes};

/// Everything that does not fit, at least one: alone half a sentence that begins with the key, else a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongSettings(Vec<WrongSetting>);

impl WrongSettings {
    /// One by one, section by section, what is missing behind what is there.
    pub fn iter(&self) -> impl Iterator<Item = &WrongSetting> {
        self.0.iter()
    }

    /// What somebody else found; `Ok` when that is nothing.
    ///
    /// # Errors
    /// All of `found`.
    pub fn none_of(found: Vec<WrongSetting>) -> Result<(), Self> {
        if found.is_empty() { Ok(()) } else { Err(Self(found)) }
    }
}

impl std::error::Error for WrongSettings {}

impl fmt::Display for WrongSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [one] = self.0.as_slice() {
            return one.fmt(f);
        }
        write!(f, "{} settings do not fit", self.0.len())?;
        self.0.iter().try_for_each(|wrong| write!(f, "\n  {wrong}"))
    }
}

/// A thing that does not fit, as half a sentence that begins with the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongSetting {
    /// There is no such key or section.
    #[error("{place} is no key{}; {known}", hint(advice))]
    UnknownKey {
        /// The key, with its section and line.
        place: String,
        /// What was probably meant.
        advice: Option<String>,
        /// What there is.
        known: String,
    },
    /// A key that must be there is not.
    #[error("{place} is missing; accepted is {accepted}")]
    Missing {
        /// The key, with its section.
        place: String,
        /// What to write, with an example.
        accepted: String,
    },
    /// A value that does not fit.
    #[error("{place} {what}; accepted is {accepted}")]
    WrongValue {
        /// The key with its value, section and line.
        place: String,
        /// What is wrong with it.
        what: String,
        /// What to write, with an example.
        accepted: String,
    },
}

impl WrongSetting {
    /// Whether it is a slip of the hand for the key `name`.
    fn means(&self, name: &str) -> bool {
        match self {
            Self::UnknownKey { advice, .. } => *advice == Some(did_you_mean(name)),
            Self::Missing { .. } | Self::WrongValue { .. } => false,
        }
    }
}

fn did_you_mean(name: &str) -> String {
    format!("did you mean {name}?")
}

fn hint(advice: &Option<String>) -> String {
    advice.as_ref().map(|advice| format!(", {advice}")).unwrap_or_default()
}

/// Whether everything in `table` is known and fits, and everything needed is there. `text`: the file, to name lines in.
///
/// # Errors
/// Everything that does not. A needed key that an unknown one was probably meant to be is not also called missing: one slip
/// of the hand is told once.
pub fn check(table: &Table, keys: &[Key], text: &str) -> Result<(), WrongSettings> {
    let file = File { keys, text };
    let mut wrong = Vec::new();
    file.section(table, At { section: "", number: 0 }, &mut wrong);
    for key in keys.iter().filter(|key| key.need == Need::Always) {
        let section = key.parts().0;
        let misspelt = format!("[{section}]");
        // What is missing in a section that is there, was told with it.
        let is_told = section.is_empty() || find(table, section).is_some();
        if !is_told && !wrong.iter().any(|wrong| wrong.means(&misspelt)) {
            wrong.push(missing(key, At { section, number: 0 }));
        }
    }
    WrongSettings::none_of(wrong)
}

struct File<'a> {
    keys: &'a [Key],
    text: &'a str,
}

/// A section, the `number`th of it where there are several (else 0).
#[derive(Clone, Copy)]
struct At<'a> {
    section: &'a str,
    number: usize,
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.section.strip_suffix("[]"), self.section, self.number) {
            (Some(section), _, 0) => write!(f, "[[{section}]] "),
            (Some(section), _, number) => write!(f, "[[{section}]] number {number}: "),
            (None, "", _) => Ok(()),
            (None, section, _) => write!(f, "[{section}] "),
        }
    }
}

impl File<'_> {
    fn section(&self, table: &Table, at: At<'_>, wrong: &mut Vec<WrongSetting>) {
        let path = |name: &str| match at.section {
            "" => name.to_owned(),
            section => format!("{section}.{name}"),
        };
        let before = wrong.len();
        for (name, value) in table {
            let full = path(name);
            let below = |separator: &str| {
                let head = format!("{full}{separator}");
                self.keys.iter().any(|key| key.name.starts_with(&head))
            };
            if let Some(key) = self.keys.iter().find(|key| key.name == full) {
                wrong.extend(self.value(key, value, at));
            } else if below(".") {
                match value.as_table() {
                    Some(inner) => self.section(inner, At { section: &full, number: 0 }, wrong),
                    None => wrong.push(self.no_section(&full, value, at, "[")),
                }
            } else if below("[].") {
                let section = format!("{full}[]");
                let Some(all) = value.as_array() else {
                    wrong.push(self.no_section(&full, value, at, "[["));
                    continue;
                };
                for (number, inner) in (1..).zip(all) {
                    match inner.as_table() {
                        Some(inner) => self.section(inner, At { section: &section, number }, wrong),
                        None => wrong.push(self.no_section(&full, inner, at, "[[")),
                    }
                }
            } else {
                wrong.push(self.unknown(name, &full, value, at));
            }
        }
        let here = &wrong[before..];
        let needed = |key: &&Key| {
            let name = key.parts().1;
            key.parts().0 == at.section
                && key.need != Need::Optional
                && !table.contains_key(name)
                && !here.iter().any(|wrong| wrong.means(name))
        };
        let gone: Vec<_> = self.keys.iter().filter(needed).map(|key| missing(key, at)).collect();
        wrong.extend(gone);
    }

    fn value(&self, key: &Key, value: &Value, at: At<'_>) -> Option<WrongSetting> {
        let what = match (key.takes, value) {
            (Takes::Whole { low, high, .. }, Value::Integer(number)) => {
                let fits = u64::try_from(*number).is_ok_and(|number| (low..=high).contains(&number));
                if fits { None } else { Some("is out of range") }
            }
            (Takes::YesOrNo, Value::Boolean(_)) => None,
            (Takes::Text { .. } | Takes::OneOf(_), Value::String(text)) if text.is_empty() => {
                Some("is empty")
            }
            (Takes::Text { fits, .. }, Value::String(text)) => {
                if fits(text) {
                    None
                } else {
                    Some("does not fit")
                }
            }
            (Takes::OneOf(words), Value::String(text)) => {
                if words.contains(&text.as_str()) {
                    None
                } else {
                    Some("does not fit")
                }
            }
            (Takes::Whole { .. } | Takes::YesOrNo | Takes::Text { .. } | Takes::OneOf(_), other) => {
                Some(is(other))
            }
        };
        let (what, name) = (what?.to_owned(), key.parts().1);
        let place = format!("{at}{name} = {}{}", shown(value), self.line(at, name));
        Some(WrongSetting::WrongValue { place, what, accepted: accepted(key, Some(value)) })
    }

    fn unknown(&self, name: &str, full: &str, value: &Value, at: At<'_>) -> WrongSetting {
        let is_section = value.is_table();
        let place = if is_section {
            format!("[{full}]{}", self.line(At { section: full, number: 0 }, ""))
        } else {
            format!("{at}{name}{}", self.line(at, name))
        };
        let here = self.names_in(at.section);
        let elsewhere = self.keys.iter().find(|key| !is_section && key.parts().1 == name);
        let advice = match (nearest(name, here.iter().map(|name| name.trim_matches(['[', ']']))), elsewhere) {
            (Some(near), _) => {
                let written = here.iter().find(|known| known.trim_matches(['[', ']']) == near);
                Some(did_you_mean(written.map_or(near, String::as_str)))
            }
            (None, Some(key)) => {
                let there = At { section: key.parts().0, number: 0 }.to_string();
                let there = if there.is_empty() { "above all sections" } else { there.trim_end() };
                Some(format!("it belongs under {there}").replace("under above", "above"))
            }
            (None, None) => None,
        };
        let whose = match at.to_string().trim_end() {
            "" => "there are".to_owned(),
            section => format!("{} takes", section.trim_end_matches(':')),
        };
        WrongSetting::UnknownKey { place, advice, known: format!("{whose} {}", here.join(", ")) }
    }

    /// What may stand directly in a section: keys by name, sections in brackets.
    fn names_in(&self, section: &str) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for key in self.keys {
            let rest = match section {
                "" => Some(key.name),
                section => key.name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
            };
            let Some(rest) = rest else { continue };
            let name = match rest.split_once('.') {
                None => rest.to_owned(),
                Some((inner, _)) => match inner.strip_suffix("[]") {
                    Some(inner) => format!("[[{inner}]]"),
                    None => format!("[{inner}]"),
                },
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn no_section(&self, full: &str, value: &Value, at: At<'_>, bracket: &str) -> WrongSetting {
        let name = full.rsplit_once('.').map_or(full, |(_, name)| name);
        let close = bracket.replace('[', "]");
        WrongSetting::WrongValue {
            place: format!("{at}{name} = {}{}", shown(value), self.line(at, name)),
            what: is(value).to_owned(),
            accepted: format!("a section, which begins with a line {bracket}{full}{close}"),
        }
    }

    fn line(&self, at: At<'_>, key: &str) -> String {
        line_of(self.text, at.section, at.number, key)
            .map(|line| format!(" (line {line})"))
            .unwrap_or_default()
    }
}

fn find<'a>(table: &'a Table, name: &str) -> Option<&'a Value> {
    let mut steps = name.split('.');
    let first = table.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

fn missing(key: &Key, at: At<'_>) -> WrongSetting {
    WrongSetting::Missing { place: format!("{at}{}", key.parts().1), accepted: accepted(key, None) }
}

/// What to write instead of `value`.
fn accepted(key: &Key, value: Option<&Value>) -> String {
    let what = match key.takes {
        Takes::Whole { low, high, unit } => {
            let written = value.and_then(Value::as_str);
            let meant = written.and_then(|text| Some((text, unit.convert(text)?)));
            let bare = match (written, meant) {
                (None, _) => String::new(),
                (Some(_), None) => ", without quotes and unit".to_owned(),
                (Some(_), Some((text, number))) if text.trim() == number.to_string() => {
                    ", without quotes".to_owned()
                }
                (Some(_), Some((text, number))) => {
                    format!(", without quotes and unit ({} would be {number})", text.trim())
                }
            };
            format!("a whole number{} from {low} to {high}{bare}", unit.in_words())
        }
        Takes::YesOrNo => "true or false".to_owned(),
        Takes::Text { what, .. } => format!("{what}, in quotes"),
        Takes::OneOf([one]) => format!("{one:?}"),
        Takes::OneOf(words) => {
            let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
            format!("one of {}", quoted.join(", "))
        }
    };
    format!("{what}, for example {} = {}", key.parts().1, key.example)
}

fn is(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "is text",
        Value::Integer(_) => "is a number",
        Value::Float(_) => "is a fraction",
        Value::Boolean(_) => "is true or false",
        Value::Datetime(_) => "is a date",
        Value::Array(_) => "is a list",
        Value::Table(_) => "is a section",
    }
}

/// The value as it stands in the file, its beginning when it is long.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Table(_) => "{ … }".to_owned(),
        Value::Array(_) => "[ … ]".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.to_string(),
    };
    if text.chars().count() <= 60 { text } else { text.chars().take(60).collect::<String>() + "…" }
}

#[cfg(test)]
mod tests;
