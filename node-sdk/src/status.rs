//! What a node says about itself, to people and programs on the same server.

use std::collections::BTreeMap;
use std::path::Path;

use atoll_domain::document::Lane;
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::{Digest, NodeId, ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::link::replica::Replica;
use atoll_domain::sharing::fork::{Fork, ForkState};
use atoll_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::NodeError;
use crate::identity::Identity;
use crate::state::{Inner, LinkState};

/// A node at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeStatus {
    pub name: String,
    pub id: NodeId,
    pub group: String,
    pub labels: Labels,
    pub manager_address: String,
    pub connection: ConnectionStatus,
    /// How far the replica reaches, by lane.
    pub cursors: BTreeMap<Lane, u64>,
    /// Reports that the manager does not have yet.
    pub outbox_length: usize,
    pub certificate_expires_at: Option<Timestamp>,
    pub forks: Vec<ForkStatus>,
    /// How many resources the node runs.
    pub running: usize,
    /// SHA-256 of the identity's public key, for comparing with what the manager shows.
    pub identity_fingerprint: Digest,
    /// How far the manager's clock is ahead of this one, as last heard.
    pub clock_difference_ms: Option<i64>,
    /// Documents that were not taken, the newest last. At most twenty.
    pub refused: Vec<RefusedDocument>,
    /// Reports that cannot be delivered until somebody does something.
    pub blocked: Vec<BlockedReport>,
}

/// How the link to the manager stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    pub state: ConnectionState,
    pub since: Timestamp,
    /// Why the last connection, or attempt at one, ended.
    pub last_failure: Option<String>,
    pub last_failure_at: Option<Timestamp>,
    /// When the manager last said anything.
    pub last_heard_at: Option<Timestamp>,
    /// Why the last delivery of reports failed; absent once one succeeds.
    pub delivery_failure: Option<String>,
}

/// Where the link is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Not running.
    Stopped,
    Connecting,
    Connected,
    /// Waits before it tries again. The node goes on with what it holds.
    Disconnected,
    /// An administrator has removed this node from the fleet.
    Removed,
}

impl ConnectionState {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Removed => "removed",
        }
    }
}

/// One of the node's own edits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForkStatus {
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
    pub revision: RevisionId,
    pub state: ForkState,
    /// What the manager last said about it.
    pub message: String,
}

/// A document that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedDocument {
    pub key: String,
    pub text: String,
    pub at: Timestamp,
}

/// A report that the manager cannot take yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockedReport {
    pub number: u64,
    pub text: String,
}

/// Who the node in a directory is, without opening its store: works beside a running node. `None` if it is none.
///
/// # Errors
/// The directory cannot be read.
pub fn joined_as(data_directory: impl AsRef<Path>) -> Result<Option<(NodeId, String)>, NodeError> {
    let identity = Identity::load(data_directory.as_ref())?;
    Ok(identity.and_then(|identity| identity.membership).map(|membership| (membership.node_id, membership.name)))
}

pub(crate) fn status(inner: &Inner) -> NodeStatus {
    let place = inner.place();
    let identity = inner.identity();
    let (cursors, outbox_length, forks, running) = {
        let replica = inner.replica();
        (replica.cursors().clone(), replica.outbox().len(), forks(&replica), replica.running().len())
    };
    let LinkState { connection, clock_difference_ms, refused, blocked } = inner.link().clone();
    NodeStatus {
        name: place.name,
        id: inner.node_id,
        group: place.group.to_string(),
        labels: place.labels,
        manager_address: identity.manager_address.clone(),
        connection,
        cursors,
        outbox_length,
        certificate_expires_at: identity
            .membership
            .as_ref()
            .and_then(|membership| membership.validity())
            .map(|validity| validity.not_after),
        forks,
        running,
        identity_fingerprint: inner.fingerprint,
        clock_difference_ms,
        refused: refused.into(),
        blocked: blocked.into_iter().map(|(number, text)| BlockedReport { number, text }).collect(),
    }
}

fn forks(replica: &Replica) -> Vec<ForkStatus> {
    let names: BTreeMap<ResourceId, String> =
        replica.running().into_iter().map(|running| (running.resource, running.name)).collect();
    let named = |fork: &Fork| {
        let own = || fork.body.as_ref()?.get("Name")?.as_str().map(str::to_owned);
        names.get(&fork.resource).cloned().or_else(own).unwrap_or_else(|| fork.resource.to_string())
    };
    let status = |fork: &Fork| ForkStatus {
        resource: fork.resource,
        kind: fork.header.kind,
        name: named(fork),
        revision: fork.head,
        state: fork.state,
        message: fork.message.clone(),
    };
    replica.forks().map(status).collect()
}
