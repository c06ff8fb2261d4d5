//! What saving a publication would change, without saving it.

use std::collections::BTreeSet;

use atoll_domain::document::Audience;
use atoll_domain::id::NodeId;

use super::publication::{Wish, problem};
use crate::error::Result;
use crate::service::Services;
use crate::store::sharing::publication_list;

/// Nodes that are named; the rest is counted.
const NAMED: usize = 50;

/// What would change.
#[derive(Debug)]
pub struct Preview {
    pub nodes: usize,
    pub gained: usize,
    pub lost: usize,
    pub gained_nodes: Vec<String>,
    pub lost_nodes: Vec<String>,
    /// Why it could not be saved as it is.
    pub problem: Option<String>,
}

/// Compares a publication as it would be with what there is under its name. Nothing is written.
///
/// # Errors
/// The database does not answer.
pub async fn preview(services: &Services, wish: &Wish) -> Result<Preview> {
    let all = publication_list(&services.store).await?;
    let before = all.iter().find(|publication| publication.name == wish.name);
    let problem = problem(&services.store, wish, &all).await?;
    services.hub.refresh(&services.store).await?;
    let present: BTreeSet<NodeId> = match before {
        Some(before) => services.hub.read(|feed| feed.members(&Audience::Publication(before.id)).collect()),
        None => BTreeSet::new(),
    };
    let nodes = services.nodes().await?;
    let wanted: Vec<_> = nodes.iter().filter(|node| wish.selector.matches(&node.group, &node.labels)).collect();
    let gained: Vec<String> =
        wanted.iter().filter(|node| !present.contains(&node.id)).map(|node| node.name.to_string()).collect();
    let kept: BTreeSet<NodeId> = wanted.iter().map(|node| node.id).collect();
    let lost = nodes.iter().filter(|node| present.contains(&node.id) && !kept.contains(&node.id));
    let lost: Vec<String> = lost.map(|node| node.name.to_string()).collect();
    Ok(Preview {
        nodes: wanted.len(),
        gained: gained.len(),
        lost: lost.len(),
        gained_nodes: gained.into_iter().take(NAMED).collect(),
        lost_nodes: lost.into_iter().take(NAMED).collect(),
        problem,
    })
}
