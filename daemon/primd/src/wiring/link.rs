//! The way to the gateway: the uplink, what it reports, and how it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prim_ids::BootId;
use prim_proto::{Audit, Body, DeviceAddress};
use prim_spool::Spool;
use prim_uplink::{Now, Uplink, UplinkConfig, UplinkEvent, UplinkHandle};

use crate::clock;
use crate::config::PrimConfig;
use crate::health::LinkHealth;
use crate::inbox::Inbox;
use crate::ledger::code;
use crate::rotate::Signing;

pub(super) fn start_uplink(
    config: &PrimConfig,
    signing: &Signing,
    spool: &Arc<Spool>,
    inbox: &Inbox,
    link_up: &Arc<AtomicBool>,
    boot: BootId,
) -> anyhow::Result<Option<UplinkHandle>> {
    let Some(broker) = &config.broker else {
        tracing::warn!("no [broker] is configured: everything stays in the spool");
        return Ok(None);
    };
    let (handle, mut events) = Uplink::start(
        UplinkConfig {
            device: DeviceAddress { org: config.device.org.clone(), device: config.device.name.clone() },
            boot,
            broker: prim_uplink::BrokerConfig::new(
                broker.host.clone(),
                broker.port,
                broker.ca.clone(),
                broker.cert.clone(),
                broker.key.clone(),
            ),
            audit_key: Arc::new(prim_proto::AuditKey::from_seed(signing.key.signing().to_bytes())),
            key_changed_at: signing.changed_at,
            capabilities: vec![code("audit"), code("utterance"), code("note")],
            first_session: u64::try_from(clock::wall_now().unix_millis()).unwrap_or(1),
            clock: prim_uplink::Clock::new(|| Now { mono: clock::mono_now(), wall: Some(clock::wall_now()) }),
            timing: prim_uplink::sync::Timing::default(),
        },
        Arc::clone(spool),
    )?;
    let (inbox, link_up, status) = (inbox.clone(), Arc::clone(link_up), handle.clone());
    std::thread::Builder::new().name("prim-link".into()).spawn(move || {
        while let Some(event) = events.blocking_recv() {
            let kept = match event {
                UplinkEvent::StatusChanged => {
                    let status = status.status();
                    link_up.store(status.link_up && status.gateway_present, Ordering::Release);
                    // The uplink has logged each problem once, and that it is connected again.
                    continue;
                }
                UplinkEvent::Panel { .. } => {
                    tracing::warn!("a panel asked for something; panels are not served over MQTT yet");
                    continue;
                }
                UplinkEvent::Rejected { reason, .. } => format!("rejected.{reason}"),
                UplinkEvent::ForeignEpoch { .. } => {
                    // After a reset the gateway repeats what it knows of the life before: nothing is lost by it.
                    tracing::info!("the gateway acknowledges an earlier life of this device's outbox");
                    continue;
                }
                UplinkEvent::ImpossibleAck { .. } => "ack_beyond_the_last_record".to_owned(),
                UplinkEvent::Unsendable { .. } => "record_too_large_to_send".to_owned(),
            };
            tracing::error!(link.event = kept, "the gateway did not take everything; see the audit");
            inbox.record(Body::Audit(Audit::Daemon { state: code(&kept) }));
        }
    })?;
    Ok(Some(handle))
}

pub(super) fn link_health(uplink: Option<UplinkHandle>) -> Box<dyn Fn() -> LinkHealth + Send + Sync> {
    Box::new(move || match &uplink {
        None => LinkHealth {
            broker: "none",
            gateway: "none",
            problem: None,
            why: None,
            batches: 0,
            rejected: 0,
            refused: 0,
            live_dropped: 0,
        },
        Some(uplink) => {
            let status = uplink.status();
            LinkHealth {
                broker: if status.link_up { "up" } else { "down" },
                gateway: if status.gateway_present { "up" } else { "down" },
                problem: status.problem.as_ref().map(|problem| problem.kind.as_str()),
                why: status.problem.map(|problem| problem.to_string()),
                batches: status.batches_sent,
                rejected: status.rejected,
                refused: status.refused,
                live_dropped: status.live_dropped,
            }
        }
    })
}
