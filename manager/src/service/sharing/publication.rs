//! Publications.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::{Audience, DocumentKind};
use atoll_domain::fleet::name::check_label;
use atoll_domain::fleet::selector::Selector;
use atoll_domain::id::{Digest, PublicationId, ResourceId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::{EditMode, Version, VersionPolicy};
use serde_json::json;
use uuid::Uuid;

use super::gets::carried;
use super::history::{find, load};
use super::secret::secret_of;
use super::{membership, offer, reach, secret};
use crate::clock;
use crate::error::{Error, ErrorKind, Result};
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::{Caller, Services};
use crate::store::feed::{document_keys, members_of, scopes_of};
use crate::store::sharing::{
    ItemRecord, PublicationRecord, ResourceNames, ResourceState, fork_list, publication_delete, publication_list,
    publication_put, release_list, resource_get, resource_names,
};
use crate::store::{Database, Tx};

const ITEM_LIMIT: usize = 10_000;

/// What a publication is to be.
#[derive(Debug)]
pub struct Wish {
    pub name: String,
    pub selector: Selector,
    pub priority: i32,
    pub edit_mode: EditMode,
    pub items: Vec<WishedItem>,
    /// Add the items to those there are, and leave the rest of the publication as it is.
    pub add_items: bool,
    pub request_id: Option<Uuid>,
    /// The etag of the publication that was looked at, or `*`.
    pub expected: String,
}

/// Changes whenever the publication does.
#[must_use]
pub fn etag(record: &PublicationRecord) -> String {
    let items: Vec<_> = record.items.iter().map(|item| json!([item.resource, item.policy])).collect();
    let content =
        json!([record.id, record.name, record.selector, record.priority, record.edit_mode.name(), items]).to_string();
    Digest::of(content.as_bytes()).short()
}

/// Acting on a publication that was looked at: it must be as it was then.
fn expect(present: Option<&PublicationRecord>, seen: &str) -> Result<()> {
    let changed = |text: String| Err(Error::precondition("CHANGED_MEANWHILE", text));
    match (present, seen) {
        (_, "*") | (None, "") => Ok(()),
        (Some(record), "") => Err(Error::invalid(
            "PRECONDITION_NEEDED",
            format!(
                "publication {} already exists; specify the etag you reviewed (now {}), or * for any",
                record.name,
                etag(record)
            ),
        )),
        (Some(record), seen) if seen == etag(record) => Ok(()),
        (Some(record), _) => changed(format!(
            "publication {} has changed since you reviewed it; review it again (its etag is now {})",
            record.name,
            etag(record)
        )),
        (None, _) => changed("this publication was deleted or renamed since you reviewed it".to_owned()),
    }
}

/// A resource by kind and name or id.
#[derive(Debug)]
pub struct WishedItem {
    pub kind: Kind,
    pub resource: String,
    pub policy: VersionPolicy,
}

/// A publication with what people want to see of it.
#[derive(Debug, Clone)]
pub struct PublicationView {
    pub record: PublicationRecord,
    /// Kind and name of its resources.
    pub names: ResourceNames,
    /// What nodes get of its resources now, where something was released that fits.
    pub offered: BTreeMap<ResourceId, Version>,
    /// Those of its resources that are deleted.
    pub deleted: BTreeSet<ResourceId>,
    pub nodes: usize,
}

impl Listed for PublicationView {
    const FIELDS: &'static [&'static str] = &["name", "edit_mode", "group", "priority"];
    const FACETS: &'static [&'static str] = &["edit_mode", "group"];
    fn title(&self) -> String {
        self.record.name.clone()
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "name" => Field::text(&self.record.name),
            "edit_mode" => Field::text(self.record.edit_mode),
            "group" => Field::text(&self.record.selector.group),
            "priority" => Some(Field::Number(self.record.priority.into())),
            _ => None,
        }
    }
}

pub async fn list(services: &Services, options: &Options) -> Result<Page<PublicationView>> {
    let names = resource_names(&services.store).await?;
    let records = publication_list(&services.store).await?;
    let mut offered = Offered::default();
    let mut views = Vec::with_capacity(records.len());
    for record in records {
        views.push(view(services, record, &names, &mut offered).await?);
    }
    page(views, options)
}

/// What is released of resources, and which of them are deleted, read once for many publications.
#[derive(Default)]
struct Offered {
    versions: BTreeMap<ResourceId, Vec<Version>>,
    deleted: BTreeSet<ResourceId>,
}

async fn view(
    services: &Services,
    record: PublicationRecord,
    names: &ResourceNames,
    known: &mut Offered,
) -> Result<PublicationView> {
    let nodes = services.hub.read(|feed| feed.members(&Audience::Publication(record.id)).count());
    let mut offered = BTreeMap::new();
    for item in &record.items {
        let released = known.read(&services.store, item.resource).await?;
        let version = match &item.policy {
            VersionPolicy::Latest => released.first(),
            VersionPolicy::Pin { version } => released.iter().find(|released| *released == version),
        };
        offered.extend(version.map(|version| (item.resource, *version)));
    }
    let names = record.items.iter().filter_map(|item| Some((item.resource, names.get(&item.resource)?.clone())));
    let brought = record.items.iter().map(|item| item.resource);
    let deleted = brought.filter(|resource| known.deleted.contains(resource)).collect();
    Ok(PublicationView { names: names.collect(), record, nodes, offered, deleted })
}

impl Offered {
    /// The versions of a resource that nodes may get: what is released now first, then the others. None of one that is
    /// deleted.
    async fn read(&mut self, database: &impl Database, resource: ResourceId) -> Result<&[Version]> {
        let new = match self.versions.entry(resource) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(new) => new,
        };
        let record = resource_get(database, resource).await?;
        if record.as_ref().is_some_and(|record| record.state == ResourceState::Deleted) {
            self.deleted.insert(resource);
        }
        let Some((now, _)) = record.and_then(|record| record.released) else { return Ok(new.insert(Vec::new())) };
        let others = release_list(database, resource).await?.into_iter().map(|release| release.version);
        Ok(new.insert(std::iter::once(now).chain(others).collect()))
    }
}

/// Creates a publication, replaces one of the same name, or adds resources to it.
///
/// # Errors
/// A resource does not exist, or another publication brings one of them with the same priority.
pub async fn save(services: &Services, caller: &Caller, wish: Wish) -> Result<PublicationView> {
    check(&wish)?;
    let mut tx = services.store.begin_ordered().await?;
    let all = publication_list(&tx).await?;
    let before = all.iter().find(|publication| publication.name == wish.name);
    if !wish.add_items {
        expect(before, &wish.expected)?;
    }
    let record = wished(&tx, &wish, before).await?;
    check_priority(&tx, &record, &all).await?;
    publication_put(&tx, &record).await?;
    let detail = json!({
        "selector": record.selector, "priority": record.priority, "edit_mode": record.edit_mode,
        "resources": record.items.len(),
    });
    caller.record(&mut tx, "publication.save", &record.name, detail);
    membership::refresh_publication(&mut tx, &record).await?;
    offer::refresh_publication(services, &mut tx, &record).await?;
    check_pins(&tx, caller, &record, before).await?;
    check_policies(&tx, caller, &record, before).await?;
    let carried = carried(before.into_iter().chain([&record]));
    let forks = fork_list(&tx).await?;
    membership::queue_forks(&mut tx, forks, |resource| carried.contains(&resource));
    let names = resource_names(&tx).await?;
    tx.commit().await?;
    services.hub.refresh(&services.store).await?;
    view(services, record, &names, &mut Offered::default()).await
}

/// Staying at an old version brings its scopes and its sealed values back.
pub(super) async fn check_pins(
    tx: &Tx,
    caller: &Caller,
    record: &PublicationRecord,
    before: Option<&PublicationRecord>,
) -> Result<()> {
    // The same pin for other nodes, or with another weight, is another pin.
    let same = before.filter(|before| before.selector == record.selector && before.priority == record.priority);
    let known = |item: &ItemRecord| same.is_some_and(|before| before.items.contains(item));
    for item in record.items.iter().filter(|item| item.policy != VersionPolicy::Latest && !known(item)) {
        let Some(resource) = resource_get(tx, item.resource).await? else { continue };
        let loaded = load(tx, resource).await?;
        let Some((_, revision)) = offer::offered(tx, &loaded, &item.policy).await? else { continue };
        let Some(body) = loaded.body(tx, revision).await? else { continue };
        let agreed = reach::agreed(tx, &loaded).await?;
        reach::check(tx, &loaded, &agreed, &body, &BTreeSet::new(), caller).await?;
    }
    Ok(())
}

/// Another version of what a publication brings already may bring sealed values back that it had ceased to bring. Whom it
/// reaches for the first time is another matter, and foreseen.
pub(super) async fn check_policies(
    tx: &Tx,
    caller: &Caller,
    record: &PublicationRecord,
    before: Option<&PublicationRecord>,
) -> Result<()> {
    let Some(before) = before else { return Ok(()) };
    for item in &record.items {
        let is_changed = |known: &&ItemRecord| known.resource == item.resource && known.policy != item.policy;
        if !before.items.iter().any(|known| is_changed(&known)) {
            continue;
        }
        let Some(resource) = resource_get(tx, item.resource).await? else { continue };
        let loaded = load(tx, resource).await?;
        let known = reach::brought(tx, &loaded, std::slice::from_ref(before)).await?;
        reach::check_back(tx, &loaded, &known, std::slice::from_ref(record), caller).await?;
    }
    Ok(())
}

fn check(wish: &Wish) -> Result<()> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    if wish.name.is_empty() || wish.name.chars().count() > 100 || !wish.name.chars().all(fits) {
        return Err(Error::invalid("BAD_NAME", "a publication's name is 1 to 100 letters, digits, -, _ and ."));
    }
    if wish.items.len() > ITEM_LIMIT {
        return Err(Error::invalid("TOO_MANY_ITEMS", format!("a publication carries at most {ITEM_LIMIT} resources")));
    }
    for (key, value) in &wish.selector.labels {
        check_label(key, value).map_err(|error| Error::invalid("BAD_LABEL", error.to_string()))?;
    }
    Ok(())
}

/// The publication as it would be saved, or why it could not be. The same checks as in saving, which writes.
///
/// # Errors
/// The database does not answer.
pub(super) async fn wish_or_problem(
    database: &impl Database,
    wish: &Wish,
    all: &[PublicationRecord],
) -> Result<std::result::Result<PublicationRecord, String>> {
    let checked = async {
        check(wish)?;
        let before = all.iter().find(|publication| publication.name == wish.name);
        let record = wished(database, wish, before).await?;
        check_priority(database, &record, all).await?;
        Ok::<_, Error>(record)
    };
    match checked.await {
        Ok(record) => Ok(Ok(record)),
        Err(error) if matches!(error.kind, ErrorKind::Internal | ErrorKind::Unavailable) => Err(error),
        Err(error) => Ok(Err(error.text)),
    }
}

async fn wished(
    database: &impl Database,
    wish: &Wish,
    before: Option<&PublicationRecord>,
) -> Result<PublicationRecord> {
    let mut items: BTreeMap<ResourceId, VersionPolicy> = BTreeMap::new();
    if let Some(before) = before.filter(|_| wish.add_items) {
        items.extend(before.items.iter().map(|item| (item.resource, item.policy.clone())));
    }
    for item in &wish.items {
        items.insert(find(database, item.kind, &item.resource).await?.id, item.policy.clone());
    }
    let items = items.into_iter().map(|(resource, policy)| ItemRecord { resource, policy }).collect();
    if before.is_none() && wish.add_items {
        // A slip of the pen must not publish anything to the whole fleet.
        return Err(Error::not_found("publication", &wish.name));
    }
    Ok(match before {
        Some(before) if wish.add_items => PublicationRecord { items, ..before.clone() },
        _ => PublicationRecord {
            id: before.map_or_else(|| PublicationId(wish.request_id.unwrap_or_else(clock::new_id)), |before| before.id),
            name: wish.name.clone(),
            selector: wish.selector.clone(),
            priority: wish.priority,
            edit_mode: wish.edit_mode,
            items,
        },
    })
}

/// Which of two publications wins must never be left to chance.
async fn check_priority(database: &impl Database, record: &PublicationRecord, all: &[PublicationRecord]) -> Result<()> {
    for other in all.iter().filter(|other| other.id != record.id && other.priority == record.priority) {
        if !may_overlap(&record.selector, &other.selector) {
            continue;
        }
        let shared = record.items.iter().find(|item| other.items.iter().any(|theirs| theirs.resource == item.resource));
        if let Some(shared) = shared {
            let names = resource_names(database).await?;
            let name = names.get(&shared.resource).map(|(_, name)| name.clone()).unwrap_or_default();
            return Err(Error::precondition(
                "PRIORITY_TIE",
                format!(
                    "publication {} also includes \"{name}\" with priority {}; give this one a higher or lower \
                     priority, so that it is clear which one wins",
                    other.name, record.priority
                ),
            ));
        }
    }
    Ok(())
}

/// Whether a node could be in both.
fn may_overlap(one: &Selector, other: &Selector) -> bool {
    let groups = one.group.contains(&other.group) || other.group.contains(&one.group);
    groups && one.labels.iter().all(|(key, value)| other.labels.get(key).is_none_or(|theirs| theirs == value))
}

/// Takes a publication, and what only it brought, away from its nodes.
///
/// # Errors
/// There is none of this name.
pub async fn delete(services: &Services, caller: &Caller, name: &str, expected: &str) -> Result<()> {
    let mut tx = services.store.begin_ordered().await?;
    let all = publication_list(&tx).await?;
    let record = all.iter().find(|publication| publication.name == name);
    let record = record.ok_or_else(|| Error::not_found("publication", name))?;
    expect(Some(record), expected)?;
    secret::withdraw_keys(services, &mut tx, record).await?;
    let audience = Audience::Publication(record.id);
    let mut audiences = scopes_of(&tx, &audience).await?;
    audiences.push(audience);
    for audience in audiences {
        for node in members_of(&tx, &audience).await? {
            tx.put_membership(node, audience.clone(), false);
        }
        for (key, _) in document_keys(&tx, &audience).await? {
            let kind = if secret_of(&key).is_some() { DocumentKind::Secret } else { DocumentKind::Resource };
            offer::remove(services, &mut tx, audience.clone(), kind, key).await?;
        }
    }
    publication_delete(&tx, record.id).await?;
    let carried = carried([record]);
    let forks = fork_list(&tx).await?;
    membership::queue_forks(&mut tx, forks, |resource| carried.contains(&resource));
    caller.record(&mut tx, "publication.delete", name, json!({ "id": record.id }));
    tx.commit().await?;
    Ok(())
}
