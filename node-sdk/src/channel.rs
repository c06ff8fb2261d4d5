//! The connection to the manager: TCP, our own TLS, HTTP/2.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use atoll_proto::v1::node_link_client::NodeLinkClient;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::NodeError;
use crate::error::chain;
use crate::identity::Identity;
use crate::tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for the answer to a single call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(30);
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// A batch is about 1 MiB, and the last document in it may add another.
const MESSAGE_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// Connects to the manager; with the node's certificate where it is wanted and there is a valid one.
pub(crate) async fn connect(identity: &Identity, with_certificate: bool) -> Result<NodeLinkClient<Channel>, NodeError> {
    let address = identity.manager_address.clone();
    let config = Arc::new(tls::client_config(identity, with_certificate)?);
    let connector = {
        let address = address.clone();
        service_fn(move |_: Uri| {
            let (address, config) = (address.clone(), Arc::clone(&config));
            async move { open(&address, config).await.map(TokioIo::new) }
        })
    };
    let channel = endpoint()
        .connect_with_connector(connector)
        .await
        .map_err(|error| NodeError::Unreachable { address, reason: chain(&error) })?;
    Ok(NodeLinkClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT_BYTES))
}

/// The scheme is plain because TLS is ours; the host is what the manager sees as authority.
fn endpoint() -> Endpoint {
    Endpoint::from_static("http://manager.atoll.internal")
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_timeout(CONNECT_TIMEOUT + HANDSHAKE_TIMEOUT)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(2 * 1024 * 1024)
}

async fn open(address: &str, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let late = |what: &str| io::Error::new(io::ErrorKind::TimedOut, format!("{what} took too long"));
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await.map_err(|_| late("connecting"))??;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from(tls::MANAGER_NAME).map_err(io::Error::other)?;
    timeout(HANDSHAKE_TIMEOUT, TlsConnector::from(config).connect(name, stream))
        .await
        .map_err(|_| late("the TLS handshake"))?
}
