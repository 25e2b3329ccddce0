//! How soon Prim answers: words to partials, questions and presses to sound, light and silence. What never came counts
//! as what came at the last moment at which it would have counted.

use serde_json::json;

use super::super::sound::Burst;
use super::floor::silenced_by_people;
use super::inputs::Inputs;
use super::spread::Spread;
use super::{Figures, Spoken};
use crate::asking::asks;
use crate::record::{Recording, What};
use crate::script::Meaning;

/// A partial that comes later than this after the line's end is none.
const PARTIAL_LIMIT_MS: f64 = 2_000.0;
/// What a block of sound lasts.
const BLOCK_MS: f64 = 10.0;
/// An answer that comes later than this is none.
const ANSWER_LIMIT_MS: f64 = 8_000.0;
/// A light that changes later than this was not changed by the press.
const LIGHT_LIMIT_MS: f64 = 1_000.0;

pub(super) fn latencies(f: &mut Figures, inputs: &Inputs<'_>, spoken: &[Spoken<'_>], voice: &[Burst]) {
    let r = inputs.recording;
    let mut partial = Vec::new();
    let mut without = 0_usize;
    for line in spoken.iter().filter(|l| !l.said.unheard) {
        let remote = line.said.bearing_deg.is_none();
        // The first sign of a new utterance after the line's onset; one that shows before belongs to another line.
        let first = inputs.partials.iter().enumerate().find(|(i, p)| {
            p.remote == remote
                && p.seen_ms > line.on_ms
                && p.seen_ms < line.off_ms + PARTIAL_LIMIT_MS
                && !inputs.partials[..*i].iter().any(|q| q.utterance == p.utterance)
        });
        match first {
            Some((_, p)) => partial.push(p.seen_ms - line.on_ms),
            // What never came is a miss, as late as it could have counted.
            None => {
                without += 1;
                partial.push(line.off_ms + PARTIAL_LIMIT_MS - line.on_ms);
            }
        }
    }
    let partial = Spread::new(partial);
    f.spread("first_partial_ms", &partial);
    f.put("lines_without_partial", json!(without));
    f.promise("first partial (ms)", &partial, 500.0);

    let mut answers = Vec::new();
    let mut unanswered = 0_usize;
    for line in spoken.iter().filter(|l| l.said.question) {
        // What comes after the person has asked again answers the second question, not the first.
        let again = spoken
            .iter()
            .find(|l| l.said.to_prim && l.on_ms > line.off_ms)
            .map_or(f64::INFINITY, |l| l.on_ms);
        match voice_after(r, voice, line.off_ms).filter(|b| r.boot_ms(b.from) < again) {
            Some(b) => answers.push(r.boot_ms(b.from) - line.off_ms),
            None => {
                unanswered += 1;
                answers.push(ANSWER_LIMIT_MS);
            }
        }
    }
    let answers = Spread::new(answers);
    f.spread("question_to_first_audio_ms", &answers);
    f.put("questions_unanswered", json!(unanswered));
    f.promise("end of question to first audio (ms)", &answers, 1200.0);

    let (mut allow, mut light, mut stop) = (Vec::new(), Vec::new(), Vec::new());
    let mut dark = 0_usize;
    let (mut asking, mut asked) = (false, false);
    for (i, h) in r.happened.iter().enumerate() {
        if let What::Light { pattern } = &h.what {
            asking = asks(asking, *pattern);
        }
        let What::Edge { pressed, means, .. } = &h.what else { continue };
        if *pressed {
            asked = asking;
            // Events are kept in the order in which the room saw them; a light of the same instant may stand before.
            let answer = r.happened[i.saturating_sub(2)..].iter().find(|l| {
                let after = l.boot_ms >= h.boot_ms && l.boot_ms <= h.boot_ms + LIGHT_LIMIT_MS;
                matches!(l.what, What::Light { .. }) && after
            });
            match answer {
                Some(l) => light.push(l.boot_ms - h.boot_ms),
                None => {
                    dark += 1;
                    light.push(LIGHT_LIMIT_MS);
                }
            }
            // A device that falls silent within the block of the press ends its sound before it.
            let speaking = voice
                .iter()
                .find(|b| r.boot_ms(b.from) < h.boot_ms && h.boot_ms < r.boot_ms(b.to) + BLOCK_MS);
            if let (Meaning::Stop, Some(b)) = (means, speaking) {
                stop.push((r.boot_ms(b.to) - h.boot_ms).max(0.0));
            }
        } else if *means == Meaning::Allow && asked {
            match voice_after(r, voice, h.boot_ms) {
                Some(b) => allow.push(r.boot_ms(b.from) - h.boot_ms),
                None => f.problems.push("an allowed request was not followed by Prim's voice".into()),
            }
        }
    }
    let (allow, light, stop) = (Spread::new(allow), Spread::new(light), Spread::new(stop));
    f.spread("allow_to_first_audio_ms", &allow);
    f.promise("allow to first audio, prepared (ms)", &allow, 300.0);
    f.spread("press_to_light_ms", &light);
    f.put("presses_without_light", json!(dark));
    f.promise("press to light (ms)", &light, 100.0);
    f.spread("stop_to_silence_ms", &stop);
    f.promise("stop to silence (ms)", &stop, 100.0);

    let over: Vec<f64> = spoken
        .iter()
        .filter(|l| !l.said.unheard)
        .filter_map(|l| {
            // Prim had spoken for a moment, so the person meant to interrupt.
            let b =
                voice.iter().find(|b| r.boot_ms(b.from) + 100.0 < l.on_ms && l.on_ms < r.boot_ms(b.to))?;
            Some(r.boot_ms(b.to) - l.on_ms)
        })
        .collect();
    f.put("people_over_prim", json!(silenced_by_people(r, spoken, voice)));
    let over = Spread::new(over);
    f.spread("barge_in_to_silence_ms", &over);
    f.promise("barge-in to silence (ms)", &over, 200.0);
    for (what, spread) in
        [("pressed stop", &stop), ("person talking over Prim", &over), ("allow by the button", &allow)]
    {
        if spread.n() == 0 && !r.said.is_empty() && r.said.iter().any(|s| !s.text.is_empty()) {
            f.problems.push(format!("the meeting had no {what}"));
        }
    }
}

/// The first stretch of Prim's voice that begins within the limit after `ms`.
fn voice_after<'a>(r: &Recording, voice: &'a [Burst], ms: f64) -> Option<&'a Burst> {
    voice.iter().find(|b| r.boot_ms(b.from) > ms && r.boot_ms(b.from) <= ms + ANSWER_LIMIT_MS)
}

#[cfg(test)]
mod tests {
    use prim_hal::LightPattern;

    use super::super::inputs::Answer;
    use super::super::made::{Made, START_NS, near};
    use crate::record::What;
    use crate::script::Meaning;

    #[test]
    fn latencies_are_those_of_the_waves_to_ten_milliseconds() {
        let mut m = Made::new();
        let line = m.says(0, 1_000, 1_500, "Prim, how much time is left?");
        (line.question, line.to_prim) = (true, true);
        m.prim_speaks(3_200, 2_000);
        m.says(0, 4_200, 1_000, "Wait a moment");
        // Prim should have stopped: it does after 1 s, at its own end.
        let line = m.says(0, 6_000, 500, "Prim, what did we decide?");
        (line.question, line.to_prim) = (true, true);
        m.prim_speaks(7_000, 1_060);
        m.edge(8_000.0, true, Meaning::Stop);
        m.happens(8_012.5, What::Light { pattern: LightPattern::Pressed });
        m.edge(8_100.0, false, Meaning::Stop);
        m.happens(10_000.0, What::Light { pattern: LightPattern::Asking });
        m.edge(11_000.0, true, Meaning::Allow);
        m.happens(11_040.0, What::Light { pattern: LightPattern::Pressed });
        m.edge(11_150.0, false, Meaning::Allow);
        m.prim_speaks(11_400, 1_000);
        let at = |ms: f64| START_NS as f64 / 1e6 + ms;
        let partials = [
            Answer { seen_ms: at(1_420.0), utterance: "A".into(), remote: false },
            Answer { seen_ms: at(2_600.0), utterance: "A".into(), remote: false },
            Answer { seen_ms: at(4_500.0), utterance: "B".into(), remote: false },
        ];
        let f = m.figures(&partials);
        near(&f, "question_to_first_audio_ms_p50", 500.0, 10.0);
        near(&f, "question_to_first_audio_ms_p95", 700.0, 10.0);
        near(&f, "question_to_first_audio_ms_n", 2.0, 0.0);
        near(&f, "barge_in_to_silence_ms_p95", 1_000.0, 10.0);
        near(&f, "stop_to_silence_ms_p95", 60.0, 10.0);
        near(&f, "press_to_light_ms_p95", 40.0, 0.1);
        near(&f, "press_to_light_ms_n", 2.0, 0.0);
        near(&f, "allow_to_first_audio_ms_p50", 250.0, 10.0);
        near(&f, "first_partial_ms_p50", 420.0, 10.0);
        // The line without any counts as one that came too late.
        near(&f, "first_partial_ms_p95", 2_500.0, 10.0);
        near(&f, "first_partial_ms_n", 3.0, 0.0);
        near(&f, "lines_without_partial", 1.0, 0.0);
        near(&f, "people_repeats", 2.0, 0.0);
        near(&f, "spoken_without_permission", 0.0, 0.0);
        let missed = f.promises.iter().find(|p| p.0.starts_with("barge-in")).unwrap();
        assert!(missed.1.is_some_and(|v| v > missed.2));
    }

    #[test]
    fn an_answer_after_the_repeat_does_not_answer_the_first_attempt() {
        let mut m = Made::new();
        for at in [1_000, 4_000] {
            let line = m.says(0, at, 1_000, "Prim, how much time is left?");
            (line.question, line.to_prim) = (true, true);
        }
        m.prim_speaks(5_400, 1_000);
        let f = m.figures(&[]);
        near(&f, "question_to_first_audio_ms_n", 2.0, 0.0);
        near(&f, "question_to_first_audio_ms_p50", 400.0, 10.0);
        near(&f, "question_to_first_audio_ms_p95", 8_000.0, 0.0);
        near(&f, "questions_unanswered", 1.0, 0.0);
    }
}
