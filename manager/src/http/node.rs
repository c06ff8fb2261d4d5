//! What the calls of one node may take up at once: a message of which half has come is memory.

use std::sync::Arc;
use std::time::Duration;

use atoll_domain::id::NodeId;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use dashmap::DashMap;

use super::stranger;
use crate::error::{Error, ErrorKind};
use crate::rpc;
use crate::tls::Peer;

/// Calls of one node that are not answered yet. A node delivers, renews its certificate and opens its stream, each of these
/// once at a time; a stream that is open is none of them any more.
const CALLS_AT_ONCE: usize = 8;
/// A call is over after this, however slowly its message comes. Nodes give up before.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The calls of nodes that are not answered yet.
#[derive(Debug, Clone, Default)]
pub struct NodeCalls(Arc<DashMap<NodeId, usize>>);

/// One of them, for as long as it lasts.
struct Call {
    calls: NodeCalls,
    node: NodeId,
}

impl NodeCalls {
    /// `None` where the node has enough of them.
    fn begin(&self, node: NodeId) -> Option<Call> {
        let mut open = self.0.entry(node).or_default();
        if *open >= CALLS_AT_ONCE {
            return None;
        }
        *open += 1;
        Some(Call { calls: self.clone(), node })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(mut open) = self.calls.0.get_mut(&self.node) {
            *open = open.saturating_sub(1);
        }
        self.calls.0.remove_if(&self.node, |_, open| *open == 0);
    }
}

/// Bounds the calls of nodes, and those of strangers more narrowly.
pub async fn bound(State(calls): State<NodeCalls>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().filter(|peer| peer.is_known);
    let Some(node) = peer.and_then(|peer| peer.certificate.as_ref()).map(|certificate| certificate.node) else {
        return stranger::limited(request, next).await;
    };
    let Some(_call) = calls.begin(node) else {
        return refused("TOO_MANY_CALLS", "this node calls too often at once; it is answered once the others are over");
    };
    match tokio::time::timeout(CALL_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refused("TOO_SLOW", "the message did not come in time; send it again"),
    }
}

fn refused(reason: &'static str, text: &str) -> Response {
    rpc::status(Error::new(ErrorKind::Exhausted, reason, text)).into_http::<axum::body::Body>().into_response()
}

#[cfg(test)]
mod tests {
    use atoll_domain::id::Digest;
    use atoll_domain::time::Timestamp;
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware;
    use axum::routing::post;
    use tokio::sync::Semaphore;
    use tower::ServiceExt as _;

    use super::*;
    use crate::authority::NodeCertificate;

    fn node(number: u128) -> Peer {
        let certificate = NodeCertificate {
            node: NodeId(uuid::Uuid::from_u128(number)),
            serial: "07".to_owned(),
            key: Digest::of(b"key"),
            begins: Timestamp(0),
            expires: Timestamp(1),
        };
        Peer { address: None, certificate: Some(Arc::new(certificate)), is_known: true }
    }

    fn request(peer: Peer) -> Request {
        let mut request = Request::post("/").body(Body::empty()).unwrap();
        request.extensions_mut().insert(peer);
        request
    }

    #[tokio::test]
    async fn a_node_has_a_few_calls_at_once_and_others_have_theirs() {
        let (begun, answered) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let waits = (Arc::clone(&begun), Arc::clone(&answered));
        let handler = move || {
            let (begun, answered) = waits.clone();
            async move {
                begun.add_permits(1);
                let _ = answered.acquire().await;
                "done"
            }
        };
        let router = Router::new().route("/", post(handler));
        let router = router.layer(middleware::from_fn_with_state(NodeCalls::default(), bound));
        let send = |peer: Peer| tokio::spawn(router.clone().oneshot(request(peer)));
        let refusal = async |peer: Peer| send(peer).await.unwrap().unwrap().headers().get("grpc-message").cloned();
        let open: Vec<_> = (0..CALLS_AT_ONCE).map(|_| send(node(1))).collect();
        begun.acquire_many(u32::try_from(CALLS_AT_ONCE).unwrap()).await.unwrap().forget();
        let refused = refusal(node(1)).await.unwrap();
        assert!(refused.to_str().unwrap().contains("often"), "{refused:?}");
        let other = send(node(2));
        begun.acquire().await.unwrap().forget();
        answered.add_permits(CALLS_AT_ONCE + 2);
        for call in open.into_iter().chain([other]) {
            assert_eq!(call.await.unwrap().unwrap().status(), StatusCode::OK);
        }
        assert_eq!(refusal(node(1)).await, None, "it has its calls back");
    }

    #[tokio::test]
    async fn a_call_that_its_node_gives_up_takes_no_place() {
        let begun = Arc::new(Semaphore::new(0));
        let told = Arc::clone(&begun);
        let handler = move || {
            told.add_permits(1);
            std::future::pending::<&'static str>()
        };
        let calls = NodeCalls::default();
        let router = Router::new().route("/", post(handler));
        let router = router.layer(middleware::from_fn_with_state(calls.clone(), bound));
        let call = tokio::spawn(router.oneshot(request(node(1))));
        begun.acquire().await.unwrap().forget();
        assert_eq!(calls.0.len(), 1);
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert!(calls.0.is_empty());
    }
}
