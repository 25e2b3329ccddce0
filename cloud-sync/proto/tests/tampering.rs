//! Each way to tamper with an export has its own name, and an erased one still verifies.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod samples;

use prim_ids::Stream;
use prim_proto::export::{KeyLine, Report, VerifyError, verify};
use prim_proto::*;
use samples::*;

fn check(export: &Export) -> Result<Report, VerifyError> {
    verify(export.text().as_bytes(), &keys())
}

fn honest() -> Export {
    export_of(&plain_chain(10), &device_key())
}

#[test]
fn an_honest_export_verifies_and_says_what_it_holds() {
    let report = check(&honest()).unwrap();
    assert_eq!((report.records, report.erased, report.heads, report.rotations), (10, 0, 1, 0));
    assert_eq!((report.range.from, report.range.to), (1, 10));
}

#[test]
fn an_erased_payload_still_verifies_and_is_counted() {
    let mut export = honest();
    export.records[1].e = Erasables::default();
    assert_eq!(check(&export).unwrap().erased, 1);
}

#[test]
fn a_changed_byte_is_named_with_its_record() {
    let mut export = honest();
    export.records[4].r = export.records[4].r.replace("\"held_ms\":4", "\"held_ms\":5");
    assert!(matches!(check(&export), Err(VerifyError::ChangedByte { seq: 5 })));
}

#[test]
fn a_changed_byte_with_a_matching_hash_is_named_too() {
    let mut export = honest();
    let record = &mut export.records[4];
    record.r = record.r.replace("\"held_ms\":4", "\"held_ms\":5");
    record.h = link(ChainFields::of(&record.r).unwrap().prev, record.r.as_bytes());
    assert!(matches!(check(&export), Err(VerifyError::ChangedByte { seq: 5 })));
}

#[test]
fn a_chain_rewritten_from_a_record_on_contradicts_the_head_that_the_device_signed() {
    let mut export = honest();
    let mut prev = Hash::ZERO;
    for record in &mut export.records {
        let old = ChainFields::of(&record.r).unwrap().prev;
        record.r =
            record.r.replace("\"held_ms\":4", "\"held_ms\":5").replace(&old.to_string(), &prev.to_string());
        record.h = link(prev, record.r.as_bytes());
        prev = record.h;
    }
    export.range.head = prev;
    assert!(matches!(check(&export), Err(VerifyError::RewrittenChain { seq: 10 })));
}

#[test]
fn a_changed_value_beside_a_record_is_named() {
    let mut export = honest();
    export.records[1].e.0.get_mut("name").unwrap().value = "Bob".to_owned();
    assert!(matches!(check(&export), Err(VerifyError::ChangedValue { seq: 2 })));
    let mut smuggled = honest();
    let payload = Payload { salt: Salt([9; 16]), value: "never said".to_owned() };
    smuggled.records[0].e.0.insert("text".to_owned(), payload);
    assert!(matches!(check(&smuggled), Err(VerifyError::ChangedValue { seq: 1 })));
}

#[test]
fn a_removed_row_is_named() {
    for index in 0..9 {
        let mut export = honest();
        export.records.remove(index);
        let seq = index as u64 + 1;
        assert!(matches!(check(&export), Err(VerifyError::RemovedRow { seq: s }) if s == seq), "{index}");
    }
}

#[test]
fn a_cut_tail_is_named() {
    for cut in 1..=10 {
        let mut export = honest();
        export.records.truncate(10 - cut);
        let last = 10 - cut as u64;
        assert!(matches!(check(&export), Err(VerifyError::CutTail { to: 10, last: l }) if l == last));
    }
}

#[test]
fn a_tail_cut_by_the_gateway_itself_contradicts_a_later_head_or_leaves_the_end_unsigned() {
    let records = plain_chain(10);
    let mut export = export_of(&records[..7], &device_key());
    export.heads = vec![counter(head(Stream::Audit, 10, records[9].hash, &device_key()))];
    assert!(matches!(check(&export), Err(VerifyError::CutTail { to: 10, last: 7 })));
    export.heads = vec![counter(head(Stream::Audit, 5, records[4].hash, &device_key()))];
    assert!(matches!(check(&export), Err(VerifyError::UnsignedTail { signed: 5, to: 7 })));
    export.heads.clear();
    assert!(matches!(check(&export), Err(VerifyError::UnsignedTail { signed: 0, to: 7 })));
}

#[test]
fn swapped_records_are_named() {
    let mut export = honest();
    export.records.swap(3, 4);
    assert!(matches!(check(&export), Err(VerifyError::SwappedOrder { seq: 5, expected: 4 })));
    let mut far = honest();
    far.records.swap(1, 7);
    assert!(matches!(check(&far), Err(VerifyError::SwappedOrder { seq: 8, expected: 2 })));
}

#[test]
fn a_repeated_and_an_added_row_are_named() {
    let mut export = honest();
    let again = export.records[3].clone();
    export.records.insert(4, again);
    assert!(matches!(check(&export), Err(VerifyError::RepeatedRow { seq: 4 })));
    let records = plain_chain(12);
    let mut longer = export_of(&records[..10], &device_key());
    longer.records.extend(export_of(&records, &device_key()).records.drain(10..));
    assert!(matches!(check(&longer), Err(VerifyError::AddedRow { seq: 11, to: 10 })));
}

#[test]
fn a_record_of_another_device_is_named() {
    let mut export = honest();
    let record = &mut export.records[4];
    record.r = record.r.replace("room-1", "room-2");
    record.h = link(ChainFields::of(&record.r).unwrap().prev, record.r.as_bytes());
    assert!(matches!(check(&export), Err(VerifyError::ForeignRow { seq: 5 })));
}

#[test]
fn a_foreign_device_key_is_named() {
    let stranger = AuditKey::from_seed([66; 32]);
    let mut export = honest();
    export.heads = vec![counter(head(Stream::Audit, 10, export.range.head, &stranger))];
    assert!(matches!(check(&export), Err(VerifyError::ForeignKey { seq: 10, .. })));
    export.keys = vec![KeyLine { key: stranger.public().of_device(), from_seq: 1, rotation: None }];
    assert!(matches!(check(&export), Err(VerifyError::ForeignKey { seq: 1, .. })));
}

#[test]
fn a_foreign_gateway_key_is_named() {
    let export = honest();
    let mut keys = KeySet::default();
    keys.trust_device(device(), device_key().public().of_device());
    keys.trust_gateway(gateway(), next_device_key().public().of_gateway());
    let foreign = verify(export.text().as_bytes(), &keys);
    assert!(matches!(foreign, Err(VerifyError::ForeignGateway { .. })));
}

#[test]
fn a_device_cannot_vouch_for_its_own_range() {
    let export = honest();
    let mut keys = KeySet::default();
    keys.trust_any_device(device_key().public().of_device());
    keys.trust_any_gateway(gateway_key().public().of_gateway());
    verify(export.text().as_bytes(), &keys).unwrap();
    // The same file, opened by the device's own key.
    let forged = export.text_signed_by(&device_key());
    assert!(matches!(verify(forged.as_bytes(), &keys), Err(VerifyError::ForeignGateway { .. })));
}

#[test]
fn a_device_with_its_old_and_new_key_cannot_vouch_for_its_own_cut_tail() {
    let whole = plain_chain(10);
    let cut = &whole[..6];
    let (old, new) = (device_key(), next_device_key());
    let mut export = export_of(cut, &new);
    export.keys[0].key = new.public().of_device();
    let at = prim_ids::WallTime::from_unix_millis(1_795_000_100_000);
    export.heads = vec![head(Stream::Audit, 6, cut[5].hash, &new).counter_sign(gateway(), at, &old)];
    let forged = export.text_signed_by(&old);
    let mut keys = KeySet::default();
    keys.trust_any_device(old.public().of_device());
    keys.trust_any_device(new.public().of_device());
    keys.trust_any_gateway(gateway_key().public().of_gateway());
    assert!(matches!(verify(forged.as_bytes(), &keys), Err(VerifyError::ForeignGateway { .. })));
}

#[test]
fn a_rotation_with_its_record_verifies() {
    let report = check(&rotated()).unwrap();
    assert_eq!((report.rotations, report.heads), (1, 2));
    // Also when the export does not list the handover that its own record holds.
    let mut unlisted = rotated();
    unlisted.keys.pop();
    check(&unlisted).unwrap();
}

#[test]
fn a_rotated_key_without_its_record_is_named() {
    // The new key is used, trusted even, but nothing hands over to it.
    let mut export = export_of(&plain_chain(10), &next_device_key());
    let mut both = keys();
    both.trust_device(device(), next_device_key().public().of_device());
    let unrecorded = verify(export.text().as_bytes(), &both);
    assert!(matches!(unrecorded, Err(VerifyError::RotatedWithoutRecord { seq: 10, .. })));
    // Listed with the old key's consent, but the record itself is not in the chain.
    let rotation = Some(device_key().rotate_to(&device(), next_device_key().public()));
    export.keys.push(KeyLine { key: next_device_key().public().of_device(), from_seq: 6, rotation });
    assert!(matches!(check(&export), Err(VerifyError::RotatedWithoutRecord { seq: 6, .. })));
}

#[test]
fn a_handover_signed_by_a_stranger_is_named() {
    let stranger = AuditKey::from_seed([66; 32]);
    let drafts = (0..6).map(|i| {
        let forged = stranger.rotate_to(&device(), next_device_key().public());
        let body = if i == 3 { Audit::KeyRotated { rotation: forged } } else { Audit::SayStarted { say: i } };
        draft(Stream::Audit, i, Body::Audit(body), Erasables::default())
    });
    let export = export_of(&link_up(drafts), &next_device_key());
    assert!(matches!(check(&export), Err(VerifyError::RotatedWithoutRecord { seq: 4, .. })));
}

#[test]
fn the_old_key_does_not_count_after_the_handover() {
    let mut export = rotated();
    let last = export.range.head;
    export.heads.pop();
    export.heads.push(counter(head(Stream::Audit, 10, last, &device_key())));
    assert!(matches!(check(&export), Err(VerifyError::RotatedWithoutRecord { seq: 10, .. })));
}

#[test]
fn a_changed_head_and_a_changed_range_are_named() {
    let mut export = honest();
    export.heads[0].signed.head.at_mono_ms = prim_ids::MonoTime::from_millis(1);
    assert!(matches!(check(&export), Err(VerifyError::ChangedHead { seq: 10 })));
    let text = honest().text().replacen("\"to\":10", "\"to\":11", 1);
    assert!(matches!(verify(text.as_bytes(), &keys()), Err(VerifyError::ChangedRange)));
}

#[test]
fn a_hole_that_the_device_admits_verifies_and_is_reported() {
    let all = plain_chain(5);
    // The device dropped 3 and 4 before they were sent, and wrote record 6 about it.
    let hole =
        Hole { from: 3, to: 4, reason: HoleReason::QuotaBytes, before: all[1].hash, last: all[3].hash };
    let admission =
        draft(Stream::Audit, 9, Body::Hole(hole), Erasables::default()).place(epoch(), 6, all[4].hash);
    let mut records = vec![all[0].clone(), all[1].clone(), all[4].clone(), admission];
    let report = check(&export_of(&records, &device_key())).unwrap();
    assert_eq!(report.lost, vec![(3, 4)]);
    // Without the admission the same gap is a removed row.
    records.pop();
    assert!(matches!(check(&export_of(&records, &device_key())), Err(VerifyError::RemovedRow { seq: 3 })));
}

#[test]
fn an_export_from_the_middle_verifies_as_its_own_range() {
    let report = check(&export_of(&plain_chain(10)[4..8], &device_key())).unwrap();
    assert_eq!((report.range.from, report.range.to, report.records), (5, 8, 4));
}

#[test]
fn records_of_a_newer_version_and_unknown_kinds_verify_and_are_counted() {
    let mut prev = Hash::ZERO;
    let mut records = Vec::new();
    for record in plain_chain(3) {
        let old = ChainFields::of(&record.raw).unwrap().prev.to_string();
        let raw = record.raw.replace(&old, &prev.to_string());
        let raw = match records.len() {
            1 => raw.replacen("{\"v\":1,", "{\"v\":2,\"new_field\":[1],", 1),
            2 => raw.replace("\"kind\":\"button\"", "\"kind\":\"telepathy\""),
            _ => raw,
        };
        prev = link(prev, raw.as_bytes());
        records.push(Placed { raw, hash: prev, erasables: record.erasables });
    }
    assert_eq!(check(&export_of(&records, &device_key())).unwrap().unknown, 2);
}

#[test]
fn what_is_no_export_says_so() {
    assert!(matches!(verify(&b""[..], &keys()), Err(VerifyError::Empty)));
    assert!(matches!(verify(&b"hello\n"[..], &keys()), Err(VerifyError::Malformed { line: 1, .. })));
    let newer = honest().text().replacen("\"v\":1", "\"v\":2", 1);
    assert!(matches!(verify(newer.as_bytes(), &keys()), Err(VerifyError::Newer { v: 2 })));
    let long = "x".repeat(600 * 1024);
    assert!(matches!(verify(long.as_bytes(), &keys()), Err(VerifyError::LineTooLong { line: 1 })));
}
