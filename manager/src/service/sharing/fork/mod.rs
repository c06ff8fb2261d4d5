//! Nodes' own edits: held against what their node is offered, told to the node, listed, and decided.

mod again;
pub mod decide;
mod lineage;
pub mod list;
mod offered;
mod rebase;
mod taken;
mod through;

use std::collections::BTreeSet;
use std::sync::Arc;

use atoll_domain::document::{Audience, Document, DocumentKind};
use atoll_domain::id::{ConflictId, NodeId, ResourceId, RevisionId};
use atoll_domain::link::feed::RowKey;
use atoll_domain::sharing::fork::{Delivery, ForkClosed, ForkDecision, ForkEvent, ForkState, MergedFork};
use atoll_domain::sharing::revision::Revision;
use atoll_domain::time::Timestamp;
use serde_json::Value;

pub(super) use lineage::{Hold, held_back};
pub use list::{ProposalView, differences, list};
pub(super) use offered::{Offered, delivery_of, mode_at, offered_among, offered_to};
pub use rebase::rebase_all;
pub(super) use rebase::{is_contained, made_again, rebase, said_of, what_runs};
pub(super) use through::write_through;

use super::history::{Loaded, load};
use super::{offer, secret};
use crate::clock;
use crate::error::{Error, Result};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::feed::document_get;
use crate::store::sharing::{
    ConflictRecord, ForkRecord, RevisionRecord, conflict_get, conflict_put, fork_put, forks_between, forks_of,
    resource_get, resource_lock,
};

impl ForkRecord {
    /// Moves the fork on: the only place where its state changes.
    ///
    /// # Errors
    /// It is closed already.
    pub(super) fn on(&mut self, event: ForkEvent) -> Result<()> {
        let after = self.state.after(event);
        let after = after.map_err(|error: ForkClosed| Error::precondition("DECIDED_ALREADY", error.to_string()))?;
        // A fork is in its first state from when it began.
        if after != self.state && self.state != ForkState::Local {
            self.since_ms = clock::now().0;
        }
        self.state = after;
        Ok(())
    }

    /// A revision as this fork's node has made it. The same edit made on two nodes is one revision, which names the first.
    #[must_use]
    pub(super) fn told_by_its_node(&self, revision: &Arc<RevisionRecord>) -> Arc<RevisionRecord> {
        if revision.revision.id != self.node_head || revision.provenance.node == Some(self.node) {
            return Arc::clone(revision);
        }
        let mut own = RevisionRecord::clone(revision);
        own.provenance.node = Some(self.node);
        own.provenance.author.clear();
        own.provenance.message.clear();
        own.provenance.at = Timestamp(self.made_ms.unwrap_or(self.since_ms));
        Arc::new(own)
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
    secret::refresh_fork(services, tx, loaded, fork, together.as_ref()).await?;
    let decision = decision(tx, loaded, fork, together).await?;
    let audience = Audience::Node(fork.node);
    offer::put(services, tx, audience.clone(), DocumentKind::Fork, key(fork), &decision).await?;
    // A node that has lost its newer edits was told of them by an older one, and is told by that what becomes of them.
    let again = RowKey { audience: audience.clone(), key: again_key(fork) };
    let said = document_get(tx, &again).await?.filter(|said| !said.deleted);
    let Some(said) = said.and_then(|said| said_in(&said.document)).filter(|said| said.edit == fork.edit) else {
        return Ok(());
    };
    let decision = about(tx, loaded, fork, decision, said.of).await?;
    offer::put(services, tx, audience, DocumentKind::Fork, again.key, &decision).await
}

fn said_in(document: &[u8]) -> Option<ForkDecision> {
    serde_json::from_slice::<Document>(document).ok()?.read().ok()
}

/// The same word by way of a revision that the node has, with the content that runs: the node may not have that.
async fn about(
    tx: &Tx,
    loaded: &Loaded,
    fork: &ForkRecord,
    decision: ForkDecision,
    of: RevisionId,
) -> Result<ForkDecision> {
    let merged = match decision.merged {
        None if decision.state.runs() => kept(tx, loaded, fork.head).await?,
        merged => merged,
    };
    Ok(ForkDecision { of, merged, ..decision })
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
    let decision = decision(tx, loaded, &fork, together).await?;
    let (key, decision) = match known == fork.node_head {
        true => (key(&fork), decision),
        false => (again_key(&fork), about(tx, loaded, &fork, decision, known).await?),
    };
    offer::put_again(services, tx, Audience::Node(fork.node), DocumentKind::Fork, key, &decision).await
}

/// Brings a node its own edits once more, with all that runs: it is offered everything, because what it runs is not what it
/// should run, and may have lost them with its data directory.
///
/// # Errors
/// The database does not answer.
pub async fn give_back(services: &Services, node: NodeId, caller: &Caller) -> Result<()> {
    let open = forks_of(&services.store, node).await?.into_iter().filter(|fork| fork.state.runs());
    let resources: BTreeSet<ResourceId> = open.map(|fork| fork.resource).collect();
    for resource in resources {
        let mut tx = services.store.begin_ordered().await?;
        resource_lock(&tx, resource).await?;
        let Some(record) = resource_get(&tx, resource).await? else { continue };
        let loaded = load(&tx, record).await?;
        for mut fork in forks_between(&tx, node, resource).await? {
            if !fork.state.runs() || fork.delivery == Delivery::Unapplied {
                continue;
            }
            let together = rebase::held_now(&tx, &loaded, &mut fork, caller).await?;
            fork_put(&tx, &fork).await?;
            let decision = decision(&tx, &loaded, &fork, together).await?;
            let own = match fork.head == fork.node_head && decision.merged.is_none() {
                true => None,
                false => kept(&tx, &loaded, fork.node_head).await?.map(Box::new),
            };
            let decision = ForkDecision { own, ..about(&tx, &loaded, &fork, decision, fork.node_head).await? };
            offer::put_again(services, &mut tx, Audience::Node(node), DocumentKind::Fork, key(&fork), &decision)
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}

/// One document for each own revision: a word about a newer edit must not replace one that the node has not heard.
fn key(fork: &ForkRecord) -> String {
    format!("fork/{}/{}", fork.resource, fork.node_head)
}

/// The one for a node that has lost its newer edits of a resource.
fn again_key(fork: &ForkRecord) -> String {
    format!("fork/{}/again", fork.resource)
}

async fn decision(tx: &Tx, loaded: &Loaded, fork: &ForkRecord, together: Option<Together>) -> Result<ForkDecision> {
    let merged = match together {
        Some(Together { revision, body }) => Some(MergedFork {
            provenance: loaded.merge_provenance(&revision.header.parents),
            revision: revision.id,
            header: revision.header,
            body,
        }),
        None if fork.head != fork.node_head => kept(tx, loaded, fork.head).await?,
        None => None,
    };
    // An edit that does not run on its node goes on not running there until it comes back as a release.
    let is_held = fork.delivery == Delivery::Unapplied;
    Ok(ForkDecision {
        resource: fork.resource,
        of: fork.node_head,
        edit: fork.edit,
        state: if is_held && !fork.state.is_closed() { ForkState::Unapplied } else { fork.state },
        is_held,
        message: fork.message.clone(),
        merged,
        own: None,
    })
}

/// A revision of the history, as a node is told of it.
async fn kept(tx: &Tx, loaded: &Loaded, revision: RevisionId) -> Result<Option<MergedFork>> {
    let Some(record) = loaded.provenance.get(&revision) else { return Ok(None) };
    let (header, provenance) = (record.revision.header.clone(), record.provenance.clone());
    Ok(Some(MergedFork { revision, header, provenance, body: loaded.body(tx, revision).await? }))
}

/// The side of a question that nobody has released.
const A_DRAFT: &str = "a draft that is not released yet";

/// Opens the question about a fork, or brings it up to date: the fork's state and the revision that it clashes with.
pub(super) async fn open_question(
    tx: &Tx,
    fork: &mut ForkRecord,
    target: RevisionId,
    side: &str,
    caller: &Caller,
) -> Result<()> {
    fork.on(ForkEvent::Clashed)?;
    fork.message = format!("this edit does not merge with {side}; the node keeps it until an administrator decides");
    let known = match fork.conflict {
        Some(id) => conflict_get(tx, id).await?.filter(|conflict| conflict.closed_by.is_none()),
        None => None,
    };
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
    let known = conflict_get(tx, id).await?.filter(|conflict| conflict.closed_by.is_none());
    let Some(conflict) = known else { return Ok(()) };
    conflict_put(tx, &ConflictRecord { closed_by: by.or(Some(fork.head)), ..conflict }).await
}
