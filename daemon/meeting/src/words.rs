//! Words of a weak recogniser: cut, compared with tolerance, counted. Integers only, so that a replay is exact.

/// One word of a text and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) word: String,
    /// Byte offset just behind the word.
    pub(crate) end: usize,
}

/// The words of `text`: lower case, letters and digits only; hesitations are left out.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut word = String::new();
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        if c.is_alphanumeric() {
            word.extend(c.to_lowercase());
        } else if c != '\'' && c != '’' && !word.is_empty() {
            let done = std::mem::take(&mut word);
            if !matches!(done.as_str(), "um" | "uh" | "er" | "please" | "hey") {
                found.push(Token { word: done, end: at });
            }
        }
    }
    found
}

/// Edit distance of two words (Levenshtein 1966), in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The same word, as far as a weak recogniser can tell. Short words must be equal: at three letters one error makes
/// another word. From four letters on a third of the longer one may differ.
pub(crate) fn alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (short, long) = (a.chars().count().min(b.chars().count()), a.chars().count().max(b.chars().count()));
    short >= 4 && long <= 40 && distance(a, b) * 3 <= long
}

/// How a word sounds, roughly: the kinds of its consonants in order (Russell's Soundex 1918, without its end), a vowel
/// in front apart.
fn sound(word: &str) -> String {
    let kind = |c: char| match c {
        'b' | 'f' | 'p' | 'v' => Some('1'),
        'c' | 'g' | 'j' | 'k' | 'q' | 's' | 'x' | 'z' => Some('2'),
        'd' | 't' => Some('3'),
        'l' => Some('4'),
        'm' | 'n' => Some('5'),
        'r' => Some('6'),
        _ => None,
    };
    let mut sound = String::new();
    let mut last = None;
    for c in word.chars() {
        let now = kind(c);
        if let Some(now) = now.filter(|now| Some(*now) != last) {
            sound.push(now);
        } else if sound.is_empty() {
            sound.push('0');
        }
        last = now;
    }
    sound
}

/// The same word as far as an echo of it can tell: alike, or of the same three sounds and more.
pub(crate) fn sounds_alike(a: &str, b: &str) -> bool {
    if alike(a, b) {
        return true;
    }
    let short = a.chars().count().min(b.chars().count());
    (3..=40).contains(&short) && {
        let (a, b) = (sound(a), sound(b));
        a.len() >= 3 && a == b
    }
}

/// A number as it is said, word by word; from a million on digit by digit.
pub(crate) fn spoken_number(number: u32) -> Vec<String> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let small = |n: u32| SMALL.get(n as usize).map(|word| vec![(*word).to_owned()]).unwrap_or_default();
    let behind = |n: u32| if n == 0 { Vec::new() } else { spoken_number(n) };
    match number {
        0..20 => small(number),
        20..100 => {
            let tens = TENS.get(number as usize / 10 - 2).map(|word| (*word).to_owned());
            tens.into_iter().chain(behind(number % 10)).collect()
        }
        100..1_000 => [small(number / 100), vec!["hundred".to_owned()], behind(number % 100)].concat(),
        1_000..1_000_000 => {
            [spoken_number(number / 1_000), vec!["thousand".to_owned()], behind(number % 1_000)].concat()
        }
        1_000_000.. => number.to_string().bytes().flat_map(|digit| small(u32::from(digit - b'0'))).collect(),
    }
}

/// The name, with or without a possessive.
pub(crate) fn is_prim(word: &str) -> bool {
    matches!(word, "prim" | "prims")
}

/// Words that carry no topic.
pub(crate) fn is_function_word(word: &str) -> bool {
    const WORDS: &str = " a about after again all also am an and any are as at be because been before but by can \
        could did do does for from get give go going had has have he her here him his how i if in into is it its \
        just know let lets like me more most much my new no not now of on one or other our out over really said say \
        see she should so some than that the their them then there these they thing think this time to too two up us \
        very was way we well were what when where which who why will with would yes yet you your ";
    let mut padded = String::with_capacity(word.len() + 2);
    padded.push(' ');
    padded.push_str(word);
    padded.push(' ');
    WORDS.contains(&padded)
}

/// The words of a title that can show what the talk is about.
pub(crate) fn keywords(title: &str) -> Vec<String> {
    let mut words: Vec<String> = tokens(title)
        .into_iter()
        .map(|token| token.word)
        .filter(|word| word.chars().count() >= 3 && !is_function_word(word))
        .collect();
    words.dedup();
    words
}

/// The text with its first letter large and without stray punctuation in front.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '"').trim_end();
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A length of time as people say it: "2 minutes", "1 minute 20 seconds", "45 seconds".
pub(crate) fn spoken_time(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    let unit = |n: u64, one: &str| if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") };
    match (seconds / 60, seconds % 60) {
        (0, s) => unit(s, "second"),
        (m, 0) => unit(m, "minute"),
        // Beyond ten minutes nobody wants to hear the seconds.
        (m, s) if m >= 10 => unit(m + u64::from(s >= 30), "minute"),
        (m, s) => format!("{} {}", unit(m, "minute"), unit(s, "second")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misheard_long_word_is_alike_and_a_misheard_short_word_is_not() {
        assert!(alike("decision", "decisions"));
        assert!(alike("actions", "action"));
        assert!(!alike("left", "next"));
        assert!(!alike("not", "now"));
    }

    #[test]
    fn an_echo_of_a_word_sounds_like_it() {
        assert!(sounds_alike("minutes", "mints"));
        assert!(sounds_alike("budget", "bucket"));
        assert!(!sounds_alike("two", "tea"));
        assert!(!sounds_alike("hiring", "budget"));
    }

    #[test]
    fn numbers_are_said_in_words() {
        let said = |number| spoken_number(number).join(" ");
        assert_eq!(said(0), "zero");
        assert_eq!(said(33), "thirty three");
        assert_eq!(said(120), "one hundred twenty");
        assert_eq!(said(2_005), "two thousand five");
        assert_eq!(said(1_000_001), "one zero zero zero zero zero one");
    }

    #[test]
    fn times_are_said_as_people_say_them() {
        assert_eq!(spoken_time(120_000), "2 minutes");
        assert_eq!(spoken_time(60_000), "1 minute");
        assert_eq!(spoken_time(80_400), "1 minute 20 seconds");
        assert_eq!(spoken_time(1_000), "1 second");
        assert_eq!(spoken_time(0), "0 seconds");
        assert_eq!(spoken_time(754_000), "13 minutes");
    }

    #[test]
    fn titles_give_their_topic_words() {
        assert_eq!(keywords("The budget for the new room"), ["budget", "room"]);
    }
}
