//! Taking in what nodes report. Everything is stored before it is judged, and nothing is thrown away.

mod applied;
mod check;
mod judge;
mod returned;
#[cfg(test)]
mod tests;

use atoll_domain::canonical;
use atoll_domain::document::{Purpose, Report, RevisionReport, verify};
use atoll_domain::fleet::enrolment::identity_key;
use atoll_domain::id::RevisionId;
use atoll_domain::sharing::fork::{Delivery, ForkEvent, ForkState};
use atoll_domain::sharing::history::Graft;
use atoll_domain::sharing::revision::Revision;
use atoll_domain::terminal::kept;
use atoll_domain::time::Timestamp;
use serde_json::json;

use self::judge::{Edit, bounded, fork_with, fresh_fork, is_settled, judge, too_many, wish_of};
use super::fork;
use super::history::{Loaded, load};
use crate::error::{Error, ErrorKind, Result};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{
    ExceptionRecord, ForkRecord, ReportProof, RevisionRecord, exception_put, exceptions_trim, forks_between, forks_of,
    resource_get, resource_lock, revision_made_again,
};

/// A report as it came.
#[derive(Debug)]
pub struct SignedReport {
    pub number: u64,
    pub report: Vec<u8>,
    pub signature: Vec<u8>,
}

/// What became of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Stored(String),
    Duplicate,
    NeedParents(Vec<RevisionId>),
    /// Not acted on, with the reason. The node stops what it told of.
    Rejected(String),
}

/// Takes in one report, in a transaction of its own: one bad report does not hold up the next.
///
/// # Errors
/// The database does not answer; the node keeps the report and sends it again.
pub async fn receive(services: &Services, node: &NodeRecord, signed: &SignedReport, now: Timestamp) -> Result<Outcome> {
    let taken = match read(node, signed) {
        Err(reason) => return reject(services, node, signed, &kept(&reason, REASON_LIMIT), now).await,
        Ok(Report::Applied(report)) => applied::receive_applied(services, node.id, &report).await,
        Ok(Report::Revision(report)) => receive_revision(services, node, signed, *report, now).await,
        Ok(Report::Returned(report)) => returned::receive_returned(services, node, &report, now).await,
    };
    let taken = taken.map_err(|error| error.shortened(REASON_LIMIT));
    match taken {
        // What speaks against this report will speak against it again; only what passes by itself is tried again, or one
        // report would hold up all that the node says after it.
        Err(error) if is_final(error.kind) => reject(services, node, signed, &error.text, now).await,
        other => other,
    }
}

fn is_final(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Invalid
        | ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::Precondition
        | ErrorKind::Denied => true,
        ErrorKind::Unauthenticated
        | ErrorKind::Aborted
        | ErrorKind::Exhausted
        | ErrorKind::Unavailable
        | ErrorKind::Internal => false,
    }
}

fn read(node: &NodeRecord, signed: &SignedReport) -> std::result::Result<Report, String> {
    let key = identity_key(&node.identity_key).map_err(|error| error.to_string())?;
    verify(Purpose::Report, &signed.report, &signed.signature, &key).map_err(|error| error.to_string())?;
    let value = canonical::parse_report(&signed.report).map_err(|error| error.to_string())?;
    serde_json::from_value(value).map_err(|error| format!("the report cannot be read: {error}; upgrade the manager"))
}

const REJECTED_REPORT: &str = "REJECTED_REPORT";

/// Longest reason, in characters. What speaks against a report may repeat as much of it as there is.
const REASON_LIMIT: usize = 2_000;

/// Rejected reports that are told of for one node: the newest ones say what is wrong with it.
const REJECTIONS_LIMIT: u64 = 100;

/// Notes that a report was rejected. Only the reason is kept: what could be kept of it is in the history by then, and the
/// rest may hold what must not be kept.
async fn reject(
    services: &Services,
    node: &NodeRecord,
    signed: &SignedReport,
    reason: &str,
    now: Timestamp,
) -> Result<Outcome> {
    let tx = services.store.begin().await?;
    note_rejection(&tx, node, signed.number, reason, now).await?;
    tx.commit().await?;
    Ok(Outcome::Rejected(reason.to_owned()))
}

async fn note_rejection(tx: &Tx, node: &NodeRecord, number: u64, reason: &str, now: Timestamp) -> Result<()> {
    let exception = ExceptionRecord {
        node: node.id,
        subject: format!("report {number}"),
        code: REJECTED_REPORT.to_owned(),
        text: format!("a report of this node was rejected: {reason}"),
        since_ms: now.0,
        revision: None,
    };
    exception_put(tx, &exception).await?;
    exceptions_trim(tx, node.id, REJECTED_REPORT, REJECTIONS_LIMIT).await?;
    Ok(())
}

/// The parents of a revision that are not here.
fn missing_parents(loaded: &Loaded, revision: &Revision) -> Vec<RevisionId> {
    revision.header.parents.iter().filter(|id| !loaded.history.contains(**id)).copied().collect()
}

async fn receive_revision(
    services: &Services,
    node: &NodeRecord,
    signed: &SignedReport,
    mut report: RevisionReport,
    now: Timestamp,
) -> Result<Outcome> {
    let invalid =
        |error: atoll_domain::sharing::revision::RevisionError| Error::invalid("BAD_REVISION", error.to_string());
    let revision = Revision::verify(report.id, report.header.clone(), report.body.as_ref()).map_err(invalid)?;
    check::check_header(&revision)?;
    report.provenance = report.provenance.bounded(revision.header.kind);
    report.takes_back = bounded(&report.takes_back);
    let report = &report;
    let made_again = merges_made_again(services, node, &revision).await?;
    let mut tx = services.store.begin_ordered().await?;
    resource_lock(&tx, revision.header.resource).await?;
    let Some(record) = resource_get(&tx, revision.header.resource).await? else {
        let parents = &revision.header.parents;
        // The database may have been restored to before the resource: the node has it then, and sends it first.
        if !parents.is_empty() && !report.lost_parents {
            return Ok(Outcome::NeedParents(parents.iter().copied().collect()));
        }
        return Err(Error::invalid(
            "UNKNOWN_RESOURCE",
            "the report is about a resource that this manager does not have",
        ));
    };
    if record.kind != revision.header.kind {
        return Err(Error::invalid("BAD_REVISION", "the revision is of another kind than its resource"));
    }
    let mut loaded = load(&tx, record).await?;
    let known = loaded.history.contains(revision.id);
    let is_own = report.provenance.node == Some(node.id);
    if known {
        let wish = wish_of(&tx, &loaded, node, &revision, report.provenance.at).await?;
        // What others made, and this node only held, is nobody's wish.
        if !is_own || is_settled(&tx, wish, &revision, &signed.report).await? {
            return answer_again(services, tx, &mut loaded, node, &revision, is_own, now).await;
        }
    }
    for fork::Together { revision, body } in made_again {
        let provenance = loaded.merge_provenance(&revision.header.parents);
        loaded.add(&tx, revision, provenance, body.as_ref(), None, now).await?;
    }
    let missing = missing_parents(&loaded, &revision);
    if !missing.is_empty() && !report.lost_parents {
        return Ok(Outcome::NeedParents(missing));
    }
    // Against a parent that is lost nothing can be checked, and the edit is somebody's work all the same.
    let rests_on_lost = revision.header.parents.iter().any(|id| check::rests_on_what_is_lost(&loaded, *id));
    let rests_on_lost = rests_on_lost || !missing.is_empty();
    let cannot_run = match check::check_revision(&tx, &loaded, &revision, report.body.as_ref()).await {
        Err(error) if error.reason == "MOVED_SECRET" && is_own && rests_on_lost => Some(error.text),
        checked => checked.map(|()| None)?,
    };
    let proof = ReportProof { report: signed.report.clone(), signature: signed.signature.clone() };
    if !is_own {
        return returned::keep(tx, loaded, node, revision, report, proof, now).await;
    }
    if known {
        // Who made it first stays on record; a second maker has a fork of his own.
        let is_first = loaded.provenance.get(&revision.id).is_some_and(|known| known.provenance.node == Some(node.id));
        if is_first {
            revision_made_again(&tx, revision.id, proof).await?;
        }
    } else {
        let graft = (!missing.is_empty()).then(Graft::unknown);
        let (revision, provenance) = (revision.clone(), report.provenance.clone());
        let record = RevisionRecord { revision: revision.into(), provenance, stored_ms: now.0, graft };
        loaded.add_record(&tx, record, report.body.as_ref(), Some(proof)).await?;
    }
    let caller = Caller::node(&node.name, now);
    let before = forks_between(&tx, node.id, loaded.record.id).await?;
    let edit = Edit { node, revision: &revision, report, is_rootless: !missing.is_empty(), before: &before };
    if let Some(reason) = cannot_run {
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, &reason, &caller).await;
    }
    if let Err(refused) = check::check_rules(&tx, &loaded, report.body.as_ref()).await {
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, &refused.text, &caller).await;
    }
    let Some(mode) = fork::mode_at(&tx, &loaded, node).await? else {
        // What it is called by now is nothing that the node was told.
        let reason = "this resource is not published to this node; publish it to this node, then make the edit again";
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, reason, &caller).await;
    };
    if revision.header.tombstone {
        let reason = "a node cannot delete what is shared with it; delete it at the manager";
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, reason, &caller).await;
    }
    if let Some(reason) = too_many(&tx, &loaded, &edit, mode).await? {
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, &reason, &caller).await;
    }
    let said = judge(services, &mut tx, &mut loaded, &edit, mode, &caller).await?;
    let detail = json!({ "revision": revision.id, "mode": mode, "author": report.provenance.author });
    caller.record(&mut tx, "node.edit", &loaded.record.name, detail);
    tx.commit().await?;
    Ok(Outcome::Stored(said))
}

/// The parents of a revision that are not here and can be made again, before anybody has to wait for it.
async fn merges_made_again(services: &Services, node: &NodeRecord, revision: &Revision) -> Result<Vec<fork::Together>> {
    let Some(record) = resource_get(&services.store, revision.header.resource).await? else { return Ok(Vec::new()) };
    let loaded = load(&services.store, record).await?;
    let missing = missing_parents(&loaded, revision);
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    fork::made_again(&services.store, &loaded, node, &missing).await
}

/// A node says again what is known: it has lost the answer, or its data went back. It is told what counts now.
async fn answer_again(
    services: &Services,
    mut tx: Tx,
    loaded: &mut Loaded,
    node: &NodeRecord,
    revision: &Revision,
    is_own: bool,
    now: Timestamp,
) -> Result<Outcome> {
    let forks = forks_between(&tx, node.id, loaded.record.id).await?;
    let about = forks.iter().filter(|fork| loaded.history.descends(fork.node_head, revision.id));
    let Some(fork) = about.max_by_key(|fork| (fork.node_head == revision.id, fork.edit)).filter(|_| is_own) else {
        return Ok(Outcome::Duplicate);
    };
    if fork.state == ForkState::Rejected {
        return Ok(Outcome::Rejected(fork.message.clone()));
    }
    // The word is about the revision that the node has: it knows of no newer one of its own.
    fork::say_again(services, &mut tx, loaded, fork.clone(), revision.id, &Caller::node(&node.name, now)).await?;
    tx.commit().await?;
    Ok(Outcome::Duplicate)
}

/// Edits of one node that are rejected within a day and kept all the same: a program that saves in a loop would fill the
/// history and the list of everybody. Each is kept on its node in any case.
const REJECTED_LIMIT: usize = 100;

async fn rejected_lately(tx: &Tx, node: &NodeRecord, now: Timestamp) -> Result<usize> {
    let is_of_late = |fork: &ForkRecord| now.0.saturating_sub(fork.since_ms) < 86_400_000;
    let forks = forks_of(tx, node.id).await?;
    Ok(forks.iter().filter(|fork| fork.state == ForkState::Rejected && is_of_late(fork)).count())
}

/// An edit that is not acted on and that is nobody's to lose: it stays in the history, and is listed as rejected.
async fn keep_rejected(
    services: &Services,
    mut tx: Tx,
    loaded: &mut Loaded,
    edit: &Edit<'_>,
    number: u64,
    reason: &str,
    caller: &Caller,
) -> Result<Outcome> {
    if rejected_lately(&tx, edit.node, caller.now).await? >= REJECTED_LIMIT {
        let text = format!(
            "{reason}; {REJECTED_LIMIT} edits of this node were rejected within a day, so this one is kept there only"
        );
        return Err(Error::invalid("TOO_MANY_REJECTED", text));
    }
    let reason = &kept(reason, REASON_LIMIT);
    let mut fork = fork_with(edit, Delivery::Unapplied, false, caller);
    fork.on(ForkEvent::Rejected)?;
    reason.clone_into(&mut fork.message);
    fork::tell(services, &mut tx, loaded, &fork, None).await?;
    note_rejection(&tx, edit.node, number, reason, caller.now).await?;
    let detail = json!({ "revision": edit.revision.id, "reason": reason });
    caller.record(&mut tx, "node.edit.reject", &loaded.record.name, detail);
    tx.commit().await?;
    Ok(Outcome::Rejected(reason.to_owned()))
}
