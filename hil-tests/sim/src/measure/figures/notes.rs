//! What the meeting leaves beside decisions and actions, and the deeds that its script brings about.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::rows::{AuditRow, Rows};
use super::Figures;

/// `promised`: the script brings all of it about.
pub(super) fn notes(f: &mut Figures, rows: &Rows, promised: bool) {
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
mod tests {
    use serde_json::{Value, json};

    use super::super::made::{Made, near};

    #[test]
    fn stops_by_the_button_and_by_voice_are_counted_apart_and_their_requests_not_at_all() {
        let mut m = Made::new();
        let stopped = |m: &mut Made, request: Value, who: &str| {
            m.audit("floor.stopped", json!({ "request": request, "by": { "who": who } }));
        };
        stopped(&mut m, Value::Null, "button");
        stopped(&mut m, json!("R1"), "button");
        let f = m.figures(&[]);
        near(&f, "stops_by_button", 1.0, 0.0);
        near(&f, "stops_by_voice", 0.0, 0.0);
        assert!(f.problems.iter().any(|p| p.contains("stops_by_voice")), "{:?}", f.problems);
        stopped(&mut m, Value::Null, "unknown_voice");
        stopped(&mut m, Value::Null, "person");
        near(&m.figures(&[]), "stops_by_voice", 2.0, 0.0);
    }
}
