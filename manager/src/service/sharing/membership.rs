//! Who is in which audience. Decided when a node, a label, a group or a publication changes, never per stream.

use std::collections::BTreeSet;

use atoll_domain::document::Audience;
use atoll_domain::fleet::node::NodeStanding;
use atoll_domain::id::ResourceId;

use super::{JOB_FORKS, secret};
use crate::clock;
use crate::error::Result;
use crate::service::{Caller, Services};
use crate::store::Tx;
use crate::store::feed::{audiences_of, members_of};
use crate::store::fleet::{NodeRecord, node_list};
use crate::store::sharing::{ForkRecord, PublicationRecord, forks_of, publication_list};

/// Brings one node's memberships up to date after it joined, or its name, labels, group or standing changed.
pub async fn refresh_node(services: &Services, tx: &mut Tx, node: &NodeRecord) -> Result<()> {
    let publications = publication_list(tx).await?;
    refresh_node_in(services, tx, node, &publications).await
}

/// The same with the publications at hand, for acts on many nodes.
pub async fn refresh_node_in(
    services: &Services,
    tx: &mut Tx,
    node: &NodeRecord,
    publications: &[PublicationRecord],
) -> Result<()> {
    let mut wanted = BTreeSet::new();
    if node.standing != NodeStanding::Removed {
        wanted.insert(Audience::Node(node.id));
        for publication in publications {
            if publication.selector.matches(&node.group, &node.labels) {
                wanted.insert(Audience::Publication(publication.id));
                secret::refresh_node(services, tx, publication, node, &mut wanted).await?;
            }
        }
    }
    let present: BTreeSet<Audience> = audiences_of(tx, node.id).await?.into_iter().collect();
    for audience in wanted.difference(&present) {
        tx.put_membership(node.id, audience.clone(), true);
    }
    for audience in present.difference(&wanted) {
        tx.put_membership(node.id, audience.clone(), false);
    }
    secret::refresh_own(services, tx, node).await?;
    if wanted != present {
        queue_forks(tx, forks_of(tx, node.id).await?, |_| true);
    }
    Ok(())
}

/// Edits of nodes are held against what their nodes are offered, whenever that changes.
pub(super) fn queue_forks(tx: &mut Tx, forks: Vec<ForkRecord>, is_meant: impl Fn(ResourceId) -> bool) {
    let open = forks.into_iter().filter(|fork| !fork.state.is_closed()).map(|fork| fork.resource);
    let resources: BTreeSet<ResourceId> = open.filter(|resource| is_meant(*resource)).collect();
    let caller = Caller::manager(clock::now());
    resources.into_iter().for_each(|resource| caller.queue(tx, JOB_FORKS, resource));
}

/// Lets new nodes into their audiences. What is the same for all of them is read once.
pub async fn admit_nodes(services: &Services, tx: &mut Tx, nodes: &[NodeRecord]) -> Result<()> {
    if nodes.is_empty() {
        return Ok(());
    }
    for node in nodes {
        tx.put_membership(node.id, Audience::Node(node.id), true);
    }
    for publication in publication_list(tx).await? {
        let reached: Vec<&NodeRecord> =
            nodes.iter().filter(|node| publication.selector.matches(&node.group, &node.labels)).collect();
        for node in &reached {
            tx.put_membership(node.id, Audience::Publication(publication.id), true);
        }
        secret::admit_nodes(services, tx, &publication, &reached).await?;
    }
    Ok(())
}

/// Brings a publication's memberships up to date after it was made or its selector changed.
pub async fn refresh_publication(tx: &mut Tx, publication: &PublicationRecord) -> Result<()> {
    let audience = Audience::Publication(publication.id);
    let wanted: BTreeSet<_> = node_list(tx)
        .await?
        .into_iter()
        .filter(|node| publication.selector.matches(&node.group, &node.labels))
        .map(|node| node.id)
        .collect();
    let present: BTreeSet<_> = members_of(tx, &audience).await?.into_iter().collect();
    for node in wanted.difference(&present) {
        tx.put_membership(*node, audience.clone(), true);
    }
    for node in present.difference(&wanted) {
        tx.put_membership(*node, audience.clone(), false);
    }
    Ok(())
}
