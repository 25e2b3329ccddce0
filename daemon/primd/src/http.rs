//! `/health` for people and `/metrics` for Prometheus, on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde::Serialize;

use crate::clock;
use crate::front::EarCounters;

/// A microphone that has given nothing for this long is stalled.
const STALL: Duration = Duration::from_secs(2);

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
    pub(crate) adapters: Vec<Box<dyn Fn() -> AdapterHealth + Send + Sync>>,
    pub(crate) recogniser: &'static str,
    pub(crate) voice: &'static str,
    /// The resident set before the models were loaded.
    pub(crate) before_models_bytes: u64,
    /// Its growth while they were loaded.
    pub(crate) models_bytes: u64,
}

/// The way to the gateway.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LinkHealth {
    pub(crate) broker: &'static str,
    pub(crate) gateway: &'static str,
    pub(crate) why: Option<String>,
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
    recogniser: &'static str,
    voice: &'static str,
    link: LinkHealth,
    spool: SpoolHealth,
    adapters: Vec<AdapterHealth>,
}

#[derive(Debug, Serialize)]
struct SpoolHealth {
    condition: String,
    records: u64,
    bytes: u64,
    would_drop_first: Option<String>,
}

impl HealthSource {
    fn now(&self) -> Health {
        let last = prim_ids::MonoTime::from_millis(self.ear.last_block_ms.load(Ordering::Relaxed));
        let hears = clock::mono_now().since(last) < STALL;
        let link = (self.link)();
        let spool = self.spool.depth().map_or_else(
            |e| SpoolHealth {
                condition: format!("unreadable: {e}"),
                records: 0,
                bytes: 0,
                would_drop_first: None,
            },
            |d| SpoolHealth {
                condition: format!("{:?}", d.condition).to_lowercase(),
                records: d.rows,
                bytes: d.bytes,
                would_drop_first: d.next_to_drop.map(|s| s.to_string()),
            },
        );
        let well = hears && spool.condition == "ok" && self.recogniser == "up" && self.voice == "up";
        Health {
            status: if !well || link.broker == "down" { "degraded" } else { "ok" },
            microphones: if hears { "up" } else { "silent" },
            recogniser: self.recogniser,
            voice: self.voice,
            link,
            spool,
            adapters: self.adapters.iter().map(|adapter| adapter()).collect(),
        }
    }

    fn publish(&self) {
        let c = &self.ear;
        metrics::gauge!("prim_ear_blocks_total").set(c.blocks.load(Ordering::Relaxed) as f64);
        metrics::gauge!("prim_ear_overflowed_blocks_total")
            .set(c.overflowed_blocks.load(Ordering::Relaxed) as f64);
        metrics::gauge!("prim_ear_missing_frames_total").set(c.missing_frames.load(Ordering::Relaxed) as f64);
        metrics::gauge!("prim_frontend_seconds_total")
            .set(c.frontend_us.load(Ordering::Relaxed) as f64 / 1e6);
        metrics::gauge!("prim_before_models_bytes").set(self.before_models_bytes as f64);
        metrics::gauge!("prim_models_bytes").set(self.models_bytes as f64);
        if let Ok(depth) = self.spool.depth() {
            metrics::gauge!("prim_spool_records").set(depth.rows as f64);
            metrics::gauge!("prim_spool_bytes").set(depth.bytes as f64);
            for stream in depth.streams {
                metrics::gauge!("prim_spool_head", "stream" => stream.stream.to_string())
                    .set(stream.head as f64);
            }
        }
        let up = if (self.link)().broker == "up" { 1.0 } else { 0.0 };
        metrics::gauge!("prim_link_up").set(up);
    }
}

#[derive(Clone)]
struct Served {
    source: Arc<HealthSource>,
    prometheus: PrometheusHandle,
}

/// Binds the port; serve with the returned future.
pub(crate) async fn bind(
    listen: SocketAddr,
    source: HealthSource,
) -> Result<impl Future<Output = ()> + Send, ServeHttpError> {
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            ServeHttpError::Busy { listen }
        } else {
            ServeHttpError::Listen { listen, source }
        }
    })?;
    let recorder = PrometheusBuilder::new().build_recorder();
    let prometheus = recorder.handle();
    // A second daemon in one process (tests) keeps the first recorder.
    let _ = metrics::set_global_recorder(recorder);
    let app = Router::new()
        .route("/health", get(health))
        .route("/metrics", get(render))
        .with_state(Served { source: Arc::new(source), prometheus });
    Ok(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the health page has stopped");
        }
    })
}

async fn health(State(served): State<Served>) -> impl IntoResponse {
    let health = served.source.now();
    let code = if health.status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(serde_json::json!(health)))
}

async fn render(State(served): State<Served>) -> String {
    served.source.publish();
    served.prometheus.render()
}
