//! Diarization error rate as NIST's md-eval has it: of the time that people speak, how much is missed, taken for speech
//! or given to another.
//!
//! Overlap is scored: a moment at which two speak counts twice. Names do not matter, so each voice that was heard is
//! given to at most one person, as suits it best. What was heard of nobody known counts as missed where
//! somebody speaks, and costs nothing where nobody does (there md-eval would count it as false). In steps of 10 ms.

/// Somebody speaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// From, seconds.
    pub from_s: f64,
    /// To, seconds.
    pub to_s: f64,
    /// Who, by number; `None`: a voice, but unknown whose.
    pub who: Option<usize>,
}

/// Seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Der {
    /// People's speech, each one's counted.
    pub speech_s: f64,
    /// Nobody was named for it.
    pub missed_s: f64,
    /// Somebody was named and nobody, or fewer, spoke.
    pub false_alarm_s: f64,
    /// Another was named.
    pub confused_s: f64,
}

impl Der {
    /// Of 100.
    #[must_use]
    pub fn percent(&self) -> f64 {
        100.0 * (self.missed_s + self.false_alarm_s + self.confused_s) / self.speech_s.max(1e-9)
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            speech_s: self.speech_s + other.speech_s,
            missed_s: self.missed_s + other.missed_s,
            false_alarm_s: self.false_alarm_s + other.false_alarm_s,
            confused_s: self.confused_s + other.confused_s,
        }
    }
}

const STEP_S: f64 = 0.01;

/// Scores `heard` against `spoken`; what lies within `collar_s` of where somebody begins or ends is left out.
#[must_use]
pub fn der(spoken: &[Span], heard: &[Span], collar_s: f64) -> Der {
    let end_s = spoken.iter().chain(heard).map(|span| span.to_s).fold(0.0, f64::max);
    let moments: Vec<f64> = (0..(end_s / STEP_S).ceil() as usize)
        .map(|step| (step as f64 + 0.5) * STEP_S)
        .filter(|t| spoken.iter().all(|s| (t - s.from_s).abs() >= collar_s && (t - s.to_s).abs() >= collar_s))
        .collect();
    let of = |spans: &[Span], t: f64| -> Vec<usize> {
        let mut who: Vec<usize> =
            spans.iter().filter(|s| s.from_s <= t && t < s.to_s).filter_map(|s| s.who).collect();
        who.sort_unstable();
        who.dedup();
        who
    };
    let pairs: Vec<(Vec<usize>, Vec<usize>)> =
        moments.iter().map(|t| (of(spoken, *t), of(heard, *t))).collect();
    let number = |spans: &[Span]| spans.iter().filter_map(|s| s.who).max().map_or(0, |most| most + 1);
    let mut together = vec![vec![0_u64; number(spoken)]; number(heard)];
    for (people, voices) in &pairs {
        for voice in voices {
            for person in people {
                together[*voice][*person] += 1;
            }
        }
    }
    let given = best(&together);
    let mut steps = [0_u64; 4];
    for (people, voices) in &pairs {
        let right = voices.iter().filter(|v| given[**v].is_some_and(|p| people.contains(&p))).count();
        let (p, v) = (people.len(), voices.len());
        let counts = [p, p.saturating_sub(v), v.saturating_sub(p), p.min(v) - right];
        for (sum, count) in steps.iter_mut().zip(counts) {
            *sum += count as u64;
        }
    }
    let [speech_s, missed_s, false_alarm_s, confused_s] = steps.map(|n| n as f64 * STEP_S);
    Der { speech_s, missed_s, false_alarm_s, confused_s }
}

/// To whom each voice is given so that the most moments fit: every person to one voice at most. `together[voice][person]`;
/// the best for each set of people taken, voice by voice.
fn best(together: &[Vec<u64>]) -> Vec<Option<usize>> {
    let people = together.first().map_or(0, Vec::len);
    assert!(people <= 16, "score a meeting of {people} people: more than 16 make too many sets");
    let mut sets: Vec<Option<(u64, Vec<Option<usize>>)>> = vec![None; 1 << people];
    sets[0] = Some((0, Vec::new()));
    for row in together {
        let mut next: Vec<Option<(u64, Vec<Option<usize>>)>> = vec![None; 1 << people];
        for (set, entry) in sets.iter().enumerate() {
            let Some((sum, given)) = entry else { continue };
            let choices = (0..people).filter(|p| set & (1 << p) == 0).map(Some).chain([None]);
            for choice in choices {
                let to = choice.map_or(set, |p| set | (1 << p));
                let sum = sum + choice.map_or(0, |p| row[p]);
                if next[to].as_ref().is_none_or(|(most, _)| sum > *most) {
                    next[to] = Some((sum, [given.as_slice(), &[choice]].concat()));
                }
            }
        }
        sets = next;
    }
    sets.into_iter().flatten().max_by_key(|(sum, _)| *sum).map(|(_, given)| given).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(who: usize, from_s: f64, to_s: f64) -> Span {
        Span { from_s, to_s, who: Some(who) }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 0.021
    }

    #[test]
    fn other_names_for_the_same_people_are_no_error() {
        let spoken = [span(0, 0.0, 5.0), span(1, 5.0, 10.0)];
        let heard = [span(7, 0.0, 5.0), span(2, 5.0, 10.0)];
        assert!(close(der(&spoken, &heard, 0.0).percent(), 0.0));
    }

    #[test]
    fn each_kind_of_error_is_counted_as_its_kind() {
        let spoken = [span(0, 0.0, 4.0), span(1, 6.0, 10.0)];
        let heard = [span(0, 1.0, 5.0), span(1, 6.0, 9.0), span(0, 9.0, 10.0)];
        let d = der(&spoken, &heard, 0.0);
        assert!(close(d.speech_s, 8.0), "{d:?}");
        assert!(close(d.missed_s, 1.0) && close(d.false_alarm_s, 1.0) && close(d.confused_s, 1.0), "{d:?}");
        assert!((d.percent() - 37.5).abs() < 0.5);
    }

    #[test]
    fn overlap_counts_twice_and_one_voice_covers_it_once() {
        let spoken = [span(0, 0.0, 6.0), span(1, 4.0, 10.0)];
        let d = der(&spoken, &[span(0, 0.0, 5.0), span(1, 5.0, 10.0)], 0.0);
        assert!(close(d.speech_s, 12.0) && close(d.missed_s, 2.0) && close(d.confused_s, 0.0), "{d:?}");
    }

    #[test]
    fn a_voice_of_nobody_known_is_missed_and_neither_confused_nor_false() {
        let unknown = Span { from_s: 0.0, to_s: 6.0, who: None };
        let d = der(&[span(0, 0.0, 4.0)], &[unknown], 0.0);
        assert!(close(d.missed_s, 4.0) && close(d.false_alarm_s, 0.0) && close(d.confused_s, 0.0), "{d:?}");
    }

    #[test]
    fn the_collar_forgives_what_lies_at_an_edge() {
        let spoken = [span(0, 1.0, 5.0)];
        let d = der(&spoken, &[span(0, 0.8, 5.2)], 0.25);
        assert!(close(d.percent(), 0.0) && close(d.speech_s, 3.5), "{d:?}");
    }

    #[test]
    fn one_voice_for_two_people_is_right_for_the_one_who_spoke_longer() {
        let d = der(&[span(0, 0.0, 6.0), span(1, 6.0, 10.0)], &[span(0, 0.0, 10.0)], 0.0);
        assert!(close(d.confused_s, 4.0), "{d:?}");
        let split = der(&[span(0, 0.0, 10.0)], &[span(0, 0.0, 6.0), span(1, 6.0, 10.0)], 0.0);
        assert!(close(split.confused_s, 4.0), "{split:?}");
    }

    #[test]
    fn silence_scores_nothing() {
        assert_eq!(der(&[], &[], 0.25), Der::default());
        assert!(close(der(&[span(0, 0.0, 2.0)], &[], 0.25).missed_s, 1.5));
    }
}
