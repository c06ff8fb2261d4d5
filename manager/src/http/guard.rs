//! Who may pass. Everything needs an administrator's token except the short list of what is open.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::{Error, Result};
use crate::rpc;
use crate::service::{Services, access};

/// Open without a credential: probes and health. Nothing else on this port.
const OPEN: [&str; 3] = ["/livez", "/readyz", "/grpc.health.v1.Health/"];

#[derive(Clone)]
pub struct Guard {
    pub services: Arc<Services>,
    /// The port speaks plain HTTP, and so only on loopback.
    pub is_plain: bool,
}

/// Checks the host (on the plain port), then the token, and says to the handlers who calls.
pub async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    if guard.is_plain && !is_local(request.uri(), request.headers()) {
        return (StatusCode::MISDIRECTED_REQUEST, "this port answers under its loopback name only\n").into_response();
    }
    let path = request.uri().path();
    if OPEN.iter().any(|open| path == *open || (open.ends_with('/') && path.starts_with(open))) {
        return next.run(request).await;
    }
    match authenticate(&guard.services, request.headers()).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) if is_grpc(request.headers()) => rpc::status(error).into_http::<axum::body::Body>(),
        Err(error) => (StatusCode::UNAUTHORIZED, format!("{error}\n")).into_response(),
    }
}

async fn authenticate(services: &Services, headers: &HeaderMap) -> Result<crate::service::Caller> {
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| {
            Error::unauthenticated("NO_TOKEN", "this call needs an administrator's token (ATOLL_TOKEN, or a context)")
        })?;
    access::authenticate(services, text).await
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/grpc")
}

/// A page from elsewhere may point its name at 127.0.0.1 and call; it cannot forge the names it calls under.
fn is_local(uri: &Uri, headers: &HeaderMap) -> bool {
    let host =
        headers.get(header::HOST).and_then(|value| value.to_str().ok()).or_else(|| uri.authority().map(|a| a.as_str()));
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    let origin_host = origin.map(|origin| origin.split_once("://").map_or("?", |(_, host)| host));
    host.is_some_and(is_loopback_name) && origin_host.is_none_or(|origin| Some(origin) == host)
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_and_own_origins_pass() {
        let passes = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            is_local(&Uri::from_static("/"), &headers)
        };
        assert!(passes("127.0.0.1:7400", None) && passes("localhost:7400", Some("http://localhost:7400")));
        assert!(passes("[::1]:7400", None));
        assert!(!passes("evil.example:7400", None));
        assert!(!passes("localhost:7400", Some("http://evil.example")));
    }
}
