//! The admin port: gRPC and gRPC-Web behind one guard, sessions, the web UI, and probes; and the metrics port.

mod activity;
mod guard;
mod node;
mod protection;
mod session;
mod stranger;
mod ui;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::middleware;
use axum::routing::get;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tonic::transport::server::Connected as _;
use tonic_web::GrpcWebLayer;
use tower::ServiceExt as _;

use self::activity::Activity;
use crate::service::Services;
use crate::tls::{Connection, IsKnown};

/// Headers that come more slowly than this are nobody's.
const HEADERS: Duration = Duration::from_secs(30);
/// How often a silent connection is asked whether somebody is there.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// Calls over one connection at once: a browser's tabs share one.
const CALLS_AT_ONCE: u32 = 100;
/// How long open calls may finish after the port stops accepting.
const DRAIN: Duration = Duration::from_secs(5);

/// How long a connection that was idle may take to go.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Everything the admin port answers. Calls are behind the guard as a whole; beside them there are only probes, signing
/// in and out, and the files of the web UI.
pub fn admin(services: Arc<Services>, routes: Routes, is_plain: bool) -> Router {
    let guard = guard::Guard { services: Arc::clone(&services), is_plain, arriving: stranger::arriving() };
    let calls = routes
        .into_axum_router()
        .layer(GrpcWebLayer::new())
        .layer(middleware::from_fn_with_state(guard.clone(), guard::check_caller));
    let probes =
        Router::new().route("/livez", get(|| async { "ok\n" })).route("/readyz", get(ready)).with_state(services);
    calls
        .merge(probes)
        .merge(session::routes(guard.clone()))
        .fallback_service(ui::routes())
        .layer(middleware::from_fn_with_state(guard, guard::check_host))
        .layer(middleware::map_response(move |response| async move { protection::protect(response, is_plain) }))
}

/// The calls of the node port, bounded for each node and more narrowly for those who have not shown a certificate.
#[must_use]
pub fn bounded(routes: Routes, is_known: IsKnown) -> Routes {
    let bounds = node::Bounds { calls: Arc::default(), is_known, arriving: stranger::arriving() };
    routes.into_axum_router().layer(middleware::from_fn_with_state(bounds, node::bound)).into()
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
        get(move |headers: HeaderMap, uri: Uri| {
            let handle = handle.clone();
            async move {
                // A page of another site that a browser was sent to under a name of its own reads nothing here.
                if !guard::is_address(&uri, &headers) {
                    let text = "this port answers under its address only\n".to_owned();
                    return (StatusCode::MISDIRECTED_REQUEST, text);
                }
                handle.run_upkeep();
                (StatusCode::OK, handle.render())
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
        let (peer, seat) = (connection.connect_info(), connection.seat());
        let activity = Arc::new(Activity::default());
        let (router, calls) = (router.clone(), Arc::clone(&activity));
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let (mut request, router, call) = (request.map(Body::new), router.clone(), calls.begin());
            request.extensions_mut().insert(peer.clone());
            if let Some(seat) = &seat {
                request.extensions_mut().insert(Arc::clone(seat));
            }
            async move { router.oneshot(request).await.map(|response| call.until_sent(response)) }
        });
        let service = TowerToHyperService::new(service);
        let cancel = cancel.clone();
        tracker.spawn(async move {
            let mut builder = auto::Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEADERS);
            builder.http2().timer(TokioTimer::new()).keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE);
            builder.http2().max_concurrent_streams(CALLS_AT_ONCE);
            let serving = builder.serve_connection_with_upgrades(TokioIo::new(connection), service);
            tokio::pin!(serving);
            tokio::select! {
                result = serving.as_mut() => {
                    if let Err(error) = result {
                        tracing::debug!(%error, "connection ended");
                    }
                }
                () = activity.idle() => {
                    serving.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(LAST_WORDS, serving).await;
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

#[cfg(test)]
mod tests;
