//! Whether anything is going on over a connection: one that is open and asks nothing takes a place from others.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::Response;
use hyper::body::{Frame, SizeHint};

/// A connection over which nothing was asked and nothing answered for so long, looked at as often, is closed.
const IDLE: Duration = Duration::from_secs(30);

/// The calls of a connection.
#[derive(Debug, Default)]
pub struct Activity {
    open: AtomicUsize,
    begun: AtomicU64,
}

/// A call that goes on; over when it is dropped.
#[derive(Debug)]
pub struct Call(Arc<Activity>);

impl Activity {
    pub fn begin(self: &Arc<Self>) -> Call {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Relaxed);
        Call(Arc::clone(self))
    }

    /// Ends when nothing has gone on for a while. What keeps a connection alive below calls is no call.
    pub async fn idle(&self) {
        let mut begun = self.begun();
        loop {
            tokio::time::sleep(IDLE).await;
            if self.is_idle_since(begun) {
                return;
            }
            begun = self.begun();
        }
    }

    fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    fn is_idle_since(&self, begun: u64) -> bool {
        self.open.load(Ordering::Relaxed) == 0 && self.begun() == begun
    }
}

impl Call {
    /// Goes on until the whole answer was sent.
    pub fn until_sent(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| Body::new(Sending { body, _call: self }))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Sending {
    body: Body,
    _call: Call,
}

impl HttpBody for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_idle_when_nothing_was_asked_and_nothing_is_answered() {
        let activity = Arc::new(Activity::default());
        assert!(activity.is_idle_since(0), "it was opened, and that is all");
        let answer = activity.begin().until_sent(Response::new(Body::from("news")));
        assert!(!activity.is_idle_since(activity.begun()), "an answer is on its way");
        drop(answer);
        assert!(!activity.is_idle_since(0), "something was asked since");
        assert!(activity.is_idle_since(activity.begun()));
        let call = activity.begin();
        assert!(!activity.is_idle_since(activity.begun()));
        drop(call);
        assert!(activity.is_idle_since(activity.begun()), "a call that was broken off is over");
    }
}
