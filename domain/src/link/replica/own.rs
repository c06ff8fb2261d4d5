//! What the manager's words mean for the node's own edits.

use std::collections::BTreeMap;

use super::running::rejection;
use super::{Content, Held, Replica, Write, trail};
use crate::document::Report;
use crate::id::ResourceId;
use crate::sharing::fork::{Fork, ForkDecision, ForkEvent, ForkState, decided};

/// A node's own edits, by resource.
pub type OwnEdits = BTreeMap<ResourceId, Fork>;

impl Replica {
    /// Plans what a rejected report means here: the edit that it brought runs no longer, and the one before it does again.
    /// It is kept until somebody has put it elsewhere, also where a newer edit has taken its place or it never ran.
    #[must_use]
    pub fn plan_rejection(&self, forks: &mut OwnEdits, number: u64, report: &Report, reason: &str) -> Vec<Write> {
        let Report::Revision(report) = report else { return Vec::new() };
        let mut writes = self.keep_rejected(number, report, reason);
        let Some(fork) = forks.get(&report.header.resource).filter(|fork| fork.own_head == report.id) else {
            return writes;
        };
        let Ok(state) = fork.state.after(ForkEvent::Rejected) else { return writes };
        let trail = self.trail(fork.resource).into_iter().flat_map(trail::Trail::iter);
        let taken = trail.filter(|(_, content)| content.taken && content.revision == report.id);
        writes.extend(taken.map(|(number, _)| Write::RemoveContent(fork.resource, number)));
        let after = Fork { state, message: rejection(reason), aside: None, ..fork.clone() }.in_place();
        forks.insert(after.resource, after.clone());
        writes.push(Write::PutFork(Box::new(after)));
        writes
    }

    /// Plans what it means that an edit is stored on top of which a newer one was made since: it runs again if that one
    /// turns out not to.
    #[must_use]
    pub fn plan_delivered(&self, forks: &mut OwnEdits, report: &Report) -> Option<Write> {
        let Report::Revision(report) = report else { return None };
        let fork = forks.get(&report.header.resource)?;
        let is_below = fork.state == ForkState::Local && fork.own_head != report.id && !report.base_unknown;
        if !is_below || report.provenance.node != fork.provenance.node {
            return None;
        }
        let stored = Fork {
            resource: fork.resource,
            own_head: report.id,
            head: report.id,
            header: report.header.clone(),
            provenance: report.provenance.clone(),
            body: report.body.clone(),
            state: ForkState::Local,
            message: String::new(),
            own: None,
            claimed: report.claimed,
            takes_back: report.takes_back.clone(),
            earlier: fork.earlier.clone(),
            aside: None,
        };
        // The word about it may have been here before the answer.
        let words = self.documents.values().filter_map(Held::decision);
        let word =
            words.filter(|word| word.of == report.id && word.resource == fork.resource).max_by_key(|word| word.edit);
        let stored = match word {
            Some(word) => decided(stored, word),
            None => Some(stored),
        };
        let earlier = stored.map(|stored| Box::new(Fork { earlier: None, ..stored }));
        let after = Fork { earlier, ..fork.clone() };
        forks.insert(after.resource, after.clone());
        Some(Write::PutFork(Box::new(after)))
    }

    /// The node's own edits, to be carried along while several answers are planned.
    #[must_use]
    pub fn own_edits(&self) -> OwnEdits {
        self.forks.clone()
    }

    /// The edit that the manager has stored and that runs again if one on top of it turns out not to.
    pub(super) fn stored_below(&self, fork: &Fork) -> Option<Box<Fork>> {
        let is_stored = fork.state != ForkState::Local
            || !self.outbox.values().any(|report| report.revision() == Some(fork.own_head));
        match is_stored {
            true => Some(Box::new(Fork { earlier: None, aside: None, ..fork.clone() })),
            false => fork.earlier.clone(),
        }
    }
}

impl Held {
    pub(super) fn decision(&self) -> Option<&ForkDecision> {
        match &self.content {
            Content::Fork(decision) => Some(decision),
            _ => None,
        }
    }
}

/// Takes up a word about an edit.
pub(super) fn decide(forks: &mut OwnEdits, decision: &ForkDecision) -> Vec<Write> {
    let Some(fork) = forks.remove(&decision.resource) else { return Vec::new() };
    match decided(fork, decision) {
        Some(fork) => {
            forks.insert(decision.resource, fork.clone());
            vec![Write::PutFork(Box::new(fork))]
        }
        None => vec![Write::RemoveFork(decision.resource)],
    }
}

/// Edits that this node made and does not have any more, because its data directory was restored: where the manager's newest
/// word brings them, they are taken up again. Everything has been offered by then, so no newer word is still to come.
pub(super) fn give_back(forks: &OwnEdits, decisions: &[ForkDecision]) -> Vec<Write> {
    let mut newest: BTreeMap<ResourceId, &ForkDecision> = BTreeMap::new();
    // Words of managers that did not number edits yet have no order.
    for decision in decisions.iter().filter(|decision| decision.counts() && !decision.edit.is_nil()) {
        let known = newest.entry(decision.resource).or_insert(decision);
        if known.edit < decision.edit {
            *known = decision;
        }
    }
    let lost = newest.into_values().filter_map(|newest| {
        let fork = forks.get(&newest.resource);
        let back =
            Fork::given_back(newest).filter(|_| fork.is_none_or(|fork| is_overtaken(fork, newest, decisions)))?;
        let aside = fork.filter(|fork| matches!(fork.state, ForkState::Rejected | ForkState::Unapplied));
        Some(Fork { aside: aside.map(|fork| Box::new(Fork { earlier: None, aside: None, ..fork.clone() })), ..back })
    });
    lost.map(|fork| Write::PutFork(Box::new(fork))).collect()
}

/// Whether the manager's newest word is about an edit that was made after the one that is here. One that the manager does not
/// know is newer than all it knows, and is told to it.
fn is_overtaken(fork: &Fork, newest: &ForkDecision, decisions: &[ForkDecision]) -> bool {
    let mut words = decisions.iter().filter(|word| word.of == fork.own_head);
    match fork.state {
        ForkState::Rejected => true,
        state if state.runs() => words.any(|word| word.edit < newest.edit),
        _ => words.next().is_some(),
    }
}
