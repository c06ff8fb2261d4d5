//! What administrators see of nodes' own edits.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use atoll_domain::id::{ResourceId, RevisionId};
use atoll_domain::sharing::fork::Delivery;
use atoll_domain::sharing::history::Meeting;
use atoll_domain::sharing::path::Path;
use atoll_domain::sharing::three_way::readable;
use atoll_domain::sharing::touched::difference;
use serde_json::Value;

use super::taken::made;
use crate::directory::Nodes;
use crate::error::{Error, Result};
use crate::service::Services;
use crate::service::list::{Field, Listed, Options, Page, page};
use crate::service::sharing::history::{Loaded, load};
use crate::service::sharing::read::Difference;
use crate::store::sharing::{ForkRecord, ResourceRecord, RevisionRecord, fork_list, resource_list};

/// A fork with what people want to see of it.
#[derive(Debug, Clone)]
pub struct ProposalView {
    pub record: ForkRecord,
    pub resource: ResourceRecord,
    pub node: String,
    pub revision: Arc<RevisionRecord>,
    pub differences: Vec<Difference>,
    /// Places at which it takes back what was saved before, by the names of list elements.
    pub takes_back: Vec<Path>,
    pub state: &'static str,
    /// Its node runs an edit of its own in the place of what is released.
    pub runs: bool,
}

/// A fork with what lists are filtered and ordered by: no history is needed for it.
#[derive(Debug)]
struct ProposalRow<'a> {
    record: ForkRecord,
    resource: &'a ResourceRecord,
    node: String,
    state: &'static str,
}

impl Listed for ProposalRow<'_> {
    const FIELDS: &'static [&'static str] = &["state", "node", "resource", "kind", "since_ms"];
    const FACETS: &'static [&'static str] = &["state", "node"];
    fn title(&self) -> String {
        format!("{} {}", self.resource.name, self.node)
    }
    fn field(&self, name: &str) -> Option<Field> {
        match name {
            "state" => Field::text(self.state),
            "node" => Field::text(&self.node),
            "resource" => Field::text(&self.resource.name),
            "kind" => Field::text(self.resource.kind),
            "since_ms" => Some(Field::Number(self.record.since_ms)),
            _ => None,
        }
    }
}

/// # Errors
/// A filter, an order or a page token that is not one.
pub async fn list(services: &Services, options: &Options) -> Result<Page<ProposalView>> {
    services.hub.refresh(&services.store).await?;
    let nodes = services.nodes().await?;
    let resources = resource_list(&services.store).await?;
    let mut forks = fork_list(&services.store).await?;
    forks.sort_by_key(|fork| std::cmp::Reverse(fork.since_ms));
    let named: BTreeMap<ResourceId, &ResourceRecord> =
        resources.iter().map(|resource| (resource.id, resource)).collect();
    let row = |fork: ForkRecord| {
        let resource = *named.get(&fork.resource)?;
        Some(ProposalRow { node: node_name(&nodes, &fork), state: fork.state.name(), resource, record: fork })
    };
    let rows = page(forks.into_iter().filter_map(row).collect(), options)?;
    let mut histories: BTreeMap<ResourceId, Loaded> = BTreeMap::new();
    let mut items = Vec::with_capacity(rows.items.len());
    for row in rows.items {
        let loaded = match histories.entry(row.resource.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(load(&services.store, row.resource.clone()).await?),
        };
        items.push(view(services, row.record, loaded, &nodes).await?);
    }
    Ok(Page { items, next_page_token: rows.next_page_token, total: rows.total, facets: rows.facets })
}

fn node_name(nodes: &Nodes, fork: &ForkRecord) -> String {
    nodes.name(fork.node).unwrap_or_else(|| fork.node.to_string())
}

pub(super) async fn view(
    services: &Services,
    record: ForkRecord,
    loaded: &Loaded,
    nodes: &Nodes,
) -> Result<ProposalView> {
    let shown = shown(loaded, &record);
    let revision = loaded
        .provenance
        .get(&shown)
        .map(|revision| record.told_by_its_node(revision))
        .ok_or_else(|| Error::internal(format!("the revision {shown} of a fork is missing")))?;
    let own = loaded.body(&services.store, shown).await?;
    let released = match loaded.record.released {
        Some((_, released)) => loaded.body(&services.store, released).await?,
        None => None,
    };
    let target = services.hub.read(|feed| feed.target(record.node, record.resource));
    let may_run = !record.state.is_closed() && record.delivery != Delivery::Unapplied;
    Ok(ProposalView {
        runs: may_run && target.and_then(|target| target.own).is_some_and(|(edit, _)| edit == record.edit),
        node: node_name(nodes, &record),
        state: record.state.name(),
        resource: loaded.record.clone(),
        takes_back: takes_back(&record, &[own.as_ref(), released.as_ref()]),
        differences: changes(services, loaded, &record, own, released).await?,
        record,
        revision,
    })
}

/// The revision that an edit is shown by: what was made of it, while it waits; and what its node has made, once somebody has
/// decided. An answer to a conflict is the work of whoever answered, with all that was released by then.
fn shown(loaded: &Loaded, record: &ForkRecord) -> RevisionId {
    match record.state.is_decided() && loaded.history.contains(record.node_head) {
        true => record.node_head,
        false => record.head,
    }
}

/// What an edit changes. Of one that can be taken, what everybody would get by it; of any other, what its node made of what
/// it was made from. What was released since is none of its changes.
async fn changes(
    services: &Services,
    loaded: &Loaded,
    record: &ForkRecord,
    own: Option<Value>,
    released: Option<Value>,
) -> Result<Vec<Difference>> {
    let database = &services.store;
    if let Some((_, target)) = loaded.record.released.filter(|_| !record.state.is_decided()) {
        match loaded.meet(database, record.head, target).await? {
            Meeting::FastForward(_) => return Ok(differences(released.as_ref(), own.as_ref())),
            Meeting::Settled { body, .. } => return Ok(differences(released.as_ref(), body.as_ref())),
            Meeting::Open(_) => {}
        }
    }
    let mut all: Vec<Difference> = Vec::new();
    for made in made(database, loaded, record).await? {
        let base = match made.base {
            Some(base) => loaded.body(database, base).await?,
            // What it was made from is lost.
            None => released.clone(),
        };
        let own = loaded.body(database, made.own).await?;
        let more = differences(base.as_ref(), own.as_ref()).into_iter();
        all.extend(more.filter(|one| all.iter().all(|known| known.path != one.path)).collect::<Vec<_>>());
    }
    Ok(all)
}

fn takes_back(record: &ForkRecord, bodies: &[Option<&Value>]) -> Vec<Path> {
    let bodies: Vec<&Value> = bodies.iter().copied().flatten().collect();
    record.takes_back.iter().map(|path| readable(path, &bodies)).collect()
}

/// Two bodies place by place, with list elements by their names.
#[must_use]
pub fn differences(from: Option<&Value>, to: Option<&Value>) -> Vec<Difference> {
    let bodies: Vec<&Value> = [to, from].into_iter().flatten().collect();
    difference(from, to)
        .iter()
        .map(|path: &Path| Difference {
            path: readable(path, &bodies),
            from: from.and_then(|body| path.get(body)).cloned(),
            to: to.and_then(|body| path.get(body)).cloned(),
        })
        .collect()
}
