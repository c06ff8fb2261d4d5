//! The floor's port: TLS handshakes beside each other, then tonic with the manager's HTTP/2 settings.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;

use super::join::Floor;
use super::v1::floor_server::FloorServer;

pub async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, floor: Floor) {
    let served = Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(45)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_concurrent_streams(Some(16))
        .add_service(FloorServer::new(floor))
        .serve_with_incoming(accept(listener, tls))
        .await;
    if let Err(error) = served {
        eprintln!("the floor's port failed: {error}");
    }
}

fn accept(listener: TcpListener, tls: Arc<ServerConfig>) -> ReceiverStream<io::Result<TlsStream<TcpStream>>> {
    let (sender, receiver) = mpsc::channel(64);
    let acceptor = TlsAcceptor::from(tls);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (sender, acceptor) = (sender.clone(), acceptor.clone());
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = sender.send(Ok(stream)).await;
                }
            });
        }
    });
    ReceiverStream::new(receiver)
}
