//! Sealed values that one node keeps because its own edit goes on with them.
//!
//! A release that replaces a sealed value takes the old one from everybody. A node whose own edit does not merge with that
//! release, or was made from something newer than what it is offered by now, goes on running with the old value, and would
//! run without one. It keeps what it could read until then: an edit never lets a node read what it could not read before,
//! whatever old state it was made from.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::document::{Audience, DocumentKind};
use atoll_domain::id::{AudienceKeyId, NodeId, ResourceId, SecretId};
use atoll_domain::kind::variable_set::scope::Scope;
use atoll_domain::secret::{SealedValue, SymmetricKey, placed_references, references};
use atoll_domain::sharing::fork::Delivery;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::path::Path;
use serde_json::Value;

use super::{is_meant_for, reveal, secret_key, secret_of, wrapped_for};
use crate::clock;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::service::sharing::fork::{Together, offered_to};
use crate::service::sharing::history::{Loaded, load};
use crate::service::sharing::offer;
use crate::store::feed::{RowRecord, document_keys, memberships_of, rows_of_keys};
use crate::store::fleet::{NodeRecord, node_get};
use crate::store::sharing::{ForkRecord, PublicationRecord, forks_between, forks_open, resource_get};
use crate::store::{Database, Tx};

/// Values that are taken away, each with the nodes that could read it.
pub(super) type Withdrawn = BTreeMap<SecretId, BTreeSet<NodeId>>;

/// Leaves withdrawn values with the nodes whose own edits go on with them.
pub(super) async fn keep(
    services: &Services,
    tx: &mut Tx,
    publication: &PublicationRecord,
    withdrawn: &Withdrawn,
) -> Result<()> {
    let readers: BTreeSet<NodeId> = withdrawn.values().flatten().copied().collect();
    if readers.is_empty() {
        return Ok(());
    }
    for item in &publication.items {
        let nodes: BTreeSet<NodeId> =
            forks_open(tx, item.resource).await?.iter().filter(runs).map(|f| f.node).collect();
        let nodes: Vec<NodeId> = nodes.intersection(&readers).copied().collect();
        let Some(record) = resource_get(tx, item.resource).await?.filter(|_| !nodes.is_empty()) else { continue };
        let loaded = load(tx, record).await?;
        for node in nodes {
            let Some(node) = node_get(tx, node).await? else { continue };
            let readable = withdrawn.iter().filter(|(_, nodes)| nodes.contains(&node.id));
            let readable: BTreeSet<SecretId> = readable.map(|(version, _)| *version).collect();
            refresh(services, tx, &loaded, &node, &readable, None).await?;
        }
    }
    Ok(())
}

/// After something was said about a node's edit: what it goes on with stays, though it was withdrawn before the edit came in,
/// and what nothing that runs there refers to any more is taken away.
pub async fn refresh_fork(
    services: &Services,
    tx: &mut Tx,
    loaded: &Loaded,
    fork: &ForkRecord,
    together: Option<&Together>,
) -> Result<()> {
    let body = match together {
        Some(together) => together.body.clone(),
        None => loaded.body(tx, fork.head).await?,
    };
    let refers_to = body.iter().flat_map(references).map(|(_, version)| version).filter(|_| runs(&fork));
    let readable = could_read(tx, fork.node, refers_to.collect()).await?;
    if readable.is_empty() && kept(tx, fork.node, Some(fork.resource)).await?.is_empty() {
        return Ok(());
    }
    let Some(node) = node_get(tx, fork.node).await? else { return Ok(()) };
    let instead = together.map(|together| (fork.id, together.body.as_ref()));
    refresh(services, tx, loaded, &node, &readable, instead).await
}

/// Of some values those that a node could read in the past or can now: it was in an audience that the value was sealed for
/// while it was. Where that cannot be told, it could not.
pub async fn could_read(tx: &Tx, node: NodeId, versions: BTreeSet<SecretId>) -> Result<BTreeSet<SecretId>> {
    if versions.is_empty() {
        return Ok(versions);
    }
    let memberships = memberships_of(tx, node).await?;
    let scopes = memberships.keys().filter(|audience| matches!(audience, Audience::Scope(..)));
    let sealed = rows_of_keys(tx, versions.into_iter().map(secret_key), scopes).await?;
    let was_there = |row: &RowRecord| {
        let Some(member) = memberships.get(&row.audience) else { return false };
        match (member.is_active, row.is_deleted) {
            (true, false) => true,
            // It came before the value went.
            (true, true) => member.sequence < row.sequence,
            // The value was there before it left, or both went at once.
            (false, false) => row.sequence < member.sequence,
            (false, true) => row.sequence == member.sequence,
        }
    };
    Ok(sealed.iter().filter(|row| was_there(row)).filter_map(|row| secret_of(&row.key)).collect())
}

/// After a node came to stand elsewhere: what is for others than it is taken away.
pub(super) async fn refresh_node(services: &Services, tx: &mut Tx, node: &NodeRecord) -> Result<()> {
    let resources: BTreeSet<ResourceId> =
        kept(tx, node.id, None).await?.into_iter().map(|(resource, _)| resource).collect();
    for resource in resources {
        let Some(record) = resource_get(tx, resource).await? else { continue };
        let loaded = load(tx, record).await?;
        refresh(services, tx, &loaded, node, &BTreeSet::new(), None).await?;
    }
    Ok(())
}

/// Brings the values that a node keeps for its own edits of one resource up to date. `instead` is what runs in the place of
/// one of its edits.
async fn refresh(
    services: &Services,
    tx: &mut Tx,
    loaded: &Loaded,
    node: &NodeRecord,
    withdrawn: &BTreeSet<SecretId>,
    instead: Option<(uuid::Uuid, Option<&Value>)>,
) -> Result<()> {
    let resource = loaded.record.id;
    let present: BTreeSet<SecretId> =
        kept(tx, node.id, Some(resource)).await?.into_iter().map(|(_, version)| version).collect();
    let may_keep: BTreeSet<SecretId> = present.union(withdrawn).copied().collect();
    let wanted = match may_keep.is_empty() {
        true => return Ok(()),
        false => wanted(tx, loaded, node, &may_keep, instead).await?,
    };
    for version in present.difference(&wanted) {
        for (kind, key) in keys(resource, *version) {
            offer::remove(services, tx, Audience::Node(node.id), kind, key).await?;
        }
    }
    for version in wanted.difference(&present) {
        put(services, tx, resource, node, *version).await?;
    }
    Ok(())
}

/// The values among some that a node goes on with: it runs an edit that refers to them, in a scope in which it lies, and
/// what it is offered says nothing else of them.
async fn wanted(
    tx: &Tx,
    loaded: &Loaded,
    node: &NodeRecord,
    among: &BTreeSet<SecretId>,
    instead: Option<(uuid::Uuid, Option<&Value>)>,
) -> Result<BTreeSet<SecretId>> {
    let offered = offered_to(tx, loaded, node).await?.filter(|offered| offered.edit_mode != EditMode::Locked);
    let Some(offered) = offered else { return Ok(BTreeSet::new()) };
    let kind = loaded.record.kind;
    let offered = loaded.body(tx, offered.revision).await?;
    let offered: Vec<(Path, Scope, SecretId)> = offered.iter().flat_map(|body| placed_references(kind, body)).collect();
    // What somebody has taken from the node at the same place is taken, whatever its edit says.
    let is_taken = |path: &Path| offered.iter().any(|(own, scope, _)| own == path && !is_meant_for(scope, node));
    let mut wanted = BTreeSet::new();
    for fork in forks_between(tx, node.id, loaded.record.id).await?.iter().filter(runs) {
        let body = match instead {
            Some((id, body)) if id == fork.id => body.cloned(),
            _ => loaded.body(tx, fork.head).await?,
        };
        let Some(body) = body else { continue };
        let readable = placed_references(kind, &body).into_iter();
        let readable = readable.filter(|(path, scope, _)| is_meant_for(scope, node) && !is_taken(path));
        wanted.extend(readable.map(|(_, _, version)| version));
    }
    let is_offered = |version: &SecretId| offered.iter().any(|(_, _, known)| known == version);
    wanted.retain(|version| among.contains(version) && !is_offered(version));
    Ok(wanted)
}

fn runs(fork: &&ForkRecord) -> bool {
    fork.state.runs() && fork.delivery != Delivery::Unapplied
}

async fn put(
    services: &Services,
    tx: &mut Tx,
    resource: ResourceId,
    node: &NodeRecord,
    version: SecretId,
) -> Result<()> {
    let Some(plain) = reveal(services, tx, version).await? else { return Ok(()) };
    let (id, key) = (AudienceKeyId(clock::new_id()), SymmetricKey::new(clock::random()));
    // A node whose key is no key reads nothing anyway, and has its exception for that.
    let Some(wrapped) = wrapped_for(node, id, &key) else { return Ok(()) };
    let sealed = SealedValue::seal(version, id, &key, &plain, clock::random()).map_err(Error::internal)?;
    let [(secret, secret_key), (wrap, wrap_key)] = keys(resource, version);
    offer::put(services, tx, Audience::Node(node.id), secret, secret_key, &sealed).await?;
    offer::put(services, tx, Audience::Node(node.id), wrap, wrap_key, &wrapped).await
}

/// The documents of one value, by kind and key.
fn keys(resource: ResourceId, version: SecretId) -> [(DocumentKind, String); 2] {
    [
        (DocumentKind::Secret, format!("{SECRETS}{resource}/{version}")),
        (DocumentKind::KeyWrap, format!("own-key/{resource}/{version}")),
    ]
}

const SECRETS: &str = "own-secret/";

/// The values that a node keeps for its own edits.
///
/// # Errors
/// The database does not answer.
pub async fn kept_values(database: &impl Database, node: NodeId) -> Result<BTreeSet<SecretId>> {
    Ok(kept(database, node, None).await?.into_iter().map(|(_, version)| version).collect())
}

/// The same with their resources, of one or of all.
async fn kept(
    database: &impl Database,
    node: NodeId,
    resource: Option<ResourceId>,
) -> Result<Vec<(ResourceId, SecretId)>> {
    let keys = document_keys(database, &Audience::Node(node)).await?;
    let read = |(key, _): &(String, String)| {
        let (of, version) = key.strip_prefix(SECRETS)?.split_once('/')?;
        Some((of.parse().ok()?, version.parse().ok()?))
    };
    let all = keys.iter().filter_map(read);
    Ok(all.filter(|(of, _)| resource.is_none_or(|resource| resource == *of)).collect())
}
