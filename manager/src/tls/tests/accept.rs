//! Who gets in while others of the same address say nothing, or begin and never go on.

use std::time::Instant;

use futures::StreamExt as _;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected as _;

use super::super::accept::accept_among;
use super::super::stranger::Strangers;
use super::*;
use crate::tls::Connection;

/// Longer than anybody has to wait who is let in, and shorter than any deadline of those who are in the way.
const SOON: Duration = Duration::from_secs(5);

struct Port {
    address: std::net::SocketAddr,
    node: Arc<ClientConfig>,
    connections: ReceiverStream<std::io::Result<Connection>>,
}

async fn node_port_with_places(places: u64) -> Port {
    let authority = Authority::new();
    let shown = authority.chain((-5, 5), (-5, 5), ExtendedKeyUsagePurpose::ClientAuth);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let is_known: IsKnown = Arc::new(|_| Box::pin(async { true }));
    let strangers = Strangers::new(Some(4 * places));
    let config = port(&authority.root_der);
    let connections = accept_among(strangers, listener, Some(config), Some(is_known), CancellationToken::new());
    Port { address, node: Arc::new(client_config(&shown)), connections }
}

impl Port {
    /// A node comes and says something; what the port then has of it.
    async fn node_calls(&mut self) -> (TlsStream<TcpStream>, Connection) {
        let calls = async {
            loop {
                let stream = TcpStream::connect(self.address).await.unwrap();
                let connector = TlsConnector::from(Arc::clone(&self.node));
                let name = "manager.atoll.internal".try_into().unwrap();
                // A node that is turned away comes again.
                let Ok(mut stream) = connector.connect(name, stream).await else { continue };
                stream.write_all(b"hello").await.unwrap();
                return stream;
            }
        };
        let (stream, connection) = tokio::time::timeout(SOON, async { tokio::join!(calls, self.connections.next()) })
            .await
            .expect("the node should get in while others are in its way");
        (stream, connection.unwrap().unwrap())
    }

    /// The first message of a handshake, and nothing after it.
    async fn begins_only(&self) -> TcpStream {
        let mut hello = Vec::new();
        let name = "manager.atoll.internal".try_into().unwrap();
        ClientConnection::new(Arc::clone(&self.node), name).unwrap().write_tls(&mut hello).unwrap();
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(&hello).await.unwrap();
        // The port has taken the message when it answers.
        stream.readable().await.unwrap();
        stream
    }
}

#[tokio::test]
async fn silent_connections_give_way_to_a_node_of_their_address() {
    let mut port = node_port_with_places(8).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(port.address).await.unwrap());
    }
    let (_node, connection) = port.node_calls().await;
    assert!(connection.connect_info().is_known);
    let first = tokio::time::timeout(SOON, silent[0].read(&mut [0; 1])).await.unwrap();
    assert!(matches!(first, Ok(0) | Err(_)), "the one that was silent for longest had to go");
}

/// They never get to where they would have to show who they are, and nobody waits for them.
#[tokio::test]
async fn handshakes_that_nobody_goes_on_with_hold_up_no_node_of_their_address() {
    let mut port = node_port_with_places(1_000).await;
    let mut begun = Vec::new();
    for _ in 0..600 {
        begun.push(port.begins_only().await);
    }
    let came = Instant::now();
    let (_node, connection) = port.node_calls().await;
    assert!(connection.connect_info().is_known);
    assert!(came.elapsed() < Duration::from_secs(1), "it waited {:?} for them", came.elapsed());

    // Where there are as many as there are places, the oldest gives way once it had time enough.
    let mut port = node_port_with_places(8).await;
    let mut begun = Vec::new();
    for _ in 0..8 {
        begun.push(port.begins_only().await);
    }
    let (_node, connection) = port.node_calls().await;
    assert!(connection.connect_info().is_known);
}

#[tokio::test]
async fn a_connection_knows_when_something_came_last() {
    let mut port = node_port_with_places(8).await;
    let (_node, mut connection) = port.node_calls().await;
    let heard = connection.connect_info().heard;
    heard.again(atoll_domain::time::Timestamp(1));
    connection.read_exact(&mut [0; 5]).await.unwrap();
    assert!(heard.last() > atoll_domain::time::Timestamp(1));
}
