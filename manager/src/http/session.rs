//! Signing a browser in and out.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::Deserialize;

use super::guard::{self, Guard};
use super::stranger;
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::access::session::SESSION_LIFETIME_MS;
use crate::service::access::{link, session};
use crate::tls::{Peer, network_of};

/// Name of the cookie on the plain port.
const COOKIE: &str = "atoll_session";
/// Name of the cookie under TLS. With this prefix a browser takes it from this very host and over TLS only, so that no
/// neighbouring host can plant a session of its own (RFC 6265bis section 4.1.3.2).
const HOST_COOKIE: &str = "__Host-atoll_session";

fn cookie_name(is_plain: bool) -> &'static str {
    if is_plain { COOKIE } else { HOST_COOKIE }
}
/// Largest body that is read: a code with its JSON around it.
const BODY_LIMIT_BYTES: usize = 4_096;
/// Attempts to sign in per minute from one address.
const ATTEMPTS_PER_MINUTE: u32 = 30;
/// Addresses that are remembered before those that were quiet are forgotten.
const ADDRESS_LIMIT: usize = 10_000;

#[derive(Clone)]
struct Door {
    guard: Guard,
    attempts: Arc<DefaultKeyedRateLimiter<IpAddr>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    code: String,
}

/// `POST /session` signs in, `DELETE /session` signs out.
pub fn routes(guard: Guard) -> Router {
    let limit = NonZeroU32::new(ATTEMPTS_PER_MINUTE).unwrap_or(NonZeroU32::MIN);
    let attempts = Arc::new(RateLimiter::keyed(Quota::per_minute(limit)));
    Router::new()
        .route("/session", post(sign_in).delete(sign_out))
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&guard.arriving), stranger::limited))
        .with_state(Door { guard, attempts })
}

/// The session's cookie, if the browser sent one.
pub fn cookie(headers: &HeaderMap, is_plain: bool) -> Option<&str> {
    let own = cookie_name(is_plain);
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.into_iter().find(|(name, _)| *name == own).map(|(_, value)| value)
}

async fn sign_in(
    State(door): State<Door>,
    Extension(peer): Extension<Peer>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match try_sign_in(&door, &peer, &uri, &headers, &body).await {
        Ok(secret) => {
            let max_age = SESSION_LIFETIME_MS / 1_000;
            with_cookie(&door.guard, &format!("{}; Max-Age={max_age}", secret.reveal()))
        }
        Err(error) => {
            door.guard.refused(Some(&peer), &error);
            guard::refusal(error)
        }
    }
}

async fn try_sign_in(
    door: &Door,
    peer: &Peer,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<session::SessionSecret> {
    door.guard.check_origin(uri, headers)?;
    door.admit(peer)?;
    let given: SignIn = serde_json::from_slice(body)
        .map_err(|error| Error::invalid("BAD_BODY", format!("send JSON such as {{\"code\": \"...\"}}: {error}")))?;
    let browser = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (_, secret) = link::exchange(&door.guard.services, &given.code, browser, clock::now()).await?;
    Ok(secret)
}

impl Door {
    /// Bounds how often somebody can try codes.
    fn admit(&self, peer: &Peer) -> Result<()> {
        let Some(address) = peer.address else { return Ok(()) };
        if self.attempts.len() > ADDRESS_LIMIT {
            self.attempts.retain_recent();
        }
        self.attempts.check_key(&network_of(address.ip())).map_err(|_| {
            let text = "too many attempts to sign in from this address; try again in a minute";
            Error::new(ErrorKind::Exhausted, "TOO_MANY_ATTEMPTS", text)
        })
    }
}

async fn sign_out(State(door): State<Door>, uri: Uri, headers: HeaderMap) -> Response {
    let signed_out = async {
        let caller = door.guard.session(&uri, &headers).await?;
        match caller.session {
            Some(own) => session::revoke(&door.guard.services, &caller, own.id).await,
            None => Ok(()),
        }
    };
    match signed_out.await {
        Ok(()) => with_cookie(&door.guard, "; Max-Age=0"),
        Err(error) => guard::refusal(error),
    }
}

/// A cookie that no script reads, that no other site's page makes the browser send, and that never goes out unsealed
/// where the port speaks TLS.
fn with_cookie(guard: &Guard, value_and_age: &str) -> Response {
    let name = cookie_name(guard.is_plain);
    let secure = if guard.is_plain { "" } else { "; Secure" };
    let cookie = format!("{name}={value_and_age}; Path=/; HttpOnly; SameSite=Strict{secure}");
    match HeaderValue::from_str(&cookie) {
        Ok(mut cookie) => {
            cookie.set_sensitive(true);
            (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
        }
        Err(error) => guard::refusal(Error::internal(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others_and_over_several_lines() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("theme=dark; other=1"));
        headers.append(header::COOKIE, HeaderValue::from_static("xatoll_session=no; atoll_session=yes"));
        assert_eq!(cookie(&headers, true), Some("yes"));
        assert_eq!(
            cookie(&headers, false),
            None,
            "a plain cookie, which any host of the domain may set, is none under TLS"
        );
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-atoll_session=own"));
        assert_eq!(cookie(&headers, false), Some("own"));
        assert_eq!(cookie(&HeaderMap::new(), true), None);
    }
}
