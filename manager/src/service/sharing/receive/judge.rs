//! What a stored edit of a node becomes.

use std::collections::BTreeSet;

use atoll_domain::document::RevisionReport;
use atoll_domain::id::{NodeId, ResourceId, RevisionId};
use atoll_domain::sharing::fork::{Delivery, ForkEvent, ForkState};
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::revision::Revision;
use atoll_domain::time::Timestamp;

use crate::clock;
use crate::error::Result;
use crate::service::sharing::fork::{self, Hold};
use crate::service::sharing::history::Loaded;
use crate::service::sharing::settle;
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{ForkRecord, forks_between, forks_of, revision_report};

/// What is kept of the paths at which an edit says that it takes something back.
pub(super) fn bounded(takes_back: &[Path]) -> Vec<Path> {
    let size = |path: &Path| path.0.iter().map(String::len).sum::<usize>();
    let short = |path: &Path| if size(path) > TAKES_BACK_PATH_LIMIT_BYTES { Path::root() } else { path.clone() };
    takes_back.iter().take(TAKES_BACK_LIMIT).map(short).collect()
}

/// An edit of a node that is stored.
pub(super) struct Edit<'a> {
    pub node: &'a NodeRecord,
    pub revision: &'a Revision,
    pub report: &'a RevisionReport,
    /// What it was made from cannot be looked at.
    pub is_rootless: bool,
    /// The node's edits of this resource before it.
    pub before: &'a [ForkRecord],
}

impl Edit<'_> {
    /// Whether it was made on top of an earlier one.
    fn is_on_top(&self, loaded: &Loaded, fork: &ForkRecord) -> bool {
        [fork.head, fork.node_head].into_iter().any(|head| loaded.history.descends(self.revision.id, head))
    }
}

/// What is on record of a node's wish for a revision. The same edit made on two nodes is one revision and two wishes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// The node was heard about it.
    is_heard: bool,
    /// It was declined or taken back since, so that the same edit, made once more, is a new wish.
    is_closed: bool,
    /// What came is not made once more: the node made it when the one was made that is closed.
    is_the_same: bool,
}

pub(super) async fn wish_of(
    tx: &Tx,
    loaded: &Loaded,
    node: &NodeRecord,
    revision: &Revision,
    made: Timestamp,
) -> Result<Wish> {
    let own = forks_between(tx, node.id, loaded.record.id).await?;
    Ok(Wish {
        is_heard: own.iter().any(|fork| loaded.history.descends(fork.node_head, revision.id)),
        is_closed: own.iter().any(|fork| fork.node_head == revision.id && fork.state.is_closed()),
        is_the_same: own.iter().any(|fork| fork.node_head == revision.id && fork.made_ms == Some(made.0)),
    })
}

/// Whether a report brings nothing new: it merely comes twice, or tells once more of an edit that is decided.
pub(super) async fn is_settled(tx: &Tx, wish: Wish, revision: &Revision, report: &[u8]) -> Result<bool> {
    if !wish.is_heard || !wish.is_closed {
        return Ok(wish.is_heard);
    }
    if wish.is_the_same {
        return Ok(true);
    }
    Ok(revision_report(tx, revision.id).await?.as_deref() == Some(report))
}

/// Decides what a stored edit of a node becomes, by its edit mode.
pub(super) async fn judge(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    edit: &Edit<'_>,
    mode: EditMode,
    caller: &Caller,
) -> Result<String> {
    let delivery = match edit.report.base_unknown {
        true => Delivery::Unapplied,
        false => fork::delivery_of(mode),
    };
    let brings = match mode {
        EditMode::WriteThrough => {
            let own = edit.revision.id;
            match fork::held_back(tx, loaded, edit.node.id, (own, own)).await? {
                Some(Hold::Approval(why)) => Some(why),
                Some(Hold::Release) | None => None,
            }
        }
        _ => None,
    };
    let mut fork = fork_of(tx, loaded, edit, delivery, (mode, brings.is_none()), caller).await?;
    fork.on(ForkEvent::Delivered(delivery))?;
    fork.message = match (delivery, edit.report.base_unknown) {
        (Delivery::Unapplied, true) => "proposed; it does not run here because its base revision is unknown".to_owned(),
        (Delivery::Unapplied, false) => "proposed; its publication has locked the resource in the meantime".to_owned(),
        _ => fork::said_of(delivery, &fork.takes_back_text()),
    };
    if let Some(brings) = brings.filter(|_| delivery == Delivery::Proposed && !edit.report.base_unknown) {
        fork.message = format!("runs here and awaits approval: {brings}");
    }
    if fork.through {
        return fork::write_through(services, tx, loaded, fork, edit.node, caller).await;
    }
    fork::rebase(services, tx, loaded, fork, caller).await
}

/// Why an edit is one too many of its node that wait, if it is.
pub(super) async fn too_many(tx: &Tx, loaded: &Loaded, edit: &Edit<'_>, mode: EditMode) -> Result<Option<String>> {
    if too_many_places(loaded, edit) {
        let name = &loaded.record.name;
        let reason = format!(
            "the edits of \"{name}\" by this node that wait change more than {PLACES_WAITING_LIMIT} places; decide on those first"
        );
        return Ok(Some(reason));
    }
    let runs = !edit.report.base_unknown && mode != EditMode::Locked;
    if runs && too_many_beside(loaded, edit) {
        let name = &loaded.record.name;
        let reason = format!("{BESIDE_LIMIT} edits of \"{name}\" by this node already wait; decide on those first");
        return Ok(Some(reason));
    }
    if !runs && too_many_wait(tx, edit.node).await? {
        let reason = format!("{WAITING_LIMIT} edits of this node already await approval; decide on those first");
        return Ok(Some(reason));
    }
    Ok(None)
}

/// Places that the edits of one node at one resource change while they wait, edits on top of each other taken together. Each
/// of those is kept, and held in memory whenever the resource is read.
const PLACES_WAITING_LIMIT: usize = 50_000;

fn too_many_places(loaded: &Loaded, edit: &Edit<'_>) -> bool {
    let own = loaded.provenance.iter().filter(|(_, record)| record.provenance.node == Some(edit.node.id));
    let own: BTreeSet<RevisionId> = own.map(|(id, _)| *id).collect();
    // Hardly any node ever wrote so much, and that is known without a look at who is whose ancestor.
    if places_of(loaded, own.iter()) <= PLACES_WAITING_LIMIT {
        return false;
    }
    let ancestries = |ids: &BTreeSet<RevisionId>| -> BTreeSet<RevisionId> {
        ids.iter().flat_map(|id| loaded.history.ancestry(*id)).collect()
    };
    let open = edit.before.iter().filter(|fork| !fork.state.is_closed()).map(|fork| fork.node_head);
    let waiting = ancestries(&open.chain([edit.revision.id]).collect());
    let decided = ancestries(&loaded.tips());
    places_of(loaded, waiting.difference(&decided).filter(|id| own.contains(id))) > PLACES_WAITING_LIMIT
}

fn places_of<'a>(loaded: &Loaded, ids: impl Iterator<Item = &'a RevisionId>) -> usize {
    ids.filter_map(|id| loaded.history.get(*id)).map(|revision| revision.header.touched.len()).sum()
}

/// Edits of one node that wait without running. Each of those is a proposal of its own, so a program that saves in a loop
/// would fill the list of everybody.
const WAITING_LIMIT: usize = 100;

async fn too_many_wait(tx: &Tx, node: &NodeRecord) -> Result<bool> {
    let forks = forks_of(tx, node.id).await?;
    Ok(forks.iter().filter(|fork| !fork.state.is_closed() && fork.delivery == Delivery::Unapplied).count()
        >= WAITING_LIMIT)
}

/// Edits of one node beside each other that wait at one resource, each of them running.
const BESIDE_LIMIT: usize = 20;

/// Whether an edit would stand beside too many others of its node that wait already. One on top of them goes on.
fn too_many_beside(loaded: &Loaded, edit: &Edit<'_>) -> bool {
    let runs = |fork: &&ForkRecord| !fork.state.is_closed() && fork.delivery != Delivery::Unapplied;
    let open = || edit.before.iter().filter(runs);
    open().count() >= BESIDE_LIMIT && !open().any(|fork| edit.is_on_top(loaded, fork))
}

/// A fork as it begins, whatever else is said with its edit.
pub(super) fn fresh_fork(
    resource: ResourceId,
    node: NodeId,
    head: RevisionId,
    delivery: Delivery,
    caller: &Caller,
) -> ForkRecord {
    ForkRecord {
        id: clock::new_id(),
        resource,
        node,
        head,
        node_head: head,
        state: ForkState::Local,
        message: String::new(),
        since_ms: caller.now.0,
        conflict: None,
        delivery,
        through: false,
        claimed: None,
        takes_back: Vec::new(),
        edit: clock::new_id(),
        made_ms: None,
    }
}

pub(super) fn fork_with(edit: &Edit<'_>, delivery: Delivery, through: bool, caller: &Caller) -> ForkRecord {
    ForkRecord {
        through,
        claimed: edit.report.claimed,
        takes_back: edit.report.takes_back.clone(),
        made_ms: Some(edit.report.provenance.at.0),
        ..fresh_fork(edit.revision.header.resource, edit.node.id, edit.revision.id, delivery, caller)
    }
}

/// Paths that are kept of what an edit says it takes back.
const TAKES_BACK_LIMIT: usize = 100;

/// Longest of them that is kept; a longer one is said to be somewhere in the content.
const TAKES_BACK_PATH_LIMIT_BYTES: usize = 1_000;

/// The fork that an edit belongs to, moved on to it.
async fn fork_of(
    tx: &Tx,
    loaded: &mut Loaded,
    edit: &Edit<'_>,
    delivery: Delivery,
    (mode, is_free): (EditMode, bool),
    caller: &Caller,
) -> Result<ForkRecord> {
    // What takes something back waits for a person, and so does what nobody can hold against its parents.
    let may_go_through = mode == EditMode::WriteThrough
        && delivery == Delivery::Proposed
        && is_free
        && !edit.is_rootless
        && edit.report.takes_back.is_empty();
    let fresh = fork_with(edit, delivery, may_go_through, caller);
    // An edit that does not run is no part of the one that does, and the other way round.
    let is_running = |fork: &ForkRecord| {
        !fork.state.is_closed() && fork.delivery != Delivery::Unapplied && delivery != Delivery::Unapplied
    };
    let mut open: Vec<&ForkRecord> = edit.before.iter().filter(|fork| is_running(fork)).collect();
    open.sort_by_key(|fork| std::cmp::Reverse(fork.edit));
    let contained = open.iter().copied().find(|fork| edit.is_on_top(loaded, fork));
    if let Some(fork) = contained {
        // What waits for a person is not carried through by the next edit on top of it.
        let through = may_go_through && (fork.through || fork.state == ForkState::Accepted);
        let (id, since_ms, conflict) = (fork.id, fork.since_ms, fork.conflict);
        let mut takes_back = fork.takes_back.clone();
        takes_back.extend(fresh.takes_back.iter().filter(|path| !fork.takes_back.contains(path)).cloned());
        takes_back.truncate(TAKES_BACK_LIMIT);
        let head = moved_head(tx, loaded, fork, edit, caller).await?;
        if let Some(head) = head {
            return Ok(ForkRecord { id, since_ms, conflict, through, takes_back, head, state: fork.state, ..fresh });
        }
    }
    // Two edits beside each other: where they merge, both count. An older one that waits is never closed by a newer one.
    if let Some(fork) = open.first().filter(|_| !may_go_through && contained.is_none()) {
        let heads = settle::settle(tx, loaded, &BTreeSet::from([fork.head, edit.revision.id]), caller).await?;
        if let (Some(head), 1) = (heads.first(), heads.len()) {
            let (id, since_ms, conflict, state) = (fork.id, fork.since_ms, fork.conflict, fork.state);
            return Ok(ForkRecord { id, since_ms, conflict, state, head: *head, ..fresh });
        }
    }
    Ok(fresh)
}

/// The head of a fork after an edit on top of the node's earlier one. What a person made of that one stays part of it.
async fn moved_head(
    tx: &Tx,
    loaded: &mut Loaded,
    fork: &ForkRecord,
    edit: &Edit<'_>,
    caller: &Caller,
) -> Result<Option<RevisionId>> {
    if loaded.history.descends(edit.revision.id, fork.head) {
        return Ok(Some(edit.revision.id));
    }
    let heads = settle::settle(tx, loaded, &BTreeSet::from([fork.head, edit.revision.id]), caller).await?;
    Ok(heads.first().copied().filter(|_| heads.len() == 1))
}
