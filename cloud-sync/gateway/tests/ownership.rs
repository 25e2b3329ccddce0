//! Two devices of one organisation against a real Postgres: a meeting is the first one's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

mod common;

use std::sync::Arc;

use common::device::{Device, sealed};
use common::{Bed, enrol, furnished};
use prim_gateway::ingest::{self, Checked, Committed, Depth, Registry, Store};
use prim_ids::Stream;
use prim_proto::{Actor, Audit, AuditKey, Body, DingPlace, Erasables, Placed, PolicyMode};

async fn checked(store: &mut Store, device: &Device, stream: Stream, records: &[Placed]) -> Checked {
    let mut registry = Registry::default();
    let known: Arc<_> =
        registry.load(store.connection().await.unwrap(), &device.address).await.unwrap().unwrap();
    ingest::check(&device.topic(stream), &device.batch(stream, records).encode(), &known).unwrap()
}

async fn send(store: &mut Store, device: &Device, stream: Stream, records: &[Placed]) -> Committed {
    let batch = checked(store, device, stream, records).await;
    store.commit(&[batch], Depth::Full).await.unwrap().remove(0)
}

fn started(device: &mut Device, title: &str) -> Placed {
    let (hash, e) = sealed(&[("title", title)]);
    let (mode, ding) = (PolicyMode::AnswerOnAsk, DingPlace::Room);
    device.write(Body::Audit(Audit::MeetingStarted { title: hash[0], mode, ding }), e)
}

fn erased(device: &mut Device) -> Placed {
    let body = Audit::MeetingErased { records: 1, by: Actor::Panel { id: None } };
    device.write(Body::Audit(body), Erasables::default())
}

async fn two_devices() -> (Bed, Store, Device, Device) {
    let bed = furnished().await;
    enrol(&bed.database, "acme", "huddle-2", &AuditKey::from_seed([3; 32])).await;
    let store = Store::new(bed.database.clone(), "gw-1".parse().unwrap(), AuditKey::from_seed([200; 32]));
    (bed, store, Device::new("acme/huddle-1", 1), Device::new("acme/huddle-2", 3))
}

const MEETING: &str =
    "SELECT title || coalesce(erased_at::text, '') || changes || (SELECT string_agg(text, ',')
    FROM utterances) FROM meetings";

#[tokio::test]
async fn a_device_can_neither_rewrite_nor_erase_the_meeting_of_another_and_its_chain_is_kept_whole() {
    let (bed, mut store, mut owner, mut other) = two_devices().await;
    let record = started(&mut owner, "Weekly plan");
    send(&mut store, &owner, Stream::Audit, &[record]).await;
    let words = owner.says(301, None, "we ship on Friday");
    send(&mut store, &owner, Stream::Utterance, &[words]).await;
    let before = bed.text(MEETING);

    let audit = [started(&mut other, "Forged"), erased(&mut other)];
    let done = send(&mut store, &other, Stream::Audit, &audit).await;
    assert_eq!((done.ack.through_seq, done.stored, done.others_meeting.len()), (2, 2, 2));
    let forged = other.says(301, None, "we ship never");
    let done = send(&mut store, &other, Stream::Utterance, &[forged]).await;
    assert_eq!((done.ack.through_seq, done.stored, done.others_meeting.len()), (1, 1, 1));

    assert_eq!(bed.text(MEETING), before);
    assert_eq!(bed.count("chain_records WHERE device = 'huddle-2' AND status = 'rejected'"), 3);
    assert_eq!(bed.count("chain_records WHERE erasable LIKE '%Friday%' OR erasable LIKE '%never%'"), 2);
    assert_eq!(bed.count("heads"), 4, "what is kept is signed for");
}

#[tokio::test]
async fn in_one_transaction_too_the_first_device_owns_the_meeting() {
    let (bed, mut store, mut owner, mut other) = two_devices().await;
    let words = owner.says(301, None, "we ship on Friday");
    let (title, order) = (started(&mut owner, "Weekly plan"), erased(&mut other));
    let group = [
        checked(&mut store, &owner, Stream::Audit, &[title]).await,
        checked(&mut store, &other, Stream::Audit, &[order]).await,
        checked(&mut store, &owner, Stream::Utterance, &[words]).await,
    ];
    let done = store.commit(&group, Depth::Full).await.unwrap();
    assert_eq!(done.iter().map(|one| one.others_meeting.len()).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(bed.text(MEETING), "Weekly plan0we ship on Friday");
}
