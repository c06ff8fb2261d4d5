//! Questions for a person: shown per place with base, both sides and who made them, and answered.

pub mod resolve;

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_domain::id::{Digest, ResourceId, RevisionId};
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::merge::Conflict;
use atoll_domain::sharing::offer::EditMode;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::three_way::readable;
use serde_json::Value;

pub use self::resolve::{Answer, Take, resolve};
use super::fork;
use super::history::{Loaded, load};
use crate::directory::Nodes;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::store::Database;
use crate::store::fleet::node_get;
use crate::store::sharing::{
    ConflictRecord, ForkRecord, ResourceRecord, RevisionRecord, conflict_list, forks_between, resource_get,
    resource_list,
};

/// A question with everything that is needed to answer it.
#[derive(Debug, Clone)]
pub struct ConflictView {
    pub record: ConflictRecord,
    pub resource: ResourceRecord,
    pub node: String,
    /// The two sides, in the order of `left` and `right` of the places.
    pub revisions: Vec<Arc<RevisionRecord>>,
    pub places: Vec<PlaceView>,
    /// Everything that merges, in the outside form.
    pub merged: Value,
    /// Which side is the node's: 0 or 1.
    pub node_side: Option<usize>,
    /// Its answer stays on the node, whose publication keeps edits there.
    pub stays_on_node: bool,
    /// Its answer is part of a draft.
    pub waits_for_release: bool,
    /// For naming where values were written.
    pub nodes: Arc<Nodes>,
}

/// One open place, with the path that people know it by.
#[derive(Debug, Clone)]
pub struct PlaceView {
    pub readable: Path,
    pub conflict: Conflict,
    /// The revisions that wrote the two values last.
    pub left_by: Option<Arc<RevisionRecord>>,
    pub right_by: Option<Arc<RevisionRecord>>,
}

/// A question with what lists are filtered and ordered by: no history is needed for it.
#[derive(Debug)]
struct ConflictRow<'a> {
    record: ConflictRecord,
    resource: &'a ResourceRecord,
    node: String,
}

impl Listed for ConflictRow<'_> {
    const FIELDS: &'static [&'static str] = &["state", "node", "resource", "kind", "opened_ms"];
    const FACETS: &'static [&'static str] = &["state", "node", "kind"];
    fn title(&self) -> String {
        format!("{} {}", self.resource.name, self.node)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "state" => Field::text(if self.record.closed_by.is_some() { "resolved" } else { "open" }),
            "node" => Field::text(&self.node),
            "resource" => Field::text(&self.resource.name),
            "kind" => Field::text(self.resource.kind),
            "opened_ms" => Some(Field::Number(self.record.opened_ms)),
            _ => None,
        }
    }
    fn fits(&self, name: &str, value: &str) -> bool {
        let is_id = name == "resource" && self.resource.id.to_string() == value;
        is_id || self.field(name).is_some_and(|field| field.reads(value))
    }
}

/// # Errors
/// A filter, an order or a page token that is not one.
pub async fn list(services: &Services, options: &Options) -> Result<Page<ConflictView>> {
    let mut options = options.clone();
    if !options.filter.contains("state") {
        options.filter.push_str(" state=open");
    }
    let nodes = services.nodes().await?;
    let resources = resource_list(&services.store).await?;
    let named: BTreeMap<ResourceId, &ResourceRecord> =
        resources.iter().map(|resource| (resource.id, resource)).collect();
    let mut records = conflict_list(&services.store).await?;
    records.sort_by_key(|record| record.opened_ms);
    let row = |record: ConflictRecord| {
        let resource = *named.get(&record.resource)?;
        Some(ConflictRow { node: node_name(&nodes, &record), resource, record })
    };
    let rows = page(records.into_iter().filter_map(row).collect(), &options)?;
    let mut items = Vec::with_capacity(rows.items.len());
    for row in rows.items {
        items.push(view(&services.store, row.record, &nodes).await?);
    }
    Ok(Page { items, next_page_token: rows.next_page_token, total: rows.total, facets: rows.facets })
}

fn node_name(nodes: &Nodes, record: &ConflictRecord) -> String {
    let name = record.node.map(|node| nodes.name(node).unwrap_or_else(|| node.to_string()));
    name.unwrap_or_default()
}

/// Shows a question.
///
/// # Errors
/// There is none of this id.
pub async fn get(services: &Services, id: &str) -> Result<ConflictView> {
    let nodes = services.nodes().await?;
    view(&services.store, find(&services.store, id).await?, &nodes).await
}

async fn find(database: &impl Database, id: &str) -> Result<ConflictRecord> {
    let records = conflict_list(database).await?;
    let fits: Vec<&ConflictRecord> = records
        .iter()
        .filter(|record| {
            let own = record.id.to_string();
            own == id || (id.len() >= 4 && own.ends_with(id))
        })
        .collect();
    match fits.as_slice() {
        [record] => Ok((*record).clone()),
        [] => Err(Error::not_found("conflict", id)),
        _ => Err(Error::invalid("AMBIGUOUS", format!("several conflicts end with {id}; give more digits"))),
    }
}

async fn view(database: &impl Database, record: ConflictRecord, nodes: &Arc<Nodes>) -> Result<ConflictView> {
    let resource = resource_get(database, record.resource).await?;
    let resource = resource.ok_or_else(|| Error::internal("a conflict is about a resource that is not there"))?;
    let loaded = load(database, resource).await?;
    let forks = match record.node {
        Some(node) => forks_between(database, node, record.resource).await?,
        None => Vec::new(),
    };
    let revisions: Vec<Arc<RevisionRecord>> =
        sides(&record).iter().filter_map(|id| loaded.provenance.get(id)).map(|side| told(&forks, side)).collect();
    let (mut places, merged) = match (record.closed_by, open_places(database, &loaded, &record).await?) {
        (None, Some((places, body))) => (places, body),
        _ => (Vec::new(), Value::Null),
    };
    for by in places.iter_mut().flat_map(|place| [&mut place.left_by, &mut place.right_by]) {
        *by = by.as_ref().map(|revision| told(&forks, revision));
    }
    let metadata = loaded.metadata(loaded.shown()?);
    Ok(ConflictView {
        merged: if merged.is_null() { merged } else { loaded.record.kind.export(&merged, &metadata) },
        node_side: node_side(&loaded, &record, &forks),
        stays_on_node: edit_of(database, &loaded, &record).await?.is_some_and(|(_, stays)| stays),
        waits_for_release: record.closed_by.is_some_and(|answer| waits_for_release(&loaded, answer)),
        resource: loaded.record,
        node: node_name(nodes, &record),
        nodes: Arc::clone(nodes),
        record,
        revisions,
        places,
    })
}

/// The edit of a node that an open conflict is about, and whether it stays there: its publication keeps edits on their nodes,
/// and it is held against what the node is offered, and not, because it was accepted, against a draft.
async fn edit_of(
    database: &impl Database,
    loaded: &Loaded,
    record: &ConflictRecord,
) -> Result<Option<(ForkRecord, bool)>> {
    let Some(node) = record.node else { return Ok(None) };
    let forks = forks_between(database, node, record.resource).await?;
    let is_asked = |fork: &ForkRecord| fork.conflict == Some(record.id) && !fork.state.is_closed();
    let (Some(fork), Some(node)) = (forks.into_iter().find(is_asked), node_get(database, node).await?) else {
        return Ok(None);
    };
    let offered = fork::offered_to(database, loaded, &node).await?;
    let is_kept = offered.is_some_and(|offered| offered.edit_mode == EditMode::Fork);
    let stays_on_node = is_kept && !holds_a_draft(database, loaded, record, &fork).await?;
    Ok(Some((fork, stays_on_node)))
}

/// Whether the other side of a node's edit was never released.
async fn holds_a_draft(
    database: &impl Database,
    loaded: &Loaded,
    record: &ConflictRecord,
    fork: &ForkRecord,
) -> Result<bool> {
    let published = loaded.published(database).await?;
    let is_draft = |side: &RevisionId| {
        !published.contains(side) && loaded.history.get(*side).is_some_and(|revision| !revision.header.tombstone)
    };
    Ok(record.heads.iter().filter(|side| **side != fork.head).any(is_draft))
}

fn waits_for_release(loaded: &Loaded, answer: RevisionId) -> bool {
    let contains = |later: RevisionId| loaded.history.descends(later, answer);
    let is_released = loaded.record.released.is_some_and(|(_, released)| contains(released));
    !is_released && loaded.record.heads.iter().any(|head| contains(*head))
}

/// The side that carries the node's edits and that the shared heads do not contain.
fn node_side(loaded: &Loaded, record: &ConflictRecord, forks: &[ForkRecord]) -> Option<usize> {
    let node = record.node?;
    // The same edit made on two nodes is one revision, which names the first.
    let is_own = |id: &RevisionId| {
        let made = loaded.provenance.get(id).is_some_and(|revision| revision.provenance.node == Some(node));
        made || forks.iter().any(|fork| fork.node_head == *id)
    };
    let own = |id: &RevisionId, other: &RevisionId| {
        loaded.history.ancestry(*id).difference(&loaded.history.ancestry(*other)).any(is_own)
    };
    match sides(record)[..] {
        [left, right] if own(&left, &right) => Some(0),
        [left, right] if own(&right, &left) => Some(1),
        _ => None,
    }
}

/// A revision as the node that is asked about has made it.
fn told(forks: &[ForkRecord], revision: &Arc<RevisionRecord>) -> Arc<RevisionRecord> {
    let own = forks.iter().find(|fork| fork.node_head == revision.revision.id);
    own.map_or_else(|| Arc::clone(revision), |fork| fork.told_by_its_node(revision))
}

/// The revision that wrote a place last on a side, among those that the other side has not seen.
fn author_of(loaded: &Loaded, path: &Path, side: RevisionId, other: RevisionId) -> Option<Arc<RevisionRecord>> {
    let seen = loaded.history.ancestry(other);
    loaded
        .history
        .ancestry(side)
        .difference(&seen)
        .filter_map(|id| loaded.provenance.get(id))
        .filter(|record| record.revision.header.touched.overlaps(path))
        .max_by_key(|record| (record.provenance.at, record.revision.id))
        .cloned()
}

/// The two heads that are asked about: the first two in the order of ids, which is the order of every merge.
fn sides(record: &ConflictRecord) -> Vec<RevisionId> {
    record.heads.iter().copied().take(2).collect()
}

async fn open_places(
    database: &impl Database,
    loaded: &Loaded,
    record: &ConflictRecord,
) -> Result<Option<(Vec<PlaceView>, Value)>> {
    let [left_id, right_id] = sides(record)[..] else { return Ok(None) };
    let (left, right) = (left_id, right_id);
    let Meeting::Open(merged) = loaded.put_together(database, left, right).await? else { return Ok(None) };
    let left = loaded.body(database, left).await?;
    let right = loaded.body(database, right).await?;
    let bodies: Vec<&Value> = [&left, &right].into_iter().flatten().chain([&merged.body]).collect();
    let places = merged
        .conflicts
        .iter()
        .map(|conflict| PlaceView {
            readable: readable(&conflict.path, &bodies),
            left_by: author_of(loaded, &conflict.path, left_id, right_id),
            right_by: author_of(loaded, &conflict.path, right_id, left_id),
            conflict: conflict.clone(),
        })
        .collect();
    Ok(Some((places, merged.body)))
}

/// Changes whenever a side of the conflict does.
#[must_use]
pub fn etag(record: &ConflictRecord) -> String {
    let heads: Vec<String> = record.heads.iter().map(ToString::to_string).collect();
    Digest::of(heads.join(" ").as_bytes()).short()
}
