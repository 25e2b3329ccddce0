use proptest::prelude::*;

use super::*;

const LONG: Duration = Duration::from_secs(3);
const CERTAINTY: Certainty = Certainty {
    same: 0.6,
    margin: 0.15,
    different: 0.3,
    shortest: Duration::from_secs(1),
    founding: Duration::from_secs(2),
};

/// Of a voice at so many degrees in a plane: likeness is the cosine of what lies between two.
fn at(degrees: f32) -> Voiceprint {
    let (y, x) = degrees.to_radians().sin_cos();
    Voiceprint::new(&[x, y, 0.0]).unwrap()
}

fn book() -> VoiceBook {
    VoiceBook::new(CERTAINTY)
}

#[test]
fn two_people_are_two_voices_and_each_is_known_again() {
    let mut book = book();
    let heard = [0.0, 90.0, 10.0, 85.0].map(|degrees| book.hear(&at(degrees), LONG));
    assert_eq!(heard, [Some(1), Some(2), Some(1), Some(2)]);
}

#[test]
fn a_turn_between_same_and_different_is_nobodys_and_changes_nothing() {
    let mut book = book();
    book.hear(&at(0.0), LONG);
    for _ in 0..20 {
        assert_eq!(book.hear(&at(60.0), LONG), None, "a cosine of one half");
    }
    assert_eq!(book.hear(&at(90.0), LONG), Some(2), "the first voice has not moved");
}

#[test]
fn a_turn_as_like_to_one_as_to_another_is_nobodys() {
    let mut book = book();
    book.hear(&at(0.0), LONG);
    book.hear(&at(80.0), LONG);
    assert_eq!(book.hear(&at(40.0), LONG), None);
    assert_eq!(book.hear(&at(20.0), LONG), Some(1));
}

#[test]
fn a_short_turn_has_no_vote_and_a_longer_one_is_known_but_founds_nobody() {
    let mut book = book();
    let short = Duration::from_millis(999);
    assert_eq!(book.hear(&at(0.0), Duration::from_millis(1_999)), None);
    assert_eq!(book.hear(&at(0.0), LONG), Some(1));
    assert_eq!(book.hear(&at(0.0), short), None);
    assert_eq!(book.hear(&at(0.0), Duration::from_secs(1)), Some(1));
}

#[test]
fn a_forgotten_voice_is_a_new_one_under_a_number_that_nobody_had() {
    let mut book = book();
    book.hear(&at(0.0), LONG);
    book.hear(&at(90.0), LONG);
    book.forget();
    assert!(book.is_empty());
    assert_eq!(book.hear(&at(90.0), LONG), Some(3));
}

#[test]
fn twelve_voices_fill_the_book_and_a_thirteenth_is_nobodys() {
    let mut book = book();
    let person = |n: usize| {
        Voiceprint::new(&std::array::from_fn::<_, 16, _>(|i| f32::from(u8::from(i == n)))).unwrap()
    };
    let heard: Vec<_> = (0..13).map(|n| book.hear(&person(n), LONG)).collect();
    assert_eq!(heard[11], Some(12));
    assert_eq!(heard[12], None);
    assert_eq!(book.hear(&person(3), LONG), Some(4), "those in it are known all the same");
}

/// The rules once more, without any shortcut: a voice is the list of all its turns.
#[derive(Default)]
struct Plain {
    voices: Vec<Vec<[f64; 3]>>,
}

fn cosine(a: [f64; 3], b: [f64; 3]) -> f64 {
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

impl Plain {
    /// The answer, or nothing where a threshold is closer than rounding.
    fn hear(&mut self, turn: [f64; 3], ms: u64) -> Option<Option<u32>> {
        let mean = |turns: &Vec<[f64; 3]>| {
            let mut mean = turns[0];
            for (n, turn) in turns.iter().enumerate().skip(1) {
                let length = cosine_length(mean);
                mean = std::array::from_fn(|i| mean[i] / length * n.min(20) as f64 + turn[i]);
            }
            mean
        };
        let alike: Vec<f64> = self.voices.iter().map(|turns| cosine(mean(turns), turn)).collect();
        let close = |a: f64, b: f64| (a - b).abs() < 1e-4;
        let best = alike.iter().copied().fold(f64::MIN, f64::max);
        let second = alike.iter().copied().filter(|a| *a < best).fold(f64::MIN, f64::max);
        if alike.iter().any(|a| close(*a, 0.6) || close(*a, 0.3))
            || close(second, best - 0.15)
            || close(second, best)
        {
            return None;
        }
        if ms < 1_000 {
            return Some(None);
        }
        if best >= 0.6 {
            if second > best - 0.15 {
                return Some(None);
            }
            let at = alike.iter().position(|a| *a == best)?;
            self.voices[at].push(turn);
            return Some(Some(at as u32 + 1));
        }
        if best >= 0.3 || ms < 2_000 || self.voices.len() == 12 {
            return Some(None);
        }
        self.voices.push(vec![turn]);
        Some(Some(self.voices.len() as u32))
    }
}

fn cosine_length(a: [f64; 3]) -> f64 {
    a.iter().map(|a| a * a).sum::<f64>().sqrt()
}

proptest! {
    #[test]
    fn the_book_says_what_the_rules_say(
        turns in prop::collection::vec((prop::array::uniform3(-1.0_f64..1.0), 0_u64..4_000), 1..60)
    ) {
        let (mut book, mut plain) = (book(), Plain::default());
        for (turn, ms) in turns {
            let length = cosine_length(turn);
            if length < 0.1 {
                continue;
            }
            let turn = turn.map(|t| t / length);
            let Some(wanted) = plain.hear(turn, ms) else { break };
            let print = Voiceprint::new(&turn.map(|t| t as f32)).unwrap();
            prop_assert_eq!(book.hear(&print, Duration::from_millis(ms)), wanted);
        }
    }
}
