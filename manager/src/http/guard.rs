//! Who may pass: every call needs an administrator's token or a signed-in browser, except the short list of what is open.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{session, stranger};
use crate::error::{Error, ErrorKind, Result};
use crate::service::access::{self, token};
use crate::service::{Caller, Services};
use crate::tls::{Peer, Seat};
use crate::{clock, rpc};

/// The one call that is open without a credential. Its sister that watches stays open for as long as one likes.
const OPEN: &str = "/grpc.health.v1.Health/Check";

/// What browsers say of where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

#[derive(Clone)]
pub struct Guard {
    pub services: Arc<Services>,
    /// The port speaks plain HTTP, and so only on loopback.
    pub is_plain: bool,
    pub(super) arriving: stranger::Arriving,
}

/// Refuses requests that reach the plain port under a name that is not its own.
pub async fn check_host(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if guard.is_plain && !is_local(request.uri(), request.headers()) {
        return (StatusCode::MISDIRECTED_REQUEST, "this port answers under its loopback name only\n").into_response();
    }
    next.run(request).await
}

/// Checks the credential of a call, and says to the handlers who calls.
pub async fn check_caller(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    if request.uri().path() == OPEN {
        return stranger::limited(State(guard.arriving), request, next).await;
    }
    match guard.authenticate(request.uri(), request.headers()).await {
        Ok(caller) => {
            if let Some(seat) = request.extensions().get::<Arc<Seat>>() {
                seat.keep();
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            guard.refused(request.extensions().get::<Peer>(), &error);
            if is_grpc(request.headers()) { refused_call(error, request.headers()) } else { refusal(error) }
        }
    }
}

impl Guard {
    /// Counts a caller who was refused.
    pub fn refused(&self, peer: Option<&Peer>, error: &Error) {
        let address = peer.and_then(|peer| peer.address).map(|address| address.ip());
        self.services.refusals.add(clock::now(), address, error);
    }

    async fn authenticate(&self, uri: &Uri, headers: &HeaderMap) -> Result<Caller> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let text = value.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(no_token)?;
            return token::authenticate(&self.services, text).await;
        }
        self.session(uri, headers).await
    }

    /// Who is signed in with the browser that asks.
    ///
    /// # Errors
    /// Nobody is, or the request comes from another site's page.
    pub async fn session(&self, uri: &Uri, headers: &HeaderMap) -> Result<Caller> {
        let cookie = session::cookie(headers, self.is_plain).ok_or_else(no_token)?;
        self.check_origin(uri, headers)?;
        access::session::authenticate(&self.services, cookie, clock::now()).await
    }

    /// A browser sends the cookie whoever makes it call: so it must say that our own page does.
    ///
    /// # Errors
    /// The request comes from elsewhere, or does not say where from.
    pub fn check_origin(&self, uri: &Uri, headers: &HeaderMap) -> Result<()> {
        let scheme = if self.is_plain { "http://" } else { "https://" };
        let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
        let from = origin.and_then(|origin| origin.strip_prefix(scheme));
        let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
        if from.is_some() && from == host(uri, headers) && site.is_none_or(|site| site == b"same-origin") {
            return Ok(());
        }
        Err(Error::denied(
            "CROSS_ORIGIN",
            "a browser's request must come from the web UI itself, and say so with its Origin; programs use a token",
        ))
    }
}

fn no_token() -> Error {
    Error::unauthenticated(
        "NO_TOKEN",
        "this call needs an administrator's token (ATOLL_TOKEN, or a context), or a browser that is signed in (atoll ui open)",
    )
}

/// A failure of a call that is not gRPC, as JSON.
pub fn refusal(error: Error) -> Response {
    let status = match error.kind {
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists | ErrorKind::Precondition | ErrorKind::Aborted => StatusCode::CONFLICT,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Denied => StatusCode::FORBIDDEN,
        ErrorKind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    };
    if matches!(error.kind, ErrorKind::Internal | ErrorKind::Unavailable) {
        tracing::error!(reason = error.reason, context = error.context(), "{}", error.text);
    }
    let body = serde_json::json!({ "reason": error.reason, "text": error.text }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn refused_call(error: Error, headers: &HeaderMap) -> Response {
    let mut response = rpc::status(error).into_http::<axum::body::Body>();
    // A caller of gRPC-Web reads only what calls itself that.
    if let Some(kind) = headers.get(header::CONTENT_TYPE) {
        response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    response
}

/// Whether a request or an answer is gRPC, of either sort.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.starts_with("application/grpc")
}

/// The host that a request is for. One that names two, or none that is well-formed, is for nobody.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut named = headers.get_all(header::HOST).into_iter().map(|value| value.to_str().unwrap_or_default());
    let (first, second) = (named.next(), named.next());
    let target = uri.authority().map(|authority| authority.as_str());
    match (first, target) {
        _ if second.is_some() => None,
        (Some(first), Some(target)) if first != target => None,
        _ => first.or(target),
    }
}

/// A page from elsewhere may point its name at 127.0.0.1 and call; it cannot forge the names it calls under.
fn is_local(uri: &Uri, headers: &HeaderMap) -> bool {
    let host = host(uri, headers);
    let origin = headers.get(header::ORIGIN).map(|value| value.to_str().unwrap_or("?"));
    let origin_host = origin.map(|origin| origin.split_once("://").map_or("?", |(_, host)| host));
    host.is_some_and(is_loopback_name) && origin_host.is_none_or(|origin| Some(origin) == host)
}

/// Whether a request came under an address or the loopback name, and not under a name that anybody may point here.
pub fn is_address(uri: &Uri, headers: &HeaderMap) -> bool {
    host(uri, headers).and_then(name_in).is_some_and(|name| name == "localhost" || name.parse::<IpAddr>().is_ok())
}

fn is_loopback_name(host: &str) -> bool {
    name_in(host)
        .is_some_and(|name| name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
}

/// A host without its port and without the brackets of IPv6 (RFC 9110 section 7.2: a host has no user information).
/// `None` for what is not one.
fn name_in(host: &str) -> Option<String> {
    let authority: Authority = host.parse().ok()?;
    let rest = host.strip_prefix(authority.host())?;
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    if !(rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port)) {
        return None;
    }
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    Some(name.to_ascii_lowercase())
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
        for odd in [
            "localhost:evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "[::1]evil.example",
            "[::1]:1:2",
            "::1",
            "localhost:99999",
            "",
            "127.0.0.1 evil.example",
            "localhost/",
            "[127.0.0.1]x",
        ] {
            assert!(!passes(odd, None), "{odd}");
        }
        let mut two = HeaderMap::new();
        two.append(header::HOST, HeaderValue::from_static("localhost:7400"));
        two.append(header::HOST, HeaderValue::from_static("evil.example"));
        assert!(!is_local(&Uri::from_static("/"), &two));
        two.remove(header::HOST);
        two.append(header::HOST, HeaderValue::from_static("localhost:7400"));
        assert!(!is_local(&Uri::from_static("http://evil.example/"), &two), "the target of the request says another");
        assert!(!passes("localhost:7400", Some("http://evil.example")));
    }

    #[test]
    fn figures_are_read_under_an_address_and_not_under_a_name_of_another_site() {
        let passes = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_address(&Uri::from_static("/metrics"), &headers)
        };
        assert!(passes("10.0.0.7:9090") && passes("localhost:9090") && passes("[2001:db8::7]:9090"));
        assert!(!passes("evil.example:9090") && !passes("127.0.0.1.evil.example"));
    }
}
