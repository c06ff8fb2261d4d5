//! What an edit was made from and nobody has released: it would bring that to everybody beside itself.

use std::collections::BTreeSet;

use atoll_domain::id::{NodeId, RevisionId};
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::revision::Origin;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::store::Database;
use crate::store::sharing::{ForkRecord, forks_about};

/// What holds back an edit that would be released at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// A person has to decide, and is told why.
    Approval(&'static str),
    /// What it was made from has to be released first.
    Release,
}

/// What holds an edit back, whoever made what it is made from and whatever became of its own node's data: it would release
/// what somebody drafted, declined or has accepted for a later release, what waits for a person, or what was rejected.
/// `own` is what the node made, and `head` that or what was made of it.
///
/// # Errors
/// The database does not answer.
pub(in crate::service::sharing) async fn held_back(
    database: &impl Database,
    loaded: &Loaded,
    node: NodeId,
    (own, head): (RevisionId, RevisionId),
) -> Result<Option<Hold>> {
    let released = loaded.record.released.map(|(_, revision)| loaded.history.ancestry(revision)).unwrap_or_default();
    let parents = loaded.history.get(head).map(|revision| &revision.header.parents);
    let is_drafted = loaded.record.heads.iter().any(|head| loaded.history.descends(*head, own));
    if head == own && !is_drafted && parents.is_some_and(|parents| parents.is_subset(&released)) {
        return Ok(None);
    }
    let published = loaded.published(database).await?;
    let mut brought = loaded.history.ancestry(head);
    brought.retain(|id| !published.contains(id));
    let forks = forks_about(database, loaded.record.id).await?;
    let mut made_here = made_on(loaded, node, &forks);
    made_here.insert(own);
    if brought.iter().any(|id| is_of_a_node(loaded, *id) && !made_here.contains(id)) {
        return Ok(Some(Hold::Approval("it is made from an edit of another node that is not released")));
    }
    let waiting = |fork: &&ForkRecord| covered(loaded, fork).iter().any(|id| *id != own && brought.contains(id));
    if let Some(why) = forks.iter().filter(waiting).find_map(decided_or_waits) {
        return Ok(Some(Hold::Approval(why)));
    }
    // What is part of the heads is decided, and somebody will release it.
    let drafted = loaded.history.ancestry_of(loaded.record.heads.iter().copied());
    let is_draft = |id: &RevisionId| drafted.contains(id) || is_draft(loaded, *id);
    Ok(brought.iter().any(is_draft).then_some(Hold::Release))
}

/// Whatever a node made, though another had made the same before.
fn made_on(loaded: &Loaded, node: NodeId, forks: &[ForkRecord]) -> BTreeSet<RevisionId> {
    let own = forks.iter().filter(|fork| fork.node == node).flat_map(|fork| [fork.node_head, fork.head]);
    let mut made = loaded.history.ancestry_of(own);
    let records = loaded.provenance.iter().filter(|(_, record)| record.provenance.node == Some(node));
    made.extend(records.map(|(id, _)| *id));
    made
}

fn is_of_a_node(loaded: &Loaded, id: RevisionId) -> bool {
    loaded.provenance.get(&id).is_some_and(|record| record.provenance.node.is_some())
}

/// Written by a person at the manager. What rules put together is what it was put together from.
fn is_draft(loaded: &Loaded, id: RevisionId) -> bool {
    let provenance = loaded.provenance.get(&id).map(|record| &record.provenance);
    provenance.is_some_and(|provenance| provenance.node.is_none() && provenance.origin != Origin::Merge)
}

/// What was decided, or is to be decided, with an edit. A rejected one stops alone: what was delivered before it goes on.
fn covered(loaded: &Loaded, fork: &ForkRecord) -> BTreeSet<RevisionId> {
    match fork.state {
        ForkState::Rejected => BTreeSet::from([fork.node_head]),
        _ => loaded.history.ancestry_of([fork.node_head, fork.head]),
    }
}

fn decided_or_waits(fork: &ForkRecord) -> Option<&'static str> {
    match fork.state {
        ForkState::Declined => Some("it is made from an edit that was declined"),
        ForkState::Rejected => Some("it is made from an edit that was rejected"),
        ForkState::Accepted | ForkState::Absorbed => None,
        _ if fork.through => None,
        _ => Some("it is made from an edit that awaits approval"),
    }
}
