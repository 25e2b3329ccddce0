//! Who had the floor: dings in silence, speech with a cause and a permission, and who silenced Prim.

use serde_json::json;

use super::super::sound::Burst;
use super::inputs::Inputs;
use super::{Figures, Spoken, own_recordings};
use crate::asking::asks;
use crate::record::{Recording, What};
use crate::script::Meaning;

/// A silence window (DESIGN section 4), less 20 ms for the grain of this measurement at both its ends.
const WINDOW_MS: f64 = 680.0;
/// Speech of Prim must have a cause within this time before it: 10 s patience for a gap, 4 s for an answer from outside,
/// 3 s for synthesis, and a question that waits behind another speech of 7 s.
const CAUSE_MS: f64 = 20_000.0;
/// Prim's voice is silenced this long after a person began to talk over it, at most, to be that person's doing: the
/// slowest that was ever measured took 0.9 s.
const SILENCES_MS: f64 = 1_500.0;
/// The moments of a voice's beginning and end are known so well.
const GRAIN_MS: f64 = 20.0;

pub(super) fn floor(
    f: &mut Figures,
    inputs: &Inputs<'_>,
    spoken: &[Spoken<'_>],
    ding_at: &[usize],
    voice: &[Burst],
) {
    let r = inputs.recording;
    f.put("dings", json!(ding_at.len()));
    let outside = ding_at
        .iter()
        .filter(|d| {
            let at = r.boot_ms(**d);
            spoken.iter().any(|l| l.on_ms < at && l.off_ms > at - WINDOW_MS)
        })
        .count();
    f.put("dings_outside_silence", json!(outside));
    if outside > 0 {
        f.problems.push(format!("{outside} of {} dings did not sound in a silence of 700 ms", ding_at.len()));
    }
    f.put("prim_speeches", json!(voice.len()));

    // What is asked in a recording nobody here knows: there only the audit tells.
    let uncaused = if own_recordings(r) { 0 } else { without_cause(r, spoken, voice) };
    let mut unpermitted = uncaused;
    if let Some(rows) = inputs.rows {
        let granted = |request: &str| {
            rows.audit.iter().any(|a| {
                a.text("request") == request
                    && (a.kind == "floor.allowed"
                        || (a.kind == "floor.verdict" && a.text("verdict") == "grant"))
            })
        };
        let without =
            rows.audit.iter().filter(|a| a.kind == "say.intended" && !granted(a.text("request"))).count();
        unpermitted += without;

        let mut rung: Vec<&str> =
            rows.audit.iter().filter(|a| a.kind == "floor.dinged").map(|a| a.text("request")).collect();
        let recorded = rung.len();
        rung.sort_unstable();
        rung.dedup();
        let duplicates = (recorded - rung.len()).max(ding_at.len().saturating_sub(rung.len()));
        f.put("duplicate_dings", json!(duplicates));
        if duplicates > 0 {
            f.problems.push(format!("{} dings for {} requests", ding_at.len().max(recorded), rung.len()));
        }
        if ding_at.len() < rung.len() {
            f.problems.push(format!(
                "the audit has {} dings, the loudspeaker played {}",
                rung.len(),
                ding_at.len()
            ));
        }
        let said = rows.audit.iter().filter(|a| a.kind == "say.started").count();
        f.put("prim_speeches_in_audit", json!(said));
    }
    f.put("spoken_without_permission", json!(unpermitted));
    if unpermitted > 0 {
        f.problems.push(format!(
            "Prim spoke {unpermitted} times without a question, an Allow or a policy that grants it"
        ));
    }
    if ding_at.is_empty() && r.said.iter().any(|s| s.beat == "nobody answers") {
        f.problems.push("Prim did not ding although nobody answered".into());
    }
}

/// How many of Prim's speeches nobody caused. The end of a question to it is a cause, and an Allow while the light said
/// that it asks; each is good for one speech, and a pressed stop or Not now ends those before it.
fn without_cause(r: &Recording, spoken: &[Spoken<'_>], voice: &[Burst]) -> usize {
    let mut causes: Vec<f64> =
        spoken.iter().filter(|l| l.said.question && !l.said.unheard).map(|l| l.off_ms).collect();
    let mut ends = Vec::new();
    let (mut asking, mut asked) = (false, false);
    for h in &r.happened {
        if let What::Light { pattern } = &h.what {
            asking = asks(asking, *pattern);
        }
        let What::Edge { pressed, means, .. } = &h.what else { continue };
        if *pressed {
            asked = asking;
        } else if *means == Meaning::Allow && asked {
            causes.push(h.boot_ms);
        } else if matches!(means, Meaning::Stop | Meaning::NotNow) {
            ends.push(h.boot_ms);
        }
    }
    causes.sort_by(f64::total_cmp);
    let mut without = 0;
    for burst in voice {
        let at = r.boot_ms(burst.from);
        let good = |c: &f64| {
            // What is heard may begin a little before a question's last sound has died away.
            *c < at + 300.0 && at < *c + CAUSE_MS && !ends.iter().any(|e| *c < *e && *e < at)
        };
        match causes.iter().rposition(good) {
            Some(cause) => {
                causes.remove(cause);
            }
            None => without += 1,
        }
    }
    without
}

/// How many of Prim's speeches may have been silenced by a person: those that ended while somebody who could be heard
/// talked over them, soon after that began. Whatever else silenced Prim was nobody. A speech counts once, however many
/// talked; who begins after it has ended did not end it, nor did who is under mute.
pub(super) fn silenced_by_people(r: &Recording, spoken: &[Spoken<'_>], voice: &[Burst]) -> usize {
    let silenced = |b: &&Burst| {
        let (from, to) = (r.boot_ms(b.from), r.boot_ms(b.to));
        spoken.iter().filter(|l| !l.said.unheard).any(|l| {
            let over = l.on_ms < to + GRAIN_MS && from < l.off_ms + GRAIN_MS;
            over && to - l.on_ms.max(from) <= SILENCES_MS
        })
    };
    voice.iter().filter(silenced).count()
}

#[cfg(test)]
mod tests {
    use prim_hal::LightPattern;
    use serde_json::json;

    use super::super::made::{Made, near, number};
    use crate::record::What;
    use crate::script::Meaning;

    #[test]
    fn a_ding_needs_silence_and_stands_once_in_the_audit() {
        let mut m = Made::new();
        m.says(0, 1_000, 1_000, "one");
        m.dings(2_800);
        m.says(1, 6_000, 1_000, "two");
        m.dings(7_300);
        m.dings(12_000);
        m.audit("floor.dinged", json!({ "request": "R1" }));
        m.audit("floor.dinged", json!({ "request": "R2" }));
        let f = m.figures(&[]);
        near(&f, "dings", 3.0, 0.0);
        near(&f, "dings_outside_silence", 1.0, 0.0);
        near(&f, "duplicate_dings", 1.0, 0.0);
        assert!(f.problems.iter().any(|p| p.contains("silence of 700 ms")), "{:?}", f.problems);
    }

    #[test]
    fn speech_that_nobody_asked_for_or_allowed_is_counted() {
        let mut m = Made::new();
        m.says(0, 1_000, 500, "Just talking").to_prim = false;
        m.prim_speaks(3_000, 1_000);
        m.audit("say.intended", json!({ "request": "R1" }));
        m.audit("floor.verdict", json!({ "request": "R1", "verdict": "grant" }));
        near(&m.figures(&[]), "spoken_without_permission", 1.0, 0.0);
        m.audit("say.intended", json!({ "request": "R2" }));
        near(&m.figures(&[]), "spoken_without_permission", 2.0, 0.0);
    }

    #[test]
    fn a_question_is_good_for_one_speech_and_other_words_to_prim_for_none() {
        let spoke_unasked = |question: bool, speeches: &[usize]| {
            let mut m = Made::new();
            let line = m.says(0, 1_000, 500, "Prim stop");
            (line.to_prim, line.question) = (true, question);
            speeches.iter().for_each(|at| m.prim_speaks(*at, 1_000));
            number(&m.figures(&[]), "spoken_without_permission")
        };
        assert_eq!(spoke_unasked(true, &[2_500]), 0.0);
        assert_eq!(spoke_unasked(true, &[2_500, 6_000]), 1.0, "the second answers nothing");
        assert_eq!(spoke_unasked(false, &[2_500]), 1.0, "a command is no question");
    }

    #[test]
    fn an_allow_counts_when_prim_asked_and_a_stop_ends_what_was_allowed() {
        let spoke_unasked = |patterns: &[LightPattern], stop: bool| {
            let mut m = Made::new();
            patterns.iter().for_each(|p| m.happens(900.0, What::Light { pattern: *p }));
            m.edge(1_000.0, true, Meaning::Allow);
            m.edge(1_150.0, false, Meaning::Allow);
            if stop {
                m.edge(1_500.0, true, Meaning::Stop);
                m.edge(1_600.0, false, Meaning::Stop);
            }
            m.prim_speaks(2_000, 1_000);
            number(&m.figures(&[]), "spoken_without_permission")
        };
        let asking = LightPattern::Asking;
        assert_eq!(spoke_unasked(&[asking], false), 0.0);
        let covered = [asking, LightPattern::Attending];
        assert_eq!(spoke_unasked(&covered, false), 0.0, "the name covers the light, the request stands");
        let withdrawn = [asking, LightPattern::Attending, LightPattern::Listening];
        assert_eq!(spoke_unasked(&withdrawn, false), 1.0, "it asks no more");
        let hand = [LightPattern::RemoteHand];
        assert_eq!(spoke_unasked(&hand, false), 1.0, "the hand of somebody else was allowed");
        assert_eq!(spoke_unasked(&[asking], true), 1.0, "it was stopped before it began");
    }

    #[test]
    fn of_recordings_whose_words_nobody_knows_no_question_is_missed_and_no_decision_promised() {
        let mut m = Made::new();
        m.says(0, 2_000, 1_500, "");
        m.prim_speaks(4_000, 1_500);
        m.rows.notes = 0;
        let f = m.figures(&[]);
        near(&f, "spoken_without_permission", 0.0, 0.0);
        assert!(
            !f.problems.iter().any(|p| p.contains("promises") || p.contains("without a question")),
            "{f:?}"
        );
        m.audit("say.intended", json!({ "request": "R" }));
        near(&m.figures(&[]), "spoken_without_permission", 1.0, 0.0);
    }

    #[test]
    fn a_speech_is_silenced_by_who_talks_over_it_and_by_nobody_else() {
        let over = |at_ms: usize, length_ms: usize, unheard: bool| {
            let mut m = Made::new();
            m.prim_speaks(5_000, 3_000);
            m.says(0, at_ms, length_ms, "Wait a moment").unheard = unheard;
            number(&m.figures(&[]), "people_over_prim")
        };
        assert_eq!(over(7_500, 1_000, false), 1.0, "somebody began while it spoke");
        assert_eq!(over(4_000, 2_000, false), 0.0, "it went on for two seconds: that was somebody else");
        assert_eq!(over(5_500, 800, false), 0.0, "it took no notice of a short word");
        assert_eq!(over(8_100, 1_000, false), 0.0, "who begins when it has ended did not end it");
        assert_eq!(over(1_000, 1_000, false), 0.0, "who had ended did not either");
        assert_eq!(over(7_500, 1_000, true), 0.0, "under mute nobody is heard");
    }

    #[test]
    fn a_speech_that_two_talk_over_was_silenced_once() {
        let mut m = Made::new();
        m.prim_speaks(5_000, 2_000);
        m.says(0, 6_500, 1_000, "Wait a moment");
        m.says(1, 6_700, 1_000, "Yes wait");
        near(&m.figures(&[]), "people_over_prim", 1.0, 0.0);
    }

    #[test]
    fn a_person_who_already_talks_when_prim_begins_may_silence_it() {
        let mut m = Made::new();
        m.says(0, 4_500, 2_000, "I was not done with this");
        m.prim_speaks(5_000, 400);
        near(&m.figures(&[]), "people_over_prim", 1.0, 0.0);
    }
}
