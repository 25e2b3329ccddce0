//! The latencies, and the memory, against what DESIGN section 9 promises, each with how often it was measured.
use serde_json::{Map, Value};

use crate::say::{self, Ink, inked};

/// A p95 of fewer events says little; it is shown all the same, and marked.
const ENOUGH: u64 = 30;

/// What a row says that has no event, of a meeting that was to have some.
pub(crate) const NOT_MEASURED: &str = "not measured";
/// The same of recordings: nobody pressed, nobody is known to have asked.
pub(crate) const NOTHING: &str = "nothing to measure";

pub(crate) fn print(summary: &Map<String, Value>, nothing: &str) {
    let promises = promises();
    say::line("");
    let head =
        format_args!("{:<28} {:>9} {:>9} {:>5}  {:>9}", "", "p50 ms", "p95 ms", "n", "promised").to_string();
    say::line(inked(Ink::Bold, head));
    for promise in &promises {
        say::line(row(promise, summary, nothing));
    }
    let lag = |name: &str| summary.get(name).and_then(Value::as_f64).unwrap_or(0.0) / 1000.0;
    say::line(inked(
        Ink::Dim,
        format_args!(
            "this machine was late itself by {:.1} ms (p50), {:.1} ms (p95), {:.1} ms (worst)",
            lag("room_lag_us_p50"),
            lag("room_lag_us_p95"),
            lag("room_lag_us_max")
        ),
    ));
    let limits = limits();
    for limit in &limits {
        say::line(limit.row(summary));
    }
    for (name, value) in summary {
        let of_the_table = promises.iter().any(|promise| name.starts_with(&promise.figure))
            || limits.iter().any(|limit| limit.figure == *name);
        if let (false, Some(number)) = (of_the_table, value.as_f64()) {
            say::line(inked(Ink::Dim, format_args!("{name:<40} {number}{}", in_words(name))));
        }
    }
}

/// What a figure is of, where its name does not tell.
fn in_words(figure: &str) -> &'static str {
    match figure {
        "primd_rss_with_models_mb" => "  (MiB at most, by the kernel: the meeting's primd)",
        _ => "",
    }
}

/// One line of the table: what people wait for, the figure in the summary, the promise in ms.
#[derive(Debug)]
struct Promise {
    what: String,
    figure: String,
    at_most_ms: f64,
}

/// A promise of one number that has no events to count.
#[derive(Debug)]
struct Limit {
    what: String,
    figure: String,
    at_most: f64,
    unit: String,
}

impl Limit {
    /// `None` when it was not measured.
    fn kept(&self, summary: &Map<String, Value>) -> Option<bool> {
        Some(summary.get(&self.figure)?.as_f64()? <= self.at_most)
    }

    fn row(&self, summary: &Map<String, Value>) -> String {
        let value = summary.get(&self.figure).and_then(Value::as_f64);
        let value = value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"));
        let verdict = match self.kept(summary) {
            None => inked(Ink::Yellow, "not measured"),
            Some(true) => inked(Ink::Green, "met"),
            Some(false) => inked(Ink::Red, "missed"),
        };
        let promised = format!("≤ {:.0}", self.at_most);
        let unit = inked(Ink::Dim, &self.unit);
        format!("{:<28} {value:>19} {:>5}  {promised:>9}  {verdict} {unit}", self.what, "")
    }
}

/// The promises of `benches/budgets.toml` that only a whole meeting can measure: what, figure, at most, unit.
fn of_a_meeting() -> impl Iterator<Item = Limit> {
    let of_a_meeting = |(name, budget): (String, prim_benches::Budget)| {
        let figure = budget.figure.filter(|_| budget.bench == "latency")?;
        Some(Limit { what: name.replace('_', " "), figure, at_most: budget.at_most?, unit: budget.unit })
    };
    prim_benches::budgets().into_iter().filter_map(of_a_meeting)
}

/// Times are promised of many events, anything else of the one number there is.
fn is_time(limit: &Limit) -> bool {
    limit.unit.starts_with("ms ")
}

fn promises() -> Vec<Promise> {
    let timed = |limit: Limit| Promise { what: limit.what, figure: limit.figure, at_most_ms: limit.at_most };
    of_a_meeting().filter(is_time).map(timed).collect()
}

fn limits() -> Vec<Limit> {
    of_a_meeting().filter(|limit| !is_time(limit)).collect()
}

/// The names of the times, without `_p50`, `_p95`, `_n`.
pub(crate) fn figures() -> Vec<String> {
    promises().into_iter().map(|promise| promise.figure).collect()
}

/// The promises that a measured p95, or the one number there is, does not keep.
pub(crate) fn missed(summary: &Map<String, Value>) -> Vec<String> {
    let p95 = |promise: &Promise| summary.get(&format!("{}_p95", promise.figure)).and_then(Value::as_f64);
    let late = |promise: &Promise| p95(promise).is_some_and(|p95| p95 > promise.at_most_ms);
    let late = promises().into_iter().filter(late).map(|promise| promise.what);
    let above = limits().into_iter().filter(|limit| limit.kept(summary) == Some(false));
    late.chain(above.map(|limit| limit.what)).collect()
}

fn row(promise: &Promise, summary: &Map<String, Value>, nothing: &str) -> String {
    let number = |end: &str| summary.get(&format!("{}_{end}", promise.figure)).and_then(Value::as_f64);
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.0}"));
    let count = number("n").map_or(0, |n| n as u64);
    let promised = format!("≤ {:.0}", promise.at_most_ms);
    let verdict = match number("p95") {
        None => {
            return format!(
                "{:<28} {:>9} {:>9} {count:>5}  {:>9}  {}",
                promise.what,
                "–",
                "–",
                promised,
                inked(Ink::Yellow, nothing)
            );
        }
        Some(p95) if p95 <= promise.at_most_ms => inked(Ink::Green, "met"),
        Some(_) => inked(Ink::Red, "missed"),
    };
    let few = if count < ENOUGH { inked(Ink::Dim, " (few)") } else { String::new() };
    format!(
        "{:<28} {:>9} {:>9} {count:>5}  {:>9}  {verdict}{few}",
        promise.what,
        shown(number("p50")),
        shown(number("p95")),
        promised,
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
        let promises = promises();
        let press = promises.iter().find(|promise| promise.figure == "press_to_light_ms").unwrap();
        let met =
            summary(r#"{"press_to_light_ms_p50":20,"press_to_light_ms_p95":99.5,"press_to_light_ms_n":31}"#);
        let row = |summary: &Map<String, Value>| row(press, summary, NOT_MEASURED);
        assert!(row(&met).contains("met") && !row(&met).contains("few"));
        let late = summary(r#"{"press_to_light_ms_p95":101,"press_to_light_ms_n":4}"#);
        assert!(row(&late).contains("missed") && row(&late).contains("few"));
        assert!(row(&Map::new()).contains("not measured"));
        assert!(missed(&met).is_empty());
        assert_eq!(missed(&summary(r#"{"press_to_light_ms_p95":101}"#)).join(","), press.what);
    }

    #[test]
    fn the_memory_promise_has_a_row_with_its_goal_and_is_missed_above_it() {
        let limits = limits();
        let memory = limits.iter().find(|limit| limit.figure == "primd_rss_mb").unwrap();
        assert_eq!(memory.at_most, 60.0);
        let (met, over) = (summary(r#"{"primd_rss_mb":59.9}"#), summary(r#"{"primd_rss_mb":61.0}"#));
        assert!(memory.row(&met).contains("59.9") && memory.row(&met).contains("met"));
        assert!(memory.row(&over).contains("≤ 60") && memory.row(&over).contains("missed"));
        assert!(memory.row(&Map::new()).contains("not measured"));
        assert!(missed(&met).is_empty());
        assert_eq!(missed(&over), std::slice::from_ref(&memory.what));
        assert!(!figures().contains(&memory.figure), "there are no thirty events to ask for");
    }
}
