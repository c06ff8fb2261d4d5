//! What became of an edit: all of it is released, or a part, or nothing, since a later draft or the answer to a question took it
//! back before; or its own node did.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::sharing::fork::{Delivery, ForkEvent};
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::revision::Origin;
use atoll_domain::sharing::standing::{Standing, stands};
use atoll_domain::sharing::three_way::readable;
use atoll_domain::sharing::touched::difference;
use serde_json::Value;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::store::Database;
use crate::store::sharing::{ForkRecord, ResourceState, release_list};

/// How the message of an edit begins that was released without something of it.
const IN_PART: &str = "released in part";

impl ForkRecord {
    /// Whether it was released without something that its node had made.
    pub(super) fn is_released_in_part(&self) -> bool {
        self.message.starts_with(IN_PART)
    }
}

/// What a node made, beside each other, and the state that each was made from: the newest beneath it that was released before, or
/// that somebody wrote at the manager.
pub(super) struct Made {
    pub own: RevisionId,
    pub base: Option<RevisionId>,
}

/// What a node made with its edit: one content, or several beside each other that wait together.
///
/// # Errors
/// The database does not answer.
pub(super) async fn made(database: &impl Database, loaded: &Loaded, fork: &ForkRecord) -> Result<Vec<Made>> {
    let releases = release_list(database, loaded.record.id).await?.into_iter().map(|release| release.revision);
    let before = loaded.history.ancestry_of(releases.filter(|one| !loaded.history.descends(*one, fork.node_head)));
    let provenance = |id: &RevisionId| loaded.provenance.get(id).map(|known| &known.provenance);
    let is_own = |id: &RevisionId| {
        let is_made_here = provenance(id).is_some_and(|made| made.node == Some(fork.node)) && !before.contains(id);
        *id == fork.node_head || is_made_here
    };
    let lineage = loaded.history.ancestry_of([fork.node_head, fork.head]);
    let own: BTreeSet<RevisionId> = lineage.into_iter().filter(is_own).collect();
    let base_of = |own: RevisionId| {
        let is_others = |id: &RevisionId| {
            let is_written_here =
                provenance(id).is_some_and(|made| made.node.is_none() && made.origin != Origin::Merge);
            *id != own && (is_written_here || before.contains(id))
        };
        let beneath = loaded.history.ancestry(own).into_iter().filter(is_others).collect();
        let newest = loaded.history.maximal(&beneath).into_iter();
        newest.max_by_key(|id| (provenance(id).map(|made| made.at), *id))
    };
    Ok(loaded.history.maximal(&own).into_iter().map(|own| Made { own, base: base_of(own) }).collect())
}

/// Closes an edit that what is released contains, by what of it stands there.
///
/// # Errors
/// The database does not answer.
pub(super) async fn close(database: &impl Database, loaded: &Loaded, fork: &mut ForkRecord) -> Result<()> {
    let (left, count) = left_out(database, loaded, fork).await?;
    match left.as_slice() {
        [] => {
            fork.on(ForkEvent::Released)?;
            "now part of what is released".clone_into(&mut fork.message);
        }
        all if all.len() == count => {
            fork.on(ForkEvent::Declined)?;
            "taken back before it was released".clone_into(&mut fork.message);
        }
        [first, rest @ ..] => {
            fork.on(ForkEvent::Released)?;
            fork.message = match rest.len() {
                0 => format!("{IN_PART}: {first} differs"),
                more => format!("{IN_PART}: {first} and {more} more differ"),
            };
        }
    }
    Ok(())
}

/// The places at which the first release that contains an edit has not all of it, and how many it changes. A place at which
/// something of it is left counts twice: not all of it was taken back.
async fn left_out(database: &impl Database, loaded: &Loaded, fork: &ForkRecord) -> Result<(Vec<Path>, usize)> {
    let mut releases = release_list(database, loaded.record.id).await?;
    releases.retain(|release| loaded.history.descends(release.revision, fork.node_head));
    let first = releases.into_iter().min_by_key(|release| release.version).map(|release| release.revision);
    let Some(first) = first else { return Ok((Vec::new(), 0)) };
    let released = loaded.body(database, first).await?;
    let at = |body: &Option<Value>, path: &Path| body.as_ref().and_then(|body| path.get(body)).cloned();
    let (mut left, mut count) = (Vec::new(), 0);
    for made in made(database, loaded, fork).await? {
        let Some(base) = made.base else { continue };
        let (base, edit) = (loaded.body(database, base).await?, loaded.body(database, made.own).await?);
        let bodies: Vec<&Value> = [&edit, &base].into_iter().flatten().collect();
        for path in difference(base.as_ref(), edit.as_ref()).iter() {
            let (base, edit, released) = (at(&base, path), at(&edit, path), at(&released, path));
            let standing = stands((base.as_ref(), edit.as_ref()), released.as_ref());
            count += if standing == Standing::InPart { 2 } else { 1 };
            if standing != Standing::Whole {
                left.push(readable(path, &bodies));
            }
        }
    }
    Ok((left, count))
}

/// Closes an edit that its node has taken back: it changes nothing any more of what it was made from. What was accepted of it
/// is everybody's, and taking that back is an edit as any other.
///
/// # Errors
/// The database does not answer.
pub(super) async fn close_undone(database: &impl Database, loaded: &Loaded, fork: &mut ForkRecord) -> Result<bool> {
    if fork.state.is_decided() || fork.delivery != Delivery::Proposed || loaded.record.state == ResourceState::Deleted {
        return Ok(false);
    }
    // Nearly always it is the first edit over what is released, and changes something.
    let released = loaded.record.released.map(|(_, revision)| loaded.history.ancestry(revision)).unwrap_or_default();
    if loaded.history.get(fork.node_head).is_none_or(|own| own.header.parents.is_subset(&released)) {
        return Ok(false);
    }
    let (made, published) = (made(database, loaded, fork).await?, loaded.published(database).await?);
    let [Made { own, base: Some(base) }] = made.as_slice() else { return Ok(false) };
    let drafted = loaded.history.ancestry_of(loaded.record.heads.iter().copied());
    let lineage = loaded.history.ancestry_of([fork.node_head, fork.head]);
    if lineage.iter().any(|id| drafted.contains(id) && !published.contains(id)) {
        return Ok(false);
    }
    if loaded.body(database, *own).await? != loaded.body(database, *base).await? {
        return Ok(false);
    }
    fork.on(ForkEvent::Released)?;
    "undone on its node; nothing of it is left".clone_into(&mut fork.message);
    Ok(true)
}
