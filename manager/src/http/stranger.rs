//! What a call may take from somebody who has not said who he is: a small message, soon.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::Limited;
use hyper::body::{Frame, SizeHint};

use crate::tls::{Peer, Place, Strangers};

/// Largest message of a stranger: a join carries keys and a request for a certificate.
pub(super) const MESSAGE_LIMIT_BYTES: usize = 64 * 1024;
/// A call of a stranger is over after this, however slowly its message comes.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Messages of one address that are on their way at once, and of all together: what is held of them is bounded by that, however
/// many connections and calls there are. The one that takes longest gives way to the next.
const MESSAGES_AT_ONCE: usize = 512;
const MESSAGES_IN_ALL: usize = 4_096;

/// The messages of strangers that are on their way.
pub(super) type Arriving = Arc<Strangers>;

pub(super) fn arriving() -> Arriving {
    Arc::new(Strangers::with_places(MESSAGES_AT_ONCE, MESSAGES_IN_ALL))
}

/// Bounds a call, whoever makes it.
pub(super) async fn limited(State(arriving): State<Arriving>, request: Request, next: Next) -> Response {
    let address = request.extensions().get::<Peer>().and_then(|peer| peer.address);
    let place = match address.map(|address| arriving.enter(address.ip(), Instant::now())) {
        Some(None) => return gave_way(),
        Some(place) => place,
        None => None,
    };
    let gives_way = place.as_ref().and_then(Place::seat).map(|seat| seat.gives_way());
    let request = request.map(|body| {
        let body = Box::pin(Limited::new(body, MESSAGE_LIMIT_BYTES));
        Body::new(Message { body, place })
    });
    let answered = tokio::time::timeout(CALL_TIMEOUT, next.run(request));
    let answered = match gives_way {
        Some(gives_way) => gives_way.run_until_cancelled_owned(answered).await,
        None => Some(answered.await),
    };
    match answered {
        Some(Ok(response)) => response,
        Some(Err(_)) => (StatusCode::REQUEST_TIMEOUT, "the message did not come in time\n").into_response(),
        None => gave_way(),
    }
}

/// A message on its way. Its place is held until it is there, and no longer: whoever waits for an answer is in nobody's way.
struct Message {
    body: Pin<Box<Limited<Body>>>,
    place: Option<Place>,
}

impl hyper::body::Body for Message {
    type Data = Bytes;
    type Error = <Limited<Body> as hyper::body::Body>::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let own = self.get_mut();
        let frame = own.body.as_mut().poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || own.body.is_end_stream() {
            own.place = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn gave_way() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, "too many messages are on their way from this address; send it again\n")
        .into_response()
}
