//! Write-through: a node's edit that is everybody's as soon as it merges. It never makes a second head, never stops the
//! resource for others, and never releases what somebody else has only drafted.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::sharing::fork::ForkEvent;
use atoll_domain::sharing::history::Meeting;

use super::{close_question, open_question, rebase, tell, what_runs};
use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::service::sharing::release::release_in;
use crate::service::sharing::settle;
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{ForkRecord, ResourceState};

/// Brings an edit to everybody if it merges with what is released and with the heads: then it is released over the release,
/// and is part of the head. Otherwise it waits on its node, as a conflict that names the side that it clashes with.
pub async fn write_through(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    mut fork: ForkRecord,
    node: &NodeRecord,
    caller: &Caller,
) -> Result<String> {
    let head = match (loaded.record.state, loaded.record.heads.first().copied()) {
        (ResourceState::Ok, Some(head)) => head,
        (ResourceState::Conflict, _) => {
            "runs here, and is released once the conflict of this resource is resolved".clone_into(&mut fork.message);
            return rebase(services, tx, loaded, fork, caller).await;
        }
        _ => return rebase(services, tx, loaded, fork, caller).await,
    };
    // Of what was deleted and brought back nothing is released yet: all of it is somebody's draft.
    let Some((_, release)) = loaded.record.released else {
        return rebase(services, tx, loaded, fork, caller).await;
    };
    let Some(released) = brought_together(tx, loaded, fork.head, release, caller).await? else {
        open_question(tx, &mut fork, release, "what is released", caller).await?;
        let together = what_runs(tx, loaded, fork.head, release).await?;
        tell(services, tx, loaded, &fork, together).await?;
        return Ok(fork.message);
    };
    let Some(next) = brought_together(tx, loaded, released, head, caller).await? else {
        open_question(tx, &mut fork, head, "a draft that is not released yet", caller).await?;
        let together = what_runs(tx, loaded, fork.head, release).await?;
        tell(services, tx, loaded, &fork, together).await?;
        return Ok(fork.message);
    };
    settle::set_heads(tx, loaded, &BTreeSet::from([next]), caller).await?;
    let by = Caller { now: caller.now, ..Caller::node(&node.name, caller.now) };
    release_in(services, &by, tx, loaded, None, released).await?;
    fork.on(ForkEvent::Released)?;
    "now part of what is released".clone_into(&mut fork.message);
    close_question(tx, &mut fork, Some(released)).await?;
    tell(services, tx, loaded, &fork, None).await?;
    Ok(fork.message)
}

/// The revision that two make together, kept in the history. `None` where a person has to decide.
async fn brought_together(
    tx: &Tx,
    loaded: &mut Loaded,
    one: RevisionId,
    other: RevisionId,
    caller: &Caller,
) -> Result<Option<RevisionId>> {
    match loaded.put_together(tx, one, other).await? {
        Meeting::FastForward(newer) => Ok(Some(newer)),
        Meeting::Settled { revision, body } => {
            let (id, provenance) = (revision.id, loaded.merge_provenance(&revision.header.parents));
            loaded.add(tx, revision, provenance, body.as_ref(), None, caller.now).await?;
            Ok(Some(id))
        }
        Meeting::Open(_) => Ok(None),
    }
}
