//! Writing revisions at the manager.

use std::collections::BTreeSet;

use atoll_domain::canonical;
use atoll_domain::fleet::name::folded;
use atoll_domain::id::{ConflictId, ResourceId, RevisionId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::path::{Path, TouchedPaths};
use atoll_domain::sharing::revision::{Origin, PARENT_LIMIT, Provenance, Revision};
use atoll_domain::sharing::text::TextMode;
use atoll_domain::sharing::touched::difference;
use serde_json::{Value, json};
use uuid::Uuid;

use super::history::{Loaded, find, kind_word, load};
use super::{offer, reach, secret, settle};
use crate::clock;
use crate::error::{Error, Result};
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::sharing::{
    ResourceRecord, ResourceState, resource_create, resource_get, resource_named, resource_update,
};

/// A whole new content.
#[derive(Debug)]
pub struct Save {
    pub kind: Kind,
    /// Id or name; absent takes the name from the content.
    pub resource: Option<String>,
    pub content: Vec<u8>,
    /// The revision it was edited from.
    pub base: Option<String>,
    pub message: String,
    pub imported: bool,
    pub request_id: Option<Uuid>,
}

/// What became of a write.
#[derive(Debug)]
pub struct Saved {
    pub loaded: Loaded,
    pub revision: RevisionId,
    pub changed: bool,
    pub conflict: Option<ConflictId>,
}

/// Creates a resource, or writes the next revision of one.
///
/// # Errors
/// The content is not one of the kind, breaks a rule, or does not say what it was edited from.
pub async fn save(services: &Services, caller: &Caller, save: Save) -> Result<Saved> {
    let content = canonical::parse(&save.content).map_err(|error| Error::invalid("BAD_CONTENT", error.to_string()))?;
    let mut tx = services.store.begin_ordered().await?;
    let Some(record) = existing(&tx, &save, &content).await? else {
        return create(services, caller, tx, save, &content).await;
    };
    let loaded = load(&tx, record).await?;
    let base = save.base.as_deref().ok_or_else(|| needs_base(&loaded))?;
    let base = loaded.resolve(&tx, base).await?;
    let saved = write(services, caller, &mut tx, loaded, base, &content, &save).await?;
    tx.commit().await?;
    Ok(saved)
}

async fn existing(tx: &Tx, save: &Save, content: &Value) -> Result<Option<ResourceRecord>> {
    if let Some(name) = &save.resource {
        return find(tx, save.kind, name).await.map(Some);
    }
    if let Some(id) = save.request_id
        && let Some(record) = resource_get(tx, ResourceId(id)).await?
    {
        return Ok(Some(record));
    }
    let name = content.get("Name").and_then(Value::as_str).unwrap_or_default();
    let record = resource_named(tx, save.kind, name).await?;
    Ok(record.filter(|record| record.state != ResourceState::Deleted))
}

fn needs_base(loaded: &Loaded) -> Error {
    let head = loaded.record.heads.iter().map(RevisionId::short).collect::<Vec<_>>().join(", ");
    Error::precondition(
        "BASE_REVISION_NEEDED",
        format!(
            "\"{}\" already exists; specify the revision this content was edited from (--base, or the $revision that an \
             export holds; the newest is {head}), so that nothing written since is lost",
            loaded.record.name
        ),
    )
}

async fn create(services: &Services, caller: &Caller, mut tx: Tx, save: Save, content: &Value) -> Result<Saved> {
    let imported = save.kind.import(content, None).map_err(|problem| Error::invalid("BAD_CONTENT", problem))?;
    let (body, fresh) = secret::seal(services, &tx, save.kind, imported.body, None, caller.now).await?;
    check(save.kind, &[], &body)?;
    reach::check_own(&[], &body, &fresh)?;
    let name = body.get("Name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let id = ResourceId(save.request_id.unwrap_or_else(clock::new_id));
    let revision = Revision::child(id, save.kind, BTreeSet::new(), None, &body);
    let record = ResourceRecord {
        id,
        kind: save.kind,
        name: name.clone(),
        text_mode: save.kind.default_text_mode(),
        state: ResourceState::Ok,
        heads: BTreeSet::from([revision.id]),
        heads_version: 1,
        released: None,
        changed_ms: caller.now.0,
        changed_by: caller.name.clone(),
        name_key: folded(&name),
    };
    resource_create(&tx, &record).await?;
    let mut loaded = load(&tx, record).await?;
    let origin = if save.imported { Origin::Import } else { Origin::Edit };
    let provenance = provenance(caller, origin, save.message, imported.metadata);
    let id = revision.id;
    loaded.add(&tx, revision, provenance, Some(&body), None, caller.now).await?;
    caller.record(&mut tx, "resource.create", &name, json!({ "kind": save.kind, "revision": id }));
    tx.commit().await?;
    Ok(Saved { loaded, revision: id, changed: true, conflict: None })
}

async fn write(
    services: &Services,
    caller: &Caller,
    tx: &mut Tx,
    mut loaded: Loaded,
    base: RevisionId,
    content: &Value,
    save: &Save,
) -> Result<Saved> {
    let kind = loaded.record.kind;
    let base_body = loaded.body(tx, base).await?;
    let imported =
        kind.import(content, base_body.as_ref()).map_err(|problem| Error::invalid("BAD_CONTENT", problem))?;
    let (body, fresh) = secret::seal(services, tx, kind, imported.body, base_body.as_ref(), caller.now).await?;
    if base_body.as_ref() == Some(&body) {
        return Ok(Saved { revision: base, loaded, changed: false, conflict: None });
    }
    let agreed = reach::agreed(tx, &loaded).await?;
    check(kind, &agreed, &body)?;
    check_name(tx, &loaded.record, &body).await?;
    reach::check_own(&agreed.iter().chain(&base_body).collect::<Vec<_>>(), &body, &fresh)?;
    let revision = Revision::child(loaded.record.id, kind, BTreeSet::from([base]), base_body.as_ref(), &body);
    let origin = if save.imported { Origin::Import } else { Origin::Edit };
    let provenance = provenance(caller, origin, save.message.clone(), imported.metadata);
    let id = revision.id;
    loaded.add(tx, revision, provenance, Some(&body), None, caller.now).await?;
    let conflict = add_head(tx, &mut loaded, id, caller).await?;
    reach::check_heads(tx, &loaded, &agreed, id, &fresh, caller).await?;
    caller.record(tx, "resource.write", &loaded.record.name, json!({ "kind": kind, "revision": id, "base": base }));
    Ok(Saved { loaded, revision: id, changed: true, conflict })
}

/// A revision joins the heads that count for everybody.
pub(super) async fn add_head(
    tx: &mut Tx,
    loaded: &mut Loaded,
    id: RevisionId,
    caller: &Caller,
) -> Result<Option<ConflictId>> {
    let mut candidates = loaded.record.heads.clone();
    candidates.insert(id);
    settle::set_heads(tx, loaded, &candidates, caller).await
}

/// Rules that are broken already, by what counts for everybody, are no matter of who changes something else.
///
/// # Errors
/// The rules of the kind that the body breaks, in words.
pub(super) fn check(kind: Kind, counting: &[Value], body: &Value) -> Result<()> {
    canonical::check(body).map_err(|error| Error::invalid("BAD_CONTENT", error.to_string()))?;
    let problems: Vec<String> = kind.check_change(counting, body).into_iter().map(|problem| problem.message).collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::invalid("BAD_CONTENT", format!("this {} breaks a rule: {}", kind_word(kind), problems.join("; "))))
}

async fn check_name(tx: &Tx, record: &ResourceRecord, body: &Value) -> Result<()> {
    let name = body.get("Name").and_then(Value::as_str).unwrap_or_default();
    match resource_named(tx, record.kind, name).await? {
        Some(other) if other.id != record.id && other.state != ResourceState::Deleted => {
            Err(Error::exists(kind_word(record.kind), name))
        }
        _ => Ok(()),
    }
}

pub(super) fn provenance(caller: &Caller, origin: Origin, message: String, metadata: Value) -> Provenance {
    Provenance { author: caller.name.clone(), node: None, at: caller.now, origin, message, metadata }
}

/// Deletes a resource everywhere it is published. Nodes' own edits of it stay with them and here.
///
/// # Errors
/// There is none, or it is in conflict.
pub async fn delete(
    services: &Services,
    caller: &Caller,
    kind: Kind,
    name: &str,
    message: &str,
    expected: &str,
) -> Result<Loaded> {
    let mut tx = services.store.begin_ordered().await?;
    let mut loaded = load(&tx, find(&tx, kind, name).await?).await?;
    if loaded.record.state == ResourceState::Deleted {
        return Ok(loaded);
    }
    loaded.expect_head(expected)?;
    let parents = loaded.record.heads.clone();
    let touched: TouchedPaths = std::iter::once(Path::root()).collect();
    let parents = few_parents(caller, &tx, &mut loaded, parents, None, &touched).await?;
    let revision = Revision::writing(loaded.record.id, kind, parents, None, touched);
    let metadata = loaded.metadata(loaded.shown()?);
    let id = revision.id;
    let said = provenance(caller, Origin::Delete, message.to_owned(), metadata);
    loaded.add(&tx, revision, said, None, None, caller.now).await?;
    add_head(&mut tx, &mut loaded, id, caller).await?;
    loaded.record.released = None;
    resource_update(&tx, &mut loaded.record).await?;
    offer::withdraw(services, &mut tx, loaded.record.id).await?;
    caller.record(&mut tx, "resource.delete", &loaded.record.name, json!({ "kind": kind, "revision": id }));
    caller.queue(&mut tx, super::JOB_FORKS, loaded.record.id);
    tx.commit().await?;
    Ok(loaded)
}

/// Writes a new revision with the content of an old one. It touches every place that it brings back, so it wins over
/// what was there and over nothing else; nothing old comes to life again.
///
/// # Errors
/// There is no such revision, or the resource is in conflict.
pub async fn roll_back(
    services: &Services,
    caller: &Caller,
    kind: Kind,
    name: &str,
    to: &str,
    message: &str,
    expected: &str,
) -> Result<Saved> {
    let mut tx = services.store.begin_ordered().await?;
    let mut loaded = load(&tx, find(&tx, kind, name).await?).await?;
    loaded.expect_head(expected)?;
    let to = loaded.resolve(&tx, to).await?;
    let body = loaded.body(&tx, to).await?.ok_or_else(|| {
        Error::precondition("DELETED_STATE", "that revision is a deletion; delete the resource instead")
    })?;
    let mut touched = TouchedPaths::default();
    let heads = loaded.record.heads.clone();
    for head in &heads {
        touched.extend(&difference(loaded.body(&tx, *head).await?.as_ref(), Some(&body)));
    }
    if touched.is_empty() {
        return Ok(Saved { revision: loaded.shown()?, loaded, changed: false, conflict: None });
    }
    let agreed = reach::agreed(&tx, &loaded).await?;
    reach::check(&tx, &loaded, &agreed, &body, &BTreeSet::new(), caller).await?;
    let heads = few_parents(caller, &tx, &mut loaded, heads, Some(&body), &touched).await?;
    let revision = Revision::writing(loaded.record.id, kind, heads, Some(&body), touched);
    let metadata = loaded.metadata(to);
    let id = revision.id;
    let said = provenance(caller, Origin::Rollback, message.to_owned(), metadata);
    loaded.add(&tx, revision, said, Some(&body), None, caller.now).await?;
    let was_deleted = loaded.record.state == ResourceState::Deleted;
    let conflict = add_head(&mut tx, &mut loaded, id, caller).await?;
    if was_deleted {
        // Edits that were in question against the deletion are held against what is there again.
        caller.queue(&mut tx, super::JOB_FORKS, loaded.record.id);
    }
    caller.record(&mut tx, "resource.roll_back", &loaded.record.name, json!({ "kind": kind, "to": to }));
    tx.commit().await?;
    Ok(Saved { loaded, revision: id, changed: true, conflict })
}

/// A revision names a bounded number of parents. More heads than that are first brought together, some at a time, in
/// revisions with the same content.
async fn few_parents(
    caller: &Caller,
    tx: &Tx,
    loaded: &mut Loaded,
    mut parents: BTreeSet<RevisionId>,
    body: Option<&Value>,
    touched: &TouchedPaths,
) -> Result<BTreeSet<RevisionId>> {
    // Each round takes away as many as a revision may name, but one.
    while parents.len() > PARENT_LIMIT {
        let some: BTreeSet<RevisionId> = parents.iter().copied().take(PARENT_LIMIT).collect();
        parents.retain(|id| !some.contains(id));
        let (resource, kind) = (loaded.record.id, loaded.record.kind);
        let revision = Revision::writing(resource, kind, some, body, touched.clone());
        parents.insert(revision.id);
        let metadata = loaded.merge_provenance(&revision.header.parents).metadata;
        let said = provenance(caller, Origin::Resolution, String::new(), metadata);
        loaded.add(tx, revision, said, body, None, caller.now).await?;
    }
    Ok(parents)
}

/// Says how texts merge for a resource.
///
/// # Errors
/// There is no such resource.
pub async fn set_text_mode(
    services: &Services,
    caller: &Caller,
    kind: Kind,
    name: &str,
    mode: TextMode,
) -> Result<ResourceRecord> {
    let mut tx = services.store.begin_ordered().await?;
    let mut loaded = load(&tx, find(&tx, kind, name).await?).await?;
    loaded.record.text_mode = mode;
    // What only waited for a look may merge now.
    let heads = loaded.record.heads.clone();
    settle::set_heads(&mut tx, &mut loaded, &heads, caller).await?;
    caller.record(&mut tx, "resource.text_mode", &loaded.record.name, json!({ "mode": mode }));
    tx.commit().await?;
    Ok(loaded.record)
}

/// Saves a body in normal form that was made here, such as one with a variable set.
pub(super) async fn save_body(
    caller: &Caller,
    tx: &mut Tx,
    loaded: &mut Loaded,
    base: RevisionId,
    body: &Value,
    fresh: &BTreeSet<SecretId>,
    message: &str,
) -> Result<RevisionId> {
    let base_body = loaded.body(tx, base).await?;
    let agreed = reach::agreed(tx, loaded).await?;
    check(loaded.record.kind, &agreed, body)?;
    reach::check_own(&agreed.iter().chain(&base_body).collect::<Vec<_>>(), body, fresh)?;
    let (resource, kind) = (loaded.record.id, loaded.record.kind);
    let revision = Revision::child(resource, kind, BTreeSet::from([base]), base_body.as_ref(), body);
    let id = revision.id;
    let said = provenance(caller, Origin::Edit, message.to_owned(), loaded.metadata(base));
    loaded.add(tx, revision, said, Some(body), None, caller.now).await?;
    add_head(tx, loaded, id, caller).await?;
    reach::check_heads(tx, loaded, &agreed, id, fresh, caller).await?;
    Ok(id)
}
