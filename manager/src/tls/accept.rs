//! Taking connections: who says nothing, or answers slowly, holds up nobody else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

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
use super::handshakes::{self, Handshakes};
use super::stranger::{FIRST_BYTE, Place, Strangers};
use crate::authority::{NodeCertificate, read_node_certificate};
use crate::clock;

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A handshake that takes longer waits for the other side, and gives up its place among those that this process works at:
/// else a few that never answer would hold up all others of their address.
const PROMPT: Duration = Duration::from_millis(250);

/// Says whether a certificate is that of a node which may call.
pub type IsKnown = Arc<dyn Fn(Arc<NodeCertificate>) -> BoxFuture<'static, bool> + Send + Sync>;

/// Accepts connections until cancelled. A slow or silent handshake holds up nobody else: nobody has a place in a handshake
/// before they have said something, and of one address there are only so many.
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
        let handshakes = Arc::new(Handshakes::default());
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
            let Some(place) = strangers.enter(address.ip()) else {
                metrics::counter!("atoll_connections_refused_total").increment(1);
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (sender, config, handshakes) = (sender.clone(), config.clone(), Arc::clone(&handshakes));
            let is_known = is_known.clone();
            tokio::spawn(async move {
                let connection = match config {
                    None => Some(plain(stream, address, place)),
                    Some(config) => secured(stream, address, place, config, &handshakes, is_known).await,
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
    handshakes: &Handshakes,
    is_known: Option<IsKnown>,
) -> Option<Connection> {
    let opening = begun(stream, address, &place).await?;
    let asks_for_certificate = config.alpn_protocols.len() == 1;
    if asks_for_certificate && let Some(seat) = place.seat() {
        // They are about to show who they are.
        seat.keep();
    }
    let permit = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshakes.begin(address.ip())).await.ok()??;
    let stream = finished(opening.into_stream(config), address, permit).await?;
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
        None if asks_for_certificate => place.of_stranger(),
        None => place,
    };
    let peer = Peer { address: Some(address), certificate, is_known, heard: Heard::at(clock::now()) };
    let limits = Limits::new(Some(place), asks_for_certificate && !is_known);
    Some(Connection { socket: Socket::Secured(Box::new(stream)), peer, limits })
}

/// Waits for the first message of a handshake. Whoever says nothing, or never comes to its end, waits here, where waiting
/// costs a socket and no place among the handshakes, and gives way to newcomers.
async fn begun(stream: TcpStream, address: SocketAddr, place: &Place) -> Option<StartHandshake<TcpStream>> {
    let first_message = async {
        let said = tokio::time::timeout(FIRST_BYTE, stream.peek(&mut [0; 1])).await;
        if !matches!(said, Ok(Ok(1))) {
            tracing::debug!(%address, "nobody has said anything");
            return None;
        }
        let opening = LazyConfigAcceptor::new(Acceptor::default(), stream);
        tokio::time::timeout(HANDSHAKE_TIMEOUT, opening).await.ok()?.ok()
    };
    match place.seat() {
        Some(seat) => seat.gives_way().run_until_cancelled_owned(first_message).await?,
        None => first_message.await,
    }
}

/// Works at a handshake to its end.
async fn finished(
    mut handshake: Accept<TcpStream>,
    address: SocketAddr,
    permit: handshakes::Place,
) -> Option<TlsStream<TcpStream>> {
    let finished = match tokio::time::timeout(PROMPT, &mut handshake).await {
        Ok(finished) => Ok(finished),
        Err(_) => {
            drop(permit);
            tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await
        }
    };
    match finished {
        Ok(Ok(stream)) => Some(stream),
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
