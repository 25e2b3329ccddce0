//! From recording, log and rows to figures.

mod floor;
mod inputs;
mod latencies;
#[cfg(test)]
mod made;
mod muted;
mod noted;
mod notes;
mod records;
mod speakers;
mod spread;
mod transcript;

use serde_json::{Map, Value, json};

pub use self::inputs::{Answer, Inputs, Tip};
pub use self::spread::Spread;
use super::rows::Utterance;
use super::sound::{bursts, dings};
use super::words::normalise;
use crate::record::{Recording, Said};
use crate::wave::speech_span;

/// What the embedded recogniser reaches in the demo's room, in word errors per word said.
const WORST_WER: f64 = 0.30;

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

    latencies::latencies(&mut f, inputs, &spoken, &voice);
    floor::floor(&mut f, inputs, &spoken, &ding_at, &voice);
    muted::shown_muted(&mut f, inputs.partials, &spoken);
    if let Some(rows) = inputs.rows {
        transcript::transcript(&mut f, rows, &spoken);
        speakers::speakers(&mut f, r, rows, &spoken);
        muted::stored_muted(&mut f, rows, &spoken);
        records::records(&mut f, r, rows, inputs.tips);
        noted::noted(&mut f, r, rows, &spoken);
        notes::notes(&mut f, rows, !own_recordings(r));
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

/// Overlap in ms.
fn overlap(u: &Utterance, line: &Spoken<'_>) -> f64 {
    (u.ended_ms.min(line.off_ms) - u.started_ms.max(line.on_ms)).max(0.0)
}

/// Word errors per word, to three places; `None` when nothing was said.
fn rate(errors: u32, words: usize) -> Option<f64> {
    (words > 0).then(|| (f64::from(errors) / words as f64 * 1000.0).round() / 1000.0)
}

/// People's own recordings were played: what is said in them, to Prim too, nobody here knows.
fn own_recordings(r: &Recording) -> bool {
    !r.said.is_empty() && r.said.iter().all(|s| s.text.is_empty())
}
