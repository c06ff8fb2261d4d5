//! The sealed values that publications bring to nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atoll_domain::id::{RevisionId, SecretId};
use atoll_domain::kind::Kind;
use atoll_domain::kind::variable_set::scope::Scope;
use atoll_domain::secret::placed_references;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::three_way::readable as readable_path;
use serde_json::Value;

use super::Receiver;
use crate::error::Result;
use crate::service::sharing::history::Loaded;
use crate::service::sharing::offer;
use crate::store::Database;
use crate::store::sharing::PublicationRecord;

/// A sealed value in a content.
#[derive(Debug)]
pub(super) struct Placed {
    pub path: Path,
    pub place: String,
    pub scope: Scope,
    pub version: SecretId,
}

/// The sealed values of contents that were read.
pub(super) type SealedIn = BTreeMap<RevisionId, Arc<Vec<Placed>>>;

/// The sealed values of what publications bring of a resource to a node, the ones that do not win there included: a node holds
/// all of them.
pub(super) async fn brought(
    database: &impl Database,
    loaded: &Loaded,
    publications: &[PublicationRecord],
    known: &mut SealedIn,
    who: &Receiver,
) -> Result<Vec<Arc<Vec<Placed>>>> {
    let mut all = Vec::new();
    for publication in publications.iter().filter(|one| one.selector.matches(&who.group, &who.labels)) {
        all.extend(in_publication(database, loaded, publication, known).await?);
    }
    Ok(all)
}

pub(super) async fn in_publication(
    database: &impl Database,
    loaded: &Loaded,
    publication: &PublicationRecord,
    known: &mut SealedIn,
) -> Result<Option<Arc<Vec<Placed>>>> {
    let Some(item) = publication.items.iter().find(|item| item.resource == loaded.record.id) else { return Ok(None) };
    let Some((_, revision)) = offer::offered(database, loaded, &item.policy).await? else { return Ok(None) };
    if let Some(sealed) = known.get(&revision) {
        return Ok(Some(Arc::clone(sealed)));
    }
    let body = loaded.body(database, revision).await?;
    let placed = body.iter().flat_map(|body| {
        let shown = |path: Path| {
            let place = match loaded.record.kind {
                Kind::VariableSet => name_at(body, &path),
                Kind::StepTemplate => None,
            };
            (place.unwrap_or_else(|| readable_path(&path, &[body]).to_string()), path)
        };
        placed_references(loaded.record.kind, body).into_iter().map(move |(path, scope, version)| {
            let (place, path) = shown(path);
            Placed { path, place, scope, version }
        })
    });
    let sealed = Arc::new(placed.collect());
    known.insert(revision, Arc::clone(&sealed));
    Ok(Some(sealed))
}

/// The name of the variable whose value stands at a path.
fn name_at(body: &Value, path: &Path) -> Option<String> {
    let variable = Path(path.0.split_last()?.1.to_vec());
    variable.get(body)?.get("Name")?.as_str().map(str::to_owned)
}

/// The sealed values that a node can read of a set of which it runs an edit of its own: what publications bring, and what it
/// keeps for its edit because nobody has taken it from the node.
pub(super) async fn readable_here(
    database: &impl Database,
    set: &Loaded,
    publications: &[PublicationRecord],
    known: &mut SealedIn,
    who: &Receiver,
    (runs, body): (RevisionId, Option<Value>),
) -> Result<BTreeSet<SecretId>> {
    let mut readable = BTreeSet::new();
    let mut taken: BTreeSet<Path> = BTreeSet::new();
    for sealed in brought(database, set, publications, known, who).await? {
        readable.extend(sealed.iter().filter(|one| who.is_meant(&one.scope)).map(|one| one.version));
        taken.extend(sealed.iter().filter(|one| !who.is_meant(&one.scope)).map(|one| one.path.clone()));
    }
    let body = match body {
        Some(body) => Some(body),
        None => set.body(database, runs).await?,
    };
    for (path, scope, version) in body.iter().flat_map(|body| placed_references(Kind::VariableSet, body)) {
        if who.own.kept.contains(&version) && who.is_meant(&scope) && !taken.contains(&path) {
            readable.insert(version);
        }
    }
    Ok(readable)
}
