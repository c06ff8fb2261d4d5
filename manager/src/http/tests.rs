//! What the admin port tells a browser, and what it takes from one.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};
use axum::response::Response;

use super::*;
use crate::clock;
use crate::service::Caller;
use crate::service::access::link;
use crate::testing::TestManager;
use crate::tls::{Heard, Peer};

const CODE: StatusCode = StatusCode::NO_CONTENT;

struct Port {
    router: Router,
    origin: &'static str,
}

fn port(manager: &TestManager, is_plain: bool) -> Port {
    let router = admin(Arc::clone(&manager.services), Routes::default(), is_plain);
    Port { router, origin: if is_plain { "http://localhost" } else { "https://localhost" } }
}

impl Port {
    async fn sign_in(&self, from: &str, code: &str) -> Response {
        let address = SocketAddr::new(from.parse().unwrap(), 50_000);
        let request = Request::post("/session")
            .header(header::HOST, "localhost")
            .header(header::ORIGIN, self.origin)
            .extension(Peer {
                address: Some(address),
                certificate: None,
                is_known: false,
                heard: Heard::at(clock::now()),
            })
            .body(Body::from(format!("{{\"code\": \"{code}\"}}")))
            .unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

async fn code(manager: &TestManager) -> String {
    let caller: &Caller = &manager.caller;
    let path = link::create(&manager.services, caller, 0, None).await.unwrap().1.path();
    path.split_once('#').unwrap().1.to_owned()
}

fn said<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn under_tls_the_session_never_goes_out_unsealed_and_the_browser_comes_back_over_tls() {
    let manager = TestManager::start().await;
    let sealed = port(&manager, false).sign_in("192.0.2.1", &code(&manager).await).await;
    assert_eq!(sealed.status(), CODE);
    let cookie = said(sealed.headers(), "set-cookie");
    assert!(cookie.starts_with("__Host-atoll_session="), "{cookie}");
    for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{part}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert!(said(sealed.headers(), "strict-transport-security").starts_with("max-age="));

    let plain = port(&manager, true).sign_in("127.0.0.1", &code(&manager).await).await;
    assert_eq!(plain.status(), CODE);
    let cookie = said(plain.headers(), "set-cookie");
    assert!(cookie.starts_with("atoll_session=") && !cookie.contains("Secure"), "{cookie}");
    assert_eq!(said(plain.headers(), "strict-transport-security"), "");
}

/// Thirty attempts a minute, for an address and for all addresses that one network has.
#[tokio::test]
async fn codes_are_not_tried_out_by_one_address_nor_by_one_network() {
    let manager = TestManager::start().await;
    let port = port(&manager, false);
    for (one, neighbour, other) in
        [("192.0.2.1", "192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")]
    {
        for _ in 0..30 {
            assert_eq!(port.sign_in(one, "wrong_code").await.status(), StatusCode::UNAUTHORIZED);
        }
        let code = code(&manager).await;
        assert_eq!(port.sign_in(neighbour, &code).await.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(port.sign_in(other, &code).await.status(), CODE, "others are not held up");
    }
}

/// A page of another site can send a browser here under a name of its own.
#[tokio::test]
async fn measurements_are_read_under_the_address_only() {
    let handle = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
    let asked = async |host: &str| {
        let request = Request::get("/metrics").header(header::HOST, host).body(Body::empty()).unwrap();
        metrics(handle.clone()).oneshot(request).await.unwrap().status()
    };
    assert_eq!(asked("127.0.0.1:7402").await, StatusCode::OK);
    assert_eq!(asked("[::1]:7402").await, StatusCode::OK);
    assert_eq!(asked("rebound.example:7402").await, StatusCode::MISDIRECTED_REQUEST);
}
