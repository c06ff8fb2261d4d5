//! What an edit brings along that was made before it, and that nobody has taken.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::revision::Revision;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::store::Tx;
use crate::store::sharing::{ForkRecord, forks_about};

/// Why an edit is not released at once, whoever made what it is made from and whatever became of its own node's data: it
/// would bring to everybody what somebody declined, what waits for a person, or what was rejected.
///
/// # Errors
/// The database does not answer.
pub(super) async fn brings_along(tx: &Tx, loaded: &Loaded, revision: &Revision) -> Result<Option<&'static str>> {
    let tips = loaded.tips();
    let is_shared = |id: &RevisionId| tips.iter().any(|tip| loaded.history.descends(*tip, *id));
    if revision.header.parents.iter().all(is_shared) {
        return Ok(None);
    }
    let shared: BTreeSet<RevisionId> = tips.iter().flat_map(|tip| loaded.history.ancestry(*tip)).collect();
    let mut brought = loaded.history.ancestry(revision.id);
    brought.retain(|id| *id != revision.id && !shared.contains(id));
    let forks = forks_about(tx, loaded.record.id).await?;
    let concerned = |fork: &&ForkRecord| covered(loaded, fork).iter().any(|id| brought.contains(id));
    Ok(forks.iter().filter(concerned).find_map(|fork| why(fork)))
}

/// What was decided, or is to be decided, with an edit. A rejected one stops alone: what was delivered before it goes on.
fn covered(loaded: &Loaded, fork: &ForkRecord) -> BTreeSet<RevisionId> {
    match fork.state {
        ForkState::Rejected => BTreeSet::from([fork.node_head]),
        _ => [fork.node_head, fork.head].into_iter().flat_map(|id| loaded.history.ancestry(id)).collect(),
    }
}

fn why(fork: &ForkRecord) -> Option<&'static str> {
    match fork.state {
        ForkState::Declined => Some("it is made from an edit that was declined"),
        ForkState::Rejected => Some("it is made from an edit that was rejected"),
        ForkState::Accepted | ForkState::Absorbed => None,
        _ if fork.through => None,
        _ => Some("it is made from an edit that awaits approval"),
    }
}
