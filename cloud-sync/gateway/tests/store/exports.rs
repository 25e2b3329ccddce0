//! What an auditor gets.

use prim_gateway::export::{Wish, export};
use prim_ids::Stream;
use prim_proto::{Audit, AuditKey, Body, Erasables, KeySet, PublicKey};

use crate::Gateway;
use crate::common::device::Device;
use crate::meaning::meeting;

pub(crate) async fn exported(
    gateway: &mut Gateway,
    device: &Device,
    wish: &Wish,
    trusted: &[PublicKey],
) -> (String, Result<prim_proto::export::Report, prim_proto::export::VerifyError>) {
    let path = gateway.bed.folder.path().join("export.jsonl");
    export(&gateway.bed.database, wish, &"gw-1".parse().unwrap(), &gateway.key, &path).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let mut keys = KeySet::default();
    for key in trusted {
        keys.trust_device(device.address.clone(), key.of_device());
    }
    keys.trust_gateway("gw-1".parse().unwrap(), gateway.key.public().of_gateway());
    let report = prim_proto::export::verify(text.as_bytes(), &keys);
    (text, report)
}

#[tokio::test]
async fn an_export_verifies_with_public_keys_alone_and_over_a_rotated_key() {
    let mut gateway = Gateway::open().await;
    let mut device = Device::new("acme/huddle-1", 1);
    let first_key = device.key.public();
    let [audit, words, _] = meeting(&mut device);
    gateway.send(&device, Stream::Audit, &audit.1[..4]).await;
    gateway.send(&device, Stream::Audit, &audit.1[4..]).await;
    gateway.send(&device, Stream::Utterance, &words.1).await;
    let wish = Wish::Device { device: device.address.clone(), stream: Stream::Audit, epoch: None };
    let (text, report) = exported(&mut gateway, &device, &wish, &[first_key]).await;
    let report = report.unwrap();
    assert_eq!((report.records, report.heads), (audit.1.len() as u64, 2));
    assert!(text.contains("Weekly plan"));
    let (text, report) =
        exported(&mut gateway, &device, &wish, &[AuditKey::from_seed([5; 32]).public()]).await;
    assert_eq!(report.unwrap_err().name(), "foreign-key");
    let cut: String = text.lines().take(text.lines().count() - 1).map(|line| format!("{line}\n")).collect();
    let mut keys = KeySet::default();
    keys.trust_device(device.address.clone(), first_key.of_device());
    keys.trust_gateway("gw-1".parse().unwrap(), gateway.key.public().of_gateway());
    assert_eq!(prim_proto::export::verify(cut.as_bytes(), &keys).unwrap_err().name(), "cut-tail");

    // The new key signs the batch that brings it; the old one consents inside the record.
    let new = AuditKey::from_seed([77; 32]);
    let rotation = device.key.rotate_to(&device.address, new.public());
    let record = device.write(Body::Audit(Audit::KeyRotated { rotation }), Erasables::default());
    device.key = AuditKey::from_seed([77; 32]);
    let done = gateway.send(&device, Stream::Audit, &[record]).await;
    assert!(done.rotated);
    let more = device.audits(3);
    gateway.send(&device, Stream::Audit, &more).await;
    let old_hand = device
        .batch_signed(Stream::Audit, &device.audits_again(&more), &AuditKey::from_seed([1; 32]))
        .encode();
    assert_eq!(gateway.check(&device, Stream::Audit, &old_hand).await.unwrap_err().reason, "foreign_key");
    let (text, report) = exported(&mut gateway, &device, &wish, &[first_key]).await;
    let report = report.unwrap();
    let keys: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"key\"")).collect();
    assert!(keys.len() == 2 && keys[0].contains("\"from_seq\":1,"), "{keys:?}");
    assert_eq!((report.rotations, report.records), (1, audit.1.len() as u64 + 4));
    // No record in the other streams says that the key changed: the old key's consent does, from the first new head.
    let late = device.says(303, None, "after the change");
    gateway.send(&device, Stream::Utterance, &[late]).await;
    let words_wish = Wish::Device { device: device.address.clone(), stream: Stream::Utterance, epoch: None };
    for trusted in [&[first_key][..], &[new.public()], &[first_key, new.public()]] {
        let (_, report) = exported(&mut gateway, &device, &words_wish, trusted).await;
        match (report, trusted.contains(&first_key)) {
            (Ok(report), true) => assert_eq!(report.records, words.1.len() as u64 + 1),
            (Err(error), false) => assert_eq!(error.name(), "foreign-key"),
            (report, _) => panic!("{trusted:?}: {report:?}"),
        }
    }
    // A meeting's export ends at a signed head, and shows no other meeting's words.
    let (_, report) = exported(&mut gateway, &device, &Wish::Meeting(device.meeting), &[first_key]).await;
    report.unwrap();
}
