//! What the calls of one node may take up at once: a message of which half has come is memory. Who is a node that may call is
//! asked for each call: a connection may be older than the removal, or the end of its certificate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::id::NodeId;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt as _;

use super::stranger;
use crate::counts::Counts;
use crate::error::{Error, ErrorKind};
use crate::rpc;
use crate::tls::{IsKnown, Peer};

/// Calls of one node that are not answered yet. A node delivers, renews its certificate and opens its stream, each of these
/// once at a time; a stream that is open is none of them any more.
const CALLS_AT_ONCE: usize = 8;
/// A call is over after this, however slowly its message comes. Nodes give up before.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// Largest message in a node's stream: what it has stored, what it runs, and what it could not take.
const STREAM_MESSAGE_LIMIT_BYTES: usize = 256 * 1024;
/// Where nodes open their streams.
const STREAM: &str = "/atoll.v1.NodeLink/Sync";

/// What is asked and counted for each call at the nodes' port.
#[derive(Clone)]
pub struct Bounds {
    /// The calls of nodes that are not answered yet.
    pub calls: Arc<Counts<NodeId>>,
    pub is_known: IsKnown,
    pub arriving: stranger::Arriving,
}

/// Bounds the calls of nodes, and those of strangers more narrowly.
pub async fn bound(State(bounds): State<Bounds>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().filter(|peer| peer.is_known);
    let Some(certificate) = peer.and_then(|peer| peer.certificate.clone()) else {
        return stranger::limited(State(bounds.arriving), request, next).await;
    };
    let node = certificate.node;
    if !(bounds.is_known)(certificate).await {
        return stranger::limited(State(bounds.arriving), request, next).await;
    }
    let Some(_call) = bounds.calls.take(node, CALLS_AT_ONCE) else {
        return refused("TOO_MANY_CALLS", "this node calls too often at once; it is answered once the others are over");
    };
    let is_stream = request.uri().path() == STREAM;
    let request = if is_stream { request.map(small_messages) } else { request };
    match tokio::time::timeout(CALL_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refused("TOO_SLOW", "the message did not come in time; send it again"),
    }
}

/// Passes on what a node says in its stream for as long as each message is as small as those are. The stream stays open, and
/// so would a message that never ends.
fn small_messages(body: Body) -> Body {
    let mut messages = Messages::default();
    Body::from_stream(body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(io::Error::other)?;
        messages.look(&chunk).map(|()| chunk)
    }))
}

/// Where one is in a stream of gRPC messages: each begins with a flag and its length in four bytes.
#[derive(Debug, Default)]
struct Messages {
    prefix: Vec<u8>,
    left: usize,
}

impl Messages {
    fn look(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let passed = self.left.min(bytes.len());
            (self.left, bytes) = (self.left - passed, &bytes[passed..]);
            let wanted = (5 - self.prefix.len()).min(bytes.len());
            self.prefix.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if let [_, length @ ..] = self.prefix.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                self.prefix.clear();
            }
            if self.left > STREAM_MESSAGE_LIMIT_BYTES {
                return Err(io::Error::other("a message in a node's stream is larger than any of those"));
            }
        }
        Ok(())
    }
}

fn refused(reason: &'static str, text: &str) -> Response {
    rpc::status(Error::new(ErrorKind::Exhausted, reason, text)).into_http::<Body>().into_response()
}

#[cfg(test)]
mod tests {
    use atoll_domain::id::Digest;
    use atoll_domain::time::Timestamp;
    use axum::Router;
    use axum::http::StatusCode;
    use axum::middleware;
    use axum::routing::post;
    use tokio::sync::Semaphore;
    use tower::ServiceExt as _;

    use super::*;
    use crate::authority::NodeCertificate;
    use crate::http::stranger::MESSAGE_LIMIT_BYTES;
    use crate::tls::{Heard, Strangers};

    fn bounds(calls: &Arc<Counts<NodeId>>, is_known: bool) -> Bounds {
        let is_known: IsKnown = Arc::new(move |_| Box::pin(async move { is_known }));
        Bounds { calls: Arc::clone(calls), is_known, arriving: Arc::new(Strangers::with_places(2, 100)) }
    }

    fn node(number: u128) -> Peer {
        let certificate = NodeCertificate {
            node: NodeId(uuid::Uuid::from_u128(number)),
            serial: "07".to_owned(),
            key: Digest::of(b"key"),
            begins: Timestamp(0),
            expires: Timestamp(1),
        };
        Peer { address: None, certificate: Some(Arc::new(certificate)), is_known: true, heard: Heard::at(Timestamp(0)) }
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
        let router = router.layer(middleware::from_fn_with_state(bounds(&Arc::default(), true), bound));
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
        let calls = Arc::default();
        let router = Router::new().route("/", post(handler));
        let router = router.layer(middleware::from_fn_with_state(bounds(&calls, true), bound));
        let call = tokio::spawn(router.oneshot(request(node(1))));
        begun.acquire().await.unwrap().forget();
        assert_eq!(calls.len(), 1);
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        assert_eq!(calls.len(), 0);
    }

    #[tokio::test]
    async fn only_whoever_showed_a_certificate_sends_more_than_a_join_needs() {
        let router = Router::new().route("/", post(|body: String| async move { body.len().to_string() }));
        let router = router.layer(middleware::from_fn_with_state(bounds(&Arc::default(), true), bound));
        let send = async |length: usize, peer: Peer| {
            let request = request(peer).map(|_| Body::from("x".repeat(length)));
            router.clone().oneshot(request).await.unwrap().status()
        };
        let stranger = || Peer { address: None, certificate: None, is_known: false, heard: Heard::at(Timestamp(0)) };
        let removed = Peer { is_known: false, ..node(7) };
        assert_eq!(send(MESSAGE_LIMIT_BYTES, stranger()).await, StatusCode::OK);
        assert_eq!(send(MESSAGE_LIMIT_BYTES + 1, stranger()).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(send(MESSAGE_LIMIT_BYTES + 1, removed).await, StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(send(MESSAGE_LIMIT_BYTES + 1, node(7)).await, StatusCode::OK);
    }

    /// Messages that never end are what a stranger can make this process hold most of.
    #[tokio::test]
    async fn the_message_of_a_stranger_that_takes_longest_gives_way_to_the_next() {
        let (begun, told) = {
            let begun = Arc::new(Semaphore::new(0));
            (Arc::clone(&begun), begun)
        };
        let handler = move |body: Body| async move {
            told.add_permits(1);
            axum::body::to_bytes(body, usize::MAX).await.map_or(StatusCode::BAD_REQUEST, |_| StatusCode::OK)
        };
        let router = Router::new().route("/", post(handler));
        let router = router.layer(middleware::from_fn_with_state(bounds(&Arc::default(), true), bound));
        let send = |body: Body| {
            let address = Some("192.0.2.1:5000".parse().unwrap());
            let heard = Heard::at(Timestamp(0));
            let request = request(Peer { address, certificate: None, is_known: false, heard }).map(|_| body);
            tokio::spawn(router.clone().oneshot(request))
        };
        let endless = || Body::from_stream(futures::stream::pending::<io::Result<bytes::Bytes>>());
        let first = send(endless());
        begun.acquire().await.unwrap().forget();
        let second = send(endless());
        begun.acquire().await.unwrap().forget();
        // One that is there at once holds no place while it is worked at, and so there may be any number of those.
        for _ in 0..3 {
            assert_eq!(send(Body::from("small")).await.unwrap().unwrap().status(), StatusCode::OK);
        }
        assert_eq!(first.await.unwrap().unwrap().status(), StatusCode::TOO_MANY_REQUESTS);
        assert!(!second.is_finished());
    }

    #[tokio::test]
    async fn a_certificate_that_is_good_no_longer_has_no_power_over_an_open_connection() {
        let router = Router::new().route("/", post(|body: String| async move { body.len().to_string() }));
        let send = async |is_known: bool| {
            let calls = Arc::default();
            let router = router.clone().layer(middleware::from_fn_with_state(bounds(&calls, is_known), bound));
            let request = request(node(1)).map(|_| Body::from("x".repeat(100_000)));
            router.oneshot(request).await.unwrap().status()
        };
        assert_eq!((send(true).await, send(false).await), (StatusCode::OK, StatusCode::PAYLOAD_TOO_LARGE));
    }

    #[test]
    fn a_message_in_a_stream_is_small_however_it_is_cut() {
        let message = |length: usize| {
            let prefix = u32::try_from(length).unwrap().to_be_bytes();
            [&[0], &prefix[..], &vec![7; length]].concat()
        };
        let passes = |bytes: &[u8], chunk: usize| {
            let mut messages = Messages::default();
            bytes.chunks(chunk).all(|bytes| messages.look(bytes).is_ok())
        };
        let small = [message(3), message(0), message(STREAM_MESSAGE_LIMIT_BYTES), message(1)].concat();
        let large = [message(3), message(STREAM_MESSAGE_LIMIT_BYTES + 1)].concat();
        for chunk in [1, 3, 4, 5, 6, 1_000, usize::MAX] {
            assert!(passes(&small, chunk) && !passes(&large, chunk), "in chunks of {chunk}");
        }
    }
}
