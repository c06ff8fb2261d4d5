//! One simulated node's open stream: decode, count, take the time, acknowledge.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use atoll_proto::v1;
use atoll_proto::v1::node_link_client::NodeLinkClient;
use atoll_proto::v1::sync_request::Message as Up;
use atoll_proto::v1::sync_response::Message as Down;
use bytes::Bytes;
use rustls::ClientConfig;
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::Uri;

use super::connection::{Connection, Driver, ORIGIN, connect};
use crate::clock::now_ns;
use crate::error::{Result, failed};
use crate::floor::v1::Acknowledgement;
use crate::floor::v1::floor_client::FloorClient;
use crate::protocol::Side;

/// An acknowledgement of the floor: 16 bytes with its field's tag and length.
const FLOOR_ACKNOWLEDGEMENT: [u8; 14] = [7; 14];

/// What the nodes of one load process received from one server.
#[derive(Debug, Default)]
pub struct Received {
    at_ns: Mutex<Vec<u64>>,
    payload_bytes: AtomicUsize,
    changed: Notify,
}

impl Received {
    fn record(&self, payload_bytes: usize) {
        let mut at_ns = self.at_ns.lock().unwrap_or_else(PoisonError::into_inner);
        at_ns.push(now_ns());
        drop(at_ns);
        self.payload_bytes.store(payload_bytes, Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub fn clear(&self) {
        self.at_ns.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until `count` deliveries have come in; answers their times and the size of one.
    pub async fn wait(&self, count: usize) -> (Vec<u64>, usize) {
        loop {
            let seen = self.at_ns.lock().unwrap_or_else(PoisonError::into_inner).len();
            if seen >= count {
                let times = std::mem::take(&mut *self.at_ns.lock().unwrap_or_else(PoisonError::into_inner));
                return (times, self.payload_bytes.load(Ordering::Relaxed));
            }
            self.changed.notified().await;
        }
    }

    pub fn count(&self) -> usize {
        self.at_ns.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// What a node keeps between connections to the manager: as little as Hello repeats.
#[derive(Debug, Default, Clone)]
pub struct Replica {
    pub manager_epoch: String,
    pub sequence: u64,
    pub incarnation: String,
}

/// A stream that is open.
pub struct Session {
    reader: Reader,
    _driver: Driver,
}

enum Reader {
    Manager { inbound: tonic::Streaming<v1::SyncResponse>, acks: mpsc::Sender<v1::SyncRequest> },
    Floor { inbound: tonic::Streaming<crate::floor::v1::Change>, acks: mpsc::Sender<Acknowledgement> },
}

/// Handshake and first message each way.
pub async fn open(side: Side, address: &str, config: Arc<ClientConfig>, replica: &Mutex<Replica>) -> Result<Session> {
    let (connection, driver) = connect(address, config, Arc::default()).await?;
    let reader = match side {
        Side::Manager => open_manager(connection, replica).await?,
        Side::Floor => open_floor(connection).await?,
    };
    Ok(Session { reader, _driver: driver })
}

/// What a node says first.
pub fn hello(replica: &Replica) -> v1::SyncRequest {
    let lanes = [v1::Lane::Locks, v1::Lane::Access, v1::Lane::Content];
    let cursors = lanes.map(|lane| v1::Cursor { lane: lane.into(), sequence: replica.sequence, mark: 0 });
    let hello = v1::Hello {
        protocol_version: atoll_proto::PROTOCOL_VERSION,
        incarnation: replica.incarnation.clone(),
        manager_epoch: replica.manager_epoch.clone(),
        cursors: cursors.to_vec(),
        agent_version: "atoll-bench".to_owned(),
        boot_id: replica.incarnation.clone(),
        ..v1::Hello::default()
    };
    v1::SyncRequest { message: Some(Up::Hello(hello)) }
}

/// The answer to a batch.
pub fn ack(nonce: u64) -> v1::SyncRequest {
    v1::SyncRequest { message: Some(Up::Ack(v1::Ack { nonce, exceptions: Vec::new(), state: None })) }
}

async fn open_manager(connection: Connection, replica: &Mutex<Replica>) -> Result<Reader> {
    let (acks, outbound) = mpsc::channel(4);
    let first = hello(&replica.lock().unwrap_or_else(PoisonError::into_inner));
    acks.send(first).await?;
    let mut client = NodeLinkClient::with_origin(connection, Uri::from_static(ORIGIN));
    let mut inbound = client.sync(ReceiverStream::new(outbound)).await?.into_inner();
    match inbound.message().await?.and_then(|response| response.message) {
        Some(Down::Welcome(welcome)) => {
            let mut replica = replica.lock().unwrap_or_else(PoisonError::into_inner);
            replica.manager_epoch = welcome.manager_epoch;
            if welcome.start_over {
                replica.sequence = 0;
            }
        }
        _ => return Err(failed("the manager did not begin with Welcome")),
    }
    Ok(Reader::Manager { inbound, acks })
}

async fn open_floor(connection: Connection) -> Result<Reader> {
    let (acks, outbound) = mpsc::channel(4);
    acks.send(floor_acknowledgement()).await?;
    let mut client = FloorClient::with_origin(connection, Uri::from_static(ORIGIN));
    let mut inbound = client.broadcast(ReceiverStream::new(outbound)).await?.into_inner();
    inbound.message().await?.ok_or_else(|| failed("the floor closed the stream"))?;
    Ok(Reader::Floor { inbound, acks })
}

fn floor_acknowledgement() -> Acknowledgement {
    Acknowledgement { payload: Bytes::from_static(&FLOOR_ACKNOWLEDGEMENT) }
}

impl Session {
    /// Takes in and answers for what comes, until the stream ends.
    pub async fn run(self, received: Arc<Received>, replica: Arc<Mutex<Replica>>) {
        let Self { reader, _driver } = self;
        match reader {
            Reader::Manager { mut inbound, acks } => {
                while let Ok(Some(response)) = inbound.message().await {
                    let Some(Down::Changes(changes)) = response.message else { continue };
                    let payload_bytes: usize = changes.documents.iter().map(Bytes::len).sum();
                    if payload_bytes > 0 {
                        received.record(payload_bytes);
                    }
                    if changes.last_part {
                        replica.lock().unwrap_or_else(PoisonError::into_inner).sequence = changes.up_to_sequence;
                    }
                    if acks.send(ack(changes.nonce)).await.is_err() {
                        return;
                    }
                }
            }
            Reader::Floor { mut inbound, acks } => {
                while let Ok(Some(change)) = inbound.message().await {
                    received.record(change.payload.len());
                    if acks.send(floor_acknowledgement()).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
