//! What an export says of the device's keys is signed by the gateway and agrees with the records that brought them.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod samples;

use std::sync::LazyLock;

use prim_ids::Stream;
use prim_proto::export::{KeyLine, MAX_LINE_BYTES, Report, VerifyError, verify};
use prim_proto::*;
use proptest::prelude::*;
use samples::*;

fn check(text: &str) -> Result<Report, VerifyError> {
    verify(text.as_bytes(), &keys())
}

/// The file of two key lines (lines 2 and 3), changed by somebody who cannot sign.
fn changed(change: impl FnOnce(&mut Vec<String>)) -> VerifyError {
    let mut lines: Vec<String> = rotated().text().lines().map(str::to_owned).collect();
    change(&mut lines);
    let error = check(&(lines.join("\n") + "\n")).unwrap_err();
    assert!(error.is_tampering(), "{error}");
    error
}

/// The same export, put together and signed by a gateway that says something else of the keys.
fn signed_with(change: impl FnOnce(&mut Vec<KeyLine>)) -> VerifyError {
    let mut export = rotated();
    change(&mut export.keys);
    let error = check(&export.text()).unwrap_err();
    assert!(error.is_tampering(), "{error}");
    error
}

#[test]
fn a_changed_byte_in_a_key_line_is_named() {
    let stranger = AuditKey::from_seed([66; 32]).public().to_string();
    let error = changed(|lines| lines[1] = lines[1].replace(&device_key().public().to_string(), &stranger));
    assert!(matches!(error, VerifyError::ChangedKey { number: 1 }), "{error}");
    let error = changed(|lines| lines[2] = lines[2].replace("\"sig\":\"", "\"sig\":\"0"));
    assert!(matches!(error, VerifyError::ChangedLine { line: 3, .. }), "{error}");
    let error = changed(|lines| {
        let at = lines[2].rfind("\"}").unwrap() - 1;
        let digit = if lines[2].as_bytes()[at] == b'0' { "1" } else { "0" };
        lines[2].replace_range(at..=at, digit);
    });
    assert!(matches!(error, VerifyError::ChangedKey { number: 2 }), "{error}");
}

#[test]
fn a_dropped_key_line_is_named() {
    for (drop, number) in [(1, 1), (2, 2)] {
        let error = changed(|lines| std::mem::drop(lines.remove(drop)));
        assert!(matches!(error, VerifyError::DroppedKey { number: n, signed: 2 } if n == number), "{error}");
    }
    let error = changed(|lines| drop(lines.drain(1..3)));
    assert!(matches!(error, VerifyError::DroppedKey { number: 1, signed: 2 }), "{error}");
}

#[test]
fn an_added_key_line_is_named() {
    let error = changed(|lines| lines.insert(3, lines[2].clone()));
    assert!(matches!(error, VerifyError::AddedKey { number: 3, signed: 2 }), "{error}");
    let stranger = AuditKey::from_seed([66; 32]).public();
    let own = KeyLine { key: stranger.of_device(), from_seq: 1, rotation: None };
    let error = changed(|lines| lines.insert(1, export::Line::Key(own).encode()));
    assert!(matches!(error, VerifyError::AddedKey { number: 1, signed: 2 }), "{error}");
}

#[test]
fn swapped_key_lines_are_named() {
    let error = changed(|lines| lines.swap(1, 2));
    assert!(matches!(error, VerifyError::SwappedKeys { number: 1 }), "{error}");
}

#[test]
fn a_key_whose_first_record_was_changed_is_named() {
    let first = |lines: &mut Vec<String>| lines[1] = lines[1].replace("\"from_seq\":1", "\"from_seq\":3");
    let error = changed(first);
    assert!(matches!(error, VerifyError::MovedKey { from_seq: 3, belongs: 1, .. }), "{error}");
    for elsewhere in [1, 4, 9, 70] {
        let to = format!("\"from_seq\":{elsewhere}");
        let error = changed(|lines| lines[2] = lines[2].replace("\"from_seq\":6", &to));
        assert!(
            matches!(error, VerifyError::MovedKey { from_seq, belongs: 6, .. } if from_seq == elsewhere),
            "{error}"
        );
    }
}

#[test]
fn a_gateway_that_signs_another_first_record_contradicts_the_chain() {
    let error = signed_with(|keys| keys[0].from_seq = 3);
    assert!(matches!(error, VerifyError::MovedKey { from_seq: 3, belongs: 1, .. }), "{error}");
    for elsewhere in [1, 5, 7, 70] {
        let error = signed_with(|keys| keys[1].from_seq = elsewhere);
        assert!(matches!(error, VerifyError::MovedKey { belongs: 6, .. }), "{error}");
    }
}

#[test]
fn a_key_that_a_gateway_signs_without_its_record_is_named() {
    let mut export = export_of(&plain_chain(10), &next_device_key());
    let rotation = Some(device_key().rotate_to(&device(), next_device_key().public()));
    export.keys.push(KeyLine { key: next_device_key().public().of_device(), from_seq: 6, rotation });
    let error = check(&export.text()).unwrap_err();
    assert!(matches!(error, VerifyError::RotatedWithoutRecord { seq: 6, .. }), "{error}");
}

#[test]
fn a_foreign_key_that_a_gateway_signs_is_named() {
    let stranger = AuditKey::from_seed([66; 32]).public();
    let error = signed_with(|keys| keys[0].key = stranger.of_device());
    assert!(matches!(error, VerifyError::ForeignKey { seq: 1, .. }), "{error}");
    let error = signed_with(|keys| keys[1].key = stranger.of_device());
    assert!(matches!(error, VerifyError::RotatedWithoutRecord { seq: 6, .. }), "{error}");
}

#[test]
fn without_a_key_of_a_role_the_export_is_unchecked_and_not_tampered_with() {
    let text = rotated().text();
    let mut devices = KeySet::default();
    devices.trust_any_device(device_key().public().of_device());
    let error = verify(text.as_bytes(), &devices).unwrap_err();
    assert!(
        matches!(&error, VerifyError::NoGatewayKey { key, .. } if key.public() == gateway_key().public())
    );
    assert!(!error.is_tampering());
    let mut gateways = KeySet::default();
    gateways.trust_any_gateway(gateway_key().public().of_gateway());
    let error = verify(text.as_bytes(), &gateways).unwrap_err();
    assert!(matches!(&error, VerifyError::NoDeviceKey { device: d, .. } if *d == device()), "{error}");
    assert!(!error.is_tampering());
    // What the gateway's signature alone disproves is tampering all the same.
    let cut = text.trim_end().rsplit_once('\n').unwrap().0;
    assert!(matches!(verify(cut.as_bytes(), &gateways), Err(VerifyError::CutTail { to: 10, last: 9 })));
}

#[test]
fn the_same_key_in_the_other_role_is_nobodys() {
    let text = rotated().text();
    let mut keys = KeySet::default();
    keys.trust_device(device(), gateway_key().public().of_device());
    keys.trust_gateway(gateway(), device_key().public().of_gateway());
    assert!(matches!(verify(text.as_bytes(), &keys), Err(VerifyError::ForeignGateway { .. })));
}

#[test]
fn bytes_that_no_gateway_writes_are_tampering_once_the_opening_is_signed() {
    let error = changed(|lines| lines.insert(3, "\0\0\0\0".to_owned()));
    assert!(matches!(error, VerifyError::ChangedLine { line: 4, byte: 1 }), "{error}");
    let error = changed(|lines| lines[4].push_str(&" ".repeat(600 * 1024)));
    assert!(
        matches!(error, VerifyError::ChangedLine { line: 5, byte } if byte == MAX_LINE_BYTES + 1),
        "{error}"
    );
    let error = changed(|lines| lines[4] = lines[4].replace("{\"", "{ \""));
    assert!(matches!(error, VerifyError::ChangedLine { line: 5, byte: 2 }), "{error}");
    let error = changed(|lines| lines[0] = lines[0].replace(":", ": "));
    assert!(matches!(error, VerifyError::ChangedRange), "{error}");
}

#[test]
fn an_export_of_another_stream_lists_keys_that_its_records_do_not_bring() {
    let rotation = device_key().rotate_to(&device(), next_device_key().public());
    let rows = chain(Stream::Note);
    let mut export = export_of(&rows, &next_device_key());
    let line = |from_seq| KeyLine {
        key: next_device_key().public().of_device(),
        from_seq,
        rotation: Some(rotation),
    };
    export.keys.push(line(3));
    check(&export.text()).unwrap();
    let moved = export.text().replace("\"from_seq\":3", "\"from_seq\":2");
    assert!(matches!(check(&moved), Err(VerifyError::ChangedKey { number: 2 })));
}

static TEXT: LazyLock<String> = LazyLock::new(|| rotated().text());

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_bit_anywhere_is_found(at in 0..TEXT.len(), bit in 0..8u32) {
        let mut bytes = TEXT.clone().into_bytes();
        bytes[at] ^= 1 << bit;
        let error = verify(&bytes[..], &keys()).unwrap_err();
        // A damaged opening may be no opening any more; after it, every damage is tampering.
        prop_assert!(at <= TEXT.find('\n').unwrap() || error.is_tampering(), "byte {}: {}", at, error);
    }

    #[test]
    fn no_byte_can_go_and_none_can_come(at in 0..TEXT.len() - 1, byte in any::<u8>()) {
        let mut fewer = TEXT.clone().into_bytes();
        fewer.remove(at);
        prop_assert!(verify(&fewer[..], &keys()).is_err());
        let mut more = TEXT.clone().into_bytes();
        more.insert(at, byte);
        prop_assert!(verify(&more[..], &keys()).is_err());
    }
}

#[test]
fn every_flipped_bit_of_the_key_lines_is_tampering() {
    let (begin, end) = (TEXT.find("{\"key\":{").unwrap(), TEXT.find("{\"head\":{\"signed").unwrap());
    for (at, bit) in (begin..end).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
        let mut bytes = TEXT.clone().into_bytes();
        bytes[at] ^= 1 << bit;
        let error = verify(&bytes[..], &keys()).unwrap_err();
        assert!(error.is_tampering(), "byte {at}, bit {bit}: {error}");
    }
}
