//! Word error rate: Levenshtein on words, with the errors laid at the reference word where they happened.

/// The words of a text as they are compared: lower case, letters and digits, apostrophes dropped, hyphens as spaces.
#[must_use]
pub fn normalise(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in text.to_lowercase().split(|c: char| c.is_whitespace() || c == '-' || c == '–') {
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

/// Word errors of one text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors {
    /// Per reference word: 0, 1 for a substitution or deletion, plus the words inserted before it.
    pub per_word: Vec<u32>,
    /// Words inserted after the last reference word.
    pub trailing: u32,
}

impl Errors {
    /// All errors.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.per_word.iter().sum::<u32>() + self.trailing
    }
}

/// Aligns `heard` with `said` at the least number of substitutions, deletions and insertions.
#[must_use]
pub fn word_errors(said: &[String], heard: &[String]) -> Errors {
    let width = heard.len() + 1;
    let mut cost = vec![0_u32; (said.len() + 1) * width];
    for (j, first) in cost.iter_mut().take(width).enumerate() {
        *first = j as u32;
    }
    for i in 1..=said.len() {
        cost[i * width] = i as u32;
        for j in 1..width {
            let same = u32::from(said[i - 1] != heard[j - 1]);
            let substituted = cost[(i - 1) * width + j - 1] + same;
            let deleted = cost[(i - 1) * width + j] + 1;
            let inserted = cost[i * width + j - 1] + 1;
            cost[i * width + j] = substituted.min(deleted).min(inserted);
        }
    }
    let mut errors = Errors { per_word: vec![0; said.len()], trailing: 0 };
    let (mut i, mut j) = (said.len(), heard.len());
    while i > 0 || j > 0 {
        let here = cost[i * width + j];
        if i > 0 && j > 0 {
            let same = u32::from(said[i - 1] != heard[j - 1]);
            if here == cost[(i - 1) * width + j - 1] + same {
                errors.per_word[i - 1] += same;
                (i, j) = (i - 1, j - 1);
                continue;
            }
        }
        if i > 0 && here == cost[(i - 1) * width + j] + 1 {
            errors.per_word[i - 1] += 1;
            i -= 1;
        } else {
            match errors.per_word.get_mut(i) {
                Some(word) => *word += 1,
                None => errors.trailing += 1,
            }
            j -= 1;
        }
    }
    errors
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn errors(said: &str, heard: &str) -> u32 {
        word_errors(&normalise(said), &normalise(heard)).total()
    }

    #[test]
    fn known_examples_count_as_known() {
        assert_eq!(errors("Prim, what's the time?", "prim whats the time"), 0);
        assert_eq!(errors("the cat sat on the mat", "the cat sat mat"), 2);
        assert_eq!(errors("the cat sat", "the black cat sat"), 1);
        assert_eq!(errors("the cat sat", "the bat sad"), 2);
        assert_eq!(errors("", "noise"), 1);
        assert_eq!(errors("one two three", ""), 3);
        assert_eq!(errors("twenty-one chairs", "twenty one chairs"), 0);
    }

    #[test]
    fn errors_lie_at_the_word_where_they_happened() {
        let e = word_errors(&normalise("a b c d"), &normalise("a x c y z d"));
        assert_eq!((e.per_word, e.trailing), (vec![0, 1, 0, 2], 0));
        let e = word_errors(&normalise("a b"), &normalise("a b c"));
        assert_eq!((e.per_word, e.trailing), (vec![0, 0], 1));
    }

    proptest! {
        #[test]
        fn the_count_is_symmetric_and_bounded(a in "[ab ]{0,12}", b in "[ab ]{0,12}") {
            let (a, b) = (normalise(&a), normalise(&b));
            let total = word_errors(&a, &b).total();
            prop_assert_eq!(total, word_errors(&b, &a).total());
            prop_assert!(total as usize <= a.len().max(b.len()));
            prop_assert!(total as usize >= a.len().abs_diff(b.len()));
        }
    }
}
