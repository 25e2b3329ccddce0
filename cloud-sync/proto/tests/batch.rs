//! Batches: what is signed, what is refused, and that whatever the packer accepts can be sent.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod samples;

use prim_ids::Stream;
use prim_proto::chain::{FollowError, Step, Tip};
use prim_proto::*;
use samples::*;

fn read(contents: &BatchContents) -> Result<Batch, ReadBatchError> {
    let key = device_key();
    let honest = batch(Stream::Audit, &plain_chain(1), &key);
    Batch::read(&Batch { contents: contents.clone(), ..honest }.encode())
}

#[test]
fn a_batch_under_another_devices_topic_is_refused() {
    let batch = batch(Stream::Audit, &plain_chain(3), &device_key());
    let keys = [device_key().public()];
    batch.verify(&"prim/1/acme/room-1/up/audit".parse().unwrap(), &keys).unwrap();
    for wrong in ["prim/1/acme/room-2/up/audit", "prim/1/other/room-1/up/audit", "prim/1/acme/room-1/up/note"]
    {
        let error = batch.verify(&wrong.parse().unwrap(), &keys).unwrap_err();
        assert!(matches!(error, VerifyBatchError::Topic { .. }), "{error}");
    }
}

#[test]
fn a_batch_of_a_foreign_key_or_with_changed_contents_is_refused() {
    let batch = batch(Stream::Audit, &plain_chain(3), &device_key());
    let topic = batch.contents.topic();
    let foreign = batch.verify(&topic, &[next_device_key().public()]);
    assert!(matches!(foreign, Err(VerifyBatchError::ForeignKey { .. })));
    let mut changed = batch.clone();
    changed.contents.sent_at_wall_ms = None;
    assert!(matches!(
        changed.verify(&topic, &[device_key().public()]),
        Err(VerifyBatchError::Signature { .. })
    ));
    let mut erased = batch;
    erased.contents.rows[1].e = Erasables::default();
    assert!(matches!(
        erased.verify(&topic, &[device_key().public()]),
        Err(VerifyBatchError::Signature { .. })
    ));
}

#[test]
fn each_rule_of_a_batch_has_its_own_error() {
    let honest = batch(Stream::Audit, &plain_chain(3), &device_key()).contents;
    let with = |change: &dyn Fn(&mut BatchContents)| {
        let mut contents = honest.clone();
        change(&mut contents);
        read(&contents).unwrap_err()
    };
    assert!(matches!(with(&|c| c.v = 2), ReadBatchError::Newer { v: 2 }));
    assert!(matches!(with(&|c| c.rows.clear()), ReadBatchError::Empty));
    assert!(matches!(with(&|c| c.rows.swap(0, 1)), ReadBatchError::Order { index: 0, .. }));
    assert!(matches!(with(&|c| c.rows.swap(1, 2)), ReadBatchError::Order { index: 2, .. }));
    assert!(matches!(with(&|c| c.stream = Stream::Note), ReadBatchError::Elsewhere { index: 0 }));
    assert!(matches!(with(&|c| drop(c.rows.pop())), ReadBatchError::Head));
    assert!(matches!(with(&|c| c.rows[1].r.push('x')), ReadBatchError::Row { index: 1, .. }));
    let mut smuggled = Sealer::default();
    smuggled.seal("text", Salt([1; 16]), "never said");
    let smuggled = smuggled.finish();
    assert!(matches!(with(&|c| c.rows[0].e = smuggled.clone()), ReadBatchError::Row { index: 0, .. }));
    let many = BatchRow { r: honest.rows[0].r.clone(), e: Erasables::default() };
    assert!(matches!(
        with(&|c| c.rows = vec![many.clone(); 501]),
        ReadBatchError::TooLong { .. } | ReadBatchError::TooManyRows { .. }
    ));
    assert!(matches!(Batch::read(&vec![b' '; MAX_BATCH_BYTES + 1]), Err(ReadBatchError::TooLong { .. })));
}

#[test]
fn the_largest_record_with_the_largest_values_still_fits_a_batch() {
    // The worst a raw record can be: all quotes and backslashes, each of which doubles on the wire.
    let raw = "\\\"".repeat(MAX_RECORD_BYTES / 2);
    assert!(Packer::default().add(&raw, MAX_ERASABLE_BYTES));
}

#[test]
fn what_the_packer_accepts_can_be_signed() {
    let rows = plain_chain(600);
    let mut packer = Packer::default();
    let fitting = rows
        .iter()
        .take_while(|row| packer.add(&row.raw, row.erasables.to_json().map_or(0, |json| json.len())))
        .count();
    assert!((100..=MAX_BATCH_ROWS).contains(&fitting), "{fitting}");
    let batch = batch(Stream::Audit, &rows[..fitting], &device_key());
    assert!(batch.encode().len() <= MAX_BATCH_BYTES);
    Batch::read(&batch.encode()).unwrap();
}

#[test]
fn a_reader_follows_a_chain_and_tells_seen_forked_and_missing_apart() {
    let rows = plain_chain(6);
    let fields = |row: &Placed| ChainFields::of(&row.raw).unwrap();
    let mut tip = Tip::start(Stream::Audit, epoch());
    for row in &rows[..3] {
        let Ok(Step::Next(next)) = tip.follow(&fields(row), &row.raw) else { panic!("follows") };
        tip = next;
    }
    assert_eq!(tip.hash, rows[2].hash);
    assert_eq!(tip.follow(&fields(&rows[1]), &rows[1].raw), Ok(Step::Seen { hash: rows[1].hash }));
    let Ok(Step::After { gap, .. }) = tip.follow(&fields(&rows[5]), &rows[5].raw) else { panic!("a gap") };
    assert_eq!((gap.from, gap.to, gap.before, gap.last), (4, 5, rows[2].hash, rows[4].hash));
    let elsewhere = Tip { hash: Hash([9; 32]), ..tip };
    assert_eq!(elsewhere.follow(&fields(&rows[3]), &rows[3].raw), Err(FollowError::Forked { seq: 4 }));
    let hole =
        Hole { from: 2, to: 5, reason: HoleReason::DiskFull, before: Hash([8; 32]), last: rows[4].hash };
    assert!(gap.explained_by(&hole), "a hole may cover more than is missing");
    assert!(!gap.explained_by(&Hole { last: Hash([7; 32]), ..hole.clone() }), "its ends must meet the chain");
    assert!(!gap.explained_by(&Hole { from: 5, ..hole }));
}

#[test]
fn a_newer_payload_is_told_apart_from_a_broken_one() {
    let newer = br#"{"v":2,"anything":true}"#;
    assert!(matches!(Ack::read(newer), Err(ReadPayloadError::Newer { v: 2, .. })));
    assert!(matches!(State::read(b"{}"), Err(ReadPayloadError::Malformed { .. })));
    assert!(matches!(GatewayPresence::read(&vec![b' '; 200_000]), Err(ReadPayloadError::TooLong { .. })));
}

#[test]
fn values_and_salts_do_not_show_in_debug() {
    let mut sealer = Sealer::default();
    sealer.seal("text", Salt([0xAB; 16]), "marmalade");
    let shown = format!("{:?}", sealer.finish());
    assert!(!shown.contains("marmalade") && !shown.contains("abab"), "{shown}");
    assert!(!format!("{:?}", device_key()).contains("0101"));
}
