//! Who can read which sealed value, and the explicit word that it takes to let more nodes read one.

use std::collections::{BTreeMap, BTreeSet};

use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::{PublicationId, RevisionId, SecretId};
use atoll_domain::kind::variable_set::scope::Scope;
use atoll_domain::secret::{Widened, foreign_references, placed_references, references, widened};
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::three_way::readable as readable_path;
use serde_json::Value;

use super::history::Loaded;
use super::offer;
use super::secret::{could_read, in_scope, is_meant_for, published_once, secret_of};
use crate::error::{Error, Result};
use crate::service::Caller;
use crate::store::feed::document_keys;
use crate::store::fleet::{NodeRecord, node_list};
use crate::store::secret::{AudienceKeyRecord, audience_keys_of};
use crate::store::sharing::{PublicationRecord, publication_list, release_list};
use crate::store::{Database, Tx};

/// Nodes that a refusal names; the rest is counted.
const NAMED: usize = 10;

/// The states of a resource whose reach somebody has agreed to: what is released, and the heads. Of what is deleted it is the
/// newest release: who reads what of it is asked when it comes back.
///
/// # Errors
/// The database does not answer.
pub(super) async fn agreed(tx: &Tx, loaded: &Loaded) -> Result<Vec<Value>> {
    let mut bodies = Vec::new();
    for id in loaded.tips() {
        bodies.extend(loaded.body(tx, id).await?);
    }
    if bodies.is_empty()
        && let Some(newest) = release_list(tx, loaded.record.id).await?.first()
    {
        bodies.extend(loaded.body(tx, newest.revision).await?);
    }
    Ok(bodies)
}

/// Refuses a content that carries sealed values of other resources or elements: a reference would release their values
/// to whoever this resource is published to.
///
/// # Errors
/// Names the places.
pub(super) fn check_own(own: &[&Value], body: &Value, fresh: &BTreeSet<SecretId>) -> Result<()> {
    let foreign = foreign_references(own, body, fresh);
    if foreign.is_empty() {
        return Ok(());
    }
    let places: Vec<String> = foreign.iter().map(|path| readable_path(path, &[body]).to_string()).collect();
    Err(Error::precondition(
        "FOREIGN_SECRET",
        format!(
            "{} refers to a sealed value of another resource or variable, and such a value cannot be copied; give the \
             value itself, or leave it out",
            places.join(", ")
        ),
    ))
}

/// After a revision has joined the heads: refuses a reach that has grown, unless the caller has said so.
///
/// # Errors
/// Names the values and the nodes that would gain them.
pub(super) async fn check_heads(
    tx: &Tx,
    loaded: &Loaded,
    agreed: &[Value],
    written: RevisionId,
    fresh: &BTreeSet<SecretId>,
    caller: &Caller,
) -> Result<()> {
    // In conflict nothing is everybody's yet, and what was written is one side of it.
    let result = match loaded.record.heads.first() {
        Some(head) if loaded.record.heads.len() == 1 => *head,
        _ => written,
    };
    let Some(body) = loaded.body(tx, result).await? else { return Ok(()) };
    check(tx, loaded, agreed, &body, fresh, caller).await
}

/// The same for one content.
///
/// # Errors
/// Names the values and the nodes that would gain them.
pub(super) async fn check(
    tx: &Tx,
    loaded: &Loaded,
    agreed: &[Value],
    body: &Value,
    fresh: &BTreeSet<SecretId>,
    caller: &Caller,
) -> Result<()> {
    let agreed: Vec<&Value> = agreed.iter().collect();
    let grown = widened(loaded.record.kind, &agreed, body, fresh);
    if grown.is_empty() || caller.words.widen {
        return Ok(());
    }
    let values: BTreeSet<String> =
        grown.iter().map(|one| format!("{} ({})", readable_path(&one.path, &[body]), one.after)).collect();
    let nodes = gaining(tx, loaded, &grown).await?;
    Err(refusal(&values.into_iter().collect::<Vec<_>>().join(", "), &nodes))
}

/// What publications bring of a resource.
pub(super) type Brought = BTreeMap<PublicationId, RevisionId>;

/// Which revision of a resource each publication brings.
///
/// # Errors
/// The database does not answer.
pub(super) async fn brought(tx: &Tx, loaded: &Loaded, publications: &[PublicationRecord]) -> Result<Brought> {
    let mut brought = Brought::new();
    for publication in publications {
        let Some(item) = publication.items.iter().find(|item| item.resource == loaded.record.id) else { continue };
        let offered = offer::offered(tx, loaded, &item.policy).await?;
        brought.extend(offered.map(|(_, revision)| (publication.id, revision)));
    }
    Ok(brought)
}

/// Refuses that publications bring sealed values again, which they had ceased to bring, to nodes that could not read them until
/// then, unless the caller has said so. Labels and pins that were set meanwhile have asked nobody, for there was nothing to
/// read.
///
/// # Errors
/// Names the values and the nodes that would gain them.
pub(super) async fn check_back(
    tx: &Tx,
    loaded: &Loaded,
    before: &Brought,
    publications: &[PublicationRecord],
    caller: &Caller,
) -> Result<()> {
    if caller.words.widen {
        return Ok(());
    }
    let now = brought(tx, loaded, publications).await?;
    let (mut values, mut gaining) = (BTreeSet::new(), BTreeSet::new());
    // Hardly any release brings something back, and a fleet is large: its nodes are read where one does.
    let mut nodes: Option<Vec<NodeRecord>> = None;
    for publication in publications {
        let Some(revision) = now.get(&publication.id).filter(|now| before.get(&publication.id) != Some(now)) else {
            continue;
        };
        let Some(body) = loaded.body(tx, *revision).await? else { continue };
        let back = coming_back(tx, loaded, before.get(&publication.id).copied(), &body).await?;
        if back.is_empty() {
            continue;
        }
        let nodes = match &mut nodes {
            Some(known) => known,
            unread => unread.insert(node_list(tx).await?),
        };
        for node in nodes.iter().filter(|one| publication.selector.matches(&one.group, &one.labels)) {
            let comes: Vec<_> = back.iter().filter(|(_, scope, _)| is_meant_for(scope, node)).collect();
            let known = could_read(tx, node.id, comes.iter().map(|(_, _, version)| *version).collect()).await?;
            for (path, scope, _) in comes.into_iter().filter(|(_, _, version)| !known.contains(version)) {
                values.insert(format!("{} ({scope})", readable_path(path, &[&body])));
                gaining.insert(node.name.to_string());
            }
        }
    }
    if values.is_empty() {
        return Ok(());
    }
    let values: Vec<String> = values.into_iter().take(NAMED).collect();
    Err(refusal(&values.join(", "), &gaining.into_iter().collect::<Vec<_>>()))
}

/// The sealed values of a content that what came before it does not have, and that were published once. One that never was has
/// just been given, together with its scope.
async fn coming_back(
    tx: &Tx,
    loaded: &Loaded,
    before: Option<RevisionId>,
    body: &Value,
) -> Result<Vec<(Path, Scope, SecretId)>> {
    let mut placed = placed_references(loaded.record.kind, body);
    if placed.is_empty() {
        return Ok(placed);
    }
    let before = match before {
        Some(revision) => loaded.body(tx, revision).await?,
        None => None,
    };
    let present: BTreeSet<SecretId> = before.iter().flat_map(references).map(|(_, version)| version).collect();
    placed.retain(|(_, _, version)| !present.contains(version));
    let known = published_once(tx, placed.iter().map(|(_, _, version)| *version)).await?;
    placed.retain(|(_, _, version)| known.contains(version));
    Ok(placed)
}

fn refusal(values: &str, nodes: &[String]) -> Error {
    let who = match nodes.len() {
        0 => "no node yet, but every node that enters its scope".to_owned(),
        count if count > NAMED => format!("{} and {} more", nodes[..NAMED].join(", "), count - NAMED),
        _ => nodes.join(", "),
    };
    Error::precondition(
        "WIDENS_SECRET",
        format!("this exposes {values} to more nodes: {who}; to allow it, pass --widen"),
    )
}

/// The nodes that could read a value by the new scope and could not by any of the old ones.
async fn gaining(tx: &Tx, loaded: &Loaded, grown: &[Widened]) -> Result<Vec<String>> {
    let publications: Vec<PublicationRecord> = publication_list(tx)
        .await?
        .into_iter()
        .filter(|publication| publication.items.iter().any(|item| item.resource == loaded.record.id))
        .collect();
    let mut nodes = Vec::new();
    for node in node_list(tx).await? {
        let place = super::secret::place(&node);
        let gains = |one: &Widened| {
            one.after.rank_at(&place).is_ok() && one.before.iter().all(|scope| scope.rank_at(&place).is_err())
        };
        let is_reached = publications.iter().any(|publication| publication.selector.matches(&node.group, &node.labels));
        if is_reached && grown.iter().any(gains) {
            nodes.push(node.name.to_string());
        }
    }
    Ok(nodes)
}

/// Sealed values that are published now, with what decides who reads them.
#[derive(Debug)]
pub struct Sealed {
    publication: PublicationRecord,
    key: AudienceKeyRecord,
    versions: BTreeSet<SecretId>,
}

/// Reads which sealed values publications bring.
///
/// # Errors
/// The database does not answer.
pub async fn sealed(database: &impl Database, publications: &[PublicationRecord]) -> Result<Vec<Sealed>> {
    let mut all = Vec::new();
    for publication in publications {
        for key in audience_keys_of(database, publication.id).await? {
            let documents = document_keys(database, &key.audience).await?;
            let versions = documents.iter().filter_map(|(key, _)| secret_of(key)).collect();
            all.push(Sealed { publication: publication.clone(), key, versions });
        }
    }
    Ok(all)
}

/// All of them.
#[must_use]
pub fn versions(sealed: &[Sealed]) -> BTreeSet<SecretId> {
    sealed.iter().flat_map(|one| one.versions.iter().copied()).collect()
}

/// The sealed values that a node can read.
#[must_use]
pub fn readable(sealed: &[Sealed], node: &NodeRecord) -> BTreeSet<SecretId> {
    if node.standing == NodeStanding::Removed {
        return BTreeSet::new();
    }
    let own = sealed.iter().filter(|one| in_scope(&one.publication, &one.key, node));
    own.flat_map(|one| one.versions.iter().copied()).collect()
}

/// The text of a refusal for want of the word; any other error is one.
///
/// # Errors
/// It is no such refusal.
pub fn refusal_or(error: Error) -> Result<Option<String>> {
    if error.reason == "WIDENS_SECRET" { Ok(Some(error.text)) } else { Err(error) }
}

/// Why [`check_node`] refuses a change of a node, if it does.
///
/// # Errors
/// It is refused for something else than want of the word.
pub fn refusal_of_node(
    sealed: &[Sealed],
    before: &NodeRecord,
    after: &NodeRecord,
    caller: &Caller,
) -> Result<Option<String>> {
    check_node(sealed, before, after, caller).map_or_else(refusal_or, |()| Ok(None))
}

/// Refuses a change of a node that brings it sealed values it could not read before, unless the caller has said so.
///
/// # Errors
/// Says how many values, through which publications.
pub fn check_node(sealed: &[Sealed], before: &NodeRecord, after: &NodeRecord, caller: &Caller) -> Result<()> {
    let known = readable(sealed, before);
    let gained: BTreeSet<SecretId> = readable(sealed, after).difference(&known).copied().collect();
    if gained.is_empty() || caller.words.widen {
        return Ok(());
    }
    let through: BTreeSet<String> = sealed
        .iter()
        .filter(|one| in_scope(&one.publication, &one.key, after) && !one.versions.is_disjoint(&gained))
        .map(|one| format!("publication {} for {}", one.publication.name, one.key.scope))
        .collect();
    let values = match gained.len() {
        1 => "one sensitive value".to_owned(),
        count => format!("{count} sensitive values"),
    };
    let through: Vec<String> = through.into_iter().take(NAMED).collect();
    Err(refusal(&format!("{values} ({})", through.join(", ")), &[after.name.to_string()]))
}
