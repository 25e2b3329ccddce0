//! The whole gateway as its own process, with a real broker and a real Postgres, and a device that speaks MQTT.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

#[path = "../common/mod.rs"]
mod common;
mod site;

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use common::device::Device;
use prim_bed::World;
use prim_ids::Stream;
use prim_proto::{Actor, Audit, Body, Erasables};
use site::{Site, wait_for};

#[tokio::test]
async fn batches_are_acknowledged_after_commit_and_bad_payloads_are_kept_and_answered() {
    let (site, mut device, mut online) = Site::with_a_device().await;
    let records = device.audits(40);
    let topic = device.topic(Stream::Audit);
    let payload = device.batch(Stream::Audit, &records[..20]).encode();
    online.publish(&topic, payload.clone()).await;
    assert_eq!(online.acked().await.through_seq, 20);
    assert_eq!(site.bed.count("records"), 20, "what is acknowledged is there");
    online.publish(&topic, payload).await;
    assert_eq!(online.acked().await.through_seq, 20);
    assert_eq!(site.bed.count("records"), 20);

    // A forged batch moves nothing, and says why.
    let key = prim_proto::AuditKey::from_seed([66; 32]);
    online.publish(&topic, device.batch_signed(Stream::Audit, &records[20..], &key).encode()).await;
    let refused = online.acked().await;
    assert_eq!(refused.through_seq, 20);
    assert_eq!((refused.rejected[0].from, refused.rejected[0].to), (21, 40));
    assert_eq!(refused.rejected[0].reason.as_str(), "foreign_key");
    // One of records that are stored already says nothing against those.
    online.publish(&topic, device.batch_signed(Stream::Audit, &records[..20], &key).encode()).await;
    let known = online.acked().await;
    assert_eq!((known.through_seq, known.rejected.len()), (20, 0));
    // No batch at all, and one that is too large: kept, not answered, nothing wedged.
    online.publish(&topic, b"{\"batch\": 7".to_vec()).await;
    online.publish(&topic, vec![b'x'; 400 * 1024]).await;
    online.publish(&device.topic(Stream::Note), device.batch(Stream::Audit, &records[20..]).encode()).await;
    assert_eq!(online.acked().await.rejected[0].reason.as_str(), "foreign_topic");
    online.publish(&topic, device.batch(Stream::Audit, &records[20..]).encode()).await;
    assert_eq!(online.acked().await.through_seq, 40);
    let reasons = site.bed.text("SELECT string_agg(reason, ',' ORDER BY reason) FROM rejected");
    assert_eq!(reasons, "foreign_key,foreign_key,foreign_topic,malformed,oversized");
    assert_eq!(site.bed.text("SELECT payload_bytes FROM rejected WHERE reason = 'oversized'"), "409600");

    // A device nobody enrolled.
    let mut stranger = Device::new("acme/huddle-9", 9);
    let stranger_online = site.online(&stranger).await;
    let records = stranger.audits(1);
    stranger_online
        .publish(&stranger.topic(Stream::Audit), stranger.batch(Stream::Audit, &records).encode())
        .await;
    wait_for("the stranger's payload", async || {
        site.bed.count("rejected WHERE reason = 'unknown_device'") == 1
    })
    .await;

    // A new state brings the acknowledgements again.
    online.tell_state(&device, 3).await;
    assert_eq!(online.acked().await.through_seq, 40);
    assert_eq!(site.bed.text("SELECT online || ' ' || session FROM devices WHERE online"), "true 3");

    let metrics = site.get("/metrics").1;
    for number in
        ["prim_ingest_records_total{fate=\"stored\"} 40", "prim_broker_connected 1", "prim_database_up 1"]
    {
        assert!(metrics.contains(number), "{number} in {metrics}");
    }
    assert!(!site.log().contains("daemon"), "records are not logged: {}", site.log());
}

#[tokio::test]
async fn a_refused_payload_that_names_no_meeting_is_kept_until_a_meeting_of_its_device_is_erased() {
    let (site, mut device, mut online) = Site::with_a_device().await;
    let topic = device.topic(Stream::Utterance);
    let foreign = prim_proto::AuditKey::from_seed([66; 32]);
    // One whose meeting can be read, and two that name none, from a device and from nobody's.
    let said = device.says(1, None, "xyzzy readable");
    online.publish(&topic, device.batch_signed(Stream::Utterance, &[said], &foreign).encode()).await;
    assert_eq!(online.acked().await.rejected[0].reason.as_str(), "foreign_key");
    online.publish(&topic, b"{\"batch\":\"xyzzy before\"}".to_vec()).await;
    let stranger = Device::new("acme/huddle-9", 9);
    let stranger_online = site.online(&stranger).await;
    stranger_online.publish(&stranger.topic(Stream::Audit), b"{\"batch\":\"xyzzy\"}".to_vec()).await;
    wait_for("three refusals", async || site.bed.count("rejected") == 3).await;
    let kept = "SELECT string_agg(reason, ',' ORDER BY id) FROM rejected
                WHERE position(convert_to('xyzzy', 'UTF8') IN payload) > 0";
    assert_eq!(site.bed.text(kept), "foreign_key,malformed");

    device.meeting = prim_ids::MeetingId::from_u128(0x0196 << 112);
    let erased = Audit::MeetingErased { records: 0, by: Actor::Panel { id: None } };
    let order = device.write(Body::Audit(erased), Erasables::default());
    online.publish(&device.topic(Stream::Audit), device.batch(Stream::Audit, &[order]).encode()).await;
    assert_eq!(online.acked().await.through_seq, 1);
    assert_eq!(site.bed.text(kept), "foreign_key", "it names a meeting that nobody erased");
    online.publish(&topic, b"{\"batch\":\"xyzzy after\"}".to_vec()).await;
    wait_for("the fourth refusal", async || site.bed.count("rejected") == 4).await;
    assert_eq!(site.bed.text(kept), "foreign_key");
    assert_eq!(
        site.bed.count("rejected WHERE payload_bytes > 0 AND reason <> ''"),
        4,
        "that it came is known"
    );
}

#[tokio::test]
async fn a_gateway_killed_mid_batch_stores_nothing_twice_and_loses_nothing() {
    let (mut site, mut device, mut online) = Site::with_a_device().await;
    let mut all = Vec::new();
    for round in 0..12u64 {
        let records = device.audits(60);
        let payload = device.batch(Stream::Audit, &records).encode();
        online.publish(&device.topic(Stream::Audit), payload).await;
        if round % 2 == 1 {
            // Somewhere between the broker, the checks, the transaction and the acknowledgement.
            tokio::time::sleep(Duration::from_micros(1500 * round)).await;
            site.kill();
            site.start();
        }
        online.deliver(&device, &records).await;
        all.extend(records);
    }
    assert_eq!(site.bed.count("records"), i64::try_from(all.len()).unwrap());
    let stored = site.bed.text("SELECT md5(string_agg(encode(hash, 'hex'), '' ORDER BY seq)) FROM records");
    let wanted: String = all.iter().map(|record| record.hash.to_string()).collect();
    assert_eq!(stored, site.bed.text(&format!("SELECT md5('{wanted}')")));
    assert_eq!(site.bed.count("holes") + site.bed.count("quarantine"), 0);
}

#[tokio::test]
async fn without_postgres_nothing_is_acknowledged_and_afterwards_everything_is() {
    let (mut site, mut device, mut online) = Site::with_a_device().await;
    let records = device.audits(30);
    online.deliver(&device, &records[..10]).await;
    site.bed.postgres.kill_group();
    let text = site.healthy(503).await;
    assert!(text.contains("\"name\":\"postgres\",\"ok\":false"), "{text}");
    let topic = device.topic(Stream::Audit);
    online.publish(&topic, device.batch(Stream::Audit, &records[10..20]).encode()).await;
    online.presence(false).await;
    assert!(online.incoming.try_recv().is_err(), "nothing is acknowledged");
    site.bed.postgres.restart().unwrap();
    // On a slow machine the first batch was sent twice, and its copy may be answered first.
    let first = online.acked().await.through_seq;
    let taken_up = if first == 10 { online.acked().await.through_seq } else { first };
    assert_eq!(taken_up, 20, "what was under way is taken up again");
    online.presence(true).await;
    online.deliver(&device, &records[20..]).await;
    site.healthy(200).await;
    assert_eq!(site.bed.count("records"), 30);
    site.broker.kill_group();
    let text = site.healthy(503).await;
    assert!(text.contains("\"name\":\"broker\",\"ok\":false"), "{text}");
    site.broker.restart().unwrap();
    site.healthy(200).await;
    let more = device.audits(5);
    online.deliver(&device, &more).await;
    assert_eq!(site.bed.count("records"), 35);
}

/// Devices send nothing while no gateway takes batches, so no batch can tell that Postgres is back.
#[tokio::test]
async fn a_state_that_met_a_dead_postgres_does_not_keep_batches_away_for_ever() {
    let (mut site, mut device, mut online) = Site::with_a_device().await;
    let records = device.audits(2);
    online.deliver(&device, &records[..1]).await;
    site.bed.postgres.kill_group();
    online.tell_state(&device, 7).await;
    online.presence(false).await;
    site.bed.postgres.restart().unwrap();
    online.presence(true).await;
    online.deliver(&device, &records[1..]).await;
    assert_eq!(site.bed.count("records"), 2);
}

#[tokio::test]
async fn asked_to_stop_it_withdraws_its_presence_and_ends_well() {
    let (mut site, _, mut online) = Site::with_a_device().await;
    let mut gateway = site.gateway.take().unwrap();
    Command::new("kill").arg(gateway.id().to_string()).status().unwrap();
    online.presence(false).await;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = gateway.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(15), "still running");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "{status}: {}", site.log());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());

    // Now what a person can get wrong, each with a way out.
    let complaint = |site: &Site, arguments: &[&str]| {
        let output = site.command(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, site.http)).unwrap();
    let text = complaint(&site, &["serve"]);
    assert!(text.contains(&format!("port {} is taken", site.http)) && text.contains("http.listen"), "{text}");
    drop(taken);
    let good = std::fs::read_to_string(site.path("gateway.toml")).unwrap();
    std::fs::write(site.path("gateway.toml"), good.replace("quiet_ms", "quiet_seconds")).unwrap();
    let text = complaint(&site, &["serve"]);
    assert!(text.contains("quiet_seconds") && text.contains("quiet_ms"), "{text}");
    std::fs::write(site.path("gateway.toml"), &good).unwrap();
    let other = World::create().unwrap();
    std::fs::write(site.path("ca.pem"), other.authority.certificate_pem()).unwrap();
    let text = complaint(&site, &["serve"]);
    assert!(text.contains("was not issued by the given authority"), "{text}");
    std::fs::write(site.path("ca.pem"), site.world.authority.certificate_pem()).unwrap();
    let old = prim_ids::WallTime::from_unix_millis(1_600_000_000_000);
    let expired = site
        .world
        .authority
        .issue_gateway(&"gw-1".parse().unwrap(), prim_identity::Validity::days_from(old, 30))
        .unwrap();
    expired.write(site.bed.folder.path(), "gateway").unwrap();
    let text = complaint(&site, &["serve"]);
    assert!(text.contains("expired") && text.contains("issue a new one"), "{text}");
    let status = site.command(&["migrate", "status"]).output().unwrap();
    assert!(String::from_utf8(status.stdout).unwrap().contains("applied 0004_views"));
}
