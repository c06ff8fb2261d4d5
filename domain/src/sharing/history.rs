//! The history of one resource: a set of revisions closed under parents, that only grows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::merge::{Conflict, ConflictReason, Merged, Side, merge};
use super::path::{Path, TouchedPaths};
use super::revision::Revision;
use super::text::TextMode;
use super::touched::difference;
use crate::canonical;
use crate::id::RevisionId;
use crate::kind::Kind;
use crate::secret::stray_elements;

/// Revisions by id. Whatever order they arrive in, equal sets give equal answers.
#[derive(Debug, Clone, Default)]
pub struct History {
    revisions: BTreeMap<RevisionId, Arc<Revision>>,
    grafts: BTreeMap<RevisionId, Graft>,
}

/// What stands for parents that are lost: a restored manager gets revisions back whose parents nobody holds any more.
///
/// It only adds to what the revision says itself, and what it says of lost places counts as long as a parent is lost: one
/// that turns up later takes its place again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Graft {
    /// Revisions that it certainly contains; empty where nobody knows any.
    pub parents: BTreeSet<RevisionId>,
    /// Places that the lost revisions may have written, beside those that the revision names.
    pub touched: TouchedPaths,
}

impl Graft {
    /// Nothing is known of what was lost: it may have written anything, so every difference is somebody's edit. Taken for
    /// no edit, it would be overwritten by whoever wrote there since, and nobody would be asked.
    #[must_use]
    pub fn unknown() -> Self {
        Self { parents: BTreeSet::new(), touched: std::iter::once(Path::root()).collect() }
    }
}

/// Why a revision cannot join the history yet, or ever.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error("these parents of the revision are not known here: {0:?}; send them first")]
    MissingParents(Vec<RevisionId>),
    #[error("revision {0:?} is not known here")]
    Unknown(RevisionId),
    #[error("the body of revision {0:?} is not kept here")]
    BodyMissing(RevisionId),
}

/// Where bodies are found.
pub trait Bodies {
    fn body(&self, revision: &Revision) -> Option<Value>;
}

impl<F: Fn(&Revision) -> Option<Value>> Bodies for F {
    fn body(&self, revision: &Revision) -> Option<Value> {
        self(revision)
    }
}

/// Two heads, put together as far as rules can.
#[derive(Debug, Clone, PartialEq)]
pub enum Meeting {
    /// One side already contains the other.
    FastForward(RevisionId),
    /// Merged by rule; the revision is the same whoever merges.
    Settled { revision: Revision, body: Option<Value> },
    /// Needs a person.
    Open(Merged),
}

impl History {
    /// Adds a revision whose parents are here. Adding it again changes nothing.
    ///
    /// A cycle cannot be built: an id is a digest over the parents' ids, so a revision never precedes its parents.
    ///
    /// # Errors
    /// Names the parents that are missing.
    pub fn insert(&mut self, revision: impl Into<Arc<Revision>>) -> Result<(), HistoryError> {
        let revision = revision.into();
        let missing: Vec<RevisionId> =
            revision.header.parents.iter().filter(|parent| !self.revisions.contains_key(parent)).copied().collect();
        if !missing.is_empty() {
            return Err(HistoryError::MissingParents(missing));
        }
        self.revisions.insert(revision.id, revision);
        Ok(())
    }

    /// Adds a revision whose parents are lost.
    ///
    /// # Errors
    /// Names what stands for the parents and is not here either.
    pub fn insert_grafted(&mut self, revision: impl Into<Arc<Revision>>, graft: Graft) -> Result<(), HistoryError> {
        let revision = revision.into();
        let missing: Vec<RevisionId> = graft.parents.iter().filter(|id| !self.contains(**id)).copied().collect();
        if !missing.is_empty() {
            return Err(HistoryError::MissingParents(missing));
        }
        self.grafts.insert(revision.id, graft);
        self.revisions.insert(revision.id, revision);
        Ok(())
    }

    /// The parents of a revision, and what stands for those that are lost.
    fn parents<'a>(&'a self, revision: &'a Revision) -> impl Iterator<Item = RevisionId> + Clone + 'a {
        let grafted = self.grafts.get(&revision.id).into_iter().flat_map(|graft| &graft.parents);
        revision.header.parents.iter().chain(grafted).copied()
    }

    /// Whether a revision, or one that it came from, names another as its parent, be that one here or not.
    #[must_use]
    pub fn names(&self, later: RevisionId, earlier: RevisionId) -> bool {
        let ancestry = self.ancestry(later);
        ancestry.iter().filter_map(|id| self.get(*id)).any(|revision| revision.header.parents.contains(&earlier))
    }

    #[must_use]
    pub fn get(&self, id: RevisionId) -> Option<&Revision> {
        self.revisions.get(&id).map(Arc::as_ref)
    }

    #[must_use]
    pub fn contains(&self, id: RevisionId) -> bool {
        self.revisions.contains_key(&id)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.revisions.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revisions.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Revision> {
        self.revisions.values().map(Arc::as_ref)
    }

    /// Revisions without a child.
    #[must_use]
    pub fn heads(&self) -> BTreeSet<RevisionId> {
        let parents: BTreeSet<RevisionId> =
            self.revisions.values().flat_map(|revision| self.parents(revision)).collect();
        self.revisions.keys().filter(|id| !parents.contains(id)).copied().collect()
    }

    /// How many steps each revision is from the beginning, by the longest way: a child is always deeper than its parents.
    #[must_use]
    pub fn depths(&self) -> BTreeMap<RevisionId, usize> {
        let mut depths: BTreeMap<RevisionId, usize> = BTreeMap::new();
        // Each is looked into once: what stands for lost parents might otherwise lead round in a circle.
        let mut looked_into: BTreeSet<RevisionId> = BTreeSet::new();
        for revision in self.iter() {
            let mut waiting = vec![revision];
            while let Some(revision) = waiting.last().copied() {
                let parents = self.parents(revision);
                if looked_into.insert(revision.id) {
                    let open = parents.filter(|id| !looked_into.contains(id)).filter_map(|id| self.get(id));
                    waiting.extend(open);
                    continue;
                }
                let depth = parents.filter_map(|id| depths.get(&id)).max().map_or(0, |deepest| deepest + 1);
                depths.entry(revision.id).or_insert(depth);
                waiting.pop();
            }
        }
        depths
    }

    /// The revision and everything it came from.
    #[must_use]
    pub fn ancestry(&self, id: RevisionId) -> BTreeSet<RevisionId> {
        self.ancestry_of([id])
    }

    /// Several revisions and everything they came from.
    #[must_use]
    pub fn ancestry_of(&self, ids: impl IntoIterator<Item = RevisionId>) -> BTreeSet<RevisionId> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<RevisionId> = ids.into_iter().collect();
        while let Some(next) = open.pop() {
            let Some(revision) = self.revisions.get(&next) else { continue };
            if seen.insert(next) {
                open.extend(self.parents(revision));
            }
        }
        seen
    }

    /// Whether `later` contains everything that `earlier` says.
    #[must_use]
    pub fn descends(&self, later: RevisionId, earlier: RevisionId) -> bool {
        self.ancestry(later).contains(&earlier)
    }

    /// Of the given revisions, those that no other one of them contains.
    #[must_use]
    pub fn maximal(&self, ids: &BTreeSet<RevisionId>) -> BTreeSet<RevisionId> {
        let covered: BTreeSet<RevisionId> = ids
            .iter()
            .flat_map(|id| {
                let mut below = self.ancestry(*id);
                below.remove(id);
                below
            })
            .collect();
        ids.difference(&covered).copied().collect()
    }

    /// The newest revisions that both sides contain. More than one after criss-cross merges.
    #[must_use]
    pub fn common_origins(&self, left: RevisionId, right: RevisionId) -> BTreeSet<RevisionId> {
        let common: BTreeSet<RevisionId> = self.ancestry(left).intersection(&self.ancestry(right)).copied().collect();
        self.maximal(&common)
    }

    /// Every place written on the way to `side` that `other` has not seen. A deletion that was taken back is no change of
    /// everything: what was brought back is held against what had been deleted. It follows from the revisions alone, so
    /// everybody who merges finds the same.
    fn touched_since(&self, side: RevisionId, other: RevisionId, bodies: &dyn Bodies) -> TouchedPaths {
        let mut touched = TouchedPaths::default();
        for id in self.ancestry(side).difference(&self.ancestry(other)) {
            let Some(revision) = self.revisions.get(id) else { continue };
            match self.brought_back(*id).and_then(|before| self.difference_to(revision, &before, bodies)) {
                Some(changed) => touched.extend(&changed),
                // Whatever comes after a deletion says itself what it touches.
                None if revision.header.tombstone => {}
                None => touched.extend(&revision.header.touched),
            }
            let is_rootless = revision.header.parents.iter().any(|parent| !self.contains(*parent));
            if let Some(graft) = self.grafts.get(id).filter(|_| is_rootless) {
                touched.extend(&graft.touched);
            }
        }
        touched
    }

    fn difference_to(
        &self,
        revision: &Revision,
        before: &BTreeSet<RevisionId>,
        bodies: &dyn Bodies,
    ) -> Option<TouchedPaths> {
        let body = bodies.body(revision)?;
        let mut touched = TouchedPaths::default();
        for id in before {
            touched.extend(&difference(Some(&bodies.body(self.get(*id)?)?), Some(&body)));
        }
        Some(touched)
    }

    /// What had been deleted before a revision brought it back; `None` for one that brings nothing back.
    #[must_use]
    pub fn brought_back(&self, id: RevisionId) -> Option<BTreeSet<RevisionId>> {
        let is_deletion = |id: &RevisionId| self.get(*id).is_some_and(|revision| revision.header.tombstone);
        let parents: BTreeSet<RevisionId> = self.parents(self.get(id)?).collect();
        if is_deletion(&id) || parents.is_empty() || !parents.iter().all(is_deletion) {
            return None;
        }
        let (mut before, mut seen) = (BTreeSet::new(), BTreeSet::new());
        let mut open: Vec<RevisionId> = parents.into_iter().collect();
        while let Some(deletion) = open.pop() {
            for parent in self.get(deletion).into_iter().flat_map(|revision| self.parents(revision)) {
                match is_deletion(&parent) {
                    true if seen.insert(parent) => open.push(parent),
                    true => {}
                    false => {
                        before.insert(parent);
                    }
                }
            }
        }
        Some(before).filter(|before| !before.is_empty())
    }

    /// Puts two heads together. The sides are ordered by id, so the outcome does not depend on who asks.
    ///
    /// # Errors
    /// Says which revision or body is not at hand.
    pub fn meet(
        &self,
        one: RevisionId,
        other: RevisionId,
        text: TextMode,
        bodies: &dyn Bodies,
    ) -> Result<Meeting, HistoryError> {
        let (left_id, right_id) = if one <= other { (one, other) } else { (other, one) };
        let left = self.get(left_id).ok_or(HistoryError::Unknown(left_id))?;
        let right = self.get(right_id).ok_or(HistoryError::Unknown(right_id))?;
        if self.descends(left_id, right_id) {
            return Ok(Meeting::FastForward(left_id));
        }
        if self.descends(right_id, left_id) {
            return Ok(Meeting::FastForward(right_id));
        }
        let parents = BTreeSet::from([left_id, right_id]);
        let (resource, kind) = (left.header.resource, left.header.kind);
        if left.header.tombstone && right.header.tombstone {
            let revision = Revision::writing(resource, kind, parents, None, TouchedPaths::default());
            return Ok(Meeting::Settled { revision, body: None });
        }
        let origins = self.common_origins(left_id, right_id);
        let base = match (origins.len(), origins.first().and_then(|id| self.get(*id))) {
            (1, Some(origin)) => bodies.body(origin),
            _ => None,
        };
        let (left_body, right_body) = (self.body_of(left, bodies)?, self.body_of(right, bodies)?);
        let (Some(left_body), Some(right_body)) = (&left_body, &right_body) else {
            return Ok(Meeting::Open(delete_question(base, left_body, right_body)));
        };
        let merged = merge_checked(
            kind,
            base.as_ref(),
            Side { body: left_body, touched: &self.touched_since(left_id, right_id, bodies) },
            Side { body: right_body, touched: &self.touched_since(right_id, left_id, bodies) },
            text,
        );
        if !merged.conflicts.is_empty() {
            return Ok(Meeting::Open(merged));
        }
        let revision = Revision::writing(resource, kind, parents, Some(&merged.body), TouchedPaths::default());
        Ok(Meeting::Settled { revision, body: Some(merged.body) })
    }

    fn body_of(&self, revision: &Revision, bodies: &dyn Bodies) -> Result<Option<Value>, HistoryError> {
        if revision.header.tombstone {
            return Ok(None);
        }
        bodies.body(revision).map(Some).ok_or(HistoryError::BodyMissing(revision.id))
    }
}

/// A merge followed by the kind's own rules: what merges place by place may still make no sense as a whole.
#[must_use]
pub fn merge_checked(kind: Kind, base: Option<&Value>, left: Side<'_>, right: Side<'_>, text: TextMode) -> Merged {
    let mut merged = merge(base, left, right, text, kind.strategy());
    ask_about_stray(kind, base, [left.body, right.body], &mut merged);
    ask_about_size(base, [left.body, right.body], &mut merged);
    let problems = if merged.conflicts.is_empty() { kind.check(&merged.body) } else { Vec::new() };
    if !problems.is_empty() {
        // A rule that one side already broke by itself is that side's matter and no result of the merge.
        let known: BTreeSet<_> = [left.body, right.body].iter().flat_map(|body| kind.check(body)).collect();
        for problem in problems.into_iter().filter(|problem| !known.contains(problem)) {
            merged.conflicts.push(Conflict {
                base: base.and_then(|body| problem.path.get(body)).cloned(),
                left: problem.path.get(left.body).cloned(),
                right: problem.path.get(right.body).cloned(),
                path: problem.path,
                reason: ConflictReason::Semantic,
                proposal: None,
                message: Some(problem.message),
            });
        }
    }
    merged
}

/// Two sides that are within the limit may not be so together, and what is beyond it nobody could edit any more: one of them
/// counts, or what somebody makes of both.
fn ask_about_size(base: Option<&Value>, sides: [&Value; 2], merged: &mut Merged) {
    let Some(size_bytes) = canonical::oversize_bytes(&merged.body) else { return };
    // One that was too large before is that side's matter.
    if !merged.conflicts.is_empty() || sides.iter().any(|side| canonical::oversize_bytes(side).is_some()) {
        return;
    }
    merged.body = base.unwrap_or(sides[0]).clone();
    merged.conflicts.push(Conflict {
        path: Path::root(),
        reason: ConflictReason::Semantic,
        base: base.cloned(),
        left: Some(sides[0].clone()),
        right: Some(sides[1].clone()),
        proposal: None,
        message: Some(format!(
            "the merged content is {size_bytes} bytes and the limit is {}; choose one side or shorten the content",
            canonical::DOCUMENT_SIZE_LIMIT_BYTES
        )),
    });
}

/// A sensitive element whose scope comes from one side and whose value from the other would be read by nodes that nobody
/// has let read it. Asked about as a whole, also where something else is asked about too: what stands inside such an
/// element is no question of its own.
fn ask_about_stray(kind: Kind, base: Option<&Value>, sides: [&Value; 2], merged: &mut Merged) {
    for path in stray_elements(kind, sides, &merged.body) {
        if merged.conflicts.iter().any(|conflict| path.0.starts_with(&conflict.path.0)) {
            continue;
        }
        merged.conflicts.retain(|conflict| !conflict.path.0.starts_with(&path.0));
        let kept = base.and_then(|body| path.get(body)).cloned();
        path.put(&mut merged.body, kept.clone());
        merged.conflicts.push(Conflict {
            base: kept,
            left: path.get(sides[0]).cloned(),
            right: path.get(sides[1]).cloned(),
            path,
            reason: ConflictReason::Semantic,
            proposal: None,
            message: Some(
                "one side changed who may read this, and the other changed the value; together they would show a sealed \
                 value to nodes that nobody has let read it"
                    .to_owned(),
            ),
        });
    }
}

/// Editing what another deleted is a question, not a winner.
fn delete_question(base: Option<Value>, left: Option<Value>, right: Option<Value>) -> Merged {
    let kept = base.clone().or_else(|| left.clone()).or_else(|| right.clone()).unwrap_or(Value::Null);
    let conflict = Conflict {
        path: Path::root(),
        reason: ConflictReason::EditAndDelete,
        base,
        left,
        right,
        proposal: None,
        message: Some("one side deleted this resource while the other changed it; keep it or delete it".to_owned()),
    };
    Merged { body: kept, conflicts: vec![conflict] }
}
