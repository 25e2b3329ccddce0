//! The verdict, from the evidence alone.

use std::collections::{BTreeMap, BTreeSet};

use prim_ids::{MonoTime, RequestId, Stream};
use prim_proto::{Audit, Body, Hash, Reading, link};

use crate::evidence::{Evidence, Row};

/// At most one ding in this time over all requests (DESIGN section 4).
const DING_INTERVAL_MS: u64 = 60_000;
/// A ding is heard within this time of its intent, or somebody else rang.
const DING_LATEST_MS: u64 = 2000;
/// The clocks of the audit are whole milliseconds, those of the room whole blocks.
const CLOCK_GRAIN_MS: u64 = 20;
/// So many of one kind are listed.
const LISTED: usize = 8;

/// Everything that is not as it must be, in words; empty when all is well.
pub(crate) fn judge(evidence: &Evidence) -> Vec<String> {
    let mut problems = Problems::default();
    sets(evidence, &mut problems);
    chains(evidence, &mut problems);
    ends(evidence, &mut problems);
    let audit = read_audit(&evidence.rows, &mut problems);
    requests(&audit, &mut problems);
    speeches(&audit, &mut problems);
    meetings(&audit, &mut problems);
    dings(evidence, &audit, &mut problems);
    problems.finish()
}

/// Problems by kind, so that a thousand of one do not hide one of another.
#[derive(Debug, Default)]
struct Problems(BTreeMap<&'static str, Vec<String>>);

impl Problems {
    fn note(&mut self, kind: &'static str, what: impl Into<String>) {
        self.0.entry(kind).or_default().push(what.into());
    }

    fn finish(self) -> Vec<String> {
        let told = |(kind, all): (&str, Vec<String>)| {
            let more = if all.len() > LISTED { ", …" } else { "" };
            let listed = all[..all.len().min(LISTED)].join(", ");
            format!("{kind} ({}): {listed}{more}", all.len())
        };
        self.0.into_iter().map(told).collect()
    }
}

fn name(row: &Row) -> String {
    format!("{} {}", row.place.0, row.place.2)
}

/// The table holds exactly what the witness saw committed.
fn sets(evidence: &Evidence, problems: &mut Problems) {
    let tip_of = |stream: Stream| evidence.tips.get(&stream).map_or(0, |tip| tip.seq);
    let mut rows: BTreeMap<_, Hash> = BTreeMap::new();
    for row in &evidence.rows {
        if rows.insert(row.place, row.hash).is_some() {
            problems.note("stored twice", name(row));
        }
        if row.status != "accepted" {
            problems.note("stored but not accepted", format!("{} ({})", name(row), row.status));
        }
    }
    for (place, hash) in &evidence.witness.placed {
        let (stream, epoch, seq) = *place;
        let named = format!("{stream} {seq}");
        if epoch != evidence.epoch {
            problems.note("witnessed in another life of the spool", named);
            continue;
        }
        let committed = seq <= tip_of(stream);
        if !committed && evidence.witness.kept.contains_key(place) {
            problems.note("committed and then unknown to the spool", named);
            continue;
        }
        match (committed, rows.get(place)) {
            (true, Some(stored)) if stored == hash => {}
            (true, Some(_)) => problems.note("stored with another hash", named),
            (true, None) => problems.note("missing from the table", named),
            (false, Some(_)) => problems.note("stored but never committed", named),
            (false, None) => {}
        }
    }
    for (place, _) in rows.iter().filter(|(place, _)| !evidence.witness.placed.contains_key(*place)) {
        problems.note("stored but never witnessed", format!("{} {}", place.0, place.2));
    }
}

/// Each stream counts from 1 without gaps, each record names the one before, each hash fits its bytes.
fn chains(evidence: &Evidence, problems: &mut Problems) {
    let mut before: Option<&Row> = None;
    for row in &evidence.rows {
        let same = before.filter(|last| (last.place.0, last.place.1) == (row.place.0, row.place.1));
        let (seq, prev) = same.map_or((1, Hash::ZERO), |last| (last.place.2 + 1, last.hash));
        if row.place.2 != seq {
            problems.note("numbers are not in a row", format!("{} where {seq} belongs", name(row)));
        }
        if link(prev, row.raw.as_bytes()) != row.hash {
            problems.note("the chain is broken", format!("at {}", name(row)));
        }
        before = Some(row);
    }
    for (stream, said) in &evidence.verified {
        if let Some(said) = said {
            problems.note("an export does not verify", format!("{stream}: {said}"));
        }
    }
}

/// Everything has come to rest where it should.
fn ends(evidence: &Evidence, problems: &mut Problems) {
    if evidence.unsent > 0 {
        problems.note("left in the spool", format!("{} records", evidence.unsent));
    }
    for (stream, tip) in &evidence.tips {
        let cursor = evidence.cursors.get(&(*stream, evidence.epoch)).copied();
        let there = cursor.unwrap_or((0, Hash::ZERO));
        if there != (tip.seq, Hash(tip.hash)) {
            let text = format!("{stream}: cursor {}, spool {}", there.0, tip.seq);
            problems.note("a cursor is not at the spool's tip", text);
        }
    }
    for (table, rows) in &evidence.unwanted {
        if *rows > 0 {
            problems.note("rows in a table that must be empty", format!("{table}: {rows}"));
        }
    }
}

fn read_audit(rows: &[Row], problems: &mut Problems) -> Vec<(MonoTime, Audit)> {
    let mut audit = Vec::new();
    for row in rows.iter().filter(|row| row.place.0 == Stream::Audit) {
        match Reading::of(&row.raw) {
            Ok(Reading::Known(record)) => {
                if let Some(Body::Audit(entry)) = record.body {
                    audit.push((record.at, entry));
                }
            }
            Ok(Reading::Newer(_)) | Err(_) => problems.note("an audit record cannot be read", name(row)),
        }
    }
    audit
}

/// Which request an audit record closes.
fn closes(entry: &Audit) -> Option<RequestId> {
    if let Audit::FloorServed { request, .. }
    | Audit::FloorCarded { request, .. }
    | Audit::FloorWithdrawn { request, .. }
    | Audit::FloorDeclined { request, .. }
    | Audit::FloorExpired { request, .. }
    | Audit::FloorStopped { request: Some(request), .. } = entry
    {
        Some(*request)
    } else {
        None
    }
}

/// Which open request an audit record is about, when it does not close it.
fn continues(entry: &Audit) -> Option<RequestId> {
    if let Audit::FloorVerdict { request, .. }
    | Audit::FloorDingIntended { request, .. }
    | Audit::FloorDinged { request }
    | Audit::FloorAllowed { request, .. }
    | Audit::SayIntended { request: Some(request), .. } = entry
    {
        Some(*request)
    } else {
        None
    }
}

/// Each request is made once and closed once; a restart expires what was open, before anything else happens to it.
fn requests(audit: &[(MonoTime, Audit)], problems: &mut Problems) {
    let mut open: BTreeSet<RequestId> = BTreeSet::new();
    let mut closed: BTreeSet<RequestId> = BTreeSet::new();
    let mut to_expire: BTreeSet<RequestId> = BTreeSet::new();
    for (_, entry) in audit {
        if let Audit::FloorRequested { request, .. } = entry
            && (closed.contains(request) || !open.insert(*request))
        {
            problems.note("requested twice", request.to_string());
        }
        if let Audit::Daemon { state } = entry
            && state.as_str() == "restarted_after_crash"
        {
            to_expire.extend(open.iter().copied());
        }
        let expires = matches!(entry, Audit::FloorExpired { reason, .. } if reason.as_str() == "restarted");
        if let Some(request) = closes(entry) {
            if to_expire.remove(&request) && !expires {
                problems.note("not expired by the restart", request.to_string());
            }
            if !open.remove(&request) {
                let kind = if closed.contains(&request) { "closed twice" } else { "closed, never requested" };
                problems.note(kind, request.to_string());
            }
            closed.insert(request);
        }
        if let Some(request) = continues(entry)
            && (to_expire.contains(&request) || !open.contains(&request))
        {
            problems.note("goes on after its end or a restart", format!("{request}: {entry:?}"));
        }
    }
    for request in open {
        problems.note("never closed", request.to_string());
    }
}

/// Each speech is meant once, and begins once after that.
fn speeches(audit: &[(MonoTime, Audit)], problems: &mut Problems) {
    let mut intended: BTreeSet<u64> = BTreeSet::new();
    let mut started: BTreeSet<u64> = BTreeSet::new();
    for (_, entry) in audit {
        if let Audit::SayIntended { say, .. } = entry
            && !intended.insert(*say)
        {
            problems.note("meant to be said twice", say.to_string());
        }
        if let Audit::SayStarted { say } = entry {
            if !intended.contains(say) {
                problems.note("said without intent", say.to_string());
            }
            if !started.insert(*say) {
                problems.note("said twice", say.to_string());
            }
        }
    }
}

/// What the daemon remembers of a meeting over its own deaths: mutes alternate, and the meeting has its true length.
fn meetings(audit: &[(MonoTime, Audit)], problems: &mut Problems) {
    let mut muted: BTreeMap<String, bool> = BTreeMap::new();
    let mut began = None;
    for (at, entry) in audit {
        if let Audit::Mute { which, on, .. } = entry
            && muted.insert(format!("{which:?}"), *on).unwrap_or(false) == *on
        {
            problems.note("a mute that does not alternate", format!("at {}", at.as_millis()));
        }
        if let Audit::MeetingStarted { .. } = entry {
            began = Some(at.as_millis());
        }
        if let Audit::MeetingEnded { duration_ms } = entry
            && began.is_none_or(|began| at.as_millis() - began != *duration_ms)
        {
            problems.note("a meeting's length is wrong", format!("{duration_ms} ms"));
        }
    }
}

/// Every ding that the room heard has an intent of its own on record, and no request rings twice.
fn dings(evidence: &Evidence, audit: &[(MonoTime, Audit)], problems: &mut Problems) {
    let mut intents: Vec<(u64, RequestId)> = Vec::new();
    let mut dinged: BTreeSet<RequestId> = BTreeSet::new();
    for (at, entry) in audit {
        if let Audit::FloorDingIntended { request, .. } = entry {
            if intents.iter().any(|(_, other)| other == request) {
                problems.note("one request was to ring twice", request.to_string());
            }
            if let Some((last, _)) = intents.last()
                && at.as_millis() < last + DING_INTERVAL_MS
            {
                let text = format!("{} ms apart, at {}", at.as_millis() - last, at.as_millis());
                problems.note("two dings within a minute", text);
            }
            intents.push((at.as_millis(), *request));
        }
        if let Audit::FloorDinged { request } = entry
            && !dinged.insert(*request)
        {
            problems.note("one request rang twice", request.to_string());
        }
    }
    let mut heard: BTreeMap<RequestId, u32> = BTreeMap::new();
    for ring in &evidence.rings {
        let intent = intents.iter().rev().find(|(at, _)| *at <= ring.at_ms + CLOCK_GRAIN_MS);
        match intent {
            Some((at, request)) if ring.at_ms <= at + DING_LATEST_MS => {
                *heard.entry(*request).or_default() += 1
            }
            Some(_) | None => problems.note("a ding without intent", format!("at {}", ring.at_ms)),
        }
    }
    for (request, _) in heard.iter().filter(|(_, times)| **times > 1) {
        problems.note("one request was heard twice", request.to_string());
    }
    for request in dinged.iter().filter(|request| !heard.contains_key(request)) {
        problems.note("said to have rung, and nobody heard it", request.to_string());
    }
    if evidence.rings.len() > intents.len() {
        let text = format!("{} heard, {} meant", evidence.rings.len(), intents.len());
        problems.note("more dings than intents", text);
    }
}

#[cfg(test)]
mod tests;
