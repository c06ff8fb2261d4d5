//! Looking at resources, their history, and what differs.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_domain::id::{NodeId, ResourceId, RevisionId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::Version;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::three_way::readable;
use serde_json::Value;

use super::fork::differences;
use super::history::{Loaded, find, load};
use crate::directory::Nodes;
use crate::error::Result;
use crate::service::Services;
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::store::fleet::node_get;
use crate::store::sharing::{
    ReleaseRecord, ResourceRecord, ResourceState, RevisionRecord, conflicts_open, conflicts_open_counts,
    publication_list, release_list, resource_list,
};
use crate::store::{Database, Store};

/// One place that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub path: Path,
    pub from: Option<Value>,
    pub to: Option<Value>,
}

/// A resource with the publications that carry it.
#[derive(Debug, Clone)]
pub struct ResourceView {
    pub record: ResourceRecord,
    pub publications: Vec<String>,
    /// The newest version that it was ever released under; in lists what is released.
    pub latest: Option<Version>,
    pub open_conflicts: usize,
}

impl ResourceView {
    /// Of a resource that is named beside something else.
    #[must_use]
    pub fn bare(record: ResourceRecord) -> Self {
        Self { record, publications: Vec::new(), latest: None, open_conflicts: 0 }
    }

    #[must_use]
    pub fn has_draft(&self) -> bool {
        let released = self.record.released.map(|(_, revision)| revision);
        self.record.state != ResourceState::Deleted && self.record.heads.iter().any(|head| Some(*head) != released)
    }
}

impl Listed for ResourceView {
    const FIELDS: &'static [&'static str] =
        &["kind", "name", "state", "has_draft", "changed_ms", "changed_by", "publication", "version", "open_conflicts"];
    const FACETS: &'static [&'static str] = &["kind", "state", "has_draft"];
    fn title(&self) -> String {
        self.record.name.clone()
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "kind" => Field::text(self.record.kind),
            "name" => Field::text(&self.record.name),
            "state" => Field::text(self.record.state.name()),
            "has_draft" => Field::text(self.has_draft()),
            "changed_ms" => Some(Field::Number(self.record.changed_ms)),
            "changed_by" => Field::text(&self.record.changed_by),
            "version" => self.record.released.and_then(|(version, _)| Field::text(version)),
            "publication" => self.publications.first().and_then(Field::text),
            "open_conflicts" => Some(Field::Number(i64::try_from(self.open_conflicts).unwrap_or(i64::MAX))),
            _ => None,
        }
    }
    fn fits(&self, name: &str, value: &str) -> bool {
        match name {
            "publication" => self.publications.iter().any(|publication| publication == value),
            _ => self.field(name).is_some_and(|field| field.reads(value)),
        }
    }
}

pub async fn list(services: &Services, options: &Options) -> Result<Page<ResourceView>> {
    let carried = carried(&services.store).await?;
    let conflicts = conflicts_open_counts(&services.store).await?;
    let mut records = resource_list(&services.store).await?;
    records.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
    let wants_deleted = options.filter.contains("state");
    let views = records
        .into_iter()
        .filter(|record| wants_deleted || record.state != ResourceState::Deleted)
        .map(|record| {
            let open_conflicts = conflicts.get(&record.id).copied().unwrap_or_default();
            with_publications(record, &carried, open_conflicts)
        })
        .collect();
    page(views, options)
}

type Carried = BTreeMap<ResourceId, Vec<String>>;

async fn carried(database: &impl Database) -> Result<Carried> {
    let mut carried = Carried::new();
    for publication in publication_list(database).await? {
        for item in &publication.items {
            carried.entry(item.resource).or_default().push(publication.name.clone());
        }
    }
    Ok(carried)
}

fn with_publications(record: ResourceRecord, carried: &Carried, open_conflicts: usize) -> ResourceView {
    let latest = record.released.map(|(version, _)| version);
    let publications = carried.get(&record.id).cloned().unwrap_or_default();
    ResourceView { publications, latest, open_conflicts, record }
}

/// A resource as it is now, for answering a change.
///
/// # Errors
/// The database does not answer.
pub async fn view(store: &Store, record: ResourceRecord) -> Result<ResourceView> {
    let newest = release_list(store, record.id).await?.first().map(|release| release.version);
    let open_conflicts = conflicts_open(store, record.id).await?.len();
    Ok(ResourceView { latest: newest, ..with_publications(record, &carried(store).await?, open_conflicts) })
}

/// A revision with what people want to see of it.
#[derive(Debug, Clone)]
pub struct RevisionView {
    pub record: RevisionRecord,
    pub node: String,
    /// With list elements by their names.
    pub touched: Vec<Path>,
    pub versions: Vec<String>,
}

impl Listed for RevisionView {
    const FIELDS: &'static [&'static str] = &["origin", "author", "node", "at_ms"];
    const FACETS: &'static [&'static str] = &["origin", "author", "node"];
    fn title(&self) -> String {
        format!("{} {}", self.record.provenance.author, self.record.provenance.message)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "origin" => Field::text(origin_name(&self.record)),
            "author" => Field::text(&self.record.provenance.author),
            "node" => Field::text(&self.node),
            "at_ms" => Some(Field::Number(self.record.provenance.at.0)),
            _ => None,
        }
    }
}

#[must_use]
pub fn origin_name(record: &RevisionRecord) -> String {
    serde_json::to_value(record.provenance.origin)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// Nodes as far as they are needed by name.
#[derive(Debug)]
enum Named {
    All(Arc<Nodes>),
    /// The only one that is asked about.
    One(Option<String>),
}

impl Named {
    fn name(&self, node: NodeId) -> Option<String> {
        match self {
            Self::All(nodes) => nodes.name(node),
            Self::One(name) => name.clone(),
        }
    }
}

/// How revisions are shown: who, where, and by what versions they are known.
#[derive(Debug)]
pub struct RevisionNames {
    nodes: Named,
    releases: Vec<ReleaseRecord>,
}

impl RevisionNames {
    /// # Errors
    /// The database does not answer.
    pub async fn load(services: &Services, resource: ResourceId) -> Result<Self> {
        let nodes = Named::All(services.nodes().await?);
        Ok(Self { nodes, releases: release_list(&services.store, resource).await? })
    }

    /// For showing one revision: there is at most one node to name, however many are in the fleet.
    async fn load_for(database: &impl Database, resource: ResourceId, record: &RevisionRecord) -> Result<Self> {
        let named = match record.provenance.node {
            Some(node) => node_get(database, node).await?.map(|found| found.name.to_string()),
            None => None,
        };
        Ok(Self { nodes: Named::One(named), releases: release_list(database, resource).await? })
    }

    #[must_use]
    pub fn view(&self, record: &RevisionRecord, body: Option<&Value>) -> RevisionView {
        let bodies: Vec<&Value> = body.into_iter().collect();
        let node = record.provenance.node;
        let versions = self.releases.iter().filter(|release| release.revision == record.revision.id);
        RevisionView {
            node: node.map(|node| self.nodes.name(node).unwrap_or_else(|| node.to_string())).unwrap_or_default(),
            touched: record.revision.header.touched.iter().map(|path| readable(path, &bodies)).collect(),
            versions: versions.map(|release| release.version.to_string()).collect(),
            record: record.clone(),
        }
    }
}

/// A resource with the content of a revision.
#[derive(Debug)]
pub struct Shown {
    pub resource: ResourceView,
    pub revision: RevisionView,
    pub content: Option<Value>,
    pub releases: Vec<ReleaseRecord>,
}

/// Shows a resource at a revision or version; at its head unless one is named.
///
/// # Errors
/// There is no such resource or revision.
pub async fn get(services: &Services, kind: Kind, name: &str, revision: &str) -> Result<Shown> {
    let database = &services.store;
    let loaded = load(database, find(database, kind, name).await?).await?;
    let id = if revision.is_empty() { loaded.shown()? } else { loaded.resolve(database, revision).await? };
    shown(services, &loaded, id).await
}

/// Shows a resource that was loaded.
///
/// # Errors
/// The revision is not in its history.
pub async fn shown(services: &Services, loaded: &Loaded, id: RevisionId) -> Result<Shown> {
    let database = &services.store;
    let body = loaded.body(database, id).await?;
    let record = loaded
        .provenance
        .get(&id)
        .ok_or_else(|| crate::error::Error::internal(format!("revision {id} is not in its history")))?;
    let names = RevisionNames::load_for(database, loaded.record.id, record).await?;
    let content = body.as_ref().map(|body| kind_export(loaded, body, id));
    Ok(Shown {
        resource: view(database, loaded.record.clone()).await?,
        revision: names.view(record, body.as_ref()),
        content,
        releases: names.releases,
    })
}

fn kind_export(loaded: &Loaded, body: &Value, id: RevisionId) -> Value {
    loaded.record.kind.export(body, &loaded.metadata(id))
}

/// The history of a resource, newest first: what came later in the graph before what it came from.
///
/// # Errors
/// There is no such resource.
pub async fn revisions(services: &Services, kind: Kind, name: &str, options: &Options) -> Result<Page<RevisionView>> {
    let database = &services.store;
    let loaded = load(database, find(database, kind, name).await?).await?;
    let names = RevisionNames::load(services, loaded.record.id).await?;
    let depths = loaded.history.depths();
    let mut records: Vec<&RevisionRecord> = loaded.provenance.values().map(AsRef::as_ref).collect();
    // Stored within one millisecond, a child still stands before what it was made from.
    records.sort_by_key(|record| {
        let id = record.revision.id;
        (Reverse(record.stored_ms), Reverse(depths.get(&id).copied()), Reverse(record.provenance.at), id)
    });
    // Bodies only give list elements their names: those of the page that is shown are enough.
    let mut page = page(records.into_iter().map(|record| names.view(record, None)).collect(), options)?;
    for view in &mut page.items {
        let body = loaded.body(database, view.record.revision.id).await?;
        *view = names.view(&view.record, body.as_ref());
    }
    Ok(page)
}

/// Two revisions place by place.
///
/// # Errors
/// There is no such resource or revision.
pub async fn diff(services: &Services, kind: Kind, name: &str, from: &str, to: &str) -> Result<Vec<Difference>> {
    let database = &services.store;
    let loaded = load(database, find(database, kind, name).await?).await?;
    let from = loaded.resolve(database, from).await?;
    let to = if to.is_empty() { loaded.shown()? } else { loaded.resolve(database, to).await? };
    let (from, to) = (loaded.body(database, from).await?, loaded.body(database, to).await?);
    Ok(differences(from.as_ref(), to.as_ref()))
}
