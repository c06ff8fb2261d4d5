//! Answers to questions: chosen place by place or as a whole, checked, and brought to everybody whom they concern.

use std::collections::BTreeSet;

use atoll_domain::canonical;
use atoll_domain::id::{RevisionId, SecretId};
use atoll_domain::secret::typed_over;
use atoll_domain::sharing::fork::{Delivery, ForkEvent};
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::{Origin, Revision};
use atoll_domain::sharing::touched::difference;
use serde_json::{Value, json};

use super::{PlaceView, edit_of, etag, find, holds_a_draft, open_places, sides};
use crate::error::{Error, Result};
use crate::service::sharing::history::{Loaded, load};
use crate::service::sharing::release::{check_drafts_beside, release_in};
use crate::service::sharing::{JOB_FORKS, fork, offer, reach, save, secret};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::sharing::{
    ConflictRecord, ForkRecord, ReleaseRecord, conflict_put, resource_get, resource_lock, resource_update,
};

/// Which value a place is to have.
#[derive(Debug, Clone, PartialEq)]
pub enum Take {
    Ours,
    Theirs,
    Base,
    Proposal,
    Value(Option<Value>),
}

/// An answer.
#[derive(Debug, Default)]
pub struct Answer {
    /// For every place without an answer of its own.
    pub take: Option<Take>,
    /// By readable path or by key.
    pub choices: Vec<(String, Take)>,
    /// Instead of choices: the whole content in the outside form.
    pub content: Option<Value>,
    pub message: String,
    pub release: bool,
    /// The etag of what was looked at, or `*`.
    pub expected: String,
}

/// What became of an answer.
#[derive(Debug)]
pub struct Resolved {
    pub loaded: Loaded,
    pub revision: RevisionId,
    pub release: Option<ReleaseRecord>,
}

/// Answers a question: a revision with both sides as parents, which touches the open places and whatever else the
/// answer changes.
///
/// # Errors
/// A place is left open, the result breaks a rule, or somebody else answered first.
pub async fn resolve(services: &Services, caller: &Caller, id: &str, answer: Answer) -> Result<Resolved> {
    let mut tx = services.store.begin_ordered().await?;
    resource_lock(&tx, find(&tx, id).await?.resource).await?;
    let record = find(&tx, id).await?;
    if record.closed_by.is_some() {
        return Err(Error::precondition("RESOLVED_ALREADY", "this conflict is already resolved; see the resource"));
    }
    let present = etag(&record);
    if answer.expected != "*" && answer.expected != present {
        return Err(changed(&answer.expected, &present));
    }
    let resource = resource_get(&tx, record.resource).await?;
    let mut loaded = load(&tx, resource.ok_or_else(|| Error::internal("the resource is not there"))?).await?;
    let (places, merged) = open_places(&tx, &loaded, &record)
        .await?
        .ok_or_else(|| Error::precondition("RESOLVED_ALREADY", "the sides of this conflict now merge"))?;
    let body = match answered(&loaded, &places, &merged, &answer)? {
        // An answer may bring a sensitive value in the clear, as any content that is written here.
        Some(mut body) => {
            // Nor does it take a value out of its seal that either side has sealed.
            for side in sides(&record) {
                if let Some(side) = loaded.body(&tx, side).await? {
                    body = typed_over(loaded.record.kind, body, &side);
                }
            }
            let (body, fresh) =
                secret::seal(services, &tx, loaded.record.kind, body, Some(&merged), caller.now).await?;
            canonical::check(&body).map_err(|error| Error::invalid("BAD_CONTENT", error.to_string()))?;
            save::check(loaded.record.kind, &reach::agreed(&tx, &loaded).await?, &body)?;
            check_reach(&tx, &loaded, &record, &merged, &body, &fresh, caller).await?;
            Some(body)
        }
        None => None,
    };
    let mut touched: TouchedPaths = places.iter().map(|place| place.conflict.path.clone()).collect();
    touched.extend(&difference(Some(&merged), body.as_ref()));
    let parents = sides(&record).into_iter().collect();
    let (resource, kind) = (loaded.record.id, loaded.record.kind);
    let revision = Revision::writing(resource, kind, parents, body.as_ref(), touched);
    let id = revision.id;
    let metadata = loaded.merge_provenance(&revision.header.parents).metadata;
    let said = save::provenance(caller, Origin::Resolution, answer.message.clone(), metadata);
    loaded.add(&tx, revision, said, body.as_ref(), None, caller.now).await?;
    conflict_put(&tx, &ConflictRecord { closed_by: Some(id), ..record.clone() }).await?;
    let edit = edit_of(&tx, &loaded, &record).await?;
    if answer.release {
        let own = edit.as_ref().map(|(fork, _)| fork.head);
        let places = places.iter().map(|place| &place.conflict.path).collect();
        check_drafts_beside(&loaded, (id, own), &record.heads, &places, caller)?;
    }
    let settled = Settled { record: &record, edit, revision: id, release: answer.release };
    let release = settle_with(services, caller, &mut tx, &mut loaded, settled).await?;
    let detail = json!({ "conflict": record.id, "revision": id, "message": answer.message });
    caller.record(&mut tx, "conflict.resolve", &loaded.record.name, detail);
    tx.commit().await?;
    Ok(Resolved { loaded, revision: id, release })
}

fn changed(seen: &str, present: &str) -> Error {
    if seen.is_empty() {
        let text = format!("specify the etag of this conflict you reviewed (now {present}), or * for any");
        return Error::invalid("PRECONDITION_NEEDED", text);
    }
    Error::precondition(
        "CHANGED_MEANWHILE",
        "a side of this conflict has changed since you reviewed it; review it again before you resolve it",
    )
}

/// What an answer brings from either side is the resource's own; who may read it must not grow unsaid.
async fn check_reach(
    tx: &Tx,
    loaded: &Loaded,
    record: &ConflictRecord,
    merged: &Value,
    body: &Value,
    fresh: &BTreeSet<SecretId>,
    caller: &Caller,
) -> Result<()> {
    let agreed = reach::agreed(tx, loaded).await?;
    let mut own = agreed.clone();
    own.push(merged.clone());
    for side in sides(record) {
        own.extend(loaded.body(tx, side).await?);
    }
    reach::check_own(&own.iter().collect::<Vec<_>>(), body, fresh)?;
    reach::check(tx, loaded, &agreed, body, fresh, caller).await
}

/// Whether an answer takes nothing of a node's edit: wherever the edit differs from the other side there stands what the other side
/// has, or what both were made from. One that stays on its node is turned down only by the other side itself: anything else is
/// what the node is to run.
async fn is_turned_down(
    tx: &Tx,
    loaded: &Loaded,
    record: &ConflictRecord,
    (fork, stays_on_node): (&ForkRecord, bool),
    answer: RevisionId,
) -> Result<bool> {
    // Of an edit that has gone on since, nobody saw all.
    if !record.heads.contains(&fork.head) {
        return Ok(false);
    }
    let (own, answer) = (loaded.body(tx, fork.head).await?, loaded.body(tx, answer).await?);
    for side in record.heads.iter().filter(|side| **side != fork.head && loaded.history.contains(**side)) {
        let other = loaded.body(tx, *side).await?;
        let mut left = vec![other.clone()];
        for origin in loaded.history.common_origins(fork.head, *side).into_iter().filter(|_| !stays_on_node) {
            left.push(loaded.body(tx, origin).await?);
        }
        let places = difference(other.as_ref(), own.as_ref());
        let at = |body: &Option<Value>, path: &Path| body.as_ref().and_then(|body| path.get(body)).cloned();
        if own != answer && places.iter().all(|path| left.iter().any(|left| at(left, path) == at(&answer, path))) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An answer that is written down and has yet to take effect.
struct Settled<'a> {
    record: &'a ConflictRecord,
    /// The edit that it is about, and whether that stays on its node.
    edit: Option<(ForkRecord, bool)>,
    revision: RevisionId,
    release: bool,
}

/// The resolution becomes a head for all, or stays with the one node whose publication keeps edits where they are made.
async fn settle_with(
    services: &Services,
    caller: &Caller,
    tx: &mut Tx,
    loaded: &mut Loaded,
    settled: Settled<'_>,
) -> Result<Option<ReleaseRecord>> {
    let Settled { record, edit, revision: id, release } = settled;
    let mut resolved = None;
    if let Some((mut fork, stays_on_node)) = edit {
        if stays_on_node && release {
            return Err(Error::precondition(
                "STAYS_ON_NODE",
                "edits of this resource stay on their nodes; resolve this conflict without publishing",
            ));
        }
        fork.conflict = None;
        if is_turned_down(tx, loaded, record, (&fork, stays_on_node), id).await? {
            fork.on(ForkEvent::Declined)?;
            fork.through = false;
            fork.message = format!("declined by {}, who resolved the conflict without it", caller.name);
            fork::tell(services, tx, loaded, &fork, None).await?;
            if stays_on_node {
                return Ok(None);
            }
        } else {
            // What the answer contains of others' drafts comes to the node with the release, as to everybody.
            if !holds_a_draft(tx, loaded, record, &fork).await? {
                fork.head = id;
            }
            fork.through = false;
            fork.on(if stays_on_node { ForkEvent::Delivered(Delivery::Kept) } else { ForkEvent::Accepted })?;
            fork.message = format!("resolved by {}", caller.name);
            if stays_on_node {
                fork::rebase(services, tx, loaded, fork, caller).await?;
                return Ok(None);
            }
            resolved = Some(fork);
        }
    }
    save::add_head(tx, loaded, id, caller).await?;
    if let Some(fork) = resolved {
        fork::rebase(services, tx, loaded, fork, caller).await?;
    }
    if loaded.record.heads.len() != 1 {
        return Ok(None);
    }
    let head = loaded.shown()?;
    // What is deleted is deleted for everybody: no deletion waits for a release.
    if loaded.history.get(head).is_some_and(|revision| revision.header.tombstone) {
        loaded.record.released = None;
        resource_update(tx, &mut loaded.record).await?;
        offer::withdraw(services, tx, loaded.record.id).await?;
        caller.queue(tx, JOB_FORKS, loaded.record.id);
        return Ok(None);
    }
    if !release {
        return Ok(None);
    }
    release_in(services, caller, tx, loaded, None, head).await.map(Some)
}

/// The body that an answer makes; `None` is a deletion.
fn answered(loaded: &Loaded, places: &[PlaceView], merged: &Value, answer: &Answer) -> Result<Option<Value>> {
    if let Some(content) = &answer.content {
        let imported = loaded
            .record
            .kind
            .import(content, Some(merged))
            .map_err(|problem| Error::invalid("BAD_CONTENT", problem))?;
        return Ok(Some(imported.body));
    }
    let is_open = |path: &String| places.iter().any(|place| is_named(place, path));
    if let Some((path, _)) = answer.choices.iter().find(|(path, _)| !is_open(path)) {
        let text = format!("{path} is no open place of this conflict; give the whole content to change anything else");
        return Err(Error::invalid("NO_SUCH_PLACE", text));
    }
    let mut body = Some(merged.clone());
    for place in places {
        let value = chosen(place, answer)?;
        if place.conflict.path == Path::root() {
            body = value;
        } else if let Some(body) = &mut body {
            place.conflict.path.put(body, value);
            keep_order(body, &place.conflict.path);
        }
    }
    Ok(body)
}

/// Whether a path is that of a place, as people read it or by key.
fn is_named(place: &PlaceView, path: &str) -> bool {
    place.readable.to_string() == path || place.conflict.path.to_string() == path
}

fn chosen(place: &PlaceView, answer: &Answer) -> Result<Option<Value>> {
    let readable = place.readable.to_string();
    let own = answer.choices.iter().find(|(path, _)| is_named(place, path)).map(|(_, take)| take);
    let take = own.or(answer.take.as_ref()).ok_or_else(|| {
        Error::invalid(
            "PLACE_LEFT_OPEN",
            format!("{readable} is unresolved; choose a side for each place, or one for all"),
        )
    })?;
    Ok(match take {
        Take::Ours => place.conflict.left.clone(),
        Take::Theirs => place.conflict.right.clone(),
        Take::Base => place.conflict.base.clone(),
        Take::Proposal => Some(place.conflict.proposal.clone().ok_or_else(|| {
            Error::invalid("NO_PROPOSAL", format!("{readable} has no proposed merge; take a side or give a value"))
        })?),
        Take::Value(value) => value.clone(),
    })
}

/// An element that an answer brings back or takes away is in its list's order, or is not.
fn keep_order(body: &mut Value, path: &Path) {
    use atoll_domain::sharing::keyed_list::{ITEMS, ORDER};
    let [list @ .., items, key] = path.0.as_slice() else { return };
    if items != ITEMS {
        return;
    }
    let present = path.get(body).is_some();
    let order = Path(list.to_vec()).child(ORDER);
    let Some(Value::Array(mut keys)) = order.get(body).cloned() else { return };
    keys.retain(|other| present || other.as_str() != Some(key));
    if present && !keys.iter().any(|other| other.as_str() == Some(key)) {
        keys.push(Value::String(key.clone()));
    }
    order.put(body, Some(Value::Array(keys)));
}
