//! `prim audit verify` on tampered files: exit status, the failure's name and its record.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[path = "../../../cloud-sync/proto/tests/samples/mod.rs"]
mod samples;

use std::path::Path;
use std::process::{Command, Output};

use prim_ids::Stream;
use prim_proto::export::KeyLine;
use prim_proto::{Audit, AuditKey, Body, Erasables};
use samples::*;

fn prim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prim")).args(args).output().expect("prim runs")
}

fn verify_text(folder: &Path, text: &str) -> (i32, String) {
    let (file, keys) = (folder.join("export.jsonl"), folder.join("keys.txt"));
    std::fs::write(&file, text).unwrap();
    std::fs::write(&keys, format!("# trusted\n{}", samples::keys())).unwrap();
    let output = prim(&["audit", "verify", file.to_str().unwrap(), "--keys", keys.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

fn honest() -> Export {
    export_of(&plain_chain(10), &device_key())
}

fn assert_named(change: impl FnOnce(&mut Export), name: &str, record: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut export = honest();
    change(&mut export);
    let (status, said) = verify_text(folder.path(), &export.text());
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("does NOT verify"), "{said}");
    assert!(said.contains(&format!("({name})")), "{said}");
    assert!(said.contains(record), "{record:?} is not in: {said}");
}

#[test]
fn an_honest_export_verifies_and_says_what_that_proves() {
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = verify_text(folder.path(), &honest().text());
    assert_eq!(status, 0, "{said}");
    for words in
        ["verifies", "acme/room-1", "10 (1 to 10)", "gw-1", "does not prove that what they say is true"]
    {
        assert!(said.contains(words), "{words:?} is not in: {said}");
    }
}

#[test]
fn an_erased_payload_still_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let mut export = honest();
    export.records[1].e = Erasables::default();
    let (status, said) = verify_text(folder.path(), &export.text());
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("1 records without some of their words"), "{said}");
}

#[test]
fn a_changed_byte_is_named() {
    assert_named(
        |e| e.records[4].r = e.records[4].r.replace("\"held_ms\":4", "\"held_ms\":5"),
        "changed-byte",
        "record 5",
    );
}

#[test]
fn a_changed_value_is_named() {
    assert_named(
        |e| e.records[1].e.0.get_mut("name").unwrap().value = "Bob".into(),
        "changed-value",
        "record 2",
    );
}

#[test]
fn a_removed_row_is_named() {
    assert_named(|e| drop(e.records.remove(6)), "removed-row", "record 7");
}

#[test]
fn a_cut_tail_is_named() {
    assert_named(|e| e.records.truncate(7), "cut-tail", "ends at 7");
}

#[test]
fn a_swapped_order_is_named() {
    assert_named(|e| e.records.swap(2, 3), "swapped-order", "record 4");
}

#[test]
fn a_foreign_key_is_named() {
    let stranger = AuditKey::from_seed([66; 32]);
    assert_named(
        |e| e.heads = vec![counter(head(Stream::Audit, 10, e.range.head, &stranger))],
        "foreign-key",
        "record 10",
    );
}

#[test]
fn a_rotated_key_without_its_record_is_named() {
    assert_named(
        |e| {
            let new = next_device_key();
            e.heads = vec![counter(head(Stream::Audit, 10, e.range.head, &new))];
            let rotation = Some(device_key().rotate_to(&device(), new.public()));
            e.keys.push(KeyLine { key: new.public().of_device(), from_seq: 6, rotation });
        },
        "rotated-without-record",
        "record 6",
    );
}

#[test]
fn a_rotated_key_with_its_record_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let drafts = (0..4).map(|i| {
        let rotation = device_key().rotate_to(&device(), next_device_key().public());
        let body = if i == 2 { Audit::KeyRotated { rotation } } else { Audit::SayStarted { say: i } };
        draft(Stream::Audit, i, Body::Audit(body), Erasables::default())
    });
    let (status, said) = verify_text(folder.path(), &export_of(&link_up(drafts), &next_device_key()).text());
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("1 handed over"), "{said}");
}

/// The file of two keys (lines 2 and 3), changed by somebody who cannot sign.
fn assert_line_named(change: impl FnOnce(&mut Vec<String>), name: &str, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut lines: Vec<String> = rotated().text().lines().map(str::to_owned).collect();
    change(&mut lines);
    let (status, said) = verify_text(folder.path(), &(lines.join("\n") + "\n"));
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("does NOT verify") && said.contains(&format!("({name})")), "{said}");
    assert!(said.contains(words), "{words:?} is not in: {said}");
}

#[test]
fn whatever_is_done_to_the_key_lines_is_named() {
    let digit = |line: &mut String| {
        let at = line.rfind("\"}").unwrap() - 1;
        let other = if line.as_bytes()[at] == b'0' { "1" } else { "0" };
        line.replace_range(at..=at, other);
    };
    assert_line_named(|lines| digit(&mut lines[2]), "changed-key", "key line 2");
    assert_line_named(|lines| drop(lines.remove(2)), "dropped-key", "key line 2 of the 2");
    assert_line_named(|lines| lines.insert(3, lines[2].clone()), "added-key", "key line 3");
    assert_line_named(|lines| lines.swap(1, 2), "swapped-keys", "key line 1");
    let later = |lines: &mut Vec<String>| lines[1] = lines[1].replace("\"from_seq\":1", "\"from_seq\":3");
    assert_line_named(later, "moved-key", "from record 3 on");
}

#[test]
fn whatever_is_done_to_the_head_lines_is_named() {
    // Lines 4 and 5.
    assert_line_named(|lines| drop(lines.remove(3)), "dropped-head", "1 heads stand in the file");
    assert_line_named(|lines| lines.insert(4, lines[3].clone()), "repeated-head", "record 4");
    assert_line_named(|lines| lines.swap(3, 4), "swapped-heads", "record 4 stands behind");
    assert_line_named(|lines| lines.swap(4, 5), "misplaced-line", "line 6");
}

#[test]
fn bytes_that_are_no_line_after_a_signed_opening_are_tampering() {
    assert_line_named(|lines| lines.insert(1, "\0\0".to_owned()), "changed-line", "line 2");
    assert_line_named(|lines| lines[4].push_str(&" ".repeat(600 * 1024)), "changed-line", "line 5");
}

#[test]
fn an_empty_last_line_is_named_with_a_byte_that_counts_from_one() {
    let folder = tempfile::tempdir().unwrap();
    let text = honest().text() + "\n";
    let (status, said) = verify_text(folder.path(), &text);
    assert_eq!(status, 1, "{said}");
    let words =
        format!("line {} cannot be read as a line of an export from its byte 1 on", text.lines().count());
    assert!(said.contains(&words), "{words:?} is not in: {said}");
}

#[test]
fn who_gives_no_key_is_told_every_way_to_give_one() {
    let output = prim(&["audit", "verify", "x"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    for flag in ["--keys <FILE>", "--device-key <FILE>", "--gateway-key <FILE>"] {
        assert!(said.contains(flag), "{flag} is not in: {said}");
    }
}

#[test]
fn what_cannot_be_read_is_neither_yes_nor_no() {
    let folder = tempfile::tempdir().unwrap();
    for (text, words) in [("", "it is empty"), ("milk, bread\n", "no line of an export")] {
        let (status, said) = verify_text(folder.path(), text);
        assert_eq!(status, 2, "{said}");
        assert!(said.contains(words), "{said}");
    }
    let output = prim(&["audit", "verify", "/nonexistent", "--keys", "/nonexistent"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("read the key file /nonexistent"));
}

#[test]
fn a_key_in_pem_serves_and_a_private_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    // The Ed25519 header of SubjectPublicKeyInfo (RFC 8410) before the key's 32 bytes.
    let pem = |key: [u8; 32]| {
        let der = [b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00".as_slice(), &key].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", base64(&der))
    };
    let (file, d, g) =
        (folder.path().join("e.jsonl"), folder.path().join("d.pub.pem"), folder.path().join("g.pub.pem"));
    std::fs::write(&file, honest().text()).unwrap();
    std::fs::write(&d, pem(device_key().public().to_bytes())).unwrap();
    std::fs::write(&g, pem(gateway_key().public().to_bytes())).unwrap();
    let path = |p: &Path| p.to_str().unwrap().to_owned();
    let output =
        prim(&["audit", "verify", &path(&file), "--device-key", &path(&d), "--gateway-key", &path(&g)]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));

    // A forgotten flag is said as such, with the flag; it is no tampering.
    for (flag, key, missing, of) in [
        ("--device-key", &d, "--gateway-key FILE", "gateway gw-1"),
        ("--gateway-key", &g, "--device-key FILE", "acme/room-1"),
    ] {
        let output = prim(&["audit", "verify", &path(&file), flag, &path(key)]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            output.stdout.is_empty() && said.contains(&format!("add `{missing}`")) && said.contains(of),
            "{said}"
        );
    }
    // Another gateway's key is no forgotten one.
    let output =
        prim(&["audit", "verify", &path(&file), "--device-key", &path(&d), "--gateway-key", &path(&d)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("(foreign-key)"));

    let output = prim(&["audit", "verify", &path(&file), "--keys", &path(&d), &path(&g)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("write `--device-key"));

    std::fs::write(&d, "-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n").unwrap();
    let output = prim(&["audit", "verify", &path(&file), "--keys", &path(&d)]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("give the public one"));
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| (n << 8) | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = LETTERS[(n >> (18 - 6 * i) & 63) as usize] as char;
            text.push(if i <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

#[test]
fn help_teaches_with_examples() {
    for args in [
        &["--help"][..],
        &["audit", "verify", "--help"],
        &["replay", "--help"],
        &["doctor", "--help"],
        &["models", "list", "--help"],
    ] {
        let output = prim(args);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("Examples:") && text.contains("Exit status"), "{args:?}:\n{text}");
    }
}

#[test]
fn a_file_that_is_no_export_says_what_it_is_and_how_one_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &str, words: &[&str]| {
        let (status, said) = verify_text(folder.path(), text);
        assert_eq!(status, 2, "{said}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in: {said}");
        }
        assert!(!said.contains("EOF while"), "{said}");
    };
    refused("", &["it is empty", "JSON lines", "prim-gateway export"]);
    refused("\n \n", &["is empty"]);
    refused("\u{7f}ELF\0\0", &["line 1 is no line of an export"]);
    refused("[1, 2]", &["line 1 is no line of an export"]);
    refused("{\"hello\":1}", &["read line 1", "missing field `export`", "prim-gateway export"]);
    let whole = honest().text();
    let cut = &whole[..whole.trim_end().len() - 20];
    let last = whole.lines().count();
    let (status, said) = verify_text(folder.path(), cut);
    assert_eq!(status, 1, "{said}");
    assert!(said.contains("(changed-line)") && said.contains(&format!("line {last}")), "{said}");
    let output = prim(&["audit", "verify", folder.path().to_str().unwrap(), "--keys", "Cargo.toml"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Cargo.toml") || said.contains("is a folder"), "{said}");
}

#[test]
fn a_key_file_that_holds_no_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (file, keys) = (folder.path().join("export.jsonl"), folder.path().join("keys.txt"));
    std::fs::write(&file, honest().text()).unwrap();
    for (bytes, words) in [(&b""[..], "is empty"), (b"\xff\xfe\0", "it is not text")] {
        std::fs::write(&keys, bytes).unwrap();
        let output = prim(&["audit", "verify", file.to_str().unwrap(), "--keys", keys.to_str().unwrap()]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words) && said.contains("keys.txt"), "{said}");
    }
}
