//! The same bytes to every stream. A stream is one state without a task of its own, the cheapest form that tonic has.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Status, Streaming};

use super::v1::{Acknowledgement, Change};

/// Changes that may wait for a slow stream.
const CAPACITY: usize = 16;

#[derive(Debug, Clone)]
pub struct Broadcaster {
    sender: broadcast::Sender<Bytes>,
    acknowledgements: Arc<AtomicU64>,
}

impl Broadcaster {
    pub fn new() -> Self {
        Self { sender: broadcast::channel(CAPACITY).0, acknowledgements: Arc::default() }
    }

    pub fn publish(&self, payload: Bytes) {
        // Nobody listening is not an error.
        let _ = self.sender.send(payload);
    }

    pub fn acknowledgements(&self) -> u64 {
        self.acknowledgements.load(Ordering::Relaxed)
    }

    pub fn subscribe(&self, inbound: Streaming<Acknowledgement>) -> Subscription {
        Subscription {
            inbound,
            changes: BroadcastStream::new(self.sender.subscribe()),
            acknowledgements: Arc::clone(&self.acknowledgements),
            is_open: false,
        }
    }
}

/// One node's stream.
pub struct Subscription {
    inbound: Streaming<Acknowledgement>,
    changes: BroadcastStream<Bytes>,
    acknowledgements: Arc<AtomicU64>,
    is_open: bool,
}

impl Stream for Subscription {
    type Item = Result<Change, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.is_open {
            self.is_open = true;
            return Poll::Ready(Some(Ok(Change::default())));
        }
        loop {
            match Pin::new(&mut self.inbound).poll_next(context) {
                Poll::Ready(Some(Ok(_))) => self.acknowledgements.fetch_add(1, Ordering::Relaxed),
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => break,
            };
        }
        match Pin::new(&mut self.changes).poll_next(context) {
            Poll::Ready(Some(Ok(payload))) => Poll::Ready(Some(Ok(Change { payload }))),
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(Status::data_loss("too slow")))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
