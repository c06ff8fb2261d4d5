//! Nodes' own edits: held against what their node is offered, told to the node, listed, and decided.

pub mod decide;
pub mod list;
mod offered;
mod rebase;
mod through;

use atoll_domain::document::{Audience, DocumentKind};
use atoll_domain::id::{ConflictId, RevisionId};
use atoll_domain::sharing::fork::{ForkClosed, ForkDecision, ForkEvent, ForkState, MergedFork};
use atoll_domain::sharing::revision::Revision;
use serde_json::Value;

pub use list::{ProposalView, differences, list};
pub(super) use offered::{Offered, offered_to};
pub use rebase::rebase_all;
pub(super) use rebase::{rebase, rebuild_merge, said_of};
pub(super) use through::write_through;

use super::history::Loaded;
use super::offer;
use crate::clock;
use crate::error::{Error, Result};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::sharing::{ConflictRecord, ForkRecord, conflict_put, conflicts_open, fork_put};

impl ForkRecord {
    /// Moves the fork on: the only place where its state changes.
    ///
    /// # Errors
    /// It is closed already.
    pub(super) fn on(&mut self, event: ForkEvent) -> Result<()> {
        let after = self.state.after(event);
        self.state = after.map_err(|error: ForkClosed| Error::precondition("DECIDED_ALREADY", error.to_string()))?;
        Ok(())
    }
}

/// What a node's edit and what it is offered make together. Follows from the two, so it is kept nowhere: it comes into the
/// history when something is built on it.
pub(super) struct Together {
    pub revision: Revision,
    pub body: Option<Value>,
}

/// Tells a node what became of its edit.
pub(super) async fn tell(
    services: &Services,
    tx: &mut Tx,
    loaded: &Loaded,
    fork: &ForkRecord,
    together: Option<Together>,
) -> Result<()> {
    fork_put(tx, fork).await?;
    let decision = decision(tx, loaded, fork, together).await?;
    offer::put(services, tx, Audience::Node(fork.node), DocumentKind::Fork, key(fork), &decision).await
}

/// Tells it once more, although nothing has changed: the node has asked by saying again what was known.
pub(super) async fn repeat(
    services: &Services,
    tx: &mut Tx,
    loaded: &Loaded,
    fork: &ForkRecord,
    together: Option<Together>,
) -> Result<()> {
    let decision = decision(tx, loaded, fork, together).await?;
    offer::put_again(services, tx, Audience::Node(fork.node), DocumentKind::Fork, key(fork), &decision).await
}

/// Says what counts now about a revision that the node sent again. Where the node knows no newer one of its own, it has lost
/// that: it gets it back as what runs in the place of the older one.
pub(super) async fn say_again(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    mut fork: ForkRecord,
    known: RevisionId,
    caller: &Caller,
) -> Result<()> {
    let together = rebase::held_now(tx, loaded, &mut fork, caller).await?;
    fork.node_head = known;
    repeat(services, tx, loaded, &fork, together).await
}

/// One document for each own revision: a word about a newer edit must not replace one that the node has not heard.
fn key(fork: &ForkRecord) -> String {
    format!("fork/{}/{}", fork.resource, fork.node_head)
}

async fn decision(tx: &Tx, loaded: &Loaded, fork: &ForkRecord, together: Option<Together>) -> Result<ForkDecision> {
    let merged = match (together, loaded.provenance.get(&fork.head)) {
        (Some(Together { revision, body }), _) => Some(MergedFork {
            provenance: loaded.merge_provenance(&revision.header.parents),
            revision: revision.id,
            header: revision.header,
            body,
        }),
        (None, Some(record)) if fork.head != fork.node_head => Some(MergedFork {
            revision: fork.head,
            header: record.revision.header.clone(),
            provenance: record.provenance.clone(),
            body: loaded.body(tx, fork.head).await?,
        }),
        (None, _) => None,
    };
    // An edit that does not run on its node goes on not running there until it comes back as a release.
    let is_held = fork.delivery == atoll_domain::sharing::fork::Delivery::Unapplied && !fork.state.is_closed();
    Ok(ForkDecision {
        resource: fork.resource,
        of: fork.node_head,
        edit: fork.edit,
        state: if is_held { ForkState::Unapplied } else { fork.state },
        message: fork.message.clone(),
        merged,
    })
}

/// Opens the question about a fork, or brings it up to date: the fork's state and the revision that it clashes with.
pub(super) async fn open_question(
    tx: &Tx,
    fork: &mut ForkRecord,
    target: RevisionId,
    side: &str,
    caller: &Caller,
) -> Result<()> {
    fork.on(ForkEvent::Clashed)?;
    fork.message = format!("this edit and {side} do not merge; the node keeps its own until an administrator decides");
    let open = conflicts_open(tx, fork.resource).await?;
    let known = open.into_iter().find(|conflict| Some(conflict.id) == fork.conflict);
    let heads = [fork.head, target].into_iter().collect();
    let record = match known {
        Some(known) => ConflictRecord { heads, ..known },
        None => ConflictRecord {
            id: ConflictId(clock::new_id()),
            resource: fork.resource,
            node: Some(fork.node),
            heads,
            opened_ms: caller.now.0,
            closed_by: None,
        },
    };
    conflict_put(tx, &record).await?;
    fork.conflict = Some(record.id);
    Ok(())
}

/// Closes the question about a fork, if one is open.
pub(super) async fn close_question(tx: &Tx, fork: &mut ForkRecord, by: Option<RevisionId>) -> Result<()> {
    let Some(id) = fork.conflict.take() else { return Ok(()) };
    let open = conflicts_open(tx, fork.resource).await?;
    for conflict in open.into_iter().filter(|conflict| conflict.id == id) {
        let closed_by = by.or(Some(fork.head));
        conflict_put(tx, &ConflictRecord { closed_by, ..conflict }).await?;
    }
    Ok(())
}
