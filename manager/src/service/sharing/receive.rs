//! Taking in what nodes report. Everything is stored before it is judged, and nothing is thrown away.

mod check;
mod returned;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use atoll_domain::canonical;
use atoll_domain::document::{AppliedReport, ApplyOutcome, Purpose, Report, RevisionReport, verify};
use atoll_domain::fleet::enrolment::identity_key;
use atoll_domain::id::{NodeId, ResourceId, RevisionId};
use atoll_domain::sharing::fork::{Delivery, ForkEvent, ForkState};
use atoll_domain::sharing::history::Graft;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::revision::Revision;
use atoll_domain::terminal::kept;
use atoll_domain::time::Timestamp;
use serde_json::json;

use super::fork;
use super::history::{Loaded, load};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{
    ExceptionRecord, ForkRecord, ReportProof, RevisionRecord, applied_put, exception_clear, exception_outdated,
    exception_put, forks_between, forks_of, quarantine_put, resource_get, resource_lock, revision_made_again,
    revision_report,
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
        Err(reason) => return reject(services, node, signed, &reason, now).await,
        Ok(Report::Applied(applied)) => receive_applied(services, node.id, &applied).await,
        Ok(Report::Revision(report)) => receive_revision(services, node, signed, *report, now).await,
        Ok(Report::Returned(report)) => returned::receive_returned(services, node, &report, now).await,
    };
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
    quarantine_put(tx, clock::new_id(), node.id, b"", reason, now.0).await?;
    let exception = ExceptionRecord {
        node: node.id,
        subject: format!("report {number}"),
        code: "REJECTED_REPORT".to_owned(),
        text: format!("a report of this node was rejected: {reason}"),
        since_ms: now.0,
        revision: None,
    };
    exception_put(tx, &exception).await?;
    tracing::warn!(node = %node.name, reason, "report rejected");
    Ok(())
}

/// The parents of a revision that are not here.
fn missing_parents(loaded: &Loaded, revision: &Revision) -> Vec<RevisionId> {
    revision.header.parents.iter().filter(|id| !loaded.history.contains(**id)).copied().collect()
}

/// What an exception about an edit is about that was refused on its node.
fn edit_subject(resource: ResourceId) -> String {
    format!("edit/{resource}")
}

async fn receive_applied(services: &Services, node: NodeId, report: &AppliedReport) -> Result<Outcome> {
    // Of what is not there nothing is kept: a node may name as many as it likes.
    if resource_get(&services.store, report.resource).await?.is_none() {
        return Ok(Outcome::Stored(String::new()));
    }
    let tx = services.store.begin().await?;
    let subject = report.resource.to_string();
    match report.outcome {
        ApplyOutcome::Applied => {
            applied_put(&tx, node, report.resource, report.revision, report.at.within_bounds().0).await?;
            exception_clear(&tx, node, &subject).await?;
            // That the file is as it should be again says nothing of the edit that was put aside for it: whoever made that has
            // to see it until something newer comes.
            exception_outdated(&tx, node, &edit_subject(report.resource), &report.revision.to_string()).await?;
        }
        ApplyOutcome::Failed | ApplyOutcome::Deferred | ApplyOutcome::EditRefused => {
            let code = match report.outcome {
                ApplyOutcome::Failed => "APPLY_FAILED",
                ApplyOutcome::EditRefused => "EDIT_REFUSED",
                ApplyOutcome::Deferred | ApplyOutcome::Applied => "DEFERRED",
            };
            let is_edit = report.outcome == ApplyOutcome::EditRefused;
            let exception = ExceptionRecord {
                node,
                subject: if is_edit { edit_subject(report.resource) } else { subject },
                code: code.to_owned(),
                text: kept(&report.text, 2_000),
                since_ms: report.at.within_bounds().0,
                revision: Some(report.revision.to_string()),
            };
            exception_put(&tx, &exception).await?;
        }
    }
    tx.commit().await?;
    Ok(Outcome::Stored(String::new()))
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
    let cannot_run = match check::check_revision(&tx, &loaded, &revision, report.body.as_ref()).await {
        Err(error) if error.reason == "MOVED_SECRET" && is_own && !missing.is_empty() => Some(error.text),
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
    let edit = Edit { node, revision: &revision, report, is_rootless: !missing.is_empty() };
    if let Some(reason) = cannot_run {
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, &reason, &caller).await;
    }
    if let Err(refused) = check::check_rules(loaded.record.kind, report.body.as_ref()) {
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, &refused.text, &caller).await;
    }
    let Some(mode) = fork::mode_at(&tx, &loaded, node).await? else {
        let reason = format!(
            "\"{}\" is not published to this node; publish it there and ask for the edit again",
            loaded.record.name
        );
        return keep_rejected(services, tx, &mut loaded, &edit, signed.number, &reason, &caller).await;
    };
    if (report.base_unknown || mode == EditMode::Locked) && too_many_wait(&tx, node).await? {
        let reason =
            format!("{WAITING_LIMIT} edits of this node wait for an administrator already; decide about those first");
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

/// What is kept of the paths at which an edit says that it takes something back.
fn bounded(takes_back: &[Path]) -> Vec<Path> {
    let size = |path: &Path| path.0.iter().map(String::len).sum::<usize>();
    let short = |path: &Path| if size(path) > TAKES_BACK_PATH_LIMIT_BYTES { Path::root() } else { path.clone() };
    takes_back.iter().take(TAKES_BACK_LIMIT).map(short).collect()
}

/// An edit of a node that is stored.
struct Edit<'a> {
    node: &'a NodeRecord,
    revision: &'a Revision,
    report: &'a RevisionReport,
    /// What it was made from cannot be looked at.
    is_rootless: bool,
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

/// What is on record of a node's wish for a revision. The same edit made on two nodes is one revision and two wishes.
#[derive(Debug, Clone, Copy)]
struct Wish {
    /// The node was heard about it.
    is_heard: bool,
    /// It was declined or taken back since, so that the same edit, made once more, is a new wish.
    is_closed: bool,
    /// What came is not made once more: the node made it when the one was made that is closed.
    is_the_same: bool,
}

async fn wish_of(tx: &Tx, loaded: &Loaded, node: &NodeRecord, revision: &Revision, made: Timestamp) -> Result<Wish> {
    let own = forks_between(tx, node.id, loaded.record.id).await?;
    Ok(Wish {
        is_heard: own.iter().any(|fork| loaded.history.descends(fork.node_head, revision.id)),
        is_closed: own.iter().any(|fork| fork.node_head == revision.id && fork.state.is_closed()),
        is_the_same: own.iter().any(|fork| fork.node_head == revision.id && fork.made_ms == Some(made.0)),
    })
}

/// Whether a report brings nothing new: it merely comes twice, or tells once more of an edit that is decided.
async fn is_settled(tx: &Tx, wish: Wish, revision: &Revision, report: &[u8]) -> Result<bool> {
    if !wish.is_heard || !wish.is_closed {
        return Ok(wish.is_heard);
    }
    if wish.is_the_same {
        return Ok(true);
    }
    Ok(revision_report(tx, revision.id).await?.as_deref() == Some(report))
}

/// Decides what a stored edit of a node becomes, by its edit mode.
async fn judge(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    edit: &Edit<'_>,
    mode: EditMode,
    caller: &Caller,
) -> Result<String> {
    let delivery = match edit.report.base_unknown {
        true => Delivery::Unapplied,
        false => fork::delivery_of(mode),
    };
    let mut fork = fork_of(tx, loaded, edit, delivery, mode, caller).await?;
    fork.on(ForkEvent::Delivered(delivery))?;
    fork.message = match (delivery, edit.report.base_unknown) {
        (Delivery::Unapplied, true) => {
            "proposed; it does not run here because nobody knows what it was edited from".to_owned()
        }
        (Delivery::Unapplied, false) => "proposed; the resource is locked by its publication since".to_owned(),
        _ => fork::said_of(delivery, &fork.takes_back_text()),
    };
    if fork.through {
        return fork::write_through(services, tx, loaded, fork, edit.node, caller).await;
    }
    fork::rebase(services, tx, loaded, fork, caller).await
}

/// Edits of one node that wait without running. Each of those is a proposal of its own, so a program that saves in a loop
/// would fill the list of everybody.
const WAITING_LIMIT: usize = 100;

async fn too_many_wait(tx: &Tx, node: &NodeRecord) -> Result<bool> {
    let forks = forks_of(tx, node.id).await?;
    Ok(forks.iter().filter(|fork| !fork.state.is_closed() && fork.delivery == Delivery::Unapplied).count()
        >= WAITING_LIMIT)
}

/// A fork as it begins, whatever else is said with its edit.
fn fresh_fork(resource: ResourceId, node: NodeId, head: RevisionId, delivery: Delivery, caller: &Caller) -> ForkRecord {
    ForkRecord {
        id: clock::new_id(),
        resource,
        node,
        head,
        node_head: head,
        state: ForkState::Local,
        message: String::new(),
        since_ms: caller.now.0,
        conflict: None,
        delivery,
        through: false,
        claimed: None,
        takes_back: Vec::new(),
        edit: clock::new_id(),
        made_ms: None,
    }
}

fn fork_with(edit: &Edit<'_>, delivery: Delivery, through: bool, caller: &Caller) -> ForkRecord {
    ForkRecord {
        through,
        claimed: edit.report.claimed,
        takes_back: edit.report.takes_back.clone(),
        made_ms: Some(edit.report.provenance.at.0),
        ..fresh_fork(edit.revision.header.resource, edit.node.id, edit.revision.id, delivery, caller)
    }
}

/// Paths that are kept of what an edit says it takes back.
const TAKES_BACK_LIMIT: usize = 100;

/// Longest of them that is kept; a longer one is said to be somewhere in the content.
const TAKES_BACK_PATH_LIMIT_BYTES: usize = 1_000;

/// The fork that an edit belongs to, moved on to it.
async fn fork_of(
    tx: &Tx,
    loaded: &mut Loaded,
    edit: &Edit<'_>,
    delivery: Delivery,
    mode: EditMode,
    caller: &Caller,
) -> Result<ForkRecord> {
    // What takes something back waits for a person, and so does what nobody can hold against its parents.
    let may_go_through = mode == EditMode::WriteThrough
        && delivery == Delivery::Proposed
        && !edit.is_rootless
        && edit.report.takes_back.is_empty();
    let fresh = fork_with(edit, delivery, may_go_through, caller);
    // An edit that does not run is no part of the one that does, and the other way round.
    let is_running = |fork: &ForkRecord| {
        !fork.state.is_closed() && fork.delivery != Delivery::Unapplied && delivery != Delivery::Unapplied
    };
    let forks = forks_between(tx, edit.node.id, loaded.record.id).await?;
    let mut open: Vec<ForkRecord> = forks.into_iter().filter(is_running).collect();
    open.sort_by_key(|fork| std::cmp::Reverse(fork.edit));
    let contained = open.iter().find(|fork| {
        loaded.history.descends(edit.revision.id, fork.head)
            || loaded.history.descends(edit.revision.id, fork.node_head)
    });
    if let Some(fork) = contained {
        // What waits for a person is not carried through by the next edit on top of it.
        let through = may_go_through && (fork.through || fork.state == ForkState::Accepted);
        let (id, since_ms, conflict) = (fork.id, fork.since_ms, fork.conflict);
        let mut takes_back = fork.takes_back.clone();
        takes_back.extend(fresh.takes_back.iter().filter(|path| !fork.takes_back.contains(path)).cloned());
        takes_back.truncate(TAKES_BACK_LIMIT);
        let head = moved_head(tx, loaded, fork, edit, caller).await?;
        if let Some(head) = head {
            return Ok(ForkRecord { id, since_ms, conflict, through, takes_back, head, state: fork.state, ..fresh });
        }
    }
    // Two edits beside each other: where they merge, both count. An older one that waits is never closed by a newer one.
    if let Some(fork) = open.first().filter(|_| !may_go_through && contained.is_none()) {
        let heads = super::settle::settle(tx, loaded, &BTreeSet::from([fork.head, edit.revision.id]), caller).await?;
        if let (Some(head), 1) = (heads.first(), heads.len()) {
            let (id, since_ms, conflict, state) = (fork.id, fork.since_ms, fork.conflict, fork.state);
            return Ok(ForkRecord { id, since_ms, conflict, state, head: *head, ..fresh });
        }
    }
    Ok(fresh)
}

/// The head of a fork after an edit on top of the node's earlier one. What a person made of that one stays part of it.
async fn moved_head(
    tx: &Tx,
    loaded: &mut Loaded,
    fork: &ForkRecord,
    edit: &Edit<'_>,
    caller: &Caller,
) -> Result<Option<RevisionId>> {
    if loaded.history.descends(edit.revision.id, fork.head) {
        return Ok(Some(edit.revision.id));
    }
    let heads = super::settle::settle(tx, loaded, &BTreeSet::from([fork.head, edit.revision.id]), caller).await?;
    Ok(heads.first().copied().filter(|_| heads.len() == 1))
}
