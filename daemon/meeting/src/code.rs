//! A line of text for each value, lossless both ways: the input log, the snapshot and the transcripts use it.
//!
//! `CommandHeard { ear= Room speaker= - command= TimeLeft at= 12000 }`: a variant's name, then its fields in order.
//! A missing value is `-`, a list stands in `[ ]`, text in quotes with `\n`, `\"`, `\\` and `\u{..}` escaped, so that a
//! value is always one line. Names are the Rust names: renaming a variant or field breaks old logs, and a golden test
//! says so.

mod parts;
mod types;

use std::fmt::Write as _;

pub(crate) use parts::coded_struct;

/// Why a line could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read a value at byte {at}: expected {expected}")]
pub struct ReadError {
    at: usize,
    expected: &'static str,
}

/// A value with a text form.
pub(crate) trait Coded: Sized {
    fn write(&self, to: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError>;
}

/// The text form.
pub(crate) fn to_text<T: Coded>(value: &T) -> String {
    let mut writer = Writer::default();
    value.write(&mut writer);
    writer.text
}

/// The value of a whole text; trailing words are an error.
pub(crate) fn from_text<T: Coded>(text: &str) -> Result<T, ReadError> {
    let mut reader = Reader { text, at: 0 };
    let value = T::read(&mut reader)?;
    if reader.text[reader.at..].trim().is_empty() { Ok(value) } else { Err(reader.wrong("the end")) }
}

#[derive(Default)]
pub(crate) struct Writer {
    text: String,
}

impl Writer {
    pub(crate) fn word(&mut self, word: &str) {
        if !self.text.is_empty() {
            self.text.push(' ');
        }
        self.text.push_str(word);
    }

    /// A field's name and its value.
    pub(crate) fn field<T: Coded>(&mut self, name: &str, value: &T) {
        self.word(name);
        self.text.push('=');
        value.write(self);
    }
}

pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn wrong(&self, expected: &'static str) -> ReadError {
        ReadError { at: self.at, expected }
    }

    fn skip_spaces(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(' ').len();
    }

    /// The next run of characters other than spaces.
    pub(crate) fn word(&mut self) -> Result<&'a str, ReadError> {
        self.skip_spaces();
        let rest = &self.text[self.at..];
        let word = &rest[..rest.find(' ').unwrap_or(rest.len())];
        if word.is_empty() {
            return Err(self.wrong("a word"));
        }
        self.at += word.len();
        Ok(word)
    }

    fn peek(&self) -> Option<&'a str> {
        self.text[self.at..].trim_start_matches(' ').split(' ').next().filter(|word| !word.is_empty())
    }

    pub(crate) fn expect(&mut self, word: &'static str) -> Result<(), ReadError> {
        let start = self.at;
        if self.word()? == word {
            Ok(())
        } else {
            self.at = start;
            Err(self.wrong(word))
        }
    }

    /// A field by name.
    pub(crate) fn field<T: Coded>(&mut self, name: &'static str) -> Result<T, ReadError> {
        let start = self.at;
        if self.word()?.strip_suffix('=') != Some(name) {
            self.at = start;
            return Err(self.wrong(name));
        }
        T::read(self)
    }
}

impl Coded for String {
    fn write(&self, to: &mut Writer) {
        to.word("\"");
        for c in self.chars() {
            match c {
                '"' => to.text.push_str("\\\""),
                '\\' => to.text.push_str("\\\\"),
                '\n' => to.text.push_str("\\n"),
                c if c.is_control() || c == '\u{2028}' || c == '\u{2029}' => {
                    let _ = write!(to.text, "\\u{{{:x}}}", u32::from(c));
                }
                c => to.text.push(c),
            }
        }
        to.text.push('"');
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        from.skip_spaces();
        let mut rest = from.text[from.at..].char_indices();
        if rest.next().is_none_or(|(_, c)| c != '"') {
            return Err(from.wrong("a text in quotes"));
        }
        let mut text = String::new();
        while let Some((at, c)) = rest.next() {
            match c {
                '"' => {
                    from.at += at + 1;
                    return Ok(text);
                }
                '\\' => match rest.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some(c @ ('"' | '\\')) => text.push(c),
                    Some('u') => {
                        let code: String =
                            rest.by_ref().map(|(_, c)| c).skip(1).take_while(|c| *c != '}').take(8).collect();
                        let c = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                        text.push(c.ok_or_else(|| from.wrong("a character's number"))?);
                    }
                    Some(_) | None => return Err(from.wrong("a known escape")),
                },
                c => text.push(c),
            }
        }
        Err(from.wrong("the closing quote"))
    }
}

impl Coded for bool {
    fn write(&self, to: &mut Writer) {
        to.word(if *self { "yes" } else { "no" });
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        match from.word()? {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(from.wrong("yes or no")),
        }
    }
}

impl<T: Coded> Coded for Option<T> {
    fn write(&self, to: &mut Writer) {
        match self {
            Some(value) => {
                to.word("+");
                value.write(to);
            }
            None => to.word("-"),
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        match from.word()? {
            "+" => T::read(from).map(Some),
            "-" => Ok(None),
            _ => Err(from.wrong("+ or -")),
        }
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn write(&self, to: &mut Writer) {
        to.word("[");
        for value in self {
            value.write(to);
        }
        to.word("]");
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, ReadError> {
        from.expect("[")?;
        let mut values = Self::new();
        while from.peek() != Some("]") {
            values.push(T::read(from)?);
        }
        from.expect("]")?;
        Ok(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_quotes_lines_and_strange_characters_stays_one_line() {
        let text = "a \"quoted\"\nline \\ with\u{2028} \u{7f} é and [ brackets ]".to_owned();
        let line = to_text(&text);
        assert_eq!(line.lines().count(), 1);
        assert_eq!(from_text::<String>(&line), Ok(text));
    }

    #[test]
    fn lists_and_missing_values_are_told_apart() {
        let value = vec![Some("]".to_owned()), None, Some(String::new())];
        assert_eq!(from_text::<Vec<Option<String>>>(&to_text(&value)), Ok(value));
        assert!(from_text::<Vec<Option<String>>>("[ +").is_err());
        assert!(from_text::<bool>("yes no").is_err());
    }
}
