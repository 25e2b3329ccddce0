//! Of what a number is, and what somebody who wrote the unit beside it meant.

/// Of what a whole number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// 1024 × 1024 bytes.
    Mebibytes,
    /// Things, which this names.
    Of(&'static str),
    /// A plain number.
    None,
}

/// Seconds in each unit of time; `m` is a minute.
const TIMES: [(&str, f64); 13] = [
    ("ms", 0.001),
    ("millisecond", 0.001),
    ("milliseconds", 0.001),
    ("s", 1.0),
    ("sec", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hours", 3600.0),
];
/// Mebibytes in each unit of size, read as people mean it on a disk.
const SIZES: [(&str, f64); 6] =
    [("mib", 1.0), ("mb", 1.0), ("m", 1.0), ("gib", 1024.0), ("gb", 1024.0), ("g", 1024.0)];

impl Unit {
    /// ` of milliseconds`; empty for a plain number.
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::Milliseconds => " of milliseconds".to_owned(),
            Self::Seconds => " of seconds".to_owned(),
            Self::Mebibytes => " of MiB".to_owned(),
            Self::Of(things) => format!(" of {things}"),
            Self::None => String::new(),
        }
    }

    /// `5 s` as a number of this unit, when it is a whole one.
    pub(crate) fn convert(self, text: &str) -> Option<u64> {
        let text = text.trim().to_ascii_lowercase();
        let (number, word) = match text.find(|c: char| !c.is_ascii_digit() && c != '.') {
            Some(end) => (text.get(..end)?, text.get(end..)?.trim()),
            None => (text.as_str(), ""),
        };
        let number: f64 = number.parse().ok()?;
        let factor = |words: &[(&str, f64)], of_one: f64| {
            words.iter().find(|(name, _)| *name == word).map(|(_, size)| size / of_one)
        };
        let factor = match self {
            _ if word.is_empty() => 1.0,
            Self::Milliseconds => factor(&TIMES, 0.001)?,
            Self::Seconds => factor(&TIMES, 1.0)?,
            Self::Mebibytes => factor(&SIZES, 1.0)?,
            Self::Of(_) | Self::None => return None,
        };
        let value = (number * factor).round();
        let whole = (number * factor - value).abs() < 1e-6 && (0.0..1e15).contains(&value);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
        whole.then_some(value as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_beside_a_number_is_understood() {
        assert_eq!(Unit::Milliseconds.convert("5 s"), Some(5000));
        assert_eq!(Unit::Milliseconds.convert("500ms"), Some(500));
        assert_eq!(Unit::Milliseconds.convert("0.5 s"), Some(500));
        assert_eq!(Unit::Seconds.convert("10 min"), Some(600));
        assert_eq!(Unit::Seconds.convert("600"), Some(600));
        assert_eq!(Unit::Mebibytes.convert("2 GiB"), Some(2048));
        assert_eq!(Unit::Seconds.convert("20 ms"), None, "not a whole number of seconds");
        assert_eq!(Unit::Milliseconds.convert("soon"), None);
        assert_eq!(Unit::Of("batches").convert("5 s"), None);
    }

    proptest::proptest! {
        #[test]
        fn converting_anything_never_panics(text in ".{0,20}") {
            for unit in [Unit::Milliseconds, Unit::Seconds, Unit::Mebibytes, Unit::Of("x"), Unit::None] {
                let _ = unit.convert(&text);
            }
        }
    }
}
