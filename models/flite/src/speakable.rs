//! Text as flite can read it: printable ASCII. It reads bytes, and says nonsense for others.

/// The most characters of one call: a minute of speech; callers cut longer text into clauses.
pub(crate) const MAX_CHARS: usize = 800;

/// `text` with accents dropped, typographic marks replaced and everything else unreadable left out; `None` when no
/// letter or digit remains.
pub(crate) fn speakable(text: &str) -> Option<String> {
    let plain: String = text.chars().map(plain).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    plain.chars().any(|c| c.is_ascii_alphanumeric()).then_some(plain)
}

fn plain(c: char) -> char {
    match c {
        ' '..='~' => c,
        '’' | '‘' | '´' => '\'',
        '“' | '”' | '„' | '«' | '»' => '"',
        '–' | '—' => ',',
        '…' => '.',
        'À'..='Æ' => 'A',
        'à'..='æ' | 'ā' | 'ă' | 'ą' => 'a',
        'Ç' | 'Ć' | 'Č' => 'C',
        'ç' | 'ć' | 'č' => 'c',
        'È'..='Ë' => 'E',
        'è'..='ë' | 'ē' | 'ę' | 'ě' => 'e',
        'Ì'..='Ï' => 'I',
        'ì'..='ï' | 'ī' | 'ı' => 'i',
        'Ł' => 'L',
        'ł' => 'l',
        'Ñ' => 'N',
        'ñ' | 'ń' | 'ň' => 'n',
        'Ò'..='Ö' | 'Ø' => 'O',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'Ř' => 'R',
        'ř' => 'r',
        'Ś' | 'Š' => 'S',
        'ś' | 'š' | 'ş' | 'ß' => 's',
        'Ù'..='Ü' => 'U',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'Ž' => 'Z',
        'ź' | 'ż' | 'ž' => 'z',
        _ => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn accents_and_marks_become_plain() {
        assert_eq!(speakable("José’s  “plan” – ok…").as_deref(), Some("Jose's \"plan\" , ok."));
    }

    #[test]
    fn nothing_readable_is_nothing() {
        assert_eq!(speakable("東京 …\0"), None);
    }

    proptest! {
        #[test]
        fn only_printable_ascii_remains(text in "\\PC{0,60}") {
            if let Some(plain) = speakable(&text) {
                prop_assert!(plain.bytes().all(|b| (b' '..=b'~').contains(&b)));
            }
        }
    }
}
