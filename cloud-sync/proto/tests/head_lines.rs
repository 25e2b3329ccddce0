//! The heads of an export are bound by its opening: what is done to one in the middle has its name.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod samples;

use prim_ids::Stream;
use prim_proto::export::{HeadList, VerifyError, verify};
use samples::*;

/// Ten records and heads at 3, 6, 8 and 10 (lines 3 to 6 of the file).
fn export() -> Export {
    let records = plain_chain(10);
    let mut export = export_of(&records, &device_key());
    let at = |seq: u64| {
        counter(head(Stream::Audit, seq, records[usize::try_from(seq).unwrap() - 1].hash, &device_key()))
    };
    export.heads = [3, 6, 8, 10].map(at).to_vec();
    export
}

fn check(text: &str) -> VerifyError {
    let error = verify(text.as_bytes(), &keys()).unwrap_err();
    assert!(error.is_tampering(), "{error}");
    error
}

/// The file, changed by somebody who cannot sign.
fn changed(change: impl FnOnce(&mut Vec<String>)) -> VerifyError {
    let mut lines: Vec<String> = export().text().lines().map(str::to_owned).collect();
    change(&mut lines);
    check(&(lines.join("\n") + "\n"))
}

#[test]
fn every_head_of_an_honest_export_counts() {
    assert_eq!(verify(export().text().as_bytes(), &keys()).unwrap().heads, 4);
}

#[test]
fn a_dropped_head_is_named_wherever_it_stood() {
    for line in 2..6 {
        let error = changed(|lines| drop(lines.remove(line)));
        assert!(matches!(error, VerifyError::DroppedHead { found: 3, signed: 4 }), "{line}: {error}");
    }
    let error = changed(|lines| drop(lines.drain(2..6)));
    assert!(matches!(error, VerifyError::DroppedHead { found: 0, signed: 4 }), "{error}");
}

#[test]
fn swapped_heads_are_named() {
    let error = changed(|lines| lines.swap(3, 4));
    assert!(matches!(error, VerifyError::SwappedHeads { seq: 6, after: 8 }), "{error}");
}

#[test]
fn a_repeated_head_is_named_also_where_another_one_is_missing() {
    for at in [3, 6] {
        let error = changed(|lines| lines.insert(at, lines[2].clone()));
        assert!(matches!(error, VerifyError::RepeatedHead { seq: 3 }), "{error}");
    }
    let error = changed(|lines| lines[3] = lines[2].clone());
    assert!(matches!(error, VerifyError::RepeatedHead { seq: 3 }), "{error}");
}

#[test]
fn a_genuine_head_that_the_gateway_did_not_list_is_added_or_stands_for_another() {
    let records = plain_chain(10);
    let genuine = counter(head(Stream::Audit, 7, records[6].hash, &device_key()));
    let line = prim_proto::export::Line::Head(genuine).encode();
    let error = changed(|lines| lines.insert(4, line.clone()));
    assert!(matches!(error, VerifyError::AddedHead { found: 5, signed: 4 }), "{error}");
    let error = changed(|lines| lines[3] = line.clone());
    assert!(matches!(error, VerifyError::OtherHeads { signed: 4 }), "{error}");
}

#[test]
fn a_head_that_was_changed_is_named_by_its_record_and_not_as_another_list() {
    let error = changed(|lines| lines[4] = lines[4].replace("\"at_mono_ms\":99000", "\"at_mono_ms\":99001"));
    assert!(matches!(error, VerifyError::ChangedHead { seq: 8 }), "{error}");
}

#[test]
fn a_gateway_that_signs_its_heads_in_disorder_is_no_better() {
    let mut swapped = export();
    swapped.heads.swap(0, 1);
    assert!(matches!(check(&swapped.text()), VerifyError::SwappedHeads { seq: 3, after: 6 }));
    let mut twice = export();
    twice.heads.insert(1, twice.heads[0].clone());
    assert!(matches!(check(&twice.text()), VerifyError::RepeatedHead { seq: 3 }));
}

#[test]
fn heads_stand_between_the_keys_and_the_records() {
    let error = changed(|lines| lines.swap(5, 6));
    assert!(matches!(error, VerifyError::MisplacedLine { line: 7 }), "{error}");
    let error = changed(|lines| lines.swap(1, 2));
    assert!(matches!(error, VerifyError::MisplacedLine { line: 3 }), "{error}");
}

#[test]
fn the_count_alone_does_not_stand_for_the_heads() {
    let heads = export().heads;
    let mut other = heads.clone();
    other.swap(0, 1);
    assert_eq!(HeadList::of(&heads).count, HeadList::of(&other).count);
    assert_ne!(HeadList::of(&heads), HeadList::of(&other));
}
