//! Taking connections: who says nothing, or answers slowly, holds up nobody else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, LazyConfigAcceptor, StartHandshake};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Heard, Limits, Peer, Socket};
use super::stranger::{FIRST_BYTE, Place, Rank, Strangers};
use crate::authority::{NodeCertificate, read_node_certificate};
use crate::clock;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Says whether a certificate is that of a node which may call.
pub type IsKnown = Arc<dyn Fn(Arc<NodeCertificate>) -> BoxFuture<'static, bool> + Send + Sync>;

/// Accepts connections until cancelled. A slow or silent handshake holds up nobody else: each waits for itself, and gives way
/// where there are too many of them.
pub fn accept(
    listener: TcpListener,
    config: Option<Arc<ServerConfig>>,
    is_known: Option<IsKnown>,
    cancel: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    accept_among(Strangers::new(files), listener, config, is_known, cancel)
}

pub(super) fn accept_among(
    strangers: Strangers,
    listener: TcpListener,
    config: Option<Arc<ServerConfig>>,
    is_known: Option<IsKnown>,
    cancel: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let strangers = Arc::new(strangers);
        loop {
            let accepted = tokio::select! {
                () = cancel.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, address)) = accepted else {
                // Out of file descriptors, most likely: the next accept would fail at once, so let others finish.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Some(place) = strangers.enter(address.ip(), Instant::now()) else {
                metrics::counter!("atoll_connections_refused_total").increment(1);
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (sender, config) = (sender.clone(), config.clone());
            let is_known = is_known.clone();
            tokio::spawn(async move {
                let connection = match config {
                    None => Some(plain(stream, address, place)),
                    Some(config) => secured(stream, address, place, config, is_known).await,
                };
                if let Some(connection) = connection {
                    let _ = sender.send(Ok(connection)).await;
                }
            });
        }
    });
    ReceiverStream::new(receiver)
}

fn plain(stream: TcpStream, address: SocketAddr, place: Place) -> Connection {
    let heard = Heard::at(clock::now());
    let peer = Peer { address: Some(address), certificate: None, is_known: false, heard };
    // Only on loopback: who they are is seen with each call, and a page that is open stays for as long as it is.
    Connection { socket: Socket::Plain(stream), peer, limits: Limits::new(Some(place), false) }
}

async fn secured(
    stream: TcpStream,
    address: SocketAddr,
    place: Place,
    config: Arc<ServerConfig>,
    is_known: Option<IsKnown>,
) -> Option<Connection> {
    let asks_for_certificate = config.alpn_protocols.len() == 1;
    // What handshakes need is in a place of its own, and what goes on after them is not mixed with what they leave behind.
    let opening = unless_it_gives_way(&place, Box::pin(begun(stream, address))).await?;
    let place = place.ranked(Rank::Handshake, Instant::now());
    let handshake = Box::pin(finished(opening.into_stream(config), address));
    let stream = unless_it_gives_way(&place, handshake).await?;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(|chain| chain.first()).and_then(|own| read_node_certificate(own));
    let certificate = certificate.map(Arc::new);
    let node = certificate.as_ref().map(|certificate| certificate.node);
    let is_known = match (&certificate, is_known) {
        (Some(certificate), Some(is_known)) => is_known(Arc::clone(certificate)).await,
        _ => false,
    };
    // A node has a few connections; one that opens more is held to what a stranger may have.
    let own = node.filter(|_| is_known).and_then(|node| place.of_node(node));
    let is_known = own.is_some();
    let place = match own {
        Some(own) => own,
        None => place.ranked(Rank::Stranger, Instant::now()),
    };
    let peer = Peer { address: Some(address), certificate, is_known, heard: Heard::at(clock::now()) };
    let limits = Limits::new(Some(place), asks_for_certificate && !is_known);
    Some(Connection { socket: Socket::Secured(stream), peer, limits })
}

async fn unless_it_gives_way<T>(place: &Place, work: impl Future<Output = Option<T>>) -> Option<T> {
    match place.seat() {
        Some(seat) => seat.gives_way().run_until_cancelled_owned(work).await?,
        None => work.await,
    }
}

/// Waits for the first message of a handshake.
async fn begun(stream: TcpStream, address: SocketAddr) -> Option<StartHandshake<TcpStream>> {
    let said = tokio::time::timeout(FIRST_BYTE, stream.peek(&mut [0; 1])).await;
    if !matches!(said, Ok(Ok(1))) {
        tracing::debug!(%address, "nobody has said anything");
        return None;
    }
    let opening = LazyConfigAcceptor::new(Acceptor::default(), stream);
    tokio::time::timeout(HANDSHAKE_TIMEOUT, opening).await.ok()?.ok()
}

/// Works at a handshake to its end.
async fn finished(handshake: Accept<TcpStream>, address: SocketAddr) -> Option<Box<TlsStream<TcpStream>>> {
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await {
        Ok(Ok(stream)) => Some(Box::new(stream)),
        Ok(Err(error)) => {
            metrics::counter!("atoll_handshakes_failed_total").increment(1);
            tracing::debug!(%address, %error, "handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%address, "handshake took too long");
            None
        }
    }
}
