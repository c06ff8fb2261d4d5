//! Who has what they should have.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::{NodeId, ResourceId};
use atoll_domain::kind::Kind;
use atoll_domain::link::feed::Feed;

use super::history::{Loaded, find, load};
use super::{JOB_FORKS, required, usage};
use crate::clock;
use crate::error::Result;
use crate::service::Services;
use crate::service::fleet::node::{self, NodeView, SyncState};
use crate::store::sharing::{ExceptionRecord, ResourceRecord, applied_nodes, exception_list};
use crate::store::work::work_is_queued;

/// A node whose connection ended so short a time ago is taken to come back: one that starts over does, at once.
const BACK_SOON_MS: i64 = 10_000;

/// How far a change has come.
#[derive(Debug, Default)]
pub struct SyncStatus {
    pub sequence: u64,
    pub expected: usize,
    /// Of one resource, those that run its newest release; of everything, those in sync.
    pub have: usize,
    pub applied: usize,
    pub failed: usize,
    pub offline: usize,
    /// Nodes that go on running something else than they should.
    pub drifting: usize,
    /// Nodes that do not tell what they run.
    pub unknown: usize,
    /// Nodes that would have it, and lack a value.
    pub incomplete: usize,
    /// Nodes that run an edit of their own.
    pub own_edits: usize,
    /// Nodes that a publication keeps at another release.
    pub pinned: usize,
    /// Nodes that do not have it because they are cordoned.
    pub cordoned: usize,
    /// Connected nodes that it is on its way to, or that go on without it.
    pub waiting: usize,
    pub behind: Vec<BehindNode>,
}

/// A node that does not have what is asked about.
#[derive(Debug)]
pub struct BehindNode {
    pub node: NodeView,
    /// Its own, or that of what it runs in the place of what is asked about.
    pub state: &'static str,
    /// Since when it is in this state; 0 where nobody noted that.
    pub since_ms: i64,
    /// How many documents it lacks.
    pub outstanding: usize,
}

/// What is asked about; everything unless narrowed.
#[derive(Debug, Default)]
pub struct Question {
    pub resource: Option<(Kind, String)>,
    pub node: Option<String>,
    pub behind_limit: usize,
}

/// A node that should have what is asked about.
struct Asked {
    node: NodeView,
    has_it: bool,
    lacks_a_value: bool,
    runs_own_edit: bool,
    is_pinned: bool,
    /// It goes on with its own edit, and nothing that is under way changes that.
    goes_on: bool,
    /// Where it does not have it and something else than its connection says why.
    why: Option<&'static str>,
}

/// Counts who has what is wanted, what adapters made of it, and names some of those behind.
///
/// # Errors
/// There is no such resource or node.
pub async fn status(services: &Services, question: &Question) -> Result<SyncStatus> {
    let resource = match &question.resource {
        Some((kind, name)) => Some(load(&services.store, find(&services.store, *kind, name).await?).await?),
        None => None,
    };
    // What this process committed a moment ago counts, so nobody is told that all is well before it is.
    services.hub.refresh(&services.store).await?;
    required::refresh(services).await?;
    let only = match &question.node {
        Some(name) => Some(node::find(&services.store, name).await?.id),
        None => None,
    };
    let mut asked = match &resource {
        Some(resource) => of_resource(services, resource).await?,
        None => of_everything(services).await?,
    };
    asked.retain(|asked| only.is_none_or(|only| asked.node.record.id == only));
    let mut status = SyncStatus { sequence: services.hub.read(Feed::sequence), ..SyncStatus::default() };
    let exceptions = exceptions_about(services, resource.as_ref().map(|loaded| &loaded.record)).await?;
    let ids = |asked: &[Asked]| asked.iter().map(|asked| asked.node.record.id).collect::<BTreeSet<NodeId>>();
    let expected = ids(&asked);
    let (having, asked): (Vec<Asked>, Vec<Asked>) = asked.into_iter().partition(|asked| asked.has_it);
    having.iter().for_each(|asked| status.count(asked));
    let limit = if question.behind_limit == 0 { 20 } else { question.behind_limit };
    for asked in asked {
        status.count(&asked);
        if status.behind.len() < limit {
            let (id, acknowledged) = (asked.node.record.id, asked.node.seen.acknowledged);
            let outstanding = services.hub.read(|feed| feed.outstanding(id, acknowledged));
            let (state, since_ms) = state_of(&asked, &exceptions);
            status.behind.push(BehindNode { node: asked.node, state, since_ms, outstanding });
        }
    }
    let failed = exceptions.iter().filter(|exception| is_failure(exception) && expected.contains(&exception.node));
    status.failed = failed.map(|exception| exception.node).collect::<BTreeSet<NodeId>>().len();
    if let Some(record) = resource.as_ref().map(|loaded| &loaded.record)
        && let Some((_, revision)) = record.released
    {
        let (applied, having) = (applied_nodes(&services.store, record.id, revision).await?, ids(&having));
        status.applied = applied.iter().filter(|node| having.contains(*node)).count();
    }
    Ok(status)
}

impl SyncStatus {
    fn count(&mut self, asked: &Asked) {
        let is_cordoned = asked.node.record.standing == NodeStanding::Cordoned;
        self.expected += 1;
        self.drifting += usize::from(asked.node.sync_state == SyncState::Drift);
        self.unknown += usize::from(asked.node.sync_state == SyncState::Unknown);
        self.own_edits += usize::from(asked.runs_own_edit);
        if asked.has_it {
            self.have += 1;
        } else if asked.lacks_a_value {
            // What nobody has written cannot arrive: nobody waits for it.
            self.incomplete += 1;
        } else if asked.is_pinned {
            self.pinned += 1;
        } else if asked.goes_on {
            // Nothing is on its way to a node that goes on with its own edit.
        } else if is_cordoned {
            self.cordoned += 1;
        } else if !asked.node.seen.online && asked.node.state_since_ms + BACK_SOON_MS < clock::now().0 {
            self.offline += 1;
        } else {
            self.waiting += 1;
        }
    }
}

/// The nodes that a publication brings a release of the resource.
async fn of_resource(services: &Services, resource: &Loaded) -> Result<Vec<Asked>> {
    // Nodes' own edits are held against a release after it: until that is done, none of them says that its node goes on
    // without it. Asked before the feed is read: what is settled by then is seen there.
    let is_settling = work_is_queued(&services.store, JOB_FORKS, &resource.record.id.to_string()).await?;
    let places = usage::places(services, resource).await?;
    let released = places.into_iter().filter(|place| !place.usage.version.is_empty());
    let asked = released.map(|place| {
        let usage::Place { node, usage, runs_own_edit } = place;
        let is_pinned = !runs_own_edit && !usage.newest;
        let why = match usage.state {
            _ if is_pinned => Some("pinned"),
            "offline" | "behind" | "cordoned" => None,
            _ if runs_own_edit && is_settling => None,
            other => Some(other),
        };
        let lacks_a_value = usage.state == "incomplete";
        Asked {
            node,
            has_it: usage.state == "in_sync" && usage.newest,
            lacks_a_value,
            runs_own_edit,
            is_pinned,
            goes_on: runs_own_edit && !is_settling,
            why,
        }
    });
    Ok(asked.collect())
}

async fn of_everything(services: &Services) -> Result<Vec<Asked>> {
    let nodes = services.nodes().await?;
    let asked = nodes.iter().map(|record| {
        let node = node::view(services, Arc::clone(record));
        let runs_own_edit = services.hub.read(|feed| feed.own_edits(record.id)) > 0;
        let lacks_a_value = node.sync_state == SyncState::Incomplete;
        let has_it = node.sync_state == SyncState::InSync;
        let why = match node.sync_state {
            told @ (SyncState::Incomplete | SyncState::Drift | SyncState::Unknown) => Some(told.name()),
            SyncState::InSync | SyncState::Behind => None,
        };
        Asked { node, has_it, lacks_a_value, runs_own_edit, is_pinned: false, goes_on: false, why }
    });
    Ok(asked.collect())
}

/// What is not as it should be on nodes: of one resource, or at all.
async fn exceptions_about(services: &Services, resource: Option<&ResourceRecord>) -> Result<Vec<ExceptionRecord>> {
    let mut exceptions = exception_list(&services.store).await?;
    exceptions.retain(|exception| !is_over(services, exception));
    if let Some(resource) = resource {
        let id = resource.id.to_string();
        exceptions.retain(|exception| exception.subject.contains(&id) || exception.code == "DRIFT");
    }
    Ok(exceptions)
}

/// Whether what a node could not apply has left it since: it will never say that it applied it.
#[must_use]
pub fn is_over(services: &Services, exception: &ExceptionRecord) -> bool {
    let resource = exception.subject.parse::<ResourceId>().ok();
    let of_adapter = matches!(exception.code.as_str(), "APPLY_FAILED" | "DEFERRED");
    resource
        .filter(|_| of_adapter)
        .is_some_and(|resource| services.hub.read(|feed| feed.target(exception.node, resource)).is_none())
}

/// An adapter or the replica did not take something.
fn is_failure(exception: &ExceptionRecord) -> bool {
    matches!(exception.code.as_str(), "APPLY_FAILED" | "REJECTED")
}

/// Why a node does not have it, and since when. That it is connected is no reason.
fn state_of(asked: &Asked, exceptions: &[ExceptionRecord]) -> (&'static str, i64) {
    let of_node = |exception: &&ExceptionRecord| exception.node == asked.node.record.id;
    let since = |is_it: fn(&ExceptionRecord) -> bool| {
        exceptions.iter().filter(of_node).filter(|exception| is_it(exception)).map(|exception| exception.since_ms).min()
    };
    let is_online = asked.node.state == "online";
    match asked.why {
        Some("drift") => ("drift", since(|exception| exception.code == "DRIFT").unwrap_or_default()),
        Some(other) => (other, 0),
        None if is_online => match since(is_failure) {
            Some(since_ms) => ("apply_failed", since_ms),
            None => ("behind", 0),
        },
        None => (asked.node.state, asked.node.state_since_ms),
    }
}
