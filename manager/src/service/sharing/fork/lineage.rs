//! What an edit would bring to everybody beside itself: what it was made from and nobody has released, and what was declined
//! before and stands in it again.

use std::collections::BTreeSet;

use atoll_domain::id::{NodeId, RevisionId};
use atoll_domain::sharing::carried::carries;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::path::TouchedPaths;
use atoll_domain::sharing::revision::Origin;
use atoll_domain::sharing::touched::difference;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::store::Database;
use crate::store::sharing::{ForkRecord, forks_about, forks_between};

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

/// Earlier edits of a node at the same places that a new one is held against in full, and their size together: nobody else can
/// write meanwhile. Where there is more, it is asked.
const EARLIER_LIMIT: usize = 16;
const EARLIER_SIZE_LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// Whether a node's edit, put together with what is released, brings what was declined of that node, what waits for a person, or
/// what was accepted for a later release. An editor that was open over a decision saves what it shows, and names the release,
/// to which its file was put back; so does one over data that was put back.
///
/// # Errors
/// The database does not answer.
pub(in crate::service::sharing) async fn brings_again(
    database: &impl Database,
    loaded: &Loaded,
    fork: &ForkRecord,
    (release, merged): (RevisionId, RevisionId),
) -> Result<Option<&'static str>> {
    let mut earlier = forks_between(database, fork.node, loaded.record.id).await?;
    // What goes through by itself needs nobody, unless it was turned down.
    let is_on_its_way = |other: &ForkRecord| other.through && !other.state.is_closed();
    earlier.retain(|other| other.id != fork.id && !is_on_its_way(other) && loaded.history.contains(other.node_head));
    // Nearly always all of them were released.
    earlier.retain(|other| other.state != ForkState::Absorbed);
    if earlier.is_empty() {
        return Ok(None);
    }
    let published = loaded.published(database).await?;
    // The answer to a conflict has both sides as its parents, also the one that it turned down.
    earlier.retain(|other| other.state == ForkState::Declined || !published.contains(&other.node_head));
    let (release, merged) = (loaded.body(database, release).await?, loaded.body(database, merged).await?);
    let (release, merged) = (release.as_ref(), merged.as_ref());
    let places = difference(release, merged);
    let (mut count, mut size_bytes) = (0, 0);
    for other in &earlier {
        let made = made_since(loaded, &published, other.node_head);
        if !wrote(loaded, &made, &places) {
            continue;
        }
        let edit = loaded.body(database, other.node_head).await?;
        count += 1;
        size_bytes += edit.as_ref().map_or(0, |edit| edit.to_string().len());
        if count > EARLIER_LIMIT || size_bytes > EARLIER_SIZE_LIMIT_BYTES {
            return Ok(Some("it may contain what was declined before"));
        }
        let base = match base_of(loaded, &published, &made) {
            Some(base) => loaded.body(database, base).await?,
            None => release.cloned(),
        };
        if carries((base.as_ref(), edit.as_ref()), (release, merged)) {
            return Ok(Some(match other.state {
                ForkState::Declined => "it contains what was declined before",
                ForkState::Rejected => "it contains what was rejected before",
                ForkState::Accepted => "it contains what was accepted and is not released yet",
                _ => "it contains what awaits approval",
            }));
        }
    }
    Ok(None)
}

/// What a node made since what was released, for one of its edits; one that is part of that itself stands alone.
fn made_since(loaded: &Loaded, published: &BTreeSet<RevisionId>, head: RevisionId) -> BTreeSet<RevisionId> {
    if published.contains(&head) {
        return BTreeSet::from([head]);
    }
    let mut made = loaded.history.ancestry(head);
    made.retain(|id| !published.contains(id));
    made
}

/// Whether one of these revisions wrote one of these places. They say so themselves, so no content is read.
fn wrote(loaded: &Loaded, made: &BTreeSet<RevisionId>, places: &TouchedPaths) -> bool {
    let revisions = made.iter().filter_map(|id| loaded.history.get(*id));
    revisions.flat_map(|revision| revision.header.touched.iter()).any(|path| places.overlaps(path))
}

/// The newest released state that these revisions were made from, if there is one.
fn base_of(loaded: &Loaded, published: &BTreeSet<RevisionId>, made: &BTreeSet<RevisionId>) -> Option<RevisionId> {
    let revisions = made.iter().filter_map(|id| loaded.history.get(*id));
    let parents = revisions.flat_map(|revision| revision.header.parents.iter().copied());
    let released: BTreeSet<RevisionId> = parents.filter(|parent| published.contains(parent)).collect();
    let newest = loaded.history.maximal(&released);
    newest.first().copied().filter(|_| newest.len() == 1)
}
