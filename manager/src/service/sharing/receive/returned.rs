//! What nodes return to a manager that has lost it: its database was restored from a backup.
//!
//! What carries the manager's own signature is its own word, and counts as it counted before. Everything else is history,
//! and runs nowhere before an administrator has looked at it.

use std::collections::BTreeSet;

use atoll_domain::document::{Audience, Document, DocumentKind, ReturnedReport, RevisionReport};
use atoll_domain::fleet::name::folded;
use atoll_domain::id::RevisionId;
use atoll_domain::sharing::fork::{Delivery, ForkDecision, ForkEvent, ForkState, MergedFork};
use atoll_domain::sharing::history::{Graft, Meeting};
use atoll_domain::sharing::offer::Offer;
use atoll_domain::sharing::path::TouchedPaths;
use atoll_domain::sharing::revision::{Origin, Provenance, Revision, RevisionError};
use atoll_domain::sharing::touched::difference;
use atoll_domain::time::Timestamp;
use serde_json::json;

use super::{Outcome, fresh_fork, missing_parents};
use crate::error::{Error, Result};
use crate::service::sharing::history::{Loaded, load, read_ahead};
use crate::service::sharing::release::release_in;
use crate::service::sharing::{fork, offer, save};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{
    ForkRecord, ReleaseRecord, ReportProof, ResourceRecord, ResourceState, RevisionRecord, forks_between, forks_open,
    release_create, release_list, resource_create, resource_free_key, resource_get, resource_lock, resource_named,
};

/// Takes back a document that the manager signed itself.
pub(super) async fn receive_returned(
    services: &Services,
    node: &NodeRecord,
    report: &ReturnedReport,
    now: Timestamp,
) -> Result<Outcome> {
    let bad = |error: atoll_domain::document::DocumentError| Error::invalid("BAD_DOCUMENT", error.to_string());
    let key = services.keys.documents.verifying_key();
    let document = Document::open(report.document.as_bytes(), &report.signature, &key).map_err(bad)?;
    match document.kind {
        DocumentKind::Resource => {
            take_offer(services, node, &document.read().map_err(bad)?, report.lost_parents, now).await
        }
        DocumentKind::Fork if document.audience == Audience::Node(node.id) => {
            take_decision(services, node, &document.read().map_err(bad)?, report.lost_parents, now).await
        }
        _ => Err(Error::invalid("BAD_DOCUMENT", "a node returns what was offered to it and what was said to it alone")),
    }
}

/// What was released becomes released again, unless something newer is here.
async fn take_offer(
    services: &Services,
    node: &NodeRecord,
    offer: &Offer,
    is_lost: bool,
    now: Timestamp,
) -> Result<Outcome> {
    let revision = Revision::verify(offer.revision, offer.header.clone(), Some(&offer.body)).map_err(bad_revision)?;
    read_ahead(&services.store, offer.resource).await?;
    let mut tx = services.store.begin_ordered().await?;
    resource_lock(&tx, offer.resource).await?;
    let caller = Caller::node(&node.name, now);
    let record = match resource_get(&tx, offer.resource).await? {
        Some(record) => record,
        None => create(&mut tx, offer, &caller).await?,
    };
    let mut loaded = load(&tx, record).await?;
    let releases = release_list(&tx, offer.resource).await?;
    let known = loaded.history.contains(revision.id);
    if known && releases.iter().any(|release| release.version == offer.version) {
        return Ok(Outcome::Duplicate);
    }
    let missing = missing_parents(&loaded, &revision);
    if !known && !missing.is_empty() && !is_lost {
        return Ok(Outcome::NeedParents(missing));
    }
    let is_newest = releases.first().is_none_or(|newest| offer.version > newest.version);
    if !known {
        let graft = match missing.is_empty() {
            true => None,
            false => Some(graft_of(&tx, &loaded, offer, is_newest).await?),
        };
        let (revision, provenance) = (revision.clone(), offer.provenance.clone().bounded(offer.kind));
        let record = RevisionRecord { revision: revision.into(), provenance, stored_ms: now.0, graft };
        loaded.add_record(&tx, record, Some(&offer.body), None).await?;
    }
    if is_newest {
        bring_forward(services, &mut tx, &mut loaded, offer, &caller).await?;
    } else if releases.iter().all(|release| release.version != offer.version) {
        // An older version: whoever is pinned to it finds it again.
        release_create(&tx, offer.resource, &release_of(offer, &caller)).await?;
        offer::refresh_resource(services, &mut tx, &loaded).await?;
    }
    if !known && !is_newest {
        let message = format!(
            "was released as {} before the manager's database was restored, and is in nothing that was released since",
            offer.version
        );
        ask_about(services, &mut tx, &loaded, (node, revision.id), message, &caller).await?;
    }
    let detail = json!({ "revision": revision.id, "version": offer.version });
    caller.record(&mut tx, "node.return", &loaded.record.name, detail);
    tx.commit().await?;
    Ok(Outcome::Stored("the manager had lost it, and has it again".to_owned()))
}

/// Something is back that nothing which counts now is built on: whether any of it is wanted is for a person to say.
async fn ask_about(
    services: &Services,
    tx: &mut Tx,
    loaded: &Loaded,
    (node, revision): (&NodeRecord, RevisionId),
    message: String,
    caller: &Caller,
) -> Result<()> {
    let open = forks_open(tx, loaded.record.id).await?;
    let mut places = loaded.record.heads.iter().copied().chain(open.iter().map(|fork| fork.head));
    if places.any(|place| loaded.history.descends(place, revision)) {
        return Ok(());
    }
    let made_ms = loaded.provenance.get(&revision).map(|record| record.provenance.at.0);
    let fresh = fresh_fork(loaded.record.id, node.id, revision, Delivery::Unapplied, caller);
    let mut fork = ForkRecord { message, made_ms, ..fresh };
    fork.on(ForkEvent::Delivered(Delivery::Unapplied))?;
    fork::tell(services, tx, loaded, &fork, None).await
}

fn release_of(offer: &Offer, caller: &Caller) -> ReleaseRecord {
    ReleaseRecord {
        version: offer.version,
        revision: offer.revision,
        at_ms: caller.now.0,
        released_by: caller.name.clone(),
    }
}

/// A resource that was made after the backup.
async fn create(tx: &mut Tx, offer: &Offer, caller: &Caller) -> Result<ResourceRecord> {
    // Another one may have the name by now. Both are kept, and one of them is to be renamed: what a node brings back may be
    // nowhere else.
    let other = resource_named(tx, offer.kind, &offer.name).await?;
    let name_key = match other.filter(|other| other.state != ResourceState::Deleted) {
        None => folded(&offer.name),
        Some(_) => {
            caller.record(tx, "name.collide", &offer.name, json!({ "kind": offer.kind, "resource": offer.resource }));
            resource_free_key(tx, offer.kind, &offer.name).await?
        }
    };
    let record = ResourceRecord {
        id: offer.resource,
        kind: offer.kind,
        name: offer.name.clone(),
        text_mode: offer.kind.default_text_mode(),
        state: ResourceState::Ok,
        heads: BTreeSet::new(),
        heads_version: 1,
        released: None,
        changed_ms: caller.now.0,
        changed_by: caller.name.clone(),
        name_key,
    };
    resource_create(tx, &record).await?;
    Ok(record)
}

/// What stands for the lost parents of a release. The newest version contains what was released here, if that is what the
/// backup brought: then nothing is asked. Drafts it need not contain, since a node's edit is released without them; and where
/// something may have been written after the restore, every difference is a question: the clock decides between taking and
/// asking, never between two contents.
async fn graft_of(tx: &Tx, loaded: &Loaded, offer: &Offer, is_newest: bool) -> Result<Graft> {
    let Provenance { node, at, .. } = &offer.provenance;
    let is_older = |head: &RevisionId| {
        let stored = loaded.provenance.get(head).map(|record| record.stored_ms);
        stored.is_some_and(|stored| stored <= at.0) && !loaded.history.names(*head, offer.revision)
    };
    // A node's clock is nothing to go by.
    let may_follow = is_newest && node.is_none() && loaded.record.heads.iter().all(is_older);
    let Some((_, released)) = loaded.record.released.filter(|_| may_follow) else {
        return Ok(Graft::unknown());
    };
    let before = loaded.body(tx, released).await?;
    let mut touched = TouchedPaths::default();
    touched.extend(&difference(before.as_ref(), Some(&offer.body)));
    Ok(Graft { parents: BTreeSet::from([released]), touched })
}

/// The newest version counts for everybody again, as far as it merges with what is here.
async fn bring_forward(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    offer: &Offer,
    caller: &Caller,
) -> Result<()> {
    save::add_head(tx, loaded, offer.revision, caller).await?;
    let history = &loaded.history;
    let follows = loaded.record.released.is_none_or(|(_, released)| {
        history.descends(offer.revision, released) || history.descends(released, offer.revision)
    });
    // What was released since the restore is not taken away from the nodes by what was released before.
    if follows && loaded.record.state == ResourceState::Ok {
        // What is released again as it was before the restore is nothing that a person could be asked about.
        let caller = &caller.clone().widening(true);
        release_in(services, caller, tx, loaded, Some(offer.version), offer.revision).await?;
    }
    Ok(())
}

/// What was said about the node's own edit is so again: what it was put together to, and whether it was declined.
async fn take_decision(
    services: &Services,
    node: &NodeRecord,
    decision: &ForkDecision,
    is_lost: bool,
    now: Timestamp,
) -> Result<Outcome> {
    read_ahead(&services.store, decision.resource).await?;
    let mut tx = services.store.begin_ordered().await?;
    resource_lock(&tx, decision.resource).await?;
    let record = match resource_get(&tx, decision.resource).await? {
        Some(record) => record,
        None if !is_lost => return Ok(Outcome::NeedParents(vec![decision.of])),
        None => return Err(Error::invalid("UNKNOWN_RESOURCE", "the resource is not here, and nobody has it")),
    };
    let mut loaded = load(&tx, record).await?;
    let mut missing: Vec<RevisionId> =
        Some(decision.of).filter(|of| !loaded.history.contains(*of)).into_iter().collect();
    let merged = decision.merged.as_ref().map(verified).transpose()?;
    let is_new = !missing.is_empty() || merged.as_ref().is_some_and(|merged| !loaded.history.contains(merged.id));
    if let Some(merged) = &merged {
        missing.extend(missing_parents(&loaded, merged).into_iter().filter(|id| *id != decision.of));
    }
    if !missing.is_empty() && !is_lost {
        return Ok(Outcome::NeedParents(missing));
    }
    if let (Some(revision), Some(said)) = (merged, &decision.merged) {
        let graft = (!missing_parents(&loaded, &revision).is_empty()).then(Graft::unknown);
        let provenance = said.provenance.clone().bounded(loaded.record.kind);
        let record = RevisionRecord { revision: revision.into(), provenance, stored_ms: now.0, graft };
        loaded.add_record(&tx, record, said.body.as_ref(), None).await?;
    }
    let caller = Caller::node(&node.name, now);
    let said = say_again(services, &mut tx, &mut loaded, node, decision, &caller).await?;
    // Said once more, it brings nothing back.
    if is_new {
        let detail = json!({ "revision": decision.of, "state": decision.state });
        caller.record(&mut tx, "node.return", &loaded.record.name, detail);
    }
    tx.commit().await?;
    Ok(Outcome::Stored(said))
}

fn verified(merged: &MergedFork) -> Result<Revision> {
    Revision::verify(merged.revision, merged.header.clone(), merged.body.as_ref()).map_err(bad_revision)
}

async fn say_again(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    node: &NodeRecord,
    decision: &ForkDecision,
    caller: &Caller,
) -> Result<String> {
    let forks = forks_between(tx, node.id, decision.resource).await?;
    let about = |fork: &ForkRecord| fork.node_head == decision.of && !fork.state.is_decided();
    let Some(mut known) = forks.iter().find(|fork| about(fork)).cloned() else {
        if let Some(said) = taken_up(services, tx, loaded, node, (decision, &forks), caller).await? {
            return Ok(said);
        }
        ask_what_it_held(services, tx, loaded, node, decision, caller).await?;
        return Ok("kept in the history".to_owned());
    };
    if decision.state == ForkState::Declined {
        known.on(ForkEvent::Declined)?;
        known.message.clone_from(&decision.message);
        fork::close_question(tx, &mut known, None).await?;
        fork::tell(services, tx, loaded, &known, None).await?;
        return Ok(known.message);
    }
    // Whether it is a question, and whether it is part of what counts, is seen anew.
    known.message.clone_from(&decision.message);
    // What the edit was made from is lost, so the merge cannot be made again: the manager's own word for it stands.
    let is_rootless = loaded.provenance.get(&known.head).is_some_and(|record| record.graft.is_some());
    if let Some(merged) = &decision.merged
        && loaded.history.contains(merged.revision)
        && loaded.history.descends(merged.revision, known.head)
        && (is_rootless || merged.provenance.origin != Origin::Merge)
    {
        known.head = merged.revision;
    }
    let said = fork::rebase(services, tx, loaded, known, caller).await?;
    ask_what_it_held(services, tx, loaded, node, decision, caller).await?;
    Ok(said)
}

/// An edit that nobody has any more, and that its node goes on running as what was made of it: that is its edit from now on.
/// The word about it is what the node waits for; without one, nothing that is decided here would ever reach it.
async fn taken_up(
    services: &Services,
    tx: &mut Tx,
    loaded: &mut Loaded,
    node: &NodeRecord,
    (decision, forks): (&ForkDecision, &[ForkRecord]),
    caller: &Caller,
) -> Result<Option<String>> {
    // What was decided about it stays decided, whatever the node tells again.
    let is_new = !loaded.history.contains(decision.of) && forks.iter().all(|fork| fork.node_head != decision.of);
    let runs = decision.state.runs() && !decision.is_held && is_new;
    let merged = decision.merged.as_ref().filter(|_| runs).map(|merged| merged.revision);
    let Some(head) = merged.filter(|head| loaded.history.contains(*head)) else { return Ok(None) };
    let Some(mode) = fork::mode_at(tx, loaded, node).await? else { return Ok(None) };
    let delivery = fork::delivery_of(mode);
    let made_ms = loaded.provenance.get(&head).map(|record| record.provenance.at.0);
    let fresh = fresh_fork(loaded.record.id, node.id, head, delivery, caller);
    let mut fork = ForkRecord { node_head: decision.of, made_ms, ..fresh };
    fork.on(ForkEvent::Delivered(delivery))?;
    fork.message = fork::said_of(delivery, "");
    fork::rebase(services, tx, loaded, fork, caller).await.map(Some)
}

/// What a node's edit held before the restore, and nothing holds by now: a person's answer to a question is nobody's merge
/// and cannot be made again from what is known, and neither can what was built on an edit that only the manager had.
async fn ask_what_it_held(
    services: &Services,
    tx: &mut Tx,
    loaded: &Loaded,
    node: &NodeRecord,
    decision: &ForkDecision,
    caller: &Caller,
) -> Result<()> {
    let is_answer = decision.merged.as_ref().is_some_and(|merged| merged.provenance.origin == Origin::Resolution);
    let held = decision.merged.as_ref().map_or(decision.of, |merged| merged.revision);
    let counted = is_answer || !decision.state.is_closed();
    let forks = forks_between(tx, node.id, decision.resource).await?;
    let places = forks.iter().flat_map(|fork| [fork.head, fork.node_head]).chain(loaded.record.heads.iter().copied());
    let places: Vec<RevisionId> = places.collect();
    if !counted || !loaded.history.contains(held) || is_kept(loaded, held, &places) {
        return Ok(());
    }
    let what = if is_answer { "was decided" } else { "was part of this node's edit" };
    let message = format!("{what} before the manager's database was restored, and is in nothing since");
    ask_about(services, tx, loaded, (node, held), message, caller).await
}

/// Whether places that are looked at contain a revision, or, where rules alone made it, all that it was made of.
fn is_kept(loaded: &Loaded, revision: RevisionId, places: &[RevisionId]) -> bool {
    let (mut rest, mut seen) = (vec![revision], BTreeSet::new());
    while let Some(id) = rest.pop() {
        let contains = |place: &RevisionId| loaded.history.descends(*place, id) || loaded.history.names(*place, id);
        if !seen.insert(id) || places.iter().any(contains) {
            continue;
        }
        match loaded.provenance.get(&id).filter(|record| record.provenance.origin == Origin::Merge) {
            Some(merge) => rest.extend(&merge.revision.header.parents),
            None => return false,
        }
    }
    true
}

/// What others made, and this node only held: it becomes history. Nobody has signed who made it, so it is said to come
/// from this node, unless it is what rules make of its parents.
pub(super) async fn keep(
    mut tx: Tx,
    mut loaded: Loaded,
    node: &NodeRecord,
    revision: Revision,
    report: &RevisionReport,
    proof: ReportProof,
    now: Timestamp,
) -> Result<Outcome> {
    let graft = (!missing_parents(&loaded, &revision).is_empty()).then(Graft::unknown);
    let provenance = if is_merge(&tx, &loaded, &revision).await? {
        loaded.merge_provenance(&revision.header.parents)
    } else {
        Provenance { author: format!("node:{}", node.name), node: Some(node.id), ..report.provenance.clone() }
    };
    let id = revision.id;
    let record = RevisionRecord { revision: revision.into(), provenance, stored_ms: now.0, graft };
    loaded.add_record(&tx, record, report.body.as_ref(), Some(proof)).await?;
    let caller = Caller::node(&node.name, now);
    caller.record(&mut tx, "node.return", &loaded.record.name, json!({ "revision": id }));
    tx.commit().await?;
    Ok(Outcome::Stored("kept in the history".to_owned()))
}

async fn is_merge(tx: &Tx, loaded: &Loaded, revision: &Revision) -> Result<bool> {
    let parents: Vec<RevisionId> = revision.header.parents.iter().copied().collect();
    let [one, other] = parents[..] else { return Ok(false) };
    if !missing_parents(loaded, revision).is_empty() {
        return Ok(false);
    }
    let meeting = loaded.meet(tx, one, other).await?;
    Ok(matches!(meeting, Meeting::Settled { revision: merged, .. } if merged.id == revision.id))
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at map_err")]
fn bad_revision(error: RevisionError) -> Error {
    Error::invalid("BAD_REVISION", error.to_string())
}
