//! What an edit would bring to everybody beside itself: what it was made from and nobody has released, and what was declined
//! before and stands in it again.

use std::collections::BTreeSet;

use atoll_domain::id::{NodeId, RevisionId};
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::revision::Origin;
use atoll_domain::sharing::take_back::taken_back;
use serde_json::Value;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::store::Database;
use crate::store::sharing::{ForkRecord, forks_about, forks_between};

/// Why an edit is not released at once, whoever made what it is made from and whatever became of its own node's data: it
/// would release what somebody drafted, declined or has accepted for a later release, what waits for a person, or what was
/// rejected.
///
/// # Errors
/// The database does not answer.
pub(in crate::service::sharing) async fn brings_along(
    database: &impl Database,
    loaded: &Loaded,
    node: NodeId,
    head: RevisionId,
) -> Result<Option<&'static str>> {
    let released = loaded.record.released.map(|(_, revision)| loaded.history.ancestry(revision)).unwrap_or_default();
    let parents = loaded.history.get(head).map(|revision| &revision.header.parents);
    let is_made_here = loaded.provenance.get(&head).is_some_and(|record| record.provenance.node == Some(node));
    if is_made_here && parents.is_some_and(|parents| parents.is_subset(&released)) {
        return Ok(None);
    }
    let known = loaded.published(database).await?;
    let mut brought = loaded.history.ancestry(head);
    brought.retain(|id| !known.contains(id));
    if is_made_here {
        brought.remove(&head);
    }
    if let Some(why) = brought.iter().find_map(|id| why_of_others(loaded, node, *id)) {
        return Ok(Some(why));
    }
    let forks = forks_about(database, loaded.record.id).await?;
    let concerned = |fork: &&ForkRecord| covered(loaded, fork).iter().any(|id| brought.contains(id));
    Ok(forks.iter().filter(concerned).find_map(|fork| why(fork)))
}

/// What speaks against a revision that nobody has released by whose it is. What rules put together is what it was put
/// together from.
fn why_of_others(loaded: &Loaded, node: NodeId, id: RevisionId) -> Option<&'static str> {
    let provenance = &loaded.provenance.get(&id)?.provenance;
    match provenance.node {
        Some(maker) if maker == node => None,
        Some(_) => Some("it is made from an edit of another node that is not released"),
        None if provenance.origin == Origin::Merge => None,
        None => Some("it is made from a draft that is not released"),
    }
}

/// What was decided, or is to be decided, with an edit. A rejected one stops alone: what was delivered before it goes on.
fn covered(loaded: &Loaded, fork: &ForkRecord) -> BTreeSet<RevisionId> {
    match fork.state {
        ForkState::Rejected => BTreeSet::from([fork.node_head]),
        _ => loaded.history.ancestry_of([fork.node_head, fork.head]),
    }
}

fn why(fork: &ForkRecord) -> Option<&'static str> {
    match fork.state {
        ForkState::Declined => Some("it is made from an edit that was declined"),
        ForkState::Rejected => Some("it is made from an edit that was rejected"),
        ForkState::Accepted => Some("it is made from an edit that was accepted and is not released yet"),
        ForkState::Absorbed => None,
        _ if fork.through => None,
        _ => Some("it is made from an edit that awaits approval"),
    }
}

/// Earlier edits of a node that a new one is held against.
const EARLIER_LIMIT: usize = 16;

/// Whether a node's edit, put together with what is released, brings what was declined of that node, or what waits for a
/// person. An editor that was open over a decision saves what it shows, and names the release, to which its file was put back.
///
/// # Errors
/// The database does not answer.
pub(in crate::service::sharing) async fn brings_again(
    database: &impl Database,
    loaded: &Loaded,
    fork: &ForkRecord,
    (release, merged): (Option<&Value>, Option<&Value>),
) -> Result<Option<&'static str>> {
    let mut earlier = forks_between(database, fork.node, loaded.record.id).await?;
    earlier.retain(|other| other.id != fork.id && why(other).is_some() && loaded.history.contains(other.node_head));
    earlier.sort_by_key(|other| std::cmp::Reverse(other.edit));
    for other in earlier.iter().take(EARLIER_LIMIT).filter(|other| other.state != ForkState::Accepted) {
        let before = loaded.body(database, other.node_head).await?;
        if !taken_back(before.as_ref(), release, merged).is_empty() {
            return Ok(Some(match other.state {
                ForkState::Declined => "it contains what was declined before",
                ForkState::Rejected => "it contains what was rejected before",
                _ => "it contains what awaits approval",
            }));
        }
    }
    Ok(None)
}
