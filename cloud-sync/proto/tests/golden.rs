//! The golden files decode for ever, and encoding what they hold gives the same bytes.
//!
//! A change here is a change of format: give it a new version and a new folder. To write files for new kinds of
//! record: `PRIM_WRITE_GOLDEN=1 cargo nextest run -p prim-proto --test golden`, then look at the difference.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]
#![expect(clippy::disallowed_methods, reason = "golden files are files; the crate itself stays pure")]

mod samples;

use std::path::PathBuf;

use prim_ids::{MonoTime, Stream};
use prim_proto::export::{self, Line};
use prim_proto::*;
use samples::*;

fn golden(name: &str, made: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1").join(name);
    if std::env::var_os("PRIM_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, made).unwrap();
    }
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn again(record: &Record, erasables: Erasables) -> Placed {
    Draft {
        org: record.org.clone(),
        device: record.device.clone(),
        boot: record.boot,
        stream: record.chain.stream,
        at: record.at,
        wall: record.wall,
        wall_synced: record.wall_synced,
        meeting: record.meeting,
        body: record.body.clone().unwrap(),
        erasables,
    }
    .place(record.chain.epoch, record.chain.seq, record.chain.prev)
}

#[test]
fn records_of_every_kind_decode_and_encode_to_the_same_bytes() {
    for stream in Stream::ALL {
        let made: String = chain(stream).iter().map(|row| row.raw.clone() + "\n").collect();
        let kept = golden(&format!("record-{stream}.jsonl"), &made);
        let mut kinds = Vec::new();
        let mut prev = Hash::ZERO;
        for line in kept.lines() {
            let Reading::Known(record) = Reading::of(line).unwrap() else { panic!("{line}: is version 1") };
            assert_eq!(record.chain.prev, prev, "{line}: the chain holds");
            let placed = again(&record, Erasables::default());
            assert_eq!(placed.raw, line);
            prev = placed.hash;
            kinds.push(record.kind.clone());
        }
        let expected: &[&str] = match stream {
            Stream::Audit => Audit::KINDS,
            Stream::Utterance => Utterance::KINDS,
            Stream::Note => Note::KINDS,
            Stream::Event => Event::KINDS,
            Stream::Usage => Usage::KINDS,
            Stream::Metric => Metric::KINDS,
        };
        for kind in expected {
            assert!(kinds.iter().any(|k| k == kind), "golden/v1/record-{stream}.jsonl has no {kind}");
        }
    }
}

#[test]
fn the_last_link_of_the_golden_audit_chain_is_what_it_was() {
    // The hash function with its domain, in one number. It may never change.
    let last = chain(Stream::Audit).pop().unwrap().hash.to_string();
    assert_eq!(golden("audit-head.txt", &last), last);
}

#[test]
fn a_batch_decodes_verifies_and_encodes_to_the_same_bytes() {
    let rows = chain(Stream::Note);
    let made = String::from_utf8(batch(Stream::Note, &rows, &device_key()).encode()).unwrap();
    let kept = golden("batch.json", &made);
    let batch = Batch::read(kept.as_bytes()).unwrap();
    batch.verify(&batch.contents.topic(), &[device_key().public()]).unwrap();
    assert_eq!(batch.encode(), kept.as_bytes());
}

#[test]
fn the_small_payloads_decode_and_encode_to_the_same_bytes() {
    let ack = Ack {
        v: 1,
        stream: Stream::Audit,
        epoch: epoch(),
        through_seq: 41,
        rejected: vec![Rejection { from: 7, to: 9, reason: code("bad_signature") }],
        gateway: gateway(),
    };
    let kept = golden("ack.json", &String::from_utf8(ack.encode()).unwrap());
    assert_eq!(Ack::read(kept.as_bytes()).unwrap(), ack);
    assert_eq!(ack.encode(), kept.as_bytes());

    let state = State {
        v: 1,
        online: true,
        session: 12,
        boot: prim_ids::BootId::from_u128(7),
        proto_min: 1,
        proto_max: 1,
        capabilities: vec![code("floor"), code("stt")],
        busy_until: None,
    };
    let kept = golden("state.json", &String::from_utf8(state.encode()).unwrap());
    assert_eq!(State::read(kept.as_bytes()).unwrap(), state);
    assert_eq!(state.encode(), kept.as_bytes());

    let presence = GatewayPresence { v: 1, instance: gateway(), online: false, session: 3 };
    let kept = golden("gateway.json", &String::from_utf8(presence.encode()).unwrap());
    assert_eq!(GatewayPresence::read(kept.as_bytes()).unwrap(), presence);
    assert_eq!(presence.encode(), kept.as_bytes());
}

#[test]
fn an_export_verifies_and_its_lines_encode_to_the_same_bytes() {
    let made = export_of(&plain_chain(6), &device_key()).text();
    let kept = golden("export.jsonl", &made);
    let key_file = golden("keys.txt", &keys().to_string());
    let report = export::verify(kept.as_bytes(), &key_file.parse().unwrap()).unwrap();
    assert_eq!(report.records, 6);
    for line in kept.lines().skip(1) {
        let parsed: Line = serde_json::from_str(line).unwrap();
        assert_eq!(parsed.encode(), line);
    }
}

#[test]
fn a_replay_log_decodes_and_encodes_to_the_same_bytes() {
    use prim_proto::replay::{Line, LineKind, VERSION_LINE, check_version};
    let line = |kind, ms, payload| Line::new(kind, MonoTime::from_millis(ms), payload).to_string();
    let made = [
        VERSION_LINE.to_owned(),
        line(LineKind::Config, 0, "seed= 7"),
        line(LineKind::Input, 1200, "ButtonPressed"),
        line(LineKind::Timeout, 7200, ""),
        line(LineKind::Output, 7200, "Show { light= Dinged }"),
    ]
    .join("\n");
    let kept = golden("replay.log", &made);
    let mut lines = kept.lines();
    check_version(lines.next().unwrap()).unwrap();
    for line in lines {
        assert_eq!(line.parse::<Line>().unwrap().to_string(), line);
    }
}

#[test]
fn live_events_decode_and_encode_to_the_same_bytes() {
    let at_ms = MonoTime::from_millis(5);
    let events = [
        LiveEvent::Hello { at_ms, v: 1, meeting: Some(meeting()) },
        LiveEvent::Talking { at_ms, ear: Ear::Room, speaker: None, bearing_deg: Some(120.5), on: true },
        LiveEvent::Final {
            at_ms,
            utterance: prim_ids::UtteranceId::from_u128(9),
            ear: Ear::Room,
            speaker: None,
            bearing_deg: Some(34.0),
            speaker_label: Some(1),
            text: "we ship on friday".to_owned(),
            started_ms: MonoTime::from_millis(1),
            ended_ms: MonoTime::from_millis(4),
        },
        LiveEvent::Floor {
            at_ms,
            state: FloorState::Dinged,
            request: None,
            reason: Some(code("drift")),
            queue: 2,
        },
        LiveEvent::Light { at_ms, pattern: Light::Asking },
        LiveEvent::Banner { at_ms, about: code("timebox"), text: Some("Budget is over".to_owned()) },
        LiveEvent::Silence { at_ms, cause: Some(SilenceCause::BargeIn) },
        LiveEvent::Card {
            at_ms,
            to: CardAudience::Hosts,
            title: "Time".to_owned(),
            body: "Budget is over".to_owned(),
        },
    ];
    let made: String = events.iter().map(|event| event.encode() + "\n").collect();
    let kept = golden("live.jsonl", &made);
    for (line, event) in kept.lines().zip(&events) {
        assert_eq!(&LiveEvent::read(line).unwrap(), event);
        assert_eq!(event.encode(), line);
    }
}
