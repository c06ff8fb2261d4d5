//! The admin port: gRPC and gRPC-Web behind one guard, and probes; and the metrics port.

mod guard;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;

use crate::service::Services;
use crate::tls::Connection;

/// How long open calls may finish after the port stops accepting.
const DRAIN: Duration = Duration::from_secs(5);

/// Everything the admin port answers.
pub fn admin(services: Arc<Services>, routes: Routes, is_plain: bool) -> Router {
    let guard = guard::Guard { services: Arc::clone(&services), is_plain };
    let probes =
        Router::new().route("/livez", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(services);
    routes
        .into_axum_router()
        .layer(GrpcWebLayer::new())
        .merge(probes)
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here; the CLI is `atoll`\n") })
        .layer(axum::middleware::from_fn_with_state(guard, guard::check))
}

async fn ready(State(services): State<Arc<Services>>) -> (StatusCode, &'static str) {
    match services.store.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n"),
    }
}

/// What Prometheus reads.
pub fn metrics(handle: PrometheusHandle) -> Router {
    Router::new().route(
        "/metrics",
        get(move || {
            let handle = handle.clone();
            async move {
                handle.run_upkeep();
                handle.render()
            }
        }),
    )
}

/// Serves connections until cancelled, then lets open calls finish for a while.
pub async fn serve(
    mut connections: ReceiverStream<std::io::Result<Connection>>,
    router: Router,
    cancel: CancellationToken,
) {
    use futures::StreamExt as _;
    let tracker = TaskTracker::new();
    while let Some(Ok(connection)) = connections.next().await {
        let service = TowerToHyperService::new(router.clone());
        let cancel = cancel.clone();
        tracker.spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            let serving = builder.serve_connection_with_upgrades(TokioIo::new(connection), service);
            tokio::pin!(serving);
            tokio::select! {
                result = serving.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "connection ended");
                    }
                }
                () = cancel.cancelled() => {
                    serving.as_mut().graceful_shutdown();
                    let _ = serving.await;
                }
            }
        });
    }
    tracker.close();
    let _ = tokio::time::timeout(DRAIN, tracker.wait()).await;
}
