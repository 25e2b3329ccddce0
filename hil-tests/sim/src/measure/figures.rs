//! From recording, log and rows to figures.

use std::collections::{BTreeMap, BTreeSet};

use prim_hal::LightPattern;
use serde_json::{Map, Value, json};

use super::rows::{AuditRow, Rows, Utterance};
use super::sound::{Burst, bursts, dings};
use super::words::{normalise, word_errors};
use crate::record::{Recording, Said, What};
use crate::script::Meaning;
use crate::wave::speech_span;

/// A silence window (DESIGN section 4), less 20 ms for the grain of this measurement at both its ends.
const WINDOW_MS: f64 = 680.0;
/// An answer that comes later than this is none.
const ANSWER_LIMIT_MS: f64 = 8_000.0;
/// A light that changes later than this was not changed by the press.
const LIGHT_LIMIT_MS: f64 = 1_000.0;
/// What a block of sound lasts.
const BLOCK_MS: f64 = 10.0;
/// Speech of Prim must have a cause within this time before it: 10 s patience for a gap, 4 s for an answer from outside,
/// 3 s for synthesis, and a question that waits behind another speech of 7 s.
const CAUSE_MS: f64 = 20_000.0;

/// A partial transcript as the observer saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// When it arrived at the observer, `CLOCK_BOOTTIME` in ms.
    pub seen_ms: f64,
    /// Of which utterance.
    pub utterance: String,
    /// From the platform's link.
    pub remote: bool,
}

/// Where a stream of the device's spool ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// Its name.
    pub stream: String,
    /// The spool's life.
    pub epoch: String,
    /// The last number given out; 0 before the first.
    pub seq: u64,
    /// The hash of that record.
    pub hash: Vec<u8>,
}

/// What is measured from.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The room's recording.
    pub recording: &'a Recording,
    /// The observer's partials, in order.
    pub partials: &'a [Answer],
    /// The database.
    pub rows: Option<&'a Rows>,
    /// Where the device's spool says that each stream ends.
    pub tips: Option<&'a [Tip]>,
}

/// Measured values of one kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Of these values.
    #[must_use]
    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// How many.
    #[must_use]
    pub fn n(&self) -> usize {
        self.0.len()
    }

    /// The value that a share of them does not exceed (nearest rank).
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let rank = (self.0.len() as f64 * share).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied()
    }
}

/// Everything measured.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// The summary that `--json` writes.
    pub json: Map<String, Value>,
    /// Name, value, limit, n: against DESIGN section 9.
    pub promises: Vec<(&'static str, Option<f64>, f64, usize)>,
    /// What is wrong, in words; empty when everything promised happened.
    pub problems: Vec<String>,
}

/// A line with the moments at which its speech began and ended, by energy on its dry track.
struct Spoken<'a> {
    said: &'a Said,
    on_ms: f64,
    off_ms: f64,
}

/// Computes all figures.
#[must_use]
pub fn measure(inputs: &Inputs<'_>) -> Figures {
    let r = inputs.recording;
    let spoken = spoken(r);
    let ding_at = dings(&r.speaker);
    let voice = bursts(&r.speaker, &ding_at);
    let mut f = Figures::default();

    f.put("people_repeats", json!(r.summary.repeats));
    f.put("people_words", json!(r.said.iter().map(|s| normalise(&s.text).len()).sum::<usize>()));
    for (what, beats) in [("never came", &r.summary.missed), ("was ignored to the end", &r.summary.ignored)] {
        beats.iter().for_each(|beat| f.problems.push(format!("beat {beat:?}: what it waited for {what}")));
    }
    if !r.summary.complete {
        f.problems.push("the script did not come to its end".into());
    }

    latencies(&mut f, inputs, &spoken, &voice);
    floor(&mut f, inputs, &spoken, &ding_at, &voice);
    shown_muted(&mut f, inputs.partials, &spoken);
    if let Some(rows) = inputs.rows {
        transcript(&mut f, r, rows, &spoken);
        records(&mut f, r, rows, inputs.tips);
        notes(&mut f, rows, !own_recordings(r));
    }
    let lags = &r.summary.lags;
    f.put("room_lag_us_p50", json!(lags.quantile_us(0.5)));
    f.put("room_lag_us_p95", json!(lags.quantile_us(0.95)));
    f.put("room_lag_us_p99", json!(lags.quantile_us(0.99)));
    f.put("room_lag_us_max", json!(lags.max_us));
    f.put("speaker_blocks_late", json!(r.summary.speaker_late));
    f
}

impl Figures {
    fn put(&mut self, key: &str, value: Value) {
        self.json.insert(key.to_owned(), value);
    }

    fn spread(&mut self, key: &str, spread: &Spread) {
        let round = |v: Option<f64>| v.map(|v| (v * 10.0).round() / 10.0);
        self.put(&format!("{key}_p50"), json!(round(spread.quantile(0.5))));
        self.put(&format!("{key}_p95"), json!(round(spread.quantile(0.95))));
        self.put(&format!("{key}_max"), json!(round(spread.quantile(1.0))));
        self.put(&format!("{key}_n"), json!(spread.n()));
    }

    fn promise(&mut self, name: &'static str, spread: &Spread, limit: f64) {
        self.promises.push((name, spread.quantile(0.95), limit, spread.n()));
    }
}

fn spoken(r: &Recording) -> Vec<Spoken<'_>> {
    let mut all: Vec<Spoken<'_>> = r
        .said
        .iter()
        .filter_map(|said| {
            let track = r.truth.get(said.person)?;
            let from = usize::try_from(said.from).ok()?;
            let to = usize::try_from(said.to).ok()?.min(track.len());
            let (on, off) = speech_span(track.get(from..to)?)?;
            Some(Spoken { said, on_ms: r.boot_ms(from + on), off_ms: r.boot_ms(from + off) })
        })
        .collect();
    all.sort_by(|a, b| a.on_ms.total_cmp(&b.on_ms));
    all
}

/// The first stretch of Prim's voice that begins within the limit after `ms`.
fn voice_after<'a>(r: &Recording, voice: &'a [Burst], ms: f64) -> Option<&'a Burst> {
    voice.iter().find(|b| r.boot_ms(b.from) > ms && r.boot_ms(b.from) <= ms + ANSWER_LIMIT_MS)
}

fn latencies(f: &mut Figures, inputs: &Inputs<'_>, spoken: &[Spoken<'_>], voice: &[Burst]) {
    let r = inputs.recording;
    let mut partial = Vec::new();
    let mut without = 0_usize;
    for line in spoken.iter().filter(|l| !l.said.unheard) {
        let remote = line.said.bearing_deg.is_none();
        // The first sign of a new utterance after the line's onset; one that shows before belongs to another line.
        let first = inputs.partials.iter().enumerate().find(|(i, p)| {
            p.remote == remote
                && p.seen_ms > line.on_ms
                && p.seen_ms < line.off_ms + 2_000.0
                && !inputs.partials[..*i].iter().any(|q| q.utterance == p.utterance)
        });
        match first {
            Some((_, p)) => partial.push(p.seen_ms - line.on_ms),
            None => without += 1,
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
            None => unanswered += 1,
        }
    }
    let answers = Spread::new(answers);
    f.spread("question_to_first_audio_ms", &answers);
    f.put("questions_unanswered", json!(unanswered));
    f.promise("end of question to first audio (ms)", &answers, 1200.0);

    let (mut allow, mut light, mut stop) = (Vec::new(), Vec::new(), Vec::new());
    let mut dark = 0_usize;
    let mut pattern = LightPattern::Off;
    let mut asked = false;
    for (i, h) in r.happened.iter().enumerate() {
        if let What::Light { pattern: p } = &h.what {
            pattern = *p;
        }
        let What::Edge { pressed, means, .. } = &h.what else { continue };
        if *pressed {
            asked = matches!(pattern, LightPattern::Asking | LightPattern::Dinged);
            // Events are kept in the order in which the room saw them; a light of the same instant may stand before.
            let answer = r.happened[i.saturating_sub(2)..].iter().find(|l| {
                let after = l.boot_ms >= h.boot_ms && l.boot_ms <= h.boot_ms + LIGHT_LIMIT_MS;
                matches!(l.what, What::Light { .. }) && after
            });
            match answer {
                Some(l) => light.push(l.boot_ms - h.boot_ms),
                None => dark += 1,
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

/// How well labels tell people apart, in utterances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ToldApart {
    labels: usize,
    right: usize,
    wrong: usize,
    none: usize,
}

/// Each label belongs to the one person, and each person to the one label, that have most utterances in common (as the
/// diarization error rate is counted); all else is wrong.
fn told_apart(labelled: &[(Option<i16>, usize)]) -> ToldApart {
    let mut common: BTreeMap<(i16, usize), usize> = BTreeMap::new();
    for (label, person) in labelled {
        if let Some(label) = label {
            *common.entry((*label, *person)).or_default() += 1;
        }
    }
    let mut pairs: Vec<_> = common.iter().collect();
    pairs.sort_by_key(|(pair, n)| (std::cmp::Reverse(**n), **pair));
    let (mut labels, mut people) = (BTreeSet::new(), BTreeSet::new());
    let mut told =
        ToldApart { none: labelled.iter().filter(|(l, _)| l.is_none()).count(), ..ToldApart::default() };
    for ((label, person), n) in pairs {
        if labels.contains(label) || people.contains(person) {
            told.wrong += n;
        } else {
            told.right += n;
            people.insert(*person);
        }
        labels.insert(*label);
    }
    told.labels = labels.len();
    told
}

fn floor(f: &mut Figures, inputs: &Inputs<'_>, spoken: &[Spoken<'_>], ding_at: &[usize], voice: &[Burst]) {
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

    let mut causes: Vec<f64> =
        spoken.iter().filter(|l| l.said.to_prim && !l.said.unheard).map(|l| l.off_ms).collect();
    for h in &r.happened {
        if let What::Edge { pressed: false, means: Meaning::Allow, .. } = h.what {
            causes.push(h.boot_ms);
        }
    }
    // What is heard may begin a little before a question's last sound has died away.
    let caused = |b: &&Burst| {
        let at = r.boot_ms(b.from);
        causes.iter().any(|c| *c < at + 300.0 && at < *c + CAUSE_MS)
    };
    // What is asked in a recording nobody here knows: there only the audit tells.
    let uncaused = if own_recordings(r) { 0 } else { voice.iter().filter(|b| !caused(b)).count() };
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

/// Prim's voice is silenced this long after a person began to talk over it, at most, to be that person's doing: the
/// slowest that was ever measured took 0.9 s.
const SILENCES_MS: f64 = 1_500.0;
/// The moments of a voice's beginning and end are known so well.
const GRAIN_MS: f64 = 20.0;

/// How many of Prim's speeches may have been silenced by a person: those that ended while somebody who could be heard
/// talked over them, soon after that began. Whatever else silenced Prim was nobody. A speech counts once, however many
/// talked; who begins after it has ended did not end it, nor did who is under mute.
fn silenced_by_people(r: &Recording, spoken: &[Spoken<'_>], voice: &[Burst]) -> usize {
    let silenced = |b: &&Burst| {
        let (from, to) = (r.boot_ms(b.from), r.boot_ms(b.to));
        spoken.iter().filter(|l| !l.said.unheard).any(|l| {
            let over = l.on_ms < to + GRAIN_MS && from < l.off_ms + GRAIN_MS;
            over && to - l.on_ms.max(from) <= SILENCES_MS
        })
    };
    voice.iter().filter(silenced).count()
}

/// Overlap in ms.
fn overlap(u: &Utterance, line: &Spoken<'_>) -> f64 {
    (u.ended_ms.min(line.off_ms) - u.started_ms.max(line.on_ms)).max(0.0)
}

/// Utterances that no line of a person touches, give or take half a second: Prim's own voice, or noise, taken for words.
fn of_nobody(utterances: &[Utterance], spoken: &[Spoken<'_>]) -> usize {
    const NEARLY_MS: f64 = 500.0;
    let touches = |u: &Utterance, l: &Spoken<'_>| {
        u.started_ms < l.off_ms + NEARLY_MS && l.on_ms - NEARLY_MS < u.ended_ms
    };
    utterances.iter().filter(|u| !spoken.iter().any(|l| touches(u, l))).count()
}

fn transcript(f: &mut Figures, r: &Recording, rows: &Rows, spoken: &[Spoken<'_>]) {
    let (mut errors, mut words, mut held_errors, mut held_words) = (0, 0, 0, 0);
    let mut by_ear = Vec::new();
    for remote in [false, true] {
        let mut said = Vec::new();
        let mut held = Vec::new();
        for line in spoken.iter().filter(|l| !l.said.unheard && l.said.bearing_deg.is_none() == remote) {
            let w = normalise(&line.said.text);
            held.extend(std::iter::repeat_n(line.said.held_out, w.len()));
            said.extend(w);
        }
        let heard: Vec<String> =
            rows.utterances.iter().filter(|u| u.remote == remote).flat_map(|u| normalise(&u.text)).collect();
        let e = word_errors(&said, &heard);
        errors += e.total();
        words += said.len();
        by_ear.push((e.total(), said.len()));
        for (n, held) in e.per_word.iter().zip(held) {
            if held {
                held_errors += n;
                held_words += 1;
            }
        }
    }
    let rate = |e: u32, n: usize| (n > 0).then(|| (f64::from(e) / n as f64 * 1000.0).round() / 1000.0);
    f.put("wer", json!(rate(errors, words)));
    f.put("wer_n", json!(words));
    f.put("wer_held_out", json!(rate(held_errors, held_words)));
    f.put("wer_held_out_n", json!(held_words));
    f.put("wer_room", json!(rate(by_ear[0].0, by_ear[0].1)));
    f.put("wer_remote", json!(rate(by_ear[1].0, by_ear[1].1)));
    if let Some(wer) = rate(errors, words) {
        f.promises.push(("word error rate", Some(wer), 0.30, words));
        if wer > 0.30 {
            f.problems.push(format!("the word error rate is {wer}, above 0.30"));
        }
    }

    let mut bearings = Vec::new();
    let (mut right, mut wrong, mut unknown) = (0, 0, 0);
    let mut labelled = Vec::new();
    for u in &rows.utterances {
        let best = spoken
            .iter()
            .filter(|l| l.said.bearing_deg.is_none() == u.remote)
            .max_by(|a, b| overlap(u, a).total_cmp(&overlap(u, b)));
        let Some(line) =
            best.filter(|l| overlap(u, l) >= 0.5 * (u.ended_ms - u.started_ms).min(l.off_ms - l.on_ms))
        else {
            continue;
        };
        if let (Some(heard), Some(sat)) = (u.bearing_deg, line.said.bearing_deg) {
            let d = f64::from(heard - sat).rem_euclid(360.0);
            bearings.push(d.min(360.0 - d));
        }
        if line.said.bearing_deg.is_some() {
            labelled.push((u.label, line.said.person));
        }
        let seat = r.summary.people.get(line.said.person).and_then(|s| s.participant).map(|p| p.to_string());
        match (&u.participant, seat) {
            (None, _) => unknown += 1,
            (Some(a), Some(b)) if *a == b => right += 1,
            (Some(_), _) => wrong += 1,
        }
    }
    let bearings = Spread::new(bearings);
    f.put("bearing_error_deg_p50", json!(bearings.quantile(0.5).map(|v| (v * 10.0).round() / 10.0)));
    f.put("bearing_error_deg_p95", json!(bearings.quantile(0.95).map(|v| (v * 10.0).round() / 10.0)));
    f.put("bearing_error_deg_n", json!(bearings.n()));
    f.put("speakers_right", json!(right));
    f.put("speakers_wrong", json!(wrong));
    f.put("speakers_unknown", json!(unknown));
    let told = told_apart(&labelled);
    f.put("speaker_labels", json!(told.labels));
    f.put("speaker_labels_right", json!(told.right));
    f.put("speaker_labels_wrong", json!(told.wrong));
    f.put("speaker_labels_none", json!(told.none));
    if told.wrong > 0 {
        f.problems.push(format!("{} utterances bear the label of somebody else in the room", told.wrong));
    }

    f.put("utterances_of_nobody", json!(of_nobody(&rows.utterances, spoken)));

    let muted: Vec<&Spoken<'_>> = spoken.iter().filter(|l| l.said.unheard).collect();
    let heard_muted = rows
        .utterances
        .iter()
        .filter(|u| muted.iter().any(|l| !u.remote && overlap(u, l) > 200.0 && !u.text.trim().is_empty()))
        .count();
    f.put("utterances_heard_while_muted", json!(heard_muted));
    if heard_muted > 0 {
        f.problems.push(format!("{heard_muted} utterances were stored from under mute"));
    }
}

/// Half a word is a word: while people speak under mute, the live feed shows none.
fn shown_muted(f: &mut Figures, partials: &[Answer], spoken: &[Spoken<'_>]) {
    let under = |at: f64| spoken.iter().any(|l| l.said.unheard && at > l.on_ms && at < l.off_ms);
    let shown = partials.iter().filter(|partial| under(partial.seen_ms)).count();
    f.put("partials_shown_while_muted", json!(shown));
    if shown > 0 {
        f.problems.push(format!("{shown} half heard words were shown from under mute"));
    }
}

fn records(f: &mut Figures, r: &Recording, rows: &Rows, tips: Option<&[Tip]>) {
    let stored: usize = rows.chains.iter().map(|c| c.rows.len()).sum();
    let duplicates: u64 = rows.chains.iter().map(|c| c.duplicates).sum();
    let mut linked = !rows.chains.is_empty() && rows.chains.iter().all(|c| c.linked);
    if !linked {
        f.problems.push("the chain of records in Postgres is broken, has a hole or is empty".into());
    }
    f.put("records_duplicate", json!(duplicates));
    f.put("records_quarantined", json!(rows.quarantined));
    f.put("batches_rejected", json!(rows.rejected));
    for (n, what) in [
        (duplicates, "records stand twice"),
        (rows.quarantined, "records are in quarantine"),
        (rows.rejected, "payloads were rejected"),
    ] {
        if n > 0 {
            f.problems.push(format!("{n} {what}"));
        }
    }
    match tips {
        None => {
            f.put("records_in_postgres", json!(stored));
            f.put("records_spooled", Value::Null);
            f.problems.push("the spool's heads were not given, so the set cannot be compared".into());
        }
        Some(tips) => {
            // The chain's hash at a sequence number stands for every record up to it, so equal heads of linked chains
            // are equal sets of sequence and hash.
            let epochs: Vec<&str> = tips.iter().map(|t| t.epoch.as_str()).collect();
            let here: usize =
                rows.chains.iter().filter(|c| epochs.contains(&c.epoch.as_str())).map(|c| c.rows.len()).sum();
            f.put("records_in_postgres", json!(here));
            f.put("records_spooled", json!(tips.iter().map(|t| t.seq).sum::<u64>()));
            for Tip { stream, epoch, seq, hash } in tips.iter().filter(|t| t.seq > 0) {
                let last = rows
                    .chains
                    .iter()
                    .find(|c| c.stream == *stream && c.epoch == *epoch)
                    .and_then(|c| c.rows.last_key_value());
                if last.is_none_or(|(n, h)| n != seq || h != hash) {
                    linked = false;
                    let stands = last.map_or(0, |(n, _)| *n);
                    f.problems.push(format!("stream {stream} ends at {seq} on the device and at {stands} in Postgres, or with another hash"));
                }
            }
        }
    }
    f.put("chain_ok", json!(linked));

    // When the cable was cut, the room's clock says. When a floor record was made, only its maker can: its time counts
    // from the boot of the machine they share and stands in the chain. The demo holds the same cut against the floor's
    // moves that its own watcher saw meanwhile, by its own clock, so that this figure does not stand alone.
    let mut cuts = Vec::new();
    for h in &r.happened {
        if let What::Link { cut } = h.what {
            match cuts.last_mut() {
                Some((_, to)) if !cut => *to = h.boot_ms,
                Some(_) | None if cut => cuts.push((h.boot_ms, f64::INFINITY)),
                Some(_) | None => {}
            }
        }
    }
    if let Some((from, to)) = cuts.first() {
        let inside = rows
            .audit
            .iter()
            .filter(|a| a.kind.starts_with("floor.") && (*from..*to).contains(&a.at_ms))
            .count();
        f.put("link_cut_s", json!(((to - from) / 100.0).round() / 10.0));
        f.put("floor_records_in_cut", json!(inside));
        if to - from < 20_000.0 || inside == 0 {
            f.problems.push("the link was not cut for 20 s with floor activity inside".into());
        }
    }
}

/// People's own recordings were played: what is said in them, to Prim too, nobody here knows.
fn own_recordings(r: &Recording) -> bool {
    !r.said.is_empty() && r.said.iter().all(|s| s.text.is_empty())
}

/// `promised`: the script brings all of it about.
fn notes(f: &mut Figures, rows: &Rows, promised: bool) {
    let audit = |kind: &str| rows.audit.iter().filter(|a| a.kind == kind).count() as u64;
    let silenced = |cause: &str| {
        rows.audit.iter().filter(|a| a.kind == "say.silenced" && a.text("cause") == cause).count() as u64
    };
    let hands: BTreeSet<&str> = rows
        .audit
        .iter()
        .filter(|a| a.kind == "floor.requested" && a.text("reason") == "remote_hand")
        .map(|a| a.text("request"))
        .collect();
    let served = rows.audit.iter().filter(|a| a.kind == "floor.served" && hands.contains(a.text("request")));
    let on = |a: &AuditRow| a.body.get("on").and_then(Value::as_bool) == Some(true);
    let mutes = rows.audit.iter().filter(|a| a.kind == "mute" && on(a)).count() as u64;
    // The order to stop; that a request ended by it is a record of its own, with the request.
    let ordered = |a: &AuditRow| a.body.get("request").is_none_or(Value::is_null);
    let stops = |by: &[&str]| {
        let who = |a: &AuditRow| a.body.pointer("/by/who").and_then(Value::as_str).unwrap_or("").to_owned();
        let by_them =
            |a: &&AuditRow| a.kind == "floor.stopped" && ordered(a) && by.contains(&who(a).as_str());
        rows.audit.iter().filter(by_them).count() as u64
    };
    let have = [
        ("decisions", rows.decisions, 1),
        ("actions", rows.actions, 2),
        ("notes", rows.notes, 1),
        ("requests_declined", audit("floor.declined"), 1),
        ("requests_allowed", audit("floor.allowed"), 1),
        ("hands_served", served.count() as u64, 1),
        ("stops_by_button", stops(&["button"]), 1),
        ("stops_by_voice", stops(&["person", "unknown_voice"]), 1),
        ("mutes", mutes, 1),
        ("silenced_by_barge_in", silenced("barge_in"), 1),
    ];
    for (what, n, least) in have {
        f.put(what, json!(n));
        if promised && n < least {
            f.problems.push(format!("the meeting promises at least {least} {what}, Postgres has {n}"));
        }
    }
    f.put("artifacts", json!(rows.artifacts));
    for name in ["transcript.md", ".vtt", ".srt", "summary.json"] {
        if !rows.artifacts.iter().any(|a| a.ends_with(name)) {
            f.problems.push(format!("the artifact {name} is missing"));
        }
    }
}

#[cfg(test)]
mod tests;
