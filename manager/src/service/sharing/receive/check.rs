//! What must hold of a revision that a node sends, whoever made it.

use std::collections::BTreeSet;

use atoll_domain::id::{RevisionId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::scope::Scope;
use atoll_domain::secret::scoped_references;
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::revision::{Revision, RevisionError};
use serde_json::Value;

use super::missing_parents;
use crate::error::{Error, Result};
use crate::service::sharing::history::Loaded;
use crate::service::sharing::save;
use crate::store::Tx;

/// A revision names every place that it changes, keeps the rules of its kind, and moves no sealed value.
pub(super) async fn check_revision(tx: &Tx, loaded: &Loaded, revision: &Revision, body: Option<&Value>) -> Result<()> {
    let lost = missing_parents(loaded, revision);
    // A place that a lost parent wrote cannot be told from one that the revision wrote: a person looks at it instead.
    if lost.is_empty() {
        check_places(tx, loaded, revision, body).await?;
    }
    let mut from: BTreeSet<RevisionId> = revision.header.parents.iter().copied().collect();
    from.retain(|id| !lost.contains(id));
    if !lost.is_empty() {
        from.extend(&loaded.record.heads);
    }
    check_secrets(tx, loaded, &from, body).await?;
    match body {
        Some(body) => save::check(loaded.record.kind, body),
        None => Ok(()),
    }
}

async fn check_places(tx: &Tx, loaded: &Loaded, revision: &Revision, body: Option<&Value>) -> Result<()> {
    let parents: Vec<RevisionId> = revision.header.parents.iter().copied().collect();
    if let [one, other] = parents[..]
        && brings_together(loaded.meet(tx, one, other).await?, revision, body)
    {
        return Ok(());
    }
    if parents.is_empty() {
        return revision.check_touched(None, body).map_err(bad_revision);
    }
    for parent in parents {
        let parent_body = loaded.body(tx, parent).await?;
        revision.check_touched(parent_body.as_ref(), body).map_err(bad_revision)?;
    }
    Ok(())
}

/// Whether this is what rules make of two parents, or a person's answer to what they leave open.
fn brings_together(meeting: Meeting, revision: &Revision, body: Option<&Value>) -> bool {
    match meeting {
        Meeting::FastForward(_) => false,
        Meeting::Settled { revision: merged, body: merged_body } => {
            merged.id == revision.id || revision.check_touched(merged_body.as_ref(), body).is_ok()
        }
        Meeting::Open(merged) => {
            let touched = &revision.header.touched;
            merged.conflicts.iter().all(|conflict| touched.overlaps(&conflict.path))
                && revision.check_touched(Some(&merged.body), body).is_ok()
        }
    }
}

/// A node sees references to values that it may not read. It must not be able to move one to where it could.
async fn check_secrets(tx: &Tx, loaded: &Loaded, from: &BTreeSet<RevisionId>, body: Option<&Value>) -> Result<()> {
    let kind = loaded.record.kind;
    let wanted = references(kind, body);
    if wanted.is_empty() {
        return Ok(());
    }
    let mut before = Vec::new();
    for parent in from {
        before.extend(references(kind, loaded.body(tx, *parent).await?.as_ref()));
    }
    if wanted.iter().all(|pair| before.contains(pair)) {
        return Ok(());
    }
    Err(Error::invalid(
        "MOVED_SECRET",
        "an edit on a node cannot move a sealed value or change its scope; change it at the manager",
    ))
}

fn references(kind: Kind, body: Option<&Value>) -> Vec<(Scope, SecretId)> {
    body.map(|body| scoped_references(kind, body)).unwrap_or_default()
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at map_err")]
fn bad_revision(error: RevisionError) -> Error {
    Error::invalid("BAD_REVISION", error.to_string())
}
