//! What was turned down, or waits, and would come again with a newer edit of its node: an editor that was open over the decision
//! saves what it shows, and names the release, to which its file was put back; so does one over data that was put back. No
//! lineage tells of it.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::sharing::carried::carries;
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::keyed_list::ITEMS;
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::Revision;
use atoll_domain::sharing::touched::difference;
use serde_json::Value;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::store::Database;
use crate::store::sharing::{ForkRecord, forks_between, release_list};

/// Earlier edits of a node at the same places whose content a new one is held against, and their size together: nobody else can
/// write meanwhile. Where there is more, it is asked.
const EARLIER_LIMIT: usize = 16;
const EARLIER_SIZE_LIMIT_BYTES: usize = 2 * 1024 * 1024;

/// Whether a node's edit, put together with what is released, may bring what was declined of that node, what waits for a person, or
/// what was accepted for a later release.
///
/// An edit at the same place that was made from what the earlier one was made from too may be of an editor that was open over
/// it, whatever it says now. What was made from something newer was made by somebody who saw that, and is asked about only
/// where it says the same again.
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
    earlier.retain(|other| other.id != fork.id && loaded.history.contains(other.node_head));
    // Nearly always all of them were released.
    earlier.retain(|other| other.state != ForkState::Absorbed || other.is_released_in_part());
    if earlier.is_empty() {
        return Ok(None);
    }
    let (drafted, published) =
        (loaded.history.ancestry_of(loaded.record.heads.iter().copied()), loaded.published(database).await?);
    let releases = release_list(database, loaded.record.id).await?;
    let releases: Vec<RevisionId> = releases.into_iter().map(|release| release.revision).collect();
    let edits = earlier.into_iter().map(|other| Earlier::before(loaded, other, &published, &releases));
    let edits: Vec<Earlier> = edits.filter(|edit| edit.may_be_unwanted(&drafted, &published)).collect();
    let (release, merged) = (loaded.body(database, release).await?, loaded.body(database, merged).await?);
    let (release, merged) = (release.as_ref(), merged.as_ref());
    let places = difference(release, merged);
    let made_from = Earlier::of(loaded, fork.clone(), &published).made_from(loaded);
    // What was rejected is to be made again once it can be taken, so that is asked about only where it says the same.
    let counts = |edit: &&Earlier| edit.fork.state != ForkState::Rejected && edit.is_beneath(&made_from);
    let may_stand_in_it = |edit: &&Earlier| counts(edit) && edit.wrote_near(loaded, &places, release);
    if let Some(edit) = edits.iter().find(may_stand_in_it) {
        return Ok(Some(edit.may_be_said(&drafted, &published)));
    }
    let (mut count, mut size_bytes) = (0, 0);
    for edit in edits.iter().filter(|edit| edit.wrote(loaded, &places)) {
        let own = loaded.body(database, edit.fork.node_head).await?;
        count += 1;
        size_bytes += own.as_ref().map_or(0, |own| own.to_string().len());
        if count > EARLIER_LIMIT || size_bytes > EARLIER_SIZE_LIMIT_BYTES {
            return Ok(Some("it may contain what was declined before"));
        }
        let base = match edit.base(loaded) {
            Some(base) => loaded.body(database, base).await?,
            None => release.cloned(),
        };
        if carries((base.as_ref(), own.as_ref()), (release, merged)) {
            return Ok(Some(edit.is_said()));
        }
    }
    Ok(None)
}

/// An earlier edit of a node.
struct Earlier {
    fork: ForkRecord,
    /// All that it was made from.
    lineage: BTreeSet<RevisionId>,
    /// What of that was not released.
    made: BTreeSet<RevisionId>,
}

impl Earlier {
    fn of(loaded: &Loaded, fork: ForkRecord, released: &BTreeSet<RevisionId>) -> Self {
        let lineage = loaded.history.ancestry_of([fork.node_head, fork.head]);
        let made = lineage.difference(released).copied().collect();
        Self { fork, lineage, made }
    }

    /// The same for one that may be part of a release: the answer to a conflict has both sides as its parents, also the one that
    /// it turned down.
    fn before(loaded: &Loaded, fork: ForkRecord, published: &BTreeSet<RevisionId>, releases: &[RevisionId]) -> Self {
        if !published.contains(&fork.node_head) {
            return Self::of(loaded, fork, published);
        }
        let before = releases.iter().copied().filter(|release| !loaded.history.descends(*release, fork.node_head));
        let before = loaded.history.ancestry_of(before);
        Self::of(loaded, fork, &before)
    }

    /// Whether anything of it is neither released nor on its way there.
    fn may_be_unwanted(&self, drafted: &BTreeSet<RevisionId>, published: &BTreeSet<RevisionId>) -> bool {
        let is_on_its_way = self.fork.through && !self.fork.state.is_closed() && self.fork.state != ForkState::Conflict;
        match self.fork.state {
            ForkState::Declined | ForkState::Absorbed => true,
            _ if is_on_its_way => self.is_drafted(drafted, published),
            _ => !published.contains(&self.fork.node_head),
        }
    }

    /// Whether something of it was accepted for a later release.
    fn is_drafted(&self, drafted: &BTreeSet<RevisionId>, published: &BTreeSet<RevisionId>) -> bool {
        self.made.iter().any(|id| drafted.contains(id) && !published.contains(id))
    }

    fn revisions<'a>(&'a self, loaded: &'a Loaded) -> impl Iterator<Item = &'a Revision> {
        self.made.iter().filter_map(|id| loaded.history.get(*id))
    }

    /// The released states that it was made from.
    fn made_from(&self, loaded: &Loaded) -> BTreeSet<RevisionId> {
        let parents = self.revisions(loaded).flat_map(|revision| revision.header.parents.iter().copied());
        parents.filter(|parent| !self.made.contains(parent)).collect()
    }

    /// The newest of them.
    fn base(&self, loaded: &Loaded) -> Option<RevisionId> {
        let mut released = self.made_from(loaded);
        released.retain(|id| self.lineage.contains(id));
        let newest = loaded.history.maximal(&released);
        newest.first().copied().filter(|_| newest.len() == 1)
    }

    /// Whether something made from these states may be made from what this edit was made from. Where parents are lost, nobody
    /// knows.
    fn is_beneath(&self, made_from: &BTreeSet<RevisionId>) -> bool {
        made_from.is_empty() || made_from.iter().any(|id| self.lineage.contains(id))
    }

    /// Whether it wrote one of these places. Revisions say so themselves, so no content is read.
    fn wrote(&self, loaded: &Loaded, places: &TouchedPaths) -> bool {
        self.revisions(loaded).flat_map(|revision| revision.header.touched.iter()).any(|path| places.overlaps(path))
    }

    /// Whether it wrote one of these places, or the same element of a list; or an element that is not in what is released, as
    /// these do, since that may be the same under another key. What was made from something that is lost may have written
    /// anything.
    fn wrote_near(&self, loaded: &Loaded, places: &TouchedPaths, release: Option<&Value>) -> bool {
        let near: TouchedPaths = places.iter().map(element_of).collect();
        let lists: BTreeSet<Path> = places.iter().filter_map(|path| list_gaining(path, release)).collect();
        let mut written = self.revisions(loaded).flat_map(|revision| revision.header.touched.iter());
        let is_rootless = |id: &RevisionId| loaded.provenance.get(id).is_some_and(|record| record.graft.is_some());
        self.made.iter().any(is_rootless)
            || self.wrote(loaded, &near)
            || written.any(|path| list_gaining(path, release).is_some_and(|list| lists.contains(&list)))
    }

    fn may_be_said(&self, drafted: &BTreeSet<RevisionId>, published: &BTreeSet<RevisionId>) -> &'static str {
        match self.fork.state {
            ForkState::Declined | ForkState::Absorbed => "it may contain what was declined before",
            _ if self.is_drafted(drafted, published) => "it may contain what was accepted and is not released yet",
            _ => "it may contain what awaits approval",
        }
    }

    fn is_said(&self) -> &'static str {
        match self.fork.state {
            ForkState::Declined | ForkState::Absorbed => "it contains what was declined before",
            ForkState::Rejected => "it contains what was rejected before",
            ForkState::Accepted => "it contains what was accepted and is not released yet",
            _ => "it contains what awaits approval",
        }
    }
}

/// The element of a list that a place is in; else the place itself.
fn element_of(path: &Path) -> Path {
    let items = path.0.iter().position(|segment| segment == ITEMS);
    let end = items.map_or(path.0.len(), |at| (at + 2).min(path.0.len()));
    Path(path.0[..end].to_vec())
}

/// The list that has no element yet where a place is.
fn list_gaining(path: &Path, release: Option<&Value>) -> Option<Path> {
    let items = path.0.iter().position(|segment| segment == ITEMS)?;
    let is_known = release.is_some_and(|release| element_of(path).get(release).is_some());
    (!is_known).then(|| Path(path.0[..items].to_vec()))
}
