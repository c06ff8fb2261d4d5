//! What a call may take from somebody who has not said who he is: a small message, soon.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::Limited;

/// Largest message of a stranger: a join carries keys and a request for a certificate.
const MESSAGE_LIMIT_BYTES: usize = 64 * 1024;
/// A call of a stranger is over after this, however slowly its message comes.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Bounds a call, whoever makes it.
pub async fn limited(request: Request, next: Next) -> Response {
    let request = request.map(|body| Body::new(Limited::new(body, MESSAGE_LIMIT_BYTES)));
    match tokio::time::timeout(CALL_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the message did not come in time\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::middleware;
    use axum::routing::post;
    use tower::ServiceExt as _;

    use atoll_domain::id::{Digest, NodeId};
    use atoll_domain::time::Timestamp;

    use super::*;
    use crate::authority::NodeCertificate;
    use crate::http::node::{Bounds, NodeCalls, bound};
    use crate::tls::Peer;

    #[tokio::test]
    async fn only_whoever_showed_a_certificate_sends_more_than_a_join_needs() {
        let bounds =
            Bounds { calls: NodeCalls::default(), is_known: std::sync::Arc::new(|_| Box::pin(async { true })) };
        let router = Router::new().route("/", post(|body: String| async move { body.len().to_string() }));
        let router = router.layer(middleware::from_fn_with_state(bounds, bound));
        let send = async |length: usize, peer: Peer| {
            let mut request = Request::post("/").body(Body::from("x".repeat(length))).unwrap();
            request.extensions_mut().insert(peer);
            router.clone().oneshot(request).await.unwrap().status()
        };
        let stranger = || Peer { address: None, certificate: None, is_known: false };
        let certificate = NodeCertificate {
            node: NodeId(uuid::Uuid::from_u128(7)),
            serial: "07".to_owned(),
            key: Digest::of(b"key"),
            begins: Timestamp(0),
            expires: Timestamp(1),
        };
        let certificate = Some(std::sync::Arc::new(certificate));
        let removed = Peer { address: None, certificate: certificate.clone(), is_known: false };
        let node = Peer { address: None, certificate, is_known: true };
        assert_eq!(send(MESSAGE_LIMIT_BYTES, stranger()).await, StatusCode::OK);
        assert_eq!(send(MESSAGE_LIMIT_BYTES + 1, stranger()).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(send(MESSAGE_LIMIT_BYTES + 1, removed).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(send(MESSAGE_LIMIT_BYTES + 1, node).await, StatusCode::OK);
    }
}
