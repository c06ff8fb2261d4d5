//! Which nodes would be offered something else. That depends on nothing but the publications that reach a node, so it is looked
//! for once for all nodes that are reached by the same ones.

use std::collections::BTreeMap;
use std::sync::Arc;

use atoll_domain::fleet::name::GroupPath;
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::{NodeId, ResourceId};
use atoll_domain::kind::Kind;
use atoll_domain::sharing::offer::EditMode;

use super::Foreseen;
use crate::directory::Nodes;
use crate::error::Result;
use crate::service::Services;
use crate::service::sharing::fork::{Offered, offered_among};
use crate::service::sharing::history::{Loaded, load};
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, publication_list, resource_list};

/// Nodes that are reached by the same publications.
pub(super) type Alike = Vec<Arc<NodeRecord>>;

/// The nodes of the fleet, together where the same publications reach them.
pub(super) fn alike(nodes: &Nodes, publications: &[PublicationRecord]) -> Vec<Alike> {
    let mut found: BTreeMap<Vec<bool>, Alike> = BTreeMap::new();
    for node in nodes.iter() {
        let reaches = |publication: &PublicationRecord| publication.selector.matches(&node.group, &node.labels);
        found.entry(publications.iter().map(reaches).collect()).or_default().push(Arc::clone(node));
    }
    found.into_values().collect()
}

/// What nodes that are alike are offered of a resource by some publications.
pub(super) async fn to(
    services: &Services,
    loaded: &Loaded,
    nodes: &Alike,
    publications: &[PublicationRecord],
) -> Result<Option<Offered>> {
    let Some(one) = nodes.first() else { return Ok(None) };
    offered_among(&services.store, loaded, (&one.group, &one.labels), publications).await
}

/// How many resources of each kind a node would be offered that joins at a place.
pub(super) async fn to_newcomer(services: &Services, place: (&GroupPath, &Labels)) -> Result<BTreeMap<Kind, usize>> {
    let publications = publication_list(&services.store).await?;
    let reaching = publications.iter().filter(|publication| publication.selector.matches(place.0, place.1));
    let carried: Vec<ResourceId> =
        reaching.flat_map(|publication| &publication.items).map(|item| item.resource).collect();
    let mut found = BTreeMap::new();
    for record in resource_list(&services.store).await?.into_iter().filter(|record| carried.contains(&record.id)) {
        let (kind, loaded) = (record.kind, load(&services.store, record).await?);
        if offered_among(&services.store, &loaded, place, &publications).await?.is_some() {
            *found.entry(kind).or_default() += 1;
        }
    }
    Ok(found)
}

/// What would be offered in another way.
#[derive(Debug, Default)]
pub(super) struct Offers {
    changed: BTreeMap<NodeId, Changed>,
}

#[derive(Debug)]
struct Changed {
    node: Arc<NodeRecord>,
    /// Those of which something is offered then, and which the node may still run edits of its own of.
    editable: Vec<ResourceId>,
}

impl Offers {
    /// Takes up what some nodes are offered of a resource now, and would be then.
    pub(super) fn compare(
        &mut self,
        nodes: &Alike,
        resource: ResourceId,
        before: Option<Offered>,
        after: Option<Offered>,
    ) {
        if before.map(|offered| offered.revision) == after.map(|offered| offered.revision) {
            return;
        }
        let is_editable = after.is_some_and(|offered| offered.edit_mode != EditMode::Locked);
        for node in nodes {
            let changed =
                self.changed.entry(node.id).or_insert_with(|| Changed { node: Arc::clone(node), editable: Vec::new() });
            changed.editable.extend(is_editable.then_some(resource));
        }
    }

    /// The nodes that would be offered something else.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<NodeRecord>> {
        self.changed.values().map(|changed| &changed.node)
    }

    /// How many nodes it is about, without what it does to their values.
    pub(super) async fn foreseen(&self, services: &Services) -> Result<Foreseen> {
        services.hub.refresh(&services.store).await?;
        let has_own = |node: NodeId, resource: ResourceId| {
            services.hub.read(|feed| feed.target(node, resource)).is_some_and(|target| target.own.is_some())
        };
        let goes_on = |changed: &&Changed| changed.editable.iter().any(|resource| has_own(changed.node.id, *resource));
        Ok(Foreseen {
            nodes: self.changed.len(),
            cordoned: self.nodes().filter(|node| node.standing == NodeStanding::Cordoned).count(),
            own_edits: self.changed.values().filter(goes_on).count(),
            ..Foreseen::default()
        })
    }
}
