//! One node's open stream. It holds a cursor per lane and nothing else: no task, no queue.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use atoll_domain::document::Lane;
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::link::digest::StateDigest;
use atoll_domain::link::manager::{BATCH, Batch, ManagerLink};
use atoll_domain::terminal::kept;
use atoll_domain::time::Timestamp;
use atoll_proto::v1;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use rand::Rng as _;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, timeout};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Status, Streaming};

use super::{check_protocol, status};
use crate::authority::NodeCertificate;
use crate::clock;
use crate::error::{Error, ErrorKind};
use crate::hub::{Known, Registration};
use crate::service::fleet::credential;
use crate::service::sharing::fork::give_back;
use crate::service::sharing::proof::{self, NodeState, Verdict};
use crate::service::{Caller, Services};
use crate::store::fleet::{NodeRecord, SeenRecord};
use crate::tls::Heard;

const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a silent stream says that it lives; also how often the credential is looked at again.
const HEARTBEAT_MS: u64 = 30_000;

/// How the keys of documents begin that a node which runs what it should has taken.
const OFFERS: &str = "resource/";
/// What a node is listed with that goes on running something else than it should.
const DRIFT_SUBJECT: &str = "what it runs";
const DRIFT_TEXT: &str = "the node runs something other than it should, although everything was offered to it again: a file \
                          may have been changed that cannot be taken as an edit; run `atoll-agent status` on the node";

type Sent = Result<v1::SyncResponse, Status>;

struct Conversation {
    services: Arc<Services>,
    node: Arc<NodeRecord>,
    certificate: Option<Arc<NodeCertificate>>,
    inbound: Streaming<v1::SyncRequest>,
    link: ManagerLink,
    registration: Registration,
    shutdown: CancellationToken,
    waits: Waits,
    began: Timestamp,
    /// What the node ran when it called.
    said_first: Option<v1::NodeState>,
}

/// What a conversation waits for beside its node's word. Each delivery waits twice: these stay set up in between, since
/// a timer and two queue places made anew each time would cost more than all the rest of the wait.
struct Waits {
    owed: Pin<Box<OwnedNotified>>,
    heartbeat: Pin<Box<Sleep>>,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Waits {
    fn new(registration: &Registration) -> Self {
        Self {
            owed: Box::pin(Arc::clone(&registration.wake).notified_owned()),
            heartbeat: Box::pin(tokio::time::sleep(heartbeat())),
            over: Box::pin(registration.cancel.clone().cancelled_owned()),
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        // A newer stream of the same node has taken over already, and its word counts.
        if self.shutdown.is_cancelled() || !self.registration.cancel.is_cancelled() {
            self.services.presence.disconnected(self.node.id, clock::now(), self.registration.heard.last());
        }
        metrics::gauge!("atoll_nodes_connected").decrement(1.0);
    }
}

/// Reads Hello, and answers with Welcome and everything the node is owed from then on.
pub async fn open(
    services: Arc<Services>,
    node: Arc<NodeRecord>,
    certificate: Option<Arc<NodeCertificate>>,
    heard: Heard,
    mut inbound: Streaming<v1::SyncRequest>,
    shutdown: CancellationToken,
) -> Result<BoxStream<'static, Sent>, Status> {
    let hello = match timeout(HELLO_TIMEOUT, inbound.message()).await {
        Ok(Ok(Some(v1::SyncRequest { message: Some(v1::sync_request::Message::Hello(hello)) }))) => hello,
        Ok(Err(status)) => return Err(status),
        _ => return Err(status(Error::invalid("NO_HELLO", "the stream must begin with Hello, within ten seconds"))),
    };
    check_protocol(hello.protocol_version).map_err(status)?;
    let link = begin(&services, &node, &hello).await?;
    let began = clock::now();
    services.presence.called(node.id, &hello.boot_id, began);
    services.presence.connected(node.id, seen(&services, &node, &link, &hello));
    let registration = services.hub.register(node.id, heard, &shutdown);
    metrics::gauge!("atoll_nodes_connected").increment(1.0);
    let welcome = welcome(&services, &node, &link);
    let waits = Waits::new(&registration);
    // A node says what it runs again only when that has changed, so what it says first counts as any other word.
    let said_first = hello.state;
    let conversation =
        Conversation { services, node, certificate, inbound, link, registration, shutdown, waits, began, said_first };
    let rest = stream::unfold(Some(conversation), |conversation| async move {
        let mut conversation = conversation?;
        match conversation.next().await {
            Ok(Some(message)) => Some((Ok(message), Some(conversation))),
            Ok(None) => None,
            Err(status) => Some((Err(status), None)),
        }
    });
    Ok(stream::once(async move { Ok(welcome) }).chain(rest).boxed())
}

fn heartbeat() -> Duration {
    Duration::from_millis(rand::rng().random_range(HEARTBEAT_MS * 8 / 10..=HEARTBEAT_MS))
}

async fn begin(services: &Services, node: &NodeRecord, hello: &v1::Hello) -> Result<ManagerLink, Status> {
    let cursor = |cursor: &v1::Cursor| (cursor.sequence, cursor.mark);
    let known = Known {
        epoch: hello.manager_epoch.parse().ok(),
        cursors: hello.cursors.iter().filter_map(|known| Some((lane(known.lane())?, cursor(known)))).collect(),
        heard: cursor(&hello.heard.unwrap_or_default()),
    };
    let is_repair = services.repairs.take_due(node.id);
    if is_repair {
        give_back(services, node.id, &Caller::node(&node.name, clock::now())).await.map_err(status)?;
    }
    let begun = services.hub.begin(&services.store, node.id, (services.keys.epoch, &known), is_repair).await;
    let mut link = begun.map_err(status)?;
    link.cordoned = node.standing == NodeStanding::Cordoned;
    Ok(link)
}

fn seen(services: &Services, node: &NodeRecord, link: &ManagerLink, hello: &v1::Hello) -> SeenRecord {
    let now = clock::now();
    let before = services.presence.get(node.id);
    if !before.incarnation.is_empty() && before.incarnation != hello.incarnation {
        tracing::warn!(node = %node.name, "the node's data directory is another than before");
    }
    SeenRecord {
        online: true,
        since_ms: now.0,
        last_seen_ms: now.0,
        acknowledged: link.acknowledged(Lane::Content),
        outbox_length: hello.outbox_length,
        agent_version: kept(&hello.agent_version, 100),
        incarnation: kept(&hello.incarnation, 100),
        proven: None,
        proves: hello.state.is_some(),
        drifts: before.drifts,
        // Said by whoever takes it up.
        replica: None,
    }
}

fn welcome(services: &Services, node: &NodeRecord, link: &ManagerLink) -> v1::SyncResponse {
    let welcome = v1::Welcome {
        protocol_version: atoll_proto::PROTOCOL_VERSION,
        manager_epoch: services.keys.epoch.to_string(),
        start_over: link.starts_over(),
        name: node.name.to_string(),
        group: node.group.to_string(),
        labels: node.labels.clone().into_iter().collect(),
        heartbeat_ms: u32::try_from(HEARTBEAT_MS).unwrap_or(u32::MAX),
    };
    v1::SyncResponse { message: Some(v1::sync_response::Message::Welcome(welcome)) }
}

fn lane(lane: v1::Lane) -> Option<Lane> {
    match lane {
        v1::Lane::Unspecified => None,
        v1::Lane::Locks => Some(Lane::Locks),
        v1::Lane::Access => Some(Lane::Access),
        v1::Lane::Content => Some(Lane::Content),
    }
}

enum Woken {
    Said(Box<v1::SyncRequest>),
    Owed,
    Heartbeat,
    Over,
}

impl Conversation {
    /// The next message to send; `None` when the stream is over.
    async fn next(&mut self) -> Result<Option<v1::SyncResponse>, Status> {
        if let Some(state) = self.said_first.take() {
            self.hold_against(&state).await?;
        }
        loop {
            let services = Arc::clone(&self.services);
            if let Some((batch, documents)) =
                services.hub.next_batch(&services.store, &mut self.link).await.map_err(status)?
            {
                // Only a silent stream has to say that it lives.
                self.waits.heartbeat.as_mut().reset(Instant::now() + heartbeat());
                let mark = services.hub.read(|feed| feed.mark(batch.owed.up_to));
                return Ok(Some(changes(batch, mark, documents)));
            }
            let woken = tokio::select! {
                said = self.inbound.message() => match said? {
                    Some(request) => Woken::Said(Box::new(request)),
                    None => Woken::Over,
                },
                () = &mut self.waits.owed => Woken::Owed,
                () = &mut self.waits.heartbeat => Woken::Heartbeat,
                () = &mut self.waits.over => Woken::Over,
            };
            match woken {
                Woken::Said(request) => self.hear(*request).await?,
                Woken::Over => return Ok(None),
                Woken::Owed => {
                    self.waits.owed.set(Arc::clone(&self.registration.wake).notified_owned());
                    if self.look_again().await? {
                        return Ok(Some(welcome(&self.services, &self.node, &self.link)));
                    }
                }
                Woken::Heartbeat => {
                    self.look_again().await?;
                    self.waits.heartbeat.as_mut().reset(Instant::now() + heartbeat());
                    let beat = v1::Heartbeat { manager_time_ms: clock::now().0 };
                    return Ok(Some(v1::SyncResponse { message: Some(v1::sync_response::Message::Heartbeat(beat)) }));
                }
            }
        }
    }

    async fn hear(&mut self, request: v1::SyncRequest) -> Result<(), Status> {
        let ack = match request.message {
            Some(v1::sync_request::Message::Ack(ack)) => ack,
            Some(v1::sync_request::Message::State(state)) => return self.hold_against(&state).await,
            _ => {
                return Err(status(Error::invalid(
                    "UNEXPECTED",
                    "after Hello a node acknowledges and tells its state",
                )));
            }
        };
        let was_complete = self.link.is_complete();
        let (lane, sequence) = self
            .link
            .acknowledge(ack.nonce)
            .map_err(|error| status(Error::invalid("UNEXPECTED_ACK", error.to_string())))?;
        if lane == Lane::Content {
            self.services.presence.acknowledged(self.node.id, sequence, clock::now());
        }
        if !ack.exceptions.is_empty() {
            let now = clock::now();
            for exception in ack.exceptions.iter().take(BATCH.rows) {
                let v1::ItemException { key, code, text } = exception;
                self.services.presence.notices.not_taken(self.node.id, key, code, text, now);
            }
        }
        if !was_complete && self.link.is_complete() {
            self.services.presence.notices.taken_anew(self.node.id, "", self.began);
        }
        match ack.state {
            Some(state) => self.hold_against(&state).await,
            None => Ok(()),
        }
    }

    /// Holds what the node runs against what it should run.
    async fn hold_against(&mut self, said: &v1::NodeState) -> Result<(), Status> {
        let digest: [u8; 32] = said
            .digest
            .as_slice()
            .try_into()
            .map_err(|_| status(Error::invalid("BAD_DIGEST", "the digest of a state has 32 bytes")))?;
        let state = NodeState {
            digest: StateDigest::from_bytes(digest),
            is_settled: said.settled,
            outbox_length: said.outbox_length,
            deferred: said.deferred,
        };
        let (node, acknowledged) = (self.node.id, self.link.acknowledged(Lane::Content));
        let presence = &self.services.presence;
        presence.reports_waiting(node, said.outbox_length);
        let drifted = presence.drifts(node);
        match proof::judge(&self.services, node, acknowledged, state).await.map_err(status)? {
            Verdict::Open => presence.proved(node, None, drifted),
            Verdict::Proven(sequence) => {
                presence.proved(node, Some(sequence), false);
                if drifted {
                    presence.notices.over(node, DRIFT_SUBJECT);
                    presence.notices.taken_anew(node, OFFERS, clock::now());
                }
            }
            Verdict::StartOver => {
                tracing::warn!(node = %self.node.name, "the node runs something else than it should; it is offered everything again");
                presence.proved(node, None, drifted);
                return Err(status(Error::new(
                    ErrorKind::Aborted,
                    "START_OVER",
                    "what this node runs is not what it should run; everything is offered to it again",
                )));
            }
            Verdict::Drift => {
                presence.proved(node, None, true);
                presence.notices.found(node, DRIFT_SUBJECT, "DRIFT", DRIFT_TEXT, clock::now());
            }
        }
        Ok(())
    }

    /// The credential is good for the stream as long as it is good for a call. Answers whether what Welcome says of the
    /// node has changed.
    async fn look_again(&mut self) -> Result<bool, Status> {
        let now = clock::now();
        let certificate = self.certificate.as_deref();
        let node = credential::check(&self.services, certificate, now).await.map_err(status)?;
        // Nearly always the very record that is known: comparing it field by field would be felt, once for each node.
        let known = (&self.node.name, &self.node.group, &self.node.labels);
        let renamed = !Arc::ptr_eq(&self.node, &node) && known != (&node.name, &node.group, &node.labels);
        self.node = node;
        self.link.cordoned = self.node.standing == NodeStanding::Cordoned;
        Ok(renamed)
    }
}

fn changes(batch: Batch, mark: u64, documents: Vec<Bytes>) -> v1::SyncResponse {
    let lane = match batch.lane {
        Lane::Locks => v1::Lane::Locks,
        Lane::Access => v1::Lane::Access,
        Lane::Content => v1::Lane::Content,
    };
    let changes = v1::Changes {
        nonce: batch.nonce,
        lane: lane.into(),
        up_to_sequence: batch.owed.up_to,
        last_part: batch.owed.last_part,
        documents,
        left_audiences: batch.owed.left.iter().map(ToString::to_string).collect(),
        complete: batch.complete,
        mark,
    };
    v1::SyncResponse { message: Some(v1::sync_response::Message::Changes(changes)) }
}
