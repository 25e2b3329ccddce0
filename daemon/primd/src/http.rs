//! `/health` for people and `/metrics` for Prometheus, on loopback.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::health::HealthSource;
use crate::vitals::BUCKETS_S;
use crate::{certificate, clock};

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
