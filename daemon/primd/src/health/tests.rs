use std::sync::OnceLock;

use metrics_exporter_prometheus::PrometheusBuilder;
use prim_identity::{Authority, Validity};
use prim_ids::EpochId;
use prim_meeting::PeripheralState;

use super::*;
use crate::ledger::Identity;

const NOW: WallTime = WallTime::from_unix_millis(1_790_000_000_000);

fn after(days: i64) -> WallTime {
    WallTime::from_unix_millis(NOW.unix_millis() + days * 86_400_000)
}

/// A device that lacks nothing, heard at 0 ms, with a certificate for 90 days.
fn well(folder: &std::path::Path) -> HealthSource {
    let identity = Identity {
        org: "acme".parse().unwrap(),
        device: "huddle".parse().unwrap(),
        boot: prim_ids::BootId::from_u128(1),
    };
    let authority = Authority::create("Test", Validity::days_from(NOW, 3650)).unwrap();
    let issued = authority.issue_device(&identity.org, &identity.device, Validity::days_from(NOW, 90));
    let files = issued.unwrap().write(folder, "device").unwrap();
    let ca = folder.join("ca.pem");
    prim_identity::write_public(&ca, authority.certificate_pem()).unwrap();
    let broker = crate::config::BrokerConfig {
        host: "localhost".to_owned(),
        port: 8883,
        ca,
        cert: files.certificate,
        key: files.key,
    };
    let device = crate::config::DeviceConfig {
        org: identity.org.clone(),
        name: identity.device.clone(),
        data_dir: folder.to_owned(),
        audit_key: folder.join("audit.key.pem"),
        spool_max_mib: 8,
        witness: None,
    };
    let limits = prim_spool::Limits::default();
    let write_loss = crate::losses::writer(identity, None);
    let spool = prim_spool::Spool::open(&folder.join("s"), limits, EpochId::from_u128(7), write_loss);
    let parts = Parts::default();
    for part in [
        Peripheral::Stt,
        Peripheral::Tts,
        Peripheral::Speaker,
        Peripheral::Light,
        Peripheral::Button,
        Peripheral::Disk,
    ] {
        parts.note(part, &PeripheralState::Up);
    }
    let link = || LinkHealth {
        broker: "up",
        gateway: "up",
        problem: None,
        why: None,
        batches: 0,
        rejected: 0,
        refused: 0,
        live_dropped: 0,
    };
    HealthSource {
        ear: Arc::default(),
        spool: Arc::new(spool.unwrap()),
        link: Box::new(link),
        certificate: Some(Arc::new(CertificateWatch::new(&broker, &device))),
        adapters: Vec::new(),
        parts,
        inbox: Inbox::new().0,
        switched_off: Vec::new(),
        detector: ("earshot", None),
        voiceprints: ("off", None),
        voices_stall: Arc::default(),
        detector_failure: DetectorFailure::default(),
    }
}

#[test]
fn a_detector_that_stands_in_for_a_better_one_is_told_with_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = well(folder.path());
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.detector), ("ok", "earshot"));
    source.detector.1 = Some("earshot in its place: cannot open model silero".to_owned());
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!(health.status, "degraded");
    assert!(health.reasons["detector"].contains("cannot open model silero"));
}

#[test]
fn a_speaker_network_that_is_named_and_missing_is_told_and_one_that_is_not_named_is_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = well(folder.path());
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.voiceprints), ("ok", "off"));
    source.voiceprints = ("up", None);
    source.voices_stall.store(true, Ordering::Release);
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.voiceprints), ("degraded", "stalled"));
    assert!(health.reasons["voiceprints"].contains("does not answer"));
    source.voiceprints = ("missing", Some("cannot read the speaker network".to_owned()));
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.voiceprints), ("degraded", "missing"));
    assert!(health.reasons["voiceprints"].contains("cannot read"));
}

#[test]
fn a_detector_that_fails_while_the_daemon_runs_is_told_with_what_took_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let source = HealthSource { detector: ("silero", None), ..well(folder.path()) };
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.detector), ("ok", "silero"));
    source.detector_failure.set("judge a frame: the runtime is gone".to_owned()).unwrap();
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.detector), ("degraded", "earshot"));
    assert_eq!(
        health.reasons["detector"],
        "earshot in its place: silero failed to judge a frame: the runtime is gone; restart the daemon to have it \
         tried again"
    );
}

#[test]
fn a_certificate_that_expires_while_the_daemon_runs_makes_it_degraded_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let source = well(folder.path());
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.certificate), ("ok", "up"), "{health:?}");
    let health = source.at(MonoTime::ZERO, after(80));
    assert_eq!((health.status, health.certificate), ("ok", "expires_soon"));
    assert!(health.reasons["certificate"].contains("have a new one issued"));
    let health = source.at(MonoTime::ZERO, after(91));
    assert_eq!((health.status, health.certificate), ("degraded", "expired"));
    assert!(health.reasons["certificate"].contains("everything is kept here"));
}

#[test]
fn a_device_whose_records_nobody_takes_is_not_well() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = well(folder.path());
    let taken = (source.link)();
    source.link = Box::new(move || LinkHealth { gateway: "down", ..taken.clone() });
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!(health.status, "degraded");
    assert!(health.reasons["gateway"].contains("look whether prim-gateway runs"), "{health:?}");
}

#[test]
fn what_the_broker_refuses_is_shown_in_words_and_numbers_also_while_it_is_connected() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = well(folder.path());
    let refused = (source.link)();
    source.link = Box::new(move || LinkHealth {
        problem: Some("not_authorized"),
        why: Some("the broker forbids it".to_owned()),
        ..refused.clone()
    });
    assert_eq!(source.at(MonoTime::ZERO, NOW).status, "degraded");
    let recorder = PrometheusBuilder::new().build_recorder();
    metrics::with_local_recorder(&recorder, || source.publish());
    let page = recorder.handle().render();
    assert!(page.contains("prim_link_problem{reason=\"not_authorized\"} 1"), "{page}");
    assert!(page.contains("prim_link_problem{reason=\"link_lost\"} 0"), "{page}");
}

#[test]
fn the_page_is_there_while_a_commit_hangs_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let source = well(folder.path());
    let (spool, begun, answered) = (Arc::clone(&source.spool), OnceLock::new(), OnceLock::new());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let now = prim_spool::Moment { boot: prim_ids::BootId::from_u128(1), at: MonoTime::ZERO };
            let _ = spool.append(now, prim_ids::Stream::Audit, |_| {
                let _ = begun.set(());
                answered.wait();
                prim_spool::Encoded { bytes: vec![1], erasable: None, hash: [1; 32], meeting: None }
            });
        });
        begun.wait();
        let health = source.at(MonoTime::ZERO, NOW);
        let _ = answered.set(());
        assert_eq!(
            (health.status, health.spool.condition.as_str()),
            ("degraded", "its disk does not answer")
        );
    });
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.spool.records), ("ok", 1));
}

#[test]
fn what_the_configuration_switches_off_is_no_fault_and_what_is_missing_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = well(folder.path());
    let absent = PeripheralState::Absent { reason: "no model".to_owned() };
    source.parts.note(Peripheral::Stt, &absent);
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.recogniser), ("degraded", "missing"));
    source.switched_off = vec![Peripheral::Stt];
    let health = source.at(MonoTime::ZERO, NOW);
    assert_eq!((health.status, health.recogniser), ("ok", "off"));
}
