//! `/health` for people and `/metrics` for Prometheus, on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics::{counter, gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use prim_ids::{MonoTime, WallTime};
use prim_meeting::Peripheral;
use serde::Serialize;

use crate::certificate::{self, CertificateWatch, Standing};
use crate::clock;
use crate::front::EarCounters;
use crate::inbox::Inbox;
use crate::listener::{DetectorFailure, STAND_IN};
use crate::vitals::{self, BUCKETS_S, Parts};

/// A microphone that has given nothing for this long is stalled.
const STALL: Duration = Duration::from_secs(2);
/// Whoever asks for the page waits no longer for a spool that another thread keeps.
const DISK_LIMIT: Duration = Duration::from_millis(500);

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeHttpError {
    #[error("listen on {listen}: another program uses the port; stop it or set [http].listen to a free one")]
    Busy { listen: SocketAddr },
    #[error("listen on {listen}")]
    Listen {
        listen: SocketAddr,
        #[source]
        source: std::io::Error,
    },
}

/// What the page shows.
pub(crate) struct HealthSource {
    pub(crate) ear: Arc<EarCounters>,
    pub(crate) spool: Arc<prim_spool::Spool>,
    pub(crate) link: Box<dyn Fn() -> LinkHealth + Send + Sync>,
    /// None without a broker.
    pub(crate) certificate: Option<Arc<CertificateWatch>>,
    pub(crate) adapters: Vec<Box<dyn Fn() -> AdapterHealth + Send + Sync>>,
    /// How each part is at this moment.
    pub(crate) parts: Parts,
    pub(crate) inbox: Inbox,
    /// The parts that the configuration does without; the device is well all the same.
    pub(crate) switched_off: Vec<Peripheral>,
    /// What tells speech from other sound, and why it is not what was wanted.
    pub(crate) detector: (&'static str, Option<String>),
    /// Whether the room's voices are compared: `up`, `off` or `missing`, and why.
    pub(crate) voiceprints: (&'static str, Option<String>),
    /// Set while the network that compares them does not answer.
    pub(crate) voices_stall: Arc<AtomicBool>,
    /// Set where it has failed since.
    pub(crate) detector_failure: DetectorFailure,
}

/// The way to the gateway.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LinkHealth {
    pub(crate) broker: &'static str,
    pub(crate) gateway: &'static str,
    /// What is wrong, as a word; the most telling of what went wrong since the last connection.
    pub(crate) problem: Option<&'static str>,
    /// The same for people, with what to do.
    pub(crate) why: Option<String>,
    #[serde(skip)]
    pub(crate) batches: u64,
    #[serde(skip)]
    pub(crate) rejected: u64,
    #[serde(skip)]
    pub(crate) refused: u64,
    #[serde(skip)]
    pub(crate) live_dropped: u64,
}

/// One adapter: how it is at this moment, and its manifest in plain words.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AdapterHealth {
    pub(crate) name: String,
    /// `up` or `down`.
    pub(crate) state: &'static str,
    pub(crate) why: Option<String>,
    pub(crate) capabilities: Vec<(String, String)>,
}

#[derive(Debug, Serialize)]
struct Health {
    status: &'static str,
    microphones: &'static str,
    /// What tells speech from other sound.
    detector: &'static str,
    /// Whether the room's voices are compared: `up`, `off` or `missing`.
    voiceprints: &'static str,
    recogniser: &'static str,
    voice: &'static str,
    speaker: &'static str,
    light: &'static str,
    button: &'static str,
    disk: &'static str,
    /// Why, for each part that does not work as it should.
    reasons: BTreeMap<&'static str, String>,
    link: LinkHealth,
    /// What the device shows to the broker: `up`, `expires_soon`, `expired`, `unusable`; `none` without a broker.
    certificate: &'static str,
    spool: SpoolHealth,
    adapters: Vec<AdapterHealth>,
}

#[derive(Debug, Serialize)]
struct SpoolHealth {
    condition: String,
    records: u64,
    bytes: u64,
    refused: u64,
    /// Under the spool, at the writer's last look.
    free_bytes: Option<u64>,
    would_drop_first: Option<String>,
}

impl HealthSource {
    fn at(&self, mono: MonoTime, wall: WallTime) -> Health {
        let last = MonoTime::from_millis(self.ear.last_block_ms.load(Ordering::Relaxed));
        let hears = mono.since(last) < STALL;
        let link = (self.link)();
        let nothing = |condition: String| SpoolHealth {
            condition,
            records: 0,
            bytes: 0,
            refused: 0,
            free_bytes: None,
            would_drop_first: None,
        };
        let spool = match self.spool.depth_within(DISK_LIMIT) {
            None => nothing("its disk does not answer".to_owned()),
            Some(Err(error)) => nothing(format!("unreadable: {error}")),
            Some(Ok(d)) => SpoolHealth {
                condition: format!("{:?}", d.condition).to_lowercase(),
                records: d.rows,
                bytes: d.bytes,
                refused: d.refused,
                free_bytes: d.free_bytes,
                would_drop_first: d.next_to_drop.map(|s| s.to_string()),
            },
        };
        let mut reasons = BTreeMap::new();
        let mut part = |name, which| {
            if self.switched_off.contains(&which) {
                return "off";
            }
            let (state, why) = self.parts.state(which);
            reasons.extend(why.map(|why| (name, why)));
            // The words that `prim doctor` knows.
            if state == "absent" { "missing" } else { state }
        };
        let recogniser = part("recogniser", Peripheral::Stt);
        let voice = part("voice", Peripheral::Tts);
        let speaker = part("speaker", Peripheral::Speaker);
        let light = part("light", Peripheral::Light);
        let button = part("button", Peripheral::Button);
        let disk = part("disk", Peripheral::Disk);
        let (_, deaf) = self.parts.state(Peripheral::Microphones);
        let (detector, instead) = self.detector_now();
        reasons.extend(instead.clone().map(|why| ("detector", why)));
        let (voiceprints, none) = self.voiceprints_now();
        reasons.extend(none.map(|why| ("voiceprints", why)));
        reasons.extend(deaf.map(|why| ("microphones", why)));
        let certificate = self.certificate.as_ref().map(|watch| watch.look(wall));
        reasons.extend(certificate.as_ref().and_then(Standing::advice).map(|why| ("certificate", why)));
        // Records pile up here while a broker is there and nobody behind it takes them.
        let untaken = link.broker == "up" && link.gateway == "down";
        reasons.extend(untaken.then(|| {
            let advice = "the broker is there, but no gateway takes what this device sends: look whether prim-gateway runs \
                          and is connected; everything is kept here";
            ("gateway", advice.to_owned())
        }));
        let adapters: Vec<AdapterHealth> = self.adapters.iter().map(|adapter| adapter()).collect();
        let well = hears
            && instead.is_none()
            && spool.condition == "ok"
            && certificate.as_ref().is_none_or(Standing::holds)
            && [voiceprints, recogniser, voice, speaker, light, button, disk]
                .iter()
                .all(|state| matches!(*state, "up" | "off"))
            && adapters.iter().all(|adapter| adapter.state == "up");
        Health {
            // A connected broker may still refuse what this device sends.
            status: if !well || untaken || link.broker == "down" || link.why.is_some() {
                "degraded"
            } else {
                "ok"
            },
            microphones: if hears { "up" } else { "silent" },
            detector,
            voiceprints,
            recogniser,
            voice,
            speaker,
            light,
            button,
            disk,
            reasons,
            link,
            certificate: certificate.as_ref().map_or("none", Standing::word),
            spool,
            adapters,
        }
    }

    /// Whether voices are compared just now, and why not.
    fn voiceprints_now(&self) -> (&'static str, Option<String>) {
        if self.voiceprints.0 == "up" && self.voices_stall.load(Ordering::Acquire) {
            let why = "the speaker network does not answer; voices go by their direction, restart the daemon if it stays so";
            return ("stalled", Some(why.to_owned()));
        }
        self.voiceprints.clone()
    }

    /// What tells speech from other sound at this moment, and why it is not what was wanted.
    fn detector_now(&self) -> (&'static str, Option<String>) {
        let (opened, instead) = &self.detector;
        match self.detector_failure.get() {
            None => (opened, instead.clone()),
            Some(why) => {
                let advice = "restart the daemon to have it tried again";
                (STAND_IN, Some(format!("{STAND_IN} in its place: {opened} failed to {why}; {advice}")))
            }
        }
    }

    fn publish(&self) {
        let c = &self.ear;
        for (name, count) in [
            ("prim_ear_blocks_total", &c.blocks),
            ("prim_ear_overflowed_blocks_total", &c.overflowed_blocks),
            ("prim_ear_missing_frames_total", &c.missing_frames),
            ("prim_frontend_busy_microseconds_total", &c.frontend_us),
            ("prim_speaker_missed_blocks_total", &c.missed_blocks),
        ] {
            counter!(name).absolute(count.load(Ordering::Relaxed));
        }
        if let Some(bytes) = vitals::resident_bytes() {
            gauge!("process_resident_memory_bytes").set(bytes as f64);
        }
        gauge!("prim_inbox_waiting_messages").set(self.inbox.waiting() as f64);
        if let Some(Ok(depth)) = self.spool.depth_within(DISK_LIMIT) {
            gauge!("prim_spool_records").set(depth.rows as f64);
            gauge!("prim_spool_bytes").set(depth.bytes as f64);
            counter!("prim_spool_refused_records_total").absolute(depth.refused);
            if let Some(free) = depth.free_bytes {
                gauge!("prim_disk_free_bytes").set(free as f64);
            }
            for stream in depth.streams {
                let label = stream.stream.to_string();
                gauge!("prim_spool_stream_records", "stream" => label.clone()).set(stream.rows as f64);
                gauge!("prim_spool_head", "stream" => label).set(stream.head as f64);
            }
        }
        for adapter in self.adapters.iter().map(|adapter| adapter()) {
            let up = if adapter.state == "up" { 1.0 } else { 0.0 };
            gauge!("prim_adapter_up", "adapter" => adapter.name).set(up);
        }
        let link = (self.link)();
        gauge!("prim_link_up").set(if link.broker == "up" { 1.0 } else { 0.0 });
        gauge!("prim_gateway_present").set(if link.gateway == "up" { 1.0 } else { 0.0 });
        for kind in prim_uplink::ProblemKind::ALL.map(prim_uplink::ProblemKind::as_str) {
            let is_it = f64::from(u8::from(link.problem == Some(kind)));
            gauge!("prim_link_problem", "reason" => kind).set(is_it);
        }
        if let Some(watch) = &self.certificate {
            watch.look(clock::wall_now());
        }
        counter!("prim_uplink_batches_total").absolute(link.batches);
        counter!("prim_uplink_rejected_records_total").absolute(link.rejected);
        counter!("prim_uplink_refusals_total").absolute(link.refused);
        counter!("prim_uplink_dropped_live_events_total").absolute(link.live_dropped);
    }
}

/// What the page shows, as soon as everything is open; before that, that it is not.
pub(crate) type LateSource = Arc<OnceLock<HealthSource>>;

#[derive(Clone)]
struct Served {
    source: LateSource,
    prometheus: PrometheusHandle,
}

/// Takes the port, before anything slow is opened: a port in use is told at once.
pub(crate) fn listen(listen: SocketAddr) -> Result<std::net::TcpListener, ServeHttpError> {
    let failed = |source: std::io::Error| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            ServeHttpError::Busy { listen }
        } else {
            ServeHttpError::Listen { listen, source }
        }
    };
    let listener = std::net::TcpListener::bind(listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

/// Where every thread counts from now on.
pub(crate) fn record_metrics() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new().set_buckets(&BUCKETS_S)?.build_recorder();
    let prometheus = recorder.handle();
    // A second daemon in one process (tests) keeps the first recorder.
    let _ = metrics::set_global_recorder(recorder);
    crate::vitals::describe();
    metrics::describe_gauge!(
        certificate::EXPIRY,
        metrics::Unit::Seconds,
        "When the certificate [broker] cert expires, in seconds since 1970"
    );
    Ok(prometheus)
}

/// Serves the page on `listener`, inside the runtime.
pub(crate) fn serve(
    listener: std::net::TcpListener,
    prometheus: PrometheusHandle,
    source: LateSource,
) -> std::io::Result<impl Future<Output = ()> + Send> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let app = Router::new()
        .route("/health", get(health))
        .route("/metrics", get(render))
        .with_state(Served { source, prometheus });
    Ok(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the health page has stopped");
        }
    })
}

async fn health(State(served): State<Served>) -> impl IntoResponse {
    let Some(source) = served.source.get() else {
        let why = "waits for the room's hardware and loads its models; the log says what is missing";
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            Json(serde_json::json!({ "status": "starting", "why": why })),
        );
    };
    let health = source.at(clock::mono_now(), clock::wall_now());
    let code = if health.status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(serde_json::json!(health)))
}

async fn render(State(served): State<Served>) -> String {
    if let Some(source) = served.source.get() {
        source.publish();
    }
    served.prometheus.render()
}

#[cfg(test)]
mod tests {
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
}
