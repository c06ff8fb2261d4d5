//! What goes back to a manager that has lost it: its database was restored from a backup.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Content, DocumentKey, Held, Replica, Write};
use crate::document::{Report, ReturnedReport, RevisionReport};
use crate::id::RevisionId;
use crate::link::delivery::waiting_revisions;
use crate::sharing::fork::{Fork, ForkState};
use crate::sharing::revision::{Header, Provenance};

impl Replica {
    /// Plans the delivery of revisions that the manager turned out not to have: it lost them, and this node holds them.
    /// What the manager itself said goes back as it was signed; the node's own edits go as they went the first time.
    #[must_use]
    pub fn plan_returning(&self, missing: &[RevisionId]) -> Vec<Write> {
        self.numbered(self.returning(missing))
    }

    fn returning(&self, missing: &[RevisionId]) -> Vec<Report> {
        let mut wanted: BTreeSet<RevisionId> = missing.iter().copied().collect();
        let own = self.every_edit().filter_map(own_edit);
        let signed = self.documents.values().filter_map(|held| returned(held, carried(held)?));
        let merged = self.every_edit().filter(|fork| fork.head != fork.own_head).map(running_edit);
        let reports = own.chain(signed).chain(merged);
        reports.filter(|report| report.brings().is_some_and(|id| wanted.remove(&id))).collect()
    }

    /// Documents that are about to be replaced or dropped, and with the last of them the node's own edits: the manager may have
    /// forgotten them. As many as the node holds at most, whatever the outbox has.
    #[must_use]
    pub fn return_documents(&self, keys: &[DocumentKey], is_complete: bool) -> Vec<Write> {
        let going = keys.iter().filter_map(|key| self.documents.get(key));
        let mut reports: Vec<Report> = going.filter_map(|held| returned(held, about(held)?)).collect();
        if is_complete {
            let waiting = waiting_revisions(self);
            let brought: BTreeSet<RevisionId> = reports.iter().filter_map(Report::brings).collect();
            let mut own = self.fork_revisions();
            own.retain(|revision| !waiting.contains_key(revision) && !brought.contains(revision));
            reports.extend(self.returning(&own));
        }
        self.numbered(reports)
    }

    /// The revisions to return after starting over: what was made here, and what runs instead of it.
    fn fork_revisions(&self) -> Vec<RevisionId> {
        // What lies below an edit is asked for where it is missing; told by itself it would come after what was built on it.
        let newest = self.forks.values().flat_map(|fork| std::iter::once(fork).chain(fork.aside.as_deref()));
        let kept = newest.filter(|fork| fork.state != ForkState::Rejected);
        kept.flat_map(|fork| [fork.own_head, fork.head]).collect()
    }

    /// The newest edit of each resource, the stored one below it and the one that was put aside.
    fn every_edit(&self) -> impl Iterator<Item = &Fork> {
        self.forks.values().flat_map(Fork::with_others)
    }

    fn numbered(&self, reports: Vec<Report>) -> Vec<Write> {
        (self.next_report..).zip(reports).map(|(number, report)| Write::PutReport(number, Box::new(report))).collect()
    }
}

/// The revision whose content a document brings.
fn carried(held: &Held) -> Option<RevisionId> {
    match &held.content {
        Content::Offer(offer) => Some(offer.revision),
        Content::Fork(decision) => decision.merged.as_ref().map(|merged| merged.revision),
        Content::Secret(_) | Content::KeyWrap(_) => None,
    }
}

/// The revision that a document is about, where a manager can do something with it. What became of an edit that is part
/// of a release says nothing that the release does not say.
fn about(held: &Held) -> Option<RevisionId> {
    match &held.content {
        Content::Fork(decision) if decision.state == ForkState::Absorbed => None,
        Content::Fork(decision) => carried(held).or(Some(decision.of)),
        _ => carried(held),
    }
}

fn returned(held: &Held, revision: RevisionId) -> Option<Report> {
    let brings_nothing = carried(held).is_none();
    let signed = held.signed.as_ref()?;
    let document = String::from_utf8(signed.document.clone()).ok()?;
    let signature = signed.signature.clone();
    Some(Report::Returned(Box::new(ReturnedReport {
        revision,
        document,
        signature,
        lost_parents: false,
        brings_nothing,
    })))
}

fn own_edit(fork: &Fork) -> Option<Report> {
    let base_unknown = fork.state == ForkState::Unapplied;
    match &fork.own {
        Some(own) => Some(said_with(
            fork,
            report_of(&own.header, fork.own_head, own.provenance.clone(), own.body.clone(), base_unknown),
        )),
        None => (fork.head == fork.own_head).then(|| said_with(fork, running_edit(fork))),
    }
}

/// What was said with the edit the first time decides again what becomes of it: what takes something back waits for a person.
fn said_with(fork: &Fork, mut report: Report) -> Report {
    if let Report::Revision(report) = &mut report {
        report.claimed = fork.claimed;
        report.takes_back.clone_from(&fork.takes_back);
    }
    report
}

fn running_edit(fork: &Fork) -> Report {
    report_of(&fork.header, fork.head, fork.provenance.clone(), fork.body.clone(), fork.state == ForkState::Unapplied)
}

pub(super) fn report_of(
    header: &Header,
    id: RevisionId,
    provenance: Provenance,
    body: Option<Value>,
    base_unknown: bool,
) -> Report {
    let header = header.clone();
    Report::Revision(Box::new(RevisionReport {
        id,
        header,
        provenance,
        body,
        base_unknown,
        lost_parents: false,
        claimed: None,
        takes_back: Vec::new(),
    }))
}
