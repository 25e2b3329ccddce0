//! What the log says of records that were not simply stored: whose they are, which numbers and meetings, why, and what to
//! do about it. Ids, numbers and our own words only: no text, no name of a person, nothing quoted from a payload. What a
//! sender repeats is told once, and then counted ([`Repeats`]).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Instant;

use prim_ids::MeetingId;
use prim_proto::Topic;

use super::repeats::{HeldBack, Repeats};
use crate::fault::Fault;
use crate::ingest::read::{Checked, Refusal};
use crate::ingest::store::{Committed, Depth};

/// So many meetings or ranges are listed; of more only how many.
const LISTED: usize = 4;

/// Reasons beside those of refused payloads.
const FORKED: &str = "forked";
const CONFLICT: &str = "hash_conflict";
const OTHERS_MEETING: &str = "others_meeting";
const VALUE: &str = "postgres_refused";
const BYTES: &str = "postgres_refused_bytes";

/// A batch was committed: whatever of it was set aside.
pub(super) fn committed(repeats: &mut Repeats, batch: &Checked, committed: &Committed) {
    let (device, ack) = (&batch.device.address, &committed.ack);
    let mut is_news = |reason| repeats.take(&topic(batch), reason, Instant::now());
    let aside: Vec<_> =
        ack.rejected.iter().filter(|range| matches!(range.reason.as_str(), FORKED | CONFLICT)).collect();
    let is_fork = aside.iter().any(|range| range.reason.as_str() == FORKED);
    if committed.quarantined > 0 && is_news(if is_fork { FORKED } else { CONFLICT }) {
        let ranges = ranges(aside.iter().map(|range| (range.from, range.to)));
        let why = if is_fork {
            "they name another record before them than the one stored here"
        } else {
            "other records are stored under their numbers"
        };
        tracing::error!(
            device = %device,
            stream = %ack.stream,
            epoch = %ack.epoch,
            records = committed.quarantined,
            record.numbers = ranges,
            "records {ranges} of {device} are quarantined: {why}. Either its spool was set back to a copy or its folder runs \
             on two machines, or somebody forges: find out which before its audit is relied on; both versions are kept, \
             these in table quarantine"
        );
    }
    if let Some((seq, _)) = committed.others_meeting.first()
        && is_news(OTHERS_MEETING)
    {
        let meetings = meetings(committed.others_meeting.iter().map(|(_, meeting)| *meeting));
        tracing::warn!(
            device = %device,
            stream = %ack.stream,
            epoch = %ack.epoch,
            record.first = seq,
            records = committed.others_meeting.len(),
            meeting.id = meetings,
            "records of {device} name a meeting that another device recorded first ({meetings}): they are kept as bytes, and \
             the meeting stays as it is. Two devices were given one meeting's id: look at the plans they were started with"
        );
    }
}

/// A payload was refused; whether it is `kept` in the table.
pub(super) fn refused(
    repeats: &mut Repeats,
    topic: &str,
    refusal: &Refusal,
    payload_bytes: usize,
    kept: bool,
) {
    if !repeats.take(topic, refusal.reason, Instant::now()) {
        return;
    }
    // As much of it as the table keeps: a broker lets pass 64 KiB.
    let topic: String = topic.chars().take(300).collect();
    let claim = refusal.claim;
    let numbers = claim.map(|claim| ranges([(claim.from, claim.to)])).unwrap_or_default();
    let epoch = claim.map(|claim| claim.epoch.to_string()).unwrap_or_default();
    let what = advice(refusal.reason);
    let fate = if kept {
        "it is kept in table rejected"
    } else {
        "it is only counted: its sender had too many this minute"
    };
    tracing::warn!(
        topic,
        reason = refusal.reason,
        epoch,
        record.numbers = numbers,
        payload.bytes = payload_bytes,
        payload.kept = kept,
        "payload rejected: {what}; {fate}"
    );
}

/// Postgres refused a value in `group`; it is tried again smaller or with less.
pub(super) fn refused_value(repeats: &mut Repeats, group: &[Checked], depth: Depth, fault: &Fault) {
    // The code and the table name no speech; the server's message might.
    let answer = fault.answer();
    let code = answer.and_then(|error| error.code()).unwrap_or_default();
    let table = answer.and_then(|error| error.table()).unwrap_or_default();
    let [batch] = group else {
        let batches = group.len();
        // Whichever it is, is told as loud as it should be when its turn comes.
        tracing::debug!(
            batches,
            postgres.code = &*code,
            postgres.table = table,
            "Postgres refused a value in a group of {batches} batches; each is tried alone"
        );
        return;
    };
    let reason = match depth {
        Depth::Full => VALUE,
        Depth::BytesOnly => BYTES,
    };
    if !repeats.take(&topic(batch), reason, Instant::now()) {
        return;
    }
    let numbers = ranges(batch.rows.first().zip(batch.rows.last()).map(|(a, z)| (a.chain.seq, z.chain.seq)));
    let meetings = meetings(batch.rows.iter().filter_map(|row| row.meeting));
    let next = match depth {
        Depth::Full => "they are stored as bytes, without their meaning",
        Depth::BytesOnly => "their payload is set aside in table rejected",
    };
    tracing::error!(
        device = %batch.device.address,
        stream = %batch.stream,
        epoch = %batch.epoch,
        record.numbers = numbers,
        meeting.id = meetings,
        postgres.code = &*code,
        postgres.table = table,
        "Postgres refused a value of records {numbers} of {}: {next}. Look the code up in its manual's appendix A; a gateway \
         or schema older than the device is the likely cause",
        batch.device.address
    );
}

/// What was not told one by one.
pub(super) fn held_back(held: &HeldBack) {
    let HeldBack { sender, reason, count } = held;
    let sender = sender.as_deref().unwrap_or("many senders");
    let what = advice(reason);
    let is_grave = [FORKED, CONFLICT, VALUE, BYTES].contains(reason);
    if is_grave {
        tracing::error!(
            topic = sender,
            reason,
            refusals = count,
            "{count} more like it of {sender} ({reason}): {what}"
        );
    } else {
        tracing::warn!(
            topic = sender,
            reason,
            refusals = count,
            "{count} more like it of {sender} ({reason}): {what}"
        );
    }
}

fn topic(batch: &Checked) -> String {
    Topic::Up { from: batch.device.address.clone(), stream: batch.stream }.to_string()
}

/// What a refusal means and what to do, for whoever reads the log.
fn advice(reason: &str) -> &'static str {
    match reason {
        "bad_topic" => {
            "nothing that this gateway takes is sent under this topic; is its sender newer than this gateway, or the broker's \
             access list too wide?"
        }
        "unknown_device" => {
            "the registry knows no such device; enrol it with `prim-gateway seed --org ORG --device NAME=AUDIT.PUB.PEM`, or \
             correct [device] org and name in its prim.toml"
        }
        "device_inactive" => {
            "the device or its organisation is switched off (column active); its records stay on it until that is taken back"
        }
        "malformed_state" => "the device's word on how it is cannot be read; is it newer than this gateway?",
        "malformed" => "it is no batch that can be read; look at the device's version and its disk",
        "oversized" => "it is larger than a batch may be; look at the device's version",
        "newer_version" => "the device writes a newer format; update this gateway",
        "seq_too_large" => {
            "its record numbers cannot be; look at the device's disk, or who sends in its name"
        }
        "foreign_topic" => {
            "the batch is another device's than its topic says; a certificate was copied or somebody forges: find the sender \
             by the topic's name in the broker's log"
        }
        "foreign_key" => {
            "it is signed by a key that was never enrolled for this device nor handed over by its old one; was the device set \
             up anew? Then give it its old audit key, or enrol it under another name; else somebody sends in its name"
        }
        "signature" => "its signature does not hold; it was damaged on the way, or somebody forges",
        "refused_value" => "Postgres refuses even its bytes; see the error before this one",
        FORKED | CONFLICT => {
            "its records contradict those stored before them or under their numbers and are in table quarantine; find out \
             whether its spool was set back, its folder runs on two machines, or somebody forges"
        }
        OTHERS_MEETING => {
            "its records name a meeting that another device recorded first; look at the plans they were started with"
        }
        VALUE | BYTES => {
            "Postgres refused a value in its records; a gateway or schema older than the device is the likely cause"
        }
        _ => "see its reason",
    }
}

/// `4`, `4 to 9`, `4 to 9, 12`.
fn ranges(all: impl IntoIterator<Item = (u64, u64)>) -> String {
    let (mut text, mut more) = (String::new(), 0);
    for (index, (from, to)) in all.into_iter().enumerate() {
        if index >= LISTED {
            more += 1;
            continue;
        }
        let comma = if index == 0 { "" } else { ", " };
        let _ =
            if from == to { write!(text, "{comma}{from}") } else { write!(text, "{comma}{from} to {to}") };
    }
    if more > 0 {
        let _ = write!(text, " and {more} ranges more");
    }
    text
}

fn meetings(all: impl IntoIterator<Item = MeetingId>) -> String {
    let all: BTreeSet<MeetingId> = all.into_iter().collect();
    let mut text = all.iter().take(LISTED).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if all.len() > LISTED {
        let _ = write!(text, " and {} more", all.len() - LISTED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_listed_as_ranges_and_many_are_counted() {
        assert_eq!(ranges([]), "");
        assert_eq!(ranges([(4, 4)]), "4");
        assert_eq!(ranges([(4, 9), (12, 12)]), "4 to 9, 12");
        assert_eq!(ranges((1..=6).map(|n| (2 * n, 2 * n))), "2, 4, 6, 8 and 2 ranges more");
    }

    #[test]
    fn each_meeting_is_named_once() {
        let id = MeetingId::from_u128;
        assert_eq!(meetings([id(1), id(1)]), id(1).to_string());
        assert!(meetings((1..=6).map(id)).ends_with(" and 2 more"));
    }

    #[test]
    fn every_reason_for_a_refusal_says_what_to_do() {
        for reason in [
            "bad_topic",
            "unknown_device",
            "device_inactive",
            "malformed_state",
            "malformed",
            "oversized",
            "newer_version",
            "seq_too_large",
            "foreign_topic",
            "foreign_key",
            "signature",
            "refused_value",
            FORKED,
            CONFLICT,
            OTHERS_MEETING,
            VALUE,
            BYTES,
        ] {
            assert_ne!(advice(reason), advice("?"), "{reason}");
        }
    }
}
