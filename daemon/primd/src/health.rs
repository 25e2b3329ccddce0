//! How the device is at this moment, part by part and with reasons: what `/health` and `/metrics` show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{counter, gauge};
use prim_ids::{MonoTime, WallTime};
use prim_meeting::Peripheral;
use serde::Serialize;

use crate::certificate::{CertificateWatch, Standing};
use crate::clock;
use crate::front::EarCounters;
use crate::inbox::Inbox;
use crate::listener::{DetectorFailure, STAND_IN};
use crate::vitals::{self, Parts};

/// A microphone that has given nothing for this long is stalled.
const STALL: Duration = Duration::from_secs(2);
/// Whoever asks for the page waits no longer for a spool that another thread keeps.
const DISK_LIMIT: Duration = Duration::from_millis(500);

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
pub(crate) struct Health {
    pub(crate) status: &'static str,
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
pub(crate) struct SpoolHealth {
    condition: String,
    records: u64,
    bytes: u64,
    refused: u64,
    /// Under the spool, at the writer's last look.
    free_bytes: Option<u64>,
    would_drop_first: Option<String>,
}

impl HealthSource {
    /// On both clocks of now.
    pub(crate) fn at(&self, mono: MonoTime, wall: WallTime) -> Health {
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

    /// Into the recorder of metrics.
    pub(crate) fn publish(&self) {
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

#[cfg(test)]
mod tests;
