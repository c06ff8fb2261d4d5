//! Sensitive values: sealed on the way in, and brought to exactly the nodes that may see them.

mod own;

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::{Audience, DocumentKind};
use atoll_domain::fleet::selector::place_of;
use atoll_domain::id::{AudienceKeyId, Digest, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::scope::{Place, Scope};
use atoll_domain::secret::{Plaintext, SealedValue, SymmetricKey, WrappedKey, references, seal_sensitive};
use atoll_domain::time::Timestamp;
use serde_json::Value;

pub(super) use own::{could_read, kept_values, refresh_fork};

use super::history::{Loaded, load};
use super::offer;
use crate::clock;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::store::Tx;
use crate::store::feed::{document_keys, known_keys, members_of};
use crate::store::fleet::{NodeRecord, node_list};
use crate::store::secret::{
    AudienceKeyRecord, audience_key_create, audience_keys_delete, audience_keys_of, secret_create, secret_get,
};
use crate::store::sharing::{ExceptionRecord, ItemRecord, PublicationRecord, exception_put, resource_get};

/// Replaces every sensitive value in the clear by a reference, and stores the value sealed. One that the writer left
/// out is taken over from the parent. Answers the values that are new, too.
pub async fn seal(
    services: &Services,
    tx: &Tx,
    kind: Kind,
    body: Value,
    parent: Option<&Value>,
    now: Timestamp,
) -> Result<(Value, BTreeSet<SecretId>)> {
    let mut sealed: Vec<(SecretId, Plaintext)> = Vec::new();
    let body = seal_sensitive(kind, body, parent, &mut |plain| {
        let version = SecretId(clock::new_id());
        sealed.push((version, plain));
        version
    });
    let mut fresh = BTreeSet::new();
    for (version, plain) in sealed {
        store(services, tx, version, &plain, now).await?;
        fresh.insert(version);
    }
    Ok((body, fresh))
}

/// Stores a sensitive value under the manager's own key.
pub async fn store(services: &Services, tx: &Tx, version: SecretId, plain: &Plaintext, now: Timestamp) -> Result<()> {
    let bytes = services
        .keys
        .values
        .seal(plain.reveal().as_bytes(), version.0.as_bytes(), clock::random())
        .map_err(|error| Error::invalid("BAD_SECRET", error.to_string()))?;
    secret_create(tx, version, bytes, now.0).await
}

async fn reveal(services: &Services, tx: &Tx, version: SecretId) -> Result<Option<Plaintext>> {
    let Some(sealed) = secret_get(tx, version).await? else { return Ok(None) };
    let bytes = services.keys.values.open(&sealed, version.0.as_bytes()).map_err(Error::internal)?;
    Ok(Some(Plaintext::new(String::from_utf8(bytes).map_err(|_| Error::internal("a sealed value is not text"))?)))
}

/// The audience of the nodes of a publication that lie in a scope.
fn scope_audience(publication: &PublicationRecord, scope: &Scope) -> Result<Audience> {
    let text = serde_json::to_vec(scope).map_err(Error::internal)?;
    // All of the digest: of two scopes of one name, either would read what is for the other.
    Ok(Audience::Scope(publication.id, Digest::of(&text).to_string()))
}

/// Brings the sealed values of a publication up to date: each under the key of its scope's audience, that key with
/// every node of the audience, and what is no longer published taken away.
pub async fn refresh_publication(services: &Services, tx: &mut Tx, publication: &PublicationRecord) -> Result<()> {
    let wanted = wanted_values(tx, publication).await?;
    let known = audience_keys_of(tx, publication.id).await?;
    if wanted.is_empty() && known.is_empty() {
        return Ok(());
    }
    let mut keys: BTreeMap<Audience, AudienceKeyRecord> =
        known.into_iter().map(|record| (record.audience.clone(), record)).collect();
    for (audience, (scope, _)) in &wanted {
        if !keys.contains_key(audience) {
            let record = create_key(services, tx, publication, audience, scope).await?;
            keys.insert(audience.clone(), record);
        }
    }
    let mut withdrawn = own::Withdrawn::new();
    for (audience, record) in &keys {
        let key = open_key(services, record)?;
        let versions = wanted.get(audience).map(|(_, versions)| versions.clone()).unwrap_or_default();
        let gone = refresh_values(services, tx, record, &key, &versions).await?;
        if !gone.is_empty() {
            let readers = members_of(tx, audience).await?;
            gone.into_iter().for_each(|version| withdrawn.entry(version).or_default().extend(readers.iter().copied()));
        }
        refresh_members(services, tx, publication, record, &key).await?;
    }
    own::keep(services, tx, publication, &withdrawn).await
}

/// The same after one resource changed. Where nothing sealed was published and this resource brings nothing sealed,
/// nothing is to be done: the other resources need not be looked at, however many the publication carries.
pub async fn refresh_item(
    services: &Services,
    tx: &mut Tx,
    publication: &PublicationRecord,
    item: &ItemRecord,
    loaded: &Loaded,
) -> Result<()> {
    let body = match offer::offered(tx, loaded, &item.policy).await? {
        Some((_, revision)) => loaded.body(tx, revision).await?,
        None => None,
    };
    let brings_none = body.is_none_or(|body| references(&body).is_empty());
    if brings_none && audience_keys_of(tx, publication.id).await?.is_empty() {
        return Ok(());
    }
    refresh_publication(services, tx, publication).await
}

type Wanted = BTreeMap<Audience, (Scope, BTreeSet<SecretId>)>;

async fn wanted_values(tx: &Tx, publication: &PublicationRecord) -> Result<Wanted> {
    let mut wanted: Wanted = BTreeMap::new();
    for item in &publication.items {
        let Some(record) = resource_get(tx, item.resource).await? else { continue };
        let loaded = load(tx, record).await?;
        let Some((_, revision)) = offer::offered(tx, &loaded, &item.policy).await? else { continue };
        let Some(body) = loaded.body(tx, revision).await? else { continue };
        for (scope, version) in atoll_domain::secret::scoped_references(loaded.record.kind, &body) {
            let audience = scope_audience(publication, &scope)?;
            wanted.entry(audience).or_insert_with(|| (scope, BTreeSet::new())).1.insert(version);
        }
    }
    Ok(wanted)
}

async fn create_key(
    services: &Services,
    tx: &Tx,
    publication: &PublicationRecord,
    audience: &Audience,
    scope: &Scope,
) -> Result<AudienceKeyRecord> {
    let id = AudienceKeyId(clock::new_id());
    let key: [u8; 32] = clock::random();
    let sealed = services.keys.values.seal(&key, id.0.as_bytes(), clock::random()).map_err(Error::internal)?;
    let record =
        AudienceKeyRecord { audience: audience.clone(), publication: publication.id, scope: scope.clone(), id, sealed };
    audience_key_create(tx, &record).await?;
    Ok(record)
}

fn open_key(services: &Services, record: &AudienceKeyRecord) -> Result<SymmetricKey> {
    let bytes = services.keys.values.open(&record.sealed, record.id.0.as_bytes()).map_err(Error::internal)?;
    Ok(SymmetricKey::new(bytes.try_into().map_err(|_| Error::internal("an audience key has the wrong length"))?))
}

/// Brings the values of an audience up to date. Answers those that are taken away.
async fn refresh_values(
    services: &Services,
    tx: &mut Tx,
    record: &AudienceKeyRecord,
    key: &SymmetricKey,
    versions: &BTreeSet<SecretId>,
) -> Result<Vec<SecretId>> {
    let present = document_keys(tx, &record.audience).await?;
    let mut gone = Vec::new();
    for (present, _) in &present {
        if !versions.iter().any(|version| *present == secret_key(*version)) {
            offer::remove(services, tx, record.audience.clone(), DocumentKind::Secret, present.clone()).await?;
            gone.extend(secret_of(present));
        }
    }
    for version in versions {
        // Encryption is not repeatable, so a value that is there stays as it is.
        if present.iter().any(|(present, _)| *present == secret_key(*version)) {
            continue;
        }
        let Some(plain) = reveal(services, tx, *version).await? else { continue };
        let sealed = SealedValue::seal(*version, record.id, key, &plain, clock::random()).map_err(Error::internal)?;
        let key = secret_key(*version);
        offer::put(services, tx, record.audience.clone(), DocumentKind::Secret, key, &sealed).await?;
    }
    Ok(gone)
}

const SECRETS: &str = "secret/";

fn secret_key(version: SecretId) -> String {
    format!("{SECRETS}{version}")
}

/// Of some values those that a publication brings or has brought.
pub(super) async fn published_once(tx: &Tx, versions: impl Iterator<Item = SecretId>) -> Result<BTreeSet<SecretId>> {
    let known = known_keys(tx, versions.map(secret_key)).await?;
    Ok(known.iter().filter_map(|key| secret_of(key)).collect())
}

/// The sealed value that a document of an audience brings, by the document's key.
pub(super) fn secret_of(key: &str) -> Option<SecretId> {
    key.strip_prefix(SECRETS)?.parse().ok()
}

async fn refresh_members(
    services: &Services,
    tx: &mut Tx,
    publication: &PublicationRecord,
    record: &AudienceKeyRecord,
    key: &SymmetricKey,
) -> Result<()> {
    let present: BTreeSet<_> = members_of(tx, &record.audience).await?.into_iter().collect();
    let mut wanted = BTreeSet::new();
    for node in node_list(tx).await? {
        if !in_scope(publication, record, &node) {
            continue;
        }
        wanted.insert(node.id);
        if !present.contains(&node.id) {
            tx.put_membership(node.id, record.audience.clone(), true);
            wrap(services, tx, record, key, &node).await?;
        }
    }
    for node in present.difference(&wanted) {
        tx.put_membership(*node, record.audience.clone(), false);
        offer::remove(services, tx, Audience::Node(*node), DocumentKind::KeyWrap, wrap_key(record.id)).await?;
    }
    Ok(())
}

/// Whether a node reads what is sealed for a scope of a publication.
pub(super) fn in_scope(publication: &PublicationRecord, record: &AudienceKeyRecord, node: &NodeRecord) -> bool {
    publication.selector.matches(&node.group, &node.labels) && is_meant_for(&record.scope, node)
}

/// Whether a node lies in the scope of a value.
pub(super) fn is_meant_for(scope: &Scope, node: &NodeRecord) -> bool {
    // A name is free to be taken: what is for that very name is for the server that somebody said it is.
    (scope.target.is_empty() || node.confirmed) && scope.rank_at(&place(node)).is_ok()
}

/// Where a node stands for the scopes of values.
pub(super) fn place(node: &NodeRecord) -> Place {
    place_of(node.name.as_str(), &node.group, &node.labels)
}

fn wrap_key(id: AudienceKeyId) -> String {
    format!("key/{id}")
}

async fn wrap(
    services: &Services,
    tx: &mut Tx,
    record: &AudienceKeyRecord,
    key: &SymmetricKey,
    node: &NodeRecord,
) -> Result<()> {
    // What one node causes is that node's matter, and never the failure of what an administrator does for all.
    let Some(wrapped) = wrapped_for(node, record.id, key) else {
        let exception = ExceptionRecord {
            node: node.id,
            subject: "its sealing key".to_owned(),
            code: "BAD_SEALING_KEY".to_owned(),
            text: "nothing can be sealed for this node: its public sealing key is not a valid one; let it join anew"
                .to_owned(),
            since_ms: clock::now().0,
            revision: None,
        };
        return exception_put(tx, &exception).await;
    };
    offer::put(services, tx, Audience::Node(node.id), DocumentKind::KeyWrap, wrap_key(record.id), &wrapped).await
}

/// A key that a node alone can open; `None` where the node's own key is none.
fn wrapped_for(node: &NodeRecord, id: AudienceKeyId, key: &SymmetricKey) -> Option<WrappedKey> {
    let public: [u8; 32] = node.sealing_key.as_slice().try_into().ok()?;
    WrappedKey::wrap(id, key, &public, clock::random()).ok()
}

/// Brings new nodes that a publication reaches the keys of the scopes they lie in.
pub async fn admit_nodes(
    services: &Services,
    tx: &mut Tx,
    publication: &PublicationRecord,
    nodes: &[&NodeRecord],
) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    for record in audience_keys_of(tx, publication.id).await? {
        let key = open_key(services, &record)?;
        for node in nodes {
            if in_scope(publication, &record, node) {
                wrap(services, tx, &record, &key, node).await?;
                tx.put_membership(node.id, record.audience.clone(), true);
            }
        }
    }
    Ok(())
}

/// Takes the keys of a publication from its nodes, before it is deleted.
pub async fn withdraw_keys(services: &Services, tx: &mut Tx, publication: &PublicationRecord) -> Result<()> {
    for record in audience_keys_of(tx, publication.id).await? {
        for node in members_of(tx, &record.audience).await? {
            offer::remove(services, tx, Audience::Node(node), DocumentKind::KeyWrap, wrap_key(record.id)).await?;
        }
    }
    audience_keys_delete(tx, publication.id).await
}

/// What a node keeps of sealed values for its own edits, after it came to stand elsewhere.
pub async fn refresh_own(services: &Services, tx: &mut Tx, node: &NodeRecord) -> Result<()> {
    own::refresh_node(services, tx, node).await
}

/// The part of a node's memberships that follows from the scopes of values in a publication that reaches it.
pub async fn refresh_node(
    services: &Services,
    tx: &mut Tx,
    publication: &PublicationRecord,
    node: &NodeRecord,
    wanted: &mut BTreeSet<Audience>,
) -> Result<()> {
    for record in audience_keys_of(tx, publication.id).await? {
        if in_scope(publication, &record, node) {
            let key = open_key(services, &record)?;
            if !members_of(tx, &record.audience).await?.contains(&node.id) {
                wrap(services, tx, &record, &key, node).await?;
            }
            wanted.insert(record.audience);
        } else {
            offer::remove(services, tx, Audience::Node(node.id), DocumentKind::KeyWrap, wrap_key(record.id)).await?;
        }
    }
    Ok(())
}
