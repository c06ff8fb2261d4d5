//! What a node that was away costs: bytes in proportion to what changed, not to how often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use atoll_proto::v1::node_link_client::NodeLinkClient;
use atoll_proto::v1::sync_response::Message as Down;
use rustls::ClientConfig;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::http::Uri;

use super::progress;
use crate::content::{self, Written};
use crate::error::{Result, failed};
use crate::load::connection::{ORIGIN, connect};
use crate::load::identity;
use crate::load::node::{Replica, ack, hello};
use crate::load::tls::Trust;
use crate::manager::Manager;
use crate::protocol::Side;
use crate::report::{Report, Row, Target};

const RESOURCES: usize = 100;
const REVISIONS: usize = 100;
const CONTENT_BYTES: usize = 8 * 1024;
const TIMEOUT: Duration = Duration::from_secs(60);

/// What one connection brought.
#[derive(Debug, Default)]
struct Caught {
    documents: usize,
    document_bytes: usize,
    network_bytes: u64,
}

#[expect(clippy::cast_precision_loss)]
pub async fn measure(report: &mut Report) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut manager = Manager::start(&directory.path().join("manager")).await?;
    let mut resources = Vec::with_capacity(RESOURCES);
    for index in 0..RESOURCES {
        let resource = content::create(&mut manager.sharing, &format!("resource {index}"), CONTENT_BYTES).await?;
        content::release(&mut manager.sharing, &resource).await?;
        resources.push(resource);
    }
    content::publish(&mut manager.sharing, &resources).await?;
    let config = join(&mut manager).await?;
    let mut replica = Replica { incarnation: uuid::Uuid::now_v7().to_string(), ..Replica::default() };
    let first = catch_up(&manager, Arc::clone(&config), &mut replica).await?;

    progress(&format!("catch-up: writing {} revisions", RESOURCES * REVISIONS));
    let started = Instant::now();
    write_history(&mut manager, &mut resources).await?;
    let write_seconds = started.elapsed().as_secs_f64();
    let second = catch_up(&manager, config, &mut replica).await?;

    let newest_bytes: usize = resources.iter().map(|resource| resource.content_bytes).sum();
    report.raw(
        "catch_up",
        json!({
            "resources": RESOURCES, "revisions": RESOURCES * REVISIONS, "write_seconds": write_seconds,
            "newest_content_bytes": newest_bytes, "documents": second.documents,
            "document_bytes": second.document_bytes, "network_bytes": second.network_bytes,
            "network_bytes_of_first_sync": first.network_bytes,
        }),
    );
    let (received, floor) = (second.network_bytes as f64 / 1024.0, newest_bytes as f64 / 1024.0);
    report.row(Row::new(
        "catch-up over 10,000 revisions of 100 resources, KiB (floor: the 100 newest contents)",
        received,
        Some(floor),
        Target::RatioAtMost(1.5),
    ));
    let per_second = (RESOURCES * REVISIONS) as f64 / write_seconds;
    report.row(Row::new("writes with release per second, one after the other", per_second, None, Target::None));
    manager.process.stop().await
}

async fn join(manager: &mut Manager) -> Result<Arc<ClientConfig>> {
    let token = manager.join_token(1).await?;
    let address = manager.node_address.to_string();
    let trust = Trust::fetch(&address, &token.root_pin.to_string()).await?;
    let wish = identity::prepare("away", token.id, &token.secret.reveal())?;
    let identity = identity::join(Side::Manager, &address, &trust, wish).await?;
    trust.config(Some(identity.credential()))
}

async fn write_history(manager: &mut Manager, resources: &mut [Written]) -> Result<()> {
    for round in 1..=REVISIONS {
        let started = Instant::now();
        for resource in resources.iter_mut() {
            *resource = content::write(&mut manager.sharing, resource, CONTENT_BYTES).await?;
            content::release(&mut manager.sharing, resource).await?;
        }
        if round % 20 == 0 {
            let seconds = started.elapsed().as_secs_f64();
            progress(&format!("catch-up: revision {round} of each took {:.1} ms", seconds * 1e3 / RESOURCES as f64));
        }
    }
    Ok(())
}

/// Connects, takes in everything that is owed, and disconnects.
async fn catch_up(manager: &Manager, config: Arc<ClientConfig>, replica: &mut Replica) -> Result<Caught> {
    let received = Arc::new(AtomicU64::new(0));
    let (connection, _driver) = connect(&manager.node_address.to_string(), config, Arc::clone(&received)).await?;
    let (acks, outbound) = mpsc::channel(4);
    acks.send(hello(replica)).await?;
    let mut client =
        NodeLinkClient::with_origin(connection, Uri::from_static(ORIGIN)).max_decoding_message_size(16 * 1024 * 1024);
    let mut inbound = client.sync(ReceiverStream::new(outbound)).await?.into_inner();
    let mut caught = Caught::default();
    while caught.documents < RESOURCES {
        let response =
            tokio::time::timeout(TIMEOUT, inbound.message()).await.map_err(|_| failed("nothing more came"))?;
        let Some(response) = response? else { return Err(failed("the stream ended early")) };
        match response.message {
            Some(Down::Welcome(welcome)) => replica.manager_epoch = welcome.manager_epoch,
            Some(Down::Changes(changes)) => {
                caught.documents += changes.documents.len();
                caught.document_bytes += changes.documents.iter().map(bytes::Bytes::len).sum::<usize>();
                replica.sequence = changes.up_to_sequence;
                acks.send(ack(changes.nonce)).await?;
            }
            _ => {}
        }
    }
    caught.network_bytes = received.load(Ordering::Relaxed);
    Ok(caught)
}
