//! Accepting and declining what nodes propose.

use std::collections::BTreeSet;

use atoll_domain::id::ConflictId;
use atoll_domain::sharing::fork::ForkEvent;
use atoll_domain::sharing::history::Meeting;
use serde_json::json;
use uuid::Uuid;

use super::list::{ProposalView, view};
use super::{close_question, open_question, rebase, tell};
use crate::error::{Error, Result};
use crate::service::sharing::history::{Loaded, load};
use crate::service::sharing::release::{check_drafts, release_in};
use crate::service::sharing::{reach, save};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::sharing::{
    ForkRecord, ReleaseRecord, ResourceState, fork_get, fork_list, resource_get, resource_lock,
};

/// What became of a decision.
#[derive(Debug)]
pub struct Decided {
    pub view: ProposalView,
    pub conflict: Option<ConflictId>,
    pub release: Option<ReleaseRecord>,
}

/// What an administrator makes of a proposal.
#[derive(Debug)]
pub struct Decision {
    pub accept: bool,
    pub message: String,
    /// Release the result at once.
    pub release: bool,
    /// The revision that was looked at: another one has not been decided on.
    pub expected: String,
}

/// Accepts or declines what a node proposes.
///
/// # Errors
/// There is no such proposal, it is decided already, or it has moved on since it was looked at.
pub async fn decide(services: &Services, caller: &Caller, id: &str, decision: &Decision) -> Result<Decided> {
    let mut tx = services.store.begin_ordered().await?;
    resource_lock(&tx, find(&tx, id).await?.resource).await?;
    let mut fork = find(&tx, id).await?;
    let record = resource_get(&tx, fork.resource).await?;
    let mut loaded = load(&tx, record.ok_or_else(|| Error::not_found("resource", &fork.resource.to_string()))?).await?;
    if fork.state.is_decided() {
        return Err(Error::precondition("DECIDED_ALREADY", format!("this proposal is already {}", fork.state.name())));
    }
    loaded.expect(&decision.expected, fork.head, "this proposal")?;
    let (mut conflict, mut released) = (None, None);
    if !decision.accept {
        fork.on(ForkEvent::Declined)?;
        fork.through = false;
        fork.message = match decision.message.as_str() {
            "" => format!("declined by {}", caller.name),
            message => message.to_owned(),
        };
        if is_accepted_in_part(&tx, &loaded, &fork).await? {
            fork.message.push_str("; what was accepted of it before stays accepted");
        }
        let head = fork.head;
        close_question(&tx, &mut fork, Some(head)).await?;
        tell(services, &mut tx, &loaded, &fork, None).await?;
    } else {
        if decision.release {
            check_drafts(&loaded, fork.head, caller)?;
        }
        conflict = accept_into_heads(services, &mut tx, &mut loaded, &mut fork, caller).await?;
        if conflict.is_none() && decision.release {
            let head = loaded.shown()?;
            released = Some(release_in(services, caller, &mut tx, &mut loaded, None, head).await?);
        }
    }
    let action = match (decision.accept, conflict) {
        (true, None) => "proposal.accept",
        (true, Some(_)) => "proposal.conflict",
        (false, _) => "proposal.decline",
    };
    let detail = json!({ "node": fork.node, "revision": fork.head, "message": decision.message, "conflict": conflict });
    caller.record(&mut tx, action, &loaded.record.name, detail);
    tx.commit().await?;
    let nodes = services.nodes().await?;
    Ok(Decided { view: view(services, fork, &loaded, &nodes).await?, conflict, release: released })
}

/// Whether an edit goes on from one of its node that was accepted and is not released yet.
async fn is_accepted_in_part(tx: &Tx, loaded: &Loaded, fork: &ForkRecord) -> Result<bool> {
    let (mut own, published) = (loaded.history.ancestry(fork.node_head), loaded.published(tx).await?);
    // The same edit may have been accepted from another node.
    own.remove(&fork.node_head);
    let drafted = loaded.history.ancestry_of(loaded.record.heads.iter().copied());
    Ok(own.intersection(&drafted).any(|id| !published.contains(id)))
}

async fn accept_into_heads(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    fork: &mut ForkRecord,
    caller: &Caller,
) -> Result<Option<ConflictId>> {
    if loaded.record.state == ResourceState::Conflict {
        return Err(Error::precondition("IN_CONFLICT", "this resource is in conflict; resolve that first"));
    }
    let head = loaded.shown()?;
    if let Meeting::Open(_) = loaded.put_together(tx, fork.head, head).await? {
        open_question(tx, fork, head, "the newest state", caller).await?;
        tell(services, tx, loaded, fork, None).await?;
        return Ok(fork.conflict);
    }
    let agreed = reach::agreed(tx, loaded).await?;
    save::add_head(tx, loaded, fork.head, caller).await?;
    reach::check_heads(tx, loaded, &agreed, fork.head, &BTreeSet::new(), caller).await?;
    fork.on(ForkEvent::Accepted)?;
    // Released is it by whoever publishes it, not by what its node writes next.
    fork.through = false;
    fork.message = format!("accepted by {}; nodes that follow get it with the next release", caller.name);
    rebase(services, tx, loaded, fork.clone(), caller).await?;
    if let Some(after) = fork_get(tx, fork.id).await? {
        *fork = after;
    }
    Ok(fork.conflict)
}

async fn find(tx: &Tx, id: &str) -> Result<ForkRecord> {
    if let Ok(id) = id.parse::<Uuid>()
        && let Some(fork) = fork_get(tx, id).await?
    {
        return Ok(fork);
    }
    let fits: Vec<ForkRecord> =
        fork_list(tx).await?.into_iter().filter(|fork| id.len() >= 4 && fork.id.to_string().ends_with(id)).collect();
    match fits.as_slice() {
        [fork] => Ok(fork.clone()),
        [] => Err(Error::not_found("proposal", id)),
        _ => Err(Error::invalid("AMBIGUOUS", format!("several proposals end with {id}; give more digits"))),
    }
}
