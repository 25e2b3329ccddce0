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
