//! A connection with what is known of the other end, and how long it may stay as it is.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use atoll_domain::time::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::transport::server::Connected;

use super::stranger::{FIRST_BYTE, Place, STAY, Seat};
use crate::authority::NodeCertificate;
use crate::clock;

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    pub address: Option<SocketAddr>,
    /// What the client certificate says, if there was one; it may have run out.
    pub certificate: Option<Arc<NodeCertificate>>,
    /// It is the certificate of a node that may call: who has been removed holds no more than anybody.
    pub is_known: bool,
    pub heard: Heard,
}

/// When something came from the other end of a connection last: a call, an answer to a ping, anything.
#[derive(Debug, Clone)]
pub struct Heard(Arc<AtomicI64>);

impl Heard {
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    pub fn again(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    #[must_use]
    pub fn last(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}

/// A connection, plain or secured, that knows its peer.
#[derive(Debug)]
pub struct Connection {
    pub(super) socket: Socket,
    pub(super) peer: Peer,
    pub(super) limits: Limits,
}

#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

/// How long a connection may stay as it is.
#[derive(Debug)]
pub(super) struct Limits {
    /// Until the first byte.
    first_byte: Option<Pin<Box<Sleep>>>,
    /// In all, for a stranger on the node port.
    stay: Option<Pin<Box<Sleep>>>,
    /// Until it has to give way to a newcomer.
    gives_way: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    place: Option<Place>,
}

impl Limits {
    pub(super) fn new(place: Option<Place>, is_bounded: bool) -> Self {
        let seat = place.as_ref().and_then(Place::seat);
        Self {
            gives_way: seat.map(|seat| Box::pin(seat.gives_way().cancelled_owned())),
            first_byte: Some(Box::pin(tokio::time::sleep(FIRST_BYTE))),
            stay: is_bounded.then(|| Box::pin(tokio::time::sleep(STAY))),
            place,
        }
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        let gave_way = self.gives_way.as_mut().is_some_and(|gives_way| gives_way.as_mut().poll(context).is_ready());
        let mut ended = |sleep: &mut Option<Pin<Box<Sleep>>>| {
            sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(context).is_ready())
        };
        gave_way || ended(&mut self.first_byte) || ended(&mut self.stay)
    }
}

impl Connection {
    /// What gives way to newcomers until its holder has said who they are.
    #[must_use]
    pub fn seat(&self) -> Option<Arc<Seat>> {
        self.limits.place.as_ref().and_then(Place::seat)
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;
    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        let before = buffer.filled().len();
        let read = match &mut own.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Secured(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        if read.is_ready() && buffer.filled().len() > before {
            own.limits.first_byte = None;
            own.peer.heard.again(clock::now());
        }
        if own.limits.is_over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        // Whoever does not take an answer is not read from either.
        if own.limits.is_over(context) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        match &mut own.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Secured(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(context),
            Socket::Secured(stream) => Pin::new(stream).poll_flush(context),
        }
    }
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().socket {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Secured(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
