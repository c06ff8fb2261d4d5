//! How the manager is, in numbers.

use std::sync::Arc;
use std::time::Duration;

use atoll_domain::link::feed::Feed;
use atoll_domain::sharing::fork::ForkState;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::directory::Nodes;
use crate::error::Result;
use crate::service::Services;
use crate::store::sharing::{conflicts_open_count, fork_count, publication_count, resource_count};

/// How long counted numbers are told to further watchers.
const FRESH: Duration = Duration::from_secs(1);

/// Numbers for a first look.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The numbers as they were counted last, for everybody who watches.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Option<(Instant, Arc<Status>)>>);

impl Counters {
    /// The numbers, at most a second old, and when it was begun to count them.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn recent(&self, services: &Services) -> Result<(Instant, Arc<Status>)> {
        let mut counted = self.0.lock().await;
        if let Some(counted) = counted.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(counted.clone());
        }
        let begun = Instant::now();
        let status = Arc::new(status(services).await?);
        Ok(counted.insert((begun, status)).clone())
    }
}

/// Counts.
///
/// # Errors
/// The database does not answer.
pub async fn status(services: &Services) -> Result<Status> {
    let database = &services.store;
    let nodes = services.nodes().await?;
    // What was committed a moment ago counts.
    services.hub.refresh(database).await?;
    let (nodes_online, nodes_in_sync) = count_nodes(services, &nodes);
    Ok(Status {
        sequence: services.hub.read(Feed::sequence),
        nodes: nodes.iter().len(),
        nodes_online,
        nodes_in_sync,
        resources: resource_count(database).await?,
        publications: publication_count(database).await?,
        conflicts_open: conflicts_open_count(database).await?,
        proposals_open: fork_count(database, ForkState::Proposed).await?
            + fork_count(database, ForkState::Unapplied).await?,
    })
}

/// How many nodes are connected, and how many have everything.
pub fn count_nodes(services: &Services, nodes: &Nodes) -> (usize, usize) {
    services.hub.read(|feed| {
        nodes.iter().fold((0, 0), |(online, in_sync), node| {
            let reach = services.presence.reach(node.id);
            let has_all = reach.is_some_and(|reach| reach.proven >= Some(feed.wanted_sequence(node.id)))
                && !services.required.is_missing(node.id);
            let is_online = reach.is_some_and(|reach| reach.online);
            (online + usize::from(is_online), in_sync + usize::from(has_all))
        })
    })
}
