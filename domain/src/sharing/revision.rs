//! Revisions: immutable, content-addressed states of a resource.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::path::TouchedPaths;
use super::touched;
use crate::canonical;
use crate::id::{BodyHash, Digest, NodeId, ResourceId, RevisionId};
use crate::kind::Kind;
use crate::terminal::kept;
use crate::time::Timestamp;

/// The format of the header below; another one hashes otherwise.
pub const FORMAT: u32 = 1;

/// Most parents a revision may name: a merge or a resolution of all heads at once.
pub const PARENT_LIMIT: usize = 16;

/// What a revision is: its id is the digest of this, in canonical form. Author and time are not part of it, so the
/// same edit on the same parent, made twice, is one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub format: u32,
    pub schema: u32,
    pub resource: ResourceId,
    pub kind: Kind,
    /// Sorted. Empty for the first revision of a resource.
    pub parents: BTreeSet<RevisionId>,
    /// Of the empty digest for a tombstone's absent body.
    pub body: BodyHash,
    /// The resource is deleted in this state.
    pub tombstone: bool,
    /// Every place this revision wrote; at least the difference to its parents.
    pub touched: TouchedPaths,
}

/// Who made a revision, where, when and from what; carried and signed beside the header, outside of its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The name of the token or account, or of the program, that made it.
    pub author: String,
    /// The node it was made on; absent for one made at the manager.
    pub node: Option<NodeId>,
    pub at: Timestamp,
    pub origin: Origin,
    /// What the author said about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The kind's volatile fields as they came with this revision.
    pub metadata: Value,
}

/// Longest name of an author and longest message that are kept of what a node reports, in characters.
pub const AUTHOR_LIMIT: usize = 200;
pub const MESSAGE_LIMIT: usize = 2_000;

impl Provenance {
    /// What is kept of it where somebody else gave it: its texts cut, its time one that can be shown, and of its metadata the
    /// kind's volatile fields. None of that is covered by the revision's id.
    #[must_use]
    pub fn bounded(self, kind: Kind) -> Self {
        Self {
            author: kept(&self.author, AUTHOR_LIMIT),
            message: kept(&self.message, MESSAGE_LIMIT),
            at: self.at.within_bounds(),
            metadata: kind.volatile(&self.metadata),
            ..self
        }
    }
}

/// How a revision came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Edit,
    Import,
    /// Two heads merged by rule.
    Merge,
    /// A person settled a conflict.
    Resolution,
    Rollback,
    Delete,
}

/// A revision whose id has been computed from its header, and so cannot be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub id: RevisionId,
    pub header: Header,
}

/// Why a claimed revision is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevisionError {
    #[error(
        "the revision claims the id {claimed} and its content has the id {actual}; it was altered or built wrongly"
    )]
    ForgedId { claimed: Digest, actual: Digest },
    #[error("the body does not have the hash that the revision names; it was altered on the way")]
    ForgedBody,
    #[error("the revision is in format {0}, and this version reads {FORMAT}; upgrade the older side")]
    UnknownFormat(u32),
    #[error("the revision names {0} parents and the limit is {PARENT_LIMIT}")]
    TooManyParents(usize),
    #[error("the revision does not admit that it changes {0}; a revision must name every place it writes")]
    UndeclaredChange(String),
    #[error("the revision names {0}, which it does not change")]
    UnchangedPlace(String),
    #[error("the revision belongs to another resource than its parent {0:?}")]
    ForeignParent(RevisionId),
}

/// The hash that stands for the body of a tombstone.
#[must_use]
pub fn no_body() -> BodyHash {
    Digest::of(b"")
}

impl Revision {
    /// Seals a header under its id.
    #[must_use]
    pub fn seal(header: Header) -> Self {
        Self { id: header_id(&header), header }
    }

    /// A child of `parents` with a new body. `parent_body` is the state the author started from.
    #[must_use]
    pub fn child(
        resource: ResourceId,
        kind: Kind,
        parents: BTreeSet<RevisionId>,
        parent_body: Option<&Value>,
        body: &Value,
    ) -> Self {
        Self::writing(resource, kind, parents, Some(body), touched::difference(parent_body, Some(body)))
    }

    /// A revision that declares what it writes. No body makes it a tombstone.
    #[must_use]
    pub fn writing(
        resource: ResourceId,
        kind: Kind,
        parents: BTreeSet<RevisionId>,
        body: Option<&Value>,
        touched: TouchedPaths,
    ) -> Self {
        Self::seal(Header {
            format: FORMAT,
            schema: kind.schema_version(),
            resource,
            kind,
            parents,
            body: body.map_or_else(no_body, |body| Digest(canonical::hash(body))),
            tombstone: body.is_none(),
            touched,
        })
    }

    /// Verifies a header that came from elsewhere against the id it claims and the body it names.
    ///
    /// # Errors
    /// Says what does not fit; the revision is then kept aside, never used.
    pub fn verify(claimed: RevisionId, header: Header, body: Option<&Value>) -> Result<Self, RevisionError> {
        if header.format != FORMAT {
            return Err(RevisionError::UnknownFormat(header.format));
        }
        if header.parents.len() > PARENT_LIMIT {
            return Err(RevisionError::TooManyParents(header.parents.len()));
        }
        let revision = Self::seal(header);
        if revision.id != claimed {
            return Err(RevisionError::ForgedId { claimed, actual: revision.id });
        }
        let actual = body.map_or_else(no_body, |body| Digest(canonical::hash(body)));
        if actual != revision.header.body || body.is_none() != revision.header.tombstone {
            return Err(RevisionError::ForgedBody);
        }
        Ok(revision)
    }

    /// Checks that a revision names no place that it does not change. What it names is kept for ever, and read with every
    /// other of its resource.
    ///
    /// # Errors
    /// Names the first such place.
    pub fn check_named(&self, changed: &TouchedPaths) -> Result<(), RevisionError> {
        match self.header.touched.iter().find(|path| !changed.reaches(path)) {
            Some(path) => Err(RevisionError::UnchangedPlace(path.to_string())),
            None => Ok(()),
        }
    }

    /// Checks that an edit of one parent names every place it changes.
    ///
    /// # Errors
    /// Names the first place that the revision changed without saying so.
    pub fn check_touched(&self, parent_body: Option<&Value>, body: Option<&Value>) -> Result<(), RevisionError> {
        let declared = &self.header.touched;
        match touched::difference(parent_body, body).iter().find(|path| !declared.covers(path)) {
            Some(path) => Err(RevisionError::UndeclaredChange(path.to_string())),
            None => Ok(()),
        }
    }
}

fn header_id(header: &Header) -> RevisionId {
    // A header holds only texts, small integers, lists and maps, for which serialisation cannot fail.
    let value = serde_json::to_value(header).unwrap_or_default();
    Digest(canonical::hash(&value))
}
