//! The latencies against what DESIGN section 9 promises, each with how often it was measured.
use serde_json::{Map, Value};

use crate::say::{self, Ink, inked};

/// A p95 of fewer events says little; it is shown all the same, and marked.
const ENOUGH: u64 = 30;

/// One line of the table: what people wait for, the figure in the summary, the promise in ms.
struct Promise {
    what: &'static str,
    figure: &'static str,
    at_most_ms: f64,
}

const PROMISES: [Promise; 6] = [
    Promise { what: "first partial words", figure: "first_partial_ms", at_most_ms: 500.0 },
    Promise {
        what: "end of question → first audio",
        figure: "question_to_first_audio_ms",
        at_most_ms: 1200.0,
    },
    Promise {
        what: "Allow → first audio (prepared)", figure: "allow_to_first_audio_ms", at_most_ms: 300.0
    },
    Promise { what: "press → light", figure: "press_to_light_ms", at_most_ms: 100.0 },
    Promise { what: "stop → silence", figure: "stop_to_silence_ms", at_most_ms: 100.0 },
    Promise { what: "barge-in → silence", figure: "barge_in_to_silence_ms", at_most_ms: 200.0 },
];

pub(crate) fn print(summary: &Map<String, Value>) {
    say::line("");
    say::line(inked(
        Ink::Bold,
        format_args!("{:<32} {:>9} {:>9} {:>5}  {:>9}", "", "p50 ms", "p95 ms", "n", "promised"),
    ));
    for promise in &PROMISES {
        say::line(row(promise, summary));
    }
    for (name, value) in summary {
        if let (false, Some(number)) = (of_a_promise(name), value.as_f64()) {
            say::line(inked(Ink::Dim, format_args!("{name:<40} {number}")));
        }
    }
}

fn of_a_promise(name: &str) -> bool {
    PROMISES.iter().any(|promise| name.starts_with(promise.figure))
}

fn row(promise: &Promise, summary: &Map<String, Value>) -> String {
    let number = |end: &str| summary.get(&format!("{}_{end}", promise.figure)).and_then(Value::as_f64);
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"));
    let count = number("n").map_or(0, |n| n as u64);
    let verdict = match number("p95") {
        None => inked(Ink::Yellow, "not measured"),
        Some(p95) if p95 <= promise.at_most_ms => inked(Ink::Green, "met"),
        Some(_) => inked(Ink::Red, "missed"),
    };
    let few = if count < ENOUGH { inked(Ink::Dim, " (few)") } else { String::new() };
    format!(
        "{:<32} {:>9} {:>9} {count:>5}  {:>9}  {verdict}{few}",
        promise.what,
        shown(number("p50")),
        shown(number("p95")),
        format!("≤ {:.0}", promise.at_most_ms),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(json: &str) -> Map<String, Value> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_promise_is_met_missed_or_not_measured() {
        let [.., press, _, _] = &PROMISES;
        let met =
            summary(r#"{"press_to_light_ms_p50":20,"press_to_light_ms_p95":99.5,"press_to_light_ms_n":31}"#);
        assert!(row(press, &met).contains("met") && !row(press, &met).contains("few"));
        let missed = summary(r#"{"press_to_light_ms_p95":101,"press_to_light_ms_n":4}"#);
        assert!(row(press, &missed).contains("missed") && row(press, &missed).contains("few"));
        assert!(row(press, &Map::new()).contains("not measured"));
    }
}
