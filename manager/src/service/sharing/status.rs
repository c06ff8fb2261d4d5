//! Who has what they should have.

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_domain::document::Audience;
use atoll_domain::id::NodeId;
use atoll_domain::kind::Kind;
use atoll_domain::link::feed::{Feed, RowKey};

use super::history::find;
use super::offer::resource_key;
use super::required::{self, Missing};
use crate::error::Result;
use crate::service::Services;
use crate::service::fleet::node::{self, NodeView, SyncState};
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{ResourceRecord, applied_nodes, exception_list, publication_list};

/// How far a change has come.
#[derive(Debug, Default)]
pub struct SyncStatus {
    pub sequence: u64,
    pub expected: usize,
    pub have: usize,
    pub applied: usize,
    pub failed: usize,
    pub offline: usize,
    /// Nodes that go on running something else than they should.
    pub drifting: usize,
    /// Nodes that do not tell what they run.
    pub unknown: usize,
    /// Of those that have it, how many lack a required value.
    pub incomplete: usize,
    pub behind: Vec<NodeView>,
}

/// What is asked about; everything unless narrowed.
#[derive(Debug, Default)]
pub struct Question {
    pub resource: Option<(Kind, String)>,
    pub node: Option<String>,
    pub behind_limit: usize,
}

/// Counts who durably has what is wanted, what adapters made of it, and names some of those behind.
///
/// # Errors
/// There is no such resource or node.
pub async fn status(services: &Services, question: &Question) -> Result<SyncStatus> {
    let resource = match &question.resource {
        Some((kind, name)) => Some(find(&services.store, *kind, name).await?),
        None => None,
    };
    // What this process committed a moment ago counts, so nobody is told that all is well before it is.
    services.hub.refresh(&services.store).await?;
    required::refresh(services).await?;
    let nodes: Vec<Arc<NodeRecord>> = match &question.node {
        Some(name) => vec![Arc::new(node::find(&services.store, name).await?)],
        None => services.nodes().await?.iter().cloned().collect(),
    };
    let keys = match &resource {
        Some(resource) => row_keys(services, resource).await?,
        None => Vec::new(),
    };
    let mut status = SyncStatus { sequence: services.hub.read(Feed::sequence), ..SyncStatus::default() };
    let limit = if question.behind_limit == 0 { 20 } else { question.behind_limit };
    let mut expected = BTreeSet::new();
    for record in nodes {
        let wanted = services.hub.read(|feed| match &resource {
            Some(_) => wanted_of(feed, record.id, &keys),
            None => Some(feed.wanted_sequence(record.id)),
        });
        let Some(wanted) = wanted else { continue };
        status.expected += 1;
        let view = node::view(services, record);
        status.drifting += usize::from(view.sync_state == SyncState::Drift);
        let lacks = services.required.missing(view.record.id);
        let is_meant = |one: &Missing| resource.as_ref().is_none_or(|resource| resource.id == one.set);
        status.incomplete += usize::from(lacks.iter().any(is_meant));
        expected.insert(view.record.id);
        status.unknown += usize::from(view.sync_state == SyncState::Unknown);
        // Of one resource it is known that the node has stored it; of everything together, that it runs it.
        let has_it = match &resource {
            Some(_) => view.seen.last_seen_ms > 0 && view.seen.acknowledged >= wanted,
            // What nobody has written cannot arrive: it is counted apart, and nobody waits for it.
            None => matches!(view.sync_state, SyncState::InSync | SyncState::Incomplete),
        };
        if has_it {
            status.have += 1;
            continue;
        }
        if !view.seen.online {
            status.offline += 1;
        }
        if status.behind.len() < limit {
            status.behind.push(view);
        }
    }
    count_applied(services, resource.as_ref(), &expected, &mut status).await?;
    Ok(status)
}

async fn row_keys(services: &Services, resource: &ResourceRecord) -> Result<Vec<RowKey>> {
    let publications = publication_list(&services.store).await?;
    Ok(publications
        .into_iter()
        .filter(|publication| publication.items.iter().any(|item| item.resource == resource.id))
        .map(|publication| RowKey { audience: Audience::Publication(publication.id), key: resource_key(resource.id) })
        .collect())
}

/// The sequence number at which a node has the newest state of a resource; `None` where it should not have it at all.
fn wanted_of(feed: &Feed, node: NodeId, keys: &[RowKey]) -> Option<u64> {
    keys.iter()
        .filter_map(|key| {
            let since = feed.member_since(node, &key.audience)?;
            feed.row(key).map(|row| row.sequence.max(since))
        })
        .max()
}

/// Counts what adapters made of it, among the nodes that should have it.
async fn count_applied(
    services: &Services,
    resource: Option<&ResourceRecord>,
    expected: &BTreeSet<NodeId>,
    status: &mut SyncStatus,
) -> Result<()> {
    let exceptions = exception_list(&services.store).await?;
    let failed: BTreeSet<NodeId> = exceptions
        .iter()
        .filter(|exception| matches!(exception.code.as_str(), "APPLY_FAILED" | "REJECTED"))
        .filter(|exception| resource.is_none_or(|resource| exception.subject.contains(&resource.id.to_string())))
        .map(|exception| exception.node)
        .filter(|node| expected.contains(node))
        .collect();
    status.failed = failed.len();
    if let Some(resource) = resource
        && let Some((_, revision)) = resource.released
    {
        let applied = applied_nodes(&services.store, resource.id, revision).await?;
        status.applied = applied.iter().filter(|node| expected.contains(*node)).count();
    }
    Ok(())
}
