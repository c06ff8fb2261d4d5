//! How the manager is.

use atoll_domain::link::feed::Feed;
use atoll_domain::sharing::fork::ForkState;

use super::fleet::node;
use super::{Services, list};
use crate::error::Result;
use crate::store::fleet::node_list;
use crate::store::sharing::{ResourceState, conflict_list, fork_list, publication_list, resource_list};

/// Numbers for a first look.
#[derive(Debug)]
pub struct Status {
    pub sequence: u64,
    pub nodes: usize,
    pub nodes_online: usize,
    pub nodes_in_sync: usize,
    pub resources: usize,
    pub publications: usize,
    pub conflicts_open: usize,
    pub proposals_open: usize,
}

/// # Errors
/// The database does not answer.
pub async fn status(services: &Services) -> Result<Status> {
    let database = &services.store;
    let nodes: Vec<_> = node_list(database).await?.into_iter().map(|record| node::view(services, record)).collect();
    let waiting = list::Options { filter: "state=proposed".to_owned(), ..list::Options::default() };
    let proposals = super::sharing::fork::list(services, &waiting).await?;
    let forks = fork_list(database).await?;
    let unapplied = forks.iter().filter(|fork| fork.state == ForkState::Unapplied).count();
    Ok(Status {
        sequence: services.hub.read(Feed::sequence),
        nodes_online: nodes.iter().filter(|node| node.seen.online).count(),
        nodes_in_sync: nodes.iter().filter(|node| node.in_sync).count(),
        nodes: nodes.len(),
        resources: resource_list(database).await?.iter().filter(|r| r.state != ResourceState::Deleted).count(),
        publications: publication_list(database).await?.len(),
        conflicts_open: conflict_list(database).await?.iter().filter(|conflict| conflict.closed_by.is_none()).count(),
        proposals_open: proposals.total + unapplied,
    })
}
