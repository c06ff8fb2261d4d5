//! A node's own edits of a shared resource, from the first keystroke until they are everybody's or given up.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::path::Path;
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
    /// What was reported with the own revision, and is reported with it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<RevisionId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub takes_back: Vec<Path>,
    /// The newest edit below this one that the manager has stored: it runs again where this one turns out not to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier: Option<Box<Self>>,
    /// A newer edit that does not run: rejected, or held until an administrator takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Box<Self>>,
}

/// The newest revision that was made on the node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnRevision {
    pub header: Header,
    pub provenance: Provenance,
    pub body: Option<Value>,
}

/// The lifecycle of a fork. [`ForkState::after`] is the only way from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkState {
    /// Not delivered yet.
    Local,
    /// Delivered, and waits for an administrator.
    Proposed,
    /// Delivered, and stays on the node.
    Forked,
    /// Delivered; it and what is shared do not merge. The node goes on with its own.
    Conflict,
    /// Proposed, and never run before it is accepted: not made from a known revision, or of a locked resource.
    Unapplied,
    /// An administrator took it: part of the shared resource, and everybody's with the next release.
    Accepted,
    /// Declined. The node runs what is released.
    Declined,
    /// Part of what is released.
    Absorbed,
    /// The manager could not act on the report that brought it. The node runs what is released.
    Rejected,
}

/// What happens to a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkEvent {
    /// The node's edit, or a newer one on top of it, was stored under this rule.
    Delivered(Delivery),
    /// It does not merge with what it has to merge with.
    Clashed,
    /// It merges again.
    Merges(Delivery),
    /// An administrator took it, or settled what was open about it.
    Accepted,
    /// An administrator does not want it.
    Declined,
    /// What is released contains it.
    Released,
    /// Its report was rejected.
    Rejected,
}

/// What becomes of a delivered edit that merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It runs on its node and waits for an administrator.
    Proposed,
    /// It runs on its node and stays there.
    Kept,
    /// It waits for an administrator and does not run.
    Unapplied,
}

/// Something that cannot happen to a fork any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this proposal is {} already", .0.name())]
pub struct ForkClosed(pub ForkState);

impl Fork {
    /// Whether the node runs its own edit.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.state.runs()
    }

    /// What the node itself made, where something else runs in its place.
    #[must_use]
    pub fn own(&self) -> (&Header, Option<&Value>) {
        match &self.own {
            Some(own) => (&own.header, own.body.as_ref()),
            None => (&self.header, self.body.as_ref()),
        }
    }
}

impl ForkState {
    pub const ALL: [Self; 9] = [
        Self::Local,
        Self::Proposed,
        Self::Forked,
        Self::Conflict,
        Self::Unapplied,
        Self::Accepted,
        Self::Declined,
        Self::Absorbed,
        Self::Rejected,
    ];

    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Proposed => "proposed",
            Self::Forked => "forked",
            Self::Conflict => "conflict",
            Self::Unapplied => "unapplied",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Absorbed => "released",
            Self::Rejected => "rejected",
        }
    }

    /// Whether the node runs its own edit.
    #[must_use]
    pub fn runs(self) -> bool {
        match self {
            Self::Local | Self::Proposed | Self::Forked | Self::Conflict | Self::Accepted => true,
            Self::Unapplied | Self::Declined | Self::Absorbed | Self::Rejected => false,
        }
    }

    /// Whether nothing more happens to it.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Declined | Self::Absorbed | Self::Rejected)
    }

    /// Whether a person has decided about it, or nobody can any more. One decision is all there is: what was accepted is
    /// in what the next release contains, whatever is said about the proposal.
    #[must_use]
    pub fn is_decided(self) -> bool {
        self.is_closed() || self == Self::Accepted
    }

    /// Whether somebody has to decide about it.
    #[must_use]
    pub fn waits(self) -> bool {
        matches!(self, Self::Proposed | Self::Unapplied)
    }

    /// The state after an event.
    ///
    /// # Errors
    /// The fork is closed, and this would open it again or close it otherwise.
    pub fn after(self, event: ForkEvent) -> Result<Self, ForkClosed> {
        let delivered = |delivery: Delivery| match delivery {
            Delivery::Proposed => Self::Proposed,
            Delivery::Kept => Self::Forked,
            Delivery::Unapplied => Self::Unapplied,
        };
        Ok(match (self, event) {
            (Self::Absorbed, ForkEvent::Released) | (Self::Declined, ForkEvent::Declined) => self,
            // What was declined or rejected may still turn out to be part of a release: then nothing of it is left over.
            (Self::Declined | Self::Rejected, ForkEvent::Released) => Self::Absorbed,
            (closed, _) if closed.is_closed() => return Err(ForkClosed(closed)),
            (_, ForkEvent::Delivered(delivery)) => delivered(delivery),
            // An edit that does not run goes on not running, whatever it merges with.
            (Self::Unapplied, ForkEvent::Clashed | ForkEvent::Merges(_)) => Self::Unapplied,
            (_, ForkEvent::Clashed) => Self::Conflict,
            (Self::Conflict | Self::Local, ForkEvent::Merges(delivery)) => delivered(delivery),
            (state, ForkEvent::Merges(_)) => state,
            (_, ForkEvent::Accepted) => Self::Accepted,
            (_, ForkEvent::Declined) => Self::Declined,
            (_, ForkEvent::Released) => Self::Absorbed,
            (_, ForkEvent::Rejected) => Self::Rejected,
        })
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
    /// Orders the words about several edits of one resource: that about the newest edit counts (UUID version 7).
    #[serde(default)]
    pub edit: Uuid,
    pub state: ForkState,
    pub message: String,
    /// The node's edit put together with what was released since, where that is another revision than `of`.
    pub merged: Option<MergedFork>,
    /// The edit does not run before it comes back as part of a release, whatever is decided about it: an earlier one that
    /// runs goes on running beside it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_held: bool,
    /// The edit itself, where the node may have lost it and something else runs in its place: a manager that loses it later
    /// can have it again from the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Box<MergedFork>>,
}

impl ForkDecision {
    /// Whether it says what runs: what never ran takes the place of nothing that does.
    #[must_use]
    pub fn counts(&self) -> bool {
        !self.is_held && !matches!(self.state, ForkState::Unapplied | ForkState::Rejected)
    }

    /// The revision that the node runs by this word in the place of what it is offered, if any.
    #[must_use]
    pub fn running(&self) -> Option<RevisionId> {
        self.state.runs().then(|| self.merged.as_ref().map_or(self.of, |merged| merged.revision))
    }
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
pub fn decided(mut fork: Fork, decision: &ForkDecision) -> Option<Fork> {
    if fork.own_head == decision.of {
        let (earlier, aside) = (fork.earlier.take(), fork.aside.take());
        return match told(fork, decision) {
            Some(fork) => Some(Fork { earlier, aside, ..fork }.in_place()),
            None => aside.map(|aside| *aside),
        };
    }
    // The node has edited on: its newer edit is on its way up and will get a word of its own.
    let is_about = |other: &Fork| other.own_head == decision.of;
    fork.earlier = match fork.earlier.take() {
        Some(earlier) if is_about(&earlier) => told(*earlier, decision).map(Box::new),
        earlier => earlier,
    };
    fork.aside = match fork.aside.take() {
        Some(aside) if is_about(&aside) => {
            { told(*aside, decision).filter(|aside| matches!(aside.state, ForkState::Rejected | ForkState::Unapplied)) }
                .map(Box::new)
        }
        aside => aside,
    };
    Some(fork)
}

impl Fork {
    /// The stored edit below it, itself, and the one that was put aside.
    pub fn with_others(&self) -> impl Iterator<Item = &Self> {
        [self.earlier.as_deref(), Some(self), self.aside.as_deref()].into_iter().flatten()
    }

    /// What the node has where this edit turned out not to run: the edit before it, with this one beside it.
    #[must_use]
    pub fn in_place(mut self) -> Self {
        match (self.state, self.earlier.take()) {
            (ForkState::Unapplied | ForkState::Rejected, Some(earlier)) if earlier.runs() => {
                self.aside = None;
                Self { aside: Some(Box::new(self)), ..*earlier }
            }
            (ForkState::Local, earlier) => Self { earlier, ..self },
            _ => self,
        }
    }

    /// The fork that a node gets back which has lost its own: its data directory was restored. `None` where the word does
    /// not bring what runs.
    #[must_use]
    pub fn given_back(decision: &ForkDecision) -> Option<Self> {
        let merged = decision.merged.as_ref().filter(|_| decision.state.runs())?;
        let own = decision.own.as_deref().filter(|own| own.revision == decision.of && own.revision != merged.revision);
        let own = own
            .cloned()
            .map(|own| Box::new(OwnRevision { header: own.header, provenance: own.provenance, body: own.body }));
        Some(Self {
            resource: decision.resource,
            own_head: decision.of,
            head: merged.revision,
            header: merged.header.clone(),
            provenance: merged.provenance.clone(),
            body: merged.body.clone(),
            state: decision.state,
            message: decision.message.clone(),
            own,
            claimed: None,
            takes_back: Vec::new(),
            earlier: None,
            aside: None,
        })
    }
}

/// The edit that a word is about, after it. `None` when it is part of what is released.
fn told(mut fork: Fork, decision: &ForkDecision) -> Option<Fork> {
    if decision.state == ForkState::Absorbed {
        return None;
    }
    // An edit that was given back is known by what runs in its place alone.
    let own = fork.own.take().or_else(|| {
        let (header, provenance, body) = (fork.header.clone(), fork.provenance.clone(), fork.body.clone());
        (fork.head == fork.own_head).then(|| Box::new(OwnRevision { header, provenance, body }))
    });
    let fork = Fork { state: decision.state, message: decision.message.clone(), ..fork };
    Some(match (&decision.merged, own) {
        (Some(merged), own) => Fork {
            head: merged.revision,
            header: merged.header.clone(),
            provenance: merged.provenance.clone(),
            body: merged.body.clone(),
            own: own.filter(|_| merged.revision != fork.own_head),
            ..fork
        },
        // What the node put together for itself until now was for the meantime.
        (None, Some(own)) => {
            let OwnRevision { header, provenance, body } = *own;
            Fork { head: fork.own_head, header, provenance, body, own: None, ..fork }
        }
        (None, None) => fork,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_fork_stays_closed_unless_a_release_contains_it() {
        use ForkEvent::{Accepted, Clashed, Declined, Delivered, Merges, Rejected, Released};
        let deliveries = [Delivery::Proposed, Delivery::Kept, Delivery::Unapplied];
        let events: Vec<ForkEvent> = deliveries.iter().flat_map(|one| [Delivered(*one), Merges(*one)]).collect();
        for state in ForkState::ALL {
            for event in events.iter().copied().chain([Clashed, Accepted, Declined, Released, Rejected]) {
                match state.after(event) {
                    Ok(after) if state.is_closed() => {
                        assert!(after == state || event == Released, "{state:?} {event:?}")
                    }
                    Ok(_) => assert!(!state.is_closed()),
                    Err(ForkClosed(closed)) => assert!(closed == state && state.is_closed(), "{state:?} {event:?}"),
                }
            }
        }
    }

    #[test]
    fn what_must_not_run_never_runs_by_merging() {
        for event in [ForkEvent::Clashed, ForkEvent::Merges(Delivery::Proposed), ForkEvent::Merges(Delivery::Kept)] {
            assert_eq!(ForkState::Unapplied.after(event), Ok(ForkState::Unapplied));
        }
    }
}
