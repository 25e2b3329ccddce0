//! The page for machines: `/health` and `/metrics`.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::health::Health;

/// The page could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has the port.
    #[error(
        "listen on {address}: port {} is taken by another program; stop it (`ss -ltnp` shows which), or set \
         http.listen in gateway.toml to another port", address.port()
    )]
    Busy {
        /// Where.
        address: SocketAddr,
    },
    /// Any other reason.
    #[error("listen on {address}: check http.listen in gateway.toml")]
    Other {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Takes the port.
///
/// # Errors
/// When it is busy or not ours to take.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| {
        if source.kind() == std::io::ErrorKind::AddrInUse {
            ListenError::Busy { address }
        } else {
            ListenError::Other { address, source }
        }
    })
}

/// Serves until `stop`; requests under way may finish for five seconds.
pub async fn serve(
    listener: TcpListener,
    health: Health,
    metrics: PrometheusHandle,
    stop: watch::Receiver<bool>,
) {
    let router = Router::new()
        .route("/health", get(report))
        .route("/metrics", get(numbers))
        .with_state((health, metrics));
    let mut asked = stop.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = asked.wait_for(|stop| *stop).await;
    });
    let mut stop = stop;
    tokio::select! {
        done = async { server.await } => if let Err(error) = done {
            tracing::error!(%error, "/health and /metrics are not served any more; batches are still taken: start the gateway again");
        },
        () = async { let _ = stop.wait_for(|stop| *stop).await; tokio::time::sleep(Duration::from_secs(5)).await; } => {}
    }
}

async fn report(State((health, _)): State<(Health, PrometheusHandle)>) -> Response {
    let report = health.report().await;
    let code = if report.status == "ok" { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Json(report)).into_response()
}

async fn numbers(State((_, metrics)): State<(Health, PrometheusHandle)>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render()).into_response()
}
