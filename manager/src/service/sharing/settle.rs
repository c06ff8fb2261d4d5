//! Bringing heads together, and asking a person where rules cannot.

use std::collections::BTreeSet;

use atoll_domain::fleet::name::folded;
use atoll_domain::id::{ConflictId, RevisionId};
use atoll_domain::sharing::history::Meeting;
use serde_json::json;

use super::JOB_FORKS;
use super::history::{Loaded, kind_word};
use crate::clock;
use crate::error::{Error, Result};
use crate::service::Caller;
use crate::store::Tx;
use crate::store::sharing::{
    ConflictRecord, ResourceState, conflict_of_heads, conflict_put, conflicts_open_counts, resource_free_key,
    resource_update,
};

/// Merges what merges, pair by pair in the order of ids, until nothing does.
pub async fn settle(
    tx: &Tx,
    loaded: &mut Loaded,
    candidates: &BTreeSet<RevisionId>,
    caller: &Caller,
) -> Result<BTreeSet<RevisionId>> {
    let mut heads = loaded.history.maximal(candidates);
    // Each merge takes away one head, so this ends.
    while let Some((one, other, merged)) = next_merge(tx, loaded, &heads, caller).await? {
        heads.remove(&one);
        heads.remove(&other);
        heads.insert(merged);
    }
    Ok(heads)
}

async fn next_merge(
    tx: &Tx,
    loaded: &mut Loaded,
    heads: &BTreeSet<RevisionId>,
    caller: &Caller,
) -> Result<Option<(RevisionId, RevisionId, RevisionId)>> {
    let ordered: Vec<RevisionId> = heads.iter().copied().collect();
    for (index, one) in ordered.iter().enumerate() {
        for other in &ordered[index + 1..] {
            match loaded.put_together(tx, *one, *other).await? {
                Meeting::FastForward(newer) => return Ok(Some((*one, *other, newer))),
                Meeting::Settled { revision, body } => {
                    let provenance = loaded.merge_provenance(&revision.header.parents);
                    let merged = revision.id;
                    loaded.add(tx, revision, provenance, body.as_ref(), None, caller.now).await?;
                    return Ok(Some((*one, *other, merged)));
                }
                Meeting::Open(_) => {}
            }
        }
    }
    Ok(None)
}

/// Gives a resource the name that its content has by now, or the one that it had before it was deleted. What a node brings
/// back after a restore keeps its name beside another's: both were there, and refusing one would lose it.
async fn rename(tx: &mut Tx, loaded: &mut Loaded, name: &str, caller: &Caller) -> Result<()> {
    if name == loaded.record.name && loaded.record.state != ResourceState::Deleted {
        return Ok(());
    }
    let kind = loaded.record.kind;
    loaded.record.name_key = match loaded.is_taken(tx, name).await? {
        false => folded(name),
        true if caller.is_node() => {
            caller.record(tx, "name.collide", name, json!({ "kind": kind, "resource": loaded.record.id }));
            resource_free_key(tx, kind, name).await?
        }
        true => return Err(Error::exists(kind_word(kind), name)),
    };
    name.clone_into(&mut loaded.record.name);
    free_name(tx, caller).await
}

/// The name that the only head gives; `None` while there are several.
async fn name_of(tx: &Tx, loaded: &Loaded, heads: &BTreeSet<RevisionId>) -> Result<Option<String>> {
    let Some(only) = heads.first().filter(|_| heads.len() == 1) else { return Ok(None) };
    let body = loaded.body(tx, *only).await?;
    Ok(body.and_then(|body| body.get("Name")?.as_str().map(str::to_owned)))
}

/// A name is free: questions may be none any more.
async fn free_name(tx: &mut Tx, caller: &Caller) -> Result<()> {
    for resource in conflicts_open_counts(tx).await?.into_keys() {
        caller.queue(tx, JOB_FORKS, resource);
    }
    Ok(())
}

/// Gives a resource new heads: settled ones, with the question about them opened, kept up to date or closed.
///
/// What is released stays what it was. Answers the question that is open, if one is.
pub async fn set_heads(
    tx: &mut Tx,
    loaded: &mut Loaded,
    candidates: &BTreeSet<RevisionId>,
    caller: &Caller,
) -> Result<Option<ConflictId>> {
    let heads = settle(tx, loaded, candidates, caller).await?;
    let question = conflict_of_heads(tx, loaded.record.id).await?;
    let is_open = heads.len() > 1;
    let conflict = match (is_open, question) {
        (true, Some(question)) => Some(ConflictRecord { heads: heads.clone(), ..question }),
        (true, None) => Some(ConflictRecord {
            id: ConflictId(clock::new_id()),
            resource: loaded.record.id,
            node: None,
            heads: heads.clone(),
            opened_ms: caller.now.0,
            closed_by: None,
        }),
        (false, Some(question)) => Some(ConflictRecord { closed_by: heads.first().copied(), ..question }),
        (false, None) => None,
    };
    if let Some(conflict) = &conflict {
        conflict_put(tx, conflict).await?;
    }
    if loaded.record.state == ResourceState::Conflict && !is_open {
        // Edits of nodes that waited for this are tried again, in their order.
        caller.queue(tx, JOB_FORKS, loaded.record.id);
    }
    let deleted = heads.iter().all(|id| loaded.history.get(*id).is_some_and(|revision| revision.header.tombstone));
    if deleted {
        free_name(tx, caller).await?;
    }
    if !deleted {
        // While the state is the old one: whoever comes back to life needs its name again.
        let name = name_of(tx, loaded, &heads).await?.unwrap_or_else(|| loaded.record.name.clone());
        rename(tx, loaded, &name, caller).await?;
    }
    loaded.record.heads = heads;
    loaded.record.state = match (is_open, deleted) {
        (true, _) => ResourceState::Conflict,
        (false, true) => ResourceState::Deleted,
        (false, false) => ResourceState::Ok,
    };
    loaded.record.changed_ms = caller.now.0;
    loaded.record.changed_by.clone_from(&caller.name);
    resource_update(tx, &mut loaded.record).await?;
    Ok(conflict.filter(|conflict| conflict.closed_by.is_none()).map(|conflict| conflict.id))
}
