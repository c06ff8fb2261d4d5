//! What a node runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Replica, Write};
use crate::document::RevisionReport;
use crate::id::{ResourceId, RevisionId};
use crate::kind::Kind;
use crate::link::digest::StateDigest;
use crate::sharing::fork::{Fork, ForkState};
use crate::sharing::offer::{EditMode, Effective, effective};
use crate::sharing::revision::{Header, Provenance};

/// What a node runs of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
    pub version: String,
    pub revision: RevisionId,
    pub edit_mode: EditMode,
    /// Absent where the node has deleted it for itself.
    pub body: Option<Value>,
    pub metadata: Value,
    /// The node's own edit, with where it stands.
    pub fork: Option<ForkState>,
    pub message: String,
}

/// An edit of this node that the manager rejected: nobody else may have it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    pub resource: ResourceId,
    pub kind: Kind,
    pub name: String,
    /// Why, in the manager's words.
    pub message: String,
    pub revision: RevisionId,
    /// Absent where it deleted the resource.
    pub body: Option<Value>,
    pub metadata: Value,
}

impl Rejected {
    fn new(
        revision: RevisionId,
        header: &Header,
        provenance: &Provenance,
        body: Option<&Value>,
        message: String,
    ) -> Self {
        let name = body.and_then(|body| body.get("Name")).and_then(Value::as_str).unwrap_or_default();
        Self {
            resource: header.resource,
            kind: header.kind,
            name: name.to_owned(),
            message,
            revision,
            body: body.cloned(),
            metadata: provenance.metadata.clone(),
        }
    }
}

impl Replica {
    /// Everything the node runs, by kind and name.
    #[must_use]
    pub fn running(&self) -> Vec<Running> {
        let mut running: Vec<Running> = self
            .offers()
            .iter()
            .filter_map(|(resource, offers)| {
                running(&effective(offers, self.forks.get(resource)), self.forks.get(resource))
            })
            .collect();
        running.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
        running
    }

    /// The edits that the manager rejected and that nobody has put elsewhere yet, oldest first; and the newest of each resource
    /// where it was rejected, whether an earlier one runs or none, and whether the resource still comes here or not.
    #[must_use]
    pub fn rejected(&self) -> Vec<Rejected> {
        let mut all: Vec<Rejected> = self.rejected.values().cloned().collect();
        let newest = self.forks.values().filter_map(rejected);
        let is_new = |one: &Rejected| self.rejected.values().all(|known| known.revision != one.revision);
        all.extend(newest.filter(is_new));
        all
    }

    /// Plans that a rejected edit is kept elsewhere now: beside its file, or wherever its author finds it.
    #[must_use]
    pub fn plan_put_elsewhere(&self, revision: RevisionId) -> Vec<Write> {
        let numbers = self.rejected.iter().filter(|(_, rejected)| rejected.revision == revision);
        numbers.map(|(number, _)| Write::RemoveRejected(*number)).collect()
    }

    /// Keeps the edit of a rejected report, whatever was made on top of it since.
    pub(super) fn keep_rejected(&self, number: u64, report: &RevisionReport, reason: &str) -> Vec<Write> {
        let rejected =
            Rejected::new(report.id, &report.header, &report.provenance, report.body.as_ref(), rejection(reason));
        let over = (self.rejected.len() + 1).saturating_sub(REJECTED_LIMIT);
        let oldest = self.rejected.keys().take(over).map(|number| Write::RemoveRejected(*number));
        oldest.chain([Write::PutRejected(number, Box::new(rejected))]).collect()
    }

    /// What the node runs, as one number. `verified` are the revisions that an adapter has found to stand where they
    /// should, each by its content; what it could not verify is none of them. Without an adapter, what should run counts.
    #[must_use]
    pub fn state_digest(&self, verified: Option<&BTreeMap<ResourceId, RevisionId>>) -> StateDigest {
        self.running().iter().fold(StateDigest::default(), |sum, running| {
            sum.plus(match verified {
                None => StateDigest::of(running.resource, running.revision),
                Some(verified) => match verified.get(&running.resource) {
                    Some(revision) => StateDigest::of(running.resource, *revision),
                    None => StateDigest::unverified(running.resource),
                },
            })
        })
    }
}

/// Rejected edits that a node keeps until they are put elsewhere; the oldest goes when another comes.
pub const REJECTED_LIMIT: usize = 256;

pub(super) fn rejection(reason: &str) -> String {
    format!("the manager rejected this edit: {reason}")
}

fn running(effective: &Effective<'_>, fork: Option<&Fork>) -> Option<Running> {
    let (offer, own) = match effective {
        Effective::Offered(offer) => (*offer, None),
        Effective::Forked { offer, fork } => (*offer, Some(*fork)),
        Effective::Nothing => return None,
    };
    Some(Running {
        resource: offer.resource,
        kind: offer.kind,
        name: offer.name.clone(),
        version: offer.version.to_string(),
        revision: own.map_or(offer.revision, |fork| fork.head),
        edit_mode: offer.edit_mode,
        body: own.map_or_else(|| Some(offer.body.clone()), |fork| fork.body.clone()),
        metadata: own.map_or_else(|| offer.provenance.metadata.clone(), |fork| fork.provenance.metadata.clone()),
        fork: fork.map(|fork| fork.state),
        message: fork.map(|fork| fork.message.clone()).unwrap_or_default(),
    })
}

fn rejected(fork: &Fork) -> Option<Rejected> {
    let newest = fork.aside.as_deref().unwrap_or(fork);
    (newest.state == ForkState::Rejected).then(|| {
        let (header, body) = newest.own();
        Rejected::new(newest.own_head, header, &newest.provenance, body, newest.message.clone())
    })
}
