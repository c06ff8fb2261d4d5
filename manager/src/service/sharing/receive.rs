//! Taking in what nodes report. Everything is stored before it is judged, and nothing is thrown away.

mod check;
mod returned;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use atoll_domain::canonical;
use atoll_domain::document::{AppliedReport, ApplyOutcome, Purpose, Report, RevisionReport, verify};
use atoll_domain::fleet::enrolment::identity_key;
use atoll_domain::id::{NodeId, RevisionId};
use atoll_domain::sharing::fork::ForkState;
use atoll_domain::sharing::history::Graft;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::revision::Revision;
use atoll_domain::time::Timestamp;
use serde_json::json;

use super::history::{Loaded, load};
use super::release::release_in;
use super::{fork, save};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{
    ExceptionRecord, ForkRecord, ReportProof, ResourceState, RevisionRecord, applied_put, exception_clear,
    exception_put, forks_between, forks_open, publication_list, quarantine_put, resource_get, resource_lock,
    revision_made_again, revision_report,
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
    /// Kept whole where a person sees it.
    Quarantined(String),
}

/// Takes in one report, in a transaction of its own: one bad report does not hold up the next.
///
/// # Errors
/// The database does not answer; the node keeps the report and sends it again.
pub async fn receive(services: &Services, node: &NodeRecord, signed: &SignedReport, now: Timestamp) -> Result<Outcome> {
    let taken = match read(node, signed) {
        Err(reason) => return quarantine(services, node, signed, &reason, now).await,
        Ok(Report::Applied(applied)) => receive_applied(services, node.id, &applied).await,
        Ok(Report::Revision(report)) => receive_revision(services, node, signed, &report, now).await,
        Ok(Report::Returned(report)) => returned::receive_returned(services, node, &report, now).await,
    };
    match taken {
        Err(error) if error.kind == ErrorKind::Invalid => quarantine(services, node, signed, &error.text, now).await,
        other => other,
    }
}

fn read(node: &NodeRecord, signed: &SignedReport) -> std::result::Result<Report, String> {
    let key = identity_key(&node.identity_key).map_err(|error| error.to_string())?;
    verify(Purpose::Report, &signed.report, &signed.signature, &key).map_err(|error| error.to_string())?;
    let value = canonical::parse(&signed.report).map_err(|error| error.to_string())?;
    serde_json::from_value(value).map_err(|error| format!("the report cannot be read: {error}; upgrade the manager"))
}

async fn quarantine(
    services: &Services,
    node: &NodeRecord,
    signed: &SignedReport,
    reason: &str,
    now: Timestamp,
) -> Result<Outcome> {
    let tx = services.store.begin().await?;
    let id = clock::new_id();
    // A sensitive value in the clear is nothing to keep, not even aside.
    let report: &[u8] = if reason.contains("was not sealed") { b"" } else { &signed.report };
    quarantine_put(&tx, id, node.id, report, reason, now.0).await?;
    let exception = ExceptionRecord {
        node: node.id,
        subject: format!("report {}", signed.number),
        code: "QUARANTINED".to_owned(),
        text: format!("a report of this node was kept aside as {id}: {reason}"),
        since_ms: now.0,
        revision: None,
    };
    exception_put(&tx, &exception).await?;
    tx.commit().await?;
    tracing::warn!(node = %node.name, reason, "report quarantined");
    Ok(Outcome::Quarantined(reason.to_owned()))
}

/// The parents of a revision that are not here.
fn missing_parents(loaded: &Loaded, revision: &Revision) -> Vec<RevisionId> {
    revision.header.parents.iter().filter(|id| !loaded.history.contains(**id)).copied().collect()
}

async fn receive_applied(services: &Services, node: NodeId, report: &AppliedReport) -> Result<Outcome> {
    let tx = services.store.begin().await?;
    let subject = report.resource.to_string();
    match report.outcome {
        ApplyOutcome::Applied => {
            applied_put(&tx, node, report.resource, report.revision, report.at.0).await?;
            exception_clear(&tx, node, &subject).await?;
        }
        ApplyOutcome::Failed | ApplyOutcome::Deferred => {
            let code = if report.outcome == ApplyOutcome::Failed { "APPLY_FAILED" } else { "DEFERRED" };
            let exception = ExceptionRecord {
                node,
                subject,
                code: code.to_owned(),
                text: report.text.chars().take(2_000).collect(),
                since_ms: report.at.0,
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
    report: &RevisionReport,
    now: Timestamp,
) -> Result<Outcome> {
    let invalid =
        |error: atoll_domain::sharing::revision::RevisionError| Error::invalid("BAD_REVISION", error.to_string());
    let revision = Revision::verify(report.id, report.header.clone(), report.body.as_ref()).map_err(invalid)?;
    let mut tx = services.store.begin().await?;
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
        let wish = wish_of(&tx, &loaded, node, &revision).await?;
        // What others made, and this node only held, is nobody's wish.
        if !is_own || is_settled(&tx, wish, &revision, &signed.report).await? {
            return Ok(Outcome::Duplicate);
        }
    }
    let missing = missing_parents(&loaded, &revision);
    if !missing.is_empty() && !report.lost_parents {
        return Ok(Outcome::NeedParents(missing));
    }
    check::check_revision(&tx, &loaded, &revision, report.body.as_ref()).await?;
    let proof = ReportProof { report: signed.report.clone(), signature: signed.signature.clone() };
    if !is_own {
        return returned::keep(tx, loaded, node, revision, report, proof, now).await;
    }
    let Some(mode) = edit_mode(&tx, node, &loaded).await? else {
        return Err(Error::invalid(
            "NOT_PUBLISHED",
            format!(
                "\"{}\" is not published to this node; publish it there and ask for the edit again",
                loaded.record.name
            ),
        ));
    };
    if known {
        // Who made it first stays on record; a second maker has a fork of his own.
        let is_first = loaded.provenance.get(&revision.id).is_some_and(|known| known.provenance.node == Some(node.id));
        if is_first {
            revision_made_again(&tx, revision.id, proof).await?;
        }
    } else {
        let graft = (!missing.is_empty()).then(Graft::default);
        let (revision, provenance) = (revision.clone(), report.provenance.clone());
        let record = RevisionRecord { revision, provenance, stored_ms: now.0, graft };
        loaded.add_record(&tx, record, report.body.as_ref(), Some(proof)).await?;
    }
    // What it was made from cannot be looked at, so it is not everybody's before a person has seen it.
    let mode = if !missing.is_empty() && mode == EditMode::WriteThrough { EditMode::Propose } else { mode };
    let caller = Caller::node(&node.name, now);
    let said = judge(services, &mut tx, &mut loaded, node, &revision, mode, report.base_unknown, &caller).await?;
    let detail = json!({ "revision": revision.id, "mode": mode, "author": report.provenance.author });
    caller.record(&mut tx, "node.edit", &loaded.record.name, detail);
    tx.commit().await?;
    Ok(Outcome::Stored(said))
}

/// What is on record of a node's wish for a revision. The same edit made on two nodes is one revision and two wishes.
#[derive(Debug, Clone, Copy)]
struct Wish {
    /// The node was heard about it.
    is_heard: bool,
    /// It was declined or taken back since, so that the same edit, made once more, is a new wish.
    is_closed: bool,
}

async fn wish_of(tx: &Tx, loaded: &Loaded, node: &NodeRecord, revision: &Revision) -> Result<Wish> {
    let own = forks_between(tx, node.id, loaded.record.id).await?;
    Ok(Wish {
        is_heard: own.iter().any(|fork| loaded.history.descends(fork.node_head, revision.id)),
        is_closed: own.iter().any(|fork| fork.node_head == revision.id && fork.state.is_closed()),
    })
}

/// Whether a report brings nothing new. One that merely comes twice has the same bytes.
async fn is_settled(tx: &Tx, wish: Wish, revision: &Revision, report: &[u8]) -> Result<bool> {
    if !wish.is_heard || !wish.is_closed {
        return Ok(wish.is_heard);
    }
    Ok(revision_report(tx, revision.id).await?.as_deref() == Some(report))
}

/// The edit mode of the publication that wins at this node for this resource.
pub(super) async fn edit_mode(tx: &Tx, node: &NodeRecord, loaded: &Loaded) -> Result<Option<EditMode>> {
    let publications = publication_list(tx).await?;
    let reaching = publications.iter().filter(|publication| {
        publication.selector.matches(&node.group, &node.labels)
            && publication.items.iter().any(|item| item.resource == loaded.record.id)
    });
    Ok(reaching.max_by_key(|publication| (publication.priority, publication.id)).map(|winner| winner.edit_mode))
}

/// Decides what a stored edit of a node becomes, by its edit mode.
#[expect(clippy::too_many_arguments, reason = "one decision over everything that is known of one edit")]
async fn judge(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    node: &NodeRecord,
    revision: &Revision,
    mode: EditMode,
    base_unknown: bool,
    caller: &Caller,
) -> Result<String> {
    let through = mode == EditMode::WriteThrough && !base_unknown && loaded.record.state == ResourceState::Ok;
    let mut fork = fork_of(tx, loaded, node, revision, base_unknown, caller).await?;
    if through {
        save::add_head(tx, loaded, revision.id, caller).await?;
        if loaded.record.state == ResourceState::Ok {
            let head = loaded.shown()?;
            release_in(services, caller, tx, loaded, None, head).await?;
            fork.state = ForkState::Absorbed;
            "now part of the shared resource".clone_into(&mut fork.message);
        } else {
            fork.state = ForkState::Conflict;
            "this edit and a newer one do not merge; an administrator decides".clone_into(&mut fork.message);
        }
        fork::tell(services, tx, loaded, &fork).await?;
        return Ok(fork.message);
    }
    (fork.state, fork.message) = match (mode, base_unknown) {
        (_, true) => (
            ForkState::Unapplied,
            "proposed; it does not run here because nobody knows what it was edited from".to_owned(),
        ),
        (EditMode::Fork, _) => (ForkState::Forked, "kept as this node's own".to_owned()),
        (EditMode::Locked, _) => {
            (ForkState::Unapplied, "proposed; the resource is locked by its publication since".to_owned())
        }
        (EditMode::Propose | EditMode::WriteThrough, _) => {
            (ForkState::Proposed, "runs here, and waits for an administrator".to_owned())
        }
    };
    fork::rebase(services, tx, loaded, fork, caller).await
}

/// The fork that an edit belongs to, moved on to it.
async fn fork_of(
    tx: &Tx,
    loaded: &mut Loaded,
    node: &NodeRecord,
    revision: &Revision,
    base_unknown: bool,
    caller: &Caller,
) -> Result<ForkRecord> {
    let fresh = ForkRecord {
        id: clock::new_id(),
        resource: loaded.record.id,
        node: node.id,
        head: revision.id,
        node_head: revision.id,
        state: ForkState::Proposed,
        message: String::new(),
        since_ms: caller.now.0,
        conflict: None,
    };
    // An edit that does not run is no part of the one that does, and the other way round.
    let is_running = |fork: &ForkRecord| fork.node == node.id && fork.state != ForkState::Unapplied;
    let open = forks_open(tx, loaded.record.id).await?.into_iter().find(is_running);
    let Some(mut fork) = open.filter(|_| !base_unknown) else { return Ok(fresh) };
    // The node edited on while its earlier edit was put together with a release: both count.
    let heads = super::settle::settle(tx, loaded, &BTreeSet::from([fork.head, revision.id]), caller).await?;
    match heads.first() {
        Some(head) if heads.len() == 1 => {
            fork.head = *head;
            fork.node_head = revision.id;
            Ok(fork)
        }
        // They do not merge: the earlier edit stays a proposal of its own, where an administrator sees it.
        _ => Ok(fresh),
    }
}
