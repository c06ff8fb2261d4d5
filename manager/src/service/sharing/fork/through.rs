//! Write-through: a node's edit that is everybody's as soon as it merges. It never makes a second head, never stops the
//! resource for others, and never releases what somebody else has only drafted.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::secret::references;
use atoll_domain::sharing::fork::{Delivery, ForkEvent};
use atoll_domain::sharing::history::Meeting;

use super::again::brings_again;
use super::lineage::{Hold, held_back};
use super::{
    A_DRAFT, close_question, is_contained, offered_to, open_question, rebase, said_of, taken, tell, what_runs,
};
use crate::error::Result;
use crate::service::sharing::gets::OwnEdit;
use crate::service::sharing::history::Loaded;
use crate::service::sharing::release::{check_reach, next_version, release_in};
use crate::service::sharing::{reach, settle};
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
    if taken::close_undone(tx, loaded, &mut fork).await? {
        close_question(tx, &mut fork, Some(release)).await?;
        tell(services, tx, loaded, &fork, None).await?;
        return Ok(fork.message);
    }
    match held_back(tx, loaded, fork.node, (fork.node_head, fork.head)).await? {
        Some(Hold::Approval(why)) => return waits(services, tx, loaded, fork, why, caller).await,
        Some(Hold::Release) => {
            "runs here, and is released after what it is made from".clone_into(&mut fork.message);
            return rebase(services, tx, loaded, fork, caller).await;
        }
        None => {}
    }
    let Some(released) = brought_together(tx, loaded, fork.head, release, caller).await? else {
        open_question(tx, &mut fork, release, "what is released", caller).await?;
        return tell_what_runs(services, tx, loaded, &fork, node).await;
    };
    let Some(next) = brought_together(tx, loaded, released, head, caller).await? else {
        open_question(tx, &mut fork, head, A_DRAFT, caller).await?;
        return tell_what_runs(services, tx, loaded, &fork, node).await;
    };
    if lets_others_read(tx, loaded, (released, next), caller).await? {
        return waits(services, tx, loaded, fork, WIDENS, caller).await;
    }
    if let Some(why) = brings_again(tx, loaded, &fork, (release, released)).await? {
        return waits(services, tx, loaded, fork, why, caller).await;
    }
    settle::set_heads(tx, loaded, &BTreeSet::from([next]), caller).await?;
    let by = Caller { now: caller.now, ..Caller::node(&node.name, caller.now) };
    release_in(services, &by, tx, loaded, None, released).await?;
    let edit = OwnEdit { head: fork.head, node_head: fork.node_head };
    let offered = offered_to(tx, loaded, node).await?;
    if offered.is_some_and(|offered| !is_contained(loaded, edit, offered.revision)) {
        // A pin keeps its node at an older release: there it goes on beside that, as after an acceptance.
        fork.through = false;
        fork.on(ForkEvent::Accepted)?;
        "released; this node is offered an older release and keeps running the edit".clone_into(&mut fork.message);
        close_question(tx, &mut fork, Some(released)).await?;
        return tell_what_runs(services, tx, loaded, &fork, node).await;
    }
    fork.on(ForkEvent::Released)?;
    "now part of what is released".clone_into(&mut fork.message);
    close_question(tx, &mut fork, Some(released)).await?;
    tell(services, tx, loaded, &fork, None).await?;
    Ok(fork.message)
}

/// A node learns neither which values nor which nodes it is about.
const WIDENS: &str = "it would let more nodes read a sensitive value, which an administrator has to allow";

/// An edit that is not released at once after all: a person decides.
async fn waits(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    mut fork: ForkRecord,
    why: &str,
    caller: &Caller,
) -> Result<String> {
    fork.through = false;
    fork.message = format!("{}: {why}", said_of(Delivery::Proposed, ""));
    rebase(services, tx, loaded, fork, caller).await
}

/// Whether releasing a revision, with another as the head, lets more nodes read sealed values. No node decides that.
async fn lets_others_read(
    tx: &Tx,
    loaded: &Loaded,
    (released, head): (RevisionId, RevisionId),
    caller: &Caller,
) -> Result<bool> {
    let (released_body, head_body) = (loaded.body(tx, released).await?, loaded.body(tx, head).await?);
    if [&released_body, &head_body].into_iter().flatten().all(|body| references(body).is_empty()) {
        return Ok(false);
    }
    let version = next_version(tx, loaded, None, released).await?;
    if let Err(error) = check_reach(tx, caller, loaded, (version, released)).await {
        return Ok(reach::refusal_or(error)?.is_some());
    }
    let (Some(body), agreed) = (head_body, reach::agreed(tx, loaded).await?) else { return Ok(false) };
    match reach::check(tx, loaded, &agreed, &body, &BTreeSet::new(), caller).await {
        Err(error) => Ok(reach::refusal_or(error)?.is_some()),
        Ok(()) => Ok(false),
    }
}

/// Tells a node of its edit that waits: it runs over what that node is offered, which a pin may keep at an older release.
async fn tell_what_runs(
    services: &Services,
    tx: &mut Tx,
    loaded: &Loaded,
    fork: &ForkRecord,
    node: &NodeRecord,
) -> Result<String> {
    let together = match offered_to(tx, loaded, node).await? {
        Some(offered) => what_runs(tx, loaded, fork.head, offered.revision).await?,
        None => None,
    };
    tell(services, tx, loaded, fork, together).await?;
    Ok(fork.message.clone())
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
