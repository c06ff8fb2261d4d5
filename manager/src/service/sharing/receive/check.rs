//! What must hold of a revision that a node sends, whoever made it.

use std::collections::BTreeSet;

use atoll_domain::canonical;
use atoll_domain::id::RevisionId;
use atoll_domain::secret::{answer_keeps_sealed, is_in_the_clear, keeps_sealed, newly_in_the_clear, references};
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::{Revision, RevisionError};
use atoll_domain::sharing::touched::difference;
use serde_json::Value;

use super::missing_parents;
use crate::error::{Error, Result};
use crate::service::sharing::history::Loaded;
use crate::service::sharing::{reach, save};
use crate::store::Tx;

/// What a revision says of itself is kept for ever and read with every other of its resource.
pub(super) fn check_header(revision: &Revision) -> Result<()> {
    let size_bytes = serde_json::to_vec(&revision.header).map_err(Error::internal)?.len();
    if size_bytes > HEADER_LIMIT_BYTES {
        return Err(Error::invalid("BAD_REVISION", "the edit names more paths than a document of its size can have"));
    }
    if revision.header.touched.iter().count() > PLACES_LIMIT {
        let text = format!("the edit changes more than {PLACES_LIMIT} places; make it in several steps");
        return Err(Error::invalid("BAD_REVISION", text));
    }
    Ok(())
}

/// Most places that one edit of a node changes: each is looked at while nobody else writes.
const PLACES_LIMIT: usize = 10_000;

/// Largest header of a revision: as large as a document that is accepted, since the paths of its content are in it.
const HEADER_LIMIT_BYTES: usize = canonical::DOCUMENT_SIZE_LIMIT_BYTES;

/// A revision names every place that it changes, and neither moves a sealed value nor brings one in the clear.
pub(super) async fn check_revision(tx: &Tx, loaded: &Loaded, revision: &Revision, body: Option<&Value>) -> Result<()> {
    let lost = missing_parents(loaded, revision);
    // A place that a lost parent wrote cannot be told from one that the revision wrote: a person looks at it instead.
    if lost.is_empty() {
        check_places(tx, loaded, revision, body).await?;
    }
    check_secrets(tx, loaded, revision, body).await?;
    if let Some(path) = body.and_then(|body| loaded.record.kind.misshapen_list(body)) {
        let text = format!("the order of the list at {path} does not name each of its elements once");
        return Err(Error::invalid("BAD_CONTENT", text));
    }
    if body.is_some_and(|body| is_in_the_clear(loaded.record.kind, body)) {
        return Err(Error::invalid(
            "NOT_SEALED",
            "the edit holds a sensitive value in the clear; such a value is set at the manager, where it is sealed",
        ));
    }
    check_clear(tx, loaded, revision, body).await?;
    // Limits hold for whatever is kept.
    match body {
        Some(body) => canonical::check(body).map_err(|error| Error::invalid("BAD_CONTENT", error.to_string())),
        None => Ok(()),
    }
}

/// A password typed where a sealed one stands, or where one is asked for, would be everybody's to read.
async fn check_clear(tx: &Tx, loaded: &Loaded, revision: &Revision, body: Option<&Value>) -> Result<()> {
    let Some(body) = body else { return Ok(()) };
    let mut parents = Vec::new();
    for parent in counting_parents(loaded, revision) {
        parents.push(loaded.body(tx, parent).await?);
    }
    // What one of several parents says in the same words is not this edit's. That one says nothing there is no such word.
    let is_said = |path: &Path| {
        parents.iter().flatten().any(|parent| path.get(parent).is_some() && path.get(parent) == path.get(body))
    };
    let clear = parents.iter().flat_map(|before| newly_in_the_clear(loaded.record.kind, before.as_ref(), body));
    match clear.filter(|path| !is_said(path)).collect::<Vec<_>>().first() {
        None => Ok(()),
        Some(path) => Err(Error::invalid(
            "NOT_SEALED",
            format!(
                "the edit holds a sensitive value in the clear at {path}; such a value is set at the manager, where it is sealed"
            ),
        )),
    }
}

/// The rules of the kind. A revision that breaks them is kept, and nobody runs it.
pub(super) async fn check_rules(tx: &Tx, loaded: &Loaded, body: Option<&Value>) -> Result<()> {
    match body {
        Some(body) => save::check(loaded.record.kind, &reach::agreed(tx, loaded).await?, body),
        None => Ok(()),
    }
}

async fn check_places(tx: &Tx, loaded: &Loaded, revision: &Revision, body: Option<&Value>) -> Result<()> {
    let parents: Vec<RevisionId> = revision.header.parents.iter().copied().collect();
    let (mut changed, mut undeclared) = (TouchedPaths::default(), None);
    if parents.is_empty() {
        undeclared = revision.check_touched(None, body).err();
        changed = difference(None, body);
    }
    for parent in &parents {
        let parent_body = loaded.body(tx, *parent).await?;
        undeclared = undeclared.or(revision.check_touched(parent_body.as_ref(), body).err());
        changed.extend(&difference(parent_body.as_ref(), body));
    }
    if let [one, other] = parents[..] {
        // What was asked when it was made may be settled by now: some places are named that it does not change.
        if revision.header.touched.len() > changed.len() + NAMED_LIMIT {
            return Err(bad_revision(RevisionError::UnchangedPlace(format!("more than {NAMED_LIMIT} places"))));
        }
        if brings_together(loaded.meet(tx, one, other).await?, revision, body) {
            return Ok(());
        }
    } else {
        revision.check_named(&changed).map_err(bad_revision)?;
    }
    undeclared.map_or(Ok(()), |error| Err(bad_revision(error)))
}

/// Places that an answer to a conflict names although the content there is as it was.
const NAMED_LIMIT: usize = 1_000;

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

/// Whether a revision rests on one whose parents are lost. That one was held against nothing, so what it says of sealed values
/// counts only once somebody has made it everybody's.
pub(super) fn rests_on_what_is_lost(loaded: &Loaded, revision: RevisionId) -> bool {
    // Hardly any history has such a one, and then nobody's ancestry is looked through while others wait to write.
    if loaded.provenance.values().all(|record| record.graft.is_none()) {
        return false;
    }
    let decided: BTreeSet<RevisionId> = loaded.tips().into_iter().flat_map(|id| loaded.history.ancestry(id)).collect();
    let is_rootless = |id: &RevisionId| loaded.provenance.get(id).is_some_and(|record| record.graft.is_some());
    loaded.history.ancestry(revision).difference(&decided).any(is_rootless)
}

/// The states that a revision was made from: of parents of which one contains the other only the later one counts, or an old
/// state would lend its wider scope; in the place of what is lost, or rests on that, counts what is everybody's now.
fn counting_parents(loaded: &Loaded, revision: &Revision) -> BTreeSet<RevisionId> {
    let counts = |id: &RevisionId| loaded.history.contains(*id) && !rests_on_what_is_lost(loaded, *id);
    let mut parents: BTreeSet<RevisionId> = revision.header.parents.iter().copied().filter(counts).collect();
    if parents.len() < revision.header.parents.len() {
        parents.extend(&loaded.record.heads);
    }
    loaded.history.maximal(&parents)
}

/// A node sees references to values that it may not read. It must not be able to move one to where it could: each stands
/// as in the one state that the revision was made from. That is the parent, or what rules make of two of them, or one of the
/// two where they leave it open.
async fn check_secrets(tx: &Tx, loaded: &Loaded, revision: &Revision, body: Option<&Value>) -> Result<()> {
    let Some(body) = body.filter(|body| !references(body).is_empty()) else { return Ok(()) };
    let kind = loaded.record.kind;
    let parents: Vec<RevisionId> = counting_parents(loaded, revision).into_iter().collect();
    let is_kept = |before: Option<Value>| before.is_some_and(|before| keeps_sealed(kind, &before, body));
    let keeps = match parents[..] {
        [one] => is_kept(loaded.body(tx, one).await?),
        [one, other] => match loaded.meet(tx, one, other).await? {
            Meeting::FastForward(newer) => is_kept(loaded.body(tx, newer).await?),
            Meeting::Settled { body, .. } => is_kept(body),
            Meeting::Open(merged) => {
                let sides = [loaded.body(tx, one).await?, loaded.body(tx, other).await?].map(Option::unwrap_or_default);
                let open: Vec<&Path> = merged.conflicts.iter().map(|conflict| &conflict.path).collect();
                answer_keeps_sealed(kind, [&sides[0], &sides[1]], &merged.body, &open, body)
            }
        },
        _ => false,
    };
    if keeps {
        return Ok(());
    }
    Err(Error::invalid(
        "MOVED_SECRET",
        "an edit on a node cannot move a sealed value or change its scope; change it at the manager",
    ))
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at map_err")]
fn bad_revision(error: RevisionError) -> Error {
    Error::invalid("BAD_REVISION", error.to_string())
}
