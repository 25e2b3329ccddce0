//! From letters to sounds: a guess at the pronunciation of a name or a title's word that no dictionary has.
//!
//! Context-free rules, longest spelling first, in the 39 phones of the CMU dictionary. Good enough to be recognised
//! when the word is expected; a dictionary entry is always better.

/// Spelling and sound; the longest match wins, and of two equally long ones the first.
const RULES: &[(&str, &str)] = &[
    ("tsch", "CH"),
    ("eigh", "EY"),
    ("ough", "AO"),
    ("augh", "AO"),
    ("tion", "SH AH N"),
    ("sion", "ZH AH N"),
    ("sch", "SH"),
    ("tch", "CH"),
    ("igh", "AY"),
    ("eau", "OW"),
    ("ski", "S K IY"),
    ("sky", "S K IY"),
    ("dge", "JH"),
    ("que", "K"),
    ("qu", "K W"),
    ("ch", "CH"),
    ("sh", "SH"),
    ("th", "TH"),
    ("ph", "F"),
    ("wh", "W"),
    ("ck", "K"),
    ("ng", "NG"),
    ("gh", "G"),
    ("kn", "N"),
    ("wr", "R"),
    ("rh", "R"),
    ("zh", "ZH"),
    ("kh", "K"),
    ("cz", "CH"),
    ("sz", "SH"),
    ("ts", "T S"),
    ("aa", "AA"),
    ("ai", "EY"),
    ("ay", "EY"),
    ("au", "AO"),
    ("aw", "AO"),
    ("ea", "IY"),
    ("ee", "IY"),
    ("ei", "AY"),
    ("eu", "OY"),
    ("ew", "UW"),
    ("ey", "IY"),
    ("ie", "IY"),
    ("oa", "OW"),
    ("oe", "OW"),
    ("oi", "OY"),
    ("oo", "UW"),
    ("ou", "AW"),
    ("ow", "OW"),
    ("oy", "OY"),
    ("ue", "UW"),
    ("ui", "UW"),
    ("er", "ER"),
    ("ir", "ER"),
    ("ur", "ER"),
    ("ar", "AA R"),
    ("or", "AO R"),
    ("ce", "S EH"),
    ("ci", "S IH"),
    ("cy", "S IY"),
    ("ge", "JH EH"),
    ("gi", "JH IH"),
    ("a", "AE"),
    ("b", "B"),
    ("c", "K"),
    ("d", "D"),
    ("e", "EH"),
    ("f", "F"),
    ("g", "G"),
    ("h", "HH"),
    ("i", "IH"),
    ("j", "JH"),
    ("k", "K"),
    ("l", "L"),
    ("m", "M"),
    ("n", "N"),
    ("o", "OW"),
    ("p", "P"),
    ("q", "K"),
    ("r", "R"),
    ("s", "S"),
    ("t", "T"),
    ("u", "AH"),
    ("v", "V"),
    ("w", "W"),
    ("x", "K S"),
    ("y", "Y"),
    ("z", "Z"),
];

/// Plain letters for the common accented ones.
fn plain(c: char) -> Option<char> {
    Some(match c {
        'a'..='z' => c,
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' | 'æ' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' | 'ð' => 'd',
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì' | 'í' | 'î' | 'ï' | 'ī' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ő' | 'œ' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ß' => 's',
        'ť' | 'ţ' => 't',
        'ù' | 'ú' | 'û' | 'ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        _ => return None,
    })
}

/// The word in plain letters and apostrophes, lower case: how the dictionary and the language model spell it.
/// `None` when nothing remains or the word holds other characters (digits, other scripts).
pub(crate) fn spelled(word: &str) -> Option<String> {
    let word = word.to_lowercase();
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let letters: Option<String> =
        word.chars().map(|c| if c == '\'' || c == '’' { Some('\'') } else { plain(c) }).collect();
    letters.filter(|w| !w.is_empty())
}

/// A pronunciation for a word as [`spelled`] gives it.
pub(crate) fn sounds(word: &str) -> String {
    let letters: String = word.chars().filter(char::is_ascii_lowercase).collect();
    let mut rest = letters.as_str();
    let mut phones: Vec<&str> = Vec::new();
    while !rest.is_empty() {
        let at_end = rest.len() < letters.len();
        let (spelling, sound) = RULES
            .iter()
            .filter(|(s, _)| rest.starts_with(s))
            .max_by_key(|(s, _)| (s.len(), usize::from(phones.is_empty())))
            .copied()
            .unwrap_or(("", ""));
        let sound = match rest {
            "e" if phones.len() > 1 => "",
            "y" | "i" if at_end => "IY",
            "a" | "ah" if at_end => "AH",
            "es" if at_end && phones.len() > 1 => "IH Z",
            _ => sound,
        };
        for phone in sound.split(' ').filter(|p| !p.is_empty()) {
            // Doubled letters are one sound.
            if phones.last() != Some(&phone) {
                phones.push(phone);
            }
        }
        let used = match rest {
            "ah" | "es" if at_end && !sound.is_empty() && sound != "HH" => rest.len(),
            _ => spelling.len().max(1),
        };
        rest = rest.get(used..).unwrap_or_default();
    }
    if phones.is_empty() { "AH".to_owned() } else { phones.join(" ") }
}

/// How different two pronunciations are: 0 the same, 1 nothing in common.
pub(crate) fn distance(a: &[&str], b: &[&str]) -> f32 {
    let longest = a.len().max(b.len());
    if longest == 0 {
        return 0.0;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or(longest) as f32 / longest as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_sound_about_right() {
        assert_eq!(sounds("jorek"), "JH AO R EH K");
        assert_eq!(sounds("nakashi"), "N AE K AE SH IY");
        assert_eq!(sounds("bella"), "B EH L AH");
        assert_eq!(sounds("okafor"), "OW K AE F AO R");
    }

    #[test]
    fn accents_become_plain_letters_and_other_scripts_nothing() {
        assert_eq!(spelled("José,").as_deref(), Some("jose"));
        assert_eq!(spelled("O’Brien").as_deref(), Some("o'brien"));
        assert_eq!(spelled("東京"), None);
        assert_eq!(spelled("Q3"), None);
    }

    #[test]
    fn distance_counts_changed_sounds() {
        let prim = ["P", "R", "IH", "M"];
        assert_eq!(distance(&prim, &prim), 0.0);
        assert_eq!(distance(&prim, &["P", "R", "AY", "M"]), 0.25);
        assert_eq!(distance(&prim, &[]), 1.0);
    }

    proptest! {
        #[test]
        fn every_word_gets_known_phones(word in "[a-zA-Zäéøñ'’]{1,40}") {
            if let Some(word) = spelled(&word) {
                let known: Vec<&str> = RULES.iter().flat_map(|(_, s)| s.split(' ')).chain(["IH", "Z"]).collect();
                for phone in sounds(&word).split(' ') {
                    prop_assert!(known.contains(&phone), "{}", phone);
                }
            }
        }

        #[test]
        fn distance_is_symmetric(a in prop::collection::vec("[A-D]", 0..8), b in prop::collection::vec("[A-D]", 0..8)) {
            let a: Vec<&str> = a.iter().map(String::as_str).collect();
            let b: Vec<&str> = b.iter().map(String::as_str).collect();
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
        }
    }
}
