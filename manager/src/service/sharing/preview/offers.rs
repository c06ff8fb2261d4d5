//! Which nodes would be offered something else. That depends on nothing but the publications that reach a node, so it is looked
//! for once for all nodes that are reached by the same ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atoll_domain::fleet::name::GroupPath;
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::fleet::selector::Labels;
use atoll_domain::id::{NodeId, ResourceId};
use atoll_domain::kind::Kind;

use super::Foreseen;
use super::edit::{OfEdit, is_locked};
use crate::directory::Nodes;
use crate::error::Result;
use crate::service::Services;
use crate::service::sharing::fork::{Offered, offered_among};
use crate::service::sharing::gets::{OwnEdits, carried};
use crate::service::sharing::history::{Loaded, load};
use crate::store::fleet::NodeRecord;
use crate::store::sharing::{PublicationRecord, publication_list, resource_get, resource_list};

/// Nodes that are reached by the same publications.
pub(super) type Alike = Vec<Arc<NodeRecord>>;

/// The nodes of the fleet, together where the same publications reach them.
pub(super) fn alike<'a>(
    nodes: &Nodes,
    publications: impl Iterator<Item = &'a PublicationRecord> + Clone,
) -> Vec<Alike> {
    let mut found: BTreeMap<Vec<bool>, Alike> = BTreeMap::new();
    for node in nodes.iter() {
        let reaches = |publication: &PublicationRecord| publication.selector.matches(&node.group, &node.labels);
        found.entry(publications.clone().map(reaches).collect()).or_default().push(Arc::clone(node));
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
    let carried = carried(reaching);
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
    /// It goes on with an edit of its own of something that would be offered in another way.
    goes_on: bool,
    /// It runs one now that would run no more, and is no part of what is offered then.
    stops: bool,
}

impl Offers {
    /// What would be offered of some resources by other publications than now.
    pub(super) async fn between(
        services: &Services,
        (now, then): (&[PublicationRecord], &[PublicationRecord]),
        resources: &BTreeSet<ResourceId>,
        own: &OwnEdits,
    ) -> Result<Self> {
        let groups = alike(&*services.nodes().await?, now.iter().chain(then));
        let mut offers = Self::default();
        for resource in resources {
            let Some(record) = resource_get(&services.store, *resource).await? else { continue };
            let loaded = load(&services.store, record).await?;
            for nodes in &groups {
                let before = to(services, &loaded, nodes, now).await?;
                offers.compare(own, nodes, &loaded, (before, to(services, &loaded, nodes, then).await?));
            }
        }
        Ok(offers)
    }

    /// Takes up what some nodes are offered of a resource now, and would be then. A lock that comes or goes changes nothing but
    /// for those who run an edit of it.
    pub(super) fn compare(
        &mut self,
        own: &OwnEdits,
        nodes: &Alike,
        loaded: &Loaded,
        (before, after): (Option<Offered>, Option<Offered>),
    ) {
        let revision = |offered: Option<Offered>| offered.map(|offered| offered.revision);
        let (is_same, is_relocked) = (revision(before) == revision(after), is_locked(before) != is_locked(after));
        if is_same && !is_relocked {
            return;
        }
        for node in nodes {
            let own = own.get(&node.id).and_then(|own| own.edits.get(&loaded.record.id));
            let becomes = own.and_then(|edit| OfEdit::between(loaded, *edit, (before, after)));
            if is_same && becomes.is_none() {
                continue;
            }
            let fresh = || Changed { node: Arc::clone(node), goes_on: false, stops: false };
            let changed = self.changed.entry(node.id).or_insert_with(fresh);
            changed.goes_on |= becomes == Some(OfEdit::GoesOn);
            changed.stops |= becomes == Some(OfEdit::Stops);
        }
    }

    /// The nodes that would be offered something else.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Arc<NodeRecord>> {
        self.changed.values().map(|changed| &changed.node)
    }

    /// How many nodes it is about, without what it does to their values.
    pub(super) fn foreseen(&self) -> Foreseen {
        Foreseen {
            nodes: self.changed.len(),
            cordoned: self.nodes().filter(|node| node.standing == NodeStanding::Cordoned).count(),
            own_edits: self.changed.values().filter(|changed| changed.goes_on).count(),
            stopped_edits: self.changed.values().filter(|changed| changed.stops).count(),
            ..Foreseen::default()
        }
    }
}
