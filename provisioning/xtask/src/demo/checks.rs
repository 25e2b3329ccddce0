//! What the demo promises to happen, each held against what did: the audit as it came out of Postgres, what the
//! device showed, and what was measured. Pure but for the printing.
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use prim_ids::{MonoTime, RequestId};
use prim_proto::{Actor, Audit, LiveEvent, MuteKind, SilenceCause};
use serde_json::Value;

use super::after::Outcome;
use crate::say;

/// The cable stays cut at least this long (issue: 20 s with floor activity inside).
const CUT: Duration = Duration::from_secs(20);
/// What the embedded recogniser reaches in the demo's room.
const WORST_WER: f64 = 0.30;
/// Events of a kind that a p95 needs (DESIGN 9).
const ENOUGH: usize = 30;

/// Figures that the summary of a scripted meeting holds, each measured.
const FIGURES: [&str; 32] = [
    "wer",
    "noted_wer",
    "noted_of_nobody",
    "noted_twice",
    "action_owners_wrong",
    "action_due_wrong",
    "people_repeats",
    "bearing_error_deg_p50",
    "first_partial_ms_p50",
    "first_partial_ms_p95",
    "first_partial_ms_n",
    "question_to_first_audio_ms_p50",
    "question_to_first_audio_ms_p95",
    "question_to_first_audio_ms_n",
    "allow_to_first_audio_ms_p50",
    "allow_to_first_audio_ms_p95",
    "allow_to_first_audio_ms_n",
    "press_to_light_ms_p95",
    "press_to_light_ms_n",
    "stop_to_silence_ms_p95",
    "stop_to_silence_ms_n",
    "barge_in_to_silence_ms_p95",
    "barge_in_to_silence_ms_n",
    "dings",
    "duplicate_dings",
    "dings_outside_silence",
    "spoken_without_permission",
    "records_spooled",
    "records_in_postgres",
    "records_duplicate",
    "primd_rss_mb",
    "front_end_cpu_percent",
];

/// One promise and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Check {
    pub(crate) what: &'static str,
    pub(crate) held: bool,
    pub(crate) detail: String,
}

/// What was held, which decides what was promised of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// The demo's script in the usual room.
    Demo,
    /// The demo's script in a room of the user's: understood better or worse, nobody knows.
    OtherRoom,
    /// The user's recordings: nothing is known of what is said.
    Recordings,
    /// The long meeting that gathers latencies.
    Latency,
}

/// Print all, and name those that did not hold, with what came instead.
pub(crate) fn print(outcome: &Outcome, held: Held) -> Vec<String> {
    let mut checks = of_the_records(outcome);
    match held {
        Held::Recordings => {}
        Held::Latency => checks.extend(of_the_latencies(outcome)),
        Held::Demo | Held::OtherRoom => {
            checks.extend(of_the_meeting(outcome));
            checks.push(measured(outcome));
            checks.extend(problems(outcome));
        }
    }
    if held == Held::Demo {
        let wer = number(outcome, "wer");
        checks.push(check(
            "the transcript is close to what was said",
            wer.is_some_and(|wer| wer <= WORST_WER),
            format!("word error rate {} (at most {WORST_WER})", shown(wer)),
        ));
        checks.extend(nothing_left_out(outcome));
    }
    say::line("");
    for check in &checks {
        let line = format!("{}: {}", check.what, check.detail);
        if check.held { say::good(line) } else { say::bad(line) }
    }
    if held == Held::Demo {
        let goal = words_of_the_minutes(outcome);
        let line = format!("{}: {}", goal.what, goal.detail);
        if goal.held { say::good(line) } else { say::warn(line) }
    }
    checks
        .iter()
        .filter(|check| !check.held)
        .map(|check| format!("{}: {}", check.what, check.detail))
        .collect()
}

/// A goal, not a promise: one sentence that was misheard is a third of so few words.
fn words_of_the_minutes(outcome: &Outcome) -> Check {
    let wer = number(outcome, "noted_wer");
    check(
        "decisions and actions are close to what was said",
        wer.is_some_and(|wer| wer <= WORST_WER),
        format!(
            "word error rate {} of {} words (goal: at most {WORST_WER})",
            shown(wer),
            whole(number(outcome, "noted_wer_n"))
        ),
    )
}

/// What never came.
fn nothing_left_out(outcome: &Outcome) -> [Check; 2] {
    [
        zero(outcome, "no line was said without words showing", "lines_without_partial"),
        zero(outcome, "no question to Prim went unanswered", "questions_unanswered"),
    ]
}

/// A p95 needs enough events of its kind.
fn of_the_latencies(outcome: &Outcome) -> Vec<Check> {
    let counted = |figure: String| {
        let count = whole(number(outcome, &format!("{figure}_n")));
        check("enough events for a p95", count >= ENOUGH, format!("{figure}: {count} (at least {ENOUGH})"))
    };
    super::table::figures().into_iter().map(counted).collect()
}

fn measured(outcome: &Outcome) -> Check {
    let missing: Vec<&str> = FIGURES.into_iter().filter(|name| number(outcome, name).is_none()).collect();
    let detail =
        if missing.is_empty() { "all".to_owned() } else { format!("missing: {}", missing.join(", ")) };
    check("every promised figure was measured", missing.is_empty(), detail)
}

/// What the measuring program found wrong, in its own words.
fn problems(outcome: &Outcome) -> Vec<Check> {
    let found = outcome.summary.get("problems").and_then(Value::as_array);
    match found {
        None => vec![check("the measurement is whole", false, "the summary has no list of problems")],
        Some(found) => {
            found.iter().filter_map(Value::as_str).map(|problem| check("measured", false, problem)).collect()
        }
    }
}

fn check(what: &'static str, held: bool, detail: impl Into<String>) -> Check {
    Check { what, held, detail: detail.into() }
}

fn counted(what: &'static str, count: usize, least: usize) -> Check {
    check(what, count >= least, format!("{count} (at least {least})"))
}

fn number(outcome: &Outcome, name: &str) -> Option<f64> {
    outcome.summary.get(name).and_then(Value::as_f64)
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "not measured".to_owned(), |value| value.to_string())
}

fn zero(outcome: &Outcome, what: &'static str, name: &str) -> Check {
    let value = number(outcome, name);
    check(what, value == Some(0.0), shown(value))
}

/// What holds whatever is said: everything that was recorded has arrived, once, unchanged.
fn of_the_records(outcome: &Outcome) -> Vec<Check> {
    let (spooled, stored) = (number(outcome, "records_spooled"), number(outcome, "records_in_postgres"));
    vec![
        check(
            "the room played to its end",
            outcome.room_ok,
            if outcome.room_ok { "yes" } else { "see room.log" },
        ),
        check(
            "the device left in good order",
            outcome.device_ok,
            if outcome.device_ok { "yes" } else { "see primd.log" },
        ),
        check(
            "the spool was drained",
            outcome.drained,
            if outcome.drained { "nothing waits" } else { "records or files still missing after a minute" },
        ),
        check(
            "every record spooled is in Postgres",
            spooled.is_some_and(|count| count > 0.0) && spooled == stored,
            format!("{} spooled, {} stored with the same number and hash", shown(spooled), shown(stored)),
        ),
        zero(outcome, "no record is there twice", "records_duplicate"),
        check(
            "the audit's chain verifies",
            outcome.chain_broken.is_none() && outcome.summary.get("chain_ok") == Some(&Value::Bool(true)),
            outcome.chain_broken.clone().unwrap_or_else(|| match outcome.summary.get("chain_ok") {
                Some(Value::Bool(true)) => format!("{} records", outcome.audit.len()),
                Some(_) => {
                    "the rows in Postgres do not link up, or end elsewhere than the device's".to_owned()
                }
                None => "the rows in Postgres were not checked (no chain_ok in the summary)".to_owned(),
            }),
        ),
        check(
            "transcript and summary are in the object store",
            outcome.missing_artifacts.is_empty(),
            if outcome.missing_artifacts.is_empty() {
                "all four files".to_owned()
            } else {
                format!("missing: {}", outcome.missing_artifacts.join(", "))
            },
        ),
    ]
}

/// What the script brings about.
fn of_the_meeting(outcome: &Outcome) -> Vec<Check> {
    let audit = || outcome.audit.iter().map(|(_, entry)| entry);
    let silenced = |wanted: SilenceCause| {
        audit().filter(|entry| matches!(entry, Audit::SaySilenced { cause, .. } if *cause == wanted)).count()
    };
    let notes = |kind: &str| outcome.seen.events.iter().filter(|event| event.kind() == kind).count();
    let allowed = |entry: &&Audit| matches!(entry, Audit::FloorAllowed { by: Actor::Button, .. });
    let declined = |entry: &&Audit| matches!(entry, Audit::FloorDeclined { .. });
    // The voice that says so has silenced Prim before the words are known (barge-in).
    let told_to_stop = |entry: &&Audit| matches!(entry, Audit::Addressed { command: Some(command), .. } if command.as_str() == "stop");
    let dings = number(outcome, "dings");
    let in_audit = audit().filter(|entry| matches!(entry, Audit::FloorDinged { .. })).count();
    vec![
        counted("Prim asked for the floor when a timebox was over", prims_own_requests(outcome).len(), 1),
        check(
            "each ding that was recorded was heard, and none besides",
            in_audit >= 1 && dings == Some(in_audit as f64),
            format!("{in_audit} recorded, {} heard in the room", shown(dings)),
        ),
        zero(outcome, "no request was dinged twice", "duplicate_dings"),
        zero(outcome, "no ding outside a silence", "dings_outside_silence"),
        zero(outcome, "nothing was spoken without permission", "spoken_without_permission"),
        counted("the button allowed Prim to speak", audit().filter(allowed).count(), 1),
        counted("Prim spoke what the button allowed", spoken_after_button(outcome), 1),
        counted(
            "a spoken question was answered aloud",
            whole(number(outcome, "question_to_first_audio_ms_n")),
            1,
        ),
        counted("a decision was noted", notes("decision"), 1),
        counted("action items were noted", notes("action"), 2),
        zero(outcome, "no decision or action was written down that nobody said", "noted_of_nobody"),
        zero(outcome, "no decision or action was written down twice", "noted_twice"),
        zero(outcome, "no action is another person's than was said", "action_owners_wrong"),
        zero(outcome, "no action is due on another day than was said", "action_due_wrong"),
        counted("a request was declined", audit().filter(declined).count(), 1),
        counted("a person talked over Prim and it fell silent", silenced(SilenceCause::BargeIn), 1),
        check(
            "nobody but people silenced Prim",
            number(outcome, "people_over_prim")
                .is_some_and(|people| silenced(SilenceCause::BargeIn) as f64 <= people),
            format!(
                "{} times, {} lines said over it",
                silenced(SilenceCause::BargeIn),
                shown(number(outcome, "people_over_prim"))
            ),
        ),
        zero(outcome, "nothing was written down that nobody said", "utterances_of_nobody"),
        counted("“Prim, stop” was understood", audit().filter(told_to_stop).count(), 1),
        counted("a press stopped Prim", silenced(SilenceCause::Button), 1),
        zero(outcome, "no press was without a light", "presses_without_light"),
        counted("a hand was raised and served in the queue", hands_served(outcome), 1),
        cut(outcome),
        muted(outcome),
    ]
}

fn whole(value: Option<f64>) -> usize {
    value.map_or(0, |value| value as usize)
}

fn prims_own_requests(outcome: &Outcome) -> BTreeSet<RequestId> {
    let own = |(_, entry): &(MonoTime, Audit)| {
        if let Audit::FloorRequested { request, by: Actor::Prim, .. } = entry { Some(*request) } else { None }
    };
    outcome.audit.iter().filter_map(own).collect()
}

fn spoken_after_button(outcome: &Outcome) -> usize {
    let mut allowed = BTreeSet::new();
    let mut intended: BTreeMap<u64, RequestId> = BTreeMap::new();
    let mut spoken = 0;
    for (_, entry) in &outcome.audit {
        if let Audit::FloorAllowed { request, by: Actor::Button, .. } = entry {
            allowed.insert(*request);
        } else if let Audit::SayIntended { say, request: Some(request), .. } = entry {
            intended.insert(*say, *request);
        } else if let Audit::SayStarted { say } = entry {
            spoken += usize::from(intended.get(say).is_some_and(|request| allowed.contains(request)));
        }
    }
    spoken
}

fn hands_served(outcome: &Outcome) -> usize {
    let mut hands = BTreeSet::new();
    let mut served = 0;
    for (_, entry) in &outcome.audit {
        if let Audit::FloorRequested { request, by: Actor::Person { .. }, .. } = entry {
            hands.insert(*request);
        } else if let Audit::FloorServed { request, .. } = entry {
            served += usize::from(hands.contains(request));
        }
    }
    served
}

fn cut(outcome: &Outcome) -> Check {
    let longest = outcome.seen.cuts.iter().max().copied().unwrap_or_default();
    check(
        "the link was cut and the floor went on",
        longest >= CUT && outcome.seen.floor_inside_cut > 0,
        format!(
            "{:.0} s, {} moves of the floor inside, {} connections tried in vain",
            longest.as_secs_f64(),
            outcome.seen.floor_inside_cut,
            outcome.seen.refused
        ),
    )
}

/// While soft-muted nothing is heard, shown as words (half heard ones neither), or dinged.
fn muted(outcome: &Outcome) -> Check {
    let what = "while muted Prim neither heard nor dinged";
    let mut spans: Vec<(MonoTime, MonoTime)> = Vec::new();
    let mut since = None;
    for (at, entry) in &outcome.audit {
        if let Audit::Mute { which: MuteKind::Soft, on, .. } = entry {
            match (since, on) {
                (None, true) => since = Some(*at),
                (Some(from), false) => {
                    spans.push((from, *at));
                    since = None;
                }
                (None, false) | (Some(_), true) => {}
            }
        }
    }
    let inside = |at: MonoTime| spans.iter().any(|(from, to)| at > *from && at < *to);
    let heard = |event: &&LiveEvent| {
        let began_inside =
            if let LiveEvent::Final { started_ms, .. } = event { inside(*started_ms) } else { false };
        let tells =
            matches!(event, LiveEvent::Partial { .. } | LiveEvent::Final { .. } | LiveEvent::Ding { .. });
        began_inside || (tells && inside(event.at()))
    };
    let wrong = outcome.seen.events.iter().filter(heard).count();
    check(what, !spans.is_empty() && wrong == 0, format!("{} times muted, {wrong} things heard", spans.len()))
}

#[cfg(test)]
mod tests;
