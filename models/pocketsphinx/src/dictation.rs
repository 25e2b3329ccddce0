//! From the decoder's words to the words people read: no silences, names as written, "Prim" where it was spotted.

use prim_models::{Word, place_words};

use crate::decoder::Heard;
use crate::letters::{distance, sounds};
use crate::segment::Times;
use crate::spotter::Spotted;
use crate::vocabulary::{PRIM, PRIM_SOUNDS, Vocabulary};

/// Words that share at least this much of the name's sound give way to it where the spotter heard it: "prime",
/// "trim", "brim", "from", "him", but not "money".
const SOUNDS_LIKE: f32 = 0.61;

/// A hypothesis as words with times and offsets.
///
/// `pronounce` gives the phones of a word of the dictionary.
pub(crate) fn words(
    heard: &[Heard],
    spotted: &[Spotted],
    times: &Times,
    vocabulary: &Vocabulary,
    mut pronounce: impl FnMut(&str) -> Option<String>,
) -> (String, Vec<Word>) {
    let mut plain: Vec<Heard> = heard.iter().filter(|h| is_word(&h.word)).map(bare).collect();
    for name in spotted {
        put_name(&mut plain, *name, &mut pronounce);
    }
    let mut words: Vec<Word> = Vec::with_capacity(plain.len());
    for h in &plain {
        let start = times.of_frame(h.first).max(words.last().map_or_else(|| times.start(), |w| w.end));
        let end = times.of_frame(h.last + 1).min(times.end());
        if start < end {
            let text = vocabulary.written(&h.word);
            words.push(Word { text, start, end, confidence: h.probability, chars: 0..0 });
        }
    }
    (place_words(&mut words), words)
}

/// `<s>`, `<sil>`, `[NOISE]` and `++UH++` are no words.
fn is_word(word: &str) -> bool {
    !word.starts_with(['<', '[', '+'])
}

/// Without the number of an alternative pronunciation: `the(2)`.
fn bare(heard: &Heard) -> Heard {
    let word = heard.word.split('(').next().unwrap_or_default().to_owned();
    Heard { word, ..heard.clone() }
}

/// Where the spotter heard the name, the word that overlaps it most becomes the name if it sounds alike. Where no
/// word stands, the name is put in.
fn put_name(words: &mut Vec<Heard>, name: Spotted, pronounce: &mut impl FnMut(&str) -> Option<String>) {
    let overlap = |h: &Heard| (h.last.min(name.last) + 1).saturating_sub(h.first.max(name.first));
    let near = |h: &Heard| h.first <= name.last + 8 && name.first <= h.last + 8;
    if words.iter().any(|h| h.word == PRIM && near(h)) {
        return;
    }
    let target: Vec<&str> = PRIM_SOUNDS.split(' ').collect();
    let mut like = |h: &Heard| {
        let phones = pronounce(&h.word).unwrap_or_else(|| sounds(&h.word));
        distance(&target, &phones.split(' ').collect::<Vec<_>>()) <= SOUNDS_LIKE
    };
    let best = words.iter_mut().filter(|h| overlap(h) > 0).max_by_key(|h| overlap(h));
    match best {
        Some(h) if like(h) => PRIM.clone_into(&mut h.word),
        // Another word covers the name: the dictation is sure of itself, or the name is part of a longer one.
        Some(h) if overlap(h) * 2 > name.last + 1 - name.first && h.first + 5 >= name.first => {
            if h.first <= name.first + 5 && h.last <= name.last + 10 {
                PRIM.clone_into(&mut h.word);
            } else {
                insert(words, name);
            }
        }
        Some(_) | None => insert(words, name),
    }
}

fn insert(words: &mut Vec<Heard>, name: Spotted) {
    let at = words.iter().position(|h| h.first >= name.first).unwrap_or(words.len());
    // The neighbours make room: words never overlap.
    if let Some(next) = words.get_mut(at) {
        next.first = next.first.max(name.last + 1).min(next.last);
    }
    words.insert(at, Heard { word: PRIM.to_owned(), first: name.first, last: name.last, probability: 0.5 });
}

/// Which part of a partial will not change: the words that stood unchanged in the last `KEEP` partials and do not
/// reach into the last half second, in which this decoder still revises.
#[derive(Debug, Default)]
pub(crate) struct Stability {
    last: Vec<String>,
    /// For each word of `last`, in how many partials in a row it has stood there.
    age: Vec<u32>,
    stable: usize,
}

/// Partials in which a word must have stood unchanged.
const KEEP: u32 = 4;

impl Stability {
    /// Takes the next partial's words; words that were declared stable are put back if the decoder changed its mind,
    /// so that the promise holds. Returns the count of stable words.
    pub(crate) fn update(&mut self, words: &mut Vec<Word>, kept: &[Word]) -> usize {
        if words.len() < self.stable
            || words.iter().zip(&self.last).take(self.stable).any(|(w, l)| w.text != *l)
        {
            let mut fixed: Vec<Word> = kept.iter().take(self.stable).cloned().collect();
            let until = fixed.last().map(|w| w.end);
            fixed.extend(words.drain(..).filter(|w| until.is_none_or(|u| w.start >= u)));
            *words = fixed;
        }
        let same = words.iter().zip(&self.last).take_while(|(w, l)| w.text == **l).count();
        self.age.truncate(same);
        for age in &mut self.age {
            *age += 1;
        }
        self.age.resize(words.len(), 0);
        self.last = words.iter().map(|w| w.text.clone()).collect();
        let old = self.age.iter().take_while(|a| **a >= KEEP).count();
        // The last word is never stable: the next frames may extend it.
        self.stable = self.stable.max(old.min(words.len().saturating_sub(1)));
        self.stable
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segment;
    use prim_audio::SampleTime;
    use prim_models::{SegmentId, SttContext};

    fn heard(list: &[(&str, u64, u64)]) -> Vec<Heard> {
        list.iter()
            .map(|(w, first, last)| Heard {
                word: (*w).to_owned(),
                first: *first,
                last: *last,
                probability: 1.0,
            })
            .collect()
    }

    fn times() -> Times {
        let mut segment = Segment::new(SegmentId(1), SampleTime(1_600));
        segment.push(&[0; 16_000], SampleTime(1_600));
        segment.times().clone()
    }

    fn text(list: &[(&str, u64, u64)], spotted: &[Spotted]) -> String {
        let vocabulary = Vocabulary::of(&SttContext::new(["x"], ["Ana"]).unwrap());
        let dictionary = |w: &str| Some(if w == "prime" { "P R AY M" } else { "M AH N IY" }.to_owned());
        words(&heard(list), spotted, &times(), &vocabulary, dictionary).0
    }

    const NAME: Spotted = Spotted { first: 10, last: 35 };

    #[test]
    fn silences_and_variants_are_hidden_and_names_written() {
        assert_eq!(
            text(&[("<s>", 0, 5), ("the(2)", 6, 9), ("[NOISE]", 10, 12), ("ana", 13, 40)], &[]),
            "the Ana"
        );
    }

    #[test]
    fn a_homophone_is_the_name_only_where_the_spotter_heard_it() {
        let said = [("prime", 10, 36), ("money", 40, 70)];
        assert_eq!(text(&said, &[]), "prime money");
        assert_eq!(text(&said, &[NAME]), "Prim money");
    }

    #[test]
    fn a_missed_name_is_put_in() {
        assert_eq!(text(&[("money", 40, 70)], &[NAME]), "Prim money");
        assert_eq!(text(&[], &[NAME]), "Prim");
    }

    #[test]
    fn times_rise_and_offsets_point_at_the_words() {
        let vocabulary = Vocabulary::default();
        let (text, words) =
            words(&heard(&[("two", 0, 30), ("words", 25, 60)]), &[], &times(), &vocabulary, |_| None);
        assert!(words.windows(2).all(|w| w[0].end <= w[1].start));
        assert_eq!(words[1].start, SampleTime(1_600 + 31 * 160));
        for word in &words {
            let slice: String = text.chars().skip(word.chars.start).take(word.chars.len()).collect();
            assert_eq!(slice, word.text);
        }
    }

    #[test]
    fn a_stable_word_never_changes() {
        let word = |t: &str, i: u64| Word {
            text: t.to_owned(),
            start: SampleTime(i * 100),
            end: SampleTime(i * 100 + 100),
            confidence: 1.0,
            chars: 0..0,
        };
        let mut stability = Stability::default();
        let mut kept = Vec::new();
        for _ in 0..6 {
            let mut words = vec![word("good", 0), word("mor", 1)];
            stability.update(&mut words, &kept);
            kept = words;
        }
        assert_eq!(stability.stable, 1);
        let mut words = vec![word("wood", 0), word("morning", 1), word("all", 2)];
        assert_eq!(stability.update(&mut words, &kept), 1);
        let texts: Vec<_> = words.iter().map(|w| w.text.as_str()).collect();
        assert_eq!(texts, ["good", "morning", "all"]);
    }
}
