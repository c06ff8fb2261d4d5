//! TLS on the ports: certificates that are replaced while running, and client certificates that may have run out.

mod handshakes;
mod stranger;

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use crate::authority::{NodeCertificate, read_node_certificate, validity_seconds};
use crate::error::{Error, Result};

use self::handshakes::Handshakes;
use self::stranger::{FIRST_BYTE, Place, STAY, Strangers};
pub use self::stranger::{Seat, network_of};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The certificate that a port shows; replaced while running.
#[derive(Debug)]
pub struct ServerCertificate {
    current: RwLock<Arc<CertifiedKey>>,
}

impl ServerCertificate {
    /// # Errors
    /// The key is not one that TLS can use.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<Self> {
        Ok(Self { current: RwLock::new(certified(chain, key)?) })
    }

    /// New connections see the new certificate; those that are open go on.
    ///
    /// # Errors
    /// The key is not one that TLS can use; the present certificate stays.
    pub fn replace(&self, chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<()> {
        let next = certified(chain, key)?;
        if let Ok(mut current) = self.current.write() {
            *current = next;
        }
        Ok(())
    }
}

fn certified(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'static>) -> Result<Arc<CertifiedKey>> {
    let key = rustls::crypto::ring::sign::any_supported_type(key).map_err(Error::internal)?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.current.read().ok().map(|current| Arc::clone(&current))
    }
}

/// Asks for a node's certificate without requiring one. One that has run out, or is not valid yet by the manager's clock,
/// passes the handshake: the call that follows decides, so that a node that was off for weeks, or whose clock is wrong,
/// learns that it has to recover.
///
/// What is forgiven is the time of the leaf and nothing else: the chain is verified as a whole, at the moment of the
/// leaf's life that is nearest to now. Forgiving the verifier's *error* would forgive what it had not looked at yet: it
/// checks times before signatures.
#[derive(Debug)]
struct NodeVerifier(Arc<dyn ClientCertVerifier>);

/// The moment of a certificate's life that is nearest to now.
///
/// # Errors
/// The certificate cannot be read, or ends before it begins.
fn within_life(certificate: &CertificateDer<'_>, now: UnixTime) -> std::result::Result<UnixTime, rustls::Error> {
    let bad = || rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
    let (begins, ends) = validity_seconds(certificate).ok_or_else(bad)?;
    let at = if begins <= ends { now.as_secs().clamp(begins, ends) } else { return Err(bad()) };
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(at)))
}

impl ClientCertVerifier for NodeVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }
    fn client_auth_mandatory(&self) -> bool {
        false
    }
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> std::result::Result<ClientCertVerified, rustls::Error> {
        self.0.verify_client_cert(end_entity, intermediates, within_life(end_entity, now)?)
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Settings for the node port.
///
/// # Errors
/// The root certificate is damaged.
pub fn node_port(certificate: Arc<ServerCertificate>, root: &CertificateDer<'static>) -> Result<Arc<ServerConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).map_err(Error::internal)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .allow_unauthenticated()
        .build()
        .map_err(Error::internal)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(Error::internal)?
        .with_client_cert_verifier(Arc::new(NodeVerifier(verifier)))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A node reconnects rarely and proves its key each time: tickets would only cost memory per connection.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Settings for the admin port away from loopback.
///
/// # Errors
/// The system's TLS refuses the settings.
pub fn admin_port(certificate: Arc<ServerCertificate>) -> Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    pub address: Option<SocketAddr>,
    /// What the client certificate says, if there was one; it may have run out.
    pub certificate: Option<Arc<NodeCertificate>>,
    /// It is the certificate of a node that may call: who has been removed holds no more than anybody.
    pub is_known: bool,
}

/// Says whether a certificate is that of a node which may call.
pub type IsKnown = Arc<dyn Fn(Arc<NodeCertificate>) -> BoxFuture<'static, bool> + Send + Sync>;

/// A connection, plain or secured, that knows its peer.
#[derive(Debug)]
pub struct Connection {
    socket: Socket,
    peer: Peer,
    limits: Limits,
}

#[derive(Debug)]
enum Socket {
    Plain(TcpStream),
    Secured(Box<TlsStream<TcpStream>>),
}

/// How long a connection may stay as it is.
#[derive(Debug)]
struct Limits {
    /// Until the first byte.
    first_byte: Option<Pin<Box<Sleep>>>,
    /// In all, for a stranger on the node port.
    stay: Option<Pin<Box<Sleep>>>,
    /// Until it has to give way to a newcomer.
    gives_way: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    place: Option<Place>,
}

impl Limits {
    fn new(place: Option<Place>, is_bounded: bool) -> Self {
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

/// Accepts connections until cancelled. A slow or silent handshake holds up nobody else: nobody has a place in a handshake
/// before they have said something, and of one address there are only so many.
pub fn accept(
    listener: TcpListener,
    config: Option<Arc<ServerConfig>>,
    is_known: Option<IsKnown>,
    cancel: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        let handshakes = Arc::new(Handshakes::default());
        let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        // At the nodes' port a whole fleet comes back at once, and those in a handshake are about to show who they are.
        let strangers = if is_known.is_some() { Strangers::new(files) } else { Strangers::giving_way(files) };
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
    let peer = Peer { address: Some(address), certificate: None, is_known: false };
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
    // Whoever says nothing waits here, where waiting costs a socket and no place.
    let said = tokio::time::timeout(FIRST_BYTE, stream.peek(&mut [0; 1])).await;
    if !matches!(said, Ok(Ok(1))) {
        tracing::debug!(%address, "nobody has said anything");
        return None;
    }
    // Nor has anybody a place who begins and never comes to the end of the first message.
    let opening = LazyConfigAcceptor::new(Acceptor::default(), stream);
    let opening = tokio::time::timeout(HANDSHAKE_TIMEOUT, opening).await.ok()?.ok()?;
    let permit = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshakes.begin(address.ip())).await.ok()??;
    let asks_for_certificate = config.alpn_protocols.len() == 1;
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, opening.into_stream(config)).await {
        Ok(Ok(stream)) => {
            let certificates = stream.get_ref().1.peer_certificates();
            let certificate = certificates.and_then(|chain| chain.first()).and_then(|own| read_node_certificate(own));
            drop(permit);
            let certificate = certificate.map(Arc::new);
            let node = certificate.as_ref().map(|certificate| certificate.node);
            let is_known = match (&certificate, is_known) {
                (Some(certificate), Some(is_known)) => is_known(Arc::clone(certificate)).await,
                _ => false,
            };
            // A node has a few connections; one that opens more is held to what a stranger may have.
            let own = node.filter(|_| is_known).and_then(|node| place.of_node(node));
            let is_known = own.is_some();
            let peer = Peer { address: Some(address), certificate, is_known };
            let limits = Limits::new(Some(own.unwrap_or(place)), asks_for_certificate && !is_known);
            Some(Connection { socket: Socket::Secured(Box::new(stream)), peer, limits })
        }
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

#[cfg(test)]
mod tests;
