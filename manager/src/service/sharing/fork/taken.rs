//! What became of an edit that the history of a release contains: a later draft, or the answer to a question, may have taken it
//! back before that was released.

use std::collections::BTreeSet;

use atoll_domain::id::RevisionId;
use atoll_domain::sharing::carried::carries;
use atoll_domain::sharing::fork::ForkEvent;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::revision::Origin;
use atoll_domain::sharing::three_way::readable;
use atoll_domain::sharing::touched::difference;
use serde_json::Value;

use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::store::Database;
use crate::store::sharing::{ForkRecord, release_list};

/// The newest state beneath a node's edits that was released before them, or that somebody wrote at the manager.
///
/// # Errors
/// The database does not answer.
pub(super) async fn made_from(
    database: &impl Database,
    loaded: &Loaded,
    fork: &ForkRecord,
) -> Result<Option<RevisionId>> {
    let releases = release_list(database, loaded.record.id).await?.into_iter().map(|release| release.revision);
    let before = loaded.history.ancestry_of(releases.filter(|one| !loaded.history.descends(*one, fork.node_head)));
    let is_others = |id: &RevisionId| {
        let known = loaded.provenance.get(id).map(|known| &known.provenance);
        let is_written_here = known.is_some_and(|made| made.node.is_none() && made.origin != Origin::Merge);
        *id != fork.node_head && (is_written_here || before.contains(id))
    };
    let beneath: BTreeSet<RevisionId> = loaded.history.ancestry(fork.node_head).into_iter().filter(is_others).collect();
    let newest = loaded.history.maximal(&beneath);
    Ok(newest.into_iter().max_by_key(|id| loaded.provenance.get(id).map(|known| (known.provenance.at, *id))))
}

/// Closes an edit that the first release after it contains, by what of it stands there.
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
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            fork.message = format!("released in part: without {first}{more}");
        }
    }
    Ok(())
}

/// The places at which the first release that contains an edit has nothing of it, and how many it changes.
async fn left_out(database: &impl Database, loaded: &Loaded, fork: &ForkRecord) -> Result<(Vec<Path>, usize)> {
    let contains = |id: &RevisionId| loaded.history.descends(*id, fork.node_head);
    let mut releases: Vec<_> = release_list(database, loaded.record.id).await?;
    releases.retain(|release| contains(&release.revision));
    let first = releases.into_iter().min_by_key(|release| release.version).map(|release| release.revision);
    let (Some(first), Some(base)) = (first, made_from(database, loaded, fork).await?) else {
        return Ok((Vec::new(), 0));
    };
    let base = loaded.body(database, base).await?;
    let (edit, released) = (loaded.body(database, fork.node_head).await?, loaded.body(database, first).await?);
    let at = |body: &Option<Value>, path: &Path| body.as_ref().and_then(|body| path.get(body)).cloned();
    let stands = |path: &Path| {
        let (base, edit, released) = (at(&base, path), at(&edit, path), at(&released, path));
        edit == released || carries((base.as_ref(), edit.as_ref()), (base.as_ref(), released.as_ref()))
    };
    let bodies: Vec<&Value> = [&edit, &base].into_iter().flatten().collect();
    let places = difference(base.as_ref(), edit.as_ref());
    let left = places.iter().filter(|path| !stands(path)).map(|path| readable(path, &bodies)).collect();
    Ok((left, places.len()))
}

/// Whether a node has put back all that it had changed over what is released.
///
/// # Errors
/// The database does not answer.
pub(super) async fn is_undone(
    database: &impl Database,
    loaded: &Loaded,
    fork: &ForkRecord,
    target: RevisionId,
) -> Result<bool> {
    Ok(loaded.body(database, fork.head).await? == loaded.body(database, target).await?)
}
