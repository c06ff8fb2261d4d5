//! What comes down: documents are verified, stored, applied and only then acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::document::{Audience, Document, Lane};
use atoll_domain::kind::Kind;
use atoll_domain::link::replica::{Arrived, Incoming, Stored};
use atoll_proto::v1::node_link_client::NodeLinkClient;
use atoll_proto::v1::{
    Ack, Changes, Cursor, Hello, ItemException, NodeState, SignedDocument, SyncRequest, SyncResponse, Welcome,
    sync_request, sync_response,
};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::{End, refusal};
use crate::channel::CALL_TIMEOUT;
use crate::node::blocking;
use crate::state::{Inner, NodePlace};
use crate::{NodeError, clock};

/// Acknowledgements that may wait for the network. The manager has two batches under way at most.
const ACK_QUEUE: usize = 4;
/// A manager that promises a heartbeat more often than this is not held to it.
const SHORTEST_HEARTBEAT_MS: u32 = 1_000;
const LONGEST_HEARTBEAT_MS: u32 = 300_000;

/// One open stream.
#[derive(Debug)]
pub(super) struct Session {
    incoming: Streaming<SyncResponse>,
    outgoing: mpsc::Sender<SyncRequest>,
}

/// Opens the stream and says hello; the manager's welcome decides how to go on.
pub(super) async fn open(
    inner: &Arc<Inner>,
    mut client: NodeLinkClient<Channel>,
) -> Result<(Session, Welcome), NodeError> {
    let address = inner.identity().manager_address.clone();
    let late = || NodeError::Unreachable { address: address.clone(), reason: "it did not answer in time".to_owned() };
    let (outgoing, requests) = mpsc::channel(ACK_QUEUE);
    let hello = SyncRequest { message: Some(sync_request::Message::Hello(hello(inner))) };
    outgoing.try_send(hello).map_err(|_| late())?;
    let response = timeout(CALL_TIMEOUT, client.sync(ReceiverStream::new(requests))).await.map_err(|_| late())?;
    let mut incoming = response.map_err(|status| refusal(&status, &address))?.into_inner();
    let first = timeout(CALL_TIMEOUT, incoming.message()).await.map_err(|_| late())?;
    let first = first.map_err(|status| refusal(&status, &address))?.and_then(|response| response.message);
    let Some(sync_response::Message::Welcome(welcome)) = first else {
        return Err(NodeError::BadAnswer("the first message is not a welcome".to_owned()));
    };
    let accepted = welcome.clone();
    blocking(inner, move |inner| welcomed(inner, &accepted)).await?;
    Ok((Session { incoming, outgoing }, welcome))
}

fn hello(inner: &Inner) -> Hello {
    let state = Some(inner.node_state());
    let replica = inner.replica();
    // A replica whose content never became complete has nothing to build on. Not naming the epoch makes the manager
    // offer everything and say when it is complete, also after a crash in the middle of starting over.
    let complete = replica.cursors().get(&Lane::Content).is_some_and(|sequence| *sequence > 0);
    let cursor = |(lane, sequence): (&Lane, &u64)| Cursor {
        lane: lane_to_wire(*lane).into(),
        sequence: *sequence,
        mark: replica.mark(*lane),
    };
    Hello {
        protocol_version: atoll_proto::PROTOCOL_VERSION,
        incarnation: inner.identity().incarnation.to_string(),
        manager_epoch: replica.epoch().filter(|_| complete).map(|epoch| epoch.to_string()).unwrap_or_default(),
        cursors: replica.cursors().iter().map(cursor).collect(),
        outbox_length: replica.outbox().len() as u64,
        agent_version: inner.program.clone(),
        schema_versions: Kind::ALL.iter().map(|kind| (kind.name().to_owned(), kind.schema_version())).collect(),
        boot_id: inner.boot.to_string(),
        state,
        heard: Some(Cursor { sequence: replica.heard().0, mark: replica.heard().1, ..Cursor::default() }),
    }
}

fn welcomed(inner: &Inner, welcome: &Welcome) -> Result<(), NodeError> {
    let epoch =
        welcome.manager_epoch.parse().map_err(|_| NodeError::BadAnswer("the manager epoch is not one".to_owned()))?;
    if welcome.start_over {
        tracing::info!("receiving the full set from the manager; whatever is not in it is removed once it is complete");
    }
    inner.change(|replica| Ok((replica.connected(epoch, welcome.start_over), ())))?;
    inner.set_place(place_of(welcome)?)
}

fn place_of(welcome: &Welcome) -> Result<NodePlace, NodeError> {
    Ok(NodePlace {
        name: welcome.name.clone(),
        group: welcome.group.parse()?,
        labels: welcome.labels.clone().into_iter().collect::<BTreeMap<_, _>>(),
    })
}

/// Takes what comes until the connection ends.
pub(super) async fn receive(inner: &Arc<Inner>, mut session: Session, welcome: &Welcome) -> End {
    let heartbeat_ms = welcome.heartbeat_ms.clamp(SHORTEST_HEARTBEAT_MS, LONGEST_HEARTBEAT_MS);
    let silence = Duration::from_millis(u64::from(heartbeat_ms) * 3);
    let mut changes = inner.status_changed.subscribe();
    // What changed since Hello said it, such as an outbox that is empty by now, is told at once.
    changes.mark_changed();
    let mut told: Option<NodeState> = None;
    let mut heard_at = Instant::now();
    loop {
        let done = tokio::select! {
            message = session.incoming.message() => {
                heard_at = Instant::now();
                take_message(inner, &mut session, message, &mut told).await
            }
            () = sleep_until(heard_at + silence) => {
                Err(gone(inner, "it has not said anything for three heartbeats"))
            }
            changed = changes.changed() => match changed {
                Ok(()) => tell_state(inner, &mut session, &mut told).await,
                Err(_) => return End::Failed("the node is going down".to_owned()),
            },
        };
        if let Err(error) = done {
            return error.into();
        }
        // What the node runs is told on every connection, at the latest when it is first awake.
        if told.is_none()
            && let Err(error) = tell_state(inner, &mut session, &mut told).await
        {
            return error.into();
        }
    }
}

fn gone(inner: &Inner, reason: &str) -> NodeError {
    NodeError::Unreachable { address: inner.identity().manager_address.clone(), reason: reason.to_owned() }
}

/// Tells what the node runs, unless just that was told last.
async fn tell_state(inner: &Inner, session: &mut Session, told: &mut Option<NodeState>) -> Result<(), NodeError> {
    let state = inner.node_state();
    if told.as_ref() == Some(&state) {
        return Ok(());
    }
    *told = Some(state.clone());
    send(inner, session, sync_request::Message::State(state)).await
}

async fn send(inner: &Inner, session: &Session, message: sync_request::Message) -> Result<(), NodeError> {
    timeout(CALL_TIMEOUT, session.outgoing.send(SyncRequest { message: Some(message) }))
        .await
        .map_err(|_| gone(inner, "it does not take acknowledgements"))?
        .map_err(|_| gone(inner, "it closed the connection"))
}

async fn take_message(
    inner: &Arc<Inner>,
    session: &mut Session,
    message: Result<Option<SyncResponse>, Status>,
    told: &mut Option<NodeState>,
) -> Result<(), NodeError> {
    let message = message
        .map_err(|status| refusal(&status, &inner.identity().manager_address))?
        .ok_or_else(|| gone(inner, "it closed the connection"))?;
    match message.message {
        Some(sync_response::Message::Changes(changes)) => {
            heard(inner, None);
            let ack = blocking(inner, move |inner| take(inner, &changes)).await?;
            told.clone_from(&ack.state);
            send(inner, session, sync_request::Message::Ack(ack)).await
        }
        Some(sync_response::Message::Heartbeat(heartbeat)) => {
            heard(inner, Some(heartbeat.manager_time_ms));
            Ok(())
        }
        // The node was moved, labelled or renamed: the manager says so, and nothing else begins anew.
        Some(sync_response::Message::Welcome(welcome)) => {
            blocking(inner, move |inner| inner.set_place(place_of(&welcome)?)).await
        }
        // Something newer than this program: nothing is lost by passing over it.
        None => Ok(()),
    }
}

fn heard(inner: &Inner, manager_time_ms: Option<i64>) {
    let now = clock::now();
    // Not announced: a status that is read shows it, and nobody needs to be woken by a heartbeat.
    let mut link = inner.link();
    link.connection.last_heard_at = Some(now);
    if let Some(time_ms) = manager_time_ms {
        link.clock_difference_ms = Some(time_ms.saturating_sub(now.0));
    }
}

/// Stores a batch and says what was not taken from it.
fn take(inner: &Inner, changes: &Changes) -> Result<Ack, NodeError> {
    let nonce = changes.nonce;
    let (incoming, mut exceptions) = verified(inner, changes);
    let refused = inner.change(|replica| Ok(replica.plan_batch(incoming)))?;
    exceptions.extend(refused.into_iter().map(|refused| rejected(refused.key, refused.text)));
    if !exceptions.is_empty() {
        inner.update_link(|link| {
            for exception in &exceptions {
                link.refuse(exception.key.clone(), exception.text.clone());
            }
        });
    }
    for exception in &exceptions {
        tracing::warn!(key = exception.key, reason = exception.text, "a document was not taken");
    }
    Ok(Ack { nonce, exceptions, state: Some(inner.node_state()) })
}

fn verified(inner: &Inner, changes: &Changes) -> (Incoming, Vec<ItemException>) {
    let mut incoming = Incoming {
        lane: lane_from_wire(changes.lane),
        up_to: changes.up_to_sequence,
        mark: changes.mark,
        at: clock::now(),
        last_part: changes.last_part,
        complete: changes.complete,
        documents: Vec::with_capacity(changes.documents.len()),
        left: changes.left_audiences.iter().filter_map(|audience| audience.parse().ok()).collect(),
    };
    let mut exceptions = Vec::new();
    for bytes in &changes.documents {
        match verify(inner, bytes) {
            Ok(arrived) => incoming.documents.push(arrived),
            Err((key, text)) => exceptions.push(rejected(key, text)),
        }
    }
    (incoming, exceptions)
}

fn verify(inner: &Inner, bytes: &[u8]) -> Result<Arrived, (String, String)> {
    let signed = SignedDocument::decode(bytes).map_err(|error| (String::new(), error.to_string()))?;
    let named = |text: String| {
        // For showing only: what is named here has not been verified.
        let document = serde_json::from_slice::<Document>(&signed.document);
        (document.map(|document| document.key).unwrap_or_default(), text)
    };
    let document = Document::open(&signed.document, &signed.signature, &inner.document_key)
        .map_err(|error| named(error.to_string()))?;
    if let Audience::Node(node) = document.audience
        && node != inner.node_id
    {
        return Err(named(format!("the document is for the node {node}")));
    }
    let stored =
        Stored { document: signed.document.to_vec(), signature: signed.signature.to_vec(), sequence: signed.sequence };
    Ok(Arrived { stored, document })
}

fn rejected(key: String, text: String) -> ItemException {
    ItemException { key, code: "REJECTED".to_owned(), text }
}

fn lane_from_wire(lane: i32) -> Option<Lane> {
    match atoll_proto::v1::Lane::try_from(lane).ok()? {
        atoll_proto::v1::Lane::Locks => Some(Lane::Locks),
        atoll_proto::v1::Lane::Access => Some(Lane::Access),
        atoll_proto::v1::Lane::Content => Some(Lane::Content),
        atoll_proto::v1::Lane::Unspecified => None,
    }
}

fn lane_to_wire(lane: Lane) -> atoll_proto::v1::Lane {
    match lane {
        Lane::Locks => atoll_proto::v1::Lane::Locks,
        Lane::Access => atoll_proto::v1::Lane::Access,
        Lane::Content => atoll_proto::v1::Lane::Content,
    }
}
