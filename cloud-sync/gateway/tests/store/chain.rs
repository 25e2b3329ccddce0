//! Which records of a stream are stored, refused, quarantined, and what is answered.

use std::sync::Arc;

use prim_gateway::export::Wish;
use prim_gateway::ingest::{self, Checked, Depth, Refusal, Store};
use prim_ids::{AgendaItemId, Stream};
use prim_proto::{Audit, AuditKey, Batch, Body, Erasables, Hash, Hole, HoleReason, Placed};

use crate::Gateway;
use crate::common::device::{Device, code, sealed};
use crate::exports::exported;

#[tokio::test]
async fn duplicates_and_disorder_store_each_record_once() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(30);
    let first = gateway.send(&device, Stream::Audit, &all[..10]).await;
    assert_eq!((first.ack.through_seq, first.stored, first.duplicates), (10, 10, 0));
    // The same again, an overlap, one out of order, and all of it in one transaction.
    let again = gateway.send(&device, Stream::Audit, &all[..10]).await;
    assert_eq!((again.ack.through_seq, again.stored, again.duplicates), (10, 0, 10));
    let early = gateway.send(&device, Stream::Audit, &all[20..]).await;
    assert_eq!(
        (early.ack.through_seq, early.stored, early.asks),
        (10, 0, true),
        "a gap is asked about, not passed"
    );
    let overlap = gateway.send(&device, Stream::Audit, &all[5..20]).await;
    assert_eq!((overlap.ack.through_seq, overlap.stored, overlap.duplicates), (20, 10, 5));
    let group = [
        gateway.checked(&device, Stream::Audit, &all[20..25]).await,
        gateway.checked(&device, Stream::Audit, &all[20..25]).await,
        gateway.checked(&device, Stream::Audit, &all[24..]).await,
    ];
    let done = gateway.store.commit(&group, Depth::Full).await.unwrap();
    assert!(done.iter().all(|committed| committed.ack.through_seq == 30));
    assert_eq!(done.iter().map(|committed| committed.stored).sum::<usize>(), 10);
    assert_eq!(gateway.bed.count("records"), 30);
    assert_eq!(gateway.bed.count("(SELECT DISTINCT seq, hash FROM records) AS d"), 30);
    assert_eq!(gateway.bed.count("holes") + gateway.bed.count("quarantine"), 0);
    assert_eq!(gateway.bed.count("audit WHERE event = 'daemon' AND payload ->> 'state' = 'started'"), 30);
    let row = gateway.bed.text("SELECT encode(hash, 'hex') FROM chain_records WHERE seq = 30 AND device = 'huddle-1' AND org = 'acme'");
    assert_eq!(row, all[29].hash.to_string());
}

#[tokio::test]
async fn two_devices_of_the_same_name_do_not_meet() {
    let mut gateway = Gateway::open().await;
    let (mut ours, mut theirs) = (Device::new("acme/huddle-1", 1), Device::new("rival/huddle-1", 2));
    theirs.epoch = ours.epoch;
    let (a, b) = (ours.audits(3), theirs.audits(5));
    let group =
        [gateway.checked(&ours, Stream::Audit, &a).await, gateway.checked(&theirs, Stream::Audit, &b).await];
    let done = gateway.store.commit(&group, Depth::Full).await.unwrap();
    assert_eq!(done.iter().map(|c| c.ack.through_seq).collect::<Vec<_>>(), [3, 5]);
    // Both name the same meeting id: each organisation has its own.
    assert_eq!(gateway.bed.count("meetings"), 2);
}

#[tokio::test]
async fn a_changed_record_is_quarantined_and_the_first_one_stays() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(4);
    gateway.send(&device, Stream::Audit, &all).await;
    // The same device after its disk was put back: other records under the same numbers.
    let mut copy = Device::new("acme/huddle-1", 1);
    let mut other = copy.audits(1);
    let body = Body::Audit(Audit::Daemon { state: code("stopped") });
    other.push(copy.write(body, Erasables::default()));
    let done = gateway.send(&copy, Stream::Audit, &other).await;
    assert_eq!((done.duplicates, done.quarantined, done.ack.through_seq), (1, 1, 4));
    let rejected = &done.ack.rejected[0];
    assert_eq!((rejected.from, rejected.to, rejected.reason.as_str()), (2, 2, "hash_conflict"));
    gateway.send(&copy, Stream::Audit, &other).await;
    assert_eq!(gateway.bed.count("quarantine"), 1, "the same forgery is kept once");
    assert_eq!(
        gateway.bed.text("SELECT encode(hash, 'hex') FROM records WHERE seq = 2"),
        all[1].hash.to_string()
    );
    // And its continuation does not fit ours: quarantined too, and it does not wedge.
    let body = || Body::Audit(Audit::Daemon { state: code("fork") });
    let more: Vec<Placed> = (0..4).map(|_| copy.write(body(), Erasables::default())).collect();
    let done = gateway.send(&copy, Stream::Audit, &more).await;
    assert_eq!(
        (done.ack.through_seq, done.quarantined),
        (6, 3),
        "3 and 4 conflict, 5 forks, 6 goes on from it"
    );
    assert_eq!(gateway.bed.text("SELECT reason FROM holes"), "forked");
}

#[tokio::test]
async fn what_the_device_lost_becomes_a_hole_that_its_own_record_explains() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(20);
    gateway.send(&device, Stream::Audit, &all[..5]).await;
    let asked = gateway.send(&device, Stream::Audit, &all[15..18]).await;
    assert_eq!((asked.ack.through_seq, asked.asks), (5, true));
    let admitted = gateway.send(&device, Stream::Audit, &all[15..18]).await;
    assert_eq!((admitted.ack.through_seq, admitted.asks), (18, false));
    assert_eq!(
        gateway.bed.text("SELECT from_seq || '-' || to_seq || coalesce(reason, '?') FROM holes"),
        "6-15?"
    );
    let hole =
        Hole { from: 6, to: 15, reason: HoleReason::QuotaBytes, before: all[4].hash, last: all[14].hash };
    let record = device.write_to(Stream::Audit, Body::Hole(hole), Erasables::default());
    let mut rest = all[18..].to_vec();
    rest.push(record);
    assert_eq!(gateway.send(&device, Stream::Audit, &rest).await.ack.through_seq, 21);
    assert_eq!(gateway.bed.text("SELECT reason || explained_by_seq FROM holes"), "quota_bytes21");
    // Late records of the hole are still taken, once.
    assert_eq!(gateway.send(&device, Stream::Audit, &all[6..8]).await.stored, 2);
    assert_eq!(gateway.send(&device, Stream::Audit, &all[6..8]).await.stored, 0);
    let (_, report) = exported(
        &mut gateway,
        &device,
        &Wish::Device { device: device.address.clone(), stream: Stream::Audit, epoch: None },
        &[device.key.public()],
    )
    .await;
    assert_eq!(report.unwrap().lost, [(6, 6), (9, 15)]);
}

#[tokio::test]
async fn nobody_else_can_speak_for_a_device() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let records = device.audits(3);
    let honest = device.batch(Stream::Audit, &records).encode();
    let reason =
        |checked: Result<Checked, Refusal>| checked.map(|_| "taken").unwrap_or_else(|refusal| refusal.reason);

    let stranger = device.batch_signed(Stream::Audit, &records, &AuditKey::from_seed([66; 32])).encode();
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &stranger).await), "foreign_key");
    let text = String::from_utf8(honest.clone()).unwrap();
    let sig = text.find("\"sig\":\"").unwrap();
    assert!(sig > 0);
    let at = text.rfind("\"sig\":\"").unwrap() + 7;
    let mut forged = text.clone();
    let flipped = if &text[at..=at] == "0" { "1" } else { "0" };
    forged.replace_range(at..=at, flipped);
    assert_eq!(reason(gateway.check(&device, Stream::Audit, forged.as_bytes()).await), "signature");
    let changed = text.replacen("started", "stopped", 1);
    assert_eq!(reason(gateway.check(&device, Stream::Audit, changed.as_bytes()).await), "signature");

    let rival = Device::new("rival/huddle-1", 2);
    assert_eq!(reason(gateway.check(&rival, Stream::Audit, &honest).await), "foreign_topic");
    assert_eq!(reason(gateway.check(&device, Stream::Note, &honest).await), "foreign_topic");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, b"{\"batch\":{\"v\":1}}").await), "malformed");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, b"not json").await), "malformed");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &vec![b' '; 300 * 1024]).await), "oversized");
    let newer = text.replacen("\"v\":1", "\"v\":7", 1);
    let refusal = gateway.check(&device, Stream::Audit, newer.as_bytes()).await.unwrap_err();
    assert_eq!(refusal.reason, "newer_version");
    assert_eq!(refusal.claim.map(|claim| (claim.from, claim.to)), Some((1, 3)));
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &honest).await), "taken");
    gateway.bed.text("UPDATE devices SET active = false");
    assert_eq!(reason(gateway.check(&device, Stream::Audit, &honest).await), "device_inactive");
}

#[tokio::test]
async fn records_of_a_newer_version_are_parked_and_foolish_ones_kept_as_rejected() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let first = device.audits(1);
    let chain = |raw: String, prev: Hash| Placed {
        hash: prim_proto::link(prev, raw.as_bytes()),
        raw,
        erasables: Erasables::default(),
    };
    let at = |seq: u64, v: u32, prev: Hash, kind: &str| {
        first[0]
            .raw
            .replacen("\"v\":1", &format!("\"v\":{v}"), 1)
            .replacen("\"seq\":1", &format!("\"seq\":{seq}"), 1)
            .replacen(&Hash::ZERO.to_string(), &prev.to_string(), 1)
            .replacen("{\"kind\":\"daemon\",\"state\":\"started\"}", kind, 1)
    };
    let newer = chain(at(2, 9, first[0].hash, "{\"kind\":\"daemon\",\"state\":\"started\"}"), first[0].hash);
    let unknown = chain(at(3, 1, newer.hash, "{\"kind\":\"teleport\"}"), newer.hash);
    let broken = chain(at(4, 1, unknown.hash, "{\"kind\":\"daemon\",\"state\":7}"), unknown.hash);
    let nul = chain(
        at(5, 1, broken.hash, "{\"kind\":\"daemon\",\"state\":\"started\",\"x\":\"\\u0000\"}"),
        broken.hash,
    );
    let all = [first[0].clone(), newer, unknown, broken, nul];
    let done = gateway.send(&device, Stream::Audit, &all).await;
    assert_eq!(done.ack.through_seq, 5);
    assert_eq!(done.ack.rejected.iter().map(|r| (r.from, r.to)).collect::<Vec<_>>(), [(4, 5)]);
    let status = "SELECT string_agg(status, ',' ORDER BY seq) FROM records";
    assert_eq!(gateway.bed.text(status), "accepted,parked,parked,rejected,rejected");
    assert_eq!(gateway.bed.count("audit WHERE payload IS NOT NULL"), 1, "the view reads what it can");
}

#[tokio::test]
async fn a_value_postgres_cannot_hold_spoils_only_its_own_meaning() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    // An agenda item that breaks a constraint nobody thought of.
    gateway.bed.text("ALTER TABLE agenda_items ADD CHECK (planned_ms < 1000)");
    let (title, e) = sealed(&[("title", "x")]);
    let item = Audit::AgendaItem {
        item: AgendaItemId::from_u128(1),
        position: 0,
        title: title[0],
        planned_ms: 5000,
    };
    let records = [device.write(Body::Audit(item), e)];
    let checked = gateway.checked(&device, Stream::Audit, &records).await;
    let error = gateway.store.commit(std::slice::from_ref(&checked), Depth::Full).await.unwrap_err();
    assert!(matches!(error, ingest::CommitError::Poison { .. }), "{error:?}");
    assert_eq!(gateway.bed.count("records"), 0, "all or nothing");
    let done = gateway.store.commit(&[checked], Depth::BytesOnly).await.unwrap().remove(0);
    assert_eq!(done.ack.through_seq, 1);
    assert_eq!(done.ack.rejected[0].reason.as_str(), "refused_value");
    assert_eq!(gateway.bed.text("SELECT status FROM records"), "rejected");
}

#[tokio::test]
async fn two_gateways_writing_the_same_stream_store_it_once() {
    let mut gateway = Gateway::open().await;
    let mut second =
        Store::new(gateway.bed.database.clone(), "gw-2".parse().unwrap(), AuditKey::from_seed([201; 32]));
    let mut device = Device::new("acme/huddle-1", 1);
    let all = device.audits(200);
    let mut batches = Vec::new();
    for chunk in all.chunks(20) {
        batches.push(Arc::new(gateway.checked(&device, Stream::Audit, chunk).await));
    }
    for batch in &batches {
        let group = [Checked::clone(batch)];
        let (one, two) =
            tokio::join!(gateway.store.commit(&group, Depth::Full), second.commit(&group, Depth::Full));
        assert_eq!(one.unwrap()[0].stored + two.unwrap()[0].stored, 20);
    }
    assert_eq!(gateway.bed.count("records"), 200);
    assert_eq!(gateway.bed.text("SELECT seq FROM cursors"), "200");
}

#[test]
fn a_batch_reads_back_what_was_sent() {
    let mut device = Device::new("acme/huddle-1", 1);
    let records = device.audits(2);
    let batch = device.batch(Stream::Audit, &records);
    assert_eq!(Batch::read(&batch.encode()).unwrap(), batch);
}
