//! Edits that are made on the node.

use std::collections::BTreeSet;

use serde_json::Value;

use super::returning::report_of;
use super::{Previous, Replica, Write};
use crate::id::{NodeId, RevisionId};
use crate::kind::{Kind, Problem};
use crate::sharing::fork::{Fork, ForkState};
use crate::sharing::offer::{EditMode, Offer, winning};
use crate::sharing::revision::{Origin, Provenance, Revision};
use crate::time::Timestamp;

/// Why an edit cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EditError {
    #[error("this node holds no {kind} named \"{name}\"; publish it to the node first")]
    Unknown { kind: Kind, name: String },
    #[error("\"{0}\" is locked by its publication; change it at the manager, or ask for another edit mode")]
    Locked(String),
    #[error("{0}")]
    Malformed(String),
    #[error("the edit breaks a rule: {}", list(.0))]
    Invalid(Vec<Problem>),
    #[error("the outbox holds {0} edits that are not delivered yet; connect this node before making more")]
    OutboxFull(usize),
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// Most undelivered reports. Far beyond what people type in months; it bounds what a broken reload loop can do.
pub const OUTBOX_LIMIT: usize = 10_000;

/// What an edit was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditBase {
    /// What the node runs.
    Running,
    /// A revision that the editor started from.
    Revision(RevisionId),
    /// Nobody knows: proposed, and not run.
    Unknown,
}

/// An edit on the node.
#[derive(Debug, Clone)]
pub struct Edit<'a> {
    pub kind: Kind,
    pub name: &'a str,
    pub base: EditBase,
    /// The whole new content in the outside form.
    pub content: &'a Value,
    pub author: &'a str,
    pub message: &'a str,
    pub now: Timestamp,
}

impl Replica {
    /// Plans an edit: a revision that goes into the outbox, and runs here as its edit mode allows. `None` when it
    /// changes nothing.
    ///
    /// # Errors
    /// Says why the edit cannot be taken; nothing has changed then.
    pub fn plan_edit(&self, node: NodeId, edit: &Edit<'_>) -> Result<Option<(RevisionId, Vec<Write>)>, EditError> {
        if self.outbox.len() >= OUTBOX_LIMIT {
            return Err(EditError::OutboxFull(self.outbox.len()));
        }
        let unknown = || EditError::Unknown { kind: edit.kind, name: edit.name.to_owned() };
        let offers = self.offers();
        let offers: Vec<&Offer> = offers
            .into_values()
            .find(|offers| offers.iter().any(|offer| offer.kind == edit.kind && offer.name == edit.name))
            .ok_or_else(unknown)?;
        let offer = winning(&offers).ok_or_else(unknown)?;
        if offer.edit_mode == EditMode::Locked {
            return Err(EditError::Locked(edit.name.to_owned()));
        }
        let fork = self.forks.get(&offer.resource).filter(|fork| fork.runs());
        let current = fork.map_or((offer.revision, Some(&offer.body)), |fork| (fork.head, fork.body.as_ref()));
        let previous = self.previous.get(&offer.resource);
        let (parent, parent_body, base_unknown) = match edit.base {
            EditBase::Running => (current.0, current.1, false),
            EditBase::Revision(id) if id == current.0 => (current.0, current.1, false),
            EditBase::Revision(id) if id == offer.revision => (offer.revision, Some(&offer.body), false),
            EditBase::Revision(id) if previous.is_some_and(|previous| previous.revision == id) => {
                (id, previous.and_then(|previous| previous.body.as_ref()), false)
            }
            EditBase::Revision(_) | EditBase::Unknown => (current.0, current.1, true),
        };
        let imported = edit.kind.import(edit.content, parent_body).map_err(EditError::Malformed)?;
        crate::canonical::check(&imported.body).map_err(|error| EditError::Malformed(error.to_string()))?;
        if parent_body == Some(&imported.body) || current.1 == Some(&imported.body) {
            return Ok(None);
        }
        let problems = edit.kind.check(&imported.body);
        if !problems.is_empty() {
            return Err(EditError::Invalid(problems));
        }
        let revision =
            Revision::child(offer.resource, edit.kind, BTreeSet::from([parent]), parent_body, &imported.body);
        let provenance = Provenance {
            author: edit.author.to_owned(),
            node: Some(node),
            at: edit.now,
            origin: Origin::Edit,
            message: edit.message.to_owned(),
            metadata: imported.metadata,
        };
        let fork = Fork {
            resource: offer.resource,
            own_head: revision.id,
            head: revision.id,
            header: revision.header.clone(),
            provenance: provenance.clone(),
            body: Some(imported.body.clone()),
            state: if base_unknown { ForkState::Unapplied } else { ForkState::Local },
            message: String::new(),
            own: None,
        };
        let report = report_of(&revision.header, revision.id, provenance, Some(imported.body), base_unknown);
        let mut writes = vec![Write::PutReport(self.next_report, Box::new(report))];
        if let Some(body) = current.1.filter(|_| !base_unknown) {
            let previous = Previous { revision: current.0, body: Some(body.clone()) };
            writes.push(Write::PutPrevious(offer.resource, Box::new(previous)));
        }
        // An edit that must not run never replaces one that does.
        if !base_unknown || self.forks.get(&offer.resource).is_none_or(|fork| !fork.runs()) {
            writes.push(Write::PutFork(Box::new(fork)));
        }
        Ok(Some((revision.id, writes)))
    }
}
