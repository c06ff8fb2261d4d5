//! A node's own edits of a shared resource, from the first keystroke until they are everybody's or given up.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::revision::{Header, Provenance};
use crate::id::{ResourceId, RevisionId};

/// What a node keeps of its own edits of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    pub resource: ResourceId,
    /// The newest revision that was made on the node: what the manager's words are about.
    pub own_head: RevisionId,
    /// What runs: the own revision, or what the manager made of it and of what was released since.
    pub head: RevisionId,
    pub header: Header,
    pub provenance: Provenance,
    /// Absent where the node deleted the resource for itself.
    pub body: Option<Value>,
    pub state: ForkState,
    /// What the manager last said about it.
    pub message: String,
    /// The own revision, kept where another one runs: a manager that lost it can have it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<OwnRevision>>,
}

/// The newest revision that was made on the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnRevision {
    pub header: Header,
    pub provenance: Provenance,
    pub body: Option<Value>,
}

/// Where a fork stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkState {
    /// Not delivered yet.
    Local,
    /// Delivered, and waits for an administrator.
    Proposed,
    /// Delivered, and stays on the node.
    Forked,
    /// Delivered; it and what was released since do not merge. The node goes on with its own.
    Conflict,
    /// Not made from a known revision: proposed, and never run before it is accepted.
    Unapplied,
    /// Declined. The node runs what is released.
    Declined,
    /// Part of what is released.
    Absorbed,
}

impl Fork {
    /// Whether the node runs its own edit.
    #[must_use]
    pub fn runs(&self) -> bool {
        match self.state {
            ForkState::Local | ForkState::Proposed | ForkState::Forked | ForkState::Conflict => true,
            ForkState::Unapplied | ForkState::Declined | ForkState::Absorbed => false,
        }
    }
}

impl ForkState {
    pub const ALL: [Self; 7] =
        [Self::Local, Self::Proposed, Self::Forked, Self::Conflict, Self::Unapplied, Self::Declined, Self::Absorbed];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Proposed => "proposed",
            Self::Forked => "forked",
            Self::Conflict => "conflict",
            Self::Unapplied => "unapplied",
            Self::Declined => "declined",
            Self::Absorbed => "accepted",
        }
    }

    /// Whether the matter is closed.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Declined | Self::Absorbed)
    }
}

impl std::str::FromStr for ForkState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.name() == text)
            .ok_or_else(|| format!("\"{text}\" is not a state of a fork"))
    }
}

/// What the manager tells a node about its own edit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForkDecision {
    pub resource: ResourceId,
    /// The newest own revision of the node that this is about. One made since is not touched by it.
    pub of: RevisionId,
    pub state: ForkState,
    pub message: String,
    /// The node's edit put together with what was released since, where that is another revision than `of`.
    pub merged: Option<MergedFork>,
}

/// A node's edit put together with what was released since.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedFork {
    pub revision: RevisionId,
    pub header: Header,
    pub provenance: Provenance,
    pub body: Option<Value>,
}

/// The fork after the manager's word. `None` when there is nothing left of it to keep.
#[must_use]
pub fn decided(fork: Fork, decision: &ForkDecision) -> Option<Fork> {
    if fork.own_head != decision.of {
        // The node has edited on: its newer edit is on its way up and will get a word of its own.
        return Some(fork);
    }
    if decision.state == ForkState::Absorbed {
        return None;
    }
    let mut fork = Fork { state: decision.state, message: decision.message.clone(), ..fork };
    if let Some(merged) = &decision.merged {
        if fork.head == fork.own_head {
            let (header, provenance, body) = (fork.header, fork.provenance, fork.body);
            fork.own = Some(Box::new(OwnRevision { header, provenance, body }));
        }
        fork.head = merged.revision;
        fork.header = merged.header.clone();
        fork.provenance = merged.provenance.clone();
        fork.body = merged.body.clone();
    }
    Some(fork)
}
