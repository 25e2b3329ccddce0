//! Every reader of foreign bytes: never panics, and reads back what was written.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod samples;

use std::sync::LazyLock;

use prim_ids::{JobId, MeetingId, Stream};
use prim_proto::*;
use proptest::prelude::*;
use samples::*;

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,39}"
}

fn address() -> impl Strategy<Value = DeviceAddress> {
    (name(), name()).prop_map(|(org, device)| DeviceAddress {
        org: org.parse().unwrap(),
        device: device.parse().unwrap(),
    })
}

fn topic() -> impl Strategy<Value = Topic> {
    (address(), any::<u128>(), 0..11usize, name()).prop_map(|(device, id, which, instance)| {
        let (job, meeting) = (JobId::from_u128(id), MeetingId::from_u128(id));
        match which {
            0 => Topic::State(device),
            1 => Topic::Ack(device),
            2 => Topic::TwinDesired(device),
            3 => Topic::TwinReported(device),
            4 => Topic::Job { to: device, job },
            5 => Topic::JobStatus { from: device, job },
            6 => Topic::Live { from: device, meeting },
            7 => Topic::Panel { to: device, meeting },
            8 => Topic::Gateway(instance.parse().unwrap()),
            n => Topic::Up { from: device, stream: Stream::ALL[n % 6] },
        }
    })
}

fn any_body() -> impl Strategy<Value = (Stream, Body, Erasables)> {
    static BODIES: LazyLock<Vec<(Stream, Body, Erasables)>> = LazyLock::new(bodies);
    (0..BODIES.len()).prop_map(|i| BODIES[i].clone())
}

/// A valid text with a few bytes changed, removed or added.
fn mutated(text: String) -> impl Strategy<Value = Vec<u8>> {
    let length = text.len();
    prop::collection::vec((0..length, any::<u8>(), 0..3u8), 1..4).prop_map(move |changes| {
        let mut bytes = text.clone().into_bytes();
        for (at, byte, how) in changes {
            let at = at.min(bytes.len().saturating_sub(1));
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

static EXPORT: LazyLock<String> = LazyLock::new(|| export_of(&plain_chain(5), &device_key()).text());
static BATCH: LazyLock<String> = LazyLock::new(|| {
    String::from_utf8(batch(Stream::Audit, &plain_chain(3), &device_key()).encode()).unwrap()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_topic_and_its_text_are_inverses(topic in topic()) {
        prop_assert_eq!(topic.to_string().parse::<Topic>().unwrap(), topic);
    }

    #[test]
    fn a_text_that_reads_as_a_topic_is_that_topics_text(text in "(prim/1/)?[a-z0-9/+#$-]{0,60}|.{0,80}") {
        if let Ok(topic) = text.parse::<Topic>() {
            prop_assert_eq!(topic.to_string(), text);
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written((stream, body, erasables) in any_body(), seq in 1..u64::MAX, prev in any::<[u8; 32]>(), at in any::<u64>()) {
        let placed = draft(stream, at >> 20, body.clone(), erasables).place(epoch(), seq, Hash(prev));
        let Reading::Known(record) = Reading::of(&placed.raw).unwrap() else { panic!("is version 1") };
        prop_assert_eq!(record.body, Some(body));
        prop_assert_eq!((record.chain.seq, record.chain.prev), (seq, Hash(prev)));
        prop_assert_eq!(placed.hash, link(Hash(prev), placed.raw.as_bytes()));
    }

    #[test]
    fn reading_a_record_never_panics((_, body, erasables) in any_body(), noise in ".{0,200}") {
        let raw = draft(body.stream().unwrap_or(Stream::Event), 1, body, erasables).place(epoch(), 1, Hash::ZERO).raw;
        let _ = Reading::of(&noise);
        for (cut, _) in raw.char_indices().step_by(7) {
            let _ = Reading::of(&raw[..cut]);
        }
    }

    #[test]
    fn a_damaged_record_is_an_error_or_another_record(bytes in any_body().prop_flat_map(|(stream, body, erasables)| mutated(draft(stream, 1, body, erasables).place(epoch(), 1, Hash::ZERO).raw))) {
        let _ = Reading::of(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_damaged_batch_never_verifies(bytes in mutated(BATCH.clone())) {
        if let Ok(batch) = Batch::read(&bytes) {
            let topic = batch.contents.topic();
            let honest = Batch::read(BATCH.as_bytes()).unwrap();
            prop_assert!(batch == honest || batch.verify(&topic, &[device_key().public()]).is_err());
        }
    }

    #[test]
    fn a_damaged_export_never_verifies_as_something_else(bytes in mutated(EXPORT.clone())) {
        if export::verify(&bytes[..], &keys()).is_ok() {
            // Only the last line's end carries nothing.
            let text = EXPORT.as_bytes();
            prop_assert!(bytes == text || bytes == text[..text.len() - 1]);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,200}") {
        let _ = Batch::read(&bytes);
        let _ = Ack::read(&bytes);
        let _ = State::read(&bytes);
        let _ = GatewayPresence::read(&bytes);
        let _ = export::verify(&bytes[..], &keys());
        let _ = LiveEvent::read(&text);
        let _ = Erasables::from_json(&text);
        let _ = text.parse::<KeySet>();
        let _ = text.parse::<replay::Line>();
        let _ = replay::check_version(&text);
        let _ = text.parse::<Code>();
        let _ = text.parse::<Hash>();
        let _ = text.parse::<PublicKey>();
        let _ = PublicKey::from_pem(&text);
        let _ = text.parse::<DeviceAddress>();
    }

    #[test]
    fn a_replay_line_reads_back(kind in 0..4usize, ms in any::<u64>(), payload in "[^\r\n]{0,80}") {
        use replay::{Line, LineKind};
        let kind = [LineKind::Config, LineKind::Input, LineKind::Timeout, LineKind::Output][kind];
        let line = Line::new(kind, prim_ids::MonoTime::from_millis(ms), &payload);
        prop_assert_eq!(line.to_string().parse::<Line>().unwrap(), line);
    }

    #[test]
    fn a_key_file_reads_back(names in prop::collection::vec((address(), any::<[u8; 32]>()), 0..5), gateways in prop::collection::vec((name(), any::<[u8; 32]>()), 0..3)) {
        let mut keys = KeySet::default();
        for (device, seed) in names {
            keys.trust_device(device, AuditKey::from_seed(seed).public().of_device());
        }
        for (gateway, seed) in gateways {
            keys.trust_gateway(gateway.parse().unwrap(), AuditKey::from_seed(seed).public().of_gateway());
        }
        prop_assert_eq!(keys.to_string().parse::<KeySet>().unwrap(), keys);
    }
}
