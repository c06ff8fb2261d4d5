//! Putting nodes' own edits together with what they are offered.

use std::collections::BTreeSet;

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::sharing::fork::{Delivery, ForkEvent, ForkState};
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::offer::EditMode;

use super::offered::offered_among;
use super::{A_DRAFT, Offered, Together, close_question, offered_to, open_question, taken, tell, write_through};
use crate::error::Result;
use crate::service::sharing::gets::OwnEdit;
use crate::service::sharing::history::{Loaded, load, read_ahead};
use crate::service::{Caller, Services};
use crate::store::fleet::{NodeRecord, node_get};
use crate::store::sharing::{
    ForkRecord, PublicationRecord, ReleaseRecord, ResourceState, conflict_get, fork_get, forks_between, forks_open,
    publication_list, release_list, resource_get, resource_lock,
};
use crate::store::{Database, Store, Tx};

/// Forks that are put together in one transaction: other writers wait no longer than that takes.
const BATCH: usize = 16;

/// Holds a fork against what its node is offered, opens or closes the question about it, and tells the node.
pub async fn rebase(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    mut fork: ForkRecord,
    caller: &Caller,
) -> Result<String> {
    let Some(node) = node_get(tx, fork.node).await? else { return Ok(fork.message) };
    let offered = offered_to(tx, loaded, &node).await?;
    let together = held_against(tx, loaded, &mut fork, offered, caller).await?;
    say_where_it_runs(loaded, &mut fork, offered);
    tell(services, tx, loaded, &fork, together).await?;
    Ok(fork.message)
}

/// What runs in the place of a fork's head now. A closed fork is not moved.
pub(super) async fn held_now(
    tx: &Tx,
    loaded: &Loaded,
    fork: &mut ForkRecord,
    caller: &Caller,
) -> Result<Option<Together>> {
    if fork.state.is_closed() {
        return Ok(None);
    }
    let Some(node) = node_get(tx, fork.node).await? else { return Ok(None) };
    let offered = offered_to(tx, loaded, &node).await?;
    held_against(tx, loaded, fork, offered, caller).await
}

/// Moves a fork on by what its node is offered now. Answers what runs in the place of the fork's head, if something does.
async fn held_against(
    tx: &Tx,
    loaded: &Loaded,
    fork: &mut ForkRecord,
    offered: Option<Offered>,
    caller: &Caller,
) -> Result<Option<Together>> {
    let target = match (loaded.record.state, offered) {
        // Editing what is deleted is a question, not a winner.
        (ResourceState::Deleted, _) => loaded.record.heads.first().copied(),
        // Nothing is released to hold it against, but what it clashed with may be gone: a deletion that was taken back.
        (_, None) if fork.state == ForkState::Conflict => loaded.shown().ok(),
        (_, offered) => offered.map(|offered| offered.revision),
    };
    let is_in_heads = loaded.record.heads.iter().any(|head| loaded.history.descends(*head, fork.head));
    if is_in_heads && fork.state == ForkState::Proposed && loaded.record.state != ResourceState::Deleted {
        fork.on(ForkEvent::Accepted)?;
    }
    let Some(target) = target else { return Ok(None) };
    let together = held_against_target(tx, loaded, fork, target, caller).await?;
    // A node to which nothing of it is published is told what became of its question, and nothing that others wrote since.
    Ok(together.filter(|_| offered.is_some()))
}

async fn held_against_target(
    tx: &Tx,
    loaded: &Loaded,
    fork: &mut ForkRecord,
    target: RevisionId,
    caller: &Caller,
) -> Result<Option<Together>> {
    let edit = OwnEdit { head: fork.head, node_head: fork.node_head };
    if is_contained(loaded, edit, target) && loaded.record.state != ResourceState::Deleted {
        taken::close(tx, loaded, fork).await?;
        close_question(tx, fork, Some(target)).await?;
        return Ok(None);
    }
    if taken::close_undone(tx, loaded, fork).await? {
        close_question(tx, fork, Some(target)).await?;
        return Ok(None);
    }
    let mut meeting = loaded.meet(tx, fork.head, target).await?;
    // What stays on its node may be called as it likes.
    if fork.delivery != Delivery::Kept && loaded.record.state != ResourceState::Deleted {
        meeting = loaded.with_free_name(tx, meeting, fork.head, target).await?;
    }
    if let (Some(head), Meeting::FastForward(_) | Meeting::Settled { .. }) =
        (clashing_draft(tx, loaded, fork).await?, &meeting)
    {
        open_question(tx, fork, head, A_DRAFT, caller).await?;
        return what_runs(tx, loaded, fork.head, target).await;
    }
    match meeting {
        Meeting::FastForward(_) if loaded.record.state == ResourceState::Deleted => {
            fork.on(ForkEvent::Declined)?;
            "the resource was deleted, knowing this edit".clone_into(&mut fork.message);
            close_question(tx, fork, Some(target)).await?;
            Ok(None)
        }
        Meeting::FastForward(_) => {
            merges(tx, fork, None).await?;
            if let Some(said) = goes_on(tx, loaded, fork, target).await? {
                fork.message = said;
            }
            Ok(None)
        }
        Meeting::Settled { revision, body } => {
            merges(tx, fork, Some(revision.id)).await?;
            Ok(Some(Together { revision, body }))
        }
        Meeting::Open(_) => {
            open_question(tx, fork, target, "what is released", caller).await?;
            if loaded.record.state != ResourceState::Deleted {
                return what_runs(tx, loaded, fork.head, target).await;
            }
            "the resource was deleted, so this edit no longer runs on its node; it is kept until an administrator \
             decides between it and the deletion"
                .clone_into(&mut fork.message);
            Ok(None)
        }
    }
}

/// The draft that an edit is asked about and still clashes with, whatever the release says: the question is not answered by
/// looking at it again.
async fn clashing_draft(tx: &Tx, loaded: &Loaded, fork: &ForkRecord) -> Result<Option<RevisionId>> {
    let question = match fork.conflict.filter(|_| fork.state == ForkState::Conflict && fork.delivery != Delivery::Kept)
    {
        Some(id) => conflict_get(tx, id).await?.filter(|question| question.closed_by.is_none()),
        None => None,
    };
    let (Some(question), ResourceState::Ok) = (question, loaded.record.state) else { return Ok(None) };
    let (published, head) = (loaded.published(tx).await?, loaded.shown()?);
    let drafted = loaded.history.ancestry(head);
    if !question.heads.iter().any(|side| drafted.contains(side) && !published.contains(side)) {
        return Ok(None);
    }
    let clashes = matches!(loaded.put_together(tx, fork.head, head).await?, Meeting::Open(_));
    Ok(clashes.then_some(head))
}

/// Whether an edit is part of a revision.
pub(in crate::service::sharing) fn is_contained(loaded: &Loaded, edit: OwnEdit, target: RevisionId) -> bool {
    // An edit that a restored manager has lost is in what was made of it.
    let has_edit = loaded.history.descends(target, edit.node_head) || !loaded.history.contains(edit.node_head);
    loaded.history.descends(target, edit.head) && has_edit
}

/// What a node runs in the place of its own edit: that put together with what it is offered, or else with the newest release
/// before that it merges with. A release that clashes at one place does not take back what came to the node before.
pub(in crate::service::sharing) async fn what_runs(
    database: &impl Database,
    loaded: &Loaded,
    own: RevisionId,
    offered: RevisionId,
) -> Result<Option<Together>> {
    let below = loaded.history.ancestry(offered);
    let releases = release_list(database, loaded.record.id).await?.into_iter().map(|release| release.revision);
    let earlier = releases.filter(|release| *release != offered && below.contains(release)).take(RELEASES_TRIED);
    for release in std::iter::once(offered).chain(earlier) {
        match loaded.meet(database, own, release).await? {
            Meeting::Settled { revision, body } => return Ok(Some(Together { revision, body })),
            Meeting::FastForward(_) => return Ok(None),
            Meeting::Open(_) => {}
        }
    }
    Ok(None)
}

/// What is said of an edit whose node is offered something older than what the edit was made from, such as by a pin that was
/// moved back. It contains what was released in between, and goes on running with that: taking it out again would be
/// another edit, which nobody made.
async fn goes_on(tx: &Tx, loaded: &Loaded, fork: &ForkRecord, target: RevisionId) -> Result<Option<String>> {
    let (below, known) = (loaded.history.ancestry(fork.head), loaded.history.ancestry(target));
    let is_between = |release: &&ReleaseRecord| below.contains(&release.revision) && !known.contains(&release.revision);
    let releases = release_list(tx, loaded.record.id).await?;
    let version = |revision: RevisionId| releases.iter().find(|release| release.revision == revision);
    let (Some(from), Some(offered)) = (releases.iter().find(is_between), version(target)) else { return Ok(None) };
    Ok(Some(format!(
        "this edit contains {}, but the node is offered the older {}; it keeps running the edit",
        from.version, offered.version
    )))
}

async fn merges(tx: &Tx, fork: &mut ForkRecord, by: Option<RevisionId>) -> Result<()> {
    if fork.state == ForkState::Conflict {
        fork.message = said_of(fork.delivery, &fork.takes_back_text());
    }
    fork.on(ForkEvent::Merges(fork.delivery))?;
    close_question(tx, fork, by).await
}

/// What a node is told of an edit that was delivered and merges.
#[must_use]
pub fn said_of(delivery: Delivery, takes_back: &str) -> String {
    match delivery {
        Delivery::Kept => "kept on this node as a local edit".to_owned(),
        Delivery::Proposed => format!("runs here and awaits approval{takes_back}"),
        Delivery::Unapplied => "proposed; it does not run here until an administrator accepts it".to_owned(),
    }
}

impl ForkRecord {
    /// What an edit takes back, as the end of a sentence.
    #[must_use]
    pub fn takes_back_text(&self) -> String {
        match self.takes_back.len() {
            0 => String::new(),
            1 => format!(": it reverts the previous save at {}", self.takes_back[0]),
            count => format!(": it reverts the previous save at {count} paths"),
        }
    }
}

/// Queued work: after a release, a deletion or the end of a conflict, every open fork of the resource is held against what
/// its node is offered now, a few in each transaction, oldest first.
///
/// # Errors
/// The database does not answer; what was done so far stays done.
pub async fn rebase_all(services: &Services, resource: ResourceId, caller: &Caller) -> Result<()> {
    let mut done: BTreeSet<uuid::Uuid> = BTreeSet::new();
    loop {
        let mut forks = forks_open(&services.store, resource).await?;
        forks.retain(|fork| !done.contains(&fork.id));
        forks.sort_by_key(|fork| (fork.edit, fork.id));
        if forks.is_empty() {
            return Ok(());
        }
        for batch in forks.chunks(BATCH) {
            rebase_batch(services, resource, batch, caller).await?;
            done.extend(batch.iter().map(|fork| fork.id));
        }
    }
}

async fn rebase_batch(services: &Services, resource: ResourceId, batch: &[ForkRecord], caller: &Caller) -> Result<()> {
    read_ahead(&services.store, resource).await?;
    let mut tx = services.store.begin_ordered().await?;
    resource_lock(&tx, resource).await?;
    let Some(record) = resource_get(&tx, resource).await? else { return Ok(()) };
    let mut loaded = load(&tx, record).await?;
    let publications = publication_list(&tx).await?;
    for fork in batch {
        // It may have been decided since, or moved on.
        let Some(fork) = fork_get(&tx, fork.id).await?.filter(|fork| !fork.state.is_closed()) else { continue };
        rebase_one(services, &mut tx, &mut loaded, fork, &publications, caller).await?;
    }
    tx.commit().await?;
    Ok(())
}

async fn rebase_one(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    mut fork: ForkRecord,
    publications: &[PublicationRecord],
    caller: &Caller,
) -> Result<()> {
    let Some(node) = node_get(tx, fork.node).await?.filter(|node| node.standing != NodeStanding::Removed) else {
        return Ok(());
    };
    let offered = offered_among(tx, loaded, (&node.group, &node.labels), publications).await?;
    let goes_through = fork.through && offered.is_some_and(|offered| offered.edit_mode == EditMode::WriteThrough);
    if goes_through && loaded.record.state == ResourceState::Ok {
        write_through(services, tx, loaded, fork, &node, caller).await?;
        return Ok(());
    }
    // Where nothing is written through any more a person decides, also once it is again.
    if fork.through && offered.is_some_and(|offered| offered.edit_mode != EditMode::WriteThrough) {
        fork.through = false;
        if fork.state == ForkState::Proposed {
            fork.message = said_of(fork.delivery, &fork.takes_back_text());
        }
    }
    let together = held_against(tx, loaded, &mut fork, offered, caller).await?;
    say_where_it_runs(loaded, &mut fork, offered);
    tell(services, tx, loaded, &fork, together).await
}

const RUNS_NOWHERE: &str = "does not run here";

/// An edit that waits runs only where its resource comes to its node, and is not locked there.
fn say_where_it_runs(loaded: &Loaded, fork: &mut ForkRecord, offered: Option<Offered>) {
    if !fork.state.runs() || fork.delivery == Delivery::Unapplied || loaded.record.state == ResourceState::Deleted {
        return;
    }
    fork.message = match offered.map(|offered| offered.edit_mode) {
        None => format!("{RUNS_NOWHERE} while this resource is not published to this node"),
        Some(EditMode::Locked) => format!("{RUNS_NOWHERE} while its publication locks this resource"),
        Some(_) if fork.message.starts_with(RUNS_NOWHERE) => match fork.state {
            ForkState::Accepted => "accepted; nodes that follow get it with the next release".to_owned(),
            _ => said_of(fork.delivery, &fork.takes_back_text()),
        },
        Some(_) => return,
    };
}

/// Merges that a node was told and that the history does not hold, because nothing was built on them until now: they follow
/// from the node's edits and the releases, so they can be made again. Made before anybody has to wait for it.
///
/// # Errors
/// The database does not answer.
pub async fn made_again(
    store: &Store,
    loaded: &Loaded,
    node: &NodeRecord,
    wanted: &[RevisionId],
) -> Result<Vec<Together>> {
    let is_own =
        |id: &RevisionId| loaded.provenance.get(id).is_some_and(|record| record.provenance.node == Some(node.id));
    let mut forks = forks_between(store, node.id, loaded.record.id).await?;
    forks.sort_by_key(|fork| std::cmp::Reverse(fork.edit));
    let heads = forks.iter().take(EDITS_TRIED).flat_map(|fork| [fork.head, fork.node_head]);
    let mut edits: Vec<RevisionId> = heads.collect();
    let newest = |id: &RevisionId| std::cmp::Reverse(loaded.provenance.get(id).map(|record| record.provenance.at));
    let mut earlier: Vec<RevisionId> =
        edits.iter().flat_map(|id| loaded.history.ancestry(*id)).filter(is_own).collect();
    earlier.sort_by_key(newest);
    edits.extend(earlier);
    let mut seen = BTreeSet::new();
    edits.retain(|id| loaded.history.contains(*id) && seen.insert(*id));
    edits.truncate(EDITS_TRIED);
    let mut found = Vec::new();
    for release in release_list(store, loaded.record.id).await?.into_iter().take(RELEASES_TRIED) {
        for edit in edits.iter().filter(|_| loaded.history.contains(release.revision)) {
            if let Meeting::Settled { revision, body } = loaded.meet(store, *edit, release.revision).await?
                && wanted.contains(&revision.id)
            {
                found.push(Together { revision, body });
            }
            if found.len() == wanted.len() {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

/// Releases and edits that are tried, newest first: a node is never behind by more than a few, and whoever names parents that
/// nobody knows is not to keep the manager busy.
const RELEASES_TRIED: usize = 8;
const EDITS_TRIED: usize = 4;
